"""The inference world: one device, an edge server, a cloud; one decision a task (``SplitInference-v0``).

Citations of this package, such as (s3.4), are of ENACHI's page in the documentation, (d2) of the model's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.traces.arrivals import recorded_instants
from splitgym.worlds.channel import channel_arrays
from splitgym.worlds.inference import kernel, lanes
from splitgym.worlds.inference.about import ABOUT
from splitgym.worlds.inference.axes import AXES
from splitgym.worlds.inference.fields import OBSERVATION_TABLE
from splitgym.worlds.inference.layout import OUTCOME_TABLE, PARAMS, STATE, TASK, Nature
from splitgym.worlds.inference.lowering import lower, n_slots, uses_plugins
from splitgym.worlds.inference.measures import MEASURES, ledger, measure
from splitgym.worlds.inference.nominal_figures import nominal
from splitgym.worlds.inference.scenario import InferenceScenario, load_scenario, preset_names
from splitgym.worlds.inference.trace import InferenceTrace, draw_trace
from splitgym.worlds.inference.tradeoffs import COST, PARTS
from splitgym.worlds.records import blank, grown
from splitgym.worlds.world import WORLDS, Account, Option, Plane, World


def _nature(n: int, scenario: InferenceScenario) -> Nature:
    """Arrays for ``n`` rows; slot arrays stay empty until a row replays a trace."""
    count = scenario.tasks.count
    empty = np.zeros((1, count, 0))
    times_s = recorded_instants(scenario.arrivals.model, scenario.arrivals.parameters, count)
    return Nature(blank((n, count), TASK), empty, empty.copy(), times_s, channel_arrays(scenario.radio))


def _replay(nature: Nature, row: int, n: int, trace: InferenceTrace) -> Nature:
    """Put a trace into a row; returns the arrays, grown where needed."""
    fading, noise = (grown(slots, (n, *trace.fading.shape)) for slots in (nature.fading, nature.noise))
    nature.tasks[row] = trace.tasks()
    fading[row, :, : trace.n_slots] = trace.fading
    noise[row, :, : trace.n_slots] = trace.noise
    return nature._replace(fading=fading, noise=noise)


def _distinct(scenario: InferenceScenario, grid: np.ndarray) -> np.ndarray:
    """Distinct decisions of a grid: edge cut >= device cut, and one power where nothing is sent."""
    local = grid["cut"] == len(scenario.dnn.cut_names) - 1
    return (grid["edge_cut"] >= grid["cut"]) & (~local | (grid["power_w"] == grid["power_w"].min()))


def _flag(name: str, on: Any) -> Any:
    def apply(states: np.ndarray, rows: np.ndarray, value: Any) -> None:
        states[name][rows] = value == on

    return apply


INFERENCE = World(
    name="inference",
    env_id="SplitInference-v0",
    summary="one decision a task: device cut, edge cut, clock, transmit power",
    about=ABOUT,
    params=PARAMS,
    state=STATE,
    outcome_table=OUTCOME_TABLE,
    load_scenario=load_scenario,
    preset_names=preset_names,
    lower=lower,
    observation_table=OBSERVATION_TABLE,
    axis_table=AXES,
    distinct=_distinct,
    options={
        "packet_control": Option(
            ("tracking", "constant"), _flag("tracking", "tracking"), "power of the slots: water-filling or constant"
        ),
        "early_stop": Option((True, False), _flag("early_stop", True), "the server may stop a transmission"),
        "progressive": Option((True, False), _flag("progressive", True), "partial features are accepted"),
    },
    horizon=lambda scenario: scenario.tasks.count,
    nature=_nature,
    turn_rows=kernel.turn_rows,
    lanes=(kernel.turn_rows, lanes.turn_many),
    log_shape=lambda scenario: (n_slots(scenario), kernel.LOG_COLUMNS),
    uses_plugins=uses_plugins,
    draw_trace=draw_trace,
    trace_type=InferenceTrace,
    replay=_replay,
    figure="splitgym.show.inference",
    measures=MEASURES,
    measure=measure,
    parts=PARTS,
    cost=COST,
    plane=Plane("energy", "accuracy", 1.0),
    showcase="enachi",
    objectives=lambda scenario: ("latency", "accuracy", "energy"),
    nominal=nominal,
    limit="deadline_s",
    bound="splitgym.worlds.inference.bound",
    length="tasks.count",
    account=Account("task", lambda scenario: scenario.budget.energy_j, ledger),
    clairvoyant="splitgym.worlds.inference.clairvoyant",
    observer="splitgym.worlds.inference.observer",
)
WORLDS.add(INFERENCE.name, INFERENCE)

__all__ = ["INFERENCE", "InferenceScenario", "InferenceTrace", "load_scenario"]
