"""Tables of the multi-user world: what is observed, centrally and by each device alone."""

from __future__ import annotations

import dataclasses
import math

from splitgym.fields import SIGNED, UNIT, Field
from splitgym.worlds.inference.fields import observation_fields as task_fields
from splitgym.worlds.multiuser.scenario import MultiUserScenario

#: Fields of the inference world that each device has here, in this order; ``present`` comes second.
_OWN = ("queue_j", "remaining_s", "gain", "gain_trend", "hint", "clock_hz")
_COMMON = ("edge_load",)


def device_fields(scenario: MultiUserScenario) -> tuple[Field, ...]:
    """What is observed of one device, in the order in which the kernel fills it."""
    known = {field.name: field for field in task_fields(scenario.one_device())}
    near, far = (scenario.radio.path_loss_decade_db * math.log10(f) for f in _extremes(scenario))
    gain = known["gain"]
    known["gain"] = dataclasses.replace(
        gain, low=gain.low - max(far, 0.0), high=gain.high - min(near, 0.0), meaning="slow channel gain now"
    )
    known["remaining_s"] = dataclasses.replace(known["remaining_s"], meaning="deadline of its task, 0 without one")
    known["hint"] = dataclasses.replace(known["hint"], meaning="noisy prediction of its sample's complexity u")
    present = Field(name="present", unit="1", kind=UNIT, low=0.0, high=1.0, meaning="1: it has a task in this frame")
    queue, *rest = (known[name] for name in _OWN)
    return (queue, present, *rest)


def observation_fields(scenario: MultiUserScenario) -> tuple[Field, ...]:
    """The central observation: each field of all devices side by side, then what they share."""
    common = (field for field in task_fields(scenario.one_device()) if field.name in _COMMON)
    n = scenario.users.count
    return (*(dataclasses.replace(field, size=n) for field in device_fields(scenario)), *common)


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
    return (*own, *means, *(field for field in task_fields(scenario.one_device()) if field.name in _COMMON))


def _extremes(scenario: MultiUserScenario) -> tuple[float, float]:
    factors = scenario.distance_factors
    return float(factors.min()), float(factors.max())
