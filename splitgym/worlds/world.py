"""The small interface between a world and the shell (environments, evaluation, training, tests)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from splitgym.encodings import ENCODINGS, Axis, Choice, Encoding, decision_type
from splitgym.fields import Field
from splitgym.ids import class_name_of, ids_of, plain_id
from splitgym.registry import Registry, unknown
from splitgym.traces.base import ArrayTrace
from splitgym.worlds.about import About
from splitgym.worlds.observation import ObservationTable
from splitgym.worlds.records import RETURNED, Column, Term, record_type
from splitgym.worlds.shipped import SHIPPED, Shipped
from splitgym.worlds.tradeoffs import COST_KEY, Cost, Part

#: What ``info`` shows beside the outcome of a step.
MASK = Column(
    "action_mask",
    "i1",
    "what `action_space.sample(mask)` takes: int8 for `Discrete`, a tuple of them for `MultiDiscrete`, a dictionary "
    "for `Dict`, absent for `Box`; 0: the choice cannot finish in time, though every action is accepted",
)


class Seen(NamedTuple):
    """What the rows show: observations (n, n_fields) float32 and action masks (n, n_mask) bool."""

    observations: np.ndarray
    masks: np.ndarray


@dataclasses.dataclass(frozen=True)
class Option:
    """An episode option: name -> choices, the first being the default; ``apply(states, rows, value)`` sets it."""

    choices: tuple[Any, ...]
    apply: Callable[[np.ndarray, np.ndarray, Any], None]
    meaning: str


@functools.cache
def row_dtype(world: World) -> np.dtype:
    """Record of one row: everything that a turn reads and writes, in one array, since every array costs a call time.

    One object for all environments: Numba knows a record type by its identity and compares field by field otherwise.
    """
    fields = [
        ("key", "u8"),  # randomness of the present episode
        ("live", "?"),  # takes a step in this turn
        ("fresh", "?"),  # begins an episode in this turn
        ("state", world.state),
        *([("decision", world.decision)] if world.devices is None else []),  # of several devices: in Nature
        ("outcome", world.outcome),
    ]
    return np.dtype(fields, align=True)


@dataclasses.dataclass(frozen=True)
class Measure:
    """A figure of an episode: name, unit shown, meaning, +1 if more is better, factor from SI to the unit shown.

    ``form`` is a format for the shown value where the unit's own is too coarse.
    """

    name: str
    unit: str
    meaning: str
    better: int
    factor: float = 1.0
    form: str = ""


class Plane(NamedTuple):
    """Two measures that a comparison draws against each other; ``reference`` is a value of ``x`` worth a line."""

    x: str
    y: str
    reference: float | None = None


class Ledger(NamedTuple):
    """The energy account of one episode, step by step, (n_steps,) each; in a world of single tasks a step is a task.

    ``energy_j`` is charged for the ``tasks`` of a step, ``correct`` the number of these answered correctly in time, and
    ``debt_j`` the energy queue after it: that of the device that owes most, where there are several.
    """

    tasks: np.ndarray
    correct: np.ndarray
    energy_j: np.ndarray
    debt_j: np.ndarray


@dataclasses.dataclass(frozen=True)
class Account:
    """How a world with an energy budget per task keeps its account.

    A step of the episode is called a ``step``; ``budget_j`` gives a scenario's budget of one task [J], and ``ledger``
    the account of an episode from its outcomes (n_decisions,).  ``note`` is what must be said beside the figures.
    """

    step: str
    budget_j: Callable[[Any], float]
    ledger: Callable[[np.ndarray, Any], Ledger]
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """One decision problem.

    The record types are those of the lowered scenario and of what a row remembers.  STATE must hold the booleans
    ``finished`` (no decision left: truncation), ``depleted`` (termination) and ``recorded`` (the row replays a trace).
    ``observation_table`` names what is observed, and ``scales`` gives what that depends on; ``turn_rows`` gives -1 or
    what :func:`splitgym.physics.codec.show` found wrong.  ``lanes`` names a ``turn_rows`` and its equal, see
    :meth:`loop`.  ``outcome_table`` says what ``info`` shows of a step: among its columns the terms of the reward and
    last ``reward``, their sum.  ``measures`` begins with the return; ``showcase`` is the policy that examples use.

    ``axis_table`` names what is decided; actions are decoded into the record ``decision`` of a row, or, where each of
    several ``devices`` is decided for by all axes, into the array ``decided`` (n, N) of the world's Nature, whose
    records begin with the axes.  ``distinct`` says which of a grid of decisions (n,) differ in what they do, (n,) bool;
    one decision stands for all devices there.

    ``nominal`` turns a scenario into a function of decisions (n,) that gives what they cost under nominal
    conditions, (n, 3): latency [s], energy [J], accuracy [1]; ``objectives`` says which of these an offline search
    minimises or, for accuracy, maximises; ``limit`` is the array of a trace that bounds the latency.  Worlds in which
    a decision has no cost of its own leave these three out.

    ``details`` gives what ``info`` shows beyond OUTCOME, from the arrays of nature: name -> (n, ...) array, such as a
    column for each of several devices; ``detail_table`` says what they are.  ``bound`` names the module whose
    ``bound(scenario, trace)`` is proven to be an upper bound on every return; empty where there is no proof yet.
    ``length`` is the dotted scenario path of how many tasks an episode has; empty where it has one.
    ``account`` is that of the energy queue, ``None`` in a world without one.  ``clairvoyant`` names the module whose
    ``clairvoyant(scenario, trace)`` finds feasible decisions with the trace known; empty where there is no search.
    ``observer`` names the module whose ``observer(scenario, action)`` bounds what a policy returns that sees
    observations only; empty where there is none.
    ``parts`` are those of the vector reward, ``cost`` is what ``info["cost"]`` shows; both may be missing.
    ``about`` holds words for people, see :mod:`splitgym.envs.describe`.
    """

    name: str
    env_id: str
    summary: str
    params: np.dtype
    state: np.dtype
    outcome_table: tuple[Column, ...]
    load_scenario: Callable[..., Any]
    preset_names: Callable[[], list[str]]
    lower: Callable[[Any], Any]
    observation_table: ObservationTable
    axis_table: tuple[Choice, ...]
    distinct: Callable[[Any, np.ndarray], np.ndarray]
    options: dict[str, Option]
    horizon: Callable[[Any], int]
    nature: Callable[[int, Any], Any]
    turn_rows: Callable[..., int]
    log_shape: Callable[[Any], tuple[int, int]]
    uses_plugins: Callable[[Any], bool]
    draw_trace: Callable[[Any, np.uint64], Any]
    trace_type: type[ArrayTrace]
    replay: Callable[[Any, int, int, Any], Any]
    figure: str
    measures: tuple[Measure, ...]
    measure: Callable[[np.ndarray, np.ndarray, Any], dict[str, np.ndarray]]
    plane: Plane
    showcase: str
    lanes: tuple[Callable[..., int], Callable[..., int]] | None = None
    parts: tuple[Part, ...] = ()
    cost: Cost | None = None
    objectives: Callable[[Any], tuple[str, ...]] | None = None
    nominal: Callable[[Any], Callable[[np.ndarray], np.ndarray]] | None = None
    limit: str = ""
    devices: Callable[[Any], int] | None = None
    details: Callable[[Any], dict[str, np.ndarray]] | None = None
    detail_table: tuple[Column, ...] = ()
    bound: str = ""
    length: str = ""
    account: Account | None = None
    clairvoyant: str = ""
    observer: str = ""
    scales: Callable[[Any], Any] = lambda scenario: scenario
    about: About = About()

    def loop(self, n: int) -> Callable[..., int]:
        """What turns ``n`` rows: ``turn_rows``, or the same in lanes; a ``turn_rows`` of one's own is always used."""
        alone, many = self.lanes or (None, self.turn_rows)
        return many if n > 1 and alone is self.turn_rows else self.turn_rows

    @property
    def ids(self) -> dict[str, dict[str, Any]]:
        """Every id under which Gymnasium knows the environment -> the arguments that it fixes."""
        return ids_of(self.env_id, vector=bool(self.parts))

    @property
    def class_name(self) -> str:
        """Name of the environment's class, such as ``SplitInferenceEnv``."""
        return class_name_of(self.env_id)

    def cost_limit(self, scenario: Any) -> float:
        """Limit of the sum of ``info["cost"]`` over an episode; inf in a world without a cost."""
        return np.inf if self.cost is None else float(self.cost.limit(scenario))

    def axes(self, scenario: Any) -> tuple[Axis, ...]:
        """What is decided in a scenario; vectors over the devices, where there are several."""
        size = None if self.devices is None else self.devices(scenario)
        return tuple(choice.axis(scenario, size) for choice in self.axis_table)

    def encoding(self, action: str, scenario: Any) -> Encoding:
        """How actions are written under the registered name ``action``."""
        return ENCODINGS[action](self.axes(scenario), functools.partial(self.distinct, scenario))

    @property
    def decision(self) -> np.dtype:
        """Record of a decision (of one device, where there are several), by ``axis_table``."""
        return decision_type(self.axis_table)

    def fields(self, scenario: Any) -> tuple[Field, ...]:
        """The observation table of a scenario."""
        return self.observation_table.fields(self.scales(scenario))

    def view(self, scenario: Any) -> np.dtype:
        """Record of a scenario's decoded observation."""
        return self.observation_table.view(self.scales(scenario))

    @property
    def outcome(self) -> np.dtype:
        """Record of what came of a step, by ``outcome_table``."""
        return record_type(self.outcome_table)

    @property
    def info_columns(self) -> tuple[Column, ...]:
        """Every key of ``info``, with type, unit and meaning, in the order in which ``info`` has them.

        What ``step`` returns is none of them (``records.RETURNED``).
        """
        cost = () if self.cost is None else (Column(COST_KEY, "f8", f"{self.cost.meaning}; see `cost_limit`"),)
        shown = (column for column in self.outcome_table if column.name not in RETURNED)
        return (*shown, MASK, *cost, *self.detail_table)

    @property
    def info_names(self) -> tuple[str, ...]:
        """Keys of ``info`` that are columns of the outcome."""
        return tuple(name for name in self.outcome.names or () if name not in RETURNED)

    @property
    def reward_terms(self) -> tuple[Term, ...]:
        """The terms whose sum is the reward, in the order in which they are added."""
        return tuple(column for column in self.outcome_table if isinstance(column, Term))

    def __reduce__(self) -> tuple[Callable[[str], World], tuple[str]]:
        return get_world, (self.name,)


#: Shipped worlds in the order of :data:`splitgym.worlds.shipped.SHIPPED`, then those of others.
WORLDS: Registry[World] = Registry("world", ordered=True)
for _name in SHIPPED:
    WORLDS.promise(_name, f"splitgym.worlds.{_name}")


def get_world(name: str) -> World:
    """The world registered under ``name``."""
    return WORLDS[name]


def known_worlds() -> dict[str, World | Shipped]:
    """Name -> what is known of its ids, without importing a shipped world for that."""
    return {name: SHIPPED.get(name) or WORLDS[name] for name in WORLDS}


def world_of(env_id: str) -> World:
    """World of any of its ids, with or without ``splitgym:`` before it.

    Raises ``ValueError`` naming the nearest known one.
    """
    known = known_worlds()
    table = {env_id: name for name in known for env_id in known[name].ids}
    short = plain_id(env_id) if isinstance(env_id, str) else env_id
    if not isinstance(short, str) or short not in table:
        raise unknown("environment", env_id, [world.env_id for world in known.values()], own=True)
    return WORLDS[table[short]]


def fixed_by(env_id: str) -> dict[str, Any]:
    """Arguments that an id fixes, such as ``{"action": "box"}``.  Raises ``ValueError`` as :func:`world_of` does."""
    return world_of(env_id).ids[plain_id(env_id)]


def encoding_fixed_by(env_id: str) -> str | None:
    """The action encoding that an id fixes, for what knows scalar rewards only.

    Raises ``ValueError`` as :func:`world_of` does, and for an id that pays vector rewards.
    """
    fixed = fixed_by(env_id)
    if "reward" in fixed:
        raise ValueError(f"{env_id} pays a vector of rewards; a scalar one is needed: use {world_of(env_id).env_id}")
    return fixed.get("action")
