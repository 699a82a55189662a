"""The one task of the transmission world as a scenario of the inference world, and its slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from splitgym.ranges import no_warnings
from splitgym.worlds.inference.fields import slow_gain_range_db
from splitgym.worlds.inference.lowering import lower as lower_task
from splitgym.worlds.inference.lowering import n_slots as task_slots
from splitgym.worlds.inference.scenario import Budget, Cloud, InferenceScenario, Tasks
from splitgym.worlds.records import fill_record
from splitgym.worlds.settings import Arrivals
from splitgym.worlds.transmission.fields import OBSERVATION_TABLE, Scales
from splitgym.worlds.transmission.kernel import window
from splitgym.worlds.transmission.layout import PARAMS, PARAMS_TABLE, SHARED
from splitgym.worlds.transmission.scenario import TransmissionScenario

_NO_CLOUD = Cloud(
    enabled=False, clock_hz=1e12, macs_per_cycle=1e6, energy_j_per_mac=0.0, backhaul_bit_s=1e15, rtt_s=0.0,
    rtt_log_std=0.0, rtt_correlation=0.0, jitter_s=0.0,
)  # fmt: skip


@no_warnings()
def task_scenario(scenario: TransmissionScenario) -> InferenceScenario:
    """The inference world's scenario of a single task of this setting, without exits and cloud."""
    sc, task = scenario, scenario.transmission
    return InferenceScenario(
        name=sc.name,
        dnn=sc.dnn,
        early_exits=False,
        tasks=Tasks(
            count=1, deadline_min_s=task.deadline_min_s, deadline_max_s=task.deadline_max_s, hint_std=task.hint_std
        ),
        device=sc.device,
        radio=sc.radio,
        fading=sc.fading,
        arrivals=Arrivals(model="periodic"),
        early_stop=sc.early_stop,
        edge=sc.edge,
        cloud=_NO_CLOUD,
        budget=Budget(energy_j=task.budget_j, debt_price=task.energy_price, infrastructure_weight=0.0),
    )


def n_slots(scenario: TransmissionScenario) -> int:
    """Slots that the longest deadline can use; the width of a trace's slot arrays."""
    return task_slots(task_scenario(scenario))


def most_slots(scenario: TransmissionScenario) -> int:
    """Slots of the longest deadline on an idle edge; the scale of the observed numbers of slots."""
    return max(window(scenario.transmission.deadline_max_s, 0.0, task_params(scenario))[1], 1)


def scales_of(scenario: TransmissionScenario) -> Scales:
    """What the ranges of the observation depend on."""
    return Scales(scenario, slow_gain_range_db(task_scenario(scenario)), most_slots(scenario))


def task_params(scenario: TransmissionScenario, observed: Mapping[str, Any] | None = None) -> np.record:
    """The PARAMS record; without ``observed``, the values of the observation table, nothing can be observed."""
    shared, nothing = lower_task(task_scenario(scenario)), np.zeros((), PARAMS)
    values = {column.name: shared[column.name] for column in SHARED}
    values |= observed or {column.name: nothing[column.name] for column in OBSERVATION_TABLE.columns()}
    return fill_record(
        PARAMS_TABLE,
        scenario,
        **values,
        cut=scenario.dnn.cut_names.index(scenario.transmission.cut),
        cut_clock_hz=max(scenario.device.clocks_hz),
    )
