"""The stable-baselines3 adapter, in exact parity with ``DummyVecEnv``."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env as sb3_make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor, VecNormalize

import splitgym
from splitgym.agents.sb3 import SplitVecEnv, make_vec_env
from splitgym.worlds.inference.trace import draw_trace
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, assert_same, short

ID = "SplitInference-v0"
N = 6
SCENARIO = short("inference", "default", **{"tasks.count": 9})


def pair(infos: str = "all", env_id: str = ID, **kwargs: Any) -> tuple[DummyVecEnv, SplitVecEnv]:
    """stable-baselines3's own vector environment over single ones, and ours."""
    theirs = DummyVecEnv([lambda: gym.make(env_id, **kwargs) for _ in range(N)])
    return theirs, make_vec_env(env_id, N, infos=infos, **kwargs)


def play(env: Any, actions: list[np.ndarray]) -> list[Any]:
    """Everything that reset and the steps show, masks included."""
    out: list[Any] = [env.reset(), list(env.reset_infos)]
    for action in actions:
        out += [env.step(action), list(env.reset_infos), np.stack(env.env_method("action_masks"))]
    return out


def actions_of(env: Any, count: int, seed: int = 0) -> list[np.ndarray]:
    env.action_space.seed(seed)
    return [np.array([env.action_space.sample() for _ in range(N)]) for _ in range(count)]


@pytest.fixture(autouse=True, scope="module")
def one_torch_thread():
    """Two would wait for each other where tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("world", "preset"), CASES)
@pytest.mark.parametrize("action", ["multidiscrete", "box", "discrete"])
def test_equal_to_dummy_vec_env(world, preset, action):
    theirs, ours = pair(env_id=WORLDS[world].env_id, scenario=preset, action=action, max_episode_steps=7)
    actions = actions_of(theirs, 300)
    for env in (theirs, ours):
        env.seed(11)
    expected, got = play(theirs, actions), play(ours, actions)
    assert_same(got, expected)
    assert got[2][1].dtype == np.float32
    assert sum(step[2].sum() for step in expected[2::3]) >= 40 * N


def test_equal_at_ends_of_their_own():
    """Episodes that end with their tasks, at different steps in different rows, and with an empty battery."""
    scenario = splitgym.load_scenario("bursty", **{"tasks.count": 15, "device.battery_j": 0.05})
    theirs, ours = pair(scenario=scenario)
    actions = actions_of(theirs, 120)
    for env in (theirs, ours):
        env.seed(3)
    expected = play(theirs, actions)
    assert_same(play(ours, actions), expected)
    infos = [info for step in expected[2::3] for info, done in zip(step[3], step[2], strict=True) if done]
    assert {info["TimeLimit.truncated"] for info in infos} == {True, False}


def test_seeds_and_options_are_taken_once_and_row_by_row():
    scenario = short("inference", "default", **{"tasks.count": 12})
    theirs, ours = pair(scenario=scenario)
    traces = [draw_trace(scenario, np.uint64(i)) for i in range(2)]
    options: list[dict[str, Any]] = [{"early_stop": False}, {}, {"packet_control": "constant"}]
    options += [{"trace": traces[0]}, {"trace": traces[1]}, {"early_stop": False, "trace": traces[0]}]
    actions = actions_of(theirs, 40)
    for begin in (True, False):  # the first reset differs inside: it must begin every row
        seen = []
        for env in (theirs, ours):
            env.set_options(options)
            env.seed(5)
            seen.append(play(env, actions))
            seen[-1] += play(env, actions)  # neither seeds nor options: the episodes that follow
        assert_same(seen[1], seen[0])
        assert begin or not np.array_equal(seen[0][0], seen[0][1 + 3 * len(actions) + 1])


def test_lean_infos_hold_everything_where_an_episode_ends():
    full, lean = (make_vec_env(ID, N, infos=kind, scenario=SCENARIO, num_threads=2) for kind in ("all", "final"))
    for env in (full, lean):
        env.seed(0)
        env.reset()
    for action in actions_of(full, 30):
        a, b = full.step(action), lean.step(action)
        assert_same(b[:3], a[:3])
        for i in range(N):
            assert_same(b[3][i], a[3][i] if a[2][i] else {"TimeLimit.truncated": False})
        assert len({id(info) for info in b[3]}) == N


def test_rows_look_like_environments():
    env = make_vec_env(ID, 3, scenario="default")
    single = gym.make(ID)
    env.seed(0)
    env.reset()
    assert env.get_attr("action_space") == [single.action_space] * 3
    assert env.get_attr("observation_space", indices=[1]) == [single.observation_space]
    assert env.get_attr("render_mode") == [None] * 3
    assert [s.name for s in env.get_attr("scenario")] == ["default"] * 3
    assert env.has_attr("action_masks")
    assert not env.has_attr("no_such_thing")
    env.reset()
    masks = env.env_method("action_masks", indices=[2, 0])
    np.testing.assert_array_equal(masks, env.action_masks()[[2, 0]])
    np.testing.assert_array_equal(env.get_attr("action_masks", indices=1)[0](), env.action_masks()[1])
    assert env.env_is_wrapped(gym.Wrapper) == [False] * 3
    assert env.spec is not None
    assert env.spec.id == ID
    env.set_attr("note", 7)
    assert env.get_attr("note") == [7] * 3
    with pytest.raises(ValueError, match="rows share"):
        env.set_attr("note", 8, indices=[0])
    with pytest.raises(AttributeError, match="one row cannot reset"):
        env.env_method("reset")
    with pytest.warns(UserWarning, match="rgb_array"):
        assert env.get_images() == [None] * 3
    env.close()


def test_pictures_are_those_of_dummy_vec_env():
    """All rows, as a list, tiled into one, and by ``env_method``."""
    ours = make_vec_env(ID, 3, render_mode="rgb_array")
    theirs = DummyVecEnv([lambda: gym.make(ID, render_mode="rgb_array")] * 3)
    for env in (ours, theirs):
        env.seed(0)
        env.reset()
        env.step(np.zeros((3, 4), int))
    np.testing.assert_array_equal(np.array(ours.get_images()), np.array(theirs.get_images()), strict=True)
    np.testing.assert_array_equal(ours.render(), theirs.render(), strict=True)
    (last,) = ours.env_method("render", indices=[2])
    np.testing.assert_array_equal(last, ours.get_images()[2])


def test_only_the_native_environment_in_same_step_mode():
    with pytest.raises(ValueError, match="SAME_STEP"):
        SplitVecEnv(gym.make_vec(ID, 2))
    with pytest.raises(ValueError, match="make_vec_env"):
        SplitVecEnv(gym.make_vec(ID, 2, vectorization_mode="sync"))
    with pytest.raises(ValueError, match="'final' or 'all'"):
        SplitVecEnv(gym.make_vec(ID, 2, autoreset_mode=AutoresetMode.SAME_STEP), infos="some")
    env = make_vec_env(ID, 2)
    env.seed(0)
    before = env.reset()
    with pytest.raises(ValueError, match="outside"):
        env.step(np.full((2, 4), 99))
    np.testing.assert_array_equal(env.action_masks().shape, (2, 30))
    assert env.venv.rows.steps.sum() == 0
    assert np.isfinite(before).all()


def test_wrappers_and_evaluation_of_stable_baselines3_work():
    env = VecNormalize(VecMonitor(make_vec_env(ID, 4, scenario=SCENARIO)), norm_obs=False)
    PPO("MlpPolicy", env, n_steps=8, batch_size=32, n_epochs=1, device="cpu", seed=0).learn(64)
    policy: Any = splitgym.make_policy("device", gym.make(ID, scenario=SCENARIO))
    results = []
    for venv in pair(infos="final", scenario=SCENARIO):
        venv.seed(0)
        with pytest.warns(UserWarning, match="not wrapped with a ``Monitor``"):
            results.append(evaluate_policy(policy, venv, n_eval_episodes=12, return_episode_rewards=True))
    assert results[0] == results[1]
    assert len(results[0][0]) == 12


def test_workers_of_stable_baselines3_find_the_environment():
    env = sb3_make_vec_env(
        f"splitgym:{ID}", 2, seed=4, vec_env_cls=SubprocVecEnv, vec_env_kwargs={"start_method": "spawn"}
    )
    ours = make_vec_env(ID, 2)
    ours.seed(4)
    try:
        assert_same(ours.reset(), env.reset())
        for level in range(4):
            expected, got = (venv.step(np.full((2, 4), level)) for venv in (env, ours))
            assert_same(got[0], expected[0])
            assert_same(got[1], expected[1].astype(np.float32))  # this one passes float64 on
            assert_same(got[2], expected[2])
    finally:
        env.close()


def test_maskable_ppo_sees_masks():
    env = VecMonitor(make_vec_env(ID, 8, scenario="tight-deadline"))
    assert is_masking_supported(env)
    model = MaskablePPO("MlpPolicy", env, n_steps=16, batch_size=64, n_epochs=2, device="cpu", seed=0)
    model.learn(512)
    masks = model.rollout_buffer.action_masks
    assert masks.min() == 0
    assert masks.max() == 1
    observation = env.reset()
    masks = get_action_masks(env)
    actions, _ = model.predict(observation, action_masks=masks, deterministic=False)
    offsets = np.concatenate([[0], np.cumsum(env.action_space.nvec)[:-1]])
    assert masks[np.arange(8)[:, None], actions + offsets].all()
