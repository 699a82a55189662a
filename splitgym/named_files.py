"""Files that a scenario or a policy names: read once, known by their content, kept beside what needs them.

A name is looked for beside the file that holds it (see :func:`beside`), then in the current folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path, PurePath
from typing import Any, TypeVar

from splitgym.files import write_atomically
from splitgym.quoting import where
from splitgym.reading.files import read_bytes

T = TypeVar("T")

#: Folder, beside a scenario's TOML file or a run's configuration, of the files that these name.
KEPT = "files"
_MOST = 2**31  # bytes of such a file
_LONGEST_ENDING = 100  # bytes: the file is kept under a name with something before it
_FOLDER: ContextVar[Path | None] = ContextVar("folder of the file that is read", default=None)


class NamedFile(str):
    """The path of a file, with the content that it had when it was read.

    Later changes of the file, or of the current folder, change nothing.  Two of them are equal if their contents
    and the endings of their names are; beside a plain text the path counts.  Copies and pickles carry the content.
    """

    content: bytes
    _parsed: dict[Any, Any]

    def __new__(cls, path: str, content: bytes) -> NamedFile:
        self = super().__new__(cls, path)
        self.content, self._parsed = content, {}
        return self

    @property
    def sha256(self) -> str:
        """Digest of the content (hex)."""
        return self.parsed(_sha256)

    @property
    def kept_name(self) -> str:
        """Its name, by its content, where it is kept: relative to whatever names it."""
        return f"{KEPT}/{self.sha256[:16]}{Path(self).suffix}"

    def parsed(self, read: Callable[[NamedFile], T]) -> T:
        """What a reader makes of the content, which is read once."""
        if read not in self._parsed:
            self._parsed[read] = read(self)
        return self._parsed[read]

    def check_unchanged(self) -> None:
        """Raise ``ValueError`` unless the file still holds the content: for whoever opens it again by its path."""
        if not os.path.isfile(self) or Path(self).read_bytes() != self.content:
            raise ValueError(f"{self} has changed or is gone since it was read; load the scenario or policy again")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NamedFile):
            return self.content == other.content and Path(self).suffix == Path(other).suffix
        return str(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __reduce__(self) -> tuple[type[NamedFile], tuple[str, bytes]]:
        return NamedFile, (str(self), self.content)


@contextlib.contextmanager
def beside(folder: str | Path | None) -> Iterator[None]:
    """Look for files in ``folder`` first, as long as this lasts; ``None``: leave it as it is."""
    token = _FOLDER.set(Path(folder).absolute() if folder is not None else _FOLDER.get())
    try:
        yield
    finally:
        _FOLDER.reset(token)


def located(name: str | Path) -> Path | None:
    """Where a file of that name is; ``None``: nowhere."""
    return next((path for path in _places(name) if os.path.isfile(path)), None)


def named_file(name: str | Path, missing: str) -> NamedFile:
    """A file of that name with its content.

    Raises ``ValueError`` that begins with ``missing`` ("no such front file") and names the places looked at.
    """
    if isinstance(name, NamedFile):
        return name
    path, kind = located(name), missing.partition(":")[0].removeprefix("no such ").removesuffix(" file")
    if path is None:
        for place in filter(os.path.exists, _places(name)):
            read_bytes(place, kind, _MOST)  # says that it is a folder or a pipe
        folders = " and ".join(dict.fromkeys(str(place.parent) for place in _places(name)))
        raise ValueError(f"{missing}: {str(name)!r} (looked for in {folders})")
    if len(os.fsencode(path.suffix)) > _LONGEST_ENDING:
        raise ValueError(
            f"{where(path)!r} has an ending of more than {_LONGEST_ENDING} bytes, so it cannot be kept; rename it"
        )
    return NamedFile(os.path.abspath(path), read_bytes(path, kind, _MOST))


def mentioned_file(value: Any) -> Any:
    """A parameter's value, with the content of every file whose path it is: a text with a slash or an ending.

    So are the texts in its lists and tables.
    """
    if isinstance(value, dict):
        return {key: mentioned_file(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(mentioned_file, value)) if type(value) in (list, tuple) else value
    return value if not _is_path(value) or located(value) is None else named_file(value, "no such file")


def mentioned_digest(value: Any) -> str:
    """Digests (hex) of the files whose path a text in a plug-in's code is; empty for anything else.

    All of them, since the code may open the one beside it or that in the current folder.
    """
    name = os.fspath(value) if isinstance(value, PurePath) else value
    found = [path for path in _places(name) if os.path.isfile(path)] if isinstance(name, str) else []
    digests = []
    for path in dict.fromkeys(found):
        with contextlib.suppress(OSError), path.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return " ".join(digests)


def plain_digests(values: Iterable[Any]) -> list[str]:
    """Digests of the files whose names are plain words among parameters: the code may open them, too."""
    words = [word for word in _texts(values) if not isinstance(word, NamedFile)]
    return [digests for digests in map(mentioned_digest, words) if digests]


def mentioned_folder(values: Iterable[Any], *, plain: bool) -> str:
    """A remark on a folder among parameters, whose content is not tracked; empty if there is none.

    ``plain``: also on a folder that a word without a slash or an ending names.
    """
    words = [value for value in _texts(values) if value and (plain or _is_path(value))]
    found = [value for value in words if any(map(os.path.isdir, _places(value)))]
    return f"it names the folder {found[0]!r}, whose content is not followed: name the files in it" if found else ""


def named_files(value: Any) -> list[NamedFile]:
    """All files in nested tables and lists."""
    if isinstance(value, NamedFile):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [file for part in inner for file in named_files(part)]


def renamed(value: Any) -> Any:
    """Nested tables and lists in which every file has the name under which :func:`keep_files` keeps it."""
    if isinstance(value, NamedFile):
        return NamedFile(value.kept_name, value.content)
    if isinstance(value, dict):
        return {key: renamed(part) for key, part in value.items()}
    return [renamed(part) for part in value] if isinstance(value, (list, tuple)) else value


def keep_files(value: Any, folder: Path) -> None:
    """Write all files of nested tables and lists below ``folder``, through no link, unless they are there."""
    for file in named_files(value):
        path = folder / file.kept_name
        if not path.is_file() or path.read_bytes() != file.content:
            write_atomically(path, file.content, inside=folder)


def _texts(value: Any) -> Iterator[str]:
    """All texts in nested tables and lists."""
    if isinstance(value, str):
        yield value
        return
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, Iterable) else ()
    for part in inner:
        yield from _texts(part)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and ("/" in value or os.sep in value or Path(value).suffix != "")


def _sha256(file: NamedFile) -> str:
    return hashlib.sha256(file.content).hexdigest()


def _places(name: str | Path) -> list[Path]:
    folder = _FOLDER.get()
    return [Path(os.path.abspath(place / name)) for place in ([folder] if folder else []) + [Path.cwd()]]
