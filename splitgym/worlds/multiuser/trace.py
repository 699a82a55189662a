"""What nature decides in one episode of the multi-user world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from splitgym.interrupt import aside
from splitgym.jit import records
from splitgym.ranges import Range
from splitgym.seeding import episode_key, seed_key
from splitgym.traces.base import Arrays, ArrayTrace
from splitgym.traces.fading import FADING
from splitgym.worlds.inference.layout import TASK
from splitgym.worlds.inference.lowering import n_slots
from splitgym.worlds.inference.trace import DRAW, SLOT_ARRAYS, TASK_ARRAYS, draw_slots
from splitgym.worlds.multiuser.lowering import lower
from splitgym.worlds.multiuser.nature import device_key, fill_frames
from splitgym.worlds.multiuser.scenario import MultiUserScenario, load_scenario

#: Array -> (limits, meaning); shape (N, M) for N devices and M frames.
DEVICE_ARRAYS = {name: TASK_ARRAYS[name] for name in ("deadline_s", "gain", "complexity", "hint", "persistent")} | {
    "present": (Range("1", 0.0, 1.0), "1: the device has a task in the frame (0 or 1)"),
}
#: Likewise, shape (M,).
FRAME_ARRAYS = {"edge_load": TASK_ARRAYS["edge_load"]}


@dataclasses.dataclass(frozen=True, eq=False)
class MultiUserTrace(ArrayTrace):
    """Exogenous randomness of one episode of N devices and M frames, independent of any action.

    Arrays and units are those of ``DEVICE_ARRAYS``, shape (N, M), ``FRAME_ARRAYS``, shape (M,), and the inference
    world's ``SLOT_ARRAYS``, shape (N, M, n_slots): G_{n,m}, h_{n,m,t}, ... of the ENACHI specification.  Slot ``t``
    covers ``[t, t+1) * slot_s`` after the start of the frame.  Replay with ``env.reset(options={"trace": trace})``.
    """

    ARRAYS: ClassVar[Arrays] = DEVICE_ARRAYS | FRAME_ARRAYS | SLOT_ARRAYS
    FORMAT: ClassVar[str] = "splitgym-multiuser-trace-1"

    deadline_s: np.ndarray
    gain: np.ndarray
    complexity: np.ndarray
    hint: np.ndarray
    persistent: np.ndarray
    present: np.ndarray
    edge_load: np.ndarray
    fading: np.ndarray
    noise: np.ndarray

    def __post_init__(self) -> None:
        self.settle()
        odd = np.argwhere((self.present != 0.0) & (self.present != 1.0))
        if len(odd):
            where = odd[0].tolist()
            raise ValueError(f"trace.present{where} must be 0 or 1, got {self.present[tuple(where)]!r}")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        users, frames = np.shape(self.gain) if np.ndim(self.gain) == 2 else (0, 0)
        slots = np.shape(self.fading)[-1] if np.ndim(self.fading) else 0
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(DEVICE_ARRAYS, (users, frames))
        shapes.update(dict.fromkeys(FRAME_ARRAYS, (frames,)))
        shapes.update(dict.fromkeys(SLOT_ARRAYS, (users, frames, slots)))
        return shapes

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
        for name in DEVICE_ARRAYS:
            if name != "present":
                tasks[name] = getattr(self, name)
        tasks["edge_load"] = self.edge_load
        return tasks

    def check(self, params: np.record) -> None:
        """Raise ``ValueError`` unless the trace fits the scenario behind ``params``."""
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

    @classmethod
    def draw(cls, scenario: MultiUserScenario | str, seed: int = 0, episode: int = 0) -> MultiUserTrace:
        """The trace of ``env.reset(seed=seed)``, or of the ``episode``-th reset after it without a seed."""
        return draw_trace(load_scenario(scenario), episode_key(seed_key(seed), episode))

    @classmethod
    def from_arrays(cls, scenario: MultiUserScenario | str, seed: int = 0, **arrays: np.ndarray) -> MultiUserTrace:
        """A trace from arrays made elsewhere; those not given are drawn from (scenario, seed).

        Any subset of the arrays may be given.  The numbers of devices and frames follow them, ``users.count`` and
        ``frames.count`` of the scenario need not agree.  Raises ``ValueError`` for unknown names and wrong shapes.
        """
        cls.check_given(arrays)
        base = load_scenario(scenario)
        for name, array in arrays.items():
            shape = np.shape(array)
            if name in FRAME_ARRAYS and len(shape) == 1:
                base = base.replace(**{"frames.count": shape[0]})
            elif len(shape) >= 2:
                base = base.replace(**{"users.count": shape[0], "frames.count": shape[1]})
        widths = [np.shape(arrays[name])[-1] for name in SLOT_ARRAYS if name in arrays and np.ndim(arrays[name]) == 3]
        drawn = draw_trace(base, episode_key(seed_key(seed), 0), widths[0] if widths else None)
        return cls(**({name: getattr(drawn, name) for name in cls.ARRAYS} | arrays))


def draw_trace(scenario: MultiUserScenario, key: np.uint64, width: int | None = None) -> MultiUserTrace:
    """Materialise the episode of ``key``: the same values that the kernel draws lazily.

    ``width`` is the number of slots of each frame, by default what the longest deadline can use.
    """
    params, one = lower(scenario), scenario.one_device()
    users, frames = scenario.users.count, scenario.frames.count
    tasks = records(np.zeros((users, frames), TASK))
    present = np.zeros((users, frames), np.bool_)
    drawn = (tasks, present, scenario.distance_factors, np.zeros(0), params)
    aside(fill_frames, key, *drawn, work=DRAW * tasks.size)
    shape = (users, frames, n_slots(one) if width is None else width)
    fading, noise = np.zeros(shape), np.zeros(shape)
    model = FADING[scenario.fading.model]
    for n in range(users):
        own = np.uint64(device_key(key, n))
        draw_slots(own, fading[n], noise[n], params.one)
        if not model.built_in:
            model.fill(own, fading[n], scenario.radio.slot_s, scenario.fading.parameters)
    return MultiUserTrace(
        **{name: tasks[name] for name in DEVICE_ARRAYS if name != "present"},
        present=present.astype(np.float64),
        edge_load=tasks["edge_load"][0],
        fading=fading,
        noise=noise,
    )
