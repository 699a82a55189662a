"""Folders and files on which one process works at a time, and who it is.

The lock is the operating system's: it ends with its process, however that ends, so none can be stale.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from splitgym.interrupt import TICK_S

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)  # some network drives have no locks
_FAR = 1 << 30  # Windows locks bytes, and the first ones are to be read


@contextlib.contextmanager
def held(path: Path, patience_s: float = 0.0) -> Iterator[None]:
    """Work on a folder that exists, or on a file that may not, alone.

    Raises ``ValueError`` naming who else does, and still did after ``patience_s``.
    """
    file = path / ".lock" if path.is_dir() else path.with_name(f".{path.name}.lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = _acquired(file, path, time.monotonic() + patience_s)
    try:
        now = datetime.datetime.now(datetime.UTC)
        who = f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M:%S} UTC"
        with contextlib.suppress(OSError):  # a full disk; the lock holds without a name
            os.ftruncate(handle, 0)
            os.write(handle, who.encode())
        yield
    finally:
        if sys.platform == "win32":
            os.close(handle)
        with contextlib.suppress(OSError):
            file.unlink()
        if sys.platform != "win32":
            os.close(handle)  # only now: whoever comes between finds the file gone, and makes a new one


def is_held(path: Path) -> bool:
    """Whether somebody holds :func:`held` of a path; also this process."""
    try:
        with held(path):
            return False
    except ValueError:
        return True


def _acquired(file: Path, path: Path, until: float) -> int:
    while True:
        _check_own(file)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        if not _locks(handle):
            who = os.read(handle, 200).decode(errors="replace") or "another process"
            os.close(handle)
            if time.monotonic() < until:
                time.sleep(TICK_S)
                continue
            raise ValueError(f"{str(path)!r} is in use by {who}; wait for its end, or choose another name")
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.lstat(file)):
                return handle
        os.close(handle)  # its holder has just gone and removed it


def _check_own(file: Path) -> None:
    """Raise ``ValueError`` unless the path can be a lock's file: a link of either kind would empty its target."""
    with contextlib.suppress(FileNotFoundError):
        state = os.lstat(file)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
            raise ValueError(f"{str(file)!r} is a link, or not a file; splitgym keeps a lock there, so remove it")


def _locks(handle: int) -> bool:
    """Whether the file could be locked; where there are no locks, all do."""
    try:
        if sys.platform == "win32":
            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if sys.platform == "win32":
            os.lseek(handle, 0, os.SEEK_SET)
        return error.errno in _UNSUPPORTED
    return True
