"""The worker's side: load what the sender had loaded, then work on task after task."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import connection, parent_process
from typing import Any

from splitgym.engines.luggage import unpack
from splitgym.engines.parcels import Recent, answered, key_of

_WORKS: Recent[Callable[..., Any]] = Recent()
_OPENED: set[str] = set()
_TELL_S = 0.1  # what is told more often than a bar is drawn costs both sides time


def answer(luggage: bytes, work: bytes, args: bytes, tell: Callable[[str, float], None] | None = None) -> bytes:
    """Work on one task; the packed answer, see :func:`splitgym.engines.parcels.opened`."""
    return answered(lambda: _answer(luggage, work, args, tell))


def _answer(luggage: bytes, work: bytes, args: bytes, tell: Callable[[str, float], None] | None) -> Any:
    if (key := key_of(luggage)) not in _OPENED:
        unpack(luggage)
        _OPENED.add(key)
    function = _WORKS.get(key_of(work), None, lambda: pickle.loads(work))
    return function(*pickle.loads(args), tell)


def serve(pipe: connection.Connection, luggage: bytes) -> None:
    """Work on what comes through a pipe, until it is closed: pairs (work, args) of bytes.

    Sends back ``("begun",)``, ``("tell", name, share)`` and ``("answer", bytes)``.  Ends at once if the sender does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the sender ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told_at = 0.0

    def tell(name: str, share: float) -> None:
        nonlocal told_at
        if (now := time.monotonic()) - told_at >= _TELL_S or share == 1.0:
            told_at = now
            pipe.send(("tell", name, share))

    with contextlib.suppress(OSError):
        pipe.send(("begun",))
    while True:
        try:
            work, args = pipe.recv_bytes(), pipe.recv_bytes()
            pipe.send(("answer", answer(luggage, work, args, tell)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)  # nothing here is anybody's any more
