"""Tables of the transmission world: what is observed."""

from __future__ import annotations

import math

from splitgym.fields import DECIBEL, SQUASH, UNIT, Field
from splitgym.worlds.inference.fields import slow_gain_range_db
from splitgym.worlds.transmission.scenario import TransmissionScenario
from splitgym.worlds.transmission.task import most_slots, task_scenario

#: Range of fading around the slow gain that is observed without clipping [dB].
FADE_DB, PEAK_DB = 40.0, 12.0


def _field(
    name: str, unit: str, kind: int, high: float, meaning: str, state: str = "markov", low: float = 0.0
) -> Field:
    return Field(name=name, unit=unit, kind=kind, low=low, high=high, meaning=meaning, state=state)


def observation_fields(scenario: TransmissionScenario) -> tuple[Field, ...]:
    """The observation table of a scenario, in the order in which the kernel fills it."""
    sc, task = scenario, scenario.transmission
    low_db, high_db = slow_gain_range_db(task_scenario(sc))
    count, delay = most_slots(sc), sc.early_stop.feedback_slots
    typical_w = math.sqrt(task.reference_min_w * task.reference_max_w)
    return (
        _field("gain", "1", DECIBEL, high_db, "slow channel gain G (path loss and shadowing)", low=low_db),
        _field(
            "slot_gain", "1", DECIBEL, high_db + PEAK_DB, "channel gain G h of the coming slot, just measured",
            "the fading of the slots after it is hidden", low_db - FADE_DB,
        ),
        _field("slots_left", "slot", UNIT, count, "slots left, the coming one included"),
        _field("slots_total", "slot", UNIT, count, "slots that the deadline left at the beginning"),
        _field("feature_ratio", "1", UNIT, 1.0, "share of the features delivered, beta (whole channels)"),
        _field(
            "uncertainty", "1", UNIT, 1.0,
            f"newest prediction of the server's uncertainty, {delay} slot{'' if delay == 1 else 's'} old; 1 before it",
            "newer predictions are under way; the complexity and the predictor's error are hidden",
        ),
        _field("reference_w", "W", UNIT, sc.radio.power_max_w, "reference power that the task level asks for"),
        _field(
            "power_queue_w", "W", SQUASH, sc.radio.tracking_tolerance * count * typical_w,
            "tracking queue q, the excess of power over the reference so far",
        ),
        _field("spent_j", "J", SQUASH, task.budget_j, "radio energy spent so far"),
        _field(
            "hint", "1", UNIT, 1.0, "noisy prediction of the sample's complexity u", "the complexity itself is hidden"
        ),
    )  # fmt: skip
