"""What nature decides in one episode of the multi-user world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

import numpy as np

from splitgym.interrupt import aside
from splitgym.jit import records
from splitgym.ranges import Range
from splitgym.traces.base import SLOTS, ArrayTrace, array, array_of
from splitgym.traces.fading import FADING
from splitgym.worlds.channel import channel_arrays, fading_is_recorded, put_recorded_fading
from splitgym.worlds.inference.layout import TASK
from splitgym.worlds.inference.lowering import n_slots
from splitgym.worlds.inference.trace import DRAW, InferenceTrace, draw_slots
from splitgym.worlds.multiuser.lowering import lower
from splitgym.worlds.multiuser.nature import device_key, fill_frames
from splitgym.worlds.multiuser.scenario import PRESETS, MultiUserScenario
from splitgym.worlds.records import blank, filled

#: Scenario keys that count N devices and M frames.
USERS, FRAMES = "users.count", "frames.count"


@dataclasses.dataclass(frozen=True, eq=False)
class MultiUserTrace(ArrayTrace):
    """Exogenous randomness of one episode of N devices and M frames, independent of any action.

    They are G_{n,m}, h_{n,m,t}, ... of the ENACHI specification.  Slot ``t`` covers ``[t, t+1) * slot_s`` after the
    start of the frame.  Replay with ``env.reset(options={"trace": trace})``.
    """

    FORMAT: ClassVar[str] = "splitgym-multiuser-trace-1"
    PRESETS: ClassVar[Any] = PRESETS

    deadline_s: np.ndarray = array_of(InferenceTrace, "deadline_s", USERS, FRAMES)
    gain: np.ndarray = array_of(InferenceTrace, "gain", USERS, FRAMES)
    complexity: np.ndarray = array_of(InferenceTrace, "complexity", USERS, FRAMES)
    hint: np.ndarray = array_of(InferenceTrace, "hint", USERS, FRAMES)
    persistent: np.ndarray = array_of(InferenceTrace, "persistent", USERS, FRAMES)
    present: np.ndarray = array(Range("1", 0.0, 1.0), "1: the device has a task in the frame (0 or 1)", USERS, FRAMES)
    edge_load: np.ndarray = array_of(InferenceTrace, "edge_load", FRAMES)
    fading: np.ndarray = array_of(InferenceTrace, "fading", USERS, FRAMES, SLOTS)
    noise: np.ndarray = array_of(InferenceTrace, "noise", USERS, FRAMES, SLOTS)

    def __post_init__(self) -> None:
        self.settle()
        odd = np.argwhere((self.present != 0.0) & (self.present != 1.0))
        if len(odd):
            where = odd[0].tolist()
            raise ValueError(f"trace.present{where} must be 0 or 1, got {self.present[tuple(where)]!r}")

    @classmethod
    def of_key(cls, scenario: MultiUserScenario, key: np.uint64, width: int | None = None) -> Self:
        params, one = lower(scenario), scenario.one_device()
        users, frames = scenario.users.count, scenario.frames.count
        tasks, present = blank((users, frames), TASK), np.zeros((users, frames), np.bool_)
        channel = channel_arrays(scenario.radio)
        drawn = (tasks, present, scenario.distance_factors, np.zeros(0), channel, params)
        aside(fill_frames, key, *drawn, work=DRAW * tasks.size)
        shape = (users, frames, n_slots(one) if width is None else width)
        fading, noise = np.full(shape, np.nan), np.full(shape, np.nan)
        model = FADING[scenario.fading.model]
        for n in range(users):
            own = np.uint64(device_key(key, n))
            draw_slots(own, fading[n], noise[n], params.one)
            if fading_is_recorded(scenario.radio):
                put_recorded_fading(one, own, n, tasks[n], fading[n])
            elif not model.built_in:
                model.fill(own, fading[n], scenario.radio.slot_s, scenario.fading.parameters)
        arrays = {name: filled(tasks)[name] for name in cls.ARRAYS if name in (TASK.names or ())}
        arrays["edge_load"] = tasks["edge_load"][0]  # one for all
        return cls(**arrays, present=present.astype(np.float64), fading=fading, noise=noise)

    @property
    def n_users(self) -> int:
        """Number of devices, N."""
        return self.gain.shape[0]

    @property
    def n_frames(self) -> int:
        """Number of frames, M."""
        return self.gain.shape[1]

    @property
    def n_slots(self) -> int:
        """Slots per frame."""
        return self.fading.shape[2]

    def tasks(self) -> np.ndarray:
        """The arrays as (N, M) TASK records of the inference world; all tasks begin with their frame."""
        tasks = records(np.zeros(self.gain.shape, TASK))
        for name in self.ARRAYS.keys() & set(TASK.names or ()):
            tasks[name] = getattr(self, name)
        return tasks

    def check(self, params: np.record) -> None:
        have, want = (self.n_users, self.n_frames), (int(params.n_users), int(params.one.n_tasks))
        if have != want:
            raise ValueError(
                f"the trace has {have[0]} devices and {have[1]} frames, the scenario {want[0]} and {want[1]} "
                "(users.count, frames.count); make the scenario with those"
            )
        length_s = float(params.one.arrivals.period_s)
        if self.deadline_s.max() > length_s:
            raise ValueError(f"the trace has a deadline of {self.deadline_s.max()} s in frames of {length_s} s")
        needed = int(np.floor(self.deadline_s.max() / params.one.slot_s))
        if self.n_slots < needed:
            raise ValueError(
                f"the trace has {self.n_slots} slots per frame, its longest deadline needs {needed} of "
                f"{params.one.slot_s} s"
            )


draw_trace = MultiUserTrace.of_key
