"""Numba's own set-up, which Ctrl-C must not cut."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.registry import cpu_target


@functools.cache
def set_up() -> None:
    """Let Numba register what it knows; if half of that is done, every later compilation of the process fails."""
    target: Any = cpu_target  # its contexts are made at run time, unknown to type checkers
    with unbroken(), _without_scipy():
        target.typing_context.refresh()
        target.target_context.refresh()


@contextmanager
def _without_scipy() -> Iterator[None]:
    """Numba's look for a BLAS does not import scipy.linalg, more than half of a first step whose code is stored.

    It is made again where a function of linear algebra is compiled; here it is enough that scipy is installed.
    """
    linalg: Any = importlib.import_module("numba.np.linalg")
    look = getattr(linalg, "ensure_blas", None)
    if look is None or importlib.util.find_spec("scipy") is None or "numba.np.arraymath" in sys.modules:
        yield
        return
    linalg.ensure_blas = lambda: None
    try:
        yield
    finally:
        linalg.ensure_blas = look
        arrays: Any = sys.modules.get("numba.np.arraymath")
        if arrays is not None:
            arrays.ensure_blas = look


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
