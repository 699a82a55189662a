"""Scenario of the multi-user world -> PARAMS: every derived value is computed here, once."""

from __future__ import annotations

import numpy as np

from splitgym.traces.fading import FADING
from splitgym.worlds.channel import fading_is_recorded
from splitgym.worlds.inference.lowering import lower as lower_device
from splitgym.worlds.multiuser.fields import OBSERVATION_TABLE, scales_of
from splitgym.worlds.multiuser.layout import PARAMS_TABLE
from splitgym.worlds.multiuser.scenario import MultiUserScenario
from splitgym.worlds.records import fill_record


def uses_plugins(scenario: MultiUserScenario) -> bool:
    """Whether a plug-in model draws part of the trace, so that episodes are drawn as arrays first."""
    return not FADING[scenario.fading.model].built_in or fading_is_recorded(scenario.radio)


def lower(scenario: MultiUserScenario) -> np.record:
    """Scenario -> PARAMS record; computes every derived value and coerces every type."""
    one = lower_device(scenario.one_device())
    one.reserve_s = scenario.edge.reserve_s
    return fill_record(
        PARAMS_TABLE,
        scenario,
        one=one,
        workers=min(scenario.edge.workers, scenario.users.count),  # more never wait
        n_shares=len(scenario.radio.share_levels),
        **OBSERVATION_TABLE.params(scales_of(scenario)),
    )
