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
from splitgym.wrappers import SafetyStep

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
#: Rounding of the sum over devices, each of which is paid by itself, in units of the largest term.
ROUNDING = 64 * np.finfo(np.float64).eps


def price(world):
    """A price that no binary fraction holds, so that the order of products and quotients shows."""
    (path,) = [part.weight for part in WORLDS[world].parts if isinstance(part.weight, str)]
    return {path: 0.3}


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
@pytest.mark.parametrize("changed", [False, True])
def test_the_scalar_reward_is_the_weighted_sum(world, changed):
    scenario = splitgym.load_scenario("default", WORLDS[world].env_id, **(price(world) if changed else {}))
    vector = mo.make(NAMES[world], scenario=scenario)
    scalar = gym.make(WORLDS[world].env_id, scenario=scenario)
    env = vector.unwrapped
    for seed in range(3):
        parts, _ = episode(vector, seed)
        rewards, _ = episode(scalar, seed)
        assert parts.shape == (len(rewards), env.reward_dim)
        weighted = parts * env.reward_weights
        if world == "multiuser":
            largest = np.maximum(np.abs(weighted).max(axis=1), 1.0)
            assert (np.abs(weighted.sum(axis=1) - rewards) <= ROUNDING * largest).all()
        else:
            assert weighted.sum(axis=1).tolist() == rewards.tolist()
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


@pytest.mark.parametrize("energy_j", [2e-3, 0.02, 0.2])
def test_the_limit_is_kept_if_the_mean_energy_is_within_the_budget(energy_j):
    scenario = splitgym.load_scenario("default", **{"budget.energy_j": energy_j})
    env = gym.make("splitgym:SplitInference-v0", scenario=scenario)
    outcomes = set()
    for seed in range(8):
        _, infos = episode(env, seed)
        cost = sum(info["cost"] for info in infos)
        mean_j = sum(info["energy_j"] for info in infos) / scenario.tasks.count
        outcomes.add(bool(cost <= env.unwrapped.cost_limit))
        assert (cost <= env.unwrapped.cost_limit) == (mean_j <= energy_j)
    assert outcomes == ({False} if energy_j == 2e-3 else {True} if energy_j == 0.2 else outcomes)


def test_the_limit_of_several_devices_is_of_the_tasks_in_the_mean():
    env = gym.make(WORLDS["multiuser"].env_id).unwrapped
    frames, users = env.scenario.frames, env.scenario.users
    assert env.cost_limit == frames.count * users.count * frames.presence


def test_agents_have_their_costs():
    env = splitgym.parallel_env()
    _, infos = env.reset(seed=3)
    assert {info["cost"] for info in infos.values()} == {0.0}
    central = gym.make(WORLDS["multiuser"].env_id).unwrapped
    assert env.cost_limit * len(env.possible_agents) == pytest.approx(central.cost_limit)
    for agent in env.agents:
        env.action_space(agent).seed(0)
    *_, infos = env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    budget_j = env.scenario.budget.energy_j
    for info in infos.values():
        assert info["cost"] == info["energy_j"] / budget_j
        assert info["cost"].dtype == np.float64
    assert any(info["cost"] > 0.0 for info in infos.values())


@pytest.mark.parametrize("world", SHIPPED)
def test_safe_rl_gets_the_cost_from_step(world):
    env_id = WORLDS[world].env_id
    plain, safe = gym.make(env_id), SafetyStep(gym.make(env_id))
    plain.reset(seed=1), safe.reset(seed=1)
    plain.action_space.seed(1)
    over = False
    while not over:
        action = plain.action_space.sample()
        observation, reward, terminated, truncated, info = plain.step(action)
        seen, paid, cost, ended, cut, facts = safe.step(action)
        np.testing.assert_array_equal(seen, observation)
        assert (paid, ended, cut, facts["cost"]) == (reward, terminated, truncated, info["cost"])
        assert type(cost) is float
        assert cost == info["cost"]
        over = terminated or truncated
    assert safe.cost_limit == plain.unwrapped.cost_limit
    assert copy.deepcopy(safe).action_space == safe.action_space == plain.action_space


@pytest.mark.parametrize("world", SHIPPED)
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_safe_rl_gets_the_costs_of_a_batch(world, mode):
    """The sum of an episode's costs is that of the single environment, its last step included."""
    env_id = WORLDS[world].env_id
    envs = SafetyStep(gym.make_vec(env_id, num_envs=2, autoreset_mode=mode))
    envs.reset(seed=[4, 5])
    envs.action_space.seed(0)
    singles, sums = [gym.make(env_id) for _ in range(2)], np.zeros((2, 2))
    for i, env in enumerate(singles):
        env.reset(seed=4 + i)
    running = np.ones(2, np.bool_)
    while running.any():
        actions = envs.action_space.sample()
        _, _, costs, terminated, truncated, _ = envs.step(actions)
        assert costs.shape == (2,)
        for i in np.flatnonzero(running):
            sums[0, i] += costs[i]
            sums[1, i] += singles[i].step(actions[i])[-1]["cost"]
        running &= ~(terminated | truncated)
        if mode is AutoresetMode.DISABLED and (terminated | truncated).any():
            envs.reset(options={"reset_mask": terminated | truncated})
    assert sums[0].tolist() == sums[1].tolist()
    assert (sums > 0.0).any()


def test_safe_rl_gets_the_costs_of_agents():
    env = SafetyStep(splitgym.parallel_env())
    env.reset(seed=0)
    *_, costs, _, _, infos = env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    assert costs == {agent: float(info["cost"]) for agent, info in infos.items()}
    with pytest.raises(ValueError, match="has no cost"):
        SafetyStep(gym.make("CartPole-v1"))


@pytest.mark.parametrize("world", SHIPPED)
def test_training_and_data_sets_want_a_scalar(world, tmp_path):
    wanted = f"pays a vector of rewards; a scalar one is needed: use {WORLDS[world].env_id}"
    for env_id in (NAMES[world], f"splitgym:{NAMES[world]}"):
        with pytest.raises(ValueError, match=wanted):
            splitgym.TrainConfig(env_id=env_id)
        with pytest.raises(ValueError, match=wanted):
            splitgym.record_dataset("random", tmp_path / "mine-v0", env_id, episodes=1)


def test_a_vector_reward_is_made_without_a_warning(recwarn):
    env = gym.make(f"splitgym:{NAMES['inference']}")
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[1].shape == (4,)
    assert [str(w.message) for w in recwarn] == []


@pytest.mark.parametrize("world", SHIPPED)
def test_a_batch_cut_short_pays_its_last_step(world):
    """With ``max_episode_steps`` and SAME_STEP the reward is that of the step, not of the new episode."""
    envs = gym.make_vec(NAMES[world], num_envs=2, max_episode_steps=3, autoreset_mode=AutoresetMode.SAME_STEP)
    plain = gym.make_vec(NAMES[world], num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset(seed=1), plain.reset(seed=1)
    envs.action_space.seed(1)
    ended = np.zeros(2, np.bool_)
    for _ in range(3):
        actions = envs.action_space.sample()
        _, rewards, terminated, truncated, _ = envs.step(actions)
        _, expected, *_ = plain.step(actions)
        np.testing.assert_array_equal(rewards, expected)
        ended |= terminated | truncated
    assert ended.all()


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
