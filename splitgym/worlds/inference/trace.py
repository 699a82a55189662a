"""What nature decides in one episode of the inference world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from splitgym.interrupt import aside, pieces
from splitgym.jit import records
from splitgym.ranges import DEADLINE, DRAWN_DELAY, FADING_GAIN, GAIN, INSTANT, NORMAL, SHARE, UNIT, Range
from splitgym.seeding import episode_key, seed_key
from splitgym.traces.arrivals import check_instants, given_instants
from splitgym.traces.base import Arrays, ArrayTrace, check_size
from splitgym.traces.fading import FADING
from splitgym.worlds.inference.layout import TASK
from splitgym.worlds.inference.lowering import lower, n_slots
from splitgym.worlds.inference.nature import fill_slots, fill_tasks
from splitgym.worlds.inference.scenario import InferenceScenario, load_scenario

#: Array -> (limits, meaning); slot arrays have shape (n_tasks, n_slots), the others (n_tasks,).
TASK_ARRAYS = {
    "arrival_s": (INSTANT, "arrival instant A_k, ascending"),
    "deadline_s": (DEADLINE, "deadline D_k relative to the arrival"),
    "gain": (GAIN, "slow gain G: path loss x shadowing"),
    "complexity": (UNIT, "u: the sample is answered correctly iff u <= accuracy"),
    "hint": (UNIT, "predicted complexity"),
    "persistent": (NORMAL, "e0: persistent part of the stop predictor's error, N(0, 1)"),
    "edge_load": (Range("1", 0.0, 0.999, hint=SHARE.hint), "share of the edge server taken by others"),
    "rtt_s": (DRAWN_DELAY, "backhaul round trip, observed"),
    "jitter_s": (DRAWN_DELAY, "extra delay of the backhaul, not observed"),
}
SLOT_ARRAYS = {
    "fading": (FADING_GAIN, "h: power gain of each slot after the start of service"),
    "noise": (NORMAL, "e: per-slot part of the stop predictor's error, N(0, 1)"),
}
#: Elementary steps that the draw of a task takes, and that of a slot.
DRAW, DRAW_SLOT = 16, 4


@dataclasses.dataclass(frozen=True, eq=False)
class InferenceTrace(ArrayTrace):
    """Exogenous randomness of one episode, independent of any action.

    Arrays, shapes and units are those of ``TASK_ARRAYS`` and ``SLOT_ARRAYS`` in this module.  Slot ``t`` of task
    ``k`` covers ``[t, t+1) * slot_s`` after the *start of service* of the task, which is its arrival if it need not
    wait.  Replay with ``env.reset(options={"trace": trace})``.
    """

    ARRAYS: ClassVar[Arrays] = TASK_ARRAYS | SLOT_ARRAYS
    FORMAT: ClassVar[str] = "splitgym-inference-trace-1"

    arrival_s: np.ndarray
    deadline_s: np.ndarray
    gain: np.ndarray
    complexity: np.ndarray
    hint: np.ndarray
    persistent: np.ndarray
    edge_load: np.ndarray
    rtt_s: np.ndarray
    jitter_s: np.ndarray
    fading: np.ndarray
    noise: np.ndarray

    def __post_init__(self) -> None:
        self.settle()
        check_instants(self.arrival_s, self.n_tasks, "trace.arrival_s")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        n_tasks = len(np.atleast_1d(self.arrival_s))
        n_slots = np.shape(self.fading)[-1] if np.ndim(self.fading) else 0
        return dict.fromkeys(TASK_ARRAYS, (n_tasks,)) | dict.fromkeys(SLOT_ARRAYS, (n_tasks, n_slots))

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.arrival_s)

    @property
    def n_slots(self) -> int:
        """Slots per task."""
        return self.fading.shape[1]

    def tasks(self) -> np.ndarray:
        """The task arrays as one (n_tasks,) TASK record array."""
        return self.table(TASK)

    def check(self, params: np.record) -> None:
        """Raise ``ValueError`` unless the trace fits the scenario behind ``params``."""
        needed = int(np.floor(self.deadline_s.max() / params.slot_s))
        if self.n_tasks != params.n_tasks:
            raise ValueError(
                f"the trace has {self.n_tasks} tasks, the scenario {params.n_tasks} (tasks.count); "
                "make the scenario with that count"
            )
        if self.n_slots < needed:
            raise ValueError(
                f"the trace has {self.n_slots} slots per task, its longest deadline needs {needed} of {params.slot_s} s"
            )

    @classmethod
    def draw(cls, scenario: InferenceScenario | str, seed: int = 0, episode: int = 0) -> InferenceTrace:
        """The trace of ``env.reset(seed=seed)``, or of the ``episode``-th reset after it without a seed."""
        return draw_trace(load_scenario(scenario), episode_key(seed_key(seed), episode))

    @classmethod
    def from_arrays(cls, scenario: InferenceScenario | str, seed: int = 0, **arrays: np.ndarray) -> InferenceTrace:
        """A trace from arrays made elsewhere; those not given are drawn from (scenario, seed).

        Any subset of ``TASK_ARRAYS`` and ``SLOT_ARRAYS`` may be given.  The number of tasks follows the arrays, the
        scenario's ``tasks.count`` need not agree.  Raises ``ValueError`` for unknown names and wrong shapes.
        """
        cls.check_given(arrays)
        base = load_scenario(scenario)
        if arrays:
            base = base.replace(**{"tasks.count": len(np.atleast_1d(next(iter(arrays.values()))))})
        widths = [np.shape(arrays[name])[-1] for name in SLOT_ARRAYS if name in arrays and np.ndim(arrays[name]) == 2]
        drawn = draw_trace(base, episode_key(seed_key(seed), 0), widths[0] if widths else None)
        return cls(**({name: getattr(drawn, name) for name in cls.ARRAYS} | arrays))


def draw_trace(scenario: InferenceScenario, key: np.uint64, width: int | None = None) -> InferenceTrace:
    """Materialise the episode of ``key``: the same values that the kernel draws lazily.

    ``width`` is the number of slots of each task, by default what the longest deadline can use.
    """
    params = lower(scenario)
    times_s = given_instants(key, scenario.arrivals.model, scenario.arrivals.parameters, params.n_tasks)
    tasks = records(np.zeros(params.n_tasks, TASK))
    shape = (params.n_tasks, n_slots(scenario) if width is None else width)
    check_size(shape, "tasks.count, or of tasks.deadline_max_s over radio.slot_s")
    fading, noise = np.zeros(shape), np.zeros(shape)
    fading_model = FADING[scenario.fading.model]
    aside(fill_tasks, key, tasks, times_s, params, work=DRAW * len(tasks))
    draw_slots(key, fading, noise, params)
    if not fading_model.built_in:
        fading_model.fill(key, fading, params.slot_s, scenario.fading.parameters)
    return InferenceTrace(**{name: tasks[name] for name in TASK_ARRAYS}, fading=fading, noise=noise)


def draw_slots(key: np.uint64, fading: np.ndarray, noise: np.ndarray, params: np.record) -> None:
    """Gains and predictor errors of every slot of every task into (n_tasks, n_slots) arrays, in place."""
    work = DRAW_SLOT * fading.shape[1]
    for part in pieces(len(fading), work):
        aside(fill_slots, key, part.start, fading[part], noise[part], params, work=work)
