"""Tables of the inference world: what is observed."""

from __future__ import annotations

import math

from splitgym.fields import DECIBEL, SQUASH, UNIT
from splitgym.worlds.channel import channel_logs
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.observation import ObservationTable, Observed

#: Beyond the gains of a log [dB]: what a log of the same place may still have.
LOG_MARGIN_DB = 3.0

#: What is observed; the scales are the scenario itself.
OBSERVATION_TABLE = ObservationTable(
    Observed(
        name="queue_j",
        unit="J",
        kind=SQUASH,
        high=lambda sc: 10.0 * sc.budget.energy_j,
        meaning="energy queue Q, the debt over the budget",
    ),
    Observed(
        name="backlog",
        unit="task",
        kind=SQUASH,
        high=3.0,
        meaning="tasks that have arrived and wait behind this one (counted up to 16)",
        state="their deadlines are hidden",
    ),
    Observed(
        name="remaining_s",
        unit="s",
        kind=UNIT,
        high=lambda sc: sc.tasks.deadline_max_s,
        meaning="time left for this task, R_k = A_k + D_k - S_k",
    ),
    Observed(
        name="gain",
        unit="1",
        kind=DECIBEL,
        low=lambda sc: slow_gain_range_db(sc)[0],
        high=lambda sc: slow_gain_range_db(sc)[1],
        meaning="slow channel gain now (path loss and shadowing)",
        state="the fading of the coming slots is hidden",
    ),
    Observed(
        name="gain_trend",
        unit="1",
        kind=DECIBEL,
        low=lambda sc: -_trend_db(sc),
        high=lambda sc: _trend_db(sc),
        meaning="gain now over gain of the task before",
        state="helps where the device moves; redundant for AR(1) shadowing",
    ),
    Observed(
        name="hint",
        unit="1",
        kind=UNIT,
        meaning="noisy prediction of the sample's complexity u",
        state="the complexity itself is hidden",
    ),
    Observed(name="edge_load", unit="1", kind=UNIT, meaning="share of the edge taken by others"),
    Observed(
        name="rtt_s",
        unit="s",
        kind=UNIT,
        high=lambda sc: max(sc.cloud.rtt_s * math.exp(4.0 * sc.cloud.rtt_log_std), 1e-3) * 1.25,
        meaning="backhaul round trip, just measured",
        state="the jitter of the transfer is hidden",
    ),
    Observed(
        name="clock_hz",
        unit="Hz",
        kind=UNIT,
        high=lambda sc: max(sc.device.clocks_hz),
        meaning="present device clock (matters where changing it takes time)",
    ),
    Observed(
        name="next_arrival_s",
        unit="s",
        kind=SQUASH,
        high=lambda sc: sc.tasks.deadline_max_s,
        meaning="time to the next arrival if the scenario makes it known, else 0",
        state="hidden where arrivals are random",
    ),
    Observed(
        name="battery",
        unit="1",
        kind=UNIT,
        meaning="share of the hard battery left; 1 without one",
        state="the number of tasks to come is hidden",
    ),
    most=32,
)


def slow_gain_range_db(scenario: InferenceScenario) -> tuple[float, float]:
    """Range of the slow gain in dB: five standard deviations of shadowing around the path loss, or that of the logs."""
    radio = scenario.radio
    if logs := channel_logs(radio):
        ranges = [log.range_db for log in logs]
        return min(low for low, _ in ranges) - LOG_MARGIN_DB, max(high for _, high in ranges) + LOG_MARGIN_DB
    losses = [
        radio.path_loss_1km_db + radio.path_loss_decade_db * math.log10(d / 1000.0)
        for d in (radio.distance_m, radio.far_distance_m or radio.distance_m)
    ]
    margin_db = max(5.0 * radio.shadowing_db, 10.0)
    return -max(losses) - margin_db, -min(losses) + margin_db


def _trend_db(scenario: InferenceScenario) -> float:
    """Range of the change of the slow gain from task to task in dB: five standard deviations, or that of the logs."""
    radio = scenario.radio
    if logs := channel_logs(radio):
        return max(*(log.change_db(scenario.tasks.deadline_max_s) for log in logs), LOG_MARGIN_DB)
    return max(5.0 * radio.shadowing_db * math.sqrt(2.0 * (1.0 - radio.shadowing_correlation)), 3.0)
