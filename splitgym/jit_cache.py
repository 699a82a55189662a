"""Where machine code is kept: Numba's cache over folders that nobody else can write to.

An index of Numba is a pickle, and machine code runs: whoever can put files there can run commands as the user.  So a
folder counts only if it belongs to the user (or to root, for reading), is no link, and nobody else may write to it;
the same holds for every file in it.  Several folders are searched, one is written to, and without any the code is
compiled anew in every process.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from numba.core import caching

from splitgym.jit_setup import set_up

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Folders(NamedTuple):
    """Folders of one version's machine code: those to read from in order, and the one to write to, if any."""

    read: tuple[Path, ...]
    write: Path | None


def find_folders(name: str) -> Folders:
    """The folders called ``name`` below ``$NUMBA_CACHE_DIR`` or the user's cache folder, and the temporary folder.

    They end with the first that can be written to, which is made.  Says in one line if there is none at all.
    """
    read = []
    for parent in _parents():
        folder = parent / name
        with contextlib.suppress(OSError):
            _make(parent)
            if is_safe(parent):  # through no link
                _make(folder)
        with contextlib.suppress(OSError):
            if is_safe(folder) and is_safe(parent) and os.access(folder, os.R_OK | os.X_OK):
                read.append(folder)
                if _is_mine(os.lstat(folder)) and os.access(folder, os.W_OK):
                    return Folders(tuple(read), folder)
    if not read:
        logging.getLogger("splitgym").warning(
            "splitgym: no folder of your own to keep machine code in, so every process compiles anew, which takes a "
            "minute; set NUMBA_CACHE_DIR to a folder that only you can write to"
        )
    return Folders(tuple(read), None)


def is_safe(path: Path) -> bool:
    """Whether a file or folder is no link, belongs to the user or root, and nobody else may change it.

    Of what it lies in, only that no stranger owns it or may rename what is there.  Raises ``OSError`` if it is missing.
    """
    state = os.lstat(path)
    if not (stat.S_ISDIR(state.st_mode) or stat.S_ISREG(state.st_mode)):
        return False
    if not hasattr(os, "getuid"):  # Windows: these folders are the user's own
        return True
    if state.st_mode & _OTHERS_WRITE or not (_is_mine(state) or _is_roots(state)):
        return False
    return all(_keeps(os.lstat(above)) for above in path.parents)


def _is_mine(state: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or state.st_uid == os.getuid()


def _is_roots(state: os.stat_result) -> bool:
    """Whether it is root's, who has another number in some containers: not that of everybody unknown there, though."""
    return state.st_uid == 0 or (_owns_all(state) and state.st_uid != _unknown_users())


def _owns_all(state: os.stat_result) -> bool:
    return state.st_uid == os.lstat("/").st_uid


@functools.cache
def _unknown_users() -> int:
    """The number that stands for every user whom a user namespace does not know."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/kernel/overflowuid").read_text())
    return 65_534


def _keeps(state: os.stat_result) -> bool:
    """Whether no stranger can exchange what lies in a folder (the group cannot make files that belong to the user).

    An unknown owner is taken for root here: what he put in a folder would not be the user's, and does not run.
    """
    open_to_all = state.st_mode & stat.S_IWOTH and not state.st_mode & stat.S_ISVTX
    return not open_to_all and (_is_mine(state) or _owns_all(state) or state.st_uid == 0)


def _parents() -> Iterator[Path]:
    """Folders that may hold those of all versions, the preferred first."""
    user = f"splitgym-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    for base, names in ((_base(), ("splitgym", user)), (_temporary(), (user,))):
        if base is not None:
            yield from (base / name for name in names)


def _base() -> Path | None:
    """``$NUMBA_CACHE_DIR`` or the user's cache folder, links resolved; ``None`` if there is neither."""
    with contextlib.suppress(OSError, RuntimeError):  # a user without a home; links in a circle
        if os.environ.get("NUMBA_CACHE_DIR"):
            return Path(os.environ["NUMBA_CACHE_DIR"]).resolve()
        if sys.platform == "win32":
            return Path(os.environ["LOCALAPPDATA"]).resolve() if os.environ.get("LOCALAPPDATA") else None
        if sys.platform == "darwin":
            return (Path.home() / "Library" / "Caches").resolve()
        given = os.environ.get("XDG_CACHE_HOME", "")
        folder = given if os.path.isabs(given) else Path.home() / ".cache"  # a relative one counts as unset there
        return Path(folder).resolve()
    return None


def _temporary() -> Path | None:
    with contextlib.suppress(OSError):
        return Path(tempfile.gettempdir()).resolve()
    return None


def _make(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for the user alone."""
    for place in (*reversed(folder.parents), folder):
        if not os.path.lexists(place):
            with contextlib.suppress(FileExistsError):  # another process was faster
                place.mkdir(mode=0o700)


class Cache(caching.Cache):
    """Numba's cache of one function over :class:`Folders`; whatever cannot be read or written is compiled anew.

    Args:
        function: the Python function.
        folders: where to look, and where to write.
        place: where the function's file lies in the package, such as ``physics``: the same in every installation.
    """

    stored = 0  # by this process, of all functions

    def __init__(self, function: Callable, folders: Folders, place: str) -> None:
        self._name, self._py_func = repr(function), function
        self._impl: Any = _Implementation(function, folders.write, place)
        self._cache_file: Any = _Files(folders, self._impl.locator.subfolder, self._impl.filename_base)
        self._cache_path = str(folders.write or folders.read[0])
        self.enable()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function for a signature; ``None`` if it is not there, or damaged."""
        set_up()
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever a damaged pickle or object file raises
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function; a full disk only costs the next process its time."""
        if self._impl.locator.folder is not None:
            with contextlib.suppress(OSError):
                super().save_overload(sig, data)
                Cache.stored += 1


class _Implementation(caching.CompileResultCacheImpl):
    def __init__(self, function: Callable, folder: Path | None, place: str) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator: Any = _Locator(function, folder, place)
        name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))


class _Locator(caching._CacheLocator):
    """Where a function's files lie below a folder."""

    def __init__(self, function: Callable, folder: Path | None, place: str) -> None:
        self._py_file, self._line, self.folder = function.__code__.co_filename, function.__code__.co_firstlineno, folder
        self.subfolder = place

    def get_cache_path(self) -> Any:
        return str(self.folder and self.folder / self.subfolder)

    def ensure_cache_path(self) -> None:
        _make(Path(self.get_cache_path()))

    def get_source_stamp(self) -> Any:
        return ""  # the folder's name holds the digest of all that decides

    def get_disambiguator(self) -> Any:
        return str(self._line)


class _Files:
    """The files of one function in every folder: the first that has a signature is read, the last is written."""

    def __init__(self, folders: Folders, subfolder: str, base: str) -> None:
        self._read = [_SafeFile(folder / subfolder, base) for folder in folders.read]
        self._write = self._read[-1] if folders.write else None

    def load(self, key: Any) -> Any:
        """What is kept under the key, or ``None``."""
        found = (file.load(key) for file in self._read)
        return next((data for data in found if data is not None), None)

    def save(self, key: Any, data: Any) -> None:
        """Write into the folder that can be written to, if any."""
        if self._write is not None:
            self._write.save(key, data)

    def flush(self) -> None:
        """Forget what the folder that can be written to has."""
        if self._write is not None:
            self._write.flush()


class _SafeFile(caching.IndexDataCacheFile):
    """Index and data of one function in one folder; files that others could have written do not count."""

    def __init__(self, folder: Path, base: str) -> None:
        super().__init__(str(folder), base, "")
        self._folder, self._base = folder, base

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index() if self._is_safe(self._index_path) else {}
        except Exception:  # whatever a damaged pickle raises
            return {}

    def _load_data(self, name: str) -> Any:
        if Path(name).name != name or not self._is_safe(self._data_path(name)):
            return None
        return super()._load_data(name)

    def save(self, key: Any, data: Any) -> None:
        """Keep data under a name of its key alone: Numba counts files, and two processes at once count the same."""
        name = f"{self._base}.{hashlib.sha256(self._dump(key)).hexdigest()[:16]}.nbc"
        self._save_data(name, data)
        self._save_index({**self._load_index(), key: name})

    def _is_safe(self, path: str) -> bool:
        try:
            return is_safe(self._folder) and is_safe(Path(path))
        except OSError:
            return False

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[Any]:
        with super()._open_for_write(filepath) as file:
            os.chmod(file.name, 0o600)  # whatever the umask
            yield file
