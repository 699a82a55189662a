"""The zoo: every agent that ships plays as its file says, without torch, and the script that makes it works."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import shlex
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym import cli
from splitgym.agents import zoo
from splitgym.agents.config import TrainConfig, apart_from_runtime
from splitgym.agents.training import TrainingInterrupted
from splitgym.agents.validation import read_points, tables_of
from splitgym.cli.training import ranges_given
from splitgym.policy import register_policy
from tests.helpers import ci_script, run_python

NAMES = zoo.zoo_names()
EPISODES = 2


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The script behind ``make agents``."""
    return ci_script("agents")


# ------------------------------------------------------------------ what is there
PLAYED = """
import json, sys
sys.modules.update(dict.fromkeys(("torch", "stable_baselines3", "sb3_contrib")))  # as if they were not installed
import splitgym
from splitgym.agents.zoo import zoo_document
found = {}
for name in sys.argv[2:]:
    document = zoo_document(name)
    for preset, told in document["zoo"]["test"].items():
        results = splitgym.evaluate(f"zoo:{name}", document["config"]["env_id"], preset, int(sys.argv[1]), told["seed"])
        found.setdefault(name, {})[preset] = results.figure(f"zoo:{name}", "return").tolist()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def played() -> dict[str, dict[str, list[float]]]:
    """Agent -> preset -> returns of the first test seeds, in a process without torch."""
    return json.loads(run_python(PLAYED, str(EPISODES), *NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_reaches_what_its_file_says(name: str, played: dict[str, dict[str, list[float]]]) -> None:
    """To 1e-9 where NumPy and the processor are those of its maker, which decide the last bit of a tanh."""
    document = zoo.zoo_document(name)
    made = document["versions"]
    same = (made["numpy"], made["machine"]) == (importlib.metadata.version("numpy"), platform.machine())
    for preset, told in document["zoo"]["test"].items():
        expected = told["returns"][:EPISODES]
        assert np.allclose(played[name][preset], expected, rtol=1e-9 if same else 1e-5, atol=0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_where_it_comes_from(name: str) -> None:
    """The command trains what the configuration says; the best of the training seeds was taken; enough was played."""
    document = zoo.zoo_document(name)
    record, config = document["zoo"], splitgym.load_agent(f"zoo:{name}").config
    assert config is not None
    assert document["steps"] > 0
    assert document["stopped"] == ""
    args = cli.parser().parse_args(shlex.split(record["command"])[1:])
    assert apart_from_runtime(config_of(args)) == apart_from_runtime(config)
    assert max(record["seeds"], key=record["seeds"].__getitem__) == str(config.seed)
    assert list(record["validation"]) == list(record["test"])
    for of in (*record["validation"].values(), *record["test"].values()):
        assert len(of["returns"]) >= 20
    assert all(of["seed"] + len(of["returns"]) <= 2**32 for of in record["test"].values())


def config_of(args: argparse.Namespace) -> TrainConfig:
    """What ``splitgym train`` would train."""
    given = {k: v for k, v in vars(args).items() if k in TrainConfig.__dataclass_fields__}
    if "hyper" in given:
        given["hyper"] = cli.common.changes_of(given["hyper"])
    if "randomise" in given:
        given["randomise"] = ranges_given(given["randomise"])
    return TrainConfig(**given)


def test_the_zoo_is_small() -> None:
    sizes = [file.stat().st_size for file in zoo.FOLDER.rglob("*") if file.is_file()]
    assert len(sizes) == len(NAMES) > 0
    assert sum(sizes) < 2_000_000


# ------------------------------------------------------------------ names
def test_a_name_is_taken_as_a_path_is() -> None:
    agent = splitgym.load_agent("zoo:enachi")
    results = splitgym.evaluate(["zoo:enachi", "enachi"], scenario="enachi", episodes=1)
    assert agent.name == "zoo:enachi"
    assert results.policies == ["zoo:enachi", "enachi"]
    assert results.agents == {"zoo:enachi"}
    assert results.specs["zoo:enachi"] == "zoo:enachi"


def test_a_store_knows_it_again(tmp_path: Path) -> None:
    kept = [splitgym.evaluate("zoo:enachi", scenario="enachi", episodes=1, store=tmp_path) for _ in range(2)]
    spec = (tmp_path / "SplitInference-v0.csv").read_text().splitlines()
    assert len(spec) == 2
    assert ",zoo:enachi," in spec[1]
    assert kept[0].frame().equals(kept[1].frame())  # the time to decide, too


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("zoo:enachy", "unknown agent of the zoo 'enachy'; did you mean 'enachi'?"),
        ("zoo:", "unknown agent of the zoo ''"),
        ("zoo:../zoo/enachi", "unknown agent of the zoo"),
        ("zoo:enachi.safetensors", "unknown agent of the zoo"),
    ],
)
def test_an_unknown_name_is_refused(word: str, why: str) -> None:
    for call in (splitgym.load_agent, splitgym.evaluate, splitgym.export_agent):
        with pytest.raises(ValueError, match=r".") as told:
            call(word)
        assert str(told.value).startswith(why)


def test_what_is_exported_is_not_exported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r"'zoo:enachi' is exported already: .*enachi\.safetensors is the file; copy it"
    ):
        splitgym.export_agent("zoo:enachi")
    assert cli.main(["export", str(zoo.zoo_file("zoo:enachi"))]) == 2
    assert "is exported already" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_policy_takes_the_word() -> None:
    with pytest.raises(ValueError, match="no policy can be called 'zoo'"):
        register_policy(lambda env: None, name="zoo")


def test_they_are_listed(capsys: Any) -> None:
    assert cli.main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["zoo agents"]
    assert list(listed) == [f"zoo:{name}" for name in NAMES]
    document = zoo.zoo_document("enachi")
    config, returns = document["config"], document["zoo"]["test"]["enachi"]["returns"]
    assert listed["zoo:enachi"] == (
        f"SplitInference-v0: ppo, {config['steps']:,} steps, training seed {config['seed']}; "
        f"return on test seeds 0 to 19: enachi {np.mean(returns):.1f}"
    )


def test_without_safetensors_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['safetensors'] = None\nimport splitgym\ntry:\n    splitgym.load_agent('zoo:enachi')\n"
    )
    told = run_python(code + "except Exception as error:\n    print(error)\n")
    assert told == "safetensors is not installed; install it with: pip install 'splitgym[zoo]'\n"


# ------------------------------------------------------------------ the script
def tiny(**changes: Any) -> dict[str, Any]:
    """A plan of one agent that is trained at once."""
    fields = {"steps": 64, "n_envs": 8, "net": [8], "hyper": {"n_steps": 4}, "checkpoint_every": 32}
    fields |= {"validate_every": 32, "validation_episodes": 2}
    return {"all": {"seeds": [0, 3], **fields}, "agent": [{"scenario": "tight-deadline", **changes}]}


@pytest.fixture
def farm(maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with folders of its own."""
    for name in ("ROOT", "RUNS", "STORE", "FOLDER"):
        monkeypatch.setattr(maker, name, tmp_path / name.lower() if name != "ROOT" else tmp_path)
    monkeypatch.setattr(zoo, "FOLDER", maker.FOLDER)
    monkeypatch.setattr(maker, "SPLITS", {"validation": (2**62, 2), "test": (0, 3)})
    return maker


def test_the_plan_has_every_agent_of_the_zoo(maker: ModuleType) -> None:
    rows = {row.name: row for row in maker.rows_of(tomllib.loads(maker.PLAN.read_text(encoding="utf-8")))}
    for name in NAMES:
        config = splitgym.load_agent(f"zoo:{name}").config
        assert config is not None
        assert apart_from_runtime(config) in map(apart_from_runtime, rows[name].configs)
    assert {"default", "hardware/switching", "multiuser/default"} <= set(rows)


def test_an_agent_is_trained_chosen_and_told(farm: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Twice the same file; the second time no training is made."""
    (row,) = farm.rows_of(tiny())
    runs = {config.seed: farm.trained(row, config) for config in row.configs}
    file = farm.put(row, runs)
    first, record = file.read_bytes(), zoo.zoo_document("tight-deadline")["zoo"]
    assert set(record["seeds"]) == {"0", "3"}
    assert len(set(record["seeds"].values())) == 2
    assert [len(record[split]["tight-deadline"]["returns"]) for split in ("validation", "test")] == [2, 3]
    curves = {str(seed): tables_of(read_points(run)) for seed, run in runs.items()}
    assert record["curves"] == curves
    assert [len(points) for points in curves.values()] == [2, 2]
    agent = splitgym.load_agent("zoo:tight-deadline")
    assert agent.config is not None
    assert max(record["seeds"], key=record["seeds"].__getitem__) == str(agent.config.seed)
    results = splitgym.evaluate("zoo:tight-deadline", scenario="tight-deadline", episodes=3)
    assert results.figure("zoo:tight-deadline", "return").tolist() == record["test"]["tight-deadline"]["returns"]
    assert "tight-deadline --steps 64 " in record["command"]

    monkeypatch.setattr(splitgym, "train", None)
    farm.put(row, {config.seed: farm.trained(row, config) for config in row.configs})
    assert file.read_bytes() == first
    assert capsys.readouterr().out.count("kept: ") == 2


def test_a_training_goes_on_and_ends_as_if_it_had_not_stopped(
    farm: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = farm.rows_of(tiny())
    run = row.run(row.configs[0])
    calls = []

    def interrupted(config: TrainConfig, out: Path, resume: bool) -> Path:
        calls.append(resume)
        if len(calls) == 1:
            (out / "checkpoints").mkdir(parents=True)
            (out / "config.json").write_text(config.to_json())
            raise TrainingInterrupted
        return train(config, out, resume=resume, progress=False)

    train = splitgym.train
    monkeypatch.setattr(splitgym, "train", interrupted)
    with pytest.raises(TrainingInterrupted):
        farm.trained(row, row.configs[0])
    assert not farm.is_finished(run)
    assert farm.trained(row, row.configs[0]) == run
    assert calls == [False, True]
    assert farm.is_finished(run)


def test_a_run_of_other_settings_is_not_taken(farm: ModuleType) -> None:
    (row,), (other,) = farm.rows_of(tiny()), farm.rows_of(tiny(gamma=0.5))
    farm.trained(row, row.configs[0])
    with pytest.raises(ValueError, match="gamma"):
        farm.trained(other, other.configs[0])


def test_runs_are_added_by_their_folders(farm: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = farm.rows_of(tiny())
    runs = [farm.trained(row, config) for config in row.configs]
    monkeypatch.setattr("sys.argv", ["agents.py", "--add", *map(str, runs)])
    farm.main()
    assert zoo.zoo_names() == ["tight-deadline"]
    (other,) = farm.rows_of(tiny(gamma=0.5, seeds=[1]))
    monkeypatch.setattr("sys.argv", ["agents.py", "--add", str(runs[0]), str(farm.trained(other, other.configs[0]))])
    with pytest.raises(ValueError, match="must differ in their seed, and in nothing else"):
        farm.main()
    monkeypatch.setattr("sys.argv", ["agents.py", "--add", "nowhere"])
    with pytest.raises(SystemExit, match="not finished: nowhere"):
        farm.main()


def test_a_faulty_plan_is_refused(maker: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"unknown keys \['wings'\]"):
        maker.rows_of(tiny(wings=2))
    twice = tiny()
    twice["agent"] *= 2
    with pytest.raises(ValueError, match="gives two agents one name: tight-deadline, tight-deadline"):
        maker.rows_of(twice)
