"""Files that are whole or absent, never half written; and what a killed process has left of them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from splitgym.checks import file_path
from splitgym.quoting import an, where

#: After this time nobody is believed to be still writing, whatever machine it was on.
_STALE_S = 24 * 3600.0
_BEGIN_S = time.time()
_PART = re.compile(r"\..+\.(?:(?P<host>[0-9a-f]{8})-)?(?P<pid>\d+)-\d+\.part", re.DOTALL)
#: Formats of Matplotlib's figures.
PICTURES = (".png", ".pdf", ".svg")


def write_atomically(path: Path, content: bytes, *, inside: Path | None = None) -> None:
    """Write a file so that a reader finds the old or the new content, and never a part, whatever happens.

    What killed processes left in the same folder of earlier attempts is removed.

    Args:
        inside: the folder of results, perhaps a stranger's, where ``path`` is a name of ours: no link between them is
            followed, and whatever is in the file's place, a pipe too, is replaced.

    Raises ``ValueError`` for a folder and for such a link, and ``OSError`` naming ``path`` where it cannot be written.
    """
    if inside is not None:
        for part in list(path.relative_to(inside).parents)[-2::-1]:
            refuse_link(inside / part, "folder of results")
    if path.is_dir():
        raise ValueError(f"{where(path)!r} is a folder, so no file can be written there")
    # the terminal, a pipe: there is nothing to be replaced
    if inside is None and (path.parent == Path("/dev") or path.is_fifo()):
        with trouble_names(path):
            path.write_bytes(content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with trouble_names(path):
        _replace(path, content)


def refuse_link(path: Path, kind: str) -> None:
    """Raise ``ValueError`` for a link in a store, a run or another folder of results: it could lead to any file."""
    if path.is_symlink():
        raise ValueError(f"{path} is a link; {an(kind)} follows none, so put its target there")


@contextlib.contextmanager
def trouble_names(path: Path) -> Iterator[None]:
    """Let an ``OSError`` inside name the file that a caller knows: a full disk names none, and a part is no help."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename, error.filename2 = str(path), None
        raise


def _replace(path: Path, content: bytes) -> None:
    _sweep_up(path.parent)
    temporary = _part(path)
    try:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()  # whatever lies there, a stranger's link too, is not written to
        with temporary.open("xb") as stream:
            write_through(stream, content)
        os.replace(temporary, path)
    except BaseException:  # a full disk, Ctrl-C
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_through(stream: BinaryIO, content: bytes) -> None:
    """Write to the disk itself, so that what is written survives a crash of the machine."""
    stream.write(content)
    stream.flush()
    os.fsync(stream.fileno())


def written(text: str, path: str | Path | None) -> str:
    """``text``, also written to ``path`` if given: whole or not at all."""
    if path is not None:
        write_atomically(file_path("path", path), text.encode())
    return text


def save_figure(figure: Any, path: str | Path, *, inside: Path | None = None, **options: Any) -> Path:
    """Write a Matplotlib figure as :func:`write_atomically` does; returns its path.

    Raises ``ValueError`` for another ending.
    """
    form = check_picture(path).suffix.lower().lstrip(".")
    _spell(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, **options)
    write_atomically(Path(path), buffer.getvalue(), inside=inside)
    return Path(path)


def _spell(figure: Any) -> None:
    """Let names with dollar signs be drawn as they are: Matplotlib would read mathematics."""
    numbers = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for minor, formatter in ((False, axis.get_major_formatter()), (True, axis.get_minor_formatter()))
        if type(formatter).__name__.startswith(("Log", "Scalar"))  # powers of ten
        for label in axis.get_ticklabels(minor=minor)
    }
    for text in figure.findobj(lambda artist: hasattr(artist, "set_parse_math") and artist not in numbers):
        text.set_parse_math(False)


def check_picture(path: str | Path) -> Path:
    """The path of a picture.  Raises ``ValueError`` unless it ends as one that can be drawn."""
    if file_path("path", path).suffix.lower() not in PICTURES:
        raise ValueError(f"a picture needs a file that ends in {', '.join(PICTURES)}, got {str(path)!r}")
    return Path(path)


def _part(path: Path) -> Path:
    """Where this thread writes what will become ``path``; others may write the same file."""
    name = path.name if len(os.fsencode(path.name)) < 128 else hashlib.sha256(os.fsencode(path.name)).hexdigest()
    return path.with_name(f".{name}.{_host()}-{os.getpid()}-{threading.get_ident()}.part")


def _sweep_up(folder: Path) -> None:
    """Remove the parts in a folder whose writers are gone."""
    for part in folder.glob(".*.part"):
        mark = _PART.fullmatch(part.name)
        with contextlib.suppress(OSError):
            if mark and _is_stale(part, mark["host"], int(mark["pid"])):
                part.unlink()


def _is_stale(part: Path, host: str | None, pid: int) -> bool:
    """Whether the process that wrote a part is gone; where that cannot be known, its age decides."""
    written_s = part.lstat().st_mtime
    if host == _host() and pid == os.getpid():
        return written_s < _BEGIN_S  # of an earlier process of that number, as containers have
    if host == _host() and os.name == "posix":
        return not _is_alive(pid)
    return time.time() - written_s > _STALE_S


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


@functools.cache
def _host() -> str:
    """A short name of this machine that is safe in a file's name."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
