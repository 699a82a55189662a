"""Tasks on a Ray cluster, or on one that is started on this machine.

Ray tries a task again whose worker or machine is lost.  Results are small and stay with this process, which alone
writes them down.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from splitgym.engines.luggage import packed_luggage
from splitgym.engines.parcels import Recent, opened, packed
from splitgym.engines.tasks import TRIES, Queue, Task, Tell, lost
from splitgym.engines.worker import answer
from splitgym.extras import need
from splitgym.quoting import shown

_TICK_S = 1.0
_LOCAL = "local"


class Cluster:
    """Works on tasks in the processes of a Ray cluster.

    Args:
        address: see :func:`splitgym.engines.engine`.
        most: tasks at once; ``None``: two for each place, so that none waits.
        threads: cores that a task keeps.

    Raises ``ConnectionError`` where there is no cluster.
    """

    def __init__(self, address: str, most: int | None, threads: int) -> None:
        self._ray = need("ray", "ray")
        self._most, self._threads = most, threads
        self._ours = not self._ray.is_initialized()
        self._local = self._ours and address == _LOCAL
        if self._ours:
            _connect(self._ray, address, most)
        self._luggage: Any = None
        self._works: Recent[Any] = Recent()
        self._heard: set[Any] = set()
        self._answer = self._ray.remote(num_cpus=threads, max_retries=TRIES)(answer)

    def run(self, tasks: Iterable[Task], tell: Tell) -> Iterator[tuple[Task, Any]]:
        """See :class:`splitgym.engines.tasks.Engine`; a share comes when a task has ended."""
        queue, at_work = Queue(tasks, hold=self._local), dict[Any, Task]()
        try:
            while True:
                while len(at_work) < self._room() and (task := queue.next()) is not None:
                    at_work[self._send(task)] = task
                if not at_work:
                    return
                found, _ = self._ray.wait(list(at_work), num_returns=1, timeout=_TICK_S)
                for reference in found:
                    task = at_work.pop(reference)
                    result = opened(self._fetch(reference, task), self._heard)
                    queue.ready(task)
                    yield task, result
        finally:
            for reference in at_work:  # somebody has given up
                with contextlib.suppress(Exception):  # whatever Ray raises when it goes
                    self._ray.cancel(reference, force=True)

    def close(self) -> None:
        """Leave the cluster, or end the one that was started here."""
        self._works, self._luggage = Recent(), None
        if self._ours and self._ray.is_initialized():
            self._ray.shutdown()

    def _room(self) -> int:
        """Tasks at once; a cluster may grow and shrink."""
        if self._most is not None:
            return self._most
        return max(2 * int(self._ray.cluster_resources().get("CPU", 1) // self._threads), 1)

    def _send(self, task: Task) -> Any:
        if self._luggage is None:
            self._luggage = self._ray.put(packed_luggage(far=True))
        work = self._works.get(id(task.work), task.work, lambda: self._ray.put(packed(task.work, task.words)))
        return self._answer.options(name=task.words).remote(self._luggage, work, packed(task.args, task.words))

    def _fetch(self, reference: Any, task: Task) -> bytes:
        """The answer of a task that has ended.  Raises ``ChildProcessError`` if its workers were lost too often."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:  # before our own code was reached
            raise ValueError(
                f"{task.words}: a machine of the cluster cannot run splitgym: {_last_line(error)}; install the version "
                "of this machine there"
            ) from error
        except errors.RayError as error:
            how = f"{TRIES + 1} times ({type(error).__name__}: {_last_line(error)})"
            raise ChildProcessError(lost(task, how)) from error


def _connect(ray: Any, address: str, most: int | None) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == _LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"include_dashboard": False} | ({} if most is None else {"num_cpus": most})
    with _own_signals():
        try:
            ray.init(address=address, **options)
        except (OSError, RuntimeError, ValueError) as error:
            raise ConnectionError(
                f"no Ray cluster answers at {shown(address)} ({_last_line(error)}); start one with 'ray start --head', "
                "or use 'local'"
            ) from error


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Ray puts a handler of its own for SIGTERM; what was there before comes back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
