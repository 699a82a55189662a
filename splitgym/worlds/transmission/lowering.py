"""Scenario of the transmission world -> PARAMS: every derived value is computed here, once."""

from __future__ import annotations

import numpy as np

from splitgym.traces.fading import FADING
from splitgym.worlds.channel import fading_is_recorded
from splitgym.worlds.transmission.fields import OBSERVATION_TABLE
from splitgym.worlds.transmission.kernel import window
from splitgym.worlds.transmission.scenario import TransmissionScenario
from splitgym.worlds.transmission.task import scales_of, task_params


def uses_plugins(scenario: TransmissionScenario) -> bool:
    """Whether a plug-in model draws the fading, so that episodes are drawn as arrays first."""
    return not FADING[scenario.fading.model].built_in or fading_is_recorded(scenario.radio)


def lower(scenario: TransmissionScenario) -> np.record:
    """Scenario -> PARAMS record.  ``ValueError`` if the shortest deadline leaves no slot at the highest edge load."""
    params = task_params(scenario, OBSERVATION_TABLE.params(scales_of(scenario)))
    edge, task = scenario.edge, scenario.transmission
    key = "edge.load_max" if edge.load_std > 0.0 or edge.load_mean > edge.load_max else "edge.load_mean"
    load = edge.load_max if key == "edge.load_max" else edge.load_mean
    if window(task.deadline_min_s, load, params)[1] < 1:
        raise ValueError(
            f"transmission.deadline_min_s={task.deadline_min_s!r} s leaves no slot between the device's blocks up to "
            f"{task.cut!r} and the edge's at {key}={load:g}; take a longer deadline, another cut, faster clocks "
            f"(device.clocks_hz, edge.clock_hz, macs_per_cycle), fewer macs or a shorter radio.slot_s"
        )
    return params
