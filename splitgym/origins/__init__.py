"""What a policy or a plug-in model decides by: a digest of its code and of all that the code refers to.

A class or function of one's own counts with its compiled code, its default arguments and closure, the globals that it
names, the classes that it inherits from, what it uses of the modules that it imports, and so on from there; wherever it
was defined: in a file, a notebook or an interpreter.  Where there is a file, its whole text counts too, and that of
every module of one's own that it imports.  What is installed counts with its version.

A file counts by its content if its path stands in the code, looked for beside the code and in the current folder; a
module also where only a text names it.  Code that looks its globals up by texts counts with all of them.

Not seen: data files whose path is put together (name them as a parameter, so that their content counts), the
environment, the clock, and changes to installed packages at run time, but for methods put into their classes.  A text
``identity`` on the class or function, which then stands for all of it, can say what this cannot see.  Compiled code
differs between versions of Python.
"""

from __future__ import annotations

import itertools
import uuid
import warnings
from typing import Any, NamedTuple

from splitgym.origins.modules import top_of
from splitgym.origins.walk import UnknowableError, Walk, said_of

#: What to do about a doubt.
SAY_IT = "give it an attribute 'identity', a text that changes whenever its decisions do"
_PROCESS, _UNKNOWN = uuid.uuid4().hex, itertools.count()


class Origin(NamedTuple):
    """``text`` differs wherever the code does; ``doubt`` says why it will not be known in another process, if so."""

    text: str
    doubt: str = ""


def origin(thing: Any) -> Origin:
    """The origin of a class, function or other callable."""
    said = said_of(thing)
    if said:
        return Origin(f"identity {said}")
    walk = Walk(top_of(getattr(thing, "__module__", None) or ""))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of objects whose copies are deprecated
            return Origin(walk.digest(thing))
    except UnknowableError as error:
        doubt = str(error)
    except Exception as error:  # whatever an object of somebody's own raises where it is looked at
        doubt = f"it cannot be looked into ({type(error).__name__}: {error})"
    return Origin(f"unknown {_PROCESS} {next(_UNKNOWN)}", doubt)


def own_sources(module: str) -> dict[str, bytes]:
    """Name -> text of a module that is loaded, and of the modules of one's own that it imports."""
    walk = Walk(top_of(module))
    walk.read_source(module)
    return {name: source for name, source in walk.sources.items() if source}


def source_digest(module: str) -> str:
    """16 hex digits over the text of a module that is loaded, and of the modules of one's own that it imports."""
    walk = Walk(top_of(module))
    walk.read_source(module)
    walk.put(*sorted(set(walk.sources.values())))
    return walk.total.hexdigest()[:16]
