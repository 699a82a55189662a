"""Agents: training, checkpoints, resuming, loading without pickles, and the command ``splitgym train``."""

from __future__ import annotations

import argparse
import base64
import dataclasses
import importlib
import json
import os
import pickle
import shlex
import shutil
import signal
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

import splitgym
from splitgym import cli
from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.build import build_model
from splitgym.agents.checkpoint import load_agent, newest_checkpoint, read_weights, save_model
from splitgym.agents.config import TrainConfig, load_config
from splitgym.agents.sb3 import SplitVecEnv, make_vec_env
from splitgym.agents.training import TrainingInterrupted, train
from splitgym.cli import training
from splitgym.evaluation.policies import contender
from splitgym.seeding import FIRST_TRAINING_SEED, FIRST_VALIDATION_SEED, validation_seeds
from tests.helpers import short

ID = "SplitInference-v0"
N = 6
SCENARIO = short("inference", "default", **{"tasks.count": 9})


# -------------------------------------------------------------------- training
def tiny(algo: str = "ppo", **changes: Any) -> TrainConfig:
    """A training of a second."""
    hyper = {
        "ppo": {"n_steps": 8, "batch_size": 64, "n_epochs": 2},
        "maskable-ppo": {"n_steps": 8, "batch_size": 64, "n_epochs": 2},
        "recurrent-ppo": {"n_steps": 8, "batch_size": 64, "n_epochs": 2, "lstm_hidden_size": 8},
        "a2c": {"n_steps": 8},
    }.get(algo, {"buffer_size": 2000, "learning_starts": 64, "batch_size": 32, "gradient_steps": 1})
    given = {"algo": algo, "scenario": SCENARIO, "steps": 256, "n_envs": 16, "net": (16,), "hyper": hyper, **changes}
    return TrainConfig(**given)


class Press(BaseCallback):
    """Ctrl-C in the middle of the rollout that reaches ``at`` steps."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        if self.num_timesteps == self.at:
            signal.raise_signal(signal.SIGINT)
        return True


def weights_of(path: Path) -> dict[str, Any]:
    return read_weights(path, "cpu")[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A finished run of PPO."""
    return train(tiny(), tmp_path_factory.mktemp("runs") / "ppo", progress=False)


def test_training_is_deterministic(run, tmp_path):
    again = train(tiny(num_threads=2), tmp_path / "again", progress=False)
    other = train(tiny(seed=1), tmp_path / "other", progress=False)
    a, b, c = (weights_of(folder / "model.zip")["policy"] for folder in (run, again, other))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_run_folder(run):
    assert sorted(p.name for p in run.iterdir()) == ["checkpoints", "config.json", "model.zip", "tensorboard"]
    assert len(list((run / "tensorboard").glob("events.*"))) == 1
    assert not list(run.rglob("*.part"))
    document = json.loads((run / "config.json").read_text())
    assert document["scenario"]["digest"] == SCENARIO.digest()
    assert splitgym.__version__ == document["versions"]["splitgym"]
    assert load_config(run) == tiny()
    assert newest_checkpoint(run).name == "step_000000000128.zip"


def test_training_seeds_are_never_evaluations(monkeypatch):
    given = []
    monkeypatch.setattr(SplitVecEnv, "seed", lambda self, seed=None: given.append(seed) or [seed])
    for seed in (0, 1, 2**32 - 1):
        build_model(tiny(seed=seed))
        assert FIRST_TRAINING_SEED <= given[-1] < FIRST_VALIDATION_SEED - 2**32
    assert validation_seeds(3) == range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + 3)
    with pytest.raises(ValueError, match="episodes"):
        validation_seeds(0)


@pytest.mark.parametrize("algo", sorted(set(ALGORITHMS) - {"ppo"}))
def test_every_algorithm_trains_resumes_and_plays(algo, tmp_path):
    config = tiny(algo)
    with pytest.raises(TrainingInterrupted):
        train(config, tmp_path / algo, progress=False, callbacks=[Press(96)])
    folder = train(config, tmp_path / algo, resume=True, progress=False)
    assert read_weights(folder / "model.zip", "cpu")[1]["num_timesteps"] == 256
    agent = load_agent(folder)
    assert agent.uses_masks == (algo == "maskable-ppo")
    env = make_vec_env(ID, N, scenario=SCENARIO, action=agent.action)
    agent.check(env)
    env.seed(0)
    observations = env.reset()
    masks = {"action_masks": env.action_masks()} if agent.uses_masks else {}
    actions, state = agent.predict(observations, **masks)
    assert (state is None) == (algo != "recurrent-ppo")
    env.step(actions)
    results = splitgym.evaluate([folder], ID, SCENARIO, episodes=3)
    assert np.isfinite(results.frame()["return"]).all()


def played(agent: Any, starts: list[list[bool]]) -> list[np.ndarray]:
    """Actions of an agent for the same observations in every row, which are new episodes in ``starts``."""
    observations = np.random.default_rng(0).uniform(-1.0, 1.0, (len(starts), 1, 11)).astype(np.float32)
    state, actions = None, []
    for observation, start in zip(observations, starts, strict=True):
        action, state = agent.predict(np.repeat(observation, len(start), axis=0), state, np.array(start))
        actions.append(action)
    return actions


def test_what_an_agent_remembers_ends_with_the_episode_of_its_row(tmp_path):
    """A row that begins anew decides as one that has seen nothing, and the others go on."""
    config = tiny("recurrent-ppo", action="box", steps=64)
    agent = load_agent(train(config, tmp_path / "run", progress=False))
    both = played(agent, [[True, True], [False, True], [False, False]])
    alone = played(agent, [[True], [False], [False]])
    np.testing.assert_allclose([step[:1] for step in both], alone, atol=1e-6)
    assert np.abs(both[1][0] - both[1][1]).max() > 1e-6
    fresh = load_agent(tmp_path / "run")
    observations = np.random.default_rng(0).uniform(-1.0, 1.0, (3, 1, 11)).astype(np.float32)
    np.testing.assert_allclose(both[1][1:], fresh.predict(observations[1])[0], atol=1e-6)


def test_an_agent_with_a_memory_decides_for_each_device(tmp_path):
    """Each device of each row has a state of its own."""
    scenario = short("multiuser", "default", **{"frames.count": 5, "users.count": 3})
    config = tiny("recurrent-ppo", env_id="SplitInferenceMultiUser-v0", scenario=scenario, agents="team", steps=64)
    folder = train(config, tmp_path / "run", progress=False)
    agent = load_agent(folder)
    env = make_vec_env("SplitInferenceMultiUser-v0", 4, scenario=scenario)
    agent.check(env)
    _, state = agent.predict(env.reset())
    assert state[0].shape == (1, 12, 8)
    results = splitgym.evaluate(folder, "SplitInferenceMultiUser-v0", scenario, episodes=2)
    assert np.isfinite(results.figure("run", "return")).all()


def test_interrupted_training_goes_on(run, tmp_path):
    folder = tmp_path / "stopped"
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingInterrupted, match=r"128 of 256 steps.*--resume"):
        train(tiny(checkpoint_every=10_000), folder, progress=False, callbacks=[Press(64)])
    assert signal.getsignal(signal.SIGINT) is before
    assert not (folder / "model.zip").exists()
    saved = newest_checkpoint(folder)
    assert saved.name == "step_000000000128.zip"
    # up to there it is the same training
    whole, half = weights_of(run / "checkpoints" / saved.name), weights_of(saved)
    assert all(torch.equal(whole["policy"][name], half["policy"][name]) for name in half["policy"])

    seen = {}

    class Look(BaseCallback):
        def _on_training_start(self) -> None:
            seen["steps"] = self.model.num_timesteps
            seen["updates"] = self.model._n_updates
            seen["weights"] = {k: v.clone() for k, v in self.model.policy.state_dict().items()}
            seen["moments"] = self.model.policy.optimizer.state_dict()["state"]

        def _on_step(self) -> bool:
            return True

    train(tiny(num_threads=2, checkpoint_every=10_000), folder, resume=True, progress=False, callbacks=[Look()])
    assert (seen["steps"], seen["updates"]) == (128, 2)
    assert all(torch.equal(seen["weights"][name], half["policy"][name]) for name in half["policy"])
    assert seen["moments"]
    weights, plain = read_weights(folder / "model.zip", "cpu")
    assert (plain["num_timesteps"], plain["_n_updates"]) == (256, 4)
    rates = [weights_of(f / "model.zip")["policy.optimizer"]["param_groups"][0]["lr"] for f in (run, folder)]
    assert rates[0] == rates[1]  # the schedule goes on, too
    assert not torch.equal(weights["policy"]["action_net.weight"], half["policy"]["action_net.weight"])


def test_a_resumed_run_refuses_to_become_another(run):
    for change, message in (
        ({"gamma": 0.5}, r"gamma=0.5 \(saved: 0.999\)"),
        ({"steps": 512}, "steps=512"),
        ({"scenario": short("inference", "bursty")}, "scenario 'bursty'"),
        ({"hyper": {**tiny().hyper, "n_epochs": 3}}, r"n_epochs=3 \(saved: 2\)"),
        ({"algo": "a2c", "hyper": {}}, "algo='a2c'"),
    ):
        with pytest.raises(ValueError, match=message):
            train(dataclasses.replace(tiny(), **change), run, resume=True, progress=False)
    with pytest.raises(ValueError, match=r"holds no config\.json"):
        train(tiny(), run / "nothing", resume=True, progress=False)


def test_a_run_is_not_overwritten_unasked(tmp_path):
    folder = train(tiny(), tmp_path / "run", progress=False)
    old = (folder / "model.zip").read_bytes()
    with pytest.raises(ValueError, match="--overwrite"):
        train(tiny(seed=3), folder, progress=False)
    assert (folder / "model.zip").read_bytes() == old
    (folder / "notes.txt").write_text("mine")
    train(tiny(seed=3, steps=128), folder, overwrite=True, progress=False)
    assert load_config(folder).seed == 3
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "checkpoints").exists()
    with pytest.raises(ValueError, match="is a file"):
        train(tiny(), folder / "notes.txt", progress=False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"algo": "pp"}, "did you mean 'ppo'"),
        ({"env_id": "SplitInference-v9"}, "unknown environment"),
        ({"scenario": "defualt"}, "did you mean 'default'"),
        ({"action": "dict"}, "ppo cannot learn with"),
        ({"action": "bix"}, "unknown action encoding"),
        ({"gamma": 1.5}, r"train.gamma must be .* <= 1"),
        ({"learning_rate": float("nan")}, "train.learning_rate must be a finite number"),
        ({"steps": 0}, r"train.steps must be .* >= 1 and <= 1e\+12 step, got 0"),
        ({"seed": -1}, r"train.seed must be .* >= 0"),
        ({"net": (0,)}, r"train.net\[0\] must be .* >= 1"),
        ({"schedule": "cosine"}, "'linear' or 'constant'"),
        ({"hyper": {"n_epoch": 3}}, "did you mean 'n_epochs'"),
        ({"hyper": {"gamma": 0.9}}, "no hyper-parameter 'gamma'"),
        ({"hyper": {"n_steps": 0}}, "train.hyper.n_steps"),
        ({"hyper": {"n_steps": 1, "batch_size": 1}}, "refuses its settings"),
        ({"episode_options": {"early_stopp": False}}, "did you mean 'early_stop'"),
    ],
)
def test_settings_that_do_not_fit(given, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(TrainConfig(**{"steps": 100, "n_envs": 4, **given}), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


# -------------------------------------------------------------------- loading
def test_agents_load_from_every_file_of_a_run(run):
    observation = make_vec_env(ID, N, scenario=SCENARIO).reset()
    end, first = load_agent(run), load_agent(run / "checkpoints" / "step_000000000128.zip")
    assert (end.name, end.action, end.episode_options) == ("ppo", "multidiscrete", {})
    assert first.name == "ppo/step_000000000128"
    actions, _ = end.predict(observation)
    assert actions.shape == (N, 4)
    model = PPO.load(run / "model.zip", device="cpu")
    np.testing.assert_array_equal(actions, model.predict(observation, deterministic=True)[0])
    np.testing.assert_array_equal(end.predict(observation[0])[0], actions[0])
    with pytest.raises(ValueError, match="shape"):
        end.predict(np.zeros((2, 5), np.float32))


def test_an_agent_refuses_what_it_cannot_play(run):
    load_agent(run, gym.make(ID, scenario="bursty"))
    load_agent(run, gym.make_vec(ID, 2))
    load_agent(run, make_vec_env(ID, 2))
    with pytest.raises(ValueError, match="make it with action='multidiscrete'"):
        load_agent(run, gym.make(ID, action="box"))
    with pytest.raises(ValueError, match="train an agent on scenario 'enachi'"):
        load_agent(run, gym.make(ID, scenario="enachi"))
    with pytest.raises(ValueError, match="train an agent on scenario 'enachi'"):
        splitgym.evaluate([run], ID, "enachi", episodes=1)
    with pytest.raises(TypeError, match="environment of splitgym"):
        load_agent(run, gym.make("CartPole-v1"))


@pytest.mark.parametrize("algo", ["ppo", "maskable-ppo", "sac", "dqn"])
def test_agents_learn_on_hardware(algo, run, tmp_path):
    """Every kind of action on HardwareSplit-v0: trained, saved with its scenario, read back, evaluated, resumed."""
    env_id = "HardwareSplit-v0"
    scenario = splitgym.load_scenario("switching", env_id, **{"requests.count": 9})
    folder = train(tiny(algo, env_id=env_id, scenario=scenario), tmp_path / algo, progress=False)
    assert load_config(folder).scenario == scenario
    results = splitgym.evaluate([folder, "dynasplit"], env_id, scenario, episodes=3)
    assert np.isfinite(results.figure(algo, "return")).all()
    with pytest.raises(ValueError, match=f"trained on {ID}, not {env_id}"):
        splitgym.evaluate([run], env_id, scenario, episodes=1)


def test_an_agent_of_another_environment_is_refused(run, tmp_path):
    agent = load_agent(run)
    assert agent.config is not None
    object.__setattr__(agent.config, "env_id", "SplitInferenceMultiUser-v0")
    with pytest.raises(ValueError, match=f"trained on SplitInferenceMultiUser-v0, not {ID}"):
        agent.check(gym.make(ID))


class Payload:
    """What a stranger could put into a model file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def poisoned(source: Path, target: Path, mark: Path) -> Path:
    """A copy of a model whose settings run code when they are unpickled."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "data":
                data = json.loads(content)
                code = base64.b64encode(pickle.dumps(Payload(mark))).decode()
                data["policy_class"] = {":type:": "x", ":serialized:": code}
                content = json.dumps(data).encode()
            new.writestr(name, content)
    return target


def test_nobodys_code_runs_unasked(run, tmp_path):
    mark = tmp_path / "mark"
    foreign = poisoned(run / "model.zip", tmp_path / "model.zip", mark)
    with pytest.raises(ValueError, match=r"pickles.*trust=True.*--trust"):
        load_agent(foreign)
    (tmp_path / "config.json").write_text((run / "config.json").read_text())
    load_agent(foreign)  # ours by its configuration: only the weights are read
    assert not mark.exists()
    (tmp_path / "config.json").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception):  # noqa: B017, PT011  (what the stranger's code does is his affair)
            load_agent(foreign, trust=True)
    assert mark.exists()  # the danger is real


@pytest.mark.parametrize(
    ("algo", "cls"), [("ppo", PPO), ("maskable-ppo", MaskablePPO), ("recurrent-ppo", RecurrentPPO)]
)
def test_trusted_files_of_other_origin_play(algo, cls, tmp_path):
    network = "MlpLstmPolicy" if algo == "recurrent-ppo" else "MlpPolicy"
    model = cls(network, make_vec_env(ID, 2, scenario="default"), n_steps=8, batch_size=16, device="cpu", seed=0)
    model.save(tmp_path / "theirs.zip")
    agent = load_agent(tmp_path / "theirs.zip", gym.make(ID), trust=True)
    assert (agent.name, agent.action, agent.uses_masks) == ("theirs", "multidiscrete", algo == "maskable-ppo")
    observation, _ = gym.make(ID).reset(seed=0)
    np.testing.assert_array_equal(agent.predict(observation)[0], model.predict(observation, deterministic=True)[0])


def test_a_trusted_model_is_known_by_its_code(tmp_path, monkeypatch):
    """Its file holds the names of its classes only."""
    module = tmp_path / "their_network.py"
    text = "from stable_baselines3.common.torch_layers import FlattenExtractor\n"
    text += "class Theirs(FlattenExtractor):\n    def forward(self, x):\n        return super().forward(x) * {}\n"
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = []
    for k in (1, 2):
        module.write_text(text.format(k) + "#" * k)  # another size: the compiled file counts as old at once
        monkeypatch.delitem(sys.modules, "their_network", raising=False)
        importlib.invalidate_caches()
        kinds = {"features_extractor_class": importlib.import_module(module.stem).Theirs}
        if k == 1:
            env = make_vec_env(ID, 2, scenario="default")
            PPO("MlpPolicy", env, n_steps=8, batch_size=16, device="cpu", seed=0, policy_kwargs=kinds).save(
                tmp_path / "theirs.zip"
            )
        seen.append(contender(tmp_path / "theirs.zip", trust=True).identity)
    assert all(seen)
    assert seen[0] != seen[1]


def test_damaged_files(run, tmp_path):
    with pytest.raises(ValueError, match="no such model"):
        load_agent(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"holds no config\.json"):
        load_agent(tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    good = (run / "config.json").read_text()
    (folder / "config.json").write_text(good)
    with pytest.raises(ValueError, match="no model and no checkpoint"):
        load_agent(folder)
    content = (run / "model.zip").read_bytes()
    for broken in (content[: len(content) // 2], b"no zip at all", content[:200] + b"\xff" * 50 + content[250:]):
        (folder / "model.zip").write_bytes(broken)
        with pytest.raises(ValueError, match="not a whole stable-baselines3 model"):
            load_agent(folder)
    (folder / "model.zip").write_bytes(content)
    for wrong, message in (
        (good[:-20], "cannot be used"),
        (good.replace("splitgym-run-1", "splitgym-run-9"), "reads 'splitgym-run-1'"),
        (good.replace('"gamma"', '"gama"'), "did you mean 'gamma'"),
        (good.replace("energy_j = 0.004", "energy_j = 0.005"), "train again"),
        (good.replace("16\n    ]", "17\n    ]"), "does not fit"),
        ("[]", "cannot be used"),
    ):
        assert wrong != good
        (folder / "config.json").write_text(wrong)
        with pytest.raises(ValueError, match=message):
            load_agent(folder)


def test_a_checkpoint_is_whole_or_absent(run, tmp_path, monkeypatch):
    model = build_model(tiny())
    save_model(model, tmp_path / "model.zip")
    old = (tmp_path / "model.zip").read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        save_model(model, tmp_path / "model.zip")
    assert (tmp_path / "model.zip").read_bytes() == old


# -------------------------------------------------------------------- command line
def command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    training.add_arguments(parser)
    return training.run(parser.parse_args([*words, "--quiet"]))


SMALL = ("--steps=256", "--n-envs=16", "--set=tasks.count=9", "--net", "16")
SMALL_PPO = ("--hyper=n_steps=8", "--hyper=batch_size=64", "--hyper=n_epochs=2")


def test_command_line(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(*SMALL, *SMALL_PPO) == 0
    folder = tmp_path / "runs" / "ppo-inference-default-s0"
    assert "splitgym evaluate" in capsys.readouterr().out
    assert load_config(folder) == tiny()
    a, b = weights_of(run / "model.zip")["policy"], weights_of(folder / "model.zip")["policy"]
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert command("--resume", str(folder), "--threads=2") == 0  # complete: nothing to do
    for words, message in (
        (("--gamma=0.5",), "gamma=0.5"),
        (("--set=tasks.count=10",), "scenario 'default' with other numbers"),
        (("--hyper=n_epochs=5",), r"n_epochs=5 \(saved: 2\)"),
        (("--out=elsewhere",), "leave out --out"),
    ):
        with pytest.raises(ValueError, match=message):
            command("--resume", str(folder), *words)
    with pytest.raises(ValueError, match="needs NAME=VALUE"):
        command("--hyper", "n_epochs")
    with pytest.raises(ValueError, match=r"unknown key 'tasks\.cuont'"):
        command("--set", "tasks.cuont=9")


def test_command_line_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("splitgym.cli.training.train", _stopped)
    assert command(*SMALL, "--out", str(tmp_path / "run")) == 130
    assert "--resume" in capsys.readouterr().err


def _stopped(*_: Any, **__: Any) -> None:
    raise TrainingInterrupted("stopped; go on with: splitgym train --resume run")


def test_progress_shows_steps_and_return(tmp_path, capsys):
    train(tiny(steps=512), tmp_path / "run")
    shown = capsys.readouterr().err
    assert "512/512" in shown
    assert "return" in shown


def test_parts_that_are_not_installed_are_named(tmp_path, monkeypatch, capsys):
    found = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *a: None if name in ("tqdm", "tensorboard") else found(name, *a)
    )
    train(tiny(steps=128), tmp_path / "run")
    shown = capsys.readouterr().err
    assert "no progress bar, because tqdm is not installed: pip install 'splitgym[agents]'" in shown
    assert "no TensorBoard log" in shown


# -------------------------------------------------------------------- damaged configurations, printed commands
ODD = [
    None,
    3,
    -1,
    1.5,
    float("nan"),
    True,
    "",
    "qqq",
    "a\nb",
    "\0",
    [],
    [1],
    [[1]],
    [10**6, 10**6],
    {},
    {"x": 1},
    10**30,
    1e308,
]


def paths_of(table: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key of nested tables, tables included."""
    found = []
    for key, value in table.items():
        found += [(*path, key), *(paths_of(value, (*path, key)) if isinstance(value, dict) else [])]
    return found


def test_odd_values_in_a_configuration(run, tmp_path):
    """Every key of config.json missing, or of another type or size: played all the same, or refused with its name."""
    good = json.loads((run / "config.json").read_text())
    shutil.copy(run / "model.zip", tmp_path)
    file = tmp_path / "config.json"
    walked = 0
    for path in paths_of(good):
        for odd in [*ODD, "missing"]:
            document = json.loads(json.dumps(good))
            place = document
            for key in path[:-1]:
                place = place[key]
            if odd == "missing":
                del place[path[-1]]
            else:
                place[path[-1]] = odd
            file.write_text(json.dumps(document))
            try:
                load_agent(tmp_path)
            except ValueError as error:
                text = str(error)
                assert str(tmp_path) in text, (path, odd, text)
                assert "\n" not in text, (path, odd, text)
                assert len(text) < 500, (path, odd, text)
            walked += 1
    assert walked > 500
    for text in (
        "null",
        "3",
        '"x"',
        "[]",
        "{}",
        "",
        "[" * 100_000,
        "{" * 100_000,
        "\ufeff{}",
        '{"format": "splitgym-run-1"}',
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match="cannot be used"):
            load_agent(tmp_path)


@pytest.mark.parametrize("device", ["qqq", "cuda:99", "", None, 3.5, [], "meta", "x" * 5000])
def test_a_device_that_torch_lacks(device, run, tmp_path):
    with pytest.raises(ValueError, match="device must be a device that torch has here, such as 'cpu', got") as caught:
        load_agent(run, device=device)
    assert len(str(caught.value)) < 500
    if isinstance(device, str):
        with pytest.raises(ValueError, match="device must be a device that torch has here"):
            train(tiny(device=device), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"net": (100_000, 100_000)}, "train.net must have at most"),
        ({"net": (8,) * 40}, "train.net must have at most"),
        ({"hyper": {"n_steps": 10**30}}, "decisions"),
        ({"hyper": {"n_steps": True}}, "train.hyper.n_steps must be an integer"),
        ({"hyper": {"n_steps": 1.5}}, "train.hyper.n_steps must be an integer"),
        ({"hyper": {"clip_range": "qqq"}}, "train.hyper.clip_range must be a number, got 'qqq'"),
        ({"hyper": {"batch_size": "qqq"}}, "train.hyper.batch_size must be a whole number"),
        ({"hyper": {"n_epochs": 1.5}}, "train.hyper.n_epochs must be a whole number"),
        ({"hyper": {"n_epochs": True}}, "train.hyper.n_epochs must be a whole number"),
        ({"hyper": {"ent_coef": True}}, "train.hyper.ent_coef must be a number"),
        ({"hyper": {"use_sde": 1}}, "train.hyper.use_sde must be true or false"),
    ],
)
def test_settings_that_no_memory_holds(given, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        train(TrainConfig(**{"steps": 100, "n_envs": 4, **given}), tmp_path / "run", progress=False)
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "run").exists()


def test_default_minibatches_are_parts_of_the_rollout():
    for n_envs, n_steps in ((4, 7), (1, 10_007), (256, 32), (3, 99_991)):
        size = TrainConfig(n_envs=n_envs, hyper={"n_steps": n_steps}).hyper["batch_size"]
        rollout = n_envs * n_steps
        assert size == max(d for d in range(1, 2049) if rollout % d == 0)


def test_the_printed_comparison_plays_the_run_s_own_setting(tmp_path, monkeypatch, capsys):
    """A scenario from a file, changed on the command line, in a folder whose name needs quotes."""
    monkeypatch.chdir(tmp_path)
    Path("my own.toml").write_text('base = "bursty"\nname = "mine"\n')
    words = ["train", *SMALL, *SMALL_PPO, "--quiet", "--scenario", "my own.toml", "--set=tasks.hint_std=0.5"]
    assert cli.main([*words, "--out", "my runs/a, b"]) == 0
    line = capsys.readouterr().out.partition("compare it: ")[2].strip()
    typed = shlex.split(line)[1:]
    assert cli.main([*typed, "--episodes", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["scenario_digest"] == load_config(Path("my runs/a, b")).scenario.digest()
    assert shown["scenario"] == "mine"
    assert [entry["agent"] for entry in shown["summary"]].count(True) == 1


def test_the_printed_command_resumes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my run").mkdir()
    (tmp_path / "my run" / "config.json").write_text('{"format": "splitgym-run-1"}')
    with pytest.raises(ValueError, match="holds a run already") as caught:
        train(tiny(), "my run", progress=False)
    typed = shlex.split(str(caught.value).partition("go on with it: ")[2])
    assert cli.parser().parse_args(typed[1:]).resume == "my run"
