"""Objects of a user's own code by the words of a command line: FILE.py:NAME or MODULE:NAME.

Such a file is no plug-in: what is made with it does not need it afterwards.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from splitgym.quoting import listed, shown
from splitgym.registry import nearest


def object_of(option: str, given: str) -> Any:
    """What ``MODULE:NAME`` names: an attribute of a module, of a Python file, or of a folder with ``__init__.py``.

    Args:
        option: of the command line, for messages.
        given: the words after it; the name may have dots.

    Raises ``ValueError`` that names the option: for code that fails, and for a name that is not there.
    """
    place, colon, name = given.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(f"{option} needs FILE.py:NAME or MODULE:NAME, got {shown(given)}")
    found: Any = _module(option, place)
    for part in name.split("."):
        if not hasattr(found, part):
            known = [known for known in getattr(found, "__dict__", ()) if not known.startswith("_")]
            near = nearest(part, known)
            raise ValueError(f"{option}: {shown(place)} has no {shown(part)}{near} (it has: {listed(known)})")
        found = getattr(found, part)
    return found


def called(option: str, given: str, found: Any) -> Any:
    """What a function without arguments gives.  Raises ``ValueError`` that names the option where it fails."""
    try:
        return found()
    except Exception as error:  # a user's own code raises whatever it likes
        raise ValueError(f"{option}: {shown(given)} fails: {type(error).__name__}: {error}") from error


def _module(option: str, place: str) -> ModuleType:
    """A module that Python finds, in the current folder too, or a file; the same object while its text is the same."""
    try:
        if not place.endswith(".py") and not Path(place, "__init__.py").is_file():
            if not {"", os.getcwd()} & set(sys.path):
                sys.path.append(os.getcwd())
            return importlib.import_module(place)
        return _run(Path(place).resolve(strict=True))
    except Exception as error:  # whatever the code raises
        raise ValueError(f"{option}: {shown(place)} cannot be loaded: {type(error).__name__}: {error}") from error


def _run(path: Path) -> ModuleType:
    file = path / "__init__.py" if path.is_dir() else path
    known = hashlib.sha256(os.fsencode(file) + file.read_bytes()).hexdigest()[:8]
    name = f"splitgym_file_{path.stem}_{known}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_dir() and str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # for the files beside it, the last place to look
    within = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=within)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
