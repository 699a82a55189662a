"""The multi-user world: N devices share uplink and edge, one decision a frame (``SplitInferenceMultiUser-v0``).

Citations of this package, such as (s3.2), are of ENACHI's page in the documentation.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from splitgym.jit import records
from splitgym.worlds.channel import channel_arrays
from splitgym.worlds.inference import INFERENCE
from splitgym.worlds.inference.kernel import LOG_COLUMNS
from splitgym.worlds.inference.layout import STATE as DEVICE_STATE
from splitgym.worlds.inference.layout import TASK
from splitgym.worlds.inference.lowering import n_slots
from splitgym.worlds.multiuser import kernel, lanes
from splitgym.worlds.multiuser.about import ABOUT
from splitgym.worlds.multiuser.axes import AXES
from splitgym.worlds.multiuser.fields import OBSERVATION_TABLE, scales_of
from splitgym.worlds.multiuser.layout import (
    DECIDED,
    DEVICE_OUTCOME,
    OUTCOME_TABLE,
    PARAMS,
    SHOWN_OF_DEVICE,
    STATE,
    Nature,
)
from splitgym.worlds.multiuser.lowering import lower, uses_plugins
from splitgym.worlds.multiuser.measures import MEASURES, ledger, measure
from splitgym.worlds.multiuser.scenario import MultiUserScenario, load_scenario, preset_names
from splitgym.worlds.multiuser.trace import MultiUserTrace, draw_trace
from splitgym.worlds.multiuser.tradeoffs import COST, PARTS
from splitgym.worlds.records import blank, grown
from splitgym.worlds.world import WORLDS, Account, Plane, World


def _nature(n: int, scenario: MultiUserScenario) -> Nature:
    """Arrays for ``n`` rows; slot arrays stay empty until a row replays a trace."""
    users, frames = scenario.users.count, scenario.frames.count
    return Nature(
        records(np.zeros((n, users), DEVICE_STATE)),
        records(np.zeros((n, users), DEVICE_OUTCOME)),
        blank((n, users, frames), TASK),
        np.zeros((n, users, frames), np.bool_),
        records(np.zeros((n, users), DECIDED)),
        np.zeros((1, users, frames, 0)),
        np.zeros((1, users, frames, 0)),
        scenario.distance_factors,
        channel_arrays(scenario.radio),
    )


def _replay(nature: Nature, row: int, n: int, trace: MultiUserTrace) -> Nature:
    """Put a trace into a row; returns the arrays, grown where needed."""
    fading, noise = (grown(slots, (n, *trace.fading.shape)) for slots in (nature.fading, nature.noise))
    nature.tasks[row] = trace.tasks()
    nature.present[row] = trace.present != 0.0
    fading[row, :, :, : trace.n_slots] = trace.fading
    noise[row, :, :, : trace.n_slots] = trace.noise
    return nature._replace(fading=fading, noise=noise)


def _distinct(scenario: MultiUserScenario, grid: np.ndarray) -> np.ndarray:
    """Distinct decisions for all devices alike: equal shares, and one power where nothing is sent."""
    local = grid["cut"] == len(scenario.dnn.cut_names) - 1
    return (grid["share"] == grid["share"].max()) & (~local | (grid["power_w"] == grid["power_w"].min()))


def _details(nature: Nature) -> dict[str, np.ndarray]:
    """What came of the frame for each device: ``device_<name>`` -> (n, N)."""
    return {f"device_{column.name}": nature.results[column.name] for column in SHOWN_OF_DEVICE}


MULTIUSER = World(
    name="multiuser",
    env_id="SplitInferenceMultiUser-v0",
    summary="one decision a frame for N devices: cut, clock, power and share of the band of each",
    about=ABOUT,
    params=PARAMS,
    state=STATE,
    outcome_table=OUTCOME_TABLE,
    load_scenario=load_scenario,
    preset_names=preset_names,
    lower=lower,
    observation_table=OBSERVATION_TABLE,
    scales=scales_of,
    axis_table=AXES,
    distinct=_distinct,
    devices=lambda scenario: scenario.users.count,
    options=INFERENCE.options,
    horizon=lambda scenario: scenario.frames.count,
    nature=_nature,
    turn_rows=kernel.turn_rows,
    lanes=(kernel.turn_rows, lanes.turn_many),
    log_shape=lambda scenario: (scenario.users.count * n_slots(scenario.one_device()), LOG_COLUMNS),
    uses_plugins=uses_plugins,
    draw_trace=draw_trace,
    trace_type=MultiUserTrace,
    replay=_replay,
    figure="splitgym.show.multiuser",
    measures=MEASURES,
    measure=measure,
    parts=PARTS,
    cost=COST,
    plane=Plane("energy", "accuracy", 1.0),
    showcase="enachi",
    details=_details,
    detail_table=tuple(
        dataclasses.replace(c, name=f"device_{c.name}", meaning=f"of each device: {c.meaning}") for c in SHOWN_OF_DEVICE
    ),
    bound="splitgym.worlds.multiuser.bound",
    observer="splitgym.worlds.multiuser.observer",
    length="frames.count",
    account=Account("frame", lambda scenario: scenario.budget.energy_j, ledger, "debt: of the device that owes most"),
)
WORLDS.add(MULTIUSER.name, MULTIUSER)

__all__ = ["MULTIUSER", "MultiUserScenario", "MultiUserTrace", "load_scenario"]
