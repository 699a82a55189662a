"""A small package with a world, a model, a policy, a profile and presets, by ``--plugin`` and as it is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import splitgym
from splitgym import plugins
from splitgym.cli import main
from splitgym.digests import world_origin
from splitgym.evaluation.store import Store
from splitgym.testing import check_fading, check_policy
from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT

EXAMPLE = ROOT / "tests" / "example_plugin"
ENV, PLUGIN = ["--env", "BatteryCharge-v0"], ["--plugin", "splitgym_example"]
TINY = ["--steps", "64", "--n-envs", "4", "--net", "4", "--hyper", "n_steps=8", "--hyper", "batch_size=32", "--quiet"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example can be imported; commands work in a folder of their own."""
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_of_the_package_is_listed(capsys) -> None:
    assert main(["list", "--json", *PLUGIN]) == 0
    kinds = json.loads(capsys.readouterr().out)
    assert "BatteryCharge-v0" in kinds["environments"]
    assert list(kinds["scenarios of BatteryCharge-v0"]) == ["default"]
    assert "two-ray" in kinds["scenarios of SplitInference-v0"]
    assert "three-blocks" in kinds["DNN profiles"]
    assert "two_ray" in kinds["fading models"]
    assert kinds["policies of SplitInference-v0"]["half_power"] == "the stem on the device, half of the power"
    assert "random" in kinds["policies of BatteryCharge-v0"]
    registered = kinds["plug-ins"]["splitgym_example"].split(", ")
    assert sorted(registered) == sorted(
        ["environment 'BatteryCharge-v0'", "fading model 'two_ray'", "policy 'half_power'", "profile 'three-blocks'",
         "scenario 'default'", "scenario 'two-ray'", "world 'battery'"]
    )  # fmt: skip


def test_models_policies_profiles_and_presets_work_in_every_command(capsys) -> None:
    short = ["--set", "tasks.count=9"]
    played = ["half_power", "random", "--scenario", "two-ray", *short, "--episodes", "2", *PLUGIN]
    assert main(["evaluate", *played, "--bound", "--store", "kept"]) == 0
    assert main(["report", "kept", *PLUGIN]) == 0
    assert main(["sweep", *played, "--over", "fading.parameters.depth=0.1,0.9"]) == 0
    assert main(["bound", "two-ray", "--episodes", "1", *PLUGIN]) == 0
    assert main(["render", "half_power", "--scenario", "two-ray", "--steps", "2", *PLUGIN]) == 0
    assert main(["train", "--scenario", "two-ray", *short, *TINY, "--out", "run", *PLUGIN]) == 0
    assert main(["evaluate", "./run", "half_power", "--scenario", "two-ray", *short, "--episodes", "1", *PLUGIN]) == 0
    assert "half_power" in capsys.readouterr().out
    check_fading("two_ray", depth=0.5)
    check_policy("half_power", scenario=splitgym.load_scenario("two-ray", **{"tasks.count": 9}))


def test_a_world_works_in_every_command(capsys) -> None:
    assert main(["evaluate", "random", *ENV, "--episodes", "3", "--json", "--store", "kept", *PLUGIN]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["environment"] for row in document["rows"]} == {"BatteryCharge-v0"}
    assert main(["sweep", "random", *ENV, "--over", "sun_max_w=0.5,2", "--episodes", "2", *PLUGIN]) == 0
    assert main(["train", *ENV, *TINY, "--algo", "ppo", "--out", "run", *PLUGIN]) == 0
    assert main(["evaluate", "./run", "random", *ENV, "--episodes", "2", *PLUGIN]) == 0
    assert main(["store", "kept", *PLUGIN]) == 0
    assert main(["report", "kept", *PLUGIN]) == 0
    capsys.readouterr()
    assert main(["render", "random", *ENV, *PLUGIN]) == 2  # it has no picture
    assert "picture" in capsys.readouterr().err


def test_a_world_is_an_environment_like_any_other() -> None:
    splitgym.load_plugin("splitgym_example")
    env, envs = gym.make("BatteryCharge-v0"), gym.make_vec("BatteryCharge-v0", num_envs=3)
    assert type(env.unwrapped).__name__ == "BatteryChargeEnv"
    np.testing.assert_array_equal(envs.reset(seed=4)[0][0], env.reset(seed=4)[0])
    assert "share of power" in env.unwrapped.describe()
    trace = WORLDS["battery"].trace_type.draw("default", 4)
    trace.save("sun.npz")
    np.testing.assert_array_equal(type(trace).load("sun.npz").sun_w, trace.sun_w)


def forget() -> None:
    """As in a fresh process."""
    from splitgym.worlds.presets import BY_WORLD

    plugins._LOADED.clear()
    for table in (WORLDS._table, BY_WORLD._table):
        table.pop("battery", None)
    gym.registry.pop("BatteryCharge-v0", None)


def test_a_store_and_a_run_of_a_world_say_what_they_need(capsys) -> None:
    assert main(["evaluate", "random", *ENV, "--episodes", "1", "--store", "kept", *PLUGIN]) == 0
    assert main(["train", *ENV, *TINY, "--out", "run", *PLUGIN]) == 0
    forget()
    capsys.readouterr()
    for words in (["report", "kept"], ["evaluate", "./run"], ["train", "--resume", "run"]):
        assert main(words) == 2
        message = capsys.readouterr().err
        assert "unknown environment 'BatteryCharge-v0'" in message
        assert "add: --plugin splitgym_example" in message
    assert len(Store("kept").plugins()) == 1
    assert main(["evaluate", "random", "--episodes", "1", "--store", "kept"]) == 0
    capsys.readouterr()
    assert main(["store", "kept"]) == 0
    listed = capsys.readouterr().out
    assert "SplitInference-v0" in listed
    assert "left out: kept/BatteryCharge-v0.csv: unknown environment 'BatteryCharge-v0'" in listed.replace(os.sep, "/")
    assert main(["evaluate", "random", *ENV]) == 2
    assert "one of your own by --plugin" in capsys.readouterr().err


def test_code_of_a_world_counts_wherever_it_stands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of its kernel is another version of the code, although its scenarios are read by the package."""
    splitgym.load_plugin("splitgym_example")
    world = WORLDS["battery"]
    assert world.load_scenario.__module__.startswith("splitgym.")
    assert world_origin(world).text
    assert world_origin(WORLDS["inference"]).text == ""


INSTALLED = """
import splitgym, gymnasium as gym
splitgym.register_envs()  # looks for what is installed
env = gym.make("BatteryCharge-v0")
env.reset(seed=0)
step = env.step(env.action_space.sample())[-1]["step"]
print(step, splitgym.profile_names()[-1], "half_power" in splitgym.policy_names())
"""


def test_it_is_found_where_it_is_installed(tmp_path: Path) -> None:
    """Its distribution names the entry point of its pyproject.toml."""
    text = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points."splitgym.plugins"]\nexample = "splitgym_example"\n' in text
    info = tmp_path / "splitgym_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: splitgym-example\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[splitgym.plugins]\nexample = splitgym_example\n")
    path = os.pathsep.join(map(str, (ROOT, EXAMPLE, tmp_path)))
    for code in (["-c", INSTALLED], ["-m", "splitgym", "evaluate", "random", *ENV, "--episodes", "1"]):
        done = subprocess.run(
            [sys.executable, *code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "1 three-blocks True" in done.stdout or "BatteryCharge-v0" in done.stdout
