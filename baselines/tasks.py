"""Base of the policies that decide task by task, alone on the uplink or as one of several devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from splitgym.jit import one_record, records
from splitgym.policy import Policy
from splitgym.worlds.inference.layout import DECISION, PARAMS, VIEW

#: Decides (n,) tasks: VIEW records in, DECISION records in place, (1,) PARAMS.
Decide = Callable[[np.ndarray, np.ndarray, np.ndarray], None]


class TaskPolicy(Policy):
    """A policy that decides each task by itself.

    Where several devices share the uplink, each decides as if it had an equal part of the band, and gets it: B / N for
    N devices with a task (ENACHI specification, section 8).

    A subclass implements :meth:`decide_tasks`.
    """

    worlds: ClassVar = ("inference", "multiuser")

    def __init__(self, env: Any, *, seed: int = 0) -> None:
        super().__init__(env, seed=seed)
        self.several = self.world.name == "multiuser"
        self.task_params: np.record = self.params.one if self.several else self.params
        self._by_active: dict[int, np.ndarray] = {}

    def decide_tasks(self, views: np.ndarray, decisions: np.ndarray, params: np.ndarray) -> None:
        """Observed SI values (n,) VIEW -> ``decisions`` (n,) DECISION, in place; ``params`` (1,) PARAMS."""
        raise NotImplementedError

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        if self.several:
            self._share_equally(views, decisions)
        else:
            self.decide_tasks(views, decisions, self._params)

    def _share_equally(self, views: np.ndarray, decisions: np.ndarray) -> None:
        present = views["present"] > 0.5
        active = present.sum(axis=1)
        tasks = device_views(views)
        chosen = undecided(tasks.shape, self.task_params)
        for count in np.unique(active[active > 0]).tolist():
            rows = np.flatnonzero(active == count)
            flat = records(np.zeros(len(rows) * tasks.shape[1], DECISION))
            self.decide_tasks(records(tasks[rows].reshape(-1)), flat, self._params_for(count))
            chosen[rows] = flat.reshape(len(rows), -1)
        put_decisions(chosen, decisions)
        decisions["share"] = present

    def _params_for(self, active: int) -> np.ndarray:
        """(1,) PARAMS of a device with one of ``active`` equal parts of the band."""
        if active not in self._by_active:
            params = one_record(self.task_params, PARAMS)
            params["bandwidth_hz"] /= active
            self._by_active[active] = params
        return self._by_active[active]


def device_views(views: np.ndarray) -> np.ndarray:
    """The central view of the multi-user world (n,) as (n, N) VIEW records of the inference world."""
    tasks = records(np.zeros(views["queue_j"].shape, VIEW))
    for name in ("queue_j", "remaining_s", "gain", "gain_trend", "hint", "clock_hz"):
        tasks[name] = views[name]
    tasks["edge_load"] = views["edge_load"][:, None]
    tasks["battery"] = 1.0
    return tasks


def undecided(shape: tuple[int, ...], params: np.record) -> np.ndarray:
    """DECISION records of devices without a task: their lowest clock, nothing else."""
    chosen = records(np.zeros(shape, DECISION))
    chosen["clock_hz"] = params.clocks_hz[0]
    return chosen


def put_decisions(chosen: np.ndarray, decisions: np.ndarray) -> None:
    """Write (n, N) DECISION records into central decisions (n,), whose shares are left alone."""
    for name in ("cut", "clock_hz", "power_w"):
        decisions[name] = chosen[name]
