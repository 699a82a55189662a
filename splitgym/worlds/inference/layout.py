"""Records of the inference world and ``lower``: the scenario as the kernel sees it."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from splitgym.encodings import decision_type
from splitgym.physics.arrivals import ARRIVAL_PARAMS
from splitgym.physics.fading import FADING_PARAMS
from splitgym.physics.sizes import MOST_CUTS, MOST_POINTS
from splitgym.profiles.dnn import MOST_EXITS
from splitgym.ranges import DEADLINE, DRAWN_DELAY, GAIN, INSTANT, NORMAL, SHARE, UNIT, Range
from splitgym.traces.base import ArrayTrace, array
from splitgym.worlds.inference.axes import AXES
from splitgym.worlds.inference.fields import OBSERVATION_TABLE
from splitgym.worlds.records import Column, Term, columns_of, record_type

#: What a row remembers between two steps.
STATE = np.dtype(
    [
        ("key", "u8"),  # randomness of the episode
        ("task", "i8"),  # index of the task to be decided
        ("queue_j", "f8"),  # energy queue Q
        ("free_s", "f8"),  # instant at which CPU and radio are released
        ("wait_s", "f8"),  # waiting of the present task, S_k - A_k
        ("remaining_s", "f8"),  # R_k = D_k - wait
        ("clock_hz", "f8"),  # present device clock
        ("battery_j", "f8"),  # energy left; inf without a hard battery
        ("missed", "i8"),  # tasks missed so far
        ("tracking", "?"),  # packet controller: reference tracking (else constant power)
        ("early_stop", "?"),
        ("progressive", "?"),  # partial features are accepted
        ("recorded", "?"),  # slots come from arrays, not from the counter
        ("finished", "?"),  # no task left
        ("depleted", "?"),  # hard battery empty
    ],
    align=True,
)

#: Scenario key that counts the tasks.
TASKS = "tasks.count"


@dataclasses.dataclass(frozen=True, eq=False)
class TaskArrays(ArrayTrace):
    """What nature decides about each task."""

    arrival_s: np.ndarray = array(INSTANT, "arrival instant A_k, ascending", TASKS)
    deadline_s: np.ndarray = array(DEADLINE, "deadline D_k relative to the arrival", TASKS)
    gain: np.ndarray = array(GAIN, "slow gain G: path loss x shadowing", TASKS)
    complexity: np.ndarray = array(UNIT, "u: the sample is answered correctly iff u <= accuracy", TASKS)
    hint: np.ndarray = array(UNIT, "predicted complexity", TASKS)
    persistent: np.ndarray = array(NORMAL, "e0: persistent part of the stop predictor's error, N(0, 1)", TASKS)
    edge_load: np.ndarray = array(
        Range("1", 0.0, 0.999, hint=SHARE.hint), "share of the edge server taken by others", TASKS
    )
    rtt_s: np.ndarray = array(DRAWN_DELAY, "backhaul round trip, observed", TASKS)
    jitter_s: np.ndarray = array(DRAWN_DELAY, "extra delay of the backhaul, not observed", TASKS)


#: What nature decides about a task.
TASK = record_type(columns_of(TaskArrays.ARRAYS))

#: What a policy knows: the observation decoded to SI units.
VIEW = OBSERVATION_TABLE.record()

#: A decision: a float for every axis.
DECISION = decision_type(AXES)

#: What came of a step; the keys of ``info`` (units in the names).
OUTCOME_TABLE = (
    Column("task", "i8", "index of the task that was decided about"),
    Column("cut", "i8", "device cut in force"),
    Column("edge_cut", "i8", "edge cut in force"),
    Column("clock_hz", "f8", "device clock of the decision"),
    Column("power_w", "f8", "reference transmit power of the decision"),
    Column("exit", "i8", "index of the early exit that answered; -1: none"),
    Column("on_time", "?", "an answer came before the deadline"),
    Column("correct", "?", "the answer came in time and is right"),
    Column("accuracy", "f8", "expected accuracy of the answer; 0 where none came in time"),
    Column("feature_ratio", "f8", "share of the features that arrived (whole channels)"),
    Column("bits", "f8", "useful bits received"),
    Column("capacity_bits", "f8", "capacity of the slots used"),
    Column("slots_available", "i8", "slots that the deadline left"),
    Column("slots_used", "i8", "slots in which something was sent"),
    Column("stopped_early", "?", "the server's stop saved at least one slot"),
    Column("energy_compute_j", "f8", "energy of the device's blocks"),
    Column("energy_radio_j", "f8", "energy of the device's radio"),
    Column("energy_edge_j", "f8", "energy of the edge server"),
    Column("energy_cloud_j", "f8", "energy of the cloud"),
    Column("energy_j", "f8", "charged to the queue: what the task took, also where a hard battery held less"),
    Column("latency_wait_s", "f8", "arrival to the beginning of service"),
    Column("latency_device_s", "f8", "change of the clock and the device's blocks"),
    Column("latency_uplink_s", "f8", "end of the device's blocks to the end of the last slot"),
    Column("latency_edge_s", "f8", "the edge's blocks"),
    Column("latency_backhaul_s", "f8", "transfer from edge to cloud"),
    Column("latency_cloud_s", "f8", "the cloud's blocks"),
    Column("latency_s", "f8", "arrival to answer, or to giving up"),
    Column("missed", "i8", "tasks missed between this decision and the next"),
    Column("missed_total", "i8", "tasks missed so far in the episode"),
    Column("queue_j", "f8", "energy queue after the task and those missed behind it"),
    Column("cost_j", "f8", "energy beyond the budget of one task"),
    Term("reward_answer", "f8", "1 for a right answer in time, else 0", formula="correct"),
    Term(
        "reward_debt", "f8", "price of what the task added to the energy debt, in budgets of one task",
        weight="-budget.debt_price", formula="(queue_j - before.queue_j) / budget.energy_j",
    ),
    Column("reward", "f8", "sum of the terms"),
)  # fmt: skip
OUTCOME = record_type(OUTCOME_TABLE)


class Nature(NamedTuple):
    """Arrays of what nature decides for n rows; the slot arrays are read by rows with ``recorded`` only."""

    tasks: np.ndarray  # (n, n_tasks) TASK
    fading: np.ndarray  # (n, n_tasks, n_slots) power gains h [1]
    noise: np.ndarray  # (n, n_tasks, n_slots) per-slot part e of the stop predictor's error
    arrival_s: np.ndarray  # (any,) recorded arrivals, empty for other models
    channel: np.ndarray  # (1, 2, any) channel log, see physics/channel_log.py; (1, 2, 0): none


MAX_CUTS, MAX_EXITS, MAX_LEVELS = MOST_CUTS, MOST_EXITS, 64

#: The scenario in SI units, derived values included; K = number of blocks between cuts, counts beside the tables.
PARAMS_TABLE = (
    Column("n_tasks", "i8", source="tasks.count"),
    Column("last_cut", "i8", "K: everything on the device"),
    Column("cut_macs", "f8", "(K+1,) cumulative MACs", (MAX_CUTS,)),
    Column("cut_bits", "f8", "(K+1,) bits of the tensor at a cut; 0 at K", (MAX_CUTS,)),
    Column("cut_channels", "f8", "(K+1,) channels of the tensor at a cut", (MAX_CUTS,)),
    Column("cut_steepness", "f8", "(K+1,) k_s; 0: a table, or all or nothing", (MAX_CUTS,)),
    Column("cut_points", "i8", "(K+1,) points of a tabulated accuracy curve; 0: no table", (MAX_CUTS,)),
    Column("cut_shares", "f8", "(K+1, points) share of the features of a point", (MAX_CUTS, MOST_POINTS)),
    Column("cut_levels", "f8", "(K+1, points) accuracy of a point", (MAX_CUTS, MOST_POINTS)),
    Column("device_macs", "f8", "(K+1,) MACs on the device, exit heads included", (MAX_CUTS,)),
    Column("edge_macs", "f8", "(K+1, K+1) MACs between two cuts, exit heads included", (MAX_CUTS, MAX_CUTS)),
    Column("device_cycles", "f8", "(K+1,) cycles of those on the device", (MAX_CUTS,)),
    Column("beyond_cycles", "f8", "(K+1,) of them behind the first exit's answer; of no use without one", (MAX_CUTS,)),
    Column("edge_idle_s", "f8", "(K+1, K+1) time of the MACs between two cuts on an idle edge", (MAX_CUTS, MAX_CUTS)),
    Column("relay_s", "f8", "(K+1,) transfer of the tensor at a cut over the backhaul", (MAX_CUTS,)),
    Column("relay_most_s", "f8", "the longest of them"),
    Column("cloud_s", "f8", "(K+1,) time of everything behind a cut in the cloud", (MAX_CUTS,)),
    Column("n_exits", "i8", "early exits"),
    Column("exit_cut", "i8", "(n_exits,) cut behind which an exit stands", (MAX_EXITS,)),
    Column("exit_share", "f8", "(n_exits,) share that it answers of what the network gets right", (MAX_EXITS,)),
    Column("exit_macs", "f8", "(n_exits,) MACs from the input to the exit's answer, all on the device", (MAX_EXITS,)),
    Column("accuracy_full", "f8", source="dnn.accuracy_full"),
    Column("accuracy_chance", "f8", source="dnn.accuracy_chance"),
    Column("n_clocks", "i8", "selectable clocks"),
    Column("clocks_hz", "f8", shape=(MAX_LEVELS,), source="device.clocks_hz"),
    Column("macs_per_cycle", "f8", source="device.macs_per_cycle"),
    Column("kappa_f", "f8", source="device.kappa_f"),
    Column("reconfigure_s", "f8", source="device.reconfigure_s"),
    Column("battery_j", "f8", "energy of a hard battery; inf: none"),
    Column("bandwidth_hz", "f8", source="radio.bandwidth_hz"),
    Column("noise_w_hz", "f8", "noise density at the receiver"),
    Column("slot_s", "f8", source="radio.slot_s"),
    Column("power_max_w", "f8", source="radio.power_max_w"),
    Column("n_powers", "i8", "selectable powers"),
    Column("power_levels_w", "f8", shape=(MAX_LEVELS,), source="radio.power_levels_w"),
    Column("tolerance", "f8", source="radio.tracking_tolerance"),
    Column("gain_1km", "f8", "gain [1] at 1 km"),
    Column("path_exponent", "f8", "of the distance"),
    Column("near_km", "f8", "nearest distance"),
    Column("far_km", "f8", "farthest distance"),
    Column("motion_period_s", "f8", source="radio.motion_period_s"),
    Column("shadowing_log", "f8", "standard deviation of the natural logarithm of the gain"),
    Column("shadowing_keep", "f8", source="radio.shadowing_correlation"),
    Column("deadline_min_s", "f8", source="tasks.deadline_min_s"),
    Column("deadline_max_s", "f8", source="tasks.deadline_max_s"),
    Column("next_arrival_known", "?", source="tasks.next_arrival_known"),
    Column("hint_std", "f8", source="tasks.hint_std"),
    Column("stop_log_margin", "f8", "log c"),
    Column("stop_noise_persistent", "f8", "standard deviation of the part of the predictor's error that stays"),
    Column("stop_noise_slot", "f8", "standard deviation of its part of a slot"),
    Column("confidently_wrong", "f8", source="early_stop.confidently_wrong"),
    Column("feedback_slots", "i8", source="early_stop.feedback_slots"),
    Column("edge_macs_s", "f8", "speed of the edge server"),
    Column("edge_j_per_mac", "f8", source="edge.energy_j_per_mac"),
    Column("reserve_s", "f8", "kept for waiting at an edge that several devices share, else 0"),
    Column("load_mean", "f8", source="edge.load_mean"),
    Column("load_std", "f8", source="edge.load_std"),
    Column("load_max", "f8", source="edge.load_max"),
    Column("load_keep", "f8", source="edge.load_correlation"),
    Column("cloud", "?", source="cloud.enabled"),
    Column("cloud_macs_s", "f8", "speed of the cloud"),
    Column("cloud_j_per_mac", "f8", source="cloud.energy_j_per_mac"),
    Column("backhaul_bit_s", "f8", source="cloud.backhaul_bit_s"),
    Column("rtt_s", "f8", source="cloud.rtt_s"),
    Column("rtt_log_std", "f8", source="cloud.rtt_log_std"),
    Column("rtt_keep", "f8", source="cloud.rtt_correlation"),
    Column("jitter_s", "f8", source="cloud.jitter_s"),
    Column("budget_j", "f8", source="budget.energy_j"),
    Column("debt_price", "f8", source="budget.debt_price"),
    Column("infrastructure_weight", "f8", source="budget.infrastructure_weight"),
    Column("fading", FADING_PARAMS, "small-scale fading"),
    Column("arrivals", ARRIVAL_PARAMS, "arrivals of tasks"),
    *OBSERVATION_TABLE.columns(),
)
PARAMS = record_type(PARAMS_TABLE)
