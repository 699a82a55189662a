"""Tables of the multi-user world: what is observed, centrally and by each device alone."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

from splitgym.fields import SIGNED, UNIT, Field
from splitgym.worlds.inference.fields import OBSERVATION_TABLE as TASK_TABLE
from splitgym.worlds.inference.fields import slow_gain_range_db
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.multiuser.scenario import MultiUserScenario
from splitgym.worlds.observation import ObservationTable, Observed


class Scales(NamedTuple):
    """What the ranges of the observation depend on."""

    one: InferenceScenario  # of one device
    users: int
    nearest_db: float  # path loss of the nearest device over that of the scenario's distance
    farthest_db: float


def scales_of(scenario: MultiUserScenario) -> Scales:
    """What the ranges of the observation depend on."""
    if scenario.radio.recorded:
        return Scales(scenario.one_device(), scenario.users.count, 0.0, 0.0)
    near, far = (scenario.radio.path_loss_decade_db * math.log10(f) for f in _extremes(scenario))
    return Scales(scenario.one_device(), scenario.users.count, near, far)


_TASK = {entry.name: entry for entry in TASK_TABLE.entries}


def _of_task(name: str, **changes: Any) -> Observed:
    """A quantity of the inference world, as one device here has it."""
    return _TASK[name].within(lambda c: c.one, **changes)


_DEVICE = (
    _of_task("queue_j"),
    Observed(name="present", unit="1", kind=UNIT, meaning="1: it has a task in this frame"),
    _of_task("remaining_s", meaning="deadline of its task, 0 without one"),
    _of_task(
        "gain",
        low=lambda c: slow_gain_range_db(c.one)[0] - max(c.farthest_db, 0.0),
        high=lambda c: slow_gain_range_db(c.one)[1] - min(c.nearest_db, 0.0),
        meaning="slow channel gain now",
    ),
    _of_task("gain_trend"),
    _of_task("hint", meaning="noisy prediction of its sample's complexity u"),
    _of_task("clock_hz"),
)
_COMMON = (_of_task("edge_load"),)
#: The central observation: each quantity of all devices side by side, then what they share.
OBSERVATION_TABLE = ObservationTable(
    *(dataclasses.replace(entry, size=lambda c: c.users) for entry in _DEVICE), *_COMMON, most=4096
)


def device_fields(scenario: MultiUserScenario) -> tuple[Field, ...]:
    """What is observed of one device."""
    scales = scales_of(scenario)
    return tuple(entry.field(scales) for entry in _DEVICE)


def common_fields(scenario: MultiUserScenario) -> tuple[Field, ...]:
    """What all devices share."""
    scales = scales_of(scenario)
    return tuple(entry.field(scales) for entry in _COMMON)


def agent_fields(scenario: MultiUserScenario) -> tuple[Field, ...]:
    """What one agent of the parallel environment observes: itself, the others' means, what all share.

    The means are taken over the numbers observed of all devices, so that they fit any number of them.
    """
    own = device_fields(scenario)
    means = tuple(
        Field(
            name=f"mean_{field.name}",
            unit="1",
            kind=SIGNED if field.bounds[0] < 0.0 else UNIT,
            low=field.bounds[0],
            high=field.bounds[1],
            meaning=f"mean over all devices of the number observed as {field.name}",
            state="who has what is hidden",
        )
        for field in own
        if field.name in ("queue_j", "present", "gain")
    )
    return (*own, *means, *common_fields(scenario))


def _extremes(scenario: MultiUserScenario) -> tuple[float, float]:
    factors = scenario.distance_factors
    return float(factors.min()), float(factors.max())
