"""Records of the hardware world and ``lower``: the scenario as the kernel sees it."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from splitgym.encodings import decision_type
from splitgym.physics.arrivals import ARRIVAL_PARAMS
from splitgym.ranges import DEADLINE, INSTANT, SHARE, STAGE, Range
from splitgym.traces.base import ArrayTrace, array
from splitgym.worlds.hardware.axes import AXES
from splitgym.worlds.hardware.fields import OBSERVATION_TABLE
from splitgym.worlds.hardware.kernel import RECENT
from splitgym.worlds.records import Column, Term, columns_of, record_type

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

#: Scenario key that counts the requests.
REQUESTS = "requests.count"
_FACTOR = Range("1", 1e-9, 1e9)


@dataclasses.dataclass(frozen=True, eq=False)
class RequestArrays(ArrayTrace):
    """What nature decides about each request."""

    arrival_s: np.ndarray = array(INSTANT, "arrival instant, ascending; not used without queueing", REQUESTS)
    threshold_s: np.ndarray = array(DEADLINE, "latency threshold relative to the arrival", REQUESTS)
    stalled: np.ndarray = array(SHARE, "1: the edge time is rounded up to the lattice of stalls", REQUESTS)
    link_factor: np.ndarray = array(_FACTOR, "factor of the transfer time", REQUESTS)
    link_tail_draw: np.ndarray = array(
        SHARE,
        "uniform draw: below a profile's share the transfer is delayed; it chooses among a table's runs, "
        "fastest first, 1: their mean",
        REQUESTS,
    )
    link_tail_s: np.ndarray = array(STAGE, "that delay", REQUESTS)
    cloud_factor: np.ndarray = array(_FACTOR, "factor of the time on the server", REQUESTS)
    node_factor: np.ndarray = array(Range("1", 0.0, 1e9), "factor of the server's power", REQUESTS)
    edge_offset_w: np.ndarray = array(Range("W", -1e3, 1e3), "added to the edge device's power", REQUESTS)


#: What nature decides about a request.
REQUEST = record_type(columns_of(RequestArrays.ARRAYS))

#: What a policy knows: the observation decoded to SI units.
VIEW = OBSERVATION_TABLE.record()

#: A decision: a float for every axis.
DECISION = decision_type(AXES)

#: What came of a step; the keys of ``info`` (units in the names).
OUTCOME_TABLE = (
    Column("request", "i8", "index of the request that was decided about"),
    Column("clock_hz", "f8", "CPU clock in force"),
    Column("accelerator", "i8", "accelerator mode in force, invalid combinations resolved: 0 off, 1 std, 2 max"),
    Column("split", "i8", "split layer"),
    Column("gpu", "?", "the server's GPU was used"),
    Column("switched", "?", "clock or accelerator changed"),
    Column("stalled", "?", "the run stalled on the edge device"),
    Column("threshold_s", "f8", "latency threshold of the request"),
    Column("on_time", "?", "the answer came within the threshold"),
    Column("accuracy", "f8", "of the configuration, answers after the threshold too; NaN where it was not measured"),
    Column("latency_wait_s", "f8", "arrival to the beginning of service"),
    Column("latency_reconfigure_s", "f8", "change of clock or accelerator"),
    Column("latency_edge_s", "f8", "on the edge device"),
    Column("latency_transfer_s", "f8", "transfer to the server"),
    Column("latency_cloud_s", "f8", "on the server"),
    Column("latency_s", "f8", "arrival to answer"),
    Column("energy_reconfigure_j", "f8", "of the edge device while it changes"),
    Column("energy_edge_j", "f8", "of the edge device"),
    Column("energy_cloud_j", "f8", "of the server"),
    Column("energy_j", "f8", "charged energy"),
    Column("saved_j", "f8", "energy saved against a nominal cloud-only request"),
    Column("cost_s", "f8", "latency beyond the threshold"),
    Term(
        "reward_saved", "f8", "share of the energy of a nominal cloud-only request that an answer in time saved",
        formula="saved_j / (saved_j + energy_j) if on_time else 0",
    ),
    Term(
        "reward_violation", "f8", "penalty of an answer after the threshold",
        weight="-reward.violation_penalty", formula="not on_time",
    ),
    Column("reward", "f8", "sum of the terms"),
)  # fmt: skip
OUTCOME = record_type(OUTCOME_TABLE)


#: A measured configuration with the mean of its runs, or one of these runs; see ``Nature.runs``.
RUN_TABLE = (
    Column("level", "i8", "index of its clock"),
    Column("accelerator", "i8", "mode of the accelerator"),
    Column("split", "i8", "split layer"),
    Column("gpu", "i8", "1: the server's GPU"),
    Column("first", "i8", "of a configuration: where its runs begin"),
    Column("count", "i8", "of a configuration: how many there are; 0 in a run"),
    Column("edge_s", "f8", "T_edge"),
    Column("transfer_s", "f8", "T_transfer"),
    Column("cloud_s", "f8", "T_cloud"),
    Column("edge_j", "f8", "energy of the edge device"),
    Column("cloud_j", "f8", "energy of the server"),
    Column("accuracy", "f8", "NaN where it was not measured"),
)
RUN = record_type(RUN_TABLE)


class Nature(NamedTuple):
    """Arrays of what nature decides for n rows."""

    requests: np.ndarray  # (n, n_requests) REQUEST
    threshold_s: np.ndarray  # (n_requests,) published thresholds, empty where they are drawn
    arrival_s: np.ndarray  # (n_requests,) recorded arrival instants, empty for other models
    runs: np.ndarray  # (n_configurations + n_runs,) RUN of a measured table, empty for a fitted profile


#: Least energy of the request that all are compared with, most of any [J].
LEAST_REFERENCE_J, MOST_REQUEST_J = 1e-9, 1e12
MAX_CLOCKS, MAX_SPLITS, MAX_LATTICE = 16, 128, 16
#: Longest mask: a place for every clock, accelerator mode, split layer and GPU.
MAX_MASK = MAX_CLOCKS + 3 + MAX_SPLITS + 2

#: The scenario in SI units, derived values included; L = last split layer, counts beside the tables.
PARAMS_TABLE = (
    Column("n_requests", "i8", source="requests.count"),
    Column("last_split", "i8", "L: everything on the edge device"),
    Column("accelerated", "?", source="hardware.accelerated"),
    Column("measured", "?", "the hardware is a table of measured runs"),
    Column("entry", "i8", "of a table: what a choice plays, as an index of its runs", (MAX_CLOCKS, 3, MAX_SPLITS, 2)),
    Column("n_clocks", "i8", "selectable clocks"),
    Column("clocks_hz", "f8", shape=(MAX_CLOCKS,), source="hardware.edge.clocks_hz"),
    Column("pipeline_s", "f8", source="hardware.edge.pipeline_s"),
    Column("pipeline_cycles", "f8", source="hardware.edge.pipeline_cycles"),
    Column("cpu_s", "f8", "(L+1,)", (MAX_SPLITS,), source="hardware.edge.cpu_s"),
    Column("cpu_cycles", "f8", "(L+1,)", (MAX_SPLITS,), source="hardware.edge.cpu_cycles"),
    Column("accelerator_cycles", "f8", source="hardware.edge.accelerator_cycles"),
    Column("accelerator_cycles_per_bit", "f8", source="hardware.edge.accelerator_cycles_per_bit"),
    Column("accelerator_s", "f8", "(std or max, L+1) time on the accelerator", (2, MAX_SPLITS)),
    Column("cut_bits", "f8", "(L+1,)", (MAX_SPLITS,), source="hardware.cut_bits"),
    Column("link_fixed_s", "f8", source="hardware.link.fixed_s"),
    Column("link_s_per_bit", "f8", source="hardware.link.s_per_bit"),
    Column("cloud_s", "f8", "(CPU or GPU, L+1) time on the server", (2, MAX_SPLITS)),
    Column("head_w", "f8", "(mode, clock) power of the edge device in its blocks", (3, MAX_CLOCKS)),
    Column("wait_w", "f8", "power of the edge device that waits", (3,)),
    Column("wait_j_per_cycle", "f8", "what a cycle adds to that", (3,)),
    Column("node_w", "f8", "power of the server that waits", (2,)),
    Column("node_load_w", "f8", "power of the server at work", (2,)),
    Column("node_idle_s", "f8", source="hardware.power.node_idle_s"),
    Column("accuracy", "f8", "(mode, L+1); NaN where it was not measured", (3, MAX_SPLITS)),
    Column("noisy", "?", source="noise.enabled"),
    Column("hold", "i8", source="noise.hold"),
    Column("stall_share", "f8", source="hardware.noise.stall_share"),
    Column("n_lattice", "i8", "points of the lattice of stalls"),
    Column("stall_lattice_s", "f8", shape=(MAX_LATTICE,), source="hardware.noise.stall_lattice_s"),
    Column("stall_step_s", "f8", source="hardware.noise.stall_step_s"),
    Column("link_log_std", "f8", source="hardware.noise.link_log_std"),
    Column("link_tail_share", "f8", source="hardware.noise.link_tail_share"),
    Column("link_tail_large_share", "f8", source="hardware.noise.link_tail_large_share"),
    Column("link_large_bits", "f8", source="hardware.noise.link_large_bits"),
    Column("link_tail_s", "f8", source="hardware.noise.link_tail_s"),
    Column("link_tail_log_std", "f8", source="hardware.noise.link_tail_log_std"),
    Column("link_tail_max_s", "f8", source="hardware.noise.link_tail_max_s"),
    Column("cloud_log_std", "f8", source="hardware.noise.cloud_log_std"),
    Column("node_std", "f8", source="hardware.noise.node_std"),
    Column("node_high_share", "f8", source="hardware.noise.node_high_share"),
    Column("node_high_factor", "f8", source="hardware.noise.node_high_factor"),
    Column("edge_std_w", "f8", source="hardware.noise.edge_std_w"),
    Column("edge_low_share", "f8", source="hardware.noise.edge_low_share"),
    Column("edge_low_w", "f8", source="hardware.noise.edge_low_w"),
    Column("weibull_shape", "f8", source="requests.weibull_shape"),
    Column("threshold_min_s", "f8", source="hardware.threshold_min_s"),
    Column("threshold_max_s", "f8", source="hardware.threshold_max_s"),
    Column("queueing", "?", source="requests.queueing"),
    Column("arrivals", ARRIVAL_PARAMS, "arrivals of requests"),
    Column("reconfigure_s", "f8", source="switching.reconfigure_s"),
    Column("violation_penalty", "f8", source="reward.violation_penalty"),
    Column("infrastructure_weight", "f8", source="reward.infrastructure_weight"),
    Column("reference_j", "f8", "nominal charged energy of cloud-only"),
    Column(
        "nominal_s",
        "f8",
        "latency of every configuration; inf if invalid or not measured",
        (MAX_CLOCKS, 3, MAX_SPLITS, 2),
    ),
    Column("least_s", "f8", "least of these by the value of one axis, in the order of the mask", (MAX_MASK,)),
    Column("kept_s", "f8", "(clock, mode) the same among those with this clock and mode", (MAX_CLOCKS, 3, MAX_MASK)),
    *OBSERVATION_TABLE.columns(),
)
PARAMS = record_type(PARAMS_TABLE)
