"""The bytes of a file, their text, and messages that say which file it was."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splitgym.quoting import an, cut, where

#: Byte-order marks and what they say; those of UTF-32 stand first, since they begin like those of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: What packed files begin with, and what they are.
_PACKED = (
    (b"\x1f\x8b", "a gzip file; unpack it"),
    (b"PK\x03\x04", "a zip or npz archive; unpack it, or let its name end in .npz where numpy made it"),
    (b"BZh91AY&SY", "a bzip2 file; unpack it"),
    (b"\xfd7zXZ", "an xz file; unpack it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file; unpack it"),
    (b"\x93NUMPY", "an npy file, not a text; write it with numpy.savez and let its name end in .npz"),
)


def has_suffix(path: str | Path, suffix: str) -> bool:
    """Whether a path ends in ``suffix`` (".toml"), in small or capital letters."""
    return str(path).lower().endswith(suffix)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Put the file's name before the message of a ``ValueError`` that lacks it, and keep the message short."""
    try:
        yield
    except ValueError as error:
        text, name = str(error), where(path)
        raise ValueError(cut(text if name in text else f"{name}: {text}")) from error


def read_bytes(path: str | Path, kind: str, most: int) -> bytes:
    """Content of a regular file of at most ``most`` bytes.

    ``kind`` says what it should be ("scenario").  Raises ``ValueError`` naming the file: there is none, it is a folder
    or a pipe, which could make the reader wait for ever, it cannot be read, or it is larger.
    """
    name = where(path)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise ValueError(f"no such {kind} file: {name!r}") from None
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise ValueError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or device"
            raise ValueError(f"{name} is {what}, not a file to read the {kind} from")
        if found.st_size > most:
            raise ValueError(f"{name} holds {found.st_size} bytes; {an(kind)} file may hold {most} at most")
        with open(handle, "rb", closefd=False) as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)


def text_of(content: bytes, path: str | Path) -> str:
    """Text of a file: UTF-8, or what its byte-order mark says; all line ends become ``\\n``.

    Raises ``ValueError`` naming file, line and column of the first bytes that are not such text, NUL among them, or
    what a packed file is packed with.
    """
    for begin, what in _PACKED:
        if content.startswith(begin):
            raise ValueError(f"{where(path)} is {what}")
    mark, encoding = next(((m, e) for m, e in _MARKS if content.startswith(m)), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(encoding, "replace")
        shown = error.object[error.start : error.start + 4].hex(" ")
        raise ValueError(
            f"{where(path)}, {place(_lines(before), None)}: bytes {shown} are not {encoding.upper()}; "
            "save the file as UTF-8"
        ) from None
    text = _lines(text)
    if "\0" in text:
        raise ValueError(
            f"{where(path)}, {place(text, text.index(chr(0)))}: a NUL byte: it is not a text, or UTF-16 without its "
            "mark; save the file as UTF-8"
        )
    return text


def place(text: str, index: int | None) -> str:
    """ "line 3, column 7" of a place in a text; ``None``: its end."""
    before = text[:index]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
