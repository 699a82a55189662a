"""Engines: where tasks are worked on, in threads, in processes of this machine, or in those of a Ray cluster.

A :class:`~splitgym.engines.tasks.Task` is a pure function with its arguments, so it has the same result in whatever
process, and as often as it is tried.  What an engine adds is the way there: the function, plug-ins and files travel,
and what was lost with a worker is worked on again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from splitgym.checks import MOST_THREADS, whole_number
from splitgym.engines.tasks import Engine, Serial, Task, Tell
from splitgym.engines.threads import Threads, cores
from splitgym.quoting import shown

__all__ = ["Engine", "Serial", "Task", "Tell", "engine"]


@contextlib.contextmanager
def engine(workers: Any = None, ray: Any = None, *, threads: int = 1) -> Iterator[Engine]:
    """The engine that the options ``workers`` and ``ray`` ask for; what it has started ends with the block.

    Args:
        workers: processes on this machine, or tasks of a Ray cluster at once; 1: this process alone, one task after
            the other; ``None``: every core, by threads of this process for what comes with the package, or every core
            of the cluster.  An engine that is there already is taken as it is, and not ended.
        ray: address of a Ray cluster: ``"auto"`` (the one that runs here), ``"HOST:PORT"``, ``"ray://HOST:PORT"``, or
            ``"local"``, which starts one on this machine.  Where Ray is initialised already, that cluster is used.
        threads: threads of a task, for which as many cores are kept.

    Raises ``ValueError`` for other values, ``DependencyNotInstalled`` without the extra ``ray``, and
    ``ConnectionError`` where there is no cluster.
    """
    if hasattr(workers, "run"):
        yield workers
        return
    count = None if workers is None else whole_number("workers", workers, 1, MOST_THREADS)
    if ray is None and count in (None, 1):
        at_once = 1 if count == 1 else cores() // threads
        yield Threads(at_once) if at_once > 1 else Serial()
        return
    if ray is None:
        from splitgym.engines.processes import Processes

        made: Any = Processes(count or 1)
    else:
        if not isinstance(ray, str) or not ray.strip():
            raise ValueError(f"ray must be an address: 'auto', 'local' or 'HOST:PORT', got {shown(ray)}")
        from splitgym.engines.cluster import Cluster

        made = Cluster(ray.strip(), count, threads)
    try:
        yield made
    finally:
        made.close()
