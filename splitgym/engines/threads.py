"""Tasks in threads of this process: nothing begins anew, and compiled loops, which release the GIL, use every core.

What is not known to bear company, such as a policy of somebody else's, is worked on by the caller's own thread, one
task after the other, while the threads go on beside it.
"""

from __future__ import annotations

import functools
import os
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from splitgym.engines.tasks import AHEAD, Queue, Task, Tell
from splitgym.interrupt import TICK_S


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """Works on tasks in threads that begin with the first tasks and end with the last.

    Args:
        count: how many work at once, besides the caller's own.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def run(self, tasks: Iterable[Task], tell: Tell) -> Iterator[tuple[Task, Any]]:
        """See :class:`splitgym.engines.tasks.Engine`; ``tell`` is called by the caller's thread alone."""
        from splitgym.jit_setup import set_up  # Numba is not needed to read a command line

        set_up()  # which two threads at once would break
        crew = _Crew(self._count, Queue(tasks), tell)
        try:
            yield from crew.results()
        finally:
            crew.leave()


class _Said(NamedTuple):
    """What a thread says of a task: what it told, or its end, with a result or an error."""

    task: Task
    told: tuple[str, float] | None = None
    result: Any = None
    error: BaseException | None = None


class _GivenUpError(Exception):
    """Ends a task of which nobody wants to know any more."""


class _Crew:
    """The threads of one run, and what the caller's thread does meanwhile."""

    def __init__(self, count: int, tasks: Queue, tell: Tell) -> None:
        self._count, self._queue, self._tell = count, tasks, tell
        self._threads: list[threading.Thread] = []
        self._given: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[_Said] = queue.SimpleQueue()
        self._at_work: list[float] = []  # room of each task that the threads have
        self._own, self._ended = deque[Task](), deque[_Said]()
        self._waits: Task | None = None  # until there is room for it
        self._over = threading.Event()

    def results(self) -> Iterator[tuple[Task, Any]]:
        """The tasks with their results as they end; raises what a task raises."""
        while True:
            self._give()
            if self._own:
                task = self._own.popleft()
                result = task.work(*task.args, functools.partial(self._told, task))
                self._queue.ready(task)
                yield task, result
                self._hear(wait=False)
            elif self._at_work:
                self._hear(wait=True)
            elif not self._ended:
                return
            while self._ended:
                said = self._ended.popleft()
                if said.error is not None:
                    raise said.error
                yield said.task, said.result

    def leave(self) -> None:
        """Let the threads go; one that is at work stops when it next tells something."""
        self._over.set()
        for _ in self._threads:
            self._given.put(None)

    def _give(self) -> None:
        """Give tasks to the threads as long as one of them has none; put aside what the caller's must work on."""
        while len(self._own) < AHEAD and len(self._at_work) < self._count:
            task, self._waits = self._waits or self._queue.next(), None
            if task is None:
                return
            if not task.beside:
                self._own.append(task)
            elif self._at_work and sum(self._at_work) + task.room > 1.0:
                self._waits = task
                return
            else:
                self._at_work.append(task.room)
                self._given.put(task)
                if len(self._threads) < len(self._at_work):
                    self._begin()

    def _begin(self) -> None:
        # one that is left behind in a long compiled loop must not keep the process alive
        thread = threading.Thread(target=self._work, name="splitgym-evaluation", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _told(self, task: Task, name: str, share: float) -> None:
        """The caller's thread has come so far with a task of its own: a moment to look after the others."""
        if share > 0.0:
            self._queue.ready(task)
        self._tell(task, name, share)
        self._hear(wait=False)
        self._give()

    def _hear(self, *, wait: bool) -> None:
        """Take what the threads have said since the last time, or wait for it."""
        while True:
            try:
                said = self._heard.get(timeout=TICK_S) if wait else self._heard.get_nowait()
            except queue.Empty:
                if wait:
                    continue
                return
            wait = False
            if said.told is None:
                self._at_work.remove(said.task.room)
                self._queue.ready(said.task)
                self._ended.append(said)
                continue
            if said.told[1] > 0.0:
                self._queue.ready(said.task)
            self._tell(said.task, *said.told)

    # ---------------------------------------------------------------- in a thread
    def _work(self) -> None:
        while (task := self._given.get()) is not None and not self._over.is_set():
            try:
                said = _Said(task, result=task.work(*task.args, functools.partial(self._say, task)))
            except BaseException as error:  # the caller's
                said = _Said(task, error=error)
            self._heard.put(said)

    def _say(self, task: Task, name: str, share: float) -> None:
        if self._over.is_set():
            raise _GivenUpError
        self._heard.put(_Said(task, (name, share)))
