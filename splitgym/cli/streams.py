"""Standard output and error that lose no finished answer: closed, full, or in an encoding of few letters."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from splitgym.beginning import give_stderr

#: What tables and sentences hold beyond ASCII, for a terminal that has nothing else.
_PLAIN = {
    "±": "+-", "…": "...", "→": "->", "×": "x", "·": "*", "–": "-", "—": "-", "µ": "u", "μ": "u", "≤": "<=", "≥": ">=",
    "σ": "sigma", "Δ": "d", "²": "^2", "°": "deg", "█": "#", "▏": "|", "─": "-", "│": "|", "−": "-", "\xa0": " ",
}  # fmt: skip
#: Signs of drawings by characters; one letter for one, so that columns stay below each other.
_PLAIN |= dict(zip("━┃┄╭╮╯╰▁▂▃▄▅▆▇░▒▓▚▢▶▷▸◆○●✓✗", "=|-++++_.:-=+*.%=x[>>>@o@vx", strict=True))


def _readable(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks; the rest as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    text = "".join(_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in part)
    return text, error.end


codecs.register_error("splitgym", _readable)


def prepare() -> str:
    """Make the streams fit to write to; returns what is wrong if nothing could be printed at all."""
    closed = sys.stdout is None
    for number in (0, 1, 2):  # else the next file that is opened would be taken for the stream
        try:
            os.fstat(number)
        except OSError:
            _stand_in(number)
    give_stderr()
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="splitgym")
    return "standard output is closed, so nothing can be shown; send it to a file or to /dev/null" if closed else ""


def _stand_in(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)


def spelt(text: str) -> str:
    """``text`` as standard output will show it, for whoever has to know how wide that is."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "splitgym").decode(encoding)


def flushed(stream: TextIO | None) -> OSError | None:
    """Write out what a stream still holds; if that fails, drop it and return the error."""
    if stream is None:
        return None
    try:
        stream.flush()
    except OSError as error:
        _drop(stream)
        return error
    return None


def _drop(stream: TextIO) -> None:
    """Send a stream, and what it still holds, to nowhere, so that nothing is left to fail at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Sparing:
    """A stream that drops what it cannot write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            _drop(self._stream)
            return len(text)

    def flush(self) -> None:
        flushed(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def sparing_stderr() -> Iterator[None]:
    """Standard error that may be full or gone: neither the answer nor the exit status depends on it."""
    before = sys.stderr
    sys.stderr = cast(Any, _Sparing(before))
    try:
        yield
    finally:
        sys.stderr = before
