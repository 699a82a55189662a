"""Models of stable-baselines3 as it wraps their environments, against its own ``evaluate_policy`` on the same seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers as gw

import splitgym
from splitgym.adapters.known import WRAPPERS
from splitgym.adapters.walk import walk

pytest.importorskip("stable_baselines3")
from sb3_contrib import MaskablePPO, RecurrentPPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy as evaluate_masked
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common import vec_env as sv
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from splitgym.agents.sb3 import make_vec_env

ID = "SplitInference-v0"
SEEDS = range(2)


def dummy(action: str = "multidiscrete", env_id: str = ID, wrap: Callable[[gym.Env], gym.Env] = lambda env: env) -> Any:
    return sv.DummyVecEnv([lambda: wrap(Monitor(gym.make(env_id, action=action)))])


def normalized(venv: sv.VecEnv, **options: Any) -> sv.VecNormalize:
    """With statistics of some random decisions, frozen as for an evaluation."""
    made = sv.VecNormalize(venv, **options)
    made.action_space.seed(3)
    made.seed(2**33)
    made.reset()
    for _ in range(60):
        made.step(np.array([made.action_space.sample() for _ in range(made.num_envs)]))
    made.training = made.norm_reward = False
    return made


def of_sb3(model: BaseAlgorithm, venv: sv.VecEnv, judge: Any = evaluate_policy) -> list[float]:
    """Return of each seed by stable-baselines3; its ``Monitor`` rounds to six places."""
    found = []
    for seed in SEEDS:
        venv.seed(seed)
        found.append(judge(model, venv, n_eval_episodes=1, return_episode_rewards=True)[0][0])
    return found


def ours(policy: Any, env_id: str = ID) -> list[float]:
    """Seed by seed, since a network's last digits depend on the size of the batch."""
    one = [splitgym.evaluate({"it": policy}, env_id, episodes=1, seed=seed) for seed in SEEDS]
    return [float(results.figure("it", "return")[0].round(6)) for results in one]


@pytest.mark.parametrize("env_id", ["SplitInference-v0", "SplitInferenceMultiUser-v0", "ProgressiveTransmission-v0"])
def test_a_normalized_model_is_evaluated_as_by_stable_baselines3(env_id: str) -> None:
    venv = normalized(dummy(env_id=env_id))
    model = PPO("MlpPolicy", venv, device="cpu", seed=0)
    before = venv.obs_rms.mean.copy()  # pyright: ignore[reportAttributeAccessIssue]
    want = of_sb3(model, venv)
    assert ours(model, env_id) == want
    np.testing.assert_array_equal(before, venv.obs_rms.mean)  # pyright: ignore[reportAttributeAccessIssue]
    raw = ours(splitgym.policy_from(model, env=gym.make(env_id)), env_id)
    assert raw != want  # it matters


@pytest.mark.parametrize(
    ("algorithm", "action"), [(PPO, "multidiscrete"), (SAC, "box"), (DQN, "discrete"), (MaskablePPO, "multidiscrete")]
)
def test_every_encoding_and_the_native_batch(algorithm: Any, action: str) -> None:
    venv = normalized(sv.VecMonitor(make_vec_env(ID, 3, action=action)))
    model = algorithm(
        "MlpPolicy", venv, device="cpu", seed=1, **({"buffer_size": 100} if algorithm in (SAC, DQN) else {})
    )
    alike = normalized(dummy(action))
    alike.obs_rms = venv.obs_rms
    judge = evaluate_masked if algorithm is MaskablePPO else evaluate_policy
    assert ours(model) == of_sb3(model, alike, judge)


STACKS: dict[str, Callable[[], sv.VecEnv]] = {
    "frames": lambda: sv.VecFrameStack(dummy(), 4),
    "frames first": lambda: sv.VecFrameStack(dummy(), 3, channels_order="first"),
    "frames, normalized": lambda: normalized(sv.VecFrameStack(dummy(), 2)),
    "normalized, frames": lambda: sv.VecFrameStack(normalized(dummy()), 2),
    "time": lambda: dummy(wrap=lambda env: gw.TimeAwareObservation(gw.TimeLimit(env, 500))),
    "time as dictionary": lambda: dummy(
        wrap=lambda env: gw.TimeAwareObservation(gw.TimeLimit(env, 500), flatten=False)
    ),
    "frames of gymnasium, normalized": lambda: normalized(dummy(wrap=lambda env: gw.FrameStackObservation(env, 3))),
    "checked": lambda: sv.VecCheckNan(dummy()),
}


@pytest.mark.parametrize("name", STACKS)
def test_stacked_wrappers_are_done_again_in_their_order(name: str) -> None:
    venv = STACKS[name]()
    kind = "MultiInputPolicy" if isinstance(venv.observation_space, gym.spaces.Dict) else "MlpPolicy"
    model = PPO(kind, venv, device="cpu", seed=0)
    assert ours(model) == of_sb3(model, venv)


def test_a_recurrent_model_keeps_its_state() -> None:
    venv = normalized(dummy())
    model = RecurrentPPO("MlpLstmPolicy", venv, device="cpu", seed=0, policy_kwargs={"lstm_hidden_size": 8})
    assert ours(model) == of_sb3(model, venv)


def test_a_model_from_the_disk_needs_its_statistics(tmp_path: Path) -> None:
    venv = sv.VecNormalize(sv.VecMonitor(make_vec_env(ID, 2)))
    model = PPO("MlpPolicy", venv, n_steps=16, batch_size=16, n_epochs=1, device="cpu").learn(32)
    model.save(tmp_path / "mine.zip")
    venv.save(str(tmp_path / "statistics.pkl"))
    want = ours(model)
    loaded = PPO.load(tmp_path / "mine.zip", device="cpu")
    with pytest.raises(ValueError, match="trained behind VecNormalize") as error:
        ours(loaded)
    assert "splitgym.policy_from(model, env=normalized)" in str(error.value)
    again = sv.VecNormalize.load(str(tmp_path / "statistics.pkl"), make_vec_env(ID, 1))
    assert ours(splitgym.policy_from(loaded, env=again)) == want
    assert ours(PPO.load(tmp_path / "mine.zip", env=again, device="cpu")) == want


def test_every_wrapper_of_stable_baselines3_is_known() -> None:
    kinds = [getattr(sv, name) for name in sv.__all__]
    names = {k.__name__ for k in kinds if isinstance(k, type) and issubclass(k, sv.VecEnvWrapper)} - {"VecEnvWrapper"}
    assert len(names) > 6
    assert names <= set(WRAPPERS["stable_baselines3"])


class Mine(sv.VecEnvWrapper):
    """A wrapper of the user's own."""

    def reset(self) -> Any:
        return -self.venv.reset()  # pyright: ignore[reportOperatorIssue]

    def step_wait(self) -> Any:
        return self.venv.step_wait()


def test_an_unknown_wrapper_is_refused() -> None:
    model = PPO("MlpPolicy", Mine(dummy()), device="cpu")
    with pytest.raises(ValueError, match="wrapped in Mine: what it does is not known"):
        ours(model)
    two = sv.DummyVecEnv([lambda: gw.NormalizeObservation(gym.make(ID))] * 2)
    with pytest.raises(ValueError, match="each of 2 environments has statistics of its own"):
        ours(PPO("MlpPolicy", two, device="cpu"))


def test_a_model_without_its_wrapper_is_refused_by_what_it_observes() -> None:
    """The bounds show a wrapper of Gymnasium that leaves the shape alone."""
    for wrap, words in (
        (gw.NormalizeObservation, "in .-inf, inf."),
        (lambda env: gw.FrameStackObservation(env, 2), r"\(2, \d+\)"),
    ):
        model = PPO("MlpPolicy", dummy(wrap=wrap), device="cpu")
        model.env = None
        with pytest.raises(ValueError, match=f"observes .*{words}.*policy_from"):
            ours(model)


def test_environments_in_other_processes_are_known_by_name() -> None:
    venv = sv.SubprocVecEnv([_monitored])
    try:
        assert walk(venv).layers == ()
    finally:
        venv.close()
    venv = sv.SubprocVecEnv([_normalized])
    try:
        with pytest.raises(ValueError, match="NormalizeObservation: it is in another process"):
            walk(venv)
    finally:
        venv.close()


def _monitored() -> gym.Env:
    return Monitor(gym.make("splitgym:SplitInference-v0"))


def _normalized() -> gym.Env:
    return gw.NormalizeObservation(_monitored())


@pytest.mark.parametrize(
    "place", ["vecnormalize.pkl", "SplitInference-v0/vecnormalize.pkl", "it_vecnormalize_32_steps.pkl"]
)
def test_statistics_beside_a_file_are_used(tmp_path: Path, place: str) -> None:
    """Where ``VecNormalize.save``, rl_zoo3 and checkpoints write them; only with trust, since they are pickles."""
    venv = normalized(sv.VecMonitor(make_vec_env(ID, 2)))
    model = PPO("MlpPolicy", venv, device="cpu", seed=0)
    file = tmp_path / "it_32_steps.zip"
    model.save(file)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    venv.save(str(tmp_path / place))
    with pytest.raises(ValueError, match="trust=True"):
        splitgym.evaluate(str(file), episodes=1)
    results = splitgym.evaluate({"it": str(file)}, episodes=1, trust=True)
    assert float(results.figure("it", "return")[0].round(6)) == ours(model)[0]
    before = results.identities["it"]
    venv.obs_rms.mean += 1.0  # pyright: ignore[reportAttributeAccessIssue]
    venv.save(str(tmp_path / place))
    assert splitgym.evaluate({"it": str(file)}, episodes=1, trust=True).identities["it"] != before
