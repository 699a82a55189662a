"""Validation of a training: on seeds of its own, felt by no weight, and the best weights are kept and played."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import splitgym
from splitgym.agents import callbacks, checkpoint
from splitgym.agents.checkpoint import load_agent, read_weights, steps_of
from splitgym.agents.config import TrainConfig
from splitgym.agents.training import TrainingInterrupted, train
from splitgym.agents.validation import Point, read_points
from splitgym.seeding import FIRST_VALIDATION_SEED
from tests.agents.test_agents import SCENARIO, Press, tiny, weights_of
from tests.helpers import short

OFTEN: dict[str, Any] = {"steps": 512, "validate_every": 128, "validation_episodes": 5}


@pytest.fixture(autouse=True)
def said_anew() -> None:
    checkpoint._tell.cache_clear()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny(**OFTEN), tmp_path_factory.mktemp("runs") / "ppo", progress=False)


def script(monkeypatch: pytest.MonkeyPatch, means: dict[int, float]) -> list[int]:
    """What validations find, by steps; returns the list in which their steps are noted."""
    played: list[int] = []

    def validated(agent: Any, config: TrainConfig, steps: int) -> Point:
        played.append(steps)
        return Point(steps, means[steps], 0.5)

    monkeypatch.setattr(callbacks, "validated", validated)
    return played


@pytest.mark.parametrize("algo", ["ppo", "maskable-ppo", "sac", "dqn"])
def test_no_weight_feels_it(algo: str, tmp_path: Path) -> None:
    runs = [train(tiny(algo, **{**OFTEN, **c}), tmp_path / f"{c}", progress=False) for c in ({}, {"validate_every": 0})]
    a, b = (weights_of(run / "model.zip")["policy"] for run in runs)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert (runs[0] / "best.zip").is_file()
    assert not (runs[1] / "best.zip").exists()
    assert read_points(runs[1]) == []


def test_the_points_are_what_an_evaluation_finds(original: Path) -> None:
    """The seeds are the validation's own, and the play is that of everybody else."""
    points = read_points(original)
    assert [point.steps for point in points] == [128, 256, 384, 512]
    found = splitgym.evaluate([original / "model.zip"], scenario=SCENARIO, episodes=5, seed=FIRST_VALIDATION_SEED)
    (entry,) = found.summary()
    assert (points[-1].mean, points[-1].interval) == (entry["return"], entry["return_interval"])
    assert json.loads((original / "validation.json").read_text())["first_seed"] == FIRST_VALIDATION_SEED


def test_the_best_weights_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    script(monkeypatch, {128: 1.0, 256: 3.0, 384: 3.0, 512: 2.0})
    run = train(tiny(**OFTEN), tmp_path / "mine", progress=False)
    assert [point.mean for point in read_points(run)] == [1.0, 3.0, 3.0, 2.0]
    agent = load_agent(run)
    assert (agent.name, agent.steps) == ("mine", 256)  # the first among equals
    assert capsys.readouterr().err == (
        f"note: {run}: best.zip, after 256 of 512 steps, did best in validation and plays; "
        f"the last weights are {run / 'model.zip'}\n"
    )
    last = load_agent(run / "model.zip")
    assert (last.name, last.steps) == ("mine/model", 512)
    assert splitgym.load_agent(splitgym.export_agent(run, tmp_path / "x.safetensors")).steps == 256
    assert splitgym.load_agent(splitgym.export_agent(run / "model.zip", tmp_path / "y.safetensors")).steps == 512
    results = splitgym.evaluate([run, run / "model.zip"], scenario=SCENARIO, episodes=2)
    assert results.policies == ["mine", "mine/model"]


def test_damaged_best_weights_are_passed_over(original: Path, tmp_path: Path, capsys: Any) -> None:
    run = Path(shutil.copytree(original, tmp_path / "run"))
    (run / "best.zip").write_bytes((run / "best.zip").read_bytes()[:1000])
    assert load_agent(run).steps == 512
    assert "best.zip is damaged" in capsys.readouterr().err


def test_an_interrupted_run_has_the_same_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = script(monkeypatch, {128: 1.0, 256: 3.0, 384: 2.0, 512: 2.5})
    with pytest.raises(TrainingInterrupted):
        train(tiny(**OFTEN, checkpoint_every=10_000), tmp_path / "run", progress=False, callbacks=[Press(304)])
    assert played == [128, 256]
    run = train(tiny(**OFTEN), tmp_path / "run", resume=True, progress=False)
    assert played == [128, 256, 384, 512]
    assert [(point.steps, point.mean) for point in read_points(run)] == [(128, 1.0), (256, 3.0), (384, 2.0), (512, 2.5)]
    assert load_agent(run).steps == 256


def killed(folder: Path, checkpoint_at: int | None) -> Path:
    """A finished run as if it had been killed, and its newest checkpoint were of these steps, or there were none."""
    run = train(tiny(**OFTEN), folder, progress=False)
    for file in (run / "checkpoints").glob("*.zip"):
        if int(file.stem.removeprefix("step_")) > (checkpoint_at or 0):
            file.unlink()
    (run / "model.zip").unlink()
    return run


def test_what_is_played_again_is_validated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a kill the newest checkpoint is older than the newest points."""
    script(monkeypatch, {128: 1.0, 256: 3.0, 384: 2.0, 512: 2.5})
    run = killed(tmp_path / "run", 256)
    played = script(monkeypatch, {384: 9.0, 512: 2.5})
    train(tiny(**OFTEN), run, resume=True, progress=False)
    assert played == [384, 512]
    assert [point.mean for point in read_points(run)] == [1.0, 3.0, 9.0, 2.5]
    assert load_agent(run).steps == 384


def test_best_weights_from_later_than_the_checkpoint_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, {128: 1.0, 256: 0.0, 384: 3.0, 512: 0.0})
    run = killed(tmp_path / "run", 128)
    played = script(monkeypatch, {256: 2.0, 384: 1.0, 512: 2.5})
    train(tiny(**OFTEN), run, resume=True, progress=False)
    assert played == [256, 384, 512]
    assert steps_of(run / "best.zip") == 384  # nothing was better than 3 then


def test_a_run_begun_anew_forgets(original: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(original, tmp_path / "run"))
    train(tiny(**{**OFTEN, "validate_every": 0}), run, overwrite=True, progress=False)
    assert not (run / "best.zip").exists()
    assert read_points(run) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:40], "cannot be used"),
        (lambda text: text.replace("validation-1", "validation-9"), "reads format 'splitgym-validation-1'"),
        (lambda text: text.replace('"return"', '"retrun"'), "a point needs steps, return and interval"),
        (lambda text: '{"format": "splitgym-validation-1"}', "points must be a list"),
    ],
)
def test_a_damaged_curve(original: Path, tmp_path: Path, damage: Callable[[str], str], message: str) -> None:
    run = Path(shutil.copytree(original, tmp_path / "run"))
    file = run / "validation.json"
    file.write_text(damage(file.read_text()))
    with pytest.raises(ValueError, match=message) as caught:
        train(tiny(**OFTEN), run, resume=True, progress=False)
    assert "validation.json" in str(caught.value)


def test_one_episode_has_no_interval(tmp_path: Path) -> None:
    run = train(tiny(**{**OFTEN, "validation_episodes": 1}), tmp_path / "run", progress=False)
    assert all(math.isnan(point.interval) for point in read_points(run))


def test_agents_of_a_team_are_validated_in_the_central_environment(tmp_path: Path) -> None:
    scenario = short("multiuser", "default", **{"frames.count": 4})
    setting = {"env_id": "SplitInferenceMultiUser-v0", "scenario": scenario, "agents": "team"}
    run = train(tiny(**setting, **{**OFTEN, "steps": 640}), tmp_path / "run", progress=False)
    found = splitgym.evaluate([run / "model.zip"], setting["env_id"], scenario, 5, FIRST_VALIDATION_SEED)
    assert read_points(run)[-1].mean == found.summary()[0]["return"]


def test_curves_show_it(tmp_path: Path) -> None:
    run = train(tiny(**OFTEN), tmp_path / "run", progress=False, logger="csv")
    header = (run / "progress.csv").read_text().partition("\n")[0].split(",")
    assert {"validation/return", "validation/best_return"} <= set(header)
    table = np.genfromtxt(run / "progress.csv", delimiter=",", names=True)
    assert table["validationreturn"][-1] == read_points(run)[-1].mean


def test_how_often_by_default() -> None:
    """At most 20 times; never so often that its steps would be more than a thousandth of the training's."""
    assert TrainConfig(steps=5_000_000).validate_every == 250_000
    assert TrainConfig(steps=6_000_000, scenario="enachi").validate_every == 1_000_000
    assert TrainConfig(steps=199_999).validate_every == 0
    assert TrainConfig(steps=200_000).validate_every == 200_000
    team = TrainConfig(env_id="SplitInferenceMultiUser-v0", steps=6_000_000, agents="team")
    each = team.scenario.frames.count * team.scenario.users.count * 1000
    assert team.validate_every == 6_000_000 // min(6_000_000 // each, 20)


def test_the_command_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TrainConfig] = []
    monkeypatch.setattr("splitgym.cli.training.train", lambda config, *a, **k: seen.append(config) or tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["train", "--validate-every", "128", "--validation-episodes", "7", "--out", str(tmp_path / "run")]
    assert splitgym.cli.main(words) == 0
    assert (seen[0].validate_every, seen[0].validation_episodes) == (128, 7)


def test_the_end_is_validated_where_a_callback_ends_it(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="stopped after"):
        run = train(
            tiny(**OFTEN), tmp_path / "run", progress=False, callbacks=[lambda a, b: a["self"].num_timesteps < 200]
        )
    last = read_points(run)[-1].steps
    assert read_weights(max((run / "checkpoints").glob("*.zip")), "cpu")[1]["num_timesteps"] == last
    assert load_agent(run).stopped


def _until_200(variables: dict[str, Any], _: dict[str, Any]) -> bool:
    return variables["self"].num_timesteps < 200
