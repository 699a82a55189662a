"""What nature decides in one episode of the transmission world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

import numpy as np

from splitgym.checks import whole_number
from splitgym.jit import one_record
from splitgym.quoting import exact, shown
from splitgym.traces.base import SLOTS, array_of
from splitgym.worlds.channel import channel_arrays
from splitgym.worlds.inference.trace import InferenceTrace
from splitgym.worlds.records import blank, filled
from splitgym.worlds.transmission.kernel import window
from splitgym.worlds.transmission.layout import PARAMS, TASK, TaskArrays
from splitgym.worlds.transmission.nature import fill_episode
from splitgym.worlds.transmission.scenario import PRESETS, TransmissionScenario
from splitgym.worlds.transmission.task import task_params, task_scenario


@dataclasses.dataclass(frozen=True, eq=False)
class TransmissionTrace(TaskArrays):
    """Exogenous randomness of one episode, independent of any action; numbers are taken for arrays of one.

    Slot ``t`` covers ``[t, t+1) * slot_s`` after the *start of service*, as in the inference world.  Replay with
    ``env.reset(options={"trace": trace})``.
    """

    FORMAT: ClassVar[str] = "splitgym-transmission-trace-1"
    PRESETS: ClassVar[Any] = PRESETS

    fading: np.ndarray = array_of(InferenceTrace, "fading", SLOTS)
    noise: np.ndarray = array_of(InferenceTrace, "noise", SLOTS)

    def __post_init__(self) -> None:
        for name in TaskArrays.ARRAYS:
            object.__setattr__(self, name, np.atleast_1d(getattr(self, name)))
        self.settle()

    @classmethod
    def of_key(cls, scenario: TransmissionScenario, key: np.uint64, width: int | None = None) -> Self:
        episode = blank(1, TASK)
        channel = channel_arrays(scenario.radio)[0]
        fill_episode(key, episode, np.zeros(0), channel, one_record(task_params(scenario), PARAMS)[0])
        drawn = InferenceTrace.of_key(task_scenario(scenario), key, width)
        return cls.from_task(drawn, 0, float(filled(episode)["reference_w"][0]))

    @property
    def n_slots(self) -> int:
        """Number of slots, from the start of service."""
        return len(self.fading)

    def task(self) -> np.ndarray:
        """The task arrays as a (1,) TASK record array; what the episode does not need is 0."""
        table = np.zeros(1, TASK)
        for name in TaskArrays.ARRAYS:
            table[name] = getattr(self, name)
        return table

    def check(self, params: np.record) -> None:
        deadline_s, reference_w = float(self.deadline_s[0]), float(self.reference_w[0])
        needed = int(np.floor(deadline_s / params.slot_s))
        if self.n_slots < needed:
            raise ValueError(
                f"the trace has {self.n_slots} slots, its deadline of {exact(deadline_s)} s needs {needed} of "
                f"{params.slot_s} s"
            )
        load = float(self.edge_load[0])
        if window(deadline_s, load, params)[1] < 1:
            raise ValueError(
                f"the trace's deadline of {exact(deadline_s)} s leaves no slot in this scenario at edge_load "
                f"{exact(load)}"
            )
        if reference_w > params.power_max_w:
            raise ValueError(
                f"trace.reference_w must be <= {exact(params.power_max_w)} W here, got {exact(reference_w)}"
            )

    @classmethod
    def from_task(cls, trace: InferenceTrace, task: int, reference_w: float, remaining_s: float | None = None) -> Self:
        """The transmission of one task of ``SplitInference-v0``.

        Args:
            trace: the episode there.
            task: index of the task.
            reference_w: the transmit power that was decided there [W].
            remaining_s: time left at the start of service [s]; default: the deadline, as if the task had not waited.

        The slots are the same as there where the features go to the edge alone (no exit, no cloud) and the device ran
        at this world's clock.  Raises ``ValueError`` for a task that the trace does not have.
        """
        if not isinstance(trace, InferenceTrace):
            raise ValueError(f"trace must be an InferenceTrace, got {shown(trace)}")
        task = whole_number("task", task, 0, trace.n_tasks - 1)
        shared = [name for name in cls.ARRAYS if name in InferenceTrace.ARRAYS]
        arrays = {name: getattr(trace, name)[task] for name in shared}
        if remaining_s is not None:
            arrays["deadline_s"] = remaining_s
        return cls(**arrays, reference_w=np.array([reference_w]))


draw_trace = TransmissionTrace.of_key
