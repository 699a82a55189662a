"""Tasks in processes of this machine, each on a pipe of its own: one that is killed costs what it was doing.

Pools of the standard library end all their processes when one is killed (``concurrent.futures``, and joblib's loky),
or wait for its result without an end (``multiprocessing.Pool``).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import threading
from collections.abc import Iterable, Iterator
from multiprocessing import connection, resource_tracker
from typing import Any

from splitgym.engines.luggage import packed_luggage
from splitgym.engines.parcels import Recent, opened, packed
from splitgym.engines.tasks import Queue, Task, Tell
from splitgym.engines.worker import serve
from splitgym.interrupt import TICK_S

_NEW = multiprocessing.get_context("spawn")  # a fork would copy locks that threads of this process hold


class Processes:
    """Works on tasks in processes of this machine, which begin with the first tasks and stay for the next.

    Args:
        count: how many work at once.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._crew: list[_Worker] = []
        self._luggage: bytes | None = None
        self._works: Recent[bytes] = Recent()
        self._heard: set[Any] = set()

    def run(self, tasks: Iterable[Task], tell: Tell) -> Iterator[tuple[Task, Any]]:
        """See :class:`splitgym.engines.tasks.Engine`."""
        queue = Queue(tasks)
        try:
            while self._give(queue):
                for worker in self._spoke():
                    yield from self._listen(worker, queue, tell)
        finally:
            for worker in [worker for worker in self._crew if worker.task is not None]:  # somebody has given up
                self._dismiss(worker)

    def close(self) -> None:
        """End all processes."""
        for worker in list(self._crew):
            self._dismiss(worker)

    def _give(self, queue: Queue) -> bool:
        """Give tasks to all who have none; whether anybody has one."""
        free = [worker for worker in self._crew if worker.task is None]
        begun: list[_Worker] = []
        for _ in range(self._count - len(self._crew) + len(free)):
            task = queue.next()
            if task is None:
                break
            worker = free.pop() if free else self._hire()
            worker.task = task
            begun.append(worker)
        for worker in begun:  # by now all are coming up
            worker.send(self._packed(worker.task))
        return any(worker.task is not None for worker in self._crew)

    def _hire(self) -> _Worker:
        if self._luggage is None:
            self._luggage = packed_luggage(far=False)
        worker = _Worker(self._luggage)
        self._crew.append(worker)
        return worker

    def _packed(self, task: Task | None) -> tuple[bytes, bytes]:
        assert task is not None
        work = self._works.get(id(task.work), task.work, lambda: packed(task.work, task.words))
        return work, packed(task.args, task.words)

    def _spoke(self) -> list[_Worker]:
        """Those of whom there is something to read, or who have ended."""
        busy = {worker.pipe: worker for worker in self._crew if worker.task is not None}
        while True:
            found = connection.wait(list(busy), TICK_S)
            if found:
                return [busy[pipe] for pipe in found]  # pyright: ignore[reportArgumentType]

    def _listen(self, worker: _Worker, queue: Queue, tell: Tell) -> Iterator[tuple[Task, Any]]:
        task = worker.task
        assert task is not None
        try:
            kind, *said = worker.pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):  # killed, perhaps amid a message
            why = worker.ended()
            self._dismiss(worker)
            queue.lose(task, why)
            return
        worker.heard = True
        if kind == "begun":
            return
        if kind == "tell":
            name, share = said
            if share > 0.0:
                queue.ready(task)
            tell(task, name, share)
            return
        worker.task = None
        queue.ready(task)
        yield task, opened(said[0], self._heard)

    def _dismiss(self, worker: _Worker) -> None:
        self._crew.remove(worker)
        worker.end()


class _Worker:
    """A process and this end of its pipe; ``heard``: it has sent something."""

    def __init__(self, luggage: bytes) -> None:
        self.task: Task | None = None
        self.heard = False
        self.pipe, theirs = _NEW.Pipe()
        self._process = _NEW.Process(target=serve, args=(theirs, luggage), name="splitgym-worker", daemon=True)
        with _deaf():
            self._process.start()
        theirs.close()

    def send(self, parcels: tuple[bytes, bytes]) -> None:
        """Send a task; a process that has ended is found out when it is listened to."""
        with contextlib.suppress(OSError):
            for parcel in parcels:
                self.pipe.send_bytes(parcel)

    def ended(self) -> str:
        """Why the process has ended, in words.  Raises ``ChildProcessError`` if it could not even begin."""
        self._process.join(1.0)
        code = self._process.exitcode
        if not self.heard and code is not None and code > 0:
            raise ChildProcessError(
                f"a worker process ended before it began (exit status {code}; what it said is above); in a script, "
                "workers must be asked for below the line: if __name__ == '__main__':"
            )
        if code is not None and code < 0:
            return f"by signal {-code}"
        return f"exit status {code}"

    def end(self) -> None:
        """End the process at once: nothing is kept in it."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self.pipe.close()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes begun inside never hear Ctrl-C, which a terminal sends to all: this one ends them."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # the first time it lets Ctrl-C in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
