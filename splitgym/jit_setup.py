"""Numba's own set-up, which Ctrl-C must not cut."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.registry import cpu_target


@functools.cache
def set_up() -> None:
    """Let Numba register what it knows; if half of that is done, every later compilation of the process fails."""
    target: Any = cpu_target  # its contexts are made at run time, unknown to type checkers
    with unbroken():
        target.typing_context.refresh()
        target.target_context.refresh()


@contextmanager
def unbroken() -> Iterator[None]:
    """Ctrl-C waits for the end of the block: for what is useless if half of it is done, and short."""
    if threading.current_thread() is not threading.main_thread():  # others hear no Ctrl-C
        yield
        return
    came: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *what: came.append(what))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and callable(before):
        before(*came[0])
