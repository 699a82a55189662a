"""Benchmarks without control over time: random, fixed decisions, EFFECT-like, myopic (ENACHI specification, s8)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from splitgym.baselines import kernel
from splitgym.baselines.powers import fixed_power_w
from splitgym.baselines.tasks import TaskPolicy
from splitgym.checks import word
from splitgym.policy import Policy, register_policy
from splitgym.ranges import CLOCK
from splitgym.seeding import seed_key

ALL_OR_NOTHING = {"packet_control": "constant", "early_stop": False, "progressive": False}


@register_policy
class Random(Policy):
    """A level of every axis, uniformly and independently; the lower anchor of every comparison.

    The draws are a function of the seed and the observed values, so a row's decision does not depend on the rows beside
    it nor on what was played before, and an episode can be played again alone.
    """

    name: ClassVar[str] = "random"
    worlds: ClassVar = None
    summary: ClassVar[str] = "a random level of every axis"

    def __init__(self, env: Any, *, seed: int = 0) -> None:
        super().__init__(env, seed=seed)
        self._key = seed_key(seed)

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        columns = decisions.view(np.float64).reshape(len(decisions), -1)
        words = np.ascontiguousarray(views).view(np.uint64).reshape(len(views), -1)
        kernel.random_rows(words, self._key, self.encoding.counts, self.encoding.levels, columns)


@register_policy
class Device(TaskPolicy):
    """Everything on the device, aborted at the deadline (section 8).

    Ours: the slowest clock that is in time, which costs the least; with one clock this is the published policy.
    """

    name: ClassVar[str] = "device"
    summary: ClassVar[str] = "everything on the device"
    episode_options: ClassVar = ALL_OR_NOTHING

    def decide_tasks(self, views: np.ndarray, decisions: np.ndarray, params: np.ndarray) -> None:
        kernel.device_rows(views, decisions, params)


@register_policy
class Effect(TaskPolicy):
    """EFFECT-DNN-like: least energy predicted to deliver all features in time, or local; else all power (section 8).

    Ours: clocks are candidates too, and device energy counts exits in expectation.  Where nothing can be delivered
    ties go to the least energy.
    """

    name: ClassVar[str] = "effect"
    summary: ClassVar[str] = "least energy for complete delivery in time (EFFECT-like)"
    episode_options: ClassVar = ALL_OR_NOTHING

    def decide_tasks(self, views: np.ndarray, decisions: np.ndarray, params: np.ndarray) -> None:
        kernel.effect_rows(views, decisions, params)


@register_policy
class Myopic(TaskPolicy):
    """One budget for every task: the best surrogate accuracy with E <= Ebar, or local, or skip (section 8).

    Ours: clocks are candidates too, exits count in expectation, and among equals the least expected energy is taken.
    """

    name: ClassVar[str] = "myopic"
    summary: ClassVar[str] = "best accuracy within one budget, task by task"

    def decide_tasks(self, views: np.ndarray, decisions: np.ndarray, params: np.ndarray) -> None:
        kernel.myopic_rows(views, decisions, params)


class FixedDecision(TaskPolicy):
    """The same decision for every task.

    Args:
        env: see :class:`splitgym.policy.Policy`.
        cut: name of the device cut; default: the stem, in a network without one the first behind the input.
        power_w: reference transmit power [W], at most the scenario's limit; default 0.1, the published figure, or
            the limit where that is less.
        clock_hz: device clock [Hz]; default: the fastest.
        seed: unused.
    """

    default_cut: ClassVar[str] = "stem"

    def __init__(
        self,
        env: Any,
        *,
        cut: str | None = None,
        power_w: float | None = None,
        clock_hz: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(env, seed=seed)
        names = list(self.scenario.dnn.cut_names)
        usual = self.default_cut if self.default_cut in names else names[1]
        chosen = word("cut", usual if cut is None else cut, names)
        self.fixed = {
            "cut": float(names.index(chosen)),
            "edge_cut": float(self.task_params.last_cut),
            "clock_hz": self._clock_hz(clock_hz),
            "power_w": fixed_power_w(power_w, self.task_params.power_max_w),
        }

    def _clock_hz(self, clock_hz: float | None) -> float:
        clocks_hz = self.scenario.device.clocks_hz
        if clock_hz is None:
            return max(clocks_hz)
        return CLOCK.check("clock_hz", clock_hz, low=min(clocks_hz), high=max(clocks_hz))

    def decide_tasks(self, views: np.ndarray, decisions: np.ndarray, params: np.ndarray) -> None:
        for name, value in self.fixed.items():
            decisions[name] = value


@register_policy
class Edge(FixedDecision):
    """The raw input to the edge at full power, all or nothing (section 8)."""

    name: ClassVar[str] = "edge"
    summary: ClassVar[str] = "raw input to the edge at full power"
    episode_options: ClassVar = ALL_OR_NOTHING
    default_cut: ClassVar[str] = "input"

    def __init__(self, env: Any, *, seed: int = 0) -> None:
        super().__init__(env, seed=seed)
        self.fixed["power_w"] = float(self.task_params.power_max_w)


@register_policy
class Static(FixedDecision):
    """Stem at 100 mW, all features or nothing (section 8)."""

    name: ClassVar[str] = "static"
    summary: ClassVar[str] = "stem at 100 mW, all features or nothing"
    episode_options: ClassVar = ALL_OR_NOTHING


@register_policy
class ProgFtx(FixedDecision):
    """ProgressFTX-like: stem at 100 mW, partial features, early stop, no energy control (section 8)."""

    name: ClassVar[str] = "progftx"
    summary: ClassVar[str] = "stem at 100 mW, progressive with early stop (ProgressFTX-like)"
    episode_options: ClassVar = {"packet_control": "constant"}
