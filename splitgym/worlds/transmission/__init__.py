"""The transmission world: the features of one task, slot by slot (``ProgressiveTransmission-v0``).

One step is one radio slot, one episode the transmission of one task.  It is over when the agent stops, when all
features are in, or after the last slot: then the task has its answer, and the end is ``terminated`` (nothing was cut
off, so no value lies behind it).
"""

from __future__ import annotations

import numpy as np

from splitgym.worlds.channel import channel_arrays
from splitgym.worlds.records import blank, grown
from splitgym.worlds.transmission import kernel
from splitgym.worlds.transmission.about import ABOUT
from splitgym.worlds.transmission.axes import AXES
from splitgym.worlds.transmission.fields import OBSERVATION_TABLE
from splitgym.worlds.transmission.layout import OUTCOME_TABLE, PARAMS, STATE, TASK, Nature
from splitgym.worlds.transmission.lowering import lower, uses_plugins
from splitgym.worlds.transmission.measures import MEASURES, measure
from splitgym.worlds.transmission.scenario import TransmissionScenario, load_scenario, preset_names
from splitgym.worlds.transmission.task import n_slots, scales_of
from splitgym.worlds.transmission.trace import TransmissionTrace, draw_trace
from splitgym.worlds.transmission.tradeoffs import COST, PARTS
from splitgym.worlds.world import WORLDS, Plane, World


def _nature(n: int, scenario: TransmissionScenario) -> Nature:
    """Arrays for ``n`` rows; the slot arrays of traces stay empty until a row replays one."""
    empty = np.zeros((1, 0))
    predicted = np.zeros((n, n_slots(scenario)))
    channel = channel_arrays(scenario.radio)
    return Nature(blank((n, 1), TASK), empty, empty.copy(), predicted, np.zeros(0), channel)


def _replay(nature: Nature, row: int, n: int, trace: TransmissionTrace) -> Nature:
    """Put a trace into a row; returns the arrays, grown where needed."""
    slots = (nature.fading, nature.noise, nature.predicted)
    fading, noise, predicted = (grown(array, (n, trace.n_slots)) for array in slots)
    nature.tasks[row] = trace.task()
    fading[row, : trace.n_slots] = trace.fading
    noise[row, : trace.n_slots] = trace.noise
    return nature._replace(fading=fading, noise=noise, predicted=predicted)


def _distinct(scenario: TransmissionScenario, grid: np.ndarray) -> np.ndarray:
    """Distinct decisions of a grid: a stop needs no power."""
    return (grid["stop"] < 0.5) | (grid["power_w"] == grid["power_w"].min())


TRANSMISSION = World(
    name="transmission",
    env_id="ProgressiveTransmission-v0",
    summary="one decision a radio slot: transmit power, or stop sending the features of the task",
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
    options={},
    horizon=n_slots,
    nature=_nature,
    turn_rows=kernel.turn_rows,
    log_shape=lambda scenario: (n_slots(scenario), kernel.LOG_COLUMNS),
    uses_plugins=uses_plugins,
    draw_trace=draw_trace,
    trace_type=TransmissionTrace,
    replay=_replay,
    figure="splitgym.show.transmission",
    measures=MEASURES,
    measure=measure,
    parts=PARTS,
    cost=COST,
    plane=Plane("energy", "accuracy"),
    showcase="tracking",
    bound="splitgym.worlds.transmission.bound",
)
WORLDS.add(TRANSMISSION.name, TRANSMISSION)

__all__ = ["TRANSMISSION", "TransmissionScenario", "TransmissionTrace", "load_scenario"]
