"""The threads that share the rows of a turn, and the pieces in which each of them works on its share."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from weakref import ReferenceType, ref

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from splitgym.encodings import Axis
from splitgym.interrupt import PIECE, aside, await_end

#: Rows of the shortest span: fewer do not fill the lanes of a batch.
_SPAN = 64
#: A thread that waits in vain sleeps after this time [s], and takes about as long to wake.
_PATIENCE_S = 2e-4
#: A turn that takes less is not shared: waking a thread and handing it Python's lock takes as long as it saves [s].
_WORTH_S = 1e-3
_DRAW = 16  # elementary steps that take the draw of a task, or a number of an observation
#: Rows low..high that are to be worked at, and what was found: first row of a span, an answer that is not negative.
Spans = deque[tuple[int, int]]
Found = list[tuple[int, int]]
#: Those that live, by their address.  A WeakSet would run Python when one goes, and a Ctrl-C that comes there is lost.
_CREWS: dict[int, ReferenceType[Crew]] = {}


class Crew:
    """A number of threads, the caller's own among them; a copy and a forked process begin with new ones.

    Args:
        threads: their number; results do not depend on it.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._left: list[threading.Event] = []  # ends of what an interruption has left behind
        self._row_s = math.inf  # what a row took in the turn before [s]
        self._halt = False  # tells the other threads to stop between two pieces
        _CREWS[id(self)] = ref(self)

    def share(self, n: int, work: Callable[[int, int], int], row_work: int) -> int:
        """Call ``work(low, high)`` until the rows 0..n are done; ``row_work``: elementary steps of a row.

        Returns the first answer of ``work`` that is not negative, in the order of the rows, else -1.  The threads take
        spans of rows as they come, so that none waits for one that wakes late.  After an interruption the other
        threads stop at the end of their pieces, see :meth:`settle`.
        """
        threads = min(self.threads, n)
        if threads == 1:
            return self._span(0, n, work, row_work)
        if n * self._row_s < _WORTH_S:
            return self._alone(n, work, row_work)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="splitgym")
        spans, others = deque(spans_of(n, threads)), list[Future[Found]]()
        begin = time.perf_counter()
        try:
            for _ in range(threads - 1):
                others.append(self._pool.submit(self._take, spans, work, row_work))
            found = self._take(spans, work, row_work)
            self._row_s = (time.perf_counter() - begin) * threads / n
            for other in others:
                if not other.cancel():  # it has begun
                    found += _result(other)
        except BaseException:
            self._halt = True
            spans.clear()
            self._left += [_end_of(other) for other in others]
            raise
        return min(found, default=(0, -1))[1]

    def _alone(self, n: int, work: Callable[[int, int], int], row_work: int) -> int:
        """As :meth:`share`, by the caller's thread."""
        begin = time.perf_counter()
        answer = self._span(0, n, work, row_work)
        self._row_s = (time.perf_counter() - begin) / n
        return answer

    def settle(self) -> None:
        """Wait for the end of what interruptions have left behind."""
        while self._left:
            await_end(self._left[-1])
            self._left.pop()
        self._halt = False

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _take(self, spans: Spans, work: Callable[[int, int], int], row_work: int) -> Found:
        """Work at spans until none is left."""
        found: Found = []
        while spans and not self._halt:
            try:
                low, high = spans.popleft()
            except IndexError:  # another thread was faster
                break
            answer = self._span(low, high, work, row_work)
            if answer >= 0:
                found.append((low, answer))
        return found

    def _span(self, low: int, high: int, work: Callable[[int, int], int], row_work: int) -> int:
        size = max(PIECE // row_work, 1)
        for first in range(low, high, size):
            if self._halt:
                break
            answer = aside(work, first, min(first + size, high), work=row_work, left=self._left)
            if answer >= 0:
                return answer
        return -1

    def __getstate__(self) -> dict[str, int]:
        return {"threads": self.threads}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.__init__(state["threads"])


def spans_of(n: int, threads: int) -> list[tuple[int, int]]:
    """Rows 0..n as spans, long ones first: at the end all threads are done at about the same time."""
    least = min(_SPAN, -(-n // threads))
    spans, low = list[tuple[int, int]](), 0
    while low < n:
        high = min(low + max((n - low) // (2 * threads), least), n)
        spans.append((low, high))
        low = high
    return spans


def _result(call: Future[Found]) -> Found:
    """What a call of the pool gives; looks for it for a moment, since a sleeping thread wakes late."""
    end = time.perf_counter() + _PATIENCE_S
    while not call.done() and time.perf_counter() < end:
        time.sleep(0)
    return call.result()


def work_of_row(
    n: int, slots: int, axes: Sequence[Axis], numbers: int, nature: Iterable[np.ndarray]
) -> tuple[int, int]:
    """About how many elementary steps a step of one of ``n`` rows takes, and how many the draw of its episode.

    ``slots``: of its transmissions; ``numbers``: observed; ``nature``: arrays of what is drawn, (n, ...).
    """
    choices = math.prod(len(axis.levels) for axis in axes)
    drawn = [array.size // n for array in nature if len(array) == n]
    return slots + choices + _DRAW * numbers, _DRAW * max(drawn, default=1)


def _end_of(call: Future[Found]) -> threading.Event:
    """An event that is set when a call of the pool has ended."""
    end = threading.Event()
    call.add_done_callback(lambda _: end.set())
    return end


def _after_fork() -> None:
    """Only the thread that forks lives on in the child."""
    for crew in [known() for known in _CREWS.values()]:
        if crew is not None:
            crew.__init__(crew.threads)
    global_compiler_lock.release()


if hasattr(os, "register_at_fork"):
    # a fork in the middle of a compilation would leave the child a lock that nobody opens
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=_after_fork,
    )
