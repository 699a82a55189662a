"""The placement world: early-exit networks over device, edge and cloud, block by block (``BlockPlacement-v0``)."""

from __future__ import annotations

import numpy as np

from splitgym.jit import records
from splitgym.traces.arrivals import recorded_instants
from splitgym.worlds.placement import kernel
from splitgym.worlds.placement.about import ABOUT
from splitgym.worlds.placement.axes import AXES
from splitgym.worlds.placement.fields import OBSERVATION_TABLE, scales_of
from splitgym.worlds.placement.layout import APP, LIVE, OUTCOME_TABLE, PARAMS, STATE, Nature
from splitgym.worlds.placement.lowering import lower, uses_plugins
from splitgym.worlds.placement.measures import MEASURES, measure
from splitgym.worlds.placement.scenario import PlacementScenario, load_scenario, preset_names
from splitgym.worlds.placement.system import parts, system_of
from splitgym.worlds.placement.trace import PlacementTrace, draw_trace
from splitgym.worlds.placement.tradeoffs import COST, PARTS
from splitgym.worlds.records import blank
from splitgym.worlds.world import WORLDS, Plane, World


def _nature(n: int, scenario: PlacementScenario) -> Nature:
    """Arrays for ``n`` rows."""
    count, system = scenario.applications.count, system_of(scenario)
    nodes, arcs = len(system.nodes), len(system.arcs)
    return Nature(
        blank((n, count), APP),
        records(np.zeros((n, count), LIVE)),
        np.zeros((n, nodes)),
        np.zeros((n, nodes)),
        np.zeros((n, arcs)),
        recorded_instants(scenario.arrivals.model, scenario.arrivals.parameters, count),
        *system,
    )


def _replay(nature: Nature, row: int, n: int, trace: PlacementTrace) -> Nature:
    """Put a trace into a row; returns the arrays."""
    nature.apps[row] = trace.apps()
    return nature


def _horizon(scenario: PlacementScenario) -> int:
    """Most moves of an episode: every block of every application, and what closes it."""
    return scenario.applications.count * (max(len(dnn.blocks) for dnn in parts(scenario)[2].values()) + 1)


PLACEMENT = World(
    name="placement",
    env_id="BlockPlacement-v0",
    summary="one decision a block: the node that runs it, or the exit set that ends the network, or a rejection",
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
    distinct=lambda scenario, grid: np.ones(len(grid), np.bool_),
    options={},
    horizon=_horizon,
    nature=_nature,
    turn_rows=kernel.turn_rows,
    log_shape=lambda scenario: (0, 1),
    uses_plugins=uses_plugins,
    draw_trace=draw_trace,
    trace_type=PlacementTrace,
    replay=_replay,
    figure="splitgym.show.placement",
    measures=MEASURES,
    measure=measure,
    parts=PARTS,
    cost=COST,
    plane=Plane("saved", "rejected"),
    showcase="fin",
    length="applications.count",
    bound="splitgym.worlds.placement.bound",
)
WORLDS.add(PLACEMENT.name, PLACEMENT)

__all__ = ["PLACEMENT", "PlacementScenario", "PlacementTrace", "load_scenario"]
