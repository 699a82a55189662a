"""What a worker must know before it works: versions, plug-ins, and what a script registers itself.

A plug-in is loaded from its place where that holds the same code, as on this machine.  For other machines its source
travels, with that of the modules of one's own that it imports; of a folder with ``__init__.py`` every file.
"""

from __future__ import annotations

import atexit
import dataclasses
import importlib.metadata
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import cloudpickle

from splitgym import plugins
from splitgym.digests import code_version
from splitgym.encodings import ENCODINGS
from splitgym.origins import own_sources
from splitgym.policy import POLICIES, load_baselines
from splitgym.quoting import shown
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING

_MOST = 64 * 2**20  # bytes of a plug-in
#: Registries that people add to, by the kind of their things.
_REGISTRIES = {registry.kind: registry for registry in (FADING, ARRIVALS, ENCODINGS, POLICIES)}


@dataclasses.dataclass(frozen=True)
class Carried:
    """A plug-in: how it was given, its kind, module and place; files by their path below the folder they travel in."""

    given: str
    kind: str
    module: str
    place: str
    files: dict[str, bytes]


@dataclasses.dataclass(frozen=True)
class Luggage:
    """What :func:`unpack` sees to; ``registered`` are things of the main module: (kind, name, thing)."""

    versions: dict[str, str]
    plugins: list[Carried]
    registered: list[tuple[str, str, Any]]


def packed_luggage(*, far: bool) -> bytes:
    """What this process has loaded and registered; ``far``: for other machines, with the source of its plug-ins.

    Raises ``ValueError`` for a plug-in that is too large to be sent.
    """
    carried = [_carried(plugin, place, far) for place, plugin in plugins.places().items()]
    load_baselines()
    own = [
        (kind, name, registry[name])
        for kind, registry in _REGISTRIES.items()
        for name in registry
        if _home(registry[name]) == "__main__"
    ]
    return cloudpickle.dumps(Luggage(_versions(), carried, own))


def unpack(data: bytes) -> None:
    """Load what travelled with a task; raises ``ValueError`` where other versions or plug-ins are installed here."""
    luggage: Luggage = cloudpickle.loads(data)
    for name, here in _versions().items():
        if here != luggage.versions[name]:
            raise ValueError(
                f"{name} is {here} on {shown(platform.node())} and {luggage.versions[name]} where the command runs, so "
                "figures could differ; install the same on every machine"
            )
    for carried in luggage.plugins:
        _load(carried)
    load_baselines()
    for kind, name, thing in luggage.registered:
        if name not in _REGISTRIES[kind]:
            _REGISTRIES[kind].add(name, thing)


def _versions() -> dict[str, str]:
    """What figures depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    below = {name: importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")}
    return {"splitgym": code_version(), "Python": python, **below}


def _home(thing: Any) -> str:
    return str(getattr(getattr(thing, "function", thing), "__module__", ""))


# ---------------------------------------------------------------- plug-ins
def _carried(plugin: plugins.Plugin, place: str, far: bool) -> Carried:
    files: dict[str, bytes] = {}
    if far and plugin.kind != plugins.INSTALLED:
        file = Path(place)
        if plugin.kind == plugins.FILE and file.name == "__init__.py":
            files = {
                str(Path(plugin.module, path.relative_to(file.parent))): path.read_bytes() for path in _whole(file)
            }
        for module, source in own_sources(plugin.module).items():
            package = hasattr(sys.modules.get(module), "__path__")
            name = module.replace(".", "/") + ("/__init__.py" if package else ".py")
            files.setdefault(name, source)
        if sum(map(len, files.values())) > _MOST:
            raise ValueError(f"plug-in {shown(plugin.given)} has more than {_MOST} bytes, too many to be sent")
    return Carried(plugin.given, plugin.kind, plugin.module, place, files)


def _whole(file: Path) -> list[Path]:
    """Every file of a folder, but for compiled and hidden ones."""
    found = [path for path in sorted(file.parent.rglob("*")) if path.is_file()]
    inside = [path.relative_to(file.parent).parts for path in found]
    hidden = [any(part == "__pycache__" or part.startswith(".") for part in parts) for parts in inside]
    kept = [path for path, dark in zip(found, hidden, strict=True) if not dark]
    if sum(path.stat().st_size for path in kept) > _MOST:
        raise ValueError(f"plug-in {shown(str(file.parent))} has more than {_MOST} bytes, too many to be sent")
    return kept


def _load(carried: Carried) -> None:
    here = {plugin.module for plugin in plugins.loaded()}
    if carried.module in here:
        return
    if carried.kind == plugins.INSTALLED:
        raise ValueError(f"the plug-in {carried.given} is not installed on {shown(platform.node())}")
    if not carried.files or _is_here(carried):
        place = Path(carried.place)
        plugins.load_plugin(_given(place) if carried.kind == plugins.FILE else carried.given)
        return
    folder = Path(tempfile.mkdtemp(prefix="splitgym-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, content in carried.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    sys.path.insert(0, str(folder))
    plugins.load_copy(carried.given, carried.kind, carried.module, folder)


def _given(place: Path) -> Path:
    return place.parent if place.name == "__init__.py" else place


def _is_here(carried: Carried) -> bool:
    """Whether the plug-in's own file is at its place with the same content, so that what is beside it is, too."""
    name = carried.module.replace(".", "/")
    own = carried.files.get(f"{name}.py", carried.files.get(f"{name}/__init__.py", b""))
    place = Path(carried.place)
    return carried.kind == plugins.FILE and place.is_file() and place.read_bytes() == own
