"""Records of the inference world and ``lower``: the scenario as the kernel sees it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from splitgym.fields import tables
from splitgym.physics.arrivals import ARRIVAL_PARAMS
from splitgym.physics.fading import FADING_PARAMS
from splitgym.profiles import MOST_CUTS, MOST_EXITS
from splitgym.traces.arrivals import ARRIVALS, lower_arrivals
from splitgym.traces.fading import FADING, recorded_params
from splitgym.units import db_to_ratio, dbm_to_w
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.records import fill_record

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

#: What nature decides about a task.
TASK = np.dtype(
    [
        ("arrival_s", "f8"),
        ("deadline_s", "f8"),  # relative to the arrival
        ("gain", "f8"),  # slow gain G: path loss x shadowing
        ("complexity", "f8"),  # u in [0, 1)
        ("hint", "f8"),  # predicted complexity
        ("persistent", "f8"),  # e0, persistent part of the stop predictor's error, N(0, 1)
        ("edge_load", "f8"),
        ("rtt_s", "f8"),
        ("jitter_s", "f8"),
    ],
    align=True,
)

#: What a policy knows: the observation decoded to SI units; the fields of the observation table, in its order.
VIEW = np.dtype(
    [
        ("queue_j", "f8"),
        ("backlog", "f8"),
        ("remaining_s", "f8"),
        ("gain", "f8"),
        ("gain_trend", "f8"),
        ("hint", "f8"),
        ("edge_load", "f8"),
        ("rtt_s", "f8"),
        ("clock_hz", "f8"),
        ("next_arrival_s", "f8"),
        ("battery", "f8"),
    ]
)

#: A decision; all fields are floats so that an (n, 4) matrix can be viewed as one.
DECISION = np.dtype([("cut", "f8"), ("edge_cut", "f8"), ("clock_hz", "f8"), ("power_w", "f8")])

#: What came of a step; the columns of ``info`` (units in the names).
OUTCOME = np.dtype(
    [
        ("task", "i8"),
        ("cut", "i8"),
        ("edge_cut", "i8"),
        ("clock_hz", "f8"),
        ("power_w", "f8"),
        ("exit", "i8"),  # index of the early exit that answered, -1: none
        ("on_time", "?"),
        ("correct", "?"),
        ("accuracy", "f8"),  # expected accuracy of the answer; 0 where none came in time
        ("feature_ratio", "f8"),
        ("bits", "f8"),  # useful bits received
        ("capacity_bits", "f8"),  # capacity of the slots used
        ("slots_available", "i8"),
        ("slots_used", "i8"),
        ("stopped_early", "?"),  # the server's stop saved at least one slot
        ("energy_compute_j", "f8"),
        ("energy_radio_j", "f8"),
        ("energy_edge_j", "f8"),
        ("energy_cloud_j", "f8"),
        ("energy_j", "f8"),  # charged to the queue: what the task took, also where a hard battery held less
        ("latency_wait_s", "f8"),
        ("latency_device_s", "f8"),
        ("latency_uplink_s", "f8"),
        ("latency_edge_s", "f8"),
        ("latency_backhaul_s", "f8"),
        ("latency_cloud_s", "f8"),
        ("latency_s", "f8"),  # arrival to answer, or to giving up
        ("missed", "i8"),  # tasks missed between this decision and the next
        ("missed_total", "i8"),
        ("queue_j", "f8"),
        ("cost_j", "f8"),  # energy beyond the task budget
        ("reward", "f8"),
    ],
    align=True,
)


class Nature(NamedTuple):
    """Arrays of what nature decides for n rows; the slot arrays are read by rows with ``recorded`` only."""

    tasks: np.ndarray  # (n, n_tasks) TASK
    fading: np.ndarray  # (n, n_tasks, n_slots) power gains h [1]
    noise: np.ndarray  # (n, n_tasks, n_slots) per-slot part e of the stop predictor's error
    arrival_s: np.ndarray  # (n_tasks,) recorded arrival instants, empty for other models


MAX_CUTS, MAX_EXITS, MAX_LEVELS, MAX_FIELDS = MOST_CUTS, MOST_EXITS, 64, 32

#: The scenario in SI units, derived values included; K = number of blocks between cuts, counts beside the tables.
PARAMS = np.dtype(
    [
        ("n_tasks", "i8"),
        ("last_cut", "i8"),  # K: everything on the device
        ("cut_macs", "f8", (MAX_CUTS,)),  # (K+1,) cumulative MACs
        ("cut_bits", "f8", (MAX_CUTS,)),  # (K+1,) bits of the tensor at a cut; 0 at K
        ("cut_channels", "f8", (MAX_CUTS,)),  # (K+1,)
        ("cut_steepness", "f8", (MAX_CUTS,)),  # (K+1,) k_s; 0: all or nothing
        ("device_macs", "f8", (MAX_CUTS,)),  # (K+1,) MACs on the device, exit heads included
        ("edge_macs", "f8", (MAX_CUTS, MAX_CUTS)),  # (K+1, K+1) MACs between two cuts, exit heads included
        ("n_exits", "i8"),
        ("exit_cut", "i8", (MAX_EXITS,)),  # (n_exits,) int64
        ("exit_share", "f8", (MAX_EXITS,)),  # (n_exits,)
        ("exit_macs", "f8", (MAX_EXITS,)),  # (n_exits,) MACs from the input to the exit's answer, all on the device
        ("accuracy_full", "f8"),
        ("accuracy_chance", "f8"),
        ("n_clocks", "i8"),
        ("clocks_hz", "f8", (MAX_LEVELS,)),
        ("macs_per_cycle", "f8"),
        ("kappa_f", "f8"),
        ("reconfigure_s", "f8"),
        ("battery_j", "f8"),
        ("bandwidth_hz", "f8"),
        ("noise_w_hz", "f8"),
        ("slot_s", "f8"),
        ("power_max_w", "f8"),
        ("n_powers", "i8"),
        ("power_levels_w", "f8", (MAX_LEVELS,)),
        ("tolerance", "f8"),
        ("gain_1km", "f8"),
        ("path_exponent", "f8"),
        ("near_km", "f8"),
        ("far_km", "f8"),
        ("motion_period_s", "f8"),
        ("shadowing_log", "f8"),  # standard deviation of the natural logarithm of the gain
        ("shadowing_keep", "f8"),
        ("deadline_min_s", "f8"),
        ("deadline_max_s", "f8"),
        ("next_arrival_known", "?"),
        ("hint_std", "f8"),
        ("stop_log_margin", "f8"),  # log c
        ("stop_noise_persistent", "f8"),
        ("stop_noise_slot", "f8"),
        ("confidently_wrong", "f8"),
        ("feedback_slots", "i8"),
        ("edge_macs_s", "f8"),
        ("edge_j_per_mac", "f8"),
        ("reserve_s", "f8"),  # kept for waiting at an edge that several devices share, else 0
        ("load_mean", "f8"),
        ("load_std", "f8"),
        ("load_max", "f8"),
        ("load_keep", "f8"),
        ("cloud", "?"),
        ("cloud_macs_s", "f8"),
        ("cloud_j_per_mac", "f8"),
        ("backhaul_bit_s", "f8"),
        ("rtt_s", "f8"),
        ("rtt_log_std", "f8"),
        ("rtt_keep", "f8"),
        ("jitter_s", "f8"),
        ("budget_j", "f8"),
        ("debt_price", "f8"),
        ("infrastructure_weight", "f8"),
        ("fading", FADING_PARAMS),
        ("arrivals", ARRIVAL_PARAMS),
        ("n_fields", "i8"),
        ("field_kind", "i8", (MAX_FIELDS,)),  # (n_fields,) int64, see physics/codec.py
        ("field_low", "f8", (MAX_FIELDS,)),
        ("field_high", "f8", (MAX_FIELDS,)),
    ],
    align=True,
)


def uses_plugins(scenario: InferenceScenario) -> bool:
    """Whether a plug-in model draws part of the trace, so that episodes are drawn as arrays first."""
    return not (FADING[scenario.fading.model].built_in and ARRIVALS[scenario.arrivals.model].built_in)


def n_slots(scenario: InferenceScenario) -> int:
    """Slots that the longest deadline can use; the width of a trace's slot arrays."""
    return math.floor(scenario.tasks.deadline_max_s / scenario.radio.slot_s) + 1


def slow_gain_range_db(scenario: InferenceScenario) -> tuple[float, float]:
    """Range of the slow gain in dB, five standard deviations of shadowing around the path loss."""
    radio = scenario.radio
    losses = [
        radio.path_loss_1km_db + radio.path_loss_decade_db * math.log10(d / 1000.0)
        for d in (radio.distance_m, radio.far_distance_m or radio.distance_m)
    ]
    margin_db = max(5.0 * radio.shadowing_db, 10.0)
    return -max(losses) - margin_db, -min(losses) + margin_db


def _network(scenario: InferenceScenario) -> dict[str, np.ndarray]:
    dnn = scenario.dnn
    macs, shapes, steepness, total = [0], [dnn.input_shape], [0.0], 0
    for block in dnn.blocks:
        total += block.macs
        if block.cut:
            macs.append(total)
            shapes.append(block.shape)
            steepness.append(block.steepness)
    cuts = len(macs)
    elements = np.array([math.prod(shape) for shape in shapes], np.float64)
    bits = elements * scenario.device.bits_per_element
    bits[-1] = 0.0
    exits = dnn.exits if scenario.early_exits else ()
    place = np.array([dnn.cut_names.index(e.after) for e in exits], np.int64)
    heads = np.array([e.macs for e in exits], np.float64)
    cumulative = np.array(macs, np.float64)
    passed = np.array([heads[place <= c].sum() for c in range(cuts)])  # heads up to and including a cut
    device = cumulative + passed
    return {
        "cut_macs": cumulative,
        "cut_bits": bits,
        "cut_channels": np.array([shape[0] for shape in shapes], np.float64),
        "cut_steepness": np.array(steepness, np.float64),
        "device_macs": device,
        "edge_macs": np.maximum(device[None, :] - device[:, None], 0.0),
        "exit_cut": place,
        "exit_share": np.array([e.share for e in exits], np.float64),
        "exit_macs": device[place],
    }


def lower(scenario: InferenceScenario) -> np.record:
    """Scenario -> PARAMS record; computes every derived value and coerces every type."""
    from splitgym.worlds.inference.fields import observation_fields

    sc, radio, stop, edge, cloud = scenario, scenario.radio, scenario.early_stop, scenario.edge, scenario.cloud
    fading = FADING[sc.fading.model]
    network = _network(sc)
    kinds, lows, highs = tables(observation_fields(sc))
    return fill_record(
        PARAMS,
        n_tasks=sc.tasks.count,
        last_cut=len(network["cut_macs"]) - 1,
        n_exits=len(network["exit_cut"]),
        n_clocks=len(sc.device.clocks_hz),
        n_powers=len(radio.power_levels_w),
        n_fields=len(kinds),
        **network,
        accuracy_full=sc.dnn.accuracy_full,
        accuracy_chance=sc.dnn.accuracy_chance,
        clocks_hz=np.array(sc.device.clocks_hz, np.float64),
        macs_per_cycle=sc.device.macs_per_cycle,
        kappa_f=sc.device.kappa_f,
        reconfigure_s=sc.device.reconfigure_s,
        battery_j=math.inf if sc.device.battery_j is None else sc.device.battery_j,
        bandwidth_hz=radio.bandwidth_hz,
        noise_w_hz=dbm_to_w(radio.noise_dbm_hz + radio.noise_figure_db),
        slot_s=radio.slot_s,
        power_max_w=radio.power_max_w,
        power_levels_w=np.array(radio.power_levels_w, np.float64),
        tolerance=radio.tracking_tolerance,
        gain_1km=db_to_ratio(-radio.path_loss_1km_db),
        path_exponent=radio.path_loss_decade_db / 10.0,
        near_km=radio.distance_m / 1000.0,
        far_km=(radio.far_distance_m or radio.distance_m) / 1000.0,
        motion_period_s=radio.motion_period_s,
        shadowing_log=math.log(db_to_ratio(radio.shadowing_db)),
        shadowing_keep=radio.shadowing_correlation,
        deadline_min_s=sc.tasks.deadline_min_s,
        deadline_max_s=sc.tasks.deadline_max_s,
        next_arrival_known=sc.tasks.next_arrival_known,
        hint_std=sc.tasks.hint_std,
        stop_log_margin=math.log(1.0 / stop.threshold - 1.0) / stop.exponent,
        stop_noise_persistent=stop.noise_std * math.sqrt(stop.persistence),
        stop_noise_slot=stop.noise_std * math.sqrt(1.0 - stop.persistence),
        confidently_wrong=stop.confidently_wrong,
        feedback_slots=stop.feedback_slots,
        edge_macs_s=edge.macs_per_cycle * edge.clock_hz,
        edge_j_per_mac=edge.energy_j_per_mac,
        reserve_s=0.0,
        load_mean=edge.load_mean,
        load_std=edge.load_std,
        load_max=edge.load_max,
        load_keep=edge.load_correlation,
        cloud=cloud.enabled,
        cloud_macs_s=cloud.macs_per_cycle * cloud.clock_hz,
        cloud_j_per_mac=cloud.energy_j_per_mac,
        backhaul_bit_s=cloud.backhaul_bit_s,
        rtt_s=cloud.rtt_s,
        rtt_log_std=cloud.rtt_log_std,
        rtt_keep=cloud.rtt_correlation,
        jitter_s=cloud.jitter_s,
        budget_j=sc.budget.energy_j,
        debt_price=sc.budget.debt_price,
        infrastructure_weight=sc.budget.infrastructure_weight,
        fading=fading.function(radio.slot_s, **sc.fading.parameters) if fading.built_in else recorded_params(),
        arrivals=lower_arrivals(sc.arrivals.model, sc.arrivals.parameters, sc.tasks.count),
        field_kind=kinds,
        field_low=lows,
        field_high=highs,
    )
