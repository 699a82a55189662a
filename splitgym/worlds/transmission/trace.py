"""What nature decides in one episode of the transmission world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from splitgym.checks import whole_number
from splitgym.jit import one_record, records
from splitgym.quoting import exact, shown
from splitgym.ranges import DEADLINE, SENT_POWER
from splitgym.seeding import episode_key, seed_key
from splitgym.traces.base import Arrays, ArrayTrace
from splitgym.worlds.inference import trace as inference
from splitgym.worlds.inference.trace import InferenceTrace
from splitgym.worlds.transmission.kernel import window
from splitgym.worlds.transmission.layout import PARAMS, TASK
from splitgym.worlds.transmission.nature import fill_episode
from splitgym.worlds.transmission.scenario import TransmissionScenario, load_scenario
from splitgym.worlds.transmission.task import task_params, task_scenario

#: Array -> (limits, meaning); the slot arrays have shape (n_slots,), the others (1,).
TASK_ARRAYS = {
    **{
        name: inference.TASK_ARRAYS[name]
        for name in ("deadline_s", "gain", "complexity", "hint", "persistent", "edge_load")
    },
    "deadline_s": (DEADLINE, "time from the start of service to the deadline"),
    "reference_w": (SENT_POWER, "reference power of the task level"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class TransmissionTrace(ArrayTrace):
    """Exogenous randomness of one episode, independent of any action.

    Arrays, shapes and units are those of ``TASK_ARRAYS`` in this module (numbers are taken for arrays of one) and of
    the inference world's ``SLOT_ARRAYS``.  Slot ``t`` covers ``[t, t+1) * slot_s`` after the *start of service*, as
    there.  Replay with ``env.reset(options={"trace": trace})``.
    """

    ARRAYS: ClassVar[Arrays] = TASK_ARRAYS | inference.SLOT_ARRAYS
    FORMAT: ClassVar[str] = "splitgym-transmission-trace-1"

    deadline_s: np.ndarray
    gain: np.ndarray
    complexity: np.ndarray
    hint: np.ndarray
    persistent: np.ndarray
    edge_load: np.ndarray
    reference_w: np.ndarray
    fading: np.ndarray
    noise: np.ndarray

    def __post_init__(self) -> None:
        for name in TASK_ARRAYS:
            object.__setattr__(self, name, np.atleast_1d(getattr(self, name)))
        self.settle()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        n_slots = np.shape(self.fading)[-1] if np.ndim(self.fading) else 0
        return {name: (1,) if name in TASK_ARRAYS else (n_slots,) for name in self.ARRAYS}

    @property
    def n_slots(self) -> int:
        """Number of slots, from the start of service."""
        return len(self.fading)

    def task(self) -> np.ndarray:
        """The task arrays as a (1,) TASK record array; what the episode does not need is 0."""
        table = np.zeros(1, TASK)
        for name in TASK_ARRAYS:
            table[name] = getattr(self, name)
        return table

    def check(self, params: np.record) -> None:
        """Raise ``ValueError`` unless the trace fits the scenario behind ``params``."""
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
    def draw(cls, scenario: TransmissionScenario | str, seed: int = 0, episode: int = 0) -> TransmissionTrace:
        """The trace of ``env.reset(seed=seed)``, or of the ``episode``-th reset after it without a seed."""
        return draw_trace(load_scenario(scenario), episode_key(seed_key(seed), episode))

    @classmethod
    def from_arrays(cls, scenario: TransmissionScenario | str, seed: int = 0, **arrays: Any) -> TransmissionTrace:
        """A trace from arrays made elsewhere; those not given are drawn from (scenario, seed).

        The number of slots follows the given slot arrays.  Raises ``ValueError`` for unknown names and wrong shapes.
        """
        cls.check_given(arrays)
        widths = [np.shape(arrays[n])[0] for n in inference.SLOT_ARRAYS if n in arrays and np.ndim(arrays[n]) == 1]
        drawn = draw_trace(load_scenario(scenario), episode_key(seed_key(seed), 0), widths[0] if widths else None)
        return cls(**({name: getattr(drawn, name) for name in cls.ARRAYS} | arrays))

    @classmethod
    def from_task(
        cls, trace: InferenceTrace, task: int, reference_w: float, remaining_s: float | None = None
    ) -> TransmissionTrace:
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


def draw_trace(scenario: TransmissionScenario, key: np.uint64, width: int | None = None) -> TransmissionTrace:
    """Materialise the episode of ``key``: the same values that the kernel draws slot by slot.

    ``width`` is the number of slots, by default what the longest deadline can use.
    """
    episode: Any = records(np.zeros(1, TASK))
    fill_episode(key, episode, np.zeros(0), one_record(task_params(scenario), PARAMS)[0])
    drawn = inference.draw_trace(task_scenario(scenario), key, width)
    return TransmissionTrace.from_task(drawn, 0, float(episode["reference_w"][0]))
