"""What makes an episode the same episode: digests of what decides it, and the version of the code."""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitgym.named_files import named_files
from splitgym.origins import Origin, origin
from splitgym.version import __version__

if TYPE_CHECKING:
    from splitgym.worlds.world import World

_PACKAGE = Path(__file__).resolve().parent
_OUTSIDE = ("cli", "bench", "profiling", "show", "testing")  # folders that decide no figure
_WORDS = ("about.py", "describe.py")  # modules that hold words for people
_TABLES = ("data/placement/*.toml", "data/fits/*.json")  # data that scenarios and policies name without holding it


def digest(*parts: Any) -> str:
    """16 hex digits over bytes as they are, and over the representation of anything else."""
    total = hashlib.sha256()
    for part in parts:
        total.update((part if isinstance(part, bytes) else repr(part).encode()) + b"\0")
    return total.hexdigest()[:16]


@functools.cache
def code_version() -> str:
    """Version of the package with a digest of every source that can decide a figure."""
    package = _PACKAGE
    found = (*package.rglob("*.py"), *(path for pattern in _TABLES for path in package.glob(pattern)))
    inside = {p.relative_to(package).as_posix(): p for p in found}
    files = {n: p for n, p in inside.items() if n.partition("/")[0] not in _OUTSIDE and p.name not in _WORDS}
    for beside in ("baselines", "agents"):  # links in a source checkout, or folders beside the package
        folder = package / beside if (package / beside).is_dir() else package.parent / beside
        files |= {f"{beside}/{p.name}": p for p in folder.glob("*.py")}
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + files[name].read_bytes() + b"\0")
    return f"{__version__}+{total.hexdigest()[:12]}"


def is_ours(world: World) -> bool:
    """Whether a world comes with the package."""
    return all(_home(part).startswith("splitgym.") for part in vars(world).values() if callable(part))


def world_origin(world: World) -> Origin:
    """The origin of a world that does not come with the package; an empty one for those that do."""
    if is_ours(world):
        return Origin("")
    beside = [vars(importlib.import_module(name)) for name in (world.bound, world.clairvoyant) if name]
    parts = [part for names in beside for name, part in names.items() if not name.startswith("__")]  # not all builtins
    return origin((*vars(world).values(), *parts))


def _home(part: Any) -> str:
    """The module in which a function or class is defined."""
    part = getattr(part, "func", part)  # of functools.partial
    return str(getattr(getattr(part, "py_func", part), "__module__", ""))


def is_setting_of(scenario: Any, found: str) -> bool:
    """Whether a digest, or its beginning, is the scenario's, by today's rule or by that of version 0.1.0.

    The old rule ignores all names, and knows files by their path and plug-in models by their name, so it
    says nothing about a scenario that has one of these.
    """
    if not found or scenario.digest().startswith(found):
        return bool(found)
    old = hashlib.sha256(json.dumps(_old_rule(scenario.to_dict()), sort_keys=True).encode()).hexdigest()
    return not named_files(scenario.to_dict()) and not scenario.plug_ins and old.startswith(found)


def _old_rule(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _old_rule(v) for k, v in value.items() if k not in ("name", "description", "source")}
    return [_old_rule(v) for v in value] if isinstance(value, list) else value
