"""What is decided in the hardware world: the table of axes, the only place that names them; the paper's order."""

from __future__ import annotations

from typing import Any

from splitgym.encodings import Choice
from splitgym.worlds.hardware.profile import MODES
from splitgym.worlds.hardware.scenario import HardwareScenario


def _clock(scenario: HardwareScenario) -> dict[str, Any]:
    return {"levels": scenario.hardware.clocks_hz, "meaning": "CPU clock of the edge device"}


def _accelerator(scenario: HardwareScenario) -> dict[str, Any]:
    return {
        "levels": tuple(range(len(MODES))),
        "meaning": f"edge accelerator: {', '.join(MODES)}; off where nothing runs on the edge device",
        "labels": MODES,
    }


def _split(scenario: HardwareScenario) -> dict[str, Any]:
    points = scenario.hardware.split_points
    return {
        "levels": tuple(range(len(points))),
        "meaning": f"split layer: 0 sends the input, {len(points) - 1} runs all on the edge device",
        "labels": points,
    }


def _gpu(scenario: HardwareScenario) -> dict[str, Any]:
    return {
        "levels": (0, 1),
        "meaning": "server GPU; not used where nothing runs on the server",
        "labels": ("CPU", "GPU"),
    }


AXES = (
    Choice("clock_hz", "Hz", _clock),
    Choice("accelerator", "mode", _accelerator),
    Choice("split", "layer", _split),
    Choice("gpu", "1", _gpu),
)
