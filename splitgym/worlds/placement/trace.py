"""What nature decides in one episode of the placement world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from splitgym.jit import one_record, records
from splitgym.quoting import exact
from splitgym.ranges import FREQUENCY, INSTANT, SCORE, TARGET, Range
from splitgym.seeding import episode_key, seed_key
from splitgym.traces.arrivals import check_instants, given_instants
from splitgym.traces.base import Arrays, ArrayTrace
from splitgym.worlds.placement.layout import APP, PARAMS
from splitgym.worlds.placement.lowering import lower
from splitgym.worlds.placement.nature import fill_apps
from splitgym.worlds.placement.scenario import PlacementScenario, load_scenario
from splitgym.worlds.placement.system import system_of

#: Array -> (limits, meaning); all have shape (n_apps,).
APP_ARRAYS = {
    "arrival_s": (INSTANT, "arrival instant, ascending"),
    "holding_s": (Range("s", 0.0, 1e12), "how long the application stays if it is accepted"),
    "source": (Range("1", 0.0, 1e6), "index of the node at which its input arises"),
    "dnn": (Range("1", 0.0, 1e6), "index of its network"),
    "latency_s": (TARGET, "latency target"),
    "accuracy": (SCORE, "accuracy target"),
    "rate_hz": (FREQUENCY, "inferences"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class PlacementTrace(ArrayTrace):
    """Exogenous randomness of one episode, independent of any action; arrays and units: ``APP_ARRAYS``.

    Replay with ``env.reset(options={"trace": trace})``.
    """

    ARRAYS: ClassVar[Arrays] = APP_ARRAYS
    FORMAT: ClassVar[str] = "splitgym-placement-trace-1"

    arrival_s: np.ndarray
    holding_s: np.ndarray
    source: np.ndarray
    dnn: np.ndarray
    latency_s: np.ndarray
    accuracy: np.ndarray
    rate_hz: np.ndarray

    def __post_init__(self) -> None:
        self.settle()
        check_instants(self.arrival_s, self.n_apps, "trace.arrival_s")
        for name in ("source", "dnn"):
            if (getattr(self, name) % 1.0 != 0.0).any():
                raise ValueError(f"trace.{name} must hold whole numbers")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(APP_ARRAYS, (len(np.atleast_1d(self.arrival_s)),))

    @property
    def n_apps(self) -> int:
        """Number of applications."""
        return len(self.arrival_s)

    def apps(self) -> np.ndarray:
        """The arrays as one (n_apps,) APP record array."""
        return self.table(APP)

    def check(self, params: np.record) -> None:
        """Raise ``ValueError`` unless the trace fits the scenario behind ``params``."""
        if self.n_apps != params.n_apps:
            raise ValueError(
                f"the trace has {self.n_apps} applications, the scenario {params.n_apps} (applications.count); "
                "make the scenario with that count"
            )
        for name, limit in (("source", params.n_nodes), ("dnn", params.n_dnns)):
            if getattr(self, name).max() >= limit:
                raise ValueError(
                    f"trace.{name} must be < {limit} in this scenario, got {exact(getattr(self, name).max())}"
                )

    @classmethod
    def draw(cls, scenario: PlacementScenario | str, seed: int = 0, episode: int = 0) -> PlacementTrace:
        """The trace of ``env.reset(seed=seed)``, or of the ``episode``-th reset after it without a seed."""
        return draw_trace(load_scenario(scenario), episode_key(seed_key(seed), episode))

    @classmethod
    def from_arrays(cls, scenario: PlacementScenario | str, seed: int = 0, **arrays: np.ndarray) -> PlacementTrace:
        """A trace from arrays made elsewhere; those not given are drawn from (scenario, seed).

        Any subset of ``APP_ARRAYS`` may be given.  The number of applications follows the arrays.  Raises
        ``ValueError`` for unknown names and wrong shapes.
        """
        cls.check_given(arrays)
        base = load_scenario(scenario)
        if arrays:
            base = base.replace(**{"applications.count": len(np.atleast_1d(next(iter(arrays.values()))))})
        drawn = draw_trace(base, episode_key(seed_key(seed), 0))
        return cls(**({name: getattr(drawn, name) for name in cls.ARRAYS} | arrays))


def draw_trace(scenario: PlacementScenario, key: np.uint64) -> PlacementTrace:
    """Materialise the episode of ``key``: the same values that the kernel draws lazily."""
    params, system = lower(scenario), system_of(scenario)
    instants_s = given_instants(key, scenario.arrivals.model, scenario.arrivals.parameters, params.n_apps)
    apps: Any = records(np.zeros(params.n_apps, APP))
    fill_apps(key, apps, instants_s, system.nodes, system.dnns, system.rest_s, one_record(params, PARAMS)[0])
    return PlacementTrace(**{name: apps[name] for name in APP_ARRAYS})
