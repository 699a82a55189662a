"""What a training is played in: one scenario, or several of which every episode draws its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from splitgym.digests import is_setting_of
from splitgym.envs.contexts import Contexts
from splitgym.named_files import renamed
from splitgym.names import check_name
from splitgym.quoting import shown
from splitgym.randomising import Randomised, randomised, spread_of
from splitgym.seeding import episode_key, seed_key
from splitgym.strict import from_mapping
from splitgym.worlds.world import World

#: Fields of a configuration that hold scenarios.
OBJECTS = ("scenario", "more_scenarios")
_TEXTS = ("name", "digest", "toml")


class Played(Protocol):
    """What counts here of a configuration, see :class:`splitgym.agents.config.TrainConfig`."""

    @property
    def world(self) -> World: ...
    @property
    def scenario(self) -> Any: ...
    @property
    def scenarios(self) -> tuple[Any, ...]: ...
    @property
    def more_scenarios(self) -> Any: ...
    @property
    def randomise(self) -> dict[str, Any]: ...
    @property
    def observe_context(self) -> bool: ...
    @property
    def action(self) -> str | None: ...
    @property
    def agents(self) -> str: ...


def loaded(world: World, scenario: Any, more: Any, randomise: Any) -> dict[str, Any]:
    """The fields of a configuration that say what is played, as they are kept."""
    first, *others = scenario if isinstance(scenario, (list, tuple)) and scenario else [scenario]
    if not isinstance(more, (list, tuple)) or not isinstance(randomise, Mapping):
        raise ValueError(
            f"train.more_scenarios must be a list and train.randomise a table, got {shown(more)}, {shown(randomise)}"
        )
    return {
        "scenario": world.load_scenario(first),
        "more_scenarios": tuple(world.load_scenario(other) for other in (*others, *more)),
        "randomise": ranges_of(randomise),
    }


def ranges_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Dotted path -> range as it is kept.  Raises ``ValueError`` for anything else."""
    return {str(path): spread_of(f"randomise: {path}", given[path]).text for path in sorted(given, key=str)}


def check(config: Played) -> None:
    """Refuse scenarios that one agent cannot learn from."""
    if not is_varied(config):
        if config.observe_context:
            raise ValueError("train.observe_context needs several scenarios or train.randomise: nothing is drawn")
        return
    if config.agents:
        raise ValueError("train.agents takes one scenario; leave out the others and train.randomise")
    digests = [scenario.digest() for scenario in config.scenarios]
    if len(set(digests)) < len(digests):
        raise ValueError(f"the scenarios of a training must differ, got {names_of(config)}")
    Contexts(config.world, setting(config), str(config.action))


def is_varied(config: Played) -> bool:
    """Whether every episode draws its scenario."""
    return bool(config.more_scenarios or config.randomise)


def setting(config: Played) -> Any:
    """What an environment takes for its scenario."""
    if not is_varied(config):
        return config.scenario
    return randomised(config.scenarios, config.randomise, observed=config.observe_context)


def drawn_words(config: Played) -> list[str]:
    """Options of a command for what is drawn for an episode beside its scenario, and for what is seen of it."""
    words = [word for pair in config.randomise.items() for word in ("--randomise", "=".join(pair))]
    return [*words, *(["--observe-context"] if config.observe_context else [])]


def names_of(config: Played) -> str:
    """The scenarios in words."""
    return ", ".join(scenario.name for scenario in config.scenarios)


def folder_word(config: Played) -> str:
    """What a run folder is called by its scenarios; a name from elsewhere is checked."""
    names = [check_name("the scenario's name", scenario.name) for scenario in config.scenarios]
    many = names if len(names) <= 3 else [names[0], f"{len(names) - 1}-more"]
    return "+".join(many) + ("-randomised" if config.randomise else "")


def made_alike(returns: np.ndarray, seeds: Sequence[int], config: Played) -> np.ndarray:
    """Returns (n,) of the episodes of ``seeds``, each as if its scenario had as many tasks as the first one."""
    if not is_varied(config):
        return returns
    contexts, horizon = Contexts(config.world, setting(config), str(config.action)), config.world.horizon
    most = [horizon(contexts.draw(episode_key(seed_key(seed), 0)).scenario) for seed in seeds]
    return returns * (horizon(config.scenario) / np.array(most))


def context_of(config: Played, scenario: Any) -> np.ndarray:
    """What an agent that observes its context would see of a scenario, (n,) float32."""
    given = setting(config)
    assert isinstance(given, Randomised)
    return Contexts(config.world, given, str(config.action)).shown_of(scenario)


# ------------------------------------------------------------------ files
def table_of(scenario: Any) -> dict[str, str]:
    """A scenario as a run keeps it.  Raises ``ValueError`` for one whose plug-in models could not be known again."""
    if scenario.doubt:
        raise ValueError(f"a run cannot keep scenario {scenario.name!r}: {scenario.doubt}")
    toml = from_mapping(type(scenario), renamed(scenario.to_dict())).to_toml()
    return {"name": scenario.name, "digest": scenario.digest(), "toml": toml}


def tables_in(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """The scenarios that a run has kept.  Raises ``ValueError`` for what is none."""
    more = document.get("more_scenarios", [])
    if not isinstance(more, list):
        raise ValueError(f"more_scenarios must be a list, got {shown(more)}")
    tables = [document["scenario"], *more]
    for table in tables:
        for name in _TEXTS:
            text = table.get(name) if isinstance(table, dict) else None
            if not isinstance(text, str):
                raise ValueError(f"scenario.{name} must be a text, got {shown(text)}")
    return tables


def changed(config: Played, tables: Sequence[Mapping[str, str]]) -> str | None:
    """Name of the first scenario that is not what was kept; ``None``: all are."""
    pairs = zip(config.scenarios, tables, strict=True)
    return next((table["name"] for scenario, table in pairs if not is_setting_of(scenario, table["digest"])), None)


def clash(saved: Played, given: Mapping[str, Any]) -> list[str]:
    """What contradicts a saved run's scenarios among the fields that were given, in words."""
    if "scenario" not in given:
        return []
    own = given["scenario"]
    words = [*(own if isinstance(own, (list, tuple)) else [own]), *given.get("more_scenarios", ())]
    wanted = [saved.world.load_scenario(word) for word in words]
    if [one.digest() for one in wanted] == [one.digest() for one in saved.scenarios]:
        return []
    names, olds = (", ".join(repr(one.name) for one in them) for them in (wanted, saved.scenarios))
    return [f"scenario {names} with other numbers than the saved {olds}"]
