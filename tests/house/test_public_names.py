"""Where public names are, where they were, and that one list names the worlds."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

import pytest

import splitgym
from splitgym import profiles, scenarios, traces
from splitgym.worlds.shipped import SHIPPED
from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT, run_python

KINDS = ("Hardware", "Inference", "MultiUser", "Placement", "Transmission")
OLD = {
    **{f"{kind}Trace": traces for kind in KINDS},
    **{f"{kind}Scenario": scenarios for kind in KINDS},
    **dict.fromkeys(("HardwareProfile", "hardware_names", "load_hardware"), profiles),
}


@pytest.mark.parametrize("name", OLD)
def test_an_old_name_says_where_it_is_now(name: str) -> None:
    place = OLD[name]
    with pytest.warns(DeprecationWarning, match=f"from {place.__name__} import {name}") as caught:
        found = getattr(splitgym, name)
    assert caught[0].filename == __file__
    assert found is getattr(place, name)
    assert name not in splitgym.__all__
    assert name not in dir(splitgym)
    assert name in dir(place)
    assert name in place.__all__


def test_old_imports_work_and_new_ones_are_silent() -> None:
    with pytest.warns(DeprecationWarning, match="splitgym.traces import InferenceTrace"):
        exec("from splitgym import InferenceTrace", {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec("from splitgym.traces import *; assert InferenceTrace and PlacementTrace", {})
        exec("from splitgym.scenarios import *; assert load_scenario and HardwareScenario", {})
        exec("from splitgym.profiles import *; assert load_profile and load_hardware", {})
        exec("from splitgym import *", {})


@pytest.mark.parametrize("module", [splitgym, traces, scenarios, profiles])
def test_an_unknown_name_is_refused(module: Any) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Fnord'"):
        module.Fnord  # noqa: B018
    assert not hasattr(module, "_fnord")


def test_every_world_has_its_trace_and_scenario_there() -> None:
    assert traces.__all__ == [WORLDS[name].trace_type.__name__ for name in WORLDS]
    loaded = {type(WORLDS[name].load_scenario("default")) for name in WORLDS}
    assert {getattr(scenarios, name) for name in scenarios.__all__ if name.endswith("Scenario")} == loaded


def test_names_come_without_what_they_stand_for() -> None:
    """Importing the places costs nothing: the worlds they name need not be there yet."""
    run_python("import splitgym.traces, splitgym.scenarios\nfrom splitgym.traces import InferenceTrace\n")


# ------------------------------------------------------------------ worlds
def test_worlds_have_the_order_of_the_readme() -> None:
    assert list(WORLDS)[: len(SHIPPED)] == list(SHIPPED)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ids = [WORLDS[name].env_id for name in SHIPPED]
    rows = [row for row in re.findall(r"^\| (?:\[)?`(\w+-v\d)`", readme, re.MULTILINE) if row in ids]
    assert rows[: len(ids)] == ids


def test_one_list_names_the_worlds() -> None:
    """Everything else walks the registry: a new world is its folder and a line in ``shipped.py``."""
    found = set()
    for folder in ("splitgym", "baselines", "agents", "tests", "docs", ".ci"):
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                parts = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
                words = {part.value for part in parts if isinstance(part, ast.Constant)}
                if len(words & set(SHIPPED)) > 3:
                    found.add(path.relative_to(ROOT).as_posix())
    known = {"splitgym/worlds/shipped.py"}
    assert found - known == set()
    assert found == known


@pytest.mark.parametrize("name", WORLDS)
def test_the_length_of_an_episode_is_a_key_of_the_scenario(name: str) -> None:
    world = WORLDS[name]
    if not world.length:
        return
    section, _, key = world.length.partition(".")
    scenario = world.load_scenario("default", **{world.length: 7})
    assert getattr(getattr(scenario, section), key) == 7
