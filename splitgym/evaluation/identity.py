"""What makes an episode the same episode: digests of policies, plug-ins and code."""

from __future__ import annotations

import functools
import hashlib
import inspect
from pathlib import Path
from typing import Any

import splitgym

_OUTSIDE = ("cli", "bench", "report")  # folders that decide no figure


def foreign_source(thing: Any) -> bytes:
    """Source of the module of a class or function; empty for the package's own, which :func:`code_version` covers."""
    if thing.__module__.startswith("splitgym."):
        return b""
    try:
        return inspect.getsource(inspect.getmodule(thing) or thing).encode()
    except (OSError, TypeError):  # made in an interpreter
        return f"{thing.__module__}.{thing.__qualname__}".encode()


def digest(*parts: Any) -> str:
    """16 hex digits over bytes as they are, and over the representation of anything else."""
    total = hashlib.sha256()
    for part in parts:
        total.update((part if isinstance(part, bytes) else repr(part).encode()) + b"\0")
    return total.hexdigest()[:16]


@functools.cache
def code_version() -> str:
    """Version of the package with a digest of every source that can decide a figure."""
    package = Path(splitgym.__file__).resolve().parent
    inside = {p.relative_to(package).as_posix(): p for p in package.rglob("*.py")}
    files = {name: path for name, path in inside.items() if name.partition("/")[0] not in _OUTSIDE}
    for beside in ("baselines", "agents"):  # links in a source checkout, or folders beside the package
        folder = package / beside if (package / beside).is_dir() else package.parent / beside
        files |= {f"{beside}/{p.name}": p for p in folder.glob("*.py")}
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + files[name].read_bytes() + b"\0")
    return f"{splitgym.__version__}+{total.hexdigest()[:12]}"
