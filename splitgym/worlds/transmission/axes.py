"""What is decided in the transmission world: the table of axes, the only place that names them."""

from __future__ import annotations

from typing import Any

from splitgym.encodings import Choice
from splitgym.worlds.transmission.scenario import TransmissionScenario


def _power(scenario: TransmissionScenario) -> dict[str, Any]:
    return {
        "levels": tuple(sorted({0.0, *scenario.radio.power_levels_w})),
        "top": scenario.radio.power_max_w,
        "meaning": "transmit power of the coming slot",
    }


def _stop(scenario: TransmissionScenario) -> dict[str, Any]:
    return {
        "levels": (0, 1),
        "meaning": "1: send nothing more and let the server answer; the power does not count then",
        "labels": ("go on", "stop"),
    }


#: ``stop`` is a flag (>= 1/2: stop).
AXES = (Choice("power_w", "W", _power), Choice("stop", "1", _stop))
