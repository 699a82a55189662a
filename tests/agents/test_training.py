"""``splitgym.train``: callbacks, loggers, and a training that a callback ends is not a finished one."""

from __future__ import annotations

import csv
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.error import DependencyNotInstalled
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback, StopTrainingOnRewardThreshold
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import VecMonitor

import splitgym
from splitgym.agents.checkpoint import load_agent, read_weights
from splitgym.agents.config import load_config
from splitgym.agents.sb3 import make_vec_env
from splitgym.agents.stopped import Stopped, TrainingStopped, stopped
from splitgym.agents.training import default_folder
from splitgym.cli import main
from tests.agents.test_agents import ID, SCENARIO, SMALL, SMALL_PPO, tiny, weights_of

quiet: dict[str, Any] = {"progress": False, "logger": "none"}


class At(BaseCallback):
    """Ends the training at ``at`` steps; counts how often it is asked."""

    def __init__(self, at: int = 96) -> None:
        super().__init__()
        self.at, self.asked = at, 0

    def _on_step(self) -> bool:
        self.asked += 1
        return self.num_timesteps < self.at


class Twice(At):
    """Needs to know when."""

    def __init__(self, at: int) -> None:
        super().__init__(at)


def as_function(local: dict[str, Any], _: dict[str, Any]) -> bool:
    return local["self"].num_timesteps < 96


def forgets(local: dict[str, Any], _: dict[str, Any]) -> None:
    """Returns nothing."""


def by_config(config: splitgym.TrainConfig) -> list[BaseCallback]:
    return [At(config.steps // 2), At(config.steps)]


def ends(out: Path, callbacks: Any, **more: Any) -> Stopped:
    """The mark of a training that a callback ended, which the warning says, too."""
    with pytest.warns(TrainingStopped) as caught:
        splitgym.train(tiny(), out, callbacks=callbacks, **{**quiet, **more})
    end = stopped(out)
    assert end is not None
    assert str(caught[0].message).startswith(str(end))
    assert "splitgym train --resume" in str(caught[0].message)
    return end


# ------------------------------------------------------------------ the names
def test_training_is_a_function_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = splitgym.train(tiny(steps=128), **quiet)
    assert run == default_folder(tiny()) == Path("runs/ppo-inference-default-s0")
    assert splitgym.evaluate([run], scenario=SCENARIO, episodes=1).policies == ["ppo-inference-default-s0"]
    with pytest.raises(ValueError, match=r"config must be a splitgym\.TrainConfig, got 'ppo'"):
        splitgym.train("ppo")  # pyright: ignore[reportArgumentType]


def test_the_old_place_still_works(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from splitgym.agents import train as old
    for call in (lambda: old(tiny(steps=128), tmp_path / "a", **quiet), lambda: old.train):  # pyright: ignore
        with pytest.warns(DeprecationWarning, match=r"now splitgym\.train") as caught:
            found = call()
        assert caught[0].filename == __file__
    assert found is splitgym.train
    assert load_config(tmp_path / "a").steps == 128
    with pytest.raises(AttributeError):
        old.fnord  # noqa: B018  # pyright: ignore


def test_what_is_trained_shows_itself_in_a_line(tmp_path: Path) -> None:
    run = splitgym.train(tiny(steps=128), tmp_path / "mine", **quiet)
    text = repr(tiny())
    assert text.startswith("TrainConfig(algo='ppo', env_id='SplitInference-v0', scenario='default'")
    assert len(text) < 600
    assert repr(load_agent(run)) == (
        "<Agent 'mine', action='multidiscrete': ppo on SplitInference-v0, 'default', after 128 of 128 steps>"
    )


# ------------------------------------------------------------------ ended by a callback
@pytest.mark.parametrize(
    ("given", "steps", "by"),
    [
        (At(96), 96, "At"),
        ([At], 96, "At"),
        ([At(10_000), At(112)], 112, "At"),
        (as_function, 96, "as_function"),
        (by_config, 128, "At"),
        (forgets, 16, "forgets, which returned None: it must return True for the training to go on"),
    ],
    ids=["instance", "class", "several", "function", "factory", "forgetful"],
)
def test_a_stop_by_a_callback_is_marked(given: Any, steps: int, by: str, tmp_path: Path, capsys: Any) -> None:
    run = tmp_path / "run"
    assert ends(run, given) == Stopped(steps, 256, by)
    assert not (run / "model.zip").exists()
    results = splitgym.evaluate([run], ID, SCENARIO, episodes=1)
    assert results.policies == [f"run/step_{steps:012d}"]
    said = f"stopped after {steps} of 256 steps by {by.partition(',')[0]}"
    assert said in capsys.readouterr().err
    assert results.notes[results.policies[0]].startswith(said)
    assert results.document()["notes"] == results.notes
    assert " ".join(f"{results.policies[0]}: {said}".split()) in " ".join(str(results).split())
    assert f"stopped after {steps} of 256 steps by" in repr(load_agent(run))


def test_an_ended_training_goes_on(tmp_path: Path) -> None:
    run, steps = tmp_path / "run", []

    class AtUpdate(At):
        def _on_rollout_start(self) -> None:
            steps.append(self.num_timesteps)

    ends(run, AtUpdate(200))
    assert steps == [0, 128]
    splitgym.train(tiny(), run, resume=True, **quiet)
    assert stopped(run) is None
    assert read_weights(run / "model.zip", "cpu")[1]["num_timesteps"] >= 256
    assert load_agent(run).stopped == ""


def test_a_callback_that_ends_the_last_rollout_has_ended_the_training(tmp_path: Path) -> None:
    """All steps are made, and the last update is not."""
    assert ends(tmp_path / "run", At(256)) == Stopped(256, 256, "At")
    assert not (tmp_path / "run" / "model.zip").exists()


def test_a_training_that_is_not_ended_is_the_same_with_callbacks(tmp_path: Path) -> None:
    watcher = At(10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingStopped)
        plain = splitgym.train(tiny(), tmp_path / "plain", **quiet)
        watched = splitgym.train(tiny(), tmp_path / "watched", callbacks=watcher, **quiet)
    assert watcher.asked == 16
    a, b = (weights_of(run / "model.zip")["policy"] for run in (plain, watched))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert stopped(watched) is None


def test_early_stopping_names_who_has_decided(tmp_path: Path) -> None:
    env = VecMonitor(make_vec_env(ID, 2, scenario=SCENARIO))
    decides = StopTrainingOnRewardThreshold(-1e9)
    evaluates = EvalCallback(env, callback_on_new_best=decides, eval_freq=4, n_eval_episodes=2, verbose=0)
    end = ends(tmp_path / "run", evaluates)
    assert end == Stopped(64, 256, "EvalCallback (StopTrainingOnRewardThreshold)")


def test_a_damaged_mark_is_none(tmp_path: Path) -> None:
    for text in ("", "[1]", "{}", '{"steps": "x", "total": 1, "by": ""}', "[" * 100_000):
        (tmp_path / "stopped.json").write_text(text)
        assert stopped(tmp_path) is None
    (tmp_path / "stopped.json").write_text('{"steps": 1, "total": 2, "by": "a\\u001b[31m\\nb"}')
    assert str(stopped(tmp_path)) == "stopped after 1 of 2 steps by a\\x1b[31m b"


def test_a_new_run_has_no_marks_of_the_old(tmp_path: Path) -> None:
    run = tmp_path / "run"
    ends(run, At, logger="csv")
    (run / "progress-notes.csv").write_text("mine")
    splitgym.train(tiny(steps=128), run, overwrite=True, **quiet)
    assert stopped(run) is None
    assert not (run / "progress.csv").exists()
    assert (run / "progress-notes.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "callbacks of stable-baselines3 or functions, got 7"),
        (["x"], "got 'x'"),
        (int, "callbacks of stable-baselines3 or functions"),
        (lambda: True, r"must take \(locals, globals\)"),
        (lambda a, b, c: True, r"must take \(locals, globals\)"),
        (lambda config: 3, "got 3"),
        (Twice, "cannot be made without arguments"),
    ],
)
def test_what_is_no_callback_is_refused_before_anything_is_written(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        splitgym.train(tiny(), tmp_path / "run", callbacks=given, **quiet)
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------ loggers
class Kept(KVWriter):
    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, Any]]] = []
        self.closed = 0

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        self.rows.append((step, dict(key_values)))

    def close(self) -> None:
        self.closed += 1


def steps_of(path: Path) -> list[int]:
    with path.open(newline="") as lines:
        return [int(float(row["time/total_timesteps"])) for row in csv.DictReader(lines) if row["time/total_timesteps"]]


def test_curves_of_a_run_in_parts(tmp_path: Path) -> None:
    run = tmp_path / "run"
    ends(run, At(200), logger=["csv", "json", "tensorboard"])
    first = (run / "progress.csv").read_bytes()
    splitgym.train(tiny(), run, resume=True, progress=False, logger="csv")
    assert (run / "progress.csv").read_bytes() == first
    assert steps_of(run / "progress.csv") == [128]
    assert steps_of(run / "progress-000000000208.csv") == [336]
    assert (run / "progress.json").is_file()
    assert list((run / "tensorboard").glob("events.*"))


def test_a_logger_of_ones_own(tmp_path: Path) -> None:
    kept = Kept()
    splitgym.train(tiny(), tmp_path / "a", progress=False, logger=Logger(None, [kept]))
    assert [step for step, _ in kept.rows] == [128, 256]
    assert kept.closed == 0  # it is not ours
    splitgym.train(tiny(), tmp_path / "b", progress=False, logger=["csv", kept])
    assert [step for step, _ in kept.rows] == [128, 256] * 2
    assert not (tmp_path / "a" / "tensorboard").exists()
    splitgym.train(tiny(), tmp_path / "c", **quiet)
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["checkpoints", "config.json", "model.zip"]


def fake(name: str) -> tuple[types.ModuleType, list[Any]]:
    """A library that writes down how it is called."""
    calls: list[Any] = []
    module: Any = types.ModuleType(name)
    module.__spec__ = types.SimpleNamespace(name=name)

    def keep(what: str) -> Any:
        return lambda *args, **kwargs: calls.append((what, args, kwargs))

    if name == "wandb":
        module.run = None
        made = types.SimpleNamespace(log=keep("log"), finish=keep("finish"))
        module.init = lambda **kwargs: calls.append(("init", (), kwargs)) or made
    else:
        module.active_run = lambda: None
        for what in ("start_run", "log_params", "log_metrics", "end_run"):
            setattr(module, what, keep(what))
    return module, calls


@pytest.mark.parametrize(
    ("name", "begin", "log", "end"),
    [("wandb", "init", "log", "finish"), ("mlflow", "start_run", "log_metrics", "end_run")],
)
def test_services(name: str, begin: str, log: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, calls = fake(name)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    splitgym.train(tiny(), tmp_path / "mine", progress=False, logger=name)
    names = [what for what, _, _ in calls]
    assert names[0] == begin
    assert names[-1] == end
    assert names.count(log) == 2
    given = [(args[0], kwargs["step"]) for what, args, kwargs in calls if what == log]
    assert [step for _, step in given] == [128, 256]
    assert all(isinstance(value, float) and np.isfinite(value) for figures, _ in given for value in figures.values())
    assert "rollout/ep_rew_mean" in given[-1][0]
    settings = calls[0][2]["config"] if name == "wandb" else calls[1][1][0]
    assert settings["scenario_digest"] == SCENARIO.digest()
    assert settings["algo"] == "ppo"
    assert "mine" in calls[0][2].values()


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_run_of_the_users_own_stays_open(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, calls = fake(name)
    if name == "wandb":
        monkeypatch.setattr(module, "run", module.init(), raising=False)
    else:
        monkeypatch.setattr(module, "active_run", lambda: module)
    calls.clear()
    monkeypatch.setitem(sys.modules, name, module)
    splitgym.train(tiny(), tmp_path / "mine", progress=False, logger=[name])
    assert {what for what, _, _ in calls} == {"log" if name == "wandb" else "log_metrics"}


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_library_that_is_missing_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DependencyNotInstalled, match=f"needs {name}, which is not installed; install it with: pip ins"):
        splitgym.train(tiny(), tmp_path / "run", logger=name)
    assert not (tmp_path / "run").exists()


def test_a_service_that_cannot_begin_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _ = fake("wandb")
    monkeypatch.setattr(module, "init", lambda **_: 1 / 0)
    monkeypatch.setitem(sys.modules, "wandb", module)
    with pytest.raises(ValueError, match="the logger 'wandb' cannot begin: division by zero"):
        splitgym.train(tiny(), tmp_path / "run", logger="wandb", progress=False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("wanbd", "did you mean 'wandb'"),
        (["csv", 3], "unknown logger 3"),
        (["none", "csv"], "'none' stands alone"),
    ],
)
def test_what_is_no_logger_is_refused(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        splitgym.train(tiny(), tmp_path / "run", logger=given)
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------ the command
HOOKS = """
from stable_baselines3.common.callbacks import BaseCallback
class Early(BaseCallback):
    def _on_step(self):
        return self.num_timesteps < 96
class Holder:
    early = Early()
def never(local, others):
    return True
def half(config):
    return Early()
"""


@pytest.mark.parametrize("name", ["Early", "Holder.early", "half"])
def test_the_command_tells_a_stop(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hooks.py").write_text(HOOKS)
    words = ["train", *SMALL, *SMALL_PPO, "--quiet", "--out", "run", "--logger", "csv", "--logger", "json"]
    assert main([*words, "--callback", "hooks.py:never", "--callback", f"hooks.py:{name}"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == (
        "stopped after 96 of 256 steps by Early, all is saved; to go on: splitgym train --resume run"
    )
    assert err.splitlines()[1].startswith("compare it as it is: splitgym evaluate ")
    assert (Path("run") / "progress.csv").is_file()
    assert main(["train", "--resume", "run", "--quiet", "--logger", "none"]) == 0
    assert "trained agent in run" in capsys.readouterr().out


def test_a_callback_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("hooks_in_a_module.py").write_text(HOOKS)
    words = ["train", *SMALL, *SMALL_PPO, "--quiet", "--out", "run", "--logger", "none"]
    assert main([*words, "--callback", "hooks_in_a_module:Early"]) == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hooks.py", "--callback needs FILE.py:NAME or MODULE:NAME, got 'hooks.py'"),
        ("hooks.py:Erly", "'hooks.py' has no 'Erly'"),
        ("nothing.py:x", "'nothing.py' cannot be loaded: FileNotFoundError"),
        ("no_such_module:x", "'no_such_module' cannot be loaded: ModuleNotFoundError"),
        ("broken.py:x", "'broken.py' cannot be loaded: ZeroDivisionError: division by zero"),
    ],
)
def test_a_callback_that_is_not_there(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hooks.py").write_text(HOOKS)
    Path("broken.py").write_text("1 / 0\n")
    assert main(["train", *SMALL, "--quiet", "--out", "run", "--callback", name]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
    assert not Path("run").exists()


def test_the_bar_of_a_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What tqdm takes for the place decides: a bar of the notebook where there is one."""
    import tqdm.auto

    made: list[dict[str, Any]] = []

    class Bar(tqdm.auto.tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            made.append(kwargs)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    splitgym.train(tiny(steps=128), tmp_path / "run", logger="none")
    assert made[0]["total"] == 128
