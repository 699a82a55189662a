"""What nature decides in one episode of the hardware world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

import numpy as np

from splitgym.jit import one_record
from splitgym.traces.arrivals import check_instants, given_instants, recorded_instants
from splitgym.worlds.hardware.layout import PARAMS, REQUEST, RequestArrays
from splitgym.worlds.hardware.lowering import lower, uses_plugins
from splitgym.worlds.hardware.nature import fill_requests
from splitgym.worlds.hardware.scenario import PRESETS, HardwareScenario
from splitgym.worlds.hardware.workload import published_thresholds_s
from splitgym.worlds.records import blank, filled


@dataclasses.dataclass(frozen=True, eq=False)
class HardwareTrace(RequestArrays):
    """Exogenous randomness of one episode, independent of any action.

    Replay with ``env.reset(options={"trace": trace})``.
    """

    FORMAT: ClassVar[str] = "splitgym-hardware-trace-1"
    PRESETS: ClassVar[Any] = PRESETS

    def __post_init__(self) -> None:
        self.settle()
        check_instants(self.arrival_s, self.n_requests, "trace.arrival_s")

    @classmethod
    def of_key(cls, scenario: HardwareScenario, key: np.uint64, width: int | None = None) -> Self:
        params = lower(scenario)
        thresholds_s, instants_s = given_arrays(scenario)
        if uses_plugins(scenario):
            instants_s = given_instants(key, scenario.arrivals.model, scenario.arrivals.parameters, params.n_requests)
        requests: Any = blank(int(params.n_requests), REQUEST)
        fill_requests(key, requests, thresholds_s, instants_s, one_record(params, PARAMS)[0])
        return cls(**{name: filled(requests)[name] for name in cls.ARRAYS})

    @property
    def n_requests(self) -> int:
        """Number of requests."""
        return len(self.threshold_s)

    def requests(self) -> np.ndarray:
        """The arrays as one (n_requests,) REQUEST record array."""
        return self.table(REQUEST)

    def check(self, params: np.record) -> None:
        if self.n_requests != params.n_requests:
            raise ValueError(
                f"the trace has {self.n_requests} requests, the scenario {params.n_requests} (requests.count); "
                "make the scenario with that count"
            )


draw_trace = HardwareTrace.of_key


def given_arrays(scenario: HardwareScenario) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and arrival instants that no seed changes, (n_requests,) [s]; empty where they are drawn."""
    count, published = scenario.requests.count, scenario.requests.workload == "published"
    thresholds_s = published_thresholds_s(scenario.hardware, count) if published else np.zeros(0)
    waits = scenario.requests.queueing
    arrivals = scenario.arrivals
    return thresholds_s, recorded_instants(arrivals.model, arrivals.parameters, count) if waits else np.zeros(0)
