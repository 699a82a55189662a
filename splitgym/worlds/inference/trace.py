"""What nature decides in one episode of the inference world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

import numpy as np

from splitgym.interrupt import aside, pieces
from splitgym.ranges import FADING_GAIN, NORMAL
from splitgym.traces.arrivals import check_instants, given_instants
from splitgym.traces.base import SLOTS, array, check_size
from splitgym.traces.fading import FADING
from splitgym.worlds.channel import channel_arrays, fading_is_recorded, put_recorded_fading
from splitgym.worlds.inference.layout import TASK, TASKS, TaskArrays
from splitgym.worlds.inference.lowering import lower, n_slots
from splitgym.worlds.inference.nature import fill_slots, fill_tasks
from splitgym.worlds.inference.scenario import PRESETS, InferenceScenario
from splitgym.worlds.records import blank, filled

#: Elementary steps that the draw of a task takes, and that of a slot.
DRAW, DRAW_SLOT = 16, 4


@dataclasses.dataclass(frozen=True, eq=False)
class InferenceTrace(TaskArrays):
    """Exogenous randomness of one episode, independent of any action.

    Slot ``t`` of task ``k`` covers ``[t, t+1) * slot_s`` after the *start of service* of the task, which is its arrival
    if it need not wait.  Replay with ``env.reset(options={"trace": trace})``.
    """

    FORMAT: ClassVar[str] = "splitgym-inference-trace-1"
    PRESETS: ClassVar[Any] = PRESETS

    fading: np.ndarray = array(FADING_GAIN, "h: power gain of each slot after the start of service", TASKS, SLOTS)
    noise: np.ndarray = array(NORMAL, "e: per-slot part of the stop predictor's error, N(0, 1)", TASKS, SLOTS)

    def __post_init__(self) -> None:
        self.settle()
        check_instants(self.arrival_s, self.n_tasks, "trace.arrival_s")

    @classmethod
    def of_key(cls, scenario: InferenceScenario, key: np.uint64, width: int | None = None) -> Self:
        params = lower(scenario)
        shape = (int(params.n_tasks), n_slots(scenario) if width is None else width)
        check_size(shape, "tasks.count, or of tasks.deadline_max_s over radio.slot_s")
        tasks, fading, noise = draw_tasks(scenario, key, params), np.full(shape, np.nan), np.full(shape, np.nan)
        fading_model = FADING[scenario.fading.model]
        draw_slots(key, fading, noise, params)
        if not fading_model.built_in and not fading_is_recorded(scenario.radio):
            fading_model.fill(key, fading, params.slot_s, scenario.fading.parameters)
        if fading_is_recorded(scenario.radio):
            put_recorded_fading(scenario, key, 0, tasks, fading)
        return cls(**{name: tasks[name] for name in TaskArrays.ARRAYS}, fading=fading, noise=noise)

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


draw_trace = InferenceTrace.of_key


def draw_tasks(scenario: InferenceScenario, key: np.uint64, params: np.record) -> np.ndarray:
    """What nature decides about every task of the episode of a key, (n_tasks,) TASK."""
    times_s = given_instants(key, scenario.arrivals.model, scenario.arrivals.parameters, params.n_tasks)
    tasks = blank(int(params.n_tasks), TASK)
    aside(fill_tasks, key, tasks, times_s, channel_arrays(scenario.radio)[0], params, work=DRAW * len(tasks))
    return filled(tasks)


def draw_slots(key: np.uint64, fading: np.ndarray, noise: np.ndarray, params: np.record) -> None:
    """Gains and predictor errors of every slot of every task into (n_tasks, n_slots) arrays, in place."""
    work = DRAW_SLOT * fading.shape[1]
    for part in pieces(len(fading), work):
        aside(fill_slots, key, part.start, fading[part], noise[part], params, work=work)
