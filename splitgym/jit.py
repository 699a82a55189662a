"""The project's one ``@jit``: Numba with a cache that cannot go stale.

Numba's own cache notices an edit only in the file that defines a function, so machine code that calls
across files would outlive a change of its callee, and it keeps the code of every installation apart.  Here
every compiled function is stored in a folder whose name holds a digest of all that decides its machine code
(see :func:`decisive`), whatever folder the package lies in: a new virtual environment compiles nothing anew,
and after an edit or an upgrade nothing old is found.  The processor is a part of Numba's own key.
``jit`` refuses a function of the package that lives in a file outside that digest.  A function of somebody
else's file, such as the kernel of a world of one's own, is compiled anew in every process and never stored:
nobody knows here which files it depends on.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba.core import config as numba_config

from splitgym.jit_cache import Cache, find_folders
from splitgym.jit_parts import Dispatcher

F = TypeVar("F", bound=Callable)

config: Any = numba_config  # its settings are made at run time, unknown to type checkers

_PACKAGE = Path(__file__).resolve().parent
#: Files that may hold jitted code, relative to the package; the digest covers exactly these.
JITTED_SOURCES = (
    "jit.py",
    "jit_cache.py",
    "jit_parts.py",
    "jit_patience.py",
    "jit_setup.py",
    "physics/*.py",
    "worlds/*/kernel.py",
    "worlds/*/lanes.py",
    "worlds/*/slots.py",
    "worlds/*/nature.py",
    "worlds/*/bound_kernel.py",
    "worlds/*/clairvoyant_kernel.py",
    "worlds/*/observer_kernel.py",
    "placement/kernel.py",
    "baselines/*kernel.py",
    "testing/kernel.py",
)
#: Settings of Numba that change what is compiled.
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "ENABLE_AVX", "DEBUGINFO_DEFAULT")


def jitted_files() -> list[Path]:
    """Every file that may hold jitted code, sorted (absolute, symbolic links resolved)."""
    # a source checkout without symbolic links keeps baselines/ beside the package
    roots = (_PACKAGE, _PACKAGE.parent)
    found = {path.resolve() for pattern in JITTED_SOURCES for root in roots for path in root.glob(pattern)}
    return sorted(path for path in found if path.is_relative_to(_PACKAGE) or path.parent.name == "baselines")


def sources_digest() -> str:
    """First 16 hex digits of the SHA-256 over the names and contents of all jitted files."""
    digest = hashlib.sha256()
    for path in jitted_files():
        digest.update(path.parent.name.encode() + b"/" + path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def decisive() -> dict[str, str]:
    """What decides machine code on one kind of processor: sources, Python, compilers, NumPy, Numba's settings."""
    libraries = {name: metadata.version(name) for name in ("numba", "llvmlite", "numpy")}
    settings = {name: str(getattr(config, name, "")) for name in _SETTINGS}
    return {"sources": sources_digest(), "python": platform.python_version(), **libraries, **settings}


def _decisive_digest() -> str:
    return hashlib.sha256(repr(sorted(decisive().items())).encode()).hexdigest()[:16]


def cache_folder() -> Path | None:
    """Folder to which this version's machine code is written, see :mod:`splitgym.jit_cache`; ``None`` without one."""
    return _FOLDERS.write


_FILES = frozenset(jitted_files())
_FOLDERS = find_folders(f"jit-{_decisive_digest()}")


def jit(function: F) -> F:
    """Compile ``function`` on first call: strict IEEE (no fastmath), GIL released, cached by digest if it is ours.

    Raises ``RuntimeError`` for a function of this package whose file is not covered by :data:`JITTED_SOURCES`.
    """
    file = Path(function.__code__.co_filename).resolve()
    ours = file in _FILES
    if not ours and file.is_relative_to(_PACKAGE):
        raise RuntimeError(
            f"{function.__qualname__} is jitted in {function.__code__.co_filename}, which the cache digest "
            f"does not cover; move it to one of {', '.join(JITTED_SOURCES)}"
        )
    if config.DISABLE_JIT:
        return np.errstate(over="ignore")(function)  # 64-bit hashes wrap around on purpose
    options = {"nopython": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    dispatcher: Any = Dispatcher(function, targetoptions=options)
    dispatcher.counted |= not ours  # nobody knows here how others come by their arrays
    if ours and _FOLDERS.read:
        dispatcher._cache = Cache(function, _FOLDERS, _place(file))
    return cast(F, dispatcher)


def _place(file: Path) -> str:
    """Folder of a jitted file inside the package, joined by points; ``baselines`` may lie beside it, too."""
    root = _PACKAGE if file.is_relative_to(_PACKAGE) else _PACKAGE.parent
    return ".".join(file.parent.relative_to(root).parts) or "splitgym"


def entry(function: Callable, arguments: Sequence[Any]) -> Callable:
    """Machine code of a jitted ``function`` for ``arguments`` of these types, compiled if there is none.

    A call of it does not look at what it is given, which takes most of a short call with many arrays: whoever keeps it
    hands it arrays of the same types, dimensions and layouts only.  Any other function is returned as it is.
    """
    if not isinstance(function, Dispatcher):
        return function
    dispatcher: Any = function
    return dispatcher.compile(tuple(dispatcher.typeof_pyval(argument) for argument in arguments))


def records(array: np.ndarray) -> np.ndarray:
    """A structured array as jitted code wants it: plain when compiled, a recarray when run as Python."""
    if config.DISABLE_JIT:
        return array.view(np.recarray)
    return array.view(np.ndarray)


def one_record(record: np.record, dtype: np.dtype) -> np.ndarray:
    """A record as a (1,) array of exactly the given dtype *object*, which Numba recognises at once."""
    array = np.zeros(1, dtype)
    array[0] = record
    return records(array)
