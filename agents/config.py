"""What a training run is: the strict configuration that is saved beside the weights."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import itertools
import json
import math
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from gymnasium import spaces

from splitgym import provenance
from splitgym.agents import settings
from splitgym.agents.algorithms import ALGORITHMS, Algorithm
from splitgym.checks import whole_number
from splitgym.digests import world_origin
from splitgym.encodings import ENCODINGS, encoding_of, is_shipped
from splitgym.envs.mixed import engine
from splitgym.envs.rows import Rows
from splitgym.named_files import beside
from splitgym.origins import SAY_IT, Origin, origin
from splitgym.quoting import cut, shown, where
from splitgym.ranges import SHARE, Range, no_warnings
from splitgym.reading import read_json, toml_of
from splitgym.specs import command_line
from splitgym.strict import Strict, entry, from_mapping, number
from splitgym.version import __version__
from splitgym.worlds.multiuser.agents import Agents
from splitgym.worlds.world import World, encoding_fixed_by, fixed_by, get_world, world_of

CONFIG_FILE = "config.json"
#: Rewards of agents that share a policy, and the encodings in which they can act.
REWARDS = ("own", "team")
SHARED_ACTIONS = ("multidiscrete", "box")
FORMAT = "splitgym-run-1"
#: At most so many validations by default, and no more than leave a training so many steps for each of their decisions
#: side by side, which costs some three per cent of its time.
_VALIDATIONS, _APART = 20, 1000
#: What memory holds: decisions of a rollout, weights of a network and its layers.
_MOST_ROLLOUT, _MOST_WEIGHTS, _MOST_LAYERS = 100_000_000, 200_000_000, 32
#: Fields that change how fast a run is, and what it computes by rounding at most; they may differ when it is resumed.
RUNTIME = ("num_threads", "torch_threads", "device", "checkpoint_every")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(Strict):
    """Everything that decides what a training run computes.

    Fields left at ``None`` take the algorithm's default (``ALGORITHMS[algo]``), so that a saved configuration is
    explicit.  ``scenario`` is a preset's name, a TOML path, a table or a scenario object; it is kept as the object.

    Of a list the first is kept there and the others in ``more_scenarios``: with these, or with ``randomise``, a table
    of dotted path -> range, every episode draws its own scenario, see :func:`splitgym.randomised`.

    Raises ``ValueError`` for unknown algorithms, environments, scenarios and encodings, and for values outside their
    limits.
    """

    SECTION: ClassVar[str] = "train"
    algo: str = entry("ppo", doc="learning algorithm")
    env_id: str = entry("SplitInference-v0", doc="environment id")
    scenario: Any = entry("default", doc="preset name, TOML path, table or scenario object, or a list of them")
    more_scenarios: Any = entry((), doc="others that the same agent learns from")
    randomise: dict[str, Any] = dataclasses.field(default_factory=dict)
    observe_context: bool = entry(False, doc="whether the agent sees what was drawn for an episode")
    action: str | None = entry(None, doc="action encoding")
    agents: str = entry("", doc="one policy for each device of a multi-user environment, rewarded 'own' or 'team'")
    episode_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    steps: int = number(Range("step", 1, 10**12), default=5_000_000, doc="decisions in all rows together")
    seed: int = number(Range("", 0, 2**32 - 1), default=0, doc="of weights, exploration and training episodes")
    n_envs: int | None = number(Range("row", 1, 1_000_000), default=None, doc="episodes played side by side")
    learning_rate: float | None = number(Range("1", 1e-12, 10.0), default=None)
    schedule: str = entry("linear", doc="'linear' (down to a fiftieth) or 'constant'")
    gamma: float | None = number(SHARE, default=None, doc="discount from task to task")
    centre_rewards: bool | None = entry(None, doc="whether the mean reward is taken off before the learner sees it")
    net: tuple[int, ...] | None = number(
        Range("unit", 1, 100_000), fewest=0, most=64, default=None, doc="hidden layers"
    )
    hyper: dict[str, Any] = dataclasses.field(default_factory=dict)
    checkpoint_every: int | None = number(
        Range("step", 1, 10**12), default=None, doc="steps from one checkpoint to the next"
    )
    validate_every: int | None = number(
        Range("step", 0, 10**12), default=None, doc="steps from one validation to the next; 0: none"
    )
    validation_episodes: int = number(Range("episode", 1, 10_000), default=64, doc="of each validation")
    num_threads: int = number(Range("thread", 1, 1024), default=2, doc="threads of the simulation")
    torch_threads: int = number(Range("thread", 1, 1024), default=1, doc="threads of torch; rounding depends on it")
    device: str = entry("cpu", doc="torch device of the networks")

    def __post_init__(self) -> None:
        algorithm = ALGORITHMS[self.algo]
        fixed = encoding_fixed_by(self.env_id)
        if fixed and self.action not in (None, fixed):
            raise ValueError(f"train.env_id={self.env_id!r} fixes action={fixed!r}, got action={self.action!r}")
        object.__setattr__(self, "env_id", self.world.env_id)
        defaults = {**algorithm.fields, "action": fixed or algorithm.actions[0]}
        defaults["centre_rewards"] = bool(algorithm.centred and self.world.length)  # episodes end by truncation there
        defaults["checkpoint_every"] = self.steps // 10 or 1 if isinstance(self.steps, int) else 1
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name, value in settings.loaded(self.world, self.scenario, self.more_scenarios, self.randomise).items():
            object.__setattr__(self, name, value)
        super().__post_init__()
        if self.validate_every is None:
            object.__setattr__(self, "validate_every", self._apart())
        object.__setattr__(self, "hyper", _complete(algorithm.hyper, self.hyper, self.n_envs or 1))
        self._check_action(algorithm)
        self._check_agents()
        self._check_net()
        settings.check(self)
        if self.schedule not in ("linear", "constant"):
            raise ValueError(f"train.schedule must be 'linear' or 'constant', got {self.schedule!r}")

    def _apart(self) -> int:
        """Steps from one validation to the next by default; 0 for trainings too short for one."""
        learners = self.scenario.users.count if self.agents and self.world.name == "multiuser" else 1
        longest = max(map(self.world.horizon, self.scenarios))
        count = min(self.steps // (_APART * longest * learners), _VALIDATIONS)
        return self.steps // count if count else 0

    def _check_action(self, algorithm: Algorithm) -> None:
        """An encoding of somebody's own is learned with as the shipped one whose kind of space it has."""
        action = str(self.action)
        kind = ENCODINGS[action]  # an unknown encoding is refused here
        known = action if is_shipped(kind) else encoding_of(self._rows().encoding.space)
        if known not in algorithm.actions:
            raise ValueError(
                f"{self.algo} cannot learn with {kind.__name__}; use action={' or '.join(algorithm.actions)}"
            )

    def _check_agents(self) -> None:
        if self.agents not in ("", *REWARDS):
            raise ValueError(f"train.agents must be {' or '.join(map(repr, REWARDS))} or empty, got {self.agents!r}")
        if self.agents and (self.world.name != "multiuser" or self.action not in SHARED_ACTIONS):
            raise ValueError(
                f"train.agents={self.agents!r} needs {get_world('multiuser').env_id} and action="
                f"{' or '.join(SHARED_ACTIONS)}, got {self.env_id} and {self.action!r}"
            )

    def _check_net(self) -> None:
        """Refuse networks that no memory holds, before one is asked for it."""
        layers = self.net or ()
        if sum(a * b for a, b in itertools.pairwise((1000, *layers))) > _MOST_WEIGHTS or len(layers) > _MOST_LAYERS:
            raise ValueError(
                f"train.net must have at most {_MOST_LAYERS} layers and {_MOST_WEIGHTS} weights, got {shown(layers)}"
            )

    def __repr__(self) -> str:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["scenario"] = self.scenario.name  # all of it would fill the screen
        values["more_scenarios"] = tuple(scenario.name for scenario in self.more_scenarios)
        told = {name: value for name, value in values.items() if value or (value == 0 and value is not False)}
        return f"TrainConfig({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    @property
    def world(self) -> World:
        """The world of ``env_id``."""
        return world_of(self.env_id)

    @property
    def scenarios(self) -> tuple[Any, ...]:
        """All scenarios that the agent learns from."""
        return (self.scenario, *self.more_scenarios)

    @property
    def setting(self) -> Any:
        """What an environment takes for its scenario: the only one, or a randomised one."""
        return settings.setting(self)

    def spaces(self) -> tuple[spaces.Box, spaces.Space]:
        """Observation and action space of one row, or of one agent of it."""
        if self.agents:
            parts = Agents(self.scenario, str(self.action))
            return parts.observation_space, parts.encoding.space
        rows = self._rows()
        return rows.observation_space(), rows.encoding.space

    def _rows(self) -> Rows:
        return engine(self.world, self.setting, str(self.action), 1, self.episode_options)

    def space_names(self) -> dict[str, str]:
        """The spaces in words, to be compared later, and the code of a world or encoding of somebody's own."""
        observed, acted = self.spaces()
        kind = ENCODINGS[str(self.action)]
        own = {"world": world_origin(self.world), "encoding": Origin("") if is_shipped(kind) else origin(kind)}
        for name, found in own.items():
            if found.doubt:
                raise ValueError(f"a run cannot know its {name} again: {found.doubt}; {SAY_IT}")
        texts = {name: found.text for name, found in own.items() if found.text}
        return {"observation": str(observed.shape), "action": str(acted), **texts}

    def to_json(self) -> str:
        """JSON text of :meth:`document`."""
        return json.dumps(self.document(), indent=2) + "\n"

    def document(self) -> dict[str, Any]:
        """Tables that :func:`config_of` reads back to an equal configuration, with versions and digest.

        Files are named as :func:`splitgym.named_files.keep_files` keeps them.  Raises ``ValueError`` for a scenario
        whose plug-in models could not be known again.
        """
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in settings.OBJECTS}
        first, *others = map(settings.table_of, self.scenarios)
        return {
            "format": FORMAT,
            "config": values,
            "scenario": first,
            **({"more_scenarios": others} if others else {}),
            "spaces": self.space_names(),
            "versions": versions(),
            "plugins": provenance.tables(provenance.sources()),
        }


def apart_from_runtime(config: TrainConfig) -> TrainConfig:
    """A configuration without what decides no weight: equal where trainings compute the same."""
    usual = {field.name: field.default for field in dataclasses.fields(config) if field.name in RUNTIME}
    return dataclasses.replace(config, **usual)


def _complete(defaults: Mapping[str, Any], given: Mapping[str, Any], n_envs: int) -> dict[str, Any]:
    """Hyper-parameters with defaults; a default batch size becomes a whole part of the rollout."""
    hyper = {**defaults, **given}
    if {"batch_size", "n_steps"} <= set(defaults):
        rollout = n_envs * whole_number("train.hyper.n_steps", hyper["n_steps"])
        if rollout > _MOST_ROLLOUT:
            raise ValueError(f"n_envs * n_steps must be <= {_MOST_ROLLOUT} decisions, got {shown(rollout)}")
        if "batch_size" not in given:
            hyper["batch_size"] = part_of(rollout, hyper["batch_size"])
    return hyper


def part_of(rollout: int, most: int) -> int:
    """The greatest divisor of ``rollout`` that is at most ``most``."""
    small = [d for d in range(1, math.isqrt(rollout) + 1) if rollout % d == 0]
    return max(d for low in small for d in (low, rollout // low) if d <= most)


def versions() -> dict[str, str]:
    """Versions of what decides a training's result."""
    found = {"splitgym": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for package in ("numpy", "numba", "gymnasium", "torch", "stable-baselines3", "sb3-contrib"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def load_config(folder: Path, *, anew: bool = False) -> TrainConfig:
    """The configuration of a run folder, or with ``anew`` that of a run that begins again with the same words.

    Raises ``ValueError`` if there is none, if it is not one of ours or damaged, or if this version of the package
    gives its scenario other numbers or its environment other spaces than those the run was trained with.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"{str(folder)!r} is not a run of 'splitgym train': it holds no {CONFIG_FILE}")
    with using(path):
        document = check_document(read_json(path, "run's configuration"), FORMAT)
    again = "train again: " + command_line("train", "--resume", folder, "--overwrite")
    return config_of(document, path, Path(folder), again, anew=anew)


def config_of(document: Mapping[str, Any], path: Path, folder: Path, again: str, *, anew: bool = False) -> TrainConfig:
    """The configuration that a checked document describes, see :func:`load_config`.

    ``path`` is the document's file, ``folder`` that of the files which the scenario names, ``again`` what to do where
    this version gives other numbers.
    """
    made_with: list[provenance.Source] = []
    tables, saved = settings.tables_in(document), document["spaces"]
    try:
        with using(path):
            made_with = provenance.read(document.get("plugins", []), "plugins")
            scenario = [toml_of(table["toml"], "its scenario") for table in tables]
            with beside(folder), no_warnings():  # of the run's own setting, which has been checked
                config = from_mapping(TrainConfig, {**document["config"], "scenario": scenario}, "train")
            here = config.space_names()
    except ValueError as error:
        raise ValueError(f"{error}{provenance.advice(made_with)}") from error
    if anew:
        return config
    changed = settings.changed(config, tables)
    if changed is not None or here != saved:
        trained = shown(document["versions"].get("splitgym", "an unknown one"))
        raise ValueError(
            f"{path}: scenario {shown(changed or config.scenario.name)} has other values or spaces in this version of "
            f"splitgym ({__version__}) than in {trained}, with which the run was trained, or a file that it names or a "
            f"plug-in model has changed, or that version knew files by their path only; {again}"
            + provenance.advice(made_with)
        )
    return config


@contextlib.contextmanager
def using(path: Path) -> Iterator[None]:
    """What is read from a file in the block cannot be used if it fails: ``ValueError`` that names the file."""
    try:
        yield
    except (ValueError, RecursionError, OSError) as error:
        raise ValueError(cut(f"{where(path)} cannot be used: {error}")) from error


def check_document(document: Any, wanted: str) -> dict[str, Any]:
    """A file's tables, of the format ``wanted``; ``ValueError`` for what is missing or of another kind."""
    mark = document.get("format") if isinstance(document, dict) else document
    if mark != wanted:
        raise ValueError(f"format {shown(mark)}, this version reads {wanted!r}")
    for name in ("config", "scenario", "spaces", "versions"):
        if not isinstance(document.get(name), dict):
            raise ValueError(f"{name} must be a table, got {shown(document.get(name))}")
    settings.tables_in(document)
    return document


def resumed(saved: TrainConfig, given: Mapping[str, Any]) -> TrainConfig:
    """The configuration with which a run goes on: ``saved``, with the runtime fields of ``given``.

    Raises ``ValueError`` listing every other field of ``given`` that contradicts ``saved``.
    """
    clashes = settings.clash(saved, given)
    for name, value in given.items():
        was = getattr(saved, name)
        if name in (*RUNTIME, *settings.OBJECTS):
            continue
        if name == "env_id" and fixed_by(value).get("action", saved.action) == saved.action:
            value: Any = world_of(value).env_id
        if name == "randomise":
            value = settings.ranges_of(value)
        if name == "hyper":
            clashes += [f"{k}={v!r} (saved: {was.get(k)!r})" for k, v in value.items() if was.get(k) != v]
        elif (tuple(value) if isinstance(value, list) else value) != was:
            clashes.append(f"{name}={value!r} (saved: {was!r})")
    if clashes:
        raise ValueError(
            f"the run was begun with other settings: {', '.join(clashes)}; leave out these options to go on with it, "
            "or begin a new run in another folder"
        )
    runtime = {name: value for name, value in given.items() if name in RUNTIME}
    return dataclasses.replace(saved, **runtime)
