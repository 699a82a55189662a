"""What is decided in the inference world: the table of axes, the only place that names them."""

from __future__ import annotations

from typing import Any

from splitgym.encodings import Choice
from splitgym.worlds.inference.scenario import InferenceScenario


def _cut(scenario: InferenceScenario) -> dict[str, Any]:
    cuts = scenario.dnn.cut_names
    return {"levels": tuple(range(len(cuts))), "meaning": f"device cut: {', '.join(cuts)}", "labels": cuts}


def _edge_cut(scenario: InferenceScenario) -> dict[str, Any]:
    cuts = scenario.dnn.cut_names
    levels = tuple(range(len(cuts))) if scenario.cloud.enabled else (len(cuts) - 1,)
    return {
        "levels": levels,
        "meaning": "edge cut, cloud behind it; smaller than the device cut means equal to it",
        "labels": tuple(cuts[cut] for cut in levels),
    }


def _clock(scenario: InferenceScenario) -> dict[str, Any]:
    return {"levels": scenario.device.clocks_hz, "meaning": "device clock"}


def _power(scenario: InferenceScenario) -> dict[str, Any]:
    return {
        "levels": scenario.radio.power_levels_w,
        "top": scenario.radio.power_max_w,
        "meaning": "reference transmit power; the packet controller keeps its average",
    }


AXES = (
    Choice("cut", "cut", _cut),
    Choice("edge_cut", "cut", _edge_cut),
    Choice("clock_hz", "Hz", _clock),
    Choice("power_w", "W", _power),
)
