"""The hardware world: calibrated machines, one decision a request (``HardwareSplit-v0``)."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from splitgym.worlds.hardware import kernel
from splitgym.worlds.hardware.about import ABOUT
from splitgym.worlds.hardware.axes import AXES
from splitgym.worlds.hardware.fields import OBSERVATION_TABLE
from splitgym.worlds.hardware.layout import OUTCOME_TABLE, PARAMS, REQUEST, STATE, Nature
from splitgym.worlds.hardware.lowering import lower, nominal, uses_plugins, valid
from splitgym.worlds.hardware.measures import MEASURES, measure
from splitgym.worlds.hardware.played import lower_runs
from splitgym.worlds.hardware.profile import HardwareProfile, hardware_names, load_hardware
from splitgym.worlds.hardware.scenario import HardwareScenario, load_scenario, preset_names
from splitgym.worlds.hardware.trace import HardwareTrace, draw_trace, given_arrays
from splitgym.worlds.hardware.tradeoffs import COST, PARTS
from splitgym.worlds.hardware.workload import published_thresholds_s
from splitgym.worlds.records import blank
from splitgym.worlds.world import WORLDS, Plane, World


def _nature(n: int, scenario: HardwareScenario) -> Nature:
    """Arrays for ``n`` rows."""
    return Nature(
        blank((n, scenario.requests.count), REQUEST), *given_arrays(scenario), lower_runs(scenario.hardware)[0]
    )


def _replay(nature: Nature, row: int, n: int, trace: HardwareTrace) -> Nature:
    """Put a trace into a row; returns the arrays."""
    nature.requests[row] = trace.requests()
    return nature


def _distinct(scenario: HardwareScenario, grid: np.ndarray) -> np.ndarray:
    """Valid decisions of a grid.  (DynaSplit specification section 1)"""
    return valid(lower(scenario), grid)


def _nominal(scenario: HardwareScenario) -> Callable[[np.ndarray], np.ndarray]:
    """What decisions (n,) cost, (n, 3): latency [s], energy [J], accuracy."""
    return functools.partial(nominal, lower(scenario), lower_runs(scenario.hardware)[0])


HARDWARE = World(
    name="hardware",
    env_id="HardwareSplit-v0",
    summary="one decision a request: CPU clock, edge accelerator, split layer, server GPU under a latency threshold",
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
    options={},
    horizon=lambda scenario: scenario.requests.count,
    nature=_nature,
    turn_rows=kernel.turn_rows,
    log_shape=lambda scenario: (0, 1),
    uses_plugins=uses_plugins,
    draw_trace=draw_trace,
    trace_type=HardwareTrace,
    replay=_replay,
    figure="splitgym.show.hardware",
    measures=MEASURES,
    measure=measure,
    parts=PARTS,
    cost=COST,
    plane=Plane("energy", "violated"),
    showcase="dynasplit",
    objectives=lambda scenario: scenario.hardware.objectives,
    nominal=_nominal,
    limit="threshold_s",
    length="requests.count",
    bound="splitgym.worlds.hardware.bound",
    clairvoyant="splitgym.worlds.hardware.clairvoyant",
    observer="splitgym.worlds.hardware.observer",
)
WORLDS.add(HARDWARE.name, HARDWARE)

__all__ = [
    "HARDWARE",
    "HardwareProfile",
    "HardwareScenario",
    "HardwareTrace",
    "hardware_names",
    "load_hardware",
    "load_scenario",
    "published_thresholds_s",
]
