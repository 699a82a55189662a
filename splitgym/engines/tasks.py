"""Tasks, the order in which they are given out, and the engine that works on them in this process."""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

#: How often a task is tried: so often may its worker be killed.
TRIES = 3
#: Tasks looked at for one that need not wait.
AHEAD = 1000


class Task(NamedTuple):
    """A piece of work: ``work(*args, progress)``.

    ``work`` must be a pure function of what it holds and of its arguments; it is sent once for all tasks that share
    it.  ``words`` says what it is, for messages; ``kind`` names the compiled code that it needs; ``label`` is the
    caller's.  ``beside``: whether threads of one process may work on it and others at once; ``room``: the share of the
    memory that it may take.
    """

    work: Callable[..., Any]
    args: tuple[Any, ...]
    words: str
    kind: str = ""
    label: Any = None
    beside: bool = False
    room: float = 0.0


#: Called as tell(task, name, share done in [0, 1]).
Tell = Callable[[Task, str, float], None]


class Engine(Protocol):
    """Works on tasks."""

    def run(self, tasks: Iterable[Task], tell: Tell) -> Iterator[tuple[Task, Any]]:
        """The tasks with their results as they end, in any order; raises what a task raises.

        Tasks are taken from the iterable when there is somebody to work on them.
        """
        ...


class Serial:
    """One task after the other, in this process."""

    def run(self, tasks: Iterable[Task], tell: Tell) -> Iterator[tuple[Task, Any]]:
        """See :class:`Engine`."""
        for task in tasks:
            yield task, task.work(*task.args, functools.partial(tell, task))


class Shares:
    """How much of a number of things is done, of which blocks are worked on in any order."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done: dict[int, float] = {}

    def of(self, block: slice, share: float) -> float:
        """The share of all of them, now that a block has come to a ``share`` of its own."""
        self._done[block.start] = share * (block.stop - block.start)
        return sum(self._done.values()) / self._total


def blocks(total: int, size: int) -> list[slice]:
    """Consecutive blocks of a number of things; the last may be smaller."""
    return [slice(first, min(first + size, total)) for first in range(0, total, size)]


class Queue:
    """Tasks to be given out: lost ones first; of each kind the first alone, until its code is compiled.

    Compiled code is kept on disk, so only one of several new processes has to compile it.  ``hold``: whether to wait.
    """

    def __init__(self, tasks: Iterable[Task], *, hold: bool = True) -> None:
        self._tasks, self._lost, self._held = iter(tasks), deque[Task](), deque[Task]()
        self._hold, self._begun, self._ready = hold, set[str](), set[str]()
        self._tries: dict[int, int] = {}

    def next(self) -> Task | None:
        """A task that need not wait for another; ``None`` if there is none now."""
        if self._lost:
            return self._begin(self._lost.popleft())
        for _ in range(len(self._held)):
            task = self._held.popleft()
            if self._may(task):
                return self._begin(task)
            self._held.append(task)
        for task in itertools.islice(self._tasks, max(AHEAD - len(self._held), 0)):
            if self._may(task):
                return self._begin(task)
            self._held.append(task)
        return None

    def ready(self, task: Task) -> None:
        """The code of a task is compiled: others that need it wait no longer."""
        self._ready.add(task.kind)

    def lose(self, task: Task, why: str) -> None:
        """Give a task out again.  Raises ``ChildProcessError`` for one that was lost too often."""
        tries = self._tries[id(task)] = self._tries.get(id(task), 0) + 1
        if tries >= TRIES:
            raise ChildProcessError(lost(task, f"{tries} times ({why})"))
        self._lost.append(task)

    def _may(self, task: Task) -> bool:
        return not self._hold or task.kind not in self._begun or task.kind in self._ready

    def _begin(self, task: Task) -> Task:
        self._begun.add(task.kind)
        return task


def lost(task: Task, how: str) -> str:
    """The message for a task whose worker was killed again and again."""
    return (
        f"{task.words}: the worker that played it was killed {how}; perhaps memory is short: take fewer workers, "
        "or try it without any to see what happens"
    )
