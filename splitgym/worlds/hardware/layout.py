"""Records of the hardware world and ``lower``: the scenario as the kernel sees it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from splitgym.fields import tables
from splitgym.jit import one_record, records
from splitgym.physics.arrivals import ARRIVAL_PARAMS
from splitgym.quoting import exact
from splitgym.ranges import MOST_TASK_S, at_most
from splitgym.traces.arrivals import ARRIVALS, lower_arrivals
from splitgym.worlds.hardware.kernel import RECENT, allowed_gpu, allowed_mode, nominal_rows
from splitgym.worlds.hardware.profile import MODES, HardwareProfile
from splitgym.worlds.hardware.scenario import HardwareScenario
from splitgym.worlds.records import fill_record

#: What a row remembers between two steps.
STATE = np.dtype(
    [
        ("key", "u8"),  # randomness of the episode
        ("request", "i8"),  # index of the request to be decided
        ("free_s", "f8"),  # instant at which the last request was answered
        ("wait_s", "f8"),  # waiting of the present request
        ("remaining_s", "f8"),  # what is left of its threshold
        ("clock_hz", "f8"),  # configuration in force
        ("accelerator", "i8"),
        ("split", "i8"),
        ("gpu", "i8"),
        ("recent_s", "f8", (RECENT,)),  # latencies of the last requests, newest first
        ("recorded", "?"),  # requests come from a trace
        ("finished", "?"),  # no request left
        ("depleted", "?"),  # never: the hardware has no battery
    ],
    align=True,
)

#: What nature decides about a request.
REQUEST = np.dtype(
    [
        ("arrival_s", "f8"),  # 0 without queueing
        ("threshold_s", "f8"),  # relative to the arrival
        ("stalled", "f8"),  # 1: the edge time is rounded up to the lattice of stalls
        ("link_factor", "f8"),  # of the transfer time
        ("link_tail_draw", "f8"),  # uniform; an extra delay if below the share of such transfers
        ("link_tail_s", "f8"),  # the extra delay
        ("cloud_factor", "f8"),  # of the tail's time
        ("node_factor", "f8"),  # of the server's power
        ("edge_offset_w", "f8"),  # of the edge device's power
    ],
    align=True,
)

#: What a policy knows: the observation decoded to SI units; the fields of the observation table, in its order.
VIEW = np.dtype(
    [
        ("remaining_s", "f8"),
        ("clock_hz", "f8"),
        ("accelerator", "f8"),
        ("split", "f8"),
        ("gpu", "f8"),
        *((f"latency_{j + 1}_s", "f8") for j in range(RECENT)),
        ("backlog", "f8"),
    ]
)

#: A decision; all fields are floats so that an (n, 4) matrix can be viewed as one.
DECISION = np.dtype([("clock_hz", "f8"), ("accelerator", "f8"), ("split", "f8"), ("gpu", "f8")])

#: What came of a step; the columns of ``info`` (units in the names).
OUTCOME = np.dtype(
    [
        ("request", "i8"),
        ("clock_hz", "f8"),  # configuration in force, invalid combinations resolved
        ("accelerator", "i8"),  # 0 off, 1 std, 2 max
        ("split", "i8"),
        ("gpu", "?"),
        ("switched", "?"),  # clock or accelerator changed
        ("stalled", "?"),
        ("threshold_s", "f8"),
        ("on_time", "?"),
        ("accuracy", "f8"),  # of the configuration, answers after the threshold too; NaN where it was not measured
        ("latency_wait_s", "f8"),
        ("latency_reconfigure_s", "f8"),
        ("latency_edge_s", "f8"),
        ("latency_transfer_s", "f8"),
        ("latency_cloud_s", "f8"),
        ("latency_s", "f8"),  # arrival to answer
        ("energy_reconfigure_j", "f8"),
        ("energy_edge_j", "f8"),
        ("energy_cloud_j", "f8"),
        ("energy_j", "f8"),  # charged
        ("saved_j", "f8"),  # against a nominal cloud-only request
        ("cost_s", "f8"),  # latency beyond the threshold
        ("reward", "f8"),
    ],
    align=True,
)


class Nature(NamedTuple):
    """Arrays of what nature decides for n rows."""

    requests: np.ndarray  # (n, n_requests) REQUEST
    threshold_s: np.ndarray  # (n_requests,) published thresholds, empty where they are drawn
    arrival_s: np.ndarray  # (n_requests,) recorded arrival instants, empty for other models


#: Least energy of the request that all are compared with, most of any [J].
LEAST_REFERENCE_J, MOST_REQUEST_J = 1e-9, 1e12
MAX_CLOCKS, MAX_SPLITS, MAX_LATTICE, MAX_FIELDS = 16, 128, 16, 16

#: The scenario in SI units, derived values included; L = last split layer, counts beside the tables.
PARAMS = np.dtype(
    [
        ("n_requests", "i8"),
        ("last_split", "i8"),  # L: everything on the edge device
        ("accelerated", "?"),
        ("n_clocks", "i8"),
        ("clocks_hz", "f8", (MAX_CLOCKS,)),
        ("pipeline_s", "f8"),
        ("pipeline_cycles", "f8"),
        ("cpu_s", "f8", (MAX_SPLITS,)),  # (L+1,)
        ("cpu_cycles", "f8", (MAX_SPLITS,)),  # (L+1,)
        ("accelerator_cycles", "f8"),
        ("accelerator_cycles_per_bit", "f8"),
        ("accelerator_s", "f8", (2, MAX_SPLITS)),  # (std or max, L+1)
        ("cut_bits", "f8", (MAX_SPLITS,)),  # (L+1,)
        ("link_fixed_s", "f8"),
        ("link_s_per_bit", "f8"),
        ("cloud_s", "f8", (2, MAX_SPLITS)),  # (CPU or GPU, L+1)
        ("head_w", "f8", (3, MAX_CLOCKS)),  # (mode, clock)
        ("wait_w", "f8", (3,)),
        ("wait_j_per_cycle", "f8", (3,)),
        ("node_w", "f8", (2,)),
        ("node_load_w", "f8", (2,)),
        ("node_idle_s", "f8"),
        ("accuracy", "f8", (3, MAX_SPLITS)),  # (mode, L+1); NaN where it was not measured
        ("noisy", "?"),
        ("hold", "i8"),
        ("stall_share", "f8"),
        ("n_lattice", "i8"),
        ("stall_lattice_s", "f8", (MAX_LATTICE,)),
        ("stall_step_s", "f8"),
        ("link_log_std", "f8"),
        ("link_tail_share", "f8"),
        ("link_tail_large_share", "f8"),
        ("link_large_bits", "f8"),
        ("link_tail_s", "f8"),
        ("link_tail_log_std", "f8"),
        ("link_tail_max_s", "f8"),
        ("cloud_log_std", "f8"),
        ("node_std", "f8"),
        ("node_high_share", "f8"),
        ("node_high_factor", "f8"),
        ("edge_std_w", "f8"),
        ("edge_low_share", "f8"),
        ("edge_low_w", "f8"),
        ("weibull_shape", "f8"),
        ("threshold_min_s", "f8"),
        ("threshold_max_s", "f8"),
        ("queueing", "?"),
        ("arrivals", ARRIVAL_PARAMS),
        ("reconfigure_s", "f8"),
        ("violation_penalty", "f8"),
        ("infrastructure_weight", "f8"),
        ("reference_j", "f8"),  # nominal charged energy of cloud-only
        ("nominal_s", "f8", (MAX_CLOCKS, 3, MAX_SPLITS, 2)),  # latency of every configuration; inf if invalid
        ("n_fields", "i8"),
        ("field_kind", "i8", (MAX_FIELDS,)),  # (n_fields,) int64, see physics/codec.py
        ("field_low", "f8", (MAX_FIELDS,)),
        ("field_high", "f8", (MAX_FIELDS,)),
    ],
    align=True,
)


def uses_plugins(scenario: HardwareScenario) -> bool:
    """Whether a plug-in model draws part of the trace, so that episodes are drawn as arrays first."""
    return scenario.requests.queueing and not ARRIVALS[scenario.arrivals.model].built_in


def _by_mode(section: Any, pattern: str, empty: Any) -> np.ndarray:
    """Tables of a section for off, std and max, stacked; ``empty`` where there is no accelerator."""
    return np.array([value if np.size(value := getattr(section, pattern.format(m))) else empty for m in MODES])


def _tables(profile: HardwareProfile) -> dict[str, Any]:
    edge, power, noise = profile.edge, profile.power, profile.noise
    splits = len(profile.split_points)
    unknown, none = np.full(splits, np.nan), np.zeros(splits)
    table = {name: getattr(noise, name) for name in PARAMS.names or () if hasattr(noise, name)}
    return {
        **table,
        "n_lattice": len(noise.stall_lattice_s),
        "last_split": splits - 1,
        "accelerated": profile.accelerated,
        "n_clocks": len(edge.clocks_hz),
        "clocks_hz": np.array(edge.clocks_hz),
        "pipeline_s": edge.pipeline_s,
        "pipeline_cycles": edge.pipeline_cycles,
        "cpu_s": np.array(edge.cpu_s),
        "cpu_cycles": np.array(edge.cpu_cycles),
        "accelerator_cycles": edge.accelerator_cycles,
        "accelerator_cycles_per_bit": edge.accelerator_cycles_per_bit,
        "accelerator_s": np.array([edge.accelerator_std_s or none, edge.accelerator_max_s or none]),
        "cut_bits": np.array(profile.cut_bits),
        "link_fixed_s": profile.link.fixed_s,
        "link_s_per_bit": profile.link.s_per_bit,
        "cloud_s": np.array([profile.cloud.cpu_s, profile.cloud.gpu_s]),
        "head_w": _by_mode(power, "head_{}_w", np.zeros(len(edge.clocks_hz))),
        "wait_w": _by_mode(power, "wait_{}_w", 0.0),
        "wait_j_per_cycle": _by_mode(power, "wait_{}_j_per_cycle", 0.0),
        "node_w": np.array([power.node_cpu_w, power.node_gpu_w]),
        "node_load_w": np.array([power.node_cpu_load_w, power.node_gpu_load_w]),
        "node_idle_s": power.node_idle_s,
        "accuracy": np.array([unknown] * 3) if profile.accuracy is None else _by_mode(profile.accuracy, "{}", unknown),
        "threshold_min_s": profile.threshold_min_s,
        "threshold_max_s": profile.threshold_max_s,
    }


def lower(scenario: HardwareScenario) -> np.record:
    """Scenario -> PARAMS record; computes every derived value and coerces every type."""
    from splitgym.worlds.hardware.fields import observation_fields

    kinds, lows, highs = tables(observation_fields(scenario))
    params = fill_record(
        PARAMS,
        **_tables(scenario.hardware),
        n_requests=scenario.requests.count,
        noisy=scenario.noise.enabled,
        hold=scenario.noise.hold,
        weibull_shape=scenario.requests.weibull_shape,
        queueing=scenario.requests.queueing,
        arrivals=lower_arrivals(scenario.arrivals.model, scenario.arrivals.parameters, scenario.requests.count),
        reconfigure_s=scenario.switching.reconfigure_s,
        violation_penalty=scenario.reward.violation_penalty,
        infrastructure_weight=scenario.reward.infrastructure_weight,
        reference_j=0.0,
        nominal_s=np.full((MAX_CLOCKS, 3, MAX_SPLITS, 2), np.inf),
        n_fields=len(kinds),
        field_kind=kinds,
        field_low=lows,
        field_high=highs,
    )
    return _with_nominal(params)


def _with_nominal(params: np.record) -> np.record:
    """Fill in what the kernel's own formula says of every valid configuration."""
    shape = (int(params.n_clocks), 3, int(params.last_split) + 1, 2)
    index = np.indices(shape).reshape(4, -1).T
    index = index[valid(params, index[:, 1], index[:, 2], index[:, 3])]
    decisions = index.astype(np.float64)
    decisions[:, 0] = params.clocks_hz[index[:, 0]]
    values = nominal(params, decisions)
    params.nominal_s[tuple(index.T)] = values[:, 0]
    cloud_only = (index == [shape[0] - 1, 0, 0, 1]).all(axis=1)
    params.reference_j = values[cloud_only, 1][0]
    _check_service(values, float(params.reference_j))
    return params


def _check_service(values: np.ndarray, reference_j: float) -> None:
    """``ValueError`` where a nominal request takes more than any, or where cloud-only, the reference, takes nothing."""
    at_most("hardware.edge and hardware.link", "a request", float(values[:, 0].max()), 10.0 * MOST_TASK_S, "s")
    at_most("hardware.power and hardware.edge", "a request", float(values[:, 1].max()), MOST_REQUEST_J, "J")
    if not reference_j >= LEAST_REFERENCE_J:
        raise ValueError(
            f"hardware.power: a cloud-only request, to which all others are compared, must take >= "
            f"{LEAST_REFERENCE_J:g} J, got {exact(reference_j)} J"
        )


def valid(params: np.record, mode: np.ndarray, split: np.ndarray, gpu: np.ndarray) -> np.ndarray:
    """Which combinations (n,) are valid: those that the kernel leaves as they are.  (DynaSplit specification s1)"""
    p = one_record(params, PARAMS)[0]
    kinds, which = np.unique(np.stack([mode, split, gpu]), axis=1, return_inverse=True)  # whatever the clock
    rows = zip(*kinds.tolist(), strict=True)
    kept = [allowed_mode(m, s, p) == m and allowed_gpu(g, s, p) == g for m, s, g in rows]
    return np.array(kept, np.bool_)[which.ravel()]


def nominal(params: np.record, decisions: np.ndarray) -> np.ndarray:
    """Nominal latency [s], charged energy [J] and accuracy [1], (n, 3), of decisions (n, 4) in DECISION's order.

    ``params`` may lack its own nominal tables.
    """
    values = np.empty((len(decisions), 3))
    scratch = records(np.zeros(1, REQUEST))
    nominal_rows(np.ascontiguousarray(decisions, np.float64), scratch, values, one_record(params, PARAMS))
    return values
