"""A world of its own: a device in the sun decides, step by step, with which share of its power it works."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import numpy as np

import splitgym
from splitgym.encodings import Choice
from splitgym.fields import UNIT
from splitgym.jit import one_record
from splitgym.names import check_name
from splitgym.ranges import Range
from splitgym.strict import entry, number
from splitgym.traces.base import ArrayTrace, array
from splitgym.worlds.observation import ObservationTable, Observed
from splitgym.worlds.presets import Presets
from splitgym.worlds.records import Column, Term, fill_record, record_type
from splitgym.worlds.settings import Scenario
from splitgym.worlds.world import Measure, Plane, World
from splitgym_example import kernel

ENERGY, POWER = Range("J", 1e-9, 1e9), Range("W", 0.0, 1e9)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatteryScenario(Scenario):
    """One setting of ``BatteryCharge-v0``."""

    name: str = entry(label=True, check=check_name, doc="preset name")
    description: str = entry("", label=True, doc="what the setting is for")
    n_steps: int = number(Range("step", 1, 1_000_000), doc="length of an episode")
    step_s: float = number(Range("s", 1e-6, 1e6), doc="length of a step")
    capacity_j: float = number(ENERGY, doc="of the battery")
    work_j: float = number(ENERGY, doc="energy of a step at full power")
    sun_max_w: float = number(POWER, doc="most power of the sun")
    empty_price: float = number(Range("1", 0.0, 1e6), doc="price of work that the battery could not pay for")


STATE = np.dtype(
    [
        *(("key", "u8"), ("step", "i8"), ("charge_j", "f8"), ("coming_w", "f8")),
        *(("recorded", "?"), ("finished", "?"), ("depleted", "?")),
    ],
    align=True,
)
OBSERVATION = ObservationTable(
    Observed(name="charge_j", unit="J", kind=UNIT, high=lambda sc: sc.capacity_j, meaning="charge of the battery"),
    Observed(name="coming_w", unit="W", kind=UNIT, high=lambda sc: max(sc.sun_max_w, 1e-9), meaning="the coming sun"),
    Observed(name="steps_left", unit="step", kind=UNIT, high=lambda sc: sc.n_steps, meaning="steps left"),
    most=3,
)
OUTCOME_TABLE = (
    Column("step", "i8", "steps taken"),
    Column("charge_j", "f8", "charge of the battery after the step"),
    Column("spent_j", "f8", "energy of the work done"),
    Term("reward_work", "f8", "work done, in steps at full power", formula="spent_j / work_j"),
    Term("reward_empty", "f8", "work that was not paid for", weight="-empty_price", formula="decided - spent"),
    Column("reward", "f8", "sum of the terms"),
)
PARAMS_TABLE = (
    *(Column(name, "i8" if name == "n_steps" else "f8", source=name)
      for name in ("n_steps", "step_s", "capacity_j", "work_j", "sun_max_w", "empty_price")),
    *OBSERVATION.columns(),
)  # fmt: skip


AXES = (Choice("share", "1", lambda scenario: {"levels": (0.0, 0.5, 1.0), "top": 1.0, "meaning": "share of power"}),)


def lower(scenario: BatteryScenario) -> np.record:
    """The scenario as the kernel sees it."""
    return fill_record(PARAMS_TABLE, scenario, **OBSERVATION.params(scenario))


class Nature(NamedTuple):
    """Power of the sun (n, n_steps) [W] of rows that replay a trace."""

    sun_w: np.ndarray


PRESETS = Presets("battery", BatteryScenario)


@dataclasses.dataclass(frozen=True, eq=False)
class BatteryTrace(ArrayTrace):
    """The sun of one episode."""

    FORMAT: ClassVar[str] = "splitgym-example-battery-trace-1"
    PRESETS: ClassVar[Any] = PRESETS
    sun_w: np.ndarray = array(POWER, "power of the sun in each step", "n_steps")

    def __post_init__(self) -> None:
        self.settle()

    def check(self, params: np.record) -> None:
        """Raise ``ValueError`` unless it has a power for each step."""
        if len(self.sun_w) != params.n_steps:
            raise ValueError(f"the trace has {len(self.sun_w)} steps, the scenario {params.n_steps} (n_steps)")

    @classmethod
    def of_key(cls, scenario: BatteryScenario, key: np.uint64, width: int | None = None) -> BatteryTrace:
        """The same values that the kernel draws step by step."""
        p = one_record(lower(scenario), record_type(PARAMS_TABLE))[0]
        return cls(sun_w=np.array([kernel.sun_w(key, k, p) for k in range(scenario.n_steps)]))


def replay(nature: Nature, row: int, n: int, trace: BatteryTrace) -> Nature:
    """Put a trace into a row."""
    nature.sun_w[row] = trace.sun_w
    return nature


def measure(outcomes: np.ndarray, live: np.ndarray, scenario: BatteryScenario) -> dict[str, np.ndarray]:
    """Figures of episodes."""
    return {
        "return": np.where(live, outcomes["reward"], 0.0).sum(axis=0),
        "energy": np.where(live, outcomes["spent_j"], 0.0).sum(axis=0),
    }


BATTERY = splitgym.register_world(
    World(
        name="battery",
        env_id="BatteryCharge-v0",
        summary="one decision a step: with which share of its power a device in the sun works",
        params=record_type(PARAMS_TABLE),
        state=STATE,
        outcome_table=OUTCOME_TABLE,
        load_scenario=PRESETS.load,
        preset_names=PRESETS.names,
        lower=lower,
        observation_table=OBSERVATION,
        scales=lambda scenario: scenario,
        axis_table=AXES,
        distinct=lambda scenario, grid: np.ones(len(grid), bool),
        options={},
        horizon=lambda scenario: scenario.n_steps,
        nature=lambda n, scenario: Nature(np.zeros((n, scenario.n_steps))),
        turn_rows=kernel.turn_rows,
        log_shape=lambda scenario: (0, 1),
        uses_plugins=lambda scenario: False,
        draw_trace=BatteryTrace.of_key,
        trace_type=BatteryTrace,
        replay=replay,
        figure="",
        measures=(
            Measure("return", "", "work done, less the price of what was not paid for", 1),
            Measure("energy", "J", "energy of the work done", 1),
        ),
        measure=measure,
        plane=Plane("energy", "return"),
        showcase="random",
    )
)
