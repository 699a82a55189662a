"""Tables of the inference world: what is observed."""

from __future__ import annotations

import math

from splitgym.fields import DECIBEL, SQUASH, UNIT, Field
from splitgym.worlds.inference.scenario import InferenceScenario


def observation_fields(scenario: InferenceScenario) -> tuple[Field, ...]:
    """The observation table of a scenario, in the order in which the kernel fills it."""
    sc = scenario
    gain_low, gain_high = slow_gain_range_db(sc)
    trend_db = max(5.0 * sc.radio.shadowing_db * math.sqrt(2.0 * (1.0 - sc.radio.shadowing_correlation)), 3.0)
    longest_s = sc.tasks.deadline_max_s
    rtt_high = max(sc.cloud.rtt_s * math.exp(4.0 * sc.cloud.rtt_log_std), 1e-3) * 1.25
    return (
        Field(
            name="queue_j",
            unit="J",
            kind=SQUASH,
            low=0.0,
            high=10.0 * sc.budget.energy_j,
            meaning="energy queue Q, the debt over the budget",
        ),
        Field(
            name="backlog",
            unit="task",
            kind=SQUASH,
            low=0.0,
            high=3.0,
            meaning="tasks that have arrived and wait behind this one (counted up to 16)",
            state="their deadlines are hidden",
        ),
        Field(
            name="remaining_s",
            unit="s",
            kind=UNIT,
            low=0.0,
            high=longest_s,
            meaning="time left for this task, R_k = A_k + D_k - S_k",
        ),
        Field(
            name="gain",
            unit="1",
            kind=DECIBEL,
            low=gain_low,
            high=gain_high,
            meaning="slow channel gain now (path loss and shadowing)",
            state="the fading of the coming slots is hidden",
        ),
        Field(
            name="gain_trend",
            unit="1",
            kind=DECIBEL,
            low=-trend_db,
            high=trend_db,
            meaning="gain now over gain of the task before",
            state="helps where the device moves; redundant for AR(1) shadowing",
        ),
        Field(
            name="hint",
            unit="1",
            kind=UNIT,
            low=0.0,
            high=1.0,
            meaning="noisy prediction of the sample's complexity u",
            state="the complexity itself is hidden",
        ),
        Field(name="edge_load", unit="1", kind=UNIT, low=0.0, high=1.0, meaning="share of the edge taken by others"),
        Field(
            name="rtt_s",
            unit="s",
            kind=UNIT,
            low=0.0,
            high=rtt_high,
            meaning="backhaul round trip, just measured",
            state="the jitter of the transfer is hidden",
        ),
        Field(
            name="clock_hz",
            unit="Hz",
            kind=UNIT,
            low=0.0,
            high=max(sc.device.clocks_hz),
            meaning="present device clock (matters where changing it takes time)",
        ),
        Field(
            name="next_arrival_s",
            unit="s",
            kind=SQUASH,
            low=0.0,
            high=longest_s,
            meaning="time to the next arrival if the scenario makes it known, else 0",
            state="hidden where arrivals are random",
        ),
        Field(
            name="battery",
            unit="1",
            kind=UNIT,
            low=0.0,
            high=1.0,
            meaning="share of the hard battery left; 1 without one",
            state="the number of tasks to come is hidden",
        ),
    )


def slow_gain_range_db(scenario: InferenceScenario) -> tuple[float, float]:
    """Range of the slow gain in dB, five standard deviations of shadowing around the path loss."""
    radio = scenario.radio
    losses = [
        radio.path_loss_1km_db + radio.path_loss_decade_db * math.log10(d / 1000.0)
        for d in (radio.distance_m, radio.far_distance_m or radio.distance_m)
    ]
    margin_db = max(5.0 * radio.shadowing_db, 10.0)
    return -max(losses) - margin_db, -min(losses) + margin_db
