"""Runs, suites and foreign worlds: what was trained or played on files and code of one's own is known again, or not."""

from __future__ import annotations

import argparse
import builtins
import dataclasses
import datetime
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym import evaluate_suite, fading, load_suite
from splitgym.agents.checkpoint import load_agent
from splitgym.agents.config import TrainConfig, load_config
from splitgym.agents.training import train
from splitgym.cli import training
from splitgym.digests import world_origin
from splitgym.toml import dump_toml
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS
from tests.helpers import short
from tests.test_identity import instants, old_digest, recorded


def tiny(scenario: Any, steps: int = 128) -> TrainConfig:
    """A training of less than a second."""
    hyper = {"n_steps": 8, "batch_size": 64, "n_epochs": 1}
    return TrainConfig(scenario=scenario, steps=steps, n_envs=8, net=(4,), hyper=hyper, num_threads=1)


def again(folder: Path) -> int:
    """``splitgym train --resume FOLDER --overwrite``"""
    parser = argparse.ArgumentParser()
    training.add_arguments(parser)
    return training.run(parser.parse_args(["--resume", str(folder), "--overwrite", "--quiet"]))


def test_a_run_keeps_the_files_that_it_was_trained_with(tmp_path: Path, monkeypatch) -> None:
    scenario = recorded("inference", instants(tmp_path / "a.csv", 0.4))
    train(tiny(scenario), tmp_path / "run", progress=False)
    (tmp_path / "a.csv").unlink()
    shutil.move(tmp_path / "run", tmp_path / "moved")
    monkeypatch.chdir("/")
    saved = load_config(tmp_path / "moved")
    assert saved.scenario == scenario
    assert load_agent(tmp_path / "moved").name == "moved"
    train(dataclasses.replace(saved, device="cpu"), tmp_path / "moved", resume=True, progress=False)
    instants(tmp_path / "a.csv", 0.1)  # other instants under the same name
    other = dataclasses.replace(saved, scenario=recorded("inference", tmp_path / "a.csv"))
    with pytest.raises(ValueError, match="begun with other settings: scenario"):
        train(other, tmp_path / "moved", resume=True, progress=False)
    (kept,) = (tmp_path / "moved" / "files").iterdir()
    instants(kept, 0.1)
    for use in (load_config, load_agent):
        with pytest.raises(ValueError, match=r"a file that it names .* has changed.*train again: .* --overwrite"):
            use(tmp_path / "moved")
    kept.unlink()
    with pytest.raises(ValueError, match=r"no such file: 'files/.*\.csv' \(looked for in .*moved/files"):
        load_config(tmp_path / "moved")


def test_a_run_knows_the_code_of_a_plug_in(tmp_path: Path, monkeypatch) -> None:
    def register(gain: float) -> None:
        monkeypatch.delitem(FADING._table, "flat", raising=False)
        fading("flat")(lambda rng, n_slots, slot_s: np.full(n_slots, gain))

    register(1.0)
    train(tiny(short("inference", "default", **{"fading.model": "flat"})), tmp_path / "run", progress=False)
    register(1.0)
    assert load_config(tmp_path / "run").scenario.fading.model == "flat"
    register(0.5)
    with pytest.raises(ValueError, match="plug-in model has changed"):
        load_config(tmp_path / "run")


def test_a_run_that_could_not_be_known_again_is_not_begun(tmp_path: Path) -> None:
    held = (i for i in range(3))
    fading("doubtful")(lambda rng, n_slots, slot_s: np.ones(n_slots) if held else None)
    config = tiny(short("inference", "default", **{"fading.model": "doubtful"}))
    with pytest.raises(ValueError, match=r"a run cannot keep scenario 'default': model 'doubtful'.*'identity'"):
        train(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "config.json").exists()


# ------------------------------------------------------------------ version 0.1.0
def make_old(folder: Path, scenario: Any) -> None:
    """Turn a run into one that 0.1.0 wrote: its digest, files by their path."""
    document = json.loads((folder / "config.json").read_text())
    document["scenario"]["digest"], document["scenario"]["toml"] = old_digest(scenario), scenario.to_toml()
    (folder / "config.json").write_text(json.dumps(document))


@pytest.mark.parametrize(("world", "preset"), [("inference", "default"), ("hardware", "published")])
def test_an_old_run_is_read(world: str, preset: str, tmp_path: Path) -> None:
    scenario = short(world, preset)
    train(
        dataclasses.replace(tiny("default"), env_id=WORLDS[world].env_id, scenario=scenario), tmp_path, progress=False
    )
    make_old(tmp_path, scenario)
    assert old_digest(scenario) != scenario.digest()
    assert load_config(tmp_path).scenario == scenario
    assert load_agent(tmp_path).action == "multidiscrete"


def test_an_old_run_that_knew_a_file_by_its_path_is_trained_anew(tmp_path: Path, capsys) -> None:
    scenario = recorded("inference", instants(tmp_path / "a.csv", 0.4))
    run = tmp_path / "run"
    train(tiny(scenario), run, progress=False)
    make_old(run, scenario)
    shutil.rmtree(run / "files")
    with pytest.raises(ValueError, match=rf"files by their path only; train again: .*--resume {run} --overwrite"):
        load_config(run)
    assert again(run) == 0
    assert "trained agent in" in capsys.readouterr().out
    assert load_config(run).scenario == scenario
    assert len(list((run / "files").iterdir())) == 1


# ------------------------------------------------------------------ suites
def test_a_suite_finds_its_files_beside_it(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "suite"
    instants(folder / "a.csv", 0.4)
    mine = {"base": "default", "name": "mine", "tasks": {"count": 9},
            "arrivals": {"model": "recorded", "parameters": {"file": "a.csv"}}}  # fmt: skip
    (folder / "mine.toml").write_text(dump_toml(mine))
    changes = {"tasks.count": 9, "arrivals.model": "recorded", "arrivals.parameters.file": "a.csv"}
    cases = [{"name": "one", "scenario": "mine.toml"}, {"name": "two", "changes": changes}]
    suite = {"name": "s", "seeds": {"validation": {"first": 0, "episodes": 1}, "test": {"first": 9, "episodes": 1}}}
    (folder / "s.toml").write_text(dump_toml({**suite, "train": cases, "validation": cases, "test": cases}))
    monkeypatch.chdir(tmp_path)
    loaded = load_suite("suite/s.toml")
    monkeypatch.chdir("/")
    one, two = evaluate_suite("device", loaded, store=tmp_path / "store").results
    assert one.scenario.arrivals == two.scenario.arrivals
    assert one.scenario.digest() == two.scenario.digest()
    assert one.figure("device", "return").tolist() == two.figure("device", "return").tolist()


# ------------------------------------------------------------------ worlds of one's own
def test_a_world_of_ones_own_counts_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sixth world, outside the package: the measures of a shipped one, counted in another way."""
    monkeypatch.setitem(vars(builtins), "__internals__", datetime.datetime_CAPI)  # as compiled libraries leave there
    shipped = WORLDS["inference"]
    assert world_origin(shipped).text == ""

    def made(factor: float) -> Any:
        def measure(outcomes: np.ndarray, live: np.ndarray, scenario: Any) -> dict[str, np.ndarray]:
            return {name: factor * values for name, values in shipped.measure(outcomes, live, scenario).items()}

        def load(scenario: Any, **changes: Any) -> Any:
            return shipped.load_scenario(scenario, **changes)

        changes = {"name": "mine", "env_id": "Mine-v0", "measure": measure, "load_scenario": load}
        return dataclasses.replace(shipped, **changes)

    texts = []
    for factor in (1.0, 3.0, 1.0):
        mine = made(factor)
        assert world_origin(mine).doubt == ""
        texts.append(world_origin(mine).text)
    assert texts[0] == texts[2] != texts[1]
