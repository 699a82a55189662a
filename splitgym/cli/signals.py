"""Signals that end a command: all do as Ctrl-C does, with what is kept and how to go on."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

#: Exit status after Ctrl-C; after another signal it is 128 + its number, as a shell counts.
INTERRUPTED = 130
_SIGNALS = ("SIGTERM", "SIGHUP")
_AGAIN_S = 0.02  # the place that swallows exceptions is left by then, or else the signal comes once more


@contextlib.contextmanager
def stopping() -> Iterator[list[int]]:
    """Turn SIGTERM and SIGHUP into Ctrl-C; yields the list of those that came.

    What is ignored, as under ``nohup``, or handled already, stays so.
    """
    came: list[int] = []

    def stop(number: int, frame: Any) -> None:
        came.append(number)
        if not callable(signal.getsignal(signal.SIGINT)):  # ignored, as in the background of a script
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    known = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        known = []  # Python allows no handlers there
    before = {number: signal.signal(number, stop) for number in known if signal.getsignal(number) is signal.SIG_DFL}
    try:
        with _heard_everywhere():
            yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _heard_everywhere() -> Iterator[None]:
    """Let Ctrl-C come again where Python drops it: while an object goes, in callbacks of weak references."""
    before = sys.unraisablehook
    timers: list[threading.Timer] = []

    def again(dropped: Any) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            before(dropped)
            return
        timers.append(threading.Timer(_AGAIN_S, _press))
        timers[-1].daemon = True
        timers[-1].start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in timers:
            timer.cancel()


def _press() -> None:
    """Ctrl-C from another thread, which wakes the main one."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


def status_of(status: int, came: list[int]) -> int:
    """The exit status of a command, with the signal that interrupted it."""
    return 128 + came[0] if came and status == INTERRUPTED else status
