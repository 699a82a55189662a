"""Vector rewards and costs: their sums, their limits, and the same in single and batch."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import mo_gymnasium as mo
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from mo_gymnasium.wrappers import LinearReward
from mo_gymnasium.wrappers.vector import MORecordEpisodeStatistics, MOSyncVectorEnv

import splitgym
from splitgym.worlds.shipped import SHIPPED
from splitgym.worlds.world import WORLDS

NAMES = dict(
    zip(
        SHIPPED,
        (
            "mo-split-inference-v0",
            "mo-split-inference-multi-user-v0",
            "mo-progressive-transmission-v0",
            "mo-hardware-split-v0",
            "mo-block-placement-v0",
        ),
        strict=True,
    )
)
#: Rounding that a few additions and products leave, in units of the largest term.
ROUNDING = 64 * np.finfo(np.float64).eps


def episode(env, seed):
    """Rewards and infos of one episode of random actions."""
    env.reset(seed=seed)
    env.action_space.seed(seed)
    rewards, infos, over = [], [], False
    while not over:
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        rewards.append(reward)
        infos.append(info)
        over = terminated or truncated
    return np.array(rewards), infos


def test_every_shipped_world_has_an_id():
    assert set(NAMES) == set(SHIPPED)


@pytest.mark.parametrize("world", SHIPPED)
def test_the_scalar_reward_is_the_weighted_sum(world):
    vector, scalar = mo.make(NAMES[world]), gym.make(WORLDS[world].env_id)
    env = vector.unwrapped
    for seed in range(3):
        parts, _ = episode(vector, seed)
        rewards, _ = episode(scalar, seed)
        assert parts.shape == (len(rewards), env.reward_dim)
        weighted = parts * env.reward_weights
        largest = np.maximum(np.abs(weighted).max(axis=1), 1.0)
        assert (np.abs(weighted.sum(axis=1) - rewards) <= ROUNDING * largest).all()
    assert env.reward_space.shape == (env.reward_dim,) == (len(env.reward_names),)
    assert (parts[:, [name not in ("saved", "answers", "debt") for name in env.reward_names]] <= 0.0).all()


@pytest.mark.parametrize("world", SHIPPED)
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_the_batch_pays_what_the_single_environment_pays(world, mode):
    env_id = NAMES[world]
    if mode is AutoresetMode.NEXT_STEP:
        singles = MOSyncVectorEnv([lambda: mo.make(env_id)] * 2)
    else:
        singles = [mo.make(env_id) for _ in range(2)]
    native = gym.make_vec(env_id, num_envs=2, autoreset_mode=mode)
    native.reset(seed=5)
    native.action_space.seed(0)
    if isinstance(singles, MOSyncVectorEnv):
        singles.reset(seed=5)
    else:
        [env.reset(seed=5 + i) for i, env in enumerate(singles)]
    for _ in range(60):
        actions = native.action_space.sample()
        _, rewards, terminated, truncated, _ = native.step(actions)
        if isinstance(singles, MOSyncVectorEnv):
            np.testing.assert_array_equal(rewards.astype(np.float32), singles.step(actions)[1])
            continue
        for i, env in enumerate(singles):
            np.testing.assert_array_equal(rewards[i], env.step(actions[i])[1])
        if (terminated | truncated).any():
            break


@pytest.mark.parametrize("world", SHIPPED)
def test_cost_and_its_limit(world):
    env, envs = gym.make(WORLDS[world].env_id), gym.make_vec(WORLDS[world].env_id, num_envs=2)
    _, info = env.reset(seed=1)
    assert (info["cost"], info["cost"].dtype) == (0.0, np.float64)
    _, infos = envs.reset(seed=1)
    assert infos["cost"].tolist() == [0.0, 0.0]
    assert envs.unwrapped.cost_limit == env.unwrapped.cost_limit > 0.0
    _, steps = episode(env, 1)
    costs = np.array([info["cost"] for info in steps])
    scenario = env.unwrapped.scenario
    if world in ("inference", "multiuser"):
        expected = [info["energy_j"] / scenario.budget.energy_j for info in steps]
    elif world == "transmission":
        expected = [info["energy_slot_j"] / scenario.transmission.budget_j for info in steps]
    elif world == "hardware":
        expected = [float(not info["on_time"]) for info in steps]
    else:
        expected = [float(info["rejected"]) for info in steps]
    assert costs.tolist() == expected


def test_the_limit_of_the_inference_world_is_the_mean_budget():
    """The measure ``energy`` is the mean energy of a task over its budget: the sum of costs over the limit."""
    env = gym.make("splitgym:SplitInference-v0").unwrapped
    assert env.cost_limit == env.scenario.tasks.count


def test_wrappers_copies_and_refusals():
    env = MORecordEpisodeStatistics(gym.make_vec(NAMES["inference"], num_envs=2))
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[1].shape == (2, 4)
    linear = LinearReward(mo.make(NAMES["inference"]), weight=np.array([1.0, 0.0, 0.0, 0.0]))
    linear.reset(seed=0)
    assert np.ndim(linear.step(linear.action_space.sample())[1]) == 0
    one = mo.make(NAMES["inference"]).unwrapped
    one.reset(seed=0)
    action = one.action_space.sample()
    others = copy.deepcopy(one), pickle.loads(pickle.dumps(one))
    paid = one.step(action)[1]
    for other in others:
        np.testing.assert_array_equal(other.step(action)[1], paid)
    with pytest.raises(ValueError, match="reward must be one of"):
        gym.make("splitgym:SplitInference-v0", reward="vectr")
    assert splitgym.preset_names(NAMES["inference"]) == splitgym.preset_names("SplitInference-v0")
