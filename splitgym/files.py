"""Files that are whole or absent, never half written."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old or the new content, and never a part, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")  # others may write it too
    with temporary.open("wb") as stream:
        write_through(stream, content)
    os.replace(temporary, path)


def write_through(stream: BinaryIO, content: bytes) -> None:
    """Write to the disk itself, so that what is written survives a crash of the machine."""
    stream.write(content)
    stream.flush()
    os.fsync(stream.fileno())


def written(text: str, path: str | Path | None) -> str:
    """``text``, also written to ``path`` if given: whole or not at all."""
    if path is not None:
        write_atomically(Path(path), text.encode())
    return text
