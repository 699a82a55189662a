"""Long calls that hear Ctrl-C: in pieces, or aside while the main thread waits.

Python raises ``KeyboardInterrupt`` when its main thread comes back from whatever it has called.  So a compiled loop is
called with no more than a fraction of a second's work at a time, and what cannot be cut runs in a thread of its own.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

#: Elementary steps of a piece, such as slots of a transmission: some 10 ns each, a tenth of a second on a slow core.
PIECE = 4_000_000
#: Steps for which a thread is worth its while; what takes less is called as it is.
_PATIENT = 4 * PIECE
TICK_S = 0.2  # waiting without an end hears no Ctrl-C on Windows


def pieces(n: int, work: float) -> Iterator[slice]:
    """Consecutive slices of ``n`` items of ``work`` elementary steps each; a slice holds one item at least."""
    size = max(int(PIECE / max(work, 1.0)), 1)
    for first in range(0, n, size):
        yield slice(first, min(first + size, n))


def aside(
    function: Callable[..., Any],
    *args: Any,
    work: float = math.inf,
    left: list[threading.Event] | None = None,
) -> Any:
    """``function(*args)``; in a thread of its own, so that Ctrl-C is heard, if it takes many elementary steps.

    The function must release the GIL.  After Ctrl-C it goes on to its end by itself; what it writes to must not be used
    before the event that is then added to ``left``.

    Args:
        function, args: the call.
        work: its elementary steps, about.
        left: takes an event for the end of a call that Ctrl-C has left behind.
    """
    if work <= _PATIENT or threading.current_thread() is not threading.main_thread():
        return function(*args)
    answer: list[Any] = []
    trouble: list[BaseException] = []
    done, given_up = threading.Event(), threading.Event()

    def run() -> None:
        try:
            if not given_up.is_set():
                answer.append(function(*args))
        except BaseException as error:  # the caller's
            trouble.append(error)
        done.set()

    thread = threading.Thread(target=run, name="splitgym-aside", daemon=True)
    try:
        thread.start()
        await_end(done)
    except BaseException:
        given_up.set()  # a thread that is not alive yet does nothing any more
        if left is not None and thread.is_alive():
            left.append(done)
        raise
    if trouble:
        raise trouble[0]
    return answer[0]


def await_end(done: threading.Event) -> None:
    """Wait for an event so that Ctrl-C is heard."""
    while not done.wait(TICK_S):
        pass
