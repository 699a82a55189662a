"""Tables on disk that survive: CSV files to which lines are appended whole or not at all.

Every line ends with a checksum of itself.  Lines are appended under a lock in one write, then synced, so a process
that is killed leaves whole lines and at most one torn end, which the next writer cuts off; several processes may write
at once.
"""

from __future__ import annotations

import csv
import io
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from splitgym.extras import need
from splitgym.files import refuse_link, trouble_names, write_atomically, write_through
from splitgym.names import cell, check_text, uncell
from splitgym.quoting import shown
from splitgym.specs import command_line

_CHECK = "check:"  # name of the last column


class DamagedStoreError(ValueError):
    """A line of a store does not match its checksum."""


class Table:
    """A CSV file whose lines are whole or absent.

    Args:
        path: the file; made with the first lines.
        keys: names of the columns that identify a line.
        figures: names of the columns with numbers.

    Reading raises :class:`DamagedStoreError` for a damaged line and ``ValueError`` for other columns.
    """

    def __init__(self, path: Path, keys: Sequence[str], figures: Sequence[str]) -> None:
        self.path, self.keys, self.figures = path, tuple(keys), tuple(figures)
        self._rows: dict[tuple[str, ...], dict[str, float]] = {}
        self._read_to, self._file = 0, 0  # bytes; number of the file, which a repair changes

    def rows(self) -> dict[tuple[str, ...], dict[str, float]]:
        """Key -> figures of all whole lines, in the order of the file; what others appended meanwhile included."""
        self._read()
        return dict(self._rows)

    def find(self, keys: Iterable[tuple[str, ...]]) -> list[dict[str, float] | None]:
        """Figures of each key, ``None`` where it has no whole line."""
        self._read()
        return [self._rows.get(key) for key in keys]

    def add(self, lines: Sequence[tuple[tuple[str, ...], dict[str, float]]]) -> None:
        """Append the lines (key, figures) whose keys are not there yet, all in one write."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path):
            self._read()
            fresh = [(key, figures) for key, figures in lines if key not in self._rows]
            numbers = [[repr(figures[name]) for name in self.figures] for _, figures in fresh]
            text = b"".join(_checked([*map(cell, key), *row]) for (key, _), row in zip(fresh, numbers, strict=True))
            if self._read_to == 0:
                text = self._header() + text
            with trouble_names(self.path), self.path.open("ab") as stream:
                stream.truncate(self._read_to)
                write_through(stream, text)

    def repair(self) -> int:
        """Move damaged lines to ``<file>.damaged`` and return how many they were; whole lines stay untouched."""
        if not self.path.is_file():
            return 0
        with locked(self.path):
            lines = self.path.read_bytes().splitlines(keepends=True)
            good = [_fields(line) is not None for line in lines]
            lost = [line.rstrip(b"\n") + b"\n" for line, ok in zip(lines, good, strict=True) if not ok]
            if lost:
                damaged = self.path.with_name(f"{self.path.name}.damaged")
                _check_own(damaged)
                with trouble_names(damaged), damaged.open("ab") as stream:
                    write_through(stream, b"".join(lost))
                kept = [line for line, ok in zip(lines, good, strict=True) if ok]
                if not good[0]:
                    kept.insert(0, self._header())
                write_atomically(self.path, b"".join(kept))
        return len(lost)

    def _read(self) -> None:
        """Take the lines that have come since the last time."""
        if not self.path.is_file():
            self._rows, self._read_to = {}, 0
            return
        with self.path.open("rb") as stream:
            state = os.fstat(stream.fileno())
            if state.st_ino != self._file or state.st_size < self._read_to:
                self._rows, self._read_to, self._file = {}, 0, state.st_ino
            stream.seek(self._read_to)
            content = stream.read()
        whole = content[: content.rfind(b"\n") + 1]  # a torn end was never acknowledged
        for line in whole.splitlines(keepends=True):
            self._take(line)
            self._read_to += len(line)

    def _header(self) -> bytes:
        return _checked([*self.keys, *self.figures], _CHECK)

    def _take(self, line: bytes) -> None:
        fields = _fields(line)
        if fields is None:
            number = self.path.read_bytes()[: self._read_to].count(b"\n") + 1
            raise DamagedStoreError(
                f"{self.path}, line {number}: it does not match its checksum, so it was damaged or edited (it reads "
                f"{shown(line)}). All other lines are as they were; set the damaged ones aside, so that their "
                f"episodes are played again: {command_line('store', self.path.parent, '--repair')}"
            )
        if self._read_to == 0:
            if tuple(fields) != (*self.keys, *self.figures):
                raise ValueError(f"{self.path} has other columns, so another version wrote it; use another folder")
            return
        key, values = tuple(map(uncell, fields[: len(self.keys)])), fields[len(self.keys) :]
        for name, text in zip(self.keys, key, strict=False):  # a stranger's would command the terminal
            check_text(f"{self.path}: {name} {shown(text)}", text)
        try:
            self._rows.setdefault(key, dict(zip(self.figures, map(float, values), strict=True)))
        except ValueError as error:
            raise ValueError(f"{self.path}: expected {len(self.figures)} numbers, got {shown(values)}") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one process at a time writes to ``path``; a process that dies lets go."""
    lock = path.with_name(f".{path.name}.lock")
    for file in (path, lock):
        _check_own(file)
    with need("filelock", "report").FileLock(lock):
        yield


def _check_own(file: Path) -> None:
    """Raise ``ValueError`` unless a store may write there: to nothing yet, or to a file that has no other name."""
    refuse_link(file, "store")
    if file.exists() and not file.is_file():  # a pipe would be waited for without an end
        raise ValueError(f"{file} is not a file; a store keeps its lines there, so remove it or use another folder")
    if file.exists() and file.stat().st_size > 0 and file.stat().st_nlink > 1:
        raise ValueError(f"{file} is also another file, which a store would change; remove it, or use a copy")


def _checked(fields: Sequence[str], name: str = "") -> bytes:
    """A CSV line with the checksum of what stands before it; in the header with the name of its column."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    text = out.getvalue()
    if "\n" in text or "\r" in text:
        raise ValueError(f"a stored name may not hold line breaks, got {text!r}")
    body = text.encode()
    return body + f",{name}{zlib.crc32(body):08x}\n".encode()


def _fields(line: bytes) -> list[str] | None:
    """Fields of a line without its checksum; ``None`` if it does not match."""
    body, comma, check = line.rstrip(b"\r\n").rpartition(b",")
    right = check.removeprefix(_CHECK.encode()) == f"{zlib.crc32(body):08x}".encode()
    if not (line.endswith(b"\n") and comma and right):
        return None
    try:
        return next(csv.reader([body.decode()]))
    except (UnicodeDecodeError, csv.Error):
        return None
