"""Code of one's own beside the package: files, modules and installed distributions that register what they define.

A plug-in is Python code that calls :func:`splitgym.fading`, :func:`splitgym.arrivals`,
:func:`splitgym.register_policy`, :func:`splitgym.register_encoding`, :func:`splitgym.register_world`,
:func:`splitgym.add_presets` and their like.  :func:`load_plugin` runs one, and so does ``--plugin`` on every command.
What installed distributions offer in the entry-point group ``splitgym.plugins`` is loaded at the first look into a
registry.  Nothing else is ever run: what a store or a run remembers of its plug-ins is words.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

from splitgym.quoting import shown

#: Entry-point group of installed plug-ins.
GROUP = "splitgym.plugins"
#: What a plug-in is: a file (or folder with ``__init__.py``), a module, or a distribution that offers an entry point.
FILE, MODULE, INSTALLED = "file", "module", "installed"
_INHERITED = "SPLITGYM_PLUGINS"  # how worker processes that do not inherit memory know what to load


class PluginWarning(UserWarning):
    """An installed plug-in that cannot be loaded."""


@dataclasses.dataclass(eq=False)
class Plugin:
    """A plug-in that is loaded.

    Attributes:
        given: path or module as it was given, or the installed distribution.
        kind: :data:`FILE`, :data:`MODULE` or :data:`INSTALLED`.
        module: name under which Python knows it.
        version: of the distribution, if it is installed.
        added: what it registered, in words: ``"fading model 'two_ray'"``.
    """

    given: str
    kind: str
    module: str
    version: str = ""
    added: list[str] = dataclasses.field(default_factory=list)


_LOADED: dict[str, Plugin] = {}  # by the place of its code
_CURRENT: ContextVar[tuple[Plugin, list[Callable[[], object]]] | None] = ContextVar("plug-in at work", default=None)


def loaded() -> list[Plugin]:
    """The plug-ins of this process, in the order in which they were loaded; those that register nothing left out."""
    look()
    return [plugin for plugin in _LOADED.values() if plugin.added or plugin.kind != INSTALLED]


def places() -> dict[str, Plugin]:
    """Path of the code, or what was given for it, -> plug-in, as :func:`loaded` gives them."""
    known = loaded()
    return {place: plugin for place, plugin in _LOADED.items() if plugin in known}


def note(what: str, undo: Callable[[], object]) -> None:
    """A registry has taken something: ``what`` in words, ``undo`` takes it back if the plug-in fails further on."""
    current = _CURRENT.get()
    if current is not None and not _is_ours():
        current[0].added += [what] if what not in current[0].added else []
        current[1].append(undo)


def _is_ours() -> bool:
    """Whether what registers something is a module of the package, imported since a plug-in asks for it."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__")).startswith("splitgym.")


def owner(what: str) -> str:
    """' (by plug-in ...)' for what a plug-in registered, else an empty text."""
    return next((f" (by plug-in {shown(p.given)})" for p in _LOADED.values() if what in p.added), "")


def options(needed: Iterable[Any]) -> list[str]:
    """Words of a command line that load plug-ins, or what is remembered of them; an installed one needs none."""
    return [word for one in needed if one.kind != INSTALLED for word in ("--plugin", one.given)]


def load_plugin(plugin: str | Path) -> Plugin:
    """Run code of one's own, so that what it registers is known by name in this process and in its workers.

    Args:
        plugin: path of a Python file, or of a folder with ``__init__.py``, or name of a module that can be imported
            (from the current folder, too).  A file may import the files beside it.

    Returns what was loaded; the same object where it had been loaded before.  Raises ``ValueError`` for a file or
    module that is not there, and for one that fails: then nothing of it stays registered.
    """
    given = str(plugin) if isinstance(plugin, (str, Path)) else ""
    if not given.strip() or "\0" in given:
        raise ValueError(f"a plug-in is the path of a Python file or the name of a module, got {shown(plugin)}")
    path = Path(given)
    try:
        return _load_file(given, path) if given.endswith(".py") or path.name != given else _load_module(given)
    except OSError as error:  # a name that no file can have
        raise ValueError(f"no such plug-in: {shown(given)} ({error.strerror})") from None


def _load_file(given: str, path: Path) -> Plugin:
    file = (path / "__init__.py" if path.is_dir() else path).resolve()
    if not file.is_file():
        raise ValueError(f"no such plug-in: {shown(given)} (looked for {shown(str(file))})")
    if str(file) in _LOADED:
        return _LOADED[str(file)]
    return _load_as(given, path, file, _private_name(file))


def load_copy(given: str, kind: str, module: str, folder: Path) -> Plugin:
    """Load what was loaded as ``module`` on another machine from the copy of its files in a folder, as that module.

    ``given`` and ``kind`` are those of the :class:`Plugin` there.  The folder must be on the path of modules.
    """
    if kind == MODULE:
        importlib.invalidate_caches()
        return _load_module(given)
    path = folder / module if (folder / module).is_dir() else folder / f"{module}.py"
    return _load_as(given, path, (path / "__init__.py" if path.is_dir() else path).resolve(), module)


def _load_as(given: str, path: Path, file: Path, name: str) -> Plugin:
    """Run a file, or a folder's ``__init__.py``, as the module of a name."""
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(file.parent)] if path.is_dir() else None
    )
    if spec is None or spec.loader is None:
        raise ValueError(f"plug-in {shown(given)} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    if not path.is_dir() and str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # for the files beside it, the last place to look
    load = spec.loader.exec_module

    def run() -> None:
        load(module)
        if not path.is_dir():  # a folder's files are imported as its own, by a dot
            _check_beside(file)

    return _run(Plugin(given, FILE, name), str(file), run, module)


def _check_beside(file: Path) -> None:
    """Raise ``ValueError`` if a file beside a plug-in that it imports is not what Python has under that name."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
        for name in {name.partition(".")[0] for name in names} - {"splitgym"} - sys.stdlib_module_names:
            beside = (file.parent / f"{name}.py", file.parent / name / "__init__.py")
            got = getattr(sys.modules.get(name), "__file__", None)
            if got and any(path.is_file() for path in beside) and Path(got).resolve() not in map(Path.resolve, beside):
                raise ValueError(
                    f"imports {shown(name)}, which is {shown(got)}, not the file beside it; rename its file"
                )


def _private_name(file: Path) -> str:
    """The name of a file's module: always the same for one place, so that pickles find it, and nobody else's."""
    stem = re.sub(r"\W", "_", file.parent.name if file.name == "__init__.py" else file.stem, flags=re.ASCII)
    return f"splitgym_plugin_{stem}_{hashlib.sha256(os.fsencode(file)).hexdigest()[:8]}"


def _load_module(given: str) -> Plugin:
    here = os.getcwd()
    try:
        if given not in sys.modules and importlib.util.find_spec(given) is None and not {"", here} & set(sys.path):
            sys.path.append(here)
            importlib.invalidate_caches()
        spec = getattr(sys.modules.get(given), "__spec__", None) or importlib.util.find_spec(given)
    except (ImportError, ValueError) as error:
        raise ValueError(f"no such plug-in: {shown(given)} is no module: {error}") from error
    if spec is None:
        hint = f"; did you mean {shown(f'{given}.py')}?" if Path(f"{given}.py").is_file() else ""
        raise ValueError(f"no such plug-in: {shown(given)} is no module that Python finds{hint}")
    place = spec.origin if spec.has_location and spec.origin else given
    if place in _LOADED:
        return _LOADED[place]
    return _run(Plugin(given, MODULE, given), place, lambda: importlib.import_module(given))


def _run(plugin: Plugin, place: str, run: Callable[[], object], module: ModuleType | None = None) -> Plugin:
    """Run a plug-in and remember it.  Raises ``ValueError`` that says where it fails."""
    if module is not None:
        sys.modules[plugin.module] = module
    try:
        with _registering(plugin):
            run()
    except (Exception, SystemExit) as error:
        if module is not None:
            del sys.modules[plugin.module]
        raise ValueError(f"plug-in {shown(plugin.given)} fails{_line(error, place)}: {_words(error)}") from error
    _LOADED[place] = plugin
    _tell_workers()
    return plugin


@contextlib.contextmanager
def _registering(plugin: Plugin) -> Iterator[None]:
    """What is registered inside is the plug-in's; nothing stays registered if it fails."""
    undo: list[Callable[[], object]] = []
    token = _CURRENT.set((plugin, undo))
    try:
        yield
    except BaseException:
        for step in reversed(undo):
            step()
        raise
    finally:
        _CURRENT.reset(token)


def _line(error: BaseException, file: str) -> str:
    """' in line 3' for the place in the plug-in's own file; a mistake in its spelling names the line itself."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if os.path.realpath(f.filename) == file]
    return f" in line {lines[-1]}" if lines and not isinstance(error, SyntaxError) else ""


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


# ---------------------------------------------------------------- worker processes
def _tell_workers() -> None:
    """Let processes that :mod:`multiprocessing` starts anew load the same: they inherit the environment, not memory."""
    places = [place if plugin.kind == FILE else plugin.given for place, plugin in _LOADED.items()]
    kept = [given for given, plugin in zip(places, _LOADED.values(), strict=True) if plugin.kind != INSTALLED]
    os.environ[_INHERITED] = json.dumps(kept)


def _load_inherited() -> None:
    """In a process that :mod:`multiprocessing` started: load what the process that started it had loaded."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return
    beginning = getattr(process.current_process(), "_inheriting", False)  # while it imports what it is to run
    if not beginning and process.parent_process() is None:
        return
    for given in json.loads(os.environ.get(_INHERITED, "[]")):
        load_plugin(Path(given).parent if Path(given).name == "__init__.py" else given)


# ---------------------------------------------------------------- installed distributions
class _Installed:
    """The entry points of :data:`GROUP`; ``waiting`` is ``None`` before anybody has looked."""

    def __init__(self) -> None:
        self.open = self.busy = False
        self.waiting: list[importlib.metadata.EntryPoint] | None = None
        self.lock = threading.RLock()


_INSTALLED = _Installed()


def ready() -> None:
    """The package is imported: from now on a look into a registry finds what is installed beside it."""
    _INSTALLED.open = True
    _load_inherited()


def look() -> None:
    """Load the plug-ins of installed distributions, once; one that fails is warned of, by the distribution's name.

    Registries call this when they are looked into.  Does nothing while a module of the package is imported, and leaves
    those whose import is under way to the next look.
    """
    if not _INSTALLED.open or _INSTALLED.waiting == []:
        return
    with _INSTALLED.lock:
        if _INSTALLED.busy:
            return
        _INSTALLED.busy = True
        try:
            if _INSTALLED.waiting is None:
                _INSTALLED.waiting = list(importlib.metadata.entry_points(group=GROUP))
            ours = [name for name in sys.modules if name.startswith("splitgym.")] if _INSTALLED.waiting else []
            if any(map(is_under_way, ours)):
                return
            for entry in list(_INSTALLED.waiting):
                if not is_under_way(entry.module):
                    _INSTALLED.waiting.remove(entry)
                    _load_entry(entry)
        finally:
            _INSTALLED.busy = False


def is_under_way(module: str) -> bool:
    """Whether a module is being imported at this moment: then what it defines is not there yet."""
    return bool(getattr(getattr(sys.modules.get(module), "__spec__", None), "_initializing", False))


def _load_entry(entry: importlib.metadata.EntryPoint) -> None:
    of = entry.dist
    name, version = (of.name, of.version) if of is not None else (entry.name, "")
    plugin = Plugin(name, INSTALLED, entry.module, version)
    try:
        with _registering(plugin):
            thing = entry.load()
            if inspect.isfunction(thing):
                thing()
    except (Exception, SystemExit) as error:
        warnings.warn(
            f"the plug-in {entry.name!r} of the installed distribution {name!r} {version} cannot be loaded, so what it "
            f"registers is missing: {_words(error)}; upgrade or uninstall {name}",
            PluginWarning,
            stacklevel=2,
        )
        return
    spec = getattr(sys.modules.get(entry.module), "__spec__", None)
    _LOADED.setdefault(getattr(spec, "origin", None) or entry.value, plugin)
