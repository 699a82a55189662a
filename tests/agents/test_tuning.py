"""Tuning: what is searched, studies that go on and are shared, what is refused, and what comes of them."""

from __future__ import annotations

import datetime
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch

import splitgym
from splitgym import cli
from splitgym.agents import trials, tuning, validation
from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.config import TrainConfig
from splitgym.agents.search_space import Nets, Span
from splitgym.agents.study_folder import Plan, load_plan
from splitgym.agents.trials import chosen_by, configured
from splitgym.agents.tuned import Tuned
from splitgym.agents.tuning import TuningInterrupted, tune
from splitgym.cli.common import changes_of
from splitgym.locks import held
from splitgym.seeding import FIRST_VALIDATION_SEED
from splitgym.show.tuning import tuning_figure
from tests.helpers import short

SCENARIO = short("inference", "default", **{"tasks.count": 9})
OVER = ("learning_rate", "gamma", "n_epochs")


def tiny(algo: str = "ppo", **changes: Any) -> TrainConfig:
    """A training of a second."""
    known = ALGORITHMS[algo].hyper
    hyper: dict[str, Any] = {"buffer_size": 2000, "learning_starts": 32} if "buffer_size" in known else {"n_steps": 8}
    hyper |= {"lstm_hidden_size": 8} if "lstm_hidden_size" in known else {}
    given = {"algo": algo, "scenario": SCENARIO, "steps": 128, "n_envs": 8, "net": (8,), "hyper": hyper}
    given |= {"validation_episodes": 2, **changes}
    return TrainConfig(**given)


def tuned(study: Path, **given: Any) -> Tuned:
    return tune(tiny(), study, **{"trials": 3, "over": OVER, "reports": 2, "progress": False, **given})


def kept(folder: Path) -> Any:
    """Optuna's study, as anybody opens it."""
    return optuna.load_study(study_name="tune", storage=f"sqlite:///{folder / 'study.sqlite'}")


def ended(folder: Path) -> list[tuple[dict[str, Any], float | None, dict[int, float]]]:
    """Parameters, value and reports of the trials that have ended, in their order."""
    found = [trial for trial in kept(folder).trials if trial.state.name in ("COMPLETE", "PRUNED")]
    return [(trial.params, trial.value, trial.intermediate_values) for trial in found]


# ------------------------------------------------------------------ what is searched
@pytest.mark.parametrize(
    ("span", "drawn", "value"),
    [
        (Span(1e-4, 1e-2), {"x": 0.00123456}, 0.00123),
        (Span(0.1, 0.4, "even"), {"x": 0.3}, 0.3),
        (Span(1, 10, "whole"), {"x": 7}, 7),
        (Span(8, 128, "power"), {"log2(x)": 5}, 32),
        (Span(5e-4, 0.3, "gap"), {"1 - x": 0.0123456}, 0.9877),
    ],
)
def test_a_span_is_drawn_by_its_form(span: Span, drawn: dict[str, Any], value: float) -> None:
    assert span.ask(optuna.trial.FixedTrial(drawn), "x") == value
    near = span.nearest("x", value)
    assert list(near) == list(drawn)
    assert near[next(iter(drawn))] == pytest.approx(drawn[next(iter(drawn))], rel=0.01)


def test_what_lies_beyond_is_moved_to_the_end() -> None:
    assert Span(1e-5, 1e-2).nearest("x", 0.0) == {"x": 1e-5}
    assert Span(5e-4, 0.3, "gap").nearest("x", 1.0) == {"1 - x": 5e-4}
    assert Span(8, 128, "power").nearest("x", 3) == {"log2(x)": 3}
    assert Nets(((64, 64), (256, 256))).nearest("net", (200, 200, 100)) == {"net": "256 256"}


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_the_defaults_are_searched_or_lie_at_an_end(algo: str) -> None:
    """The first trial has them: each within its range, or moved to the nearest end."""
    config, space = TrainConfig(algo=algo), ALGORITHMS[algo].space
    drawn = tuning._start(config, space)
    chosen = chosen_by(optuna.trial.FixedTrial(drawn), space)
    first = configured(config, chosen)
    for name in space:
        given = getattr(config, name, config.hyper.get(name))
        got = getattr(first, name, first.hyper.get(name))
        if name == "ent_coef":
            assert got == pytest.approx(given or 0.0, abs=1e-5)
        elif given is not None:
            assert got == pytest.approx(given, rel=0.2), name


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_whatever_is_drawn_can_be_trained(algo: str) -> None:
    """Every draw is a configuration, with batches that part the rollout."""
    study, config = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)), TrainConfig(algo=algo)
    seen = set()
    for _ in range(30):
        made = configured(config, chosen_by(study.ask(), ALGORITHMS[algo].space))
        if "n_steps" in ALGORITHMS[algo].hyper and "batch_size" in made.hyper:
            assert (int(made.n_envs or 1) * made.hyper["n_steps"]) % made.hyper["batch_size"] == 0
        assert len(f"{made.learning_rate}") <= 8
        seen.add((made.learning_rate, made.gamma, made.net))
    assert len(seen) == 30


# ------------------------------------------------------------------ studies
@pytest.mark.parametrize("algo", sorted(set(ALGORITHMS) - {"ppo"}))
def test_every_algorithm_can_be_tuned(algo: str, tmp_path: Path) -> None:
    found = tune(tiny(algo), tmp_path / "study", trials=2, reports=2, progress=False)
    assert (found.finished, found.pruned) == (2, 0)
    assert set(found.chosen) == set(ALGORITHMS[algo].space)
    assert math.isfinite(found.value)


def test_the_best_of_a_study(tmp_path: Path) -> None:
    found = tuned(tmp_path / "study", trials=5)
    values = {trial.number: trial.value for trial in kept(tmp_path / "study").trials if trial.state.name == "COMPLETE"}
    assert found.value == max(values.values())
    assert values[found.trial] == found.value
    assert found.start == values[0]
    assert {name: getattr(found.config, name, found.config.hyper.get(name)) for name in OVER} == found.chosen
    assert found.config.hyper["n_steps"] == 8
    document = json.loads((tmp_path / "study" / "best.json").read_text())
    assert (document["value"], document["settings"]) == (found.value, found.chosen)
    args = cli.parser().parse_args(document["command"].split()[1:])
    again = TrainConfig(
        algo=args.algo,
        scenario=args.scenario,
        steps=128,
        n_envs=args.n_envs,
        learning_rate=args.learning_rate,
        gamma=args.gamma,
        net=tuple(args.net),
        hyper=changes_of(args.hyper),
        validation_episodes=2,
    )
    assert again == found.config


def test_an_interrupted_study_ends_as_one_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in every second trial: the same draws, values and reports, none twice."""
    tuned(tmp_path / "whole", trials=6)
    real, calls = trials.reached, []

    def pressed(*args: Any) -> float:
        calls.append(1)
        if len(calls) % 4 == 0:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(trials, "reached", pressed)
    stops = []
    while len(stops) < 10:
        try:
            tuned(tmp_path / "parts", trials=6)
            break
        except TuningInterrupted as stop:
            stops.append(str(stop))
    assert len(stops) >= 2
    told = "of 6 trials, and the one under way begins anew; go on with: splitgym tune --study"
    assert all(told in stop for stop in stops)
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")
    assert len(ended(tmp_path / "whole")) == 6
    assert len({tuple(params.values()) for params, _, _ in ended(tmp_path / "whole")}) == 6


def test_more_trials_go_on(tmp_path: Path) -> None:
    tuned(tmp_path / "study", trials=2)
    before = ended(tmp_path / "study")
    assert len(before) == 2
    assert tuned(tmp_path / "study", trials=2).finished == 2
    tuned(tmp_path / "study", trials=4)
    assert ended(tmp_path / "study")[:2] == before
    assert len(ended(tmp_path / "study")) == 4


PROCESS = """
import sys
from pathlib import Path
from tests.agents.test_tuning import tuned
tuned(Path(sys.argv[1]), trials=6)
"""


def test_processes_share_a_study(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PROCESS, str(tmp_path / "study")]
    workers = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        said = worker.communicate(timeout=600)[1]
        assert worker.returncode == 0, said
    found = ended(tmp_path / "study")
    assert 6 <= len(found) <= 7
    assert len({tuple(params.values()) for params, _, _ in found}) == len(found)
    assert json.loads((tmp_path / "study" / "best.json").read_text())["value"] == max(v for _, v, _ in found if v)


def test_a_trial_of_a_process_that_died_begins_anew(tmp_path: Path) -> None:
    tuned(tmp_path / "study", trials=2)
    study = kept(tmp_path / "study")
    lost = study.ask()
    assert len(ended(tmp_path / "study")) == 2
    with held(tmp_path / "study" / "worker-elsewhere-7"):  # whose lock may not be seen from here
        tuned(tmp_path / "study", trials=3)
    assert len(ended(tmp_path / "study")) == 2
    (tmp_path / "study" / ".worker-elsewhere-7.lock").touch()  # it died
    old = datetime.datetime.now() - datetime.timedelta(seconds=1000)
    with study._storage._backend.engine.begin() as connection:
        table = "UPDATE trials SET datetime_start = :old WHERE number = :number"
        connection.exec_driver_sql(table, {"old": str(old), "number": lost.number})
    tuned(tmp_path / "study", trials=3)
    assert len(ended(tmp_path / "study")) == 3


KILLED = """
import os, sys
from pathlib import Path
from splitgym.agents import trials
from tests.agents.test_tuning import tuned
real, calls = trials.reached, []
def killed(*args):
    calls.append(1)
    return os.kill(os.getpid(), 9) if len(calls) == 4 else real(*args)
trials.reached = killed
tuned(Path(sys.argv[1]), trials=2)
"""


def test_a_killed_study_goes_on_at_once_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path / "parts")]
    assert subprocess.run(words, timeout=600, check=False).returncode == -9
    assert len(ended(tmp_path / "parts")) == 1
    tuned(tmp_path / "parts", trials=2)
    tuned(tmp_path / "whole", trials=2)
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")
    assert not list((tmp_path / "parts").glob(".worker-*"))


def test_trials_are_compared_on_validation_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never on a test seed; and in the middle of a training as at its end."""
    real, seen = validation.play, []

    def watched(plays: Any, world: Any, scenario: Any, episodes: int, seed: int, **rest: Any) -> Any:
        seen.extend(range(seed, seed + episodes))
        return real(plays, world, scenario, episodes, seed, **rest)

    monkeypatch.setattr(validation, "play", watched)
    tuned(tmp_path / "study", trials=2)
    assert set(seen) == {FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + 1}
    assert len(seen) == 2 * 2 * 2


def test_what_falls_behind_is_ended_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials after the first five are as bad as can be: the median ends them; nobody does without a pruner."""
    calls = []

    def worse(*_: Any) -> float:
        calls.append(1)
        return 10.0 - len(calls)

    monkeypatch.setattr(trials, "reached", worse)
    assert tuned(tmp_path / "median", trials=8, reports=4).pruned == 3
    assert tuned(tmp_path / "none", trials=8, reports=4, pruner="none").pruned == 0
    assert tuned(tmp_path / "hyperband", trials=8, reports=4, pruner="hyperband").pruned > 0


def test_a_training_that_diverges_is_no_end_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = trials.build_model, []

    def broken(config: TrainConfig) -> Any:
        model = real(config)
        calls.append(1)
        if len(calls) == 2:
            with torch.no_grad():
                next(model.policy.parameters()).fill_(float("nan"))
        return model

    monkeypatch.setattr(trials, "build_model", broken)
    found = tuned(tmp_path / "study", trials=3)
    assert (found.finished, found.pruned) == (2, 1)
    assert kept(tmp_path / "study").trials[1].user_attrs["diverged"]


def test_an_error_that_is_ours_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any) -> float:
        raise ValueError("this is no divergence")

    monkeypatch.setattr(trials, "reached", wrong)
    with pytest.raises(ValueError, match="this is no divergence"):
        tuned(tmp_path / "study")


# ------------------------------------------------------------------ what is refused
@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda at: tune("ppo", at), "config must be a splitgym.TrainConfig"),  # pyright: ignore[reportArgumentType]
        (lambda at: tuned(at, over=["gama"]), "got 'gama'; did you mean 'gamma'"),
        (lambda at: tuned(at, over=[]), "over must hold"),
        (lambda at: tuned(at, pruner="medan"), "did you mean 'median'"),
        (lambda at: tuned(at, trials=0), "trials must be an integer >= 1"),
        (lambda at: tuned(at, reports=0), "reports must be an integer >= 1"),
        (lambda at: tune(tiny(hyper={"n_stps": 8}), at), "ppo has no hyper-parameter 'n_stps'"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    call: Callable[[Path], Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r".") as told:
        call(tmp_path / "study")
    assert why in str(told.value)
    assert not (tmp_path / "study").exists()


def test_other_settings_are_refused(tmp_path: Path) -> None:
    study = tmp_path / "study"
    tuned(study, trials=1)
    with pytest.raises(ValueError, match=r"begun with other settings: reports=3 \(saved: 2\)"):
        tuned(study, reports=3)
    with pytest.raises(ValueError, match="begun with other settings: steps=64"):
        tune(tiny(steps=64), study, over=OVER, reports=2, progress=False)
    assert load_plan(study).config == tiny()
    changed = tiny(num_threads=1, torch_threads=1)
    assert tune(changed, study, trials=1, over=OVER, reports=2, progress=False).finished == 1


def test_folders_of_others_are_refused(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "study.sqlite").write_text("mine")
    with pytest.raises(ValueError, match=r"holds study\.sqlite without study\.json"):
        tuned(study)
    assert (study / "study.sqlite").read_text() == "mine"
    (study / "study.json").write_text("{}")
    with pytest.raises(ValueError, match=r"study\.json cannot be used: format None"):
        tuned(study)
    with pytest.raises(ValueError, match=r"is not a study of 'splitgym tune'"):
        load_plan(tmp_path)


def test_a_damaged_storage_is_refused(tmp_path: Path) -> None:
    tuned(tmp_path / "study", trials=1)
    file = tmp_path / "study" / "study.sqlite"
    content = file.read_bytes()
    size = content.index(b"CREATE TABLE studies") // 4096 * 4096 + 4096  # behind the tables' names
    random = np.random.default_rng(0).bytes(len(content))
    trials = content.replace(b"learning_rate", b"\xff" * 13)
    for wrong in (b"mine" * 1000, content[: len(content) // 2], content[:size] + random[size:], trials):
        file.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"study\.sqlite' cannot be used as the storage of a study: \S"):
            tuned(tmp_path / "study")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"over": "gamma"}, "over must be a list of names"),
        ({"over": ["gama"]}, "did you mean 'gamma'"),
        ({"over": [["gamma"]]}, "over must be one of"),
        ({"reports": 0}, "reports must be an integer >= 1"),
        ({"reports": "8"}, "reports must be an integer >= 1"),
        ({"pruner": "mine"}, "pruner must be one of"),
    ],
)
def test_a_damaged_plan_is_refused(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    document = json.loads(Plan(tiny(), OVER, 2, "none").to_json())
    (tmp_path / "study.json").write_text(json.dumps({**document, "study": {**document["study"], **changes}}))
    with pytest.raises(ValueError, match=f"study.json cannot be used: .*{told}"):
        load_plan(tmp_path)


# ------------------------------------------------------------------ the command and the picture
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    few = [
        "--steps",
        "128",
        "--n-envs",
        "8",
        "--set",
        "tasks.count=9",
        "--validation-episodes",
        "2",
        "--reports",
        "2",
        "--quiet",
    ]
    assert cli.main(["tune", *few, "--trials", "2", "--net", "8", "--hyper", "n_steps=8", "--study", "mine"]) == 0
    said = capsys.readouterr().out
    assert "mine: 2 trials finished, 0 ended early" in " ".join(said.split())
    command = said.splitlines()[-1].partition("settings: ")[2]
    assert command.startswith("splitgym train --algo ppo --scenario mine/scenario.toml --action multidiscrete")
    assert "--net 8 " in command
    assert "--hyper n_steps=8" in command
    assert not {"net", "n_steps"} & set(load_plan(Path("mine")).over)
    assert (Path("mine") / "study.png").read_bytes()[:4] == b"\x89PNG"
    assert cli.main(["tune", "--study", "mine", "--trials", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["finished"], document["study"]) == (3, "mine")
    assert cli.main(["tune", "--study", "mine", "--gamma", "0.5"]) == 2
    assert "begun with other settings: gamma=0.5" in capsys.readouterr().err
    assert cli.main([*command.split()[1:], "--steps", "64", "--out", "run", "--quiet"]) == 0


def test_the_command_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    tuned(Path("mine"), trials=1)

    def pressed(*_: Any) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trials, "reached", pressed)
        assert cli.main(["tune", "--study", "mine", "--trials", "2", "--quiet"]) == 130
    said = capsys.readouterr().err.strip()
    assert said.startswith("stopped; the study in mine holds 1 of 2 trials, and the one under way begins anew; go on")
    assert cli.main([*said.partition("with: splitgym ")[2].split(), "--quiet"]) == 0
    assert len(ended(Path("mine"))) == 2


def test_the_picture_shows_every_trial() -> None:
    history = ((0, 5.0, True), (1, 3.0, False), (2, math.nan, False), (3, 7.0, True))
    figure = tuning_figure(history, 5.0, {"gamma": 0.7, "net": 0.3}, "mine")
    left, right = figure.axes
    drawn = {tuple(point) for points in left.collections for point in np.asarray(points.get_offsets()).tolist()}
    assert drawn == {(0.0, 5.0), (1.0, 3.0), (3.0, 7.0)}
    assert [bar.get_width() for bar in right.patches] == [30.0, 70.0]
    assert len(tuning_figure(history[:1], None, {}, "mine").axes) == 1


def test_importances_find_what_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "train_and_judge", lambda trial, config, space, *_: chosen_by(trial, space)["gamma"])
    found = tuned(tmp_path / "study", trials=25)
    assert max(found.importances, key=lambda name: found.importances[name]) == "1 - gamma"
    assert sum(found.importances.values()) == pytest.approx(1.0)
    assert splitgym.tune is tune
