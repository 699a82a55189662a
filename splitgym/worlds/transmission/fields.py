"""Tables of the transmission world: what is observed."""

from __future__ import annotations

import math
from typing import NamedTuple

from splitgym.fields import DECIBEL, SQUASH, UNIT
from splitgym.worlds.observation import ObservationTable, Observed
from splitgym.worlds.transmission.scenario import TransmissionScenario

#: Range of fading around the slow gain that is observed without clipping [dB].
FADE_DB, PEAK_DB = 40.0, 12.0


class Scales(NamedTuple):
    """What the ranges of the observation depend on."""

    scenario: TransmissionScenario
    gain_db: tuple[float, float]  # range of the slow gain
    slots: int  # of the longest deadline


def _delay(scales: Scales) -> str:
    slots = scales.scenario.early_stop.feedback_slots
    return f"{slots} slot{'' if slots == 1 else 's'} old"


def _typical_queue_w(scales: Scales) -> float:
    task = scales.scenario.transmission
    typical_w = math.sqrt(task.reference_min_w * task.reference_max_w)
    return scales.scenario.radio.tracking_tolerance * scales.slots * typical_w


#: What is observed; the scales are those of ``task.scales_of``.
OBSERVATION_TABLE = ObservationTable(
    Observed(
        name="gain",
        unit="1",
        kind=DECIBEL,
        low=lambda c: c.gain_db[0],
        high=lambda c: c.gain_db[1],
        meaning="slow channel gain G (path loss and shadowing)",
    ),
    Observed(
        name="slot_gain",
        unit="1",
        kind=DECIBEL,
        low=lambda c: c.gain_db[0] - FADE_DB,
        high=lambda c: c.gain_db[1] + PEAK_DB,
        meaning="channel gain G h of the coming slot, just measured",
        state="the fading of the slots after it is hidden",
    ),
    Observed(
        name="slots_left",
        unit="slot",
        kind=UNIT,
        high=lambda c: c.slots,
        meaning="slots left, the coming one included",
    ),
    Observed(
        name="slots_total",
        unit="slot",
        kind=UNIT,
        high=lambda c: c.slots,
        meaning="slots that the deadline left at the beginning",
    ),
    Observed(
        name="feature_ratio",
        unit="1",
        kind=UNIT,
        meaning="share of the features delivered, beta (whole channels)",
    ),
    Observed(
        name="uncertainty",
        unit="1",
        kind=UNIT,
        meaning=lambda c: f"newest prediction of the server's uncertainty, {_delay(c)}; 1 before it",
        state="newer predictions are under way; the complexity and the predictor's error are hidden",
    ),
    Observed(
        name="reference_w",
        unit="W",
        kind=UNIT,
        high=lambda c: c.scenario.radio.power_max_w,
        meaning="reference power that the task level asks for",
    ),
    Observed(
        name="power_queue_w",
        unit="W",
        kind=SQUASH,
        high=_typical_queue_w,
        meaning="tracking queue q, the excess of power over the reference so far",
    ),
    Observed(
        name="spent_j",
        unit="J",
        kind=SQUASH,
        high=lambda c: c.scenario.transmission.budget_j,
        meaning="radio energy spent so far",
    ),
    Observed(
        name="hint",
        unit="1",
        kind=UNIT,
        meaning="noisy prediction of the sample's complexity u",
        state="the complexity itself is hidden",
    ),
    most=32,
)
