"""``help(env.unwrapped)`` is the page of the world: every row of its tables, by itself."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import pydoc
import re

import gymnasium as gym
import pytest

from splitgym.envs import named
from splitgym.envs.describe import page
from splitgym.envs.single import SplitEnv
from splitgym.fields import UNIT
from splitgym.worlds.observation import ObservationTable, Observed
from splitgym.worlds.world import WORLDS

SECTIONS = [
    *("Description", "Action space", "Observation space", "Reward", "Vector reward"),
    *("Cost", "End of an episode", "Info"),
    *("Options of an episode", "Trace", "Presets", "Version history", "Arguments"),
]


@pytest.mark.parametrize("name", WORLDS)
def test_help_shows_every_table(name: str) -> None:
    world = WORLDS[name]
    env = gym.make(world.env_id).unwrapped
    text = inspect.getdoc(type(env)) or ""
    assert text.startswith(f"# {world.env_id}\n\n{world.summary.capitalize()[:1]}")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    parts = dict(re.findall(r"^## (.*)\n\n((?:(?!## ).*\n?)*)", text, re.MULTILINE))
    scenario = world.load_scenario("default")
    for title, rows in {
        "Action space": [axis.name for axis in world.axes(scenario)],
        "Observation space": [field.name for field in world.fields(scenario)],
        "Reward": [term.name for term in world.reward_terms],
        "Vector reward": [part.name for part in world.parts],
        "Info": [column.name for column in world.info_columns],
        "Options of an episode": [*world.options, "trace"],
        "Trace": list(world.trace_type.ARRAYS),
        "Version history": [world.env_id.rpartition("-")[2]],
        "Arguments": ["scenario", "action", "episode_options", "reward", "render_mode"],
    }.items():
        found = re.findall(r"^\| `([\w\-]+)`", parts[title], re.MULTILINE)
        assert found == rows, title
    assert sorted(re.findall(r"^\| `([\w\-]+)`", parts["Presets"], re.MULTILINE)) == sorted(world.preset_names())
    assert env.world.about.story in parts["Description"]
    assert "Observation space" in pydoc.render_doc(env)


def test_info_is_what_the_page_says() -> None:
    for name in WORLDS:
        _, info = gym.make(WORLDS[name].env_id).reset(seed=0)
        assert list(info) == [column.name for column in WORLDS[name].info_columns]


def test_a_new_field_appears_by_itself() -> None:
    world = WORLDS["inference"]
    more = Observed(name="pressure_pa", unit="Pa", kind=UNIT, high=2e5, meaning="of the tyres")
    longer = ObservationTable(*world.observation_table.entries, more, most=64)
    other = dataclasses.replace(world, observation_table=longer)
    assert "| `pressure_pa` | Pa | [0, 2e+05] Pa -> [0, 1] | of the tyres | markov |" in page(other)
    assert "pressure_pa" not in page(world)


def test_the_page_is_made_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("splitgym.envs.describe.page", lambda world: asked.append(world.name) or "")
    kind = type(gym.make("HardwareSplit-v0").unwrapped)
    assert asked == []
    assert (kind.__doc__ or "").startswith("# HardwareSplit-v0")
    assert asked == ["hardware"]


def test_classes_have_names_that_pickle_finds() -> None:
    kinds = [type(gym.make(WORLDS[name].env_id).unwrapped) for name in WORLDS]
    assert len(set(kinds)) == len(kinds)
    for kind in kinds:
        assert issubclass(kind, SplitEnv)
        assert kind is getattr(named, kind.__name__) is pickle.loads(pickle.dumps(kind))
        assert WORLDS[kind.of].class_name == kind.__name__
        assert kind().world.name == kind.of
    assert dataclasses.replace(WORLDS["inference"], env_id="SplitInference-v1").class_name == "SplitInferenceV1Env"
    with pytest.raises(AttributeError, match="NoSuchEnv"):
        named.NoSuchEnv  # noqa: B018
