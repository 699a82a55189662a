"""Scenario of the inference world -> PARAMS: every derived value is computed here, once."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from splitgym.physics.sizes import MOST_POINTS
from splitgym.profiles.dnn import CurveTable
from splitgym.traces.arrivals import ARRIVALS, lower_arrivals
from splitgym.traces.fading import FADING, recorded_params
from splitgym.units import db_to_ratio, dbm_to_w
from splitgym.worlds.channel import fading_is_recorded
from splitgym.worlds.inference.fields import OBSERVATION_TABLE
from splitgym.worlds.inference.layout import PARAMS_TABLE
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.records import fill_record, kept_record


def uses_plugins(scenario: InferenceScenario) -> bool:
    """Whether a plug-in or a log gives what the kernel cannot draw, so that episodes are drawn as arrays first."""
    built_in = FADING[scenario.fading.model].built_in and ARRIVALS[scenario.arrivals.model].built_in
    return not built_in or fading_is_recorded(scenario.radio)


def n_slots(scenario: InferenceScenario) -> int:
    """Slots that the longest deadline can use; the width of a trace's slot arrays."""
    return math.floor(scenario.tasks.deadline_max_s / scenario.radio.slot_s) + 1


def _tables(curves: list[CurveTable | None]) -> dict[str, np.ndarray]:
    """Tabulated accuracy curves of the cuts side by side."""
    points = np.array([len(curve.shares) if curve else 0 for curve in curves], np.int64)
    shares, levels = np.zeros((2, len(curves), MOST_POINTS))
    for cut, curve in enumerate(curves):
        if curve:
            shares[cut, : points[cut]], levels[cut, : points[cut]] = curve.shares, curve.accuracies
    return {"cut_points": points, "cut_shares": shares, "cut_levels": levels}


def _network(scenario: InferenceScenario) -> dict[str, np.ndarray]:
    dnn = scenario.dnn
    blocks = [block for _, block in dnn.stages]
    macs = [0, *itertools.accumulate(macs for macs, _ in dnn.stages)]
    shapes = [dnn.input_shape, *(block.shape for block in blocks)]
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
        "cut_steepness": np.array([0.0, *(block.steepness for block in blocks)]),
        **_tables([None, *(block.curve for block in blocks)]),
        "device_macs": device,
        "edge_macs": np.maximum(device[None, :] - device[:, None], 0.0),
        "exit_cut": place,
        "exit_share": np.array([e.share for e in exits], np.float64),
        "exit_macs": device[place],
    }


def _times(scenario: InferenceScenario, network: dict[str, np.ndarray]) -> dict[str, Any]:
    """What a task at each cut takes, as far as the scenario alone decides: divided once instead of at every step."""
    device, edge, cloud, macs = scenario.device, scenario.edge, scenario.cloud, network["cut_macs"]
    answered = network["exit_macs"][0] if len(network["exit_macs"]) else 0.0
    relay_s = network["cut_bits"] / cloud.backhaul_bit_s
    return {
        "device_cycles": network["device_macs"] / device.macs_per_cycle,
        "beyond_cycles": (network["device_macs"] - answered) / device.macs_per_cycle,
        "edge_idle_s": network["edge_macs"] / (edge.macs_per_cycle * edge.clock_hz),
        "relay_s": relay_s,
        "relay_most_s": relay_s.max(),
        "cloud_s": (macs[-1] - macs) / (cloud.macs_per_cycle * cloud.clock_hz),
    }


@kept_record
def lower(scenario: InferenceScenario) -> np.record:
    """Scenario -> PARAMS record; computes every derived value and coerces every type."""
    sc, radio, stop, edge, cloud = scenario, scenario.radio, scenario.early_stop, scenario.edge, scenario.cloud
    fading = FADING[sc.fading.model]
    drawn = fading.built_in and not fading_is_recorded(radio)
    network = _network(sc)
    return fill_record(
        PARAMS_TABLE,
        scenario,
        last_cut=len(network["cut_macs"]) - 1,
        n_exits=len(network["exit_cut"]),
        n_clocks=len(sc.device.clocks_hz),
        n_powers=len(radio.power_levels_w),
        **network,
        **_times(sc, network),
        battery_j=math.inf if sc.device.battery_j is None else sc.device.battery_j,
        noise_w_hz=dbm_to_w(radio.noise_dbm_hz + radio.noise_figure_db),
        gain_1km=db_to_ratio(-radio.path_loss_1km_db),
        path_exponent=radio.path_loss_decade_db / 10.0,
        near_km=radio.distance_m / 1000.0,
        far_km=(radio.far_distance_m or radio.distance_m) / 1000.0,
        shadowing_log=math.log(db_to_ratio(radio.shadowing_db)),
        stop_log_margin=math.log(1.0 / stop.threshold - 1.0) / stop.exponent,
        stop_noise_persistent=stop.noise_std * math.sqrt(stop.persistence),
        stop_noise_slot=stop.noise_std * math.sqrt(1.0 - stop.persistence),
        edge_macs_s=edge.macs_per_cycle * edge.clock_hz,
        reserve_s=0.0,
        cloud_macs_s=cloud.macs_per_cycle * cloud.clock_hz,
        fading=fading.function(radio.slot_s, **sc.fading.parameters) if drawn else recorded_params(),
        arrivals=lower_arrivals(sc.arrivals.model, sc.arrivals.parameters, sc.tasks.count),
        **OBSERVATION_TABLE.params(sc),
    )
