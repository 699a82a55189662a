"""DynaSplit's online phase and the static baselines of its evaluation.

Source: May et al., "DynaSplit: A Hardware-Software Co-Design Framework for Energy-Aware Inference on Edge",
arXiv 2410.23881; the offline phase is :mod:`splitgym.baselines.search`.

Ours: the default front is that of all valid decisions, which the calibrated model makes cheap; the published one comes
from ``search="nsga3"``.  On ``SplitInference-v0`` everything but the two phases themselves is ours: the decisions are
that world's grid, measured under its nominal conditions (:mod:`splitgym.worlds.inference.nominal_figures`) with
features sent whole, and the limit is the task's remaining time.  Channel and energy queue play no part.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from splitgym.baselines.search import SEARCHES, check_search, problem_of, search
from splitgym.baselines.simple import ALL_OR_NOTHING
from splitgym.fronts import Front
from splitgym.numbers import as_array
from splitgym.physics.codec import from_observation
from splitgym.policy import Policy, one_of, register_policy
from splitgym.specs import command_line
from splitgym.worlds.hardware.workload import SEED

_SEARCH: tuple[str, float, int] = ("exhaustive", 0.2, SEED)  # the search of a policy that is given none


class OnFront(Policy):
    """Base of the policies that choose from a front.

    Args:
        env: see :class:`splitgym.policy.Policy`.
        front: a front, or the path of its file (``splitgym optimize`` writes one); ``None``: search for one now.
            It may come from another scenario of the same environment, as long as it decides the same axes.
        search: how to search: "exhaustive", "nsga3" (extra ``[search]``) or "random".
        budget: share of the valid decisions that the search may evaluate.
        search_seed: seed of the search; by default that of the published experiments.
        seed: unused.

    Raises ``ValueError`` for a front of another environment, of other axes or other levels, for an unknown search, and
    for arguments of a search beside a front.
    """

    worlds: ClassVar[tuple[str, ...] | None] = ("hardware", "inference")

    def __init__(
        self,
        env: Any,
        *,
        front: Front | str | Path | None = None,
        search: str = _SEARCH[0],
        budget: float = _SEARCH[1],
        search_seed: int = _SEARCH[2],
        seed: int = 0,
    ) -> None:
        super().__init__(env, seed=seed)
        check_search(search, budget, search_seed)
        if front is not None and (search, budget, search_seed) != _SEARCH:
            raise ValueError(
                "a front is given, so nothing is searched: leave out front, or search, budget, search_seed"
            )
        if front is None:
            front = _search(problem_of(self.world, self.scenario), search, budget=budget, seed=search_seed)
        self.front = front if isinstance(front, Front) else Front.load(front)
        self._check()

    @classmethod
    def depends_on(cls, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """The search that makes the front; it may be the user's own code."""
        return (SEARCHES[parameters["search"]],) if parameters.get("search") in SEARCHES else ()

    @classmethod
    def options_for(cls, world: str) -> Mapping[str, Any]:
        """Features are sent whole at constant power where there is a radio."""
        return ALL_OR_NOTHING if world == "inference" else {}

    def _check(self) -> None:
        names = tuple(axis.name for axis in self.encoding.axes)
        if self.front.env_id != self.world.env_id or self.front.axes != names:
            raise ValueError(
                f"the front decides {', '.join(self.front.axes)} of {self.front.env_id}, the environment is "
                f"{self.world.env_id} with {', '.join(names)}; search again: "
                + command_line("optimize", "--env", self.world.env_id)
            )
        for axis, column in zip(self.encoding.axes, self.front.decisions.T, strict=True):
            strange = column[~np.isin(column, axis.levels)]
            if len(strange):
                raise ValueError(
                    f"the front uses {axis.name}={strange[0]:g} {axis.unit}, which scenario {self.scenario.name!r} "
                    "does not have; search again with its scenario"
                )

    def take(self, entries: np.ndarray, decisions: np.ndarray) -> None:
        """Decide by the entries (n,) of the front, in place."""
        for name, column in zip(self.front.axes, self.front.decisions[entries].T, strict=True):
            decisions[name] = column


_search = search  # the argument of the policies hides the name


@register_policy
class DynaSplit(OnFront):
    """The entry of least energy whose recorded latency meets the limit, else the fastest (s3.2).

    A binary search in the sorted front, O(log n); a single observation takes microseconds, since the entries' actions
    are ready-made.
    """

    name: ClassVar[str] = "dynasplit"
    summary: ClassVar[str] = "least energy on a Pareto front that meets the latency threshold (arXiv 2410.23881)"

    @functools.cached_property
    def _limit(self) -> tuple[int, tuple[int, float, float]]:
        """Where the limit stands in an observation, and how it is decoded."""
        place = (self._view.names or ()).index("remaining_s")
        kind, low, high = (column[place].item() for column in self._fields)
        return place, (kind, low, high)

    @functools.cached_property
    def _ready(self) -> list[Any]:
        """The action of every entry."""
        actions = self.encoding.encode(self.front.decisions)
        return [one_of(actions, entry) for entry in range(len(self.front))]

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[Any, Any]:
        """As :meth:`splitgym.policy.Policy.predict`."""
        observation = as_array(observation, "observations")
        if observation.shape != (len(self._fields[0]),):
            return super().predict(observation, state, episode_start, deterministic)
        place, law = self._limit
        limit_s = from_observation(float(np.float32(observation[place])), *law)
        return copy.copy(self._ready[self.front.choose(limit_s)]), state

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        self.take(self.front.choose_rows(views["remaining_s"]), decisions)


@register_policy
class DynaSplitAware(OnFront):
    """DynaSplit that counts the time to change clock or accelerator (ours; equal to it where that is free).

    It looks no further than the request at hand.
    """

    name: ClassVar[str] = "dynasplit_aware"
    summary: ClassVar[str] = "dynasplit that counts the time to change clock or accelerator (ours)"
    worlds: ClassVar[tuple[str, ...] | None] = ("hardware",)

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        clock_hz, mode = (self.front.decisions[:, self.front.axes.index(a)] for a in ("clock_hz", "accelerator"))
        # an observed clock is as exact as float32
        changes = (np.abs(views["clock_hz"][:, None] - clock_hz) > 1e-3 * clock_hz) | (
            np.abs(views["accelerator"][:, None] - mode) > 0.5
        )
        latency_s = self.front.latency_s + self.params.reconfigure_s * changes
        meets = latency_s <= views["remaining_s"][:, None]
        self.take(np.where(meets.any(axis=1), meets.argmax(axis=1), latency_s.argmin(axis=1)), decisions)


@register_policy
class LatencyOptimal(OnFront):
    """The fastest entry of the front, always (s3.3)."""

    name: ClassVar[str] = "latency_optimal"
    summary: ClassVar[str] = "the fastest configuration of the front, always"
    worlds: ClassVar[tuple[str, ...] | None] = ("hardware",)

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        self.take(np.full(len(views), self.front.fastest()), decisions)


@register_policy
class EnergyOptimal(OnFront):
    """The entry of least energy of the front, always (s3.3)."""

    name: ClassVar[str] = "energy_optimal"
    summary: ClassVar[str] = "the most frugal configuration of the front, always"
    worlds: ClassVar[tuple[str, ...] | None] = ("hardware",)

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        self.take(np.full(len(views), self.front.frugal()), decisions)


@register_policy
class CloudOnly(Policy):
    """Everything on the server's GPU, the edge device at its fastest clock (s3.3)."""

    name: ClassVar[str] = "cloud_only"
    summary: ClassVar[str] = "everything on the server with its GPU"
    worlds: ClassVar[tuple[str, ...] | None] = ("hardware",)

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        decisions["clock_hz"] = max(self.scenario.hardware.clocks_hz)
        decisions["accelerator"], decisions["split"], decisions["gpu"] = 0, 0, 1


@register_policy
class EdgeOnly(Policy):
    """Everything on the edge device at its fastest clock, accelerator in mode max if there is one (s3.3)."""

    name: ClassVar[str] = "edge_only"
    summary: ClassVar[str] = "everything on the edge device, as fast as it can"
    worlds: ClassVar[tuple[str, ...] | None] = ("hardware",)

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        decisions["clock_hz"] = max(self.scenario.hardware.clocks_hz)
        decisions["accelerator"] = 2 if self.scenario.hardware.accelerated else 0
        decisions["split"], decisions["gpu"] = self.params.last_split, 0
