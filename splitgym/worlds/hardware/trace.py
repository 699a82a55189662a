"""What nature decides in one episode of the hardware world, as arrays: draw, save, load, replay."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from splitgym.jit import one_record, records
from splitgym.ranges import DEADLINE, INSTANT, SHARE, STAGE, Range
from splitgym.seeding import episode_key, seed_key
from splitgym.traces.arrivals import check_instants, given_instants, recorded_instants
from splitgym.traces.base import Arrays, ArrayTrace
from splitgym.worlds.hardware.layout import PARAMS, REQUEST
from splitgym.worlds.hardware.lowering import lower, uses_plugins
from splitgym.worlds.hardware.nature import fill_requests
from splitgym.worlds.hardware.scenario import HardwareScenario, load_scenario
from splitgym.worlds.hardware.workload import published_thresholds_s

#: Array -> (limits, meaning); all have shape (n_requests,).
FACTOR = Range("1", 1e-9, 1e9)
REQUEST_ARRAYS = {
    "arrival_s": (INSTANT, "arrival instant, ascending; not used without queueing"),
    "threshold_s": (DEADLINE, "latency threshold relative to the arrival"),
    "stalled": (SHARE, "1: the edge time is rounded up to the lattice of stalls"),
    "link_factor": (FACTOR, "factor of the transfer time"),
    "link_tail_draw": (SHARE, "uniform draw: below the profile's share the transfer is delayed"),
    "link_tail_s": (STAGE, "that delay"),
    "cloud_factor": (FACTOR, "factor of the time on the server"),
    "node_factor": (Range("1", 0.0, 1e9), "factor of the server's power"),
    "edge_offset_w": (Range("W", -1e3, 1e3), "added to the edge device's power"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class HardwareTrace(ArrayTrace):
    """Exogenous randomness of one episode, independent of any action; arrays and units: ``REQUEST_ARRAYS``.

    Replay with ``env.reset(options={"trace": trace})``.
    """

    ARRAYS: ClassVar[Arrays] = REQUEST_ARRAYS
    FORMAT: ClassVar[str] = "splitgym-hardware-trace-1"

    arrival_s: np.ndarray
    threshold_s: np.ndarray
    stalled: np.ndarray
    link_factor: np.ndarray
    link_tail_draw: np.ndarray
    link_tail_s: np.ndarray
    cloud_factor: np.ndarray
    node_factor: np.ndarray
    edge_offset_w: np.ndarray

    def __post_init__(self) -> None:
        self.settle()
        check_instants(self.arrival_s, self.n_requests, "trace.arrival_s")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(REQUEST_ARRAYS, (len(np.atleast_1d(self.threshold_s)),))

    @property
    def n_requests(self) -> int:
        """Number of requests."""
        return len(self.threshold_s)

    def requests(self) -> np.ndarray:
        """The arrays as one (n_requests,) REQUEST record array."""
        return self.table(REQUEST)

    def check(self, params: np.record) -> None:
        """Raise ``ValueError`` unless the trace fits the scenario behind ``params``."""
        if self.n_requests != params.n_requests:
            raise ValueError(
                f"the trace has {self.n_requests} requests, the scenario {params.n_requests} (requests.count); "
                "make the scenario with that count"
            )

    @classmethod
    def draw(cls, scenario: HardwareScenario | str, seed: int = 0, episode: int = 0) -> HardwareTrace:
        """The trace of ``env.reset(seed=seed)``, or of the ``episode``-th reset after it without a seed."""
        return draw_trace(load_scenario(scenario), episode_key(seed_key(seed), episode))

    @classmethod
    def from_arrays(cls, scenario: HardwareScenario | str, seed: int = 0, **arrays: np.ndarray) -> HardwareTrace:
        """A trace from arrays made elsewhere; those not given are drawn from (scenario, seed).

        Any subset of ``REQUEST_ARRAYS`` may be given.  The number of requests follows the arrays, the scenario's
        ``requests.count`` need not agree.  Raises ``ValueError`` for unknown names and wrong shapes.
        """
        cls.check_given(arrays)
        base = load_scenario(scenario)
        if arrays:
            base = base.replace(**{"requests.count": len(np.atleast_1d(next(iter(arrays.values()))))})
        drawn = draw_trace(base, episode_key(seed_key(seed), 0))
        return cls(**({name: getattr(drawn, name) for name in cls.ARRAYS} | arrays))


def given_arrays(scenario: HardwareScenario) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and arrival instants that no seed changes, (n_requests,) [s]; empty where they are drawn."""
    count, published = scenario.requests.count, scenario.requests.workload == "published"
    thresholds_s = published_thresholds_s(scenario.hardware, count) if published else np.zeros(0)
    waits = scenario.requests.queueing
    arrivals = scenario.arrivals
    return thresholds_s, recorded_instants(arrivals.model, arrivals.parameters, count) if waits else np.zeros(0)


def draw_trace(scenario: HardwareScenario, key: np.uint64) -> HardwareTrace:
    """Materialise the episode of ``key``: the same values that the kernel draws lazily."""
    params = lower(scenario)
    thresholds_s, instants_s = given_arrays(scenario)
    if uses_plugins(scenario):
        instants_s = given_instants(key, scenario.arrivals.model, scenario.arrivals.parameters, params.n_requests)
    requests: Any = records(np.zeros(params.n_requests, REQUEST))
    fill_requests(key, requests, thresholds_s, instants_s, one_record(params, PARAMS)[0])
    return HardwareTrace(**{name: requests[name] for name in REQUEST_ARRAYS})
