"""What is decided for each device of the multi-user world: the table of axes, the only place that names them."""

from __future__ import annotations

import dataclasses
from typing import Any

from splitgym.encodings import Choice
from splitgym.worlds.inference.axes import AXES as TASK_AXES
from splitgym.worlds.multiuser.scenario import MultiUserScenario


def _of_device(name: str) -> Choice:
    """An axis of the inference world as each device has it."""
    task = next(choice for choice in TASK_AXES if choice.name == name)
    return dataclasses.replace(task, given=lambda scenario: task.given(scenario.one_device()))


def _share(scenario: MultiUserScenario) -> dict[str, Any]:
    return {
        "levels": scenario.radio.share_levels,
        "top": 1.0,
        "meaning": "weight; the band is shared in proportion among devices with a task, equally if all weights are 0",
    }


AXES = (_of_device("cut"), _of_device("clock_hz"), _of_device("power_w"), Choice("share", "1", _share))
