"""What nature decides in one episode of the placement world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

import numpy as np

from splitgym.jit import one_record
from splitgym.quoting import exact
from splitgym.traces.arrivals import check_instants, given_instants
from splitgym.worlds.placement.layout import APP, PARAMS, AppArrays
from splitgym.worlds.placement.lowering import lower
from splitgym.worlds.placement.nature import fill_apps
from splitgym.worlds.placement.scenario import PRESETS, PlacementScenario
from splitgym.worlds.placement.system import system_of
from splitgym.worlds.records import blank, filled


@dataclasses.dataclass(frozen=True, eq=False)
class PlacementTrace(AppArrays):
    """Exogenous randomness of one episode, independent of any action.

    Replay with ``env.reset(options={"trace": trace})``.
    """

    FORMAT: ClassVar[str] = "splitgym-placement-trace-1"
    PRESETS: ClassVar[Any] = PRESETS

    def __post_init__(self) -> None:
        self.settle()
        check_instants(self.arrival_s, self.n_apps, "trace.arrival_s")
        for name in ("source", "dnn"):
            if (getattr(self, name) % 1.0 != 0.0).any():
                raise ValueError(f"trace.{name} must hold whole numbers")

    @classmethod
    def of_key(cls, scenario: PlacementScenario, key: np.uint64, width: int | None = None) -> Self:
        params, system = lower(scenario), system_of(scenario)
        instants_s = given_instants(key, scenario.arrivals.model, scenario.arrivals.parameters, params.n_apps)
        apps: Any = blank(int(params.n_apps), APP)
        fill_apps(key, apps, instants_s, system, one_record(params, PARAMS)[0])
        return cls(**{name: filled(apps)[name] for name in cls.ARRAYS})

    @property
    def n_apps(self) -> int:
        """Number of applications."""
        return len(self.arrival_s)

    def apps(self) -> np.ndarray:
        """The arrays as one (n_apps,) APP record array."""
        return self.table(APP)

    def check(self, params: np.record) -> None:
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


draw_trace = PlacementTrace.of_key
