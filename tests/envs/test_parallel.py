"""The parallel environment: PettingZoo's own tests, equality with the central one, bridges to stable-baselines3."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
import supersuit
from gymnasium.error import DependencyNotInstalled, ResetNeeded
from pettingzoo.test import parallel_api_test, parallel_seed_test
from stable_baselines3 import PPO

from splitgym import evaluate, make_policy, parallel_env
from splitgym.agents.checkpoint import load_agent
from splitgym.agents.config import TrainConfig
from splitgym.agents.shared import SharedVecEnv, to_central
from splitgym.agents.training import train
from splitgym.encodings import ENCODINGS
from splitgym.worlds.multiuser.agents import Agents
from tests.helpers import assert_same, native, short, single

ID = "SplitInferenceMultiUser-v0"
SCENARIO = short("multiuser", "default")
ACTIONS = list(ENCODINGS)


def acts(env, seed: int) -> dict:
    """One sampled action for every agent."""
    for n, agent in enumerate(env.agents):
        env.action_space(agent).seed(100 * seed + n)
    return {agent: env.action_space(agent).sample() for agent in env.agents}


# ------------------------------------------------------------------ PettingZoo's tests
@pytest.mark.parametrize("action", ACTIONS)
def test_parallel_api(action: str) -> None:
    parallel_api_test(parallel_env(SCENARIO, action=action), num_cycles=60)


@pytest.mark.parametrize("action", ACTIONS)
def test_parallel_seed(action: str) -> None:
    parallel_seed_test(lambda: parallel_env(SCENARIO, action=action), num_cycles=40)


def test_one_hundred_agents() -> None:
    scenario = short("multiuser", "default", **{"users.count": 100})
    parallel_api_test(parallel_env(scenario), num_cycles=15)


# ------------------------------------------------------------------ the same world as the central one
def test_agents_together_are_the_central_environment() -> None:
    env, central = parallel_env(SCENARIO), single("multiuser", SCENARIO)
    env.reset(seed=3)
    seen, _ = central.reset(seed=3)
    np.testing.assert_array_equal(env.state(), seen)
    for turn in range(SCENARIO.frames.count):
        actions = acts(env, turn)
        joint = to_central(np.stack([actions[a] for a in env.possible_agents]), 1)[0]
        observations, rewards, terminated, truncated, infos = env.step(actions)
        seen, reward, _, over, info = central.step(joint)
        np.testing.assert_array_equal(env.state(), seen)
        assert sum(rewards.values()) == pytest.approx(reward, rel=1e-12)
        assert set(truncated.values()) == {over}
        assert set(terminated.values()) == {False}
        assert [rewards[agent] for agent in env.possible_agents] == info["device_reward"].tolist()
        for n, agent in enumerate(env.possible_agents):
            for name in ("queue_j", "energy_j", "share", "correct", "latency_s"):
                assert infos[agent][name] == info[f"device_{name}"][n]
            own = seen[: 7 * 3].reshape(7, 3)[:, n]
            np.testing.assert_array_equal(observations[agent][:7], own)
    assert env.agents == []


def test_observations_are_the_table() -> None:
    env = parallel_env(SCENARIO)
    observations, _ = env.reset(seed=0)
    fields = env.parts.fields
    assert len(fields) == len(observations["user_0"]) == env.observation_space("user_0").shape[0]
    place = {field.name: i for i, field in enumerate(fields)}
    for name in ("queue_j", "present", "gain"):
        mean = np.mean([o[place[name]] for o in observations.values()])
        for o in observations.values():
            assert o[place[f"mean_{name}"]] == pytest.approx(mean, rel=1e-6)
    for agent, o in observations.items():
        assert env.observation_space(agent).contains(o)


def test_masks_are_those_of_the_device() -> None:
    env = parallel_env(SCENARIO)
    _, infos = env.reset(seed=1)
    parts = np.split(env.rows.seen.masks[0], np.cumsum([21, 9, 36]))
    for n, agent in enumerate(env.possible_agents):
        for mask, part in zip(infos[agent]["action_mask"], parts, strict=True):
            np.testing.assert_array_equal(mask, part.reshape(3, -1)[n].astype(np.int8), strict=True)
    table = parallel_env(SCENARIO, action="discrete")
    _, infos = table.reset(seed=1)
    for n, agent in enumerate(table.possible_agents):
        cuts = parts[0].reshape(3, -1)[n][table.parts.encoding.table[:, 0].astype(int)]
        assert not (infos[agent]["action_mask"].astype(bool) & ~cuts).any()


def test_team_reward_is_the_mean() -> None:
    own, team = parallel_env(SCENARIO), parallel_env(SCENARIO, reward="team")
    own.reset(seed=5)
    team.reset(seed=5)
    for turn in range(5):
        actions = acts(own, turn)
        rewards, shared = own.step(actions)[1], team.step(actions)[1]
        assert set(shared.values()) == {np.mean(list(rewards.values()))}


def test_agents_without_a_task_may_be_silent() -> None:
    scenario = SCENARIO.replace(**{"frames.presence": 0.5})
    loud, silent = parallel_env(scenario), parallel_env(scenario)
    observations, _ = loud.reset(seed=2)
    silent.reset(seed=2)
    absent = 0
    for turn in range(scenario.frames.count):
        actions = acts(loud, turn)
        here = {agent: action for agent, action in actions.items() if observations[agent][1] > 0.5}
        absent += len(actions) - len(here)
        observations, rewards, *_, infos = loud.step(actions)
        assert_same(silent.step(here)[1:], (rewards, *_, infos))
        for agent in set(actions) - set(here):
            assert rewards[agent] == 0.0
            assert not infos[agent]["present"]
    assert absent > 5


def test_max_cycles_truncates() -> None:
    env = parallel_env(SCENARIO, max_cycles=4)
    env.reset(seed=0)
    for turn in range(4):
        truncated = env.step(acts(env, turn))[3]
        assert set(truncated.values()) == {turn == 3}
    assert env.agents == []
    with pytest.raises(ResetNeeded):
        env.step({})


def test_seeds_and_successors() -> None:
    env, again = parallel_env(SCENARIO), parallel_env(SCENARIO)
    first = env.reset(seed=0)[0]
    second = env.reset()[0]
    assert not np.array_equal(first["user_0"], second["user_0"])
    again.reset(seed=0)
    assert_same(again.reset()[0], second)
    fresh = [parallel_env(SCENARIO).reset()[0]["user_0"] for _ in range(2)]
    assert not np.array_equal(*fresh)
    twins = [pickle.loads(pickle.dumps(parallel_env(SCENARIO))).reset()[0]["user_0"] for _ in range(2)]
    assert not np.array_equal(*twins)


def test_copies_go_on_identically() -> None:
    env = parallel_env(SCENARIO)
    env.reset(seed=4)
    env.step(acts(env, 0))
    for twin in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        a, b = copy.deepcopy(env), twin
        for turn in range(3):
            actions = acts(a, turn)
            assert_same(a.step(actions), b.step(actions))


# ------------------------------------------------------------------ hostile input
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"reward": "mine"}, "reward must be one of"),
        ({"action": "multidiskrete"}, "did you mean 'multidiscrete'"),
        ({"render_mode": "ascii"}, "render_mode"),
        ({"max_cycles": 0}, "max_cycles"),
        ({"scenario": "defualt"}, "did you mean 'default'"),
        ({"episode_options": {"early_stpo": False}}, "did you mean 'early_stop'"),
    ],
)
def test_bad_construction(kwargs, message) -> None:
    with pytest.raises(ValueError, match=message):
        parallel_env(**kwargs)


def test_bad_actions_leave_the_state_unharmed() -> None:
    env = parallel_env(SCENARIO.replace(**{"frames.presence": 1.0}))
    with pytest.raises(ResetNeeded):
        env.step({})
    env.reset(seed=0)
    good = acts(env, 0)
    for change, message in (
        ({"user_9": good["user_0"]}, "unknown agent 'user_9'"),
        ({"user_0": np.array([0, 0, 0, 99])}, "row 0"),
        ({"user_1": np.array([0.5, 0, 0, 0])}, "integers"),
        ({"user_1": [1, 2]}, "do not fit"),
    ):
        before = env.state()
        with pytest.raises(ValueError, match=message):
            env.step({**good, **change})
        np.testing.assert_array_equal(env.state(), before)
    missing = {agent: action for agent, action in good.items() if agent != "user_1"}
    with pytest.raises(ValueError, match="no action for user_1"):
        env.step(missing)
    env = parallel_env(SCENARIO.replace(**{"frames.presence": 1.0}), action="dict")
    env.reset(seed=0)
    good = acts(env, 0)
    with pytest.raises(ValueError, match=r"user_1.* needs exactly the keys .*'cut'"):
        env.step({**good, "user_1": {**good["user_1"], "extra": 0}})
    with pytest.raises(ValueError, match="unknown agent"):
        env.action_space("user_7")
    with pytest.raises(ValueError, match="unknown episode option"):
        env.reset(options={"erly_stop": False})
    with pytest.raises(ValueError, match="seed"):
        env.reset(seed=-1)
    env.step(good)


def test_spaces_by_agent_are_those_of_the_methods() -> None:
    """PettingZoo has both; skrl reads the tables."""
    env = parallel_env()
    for agent in env.possible_agents:
        assert env.observation_spaces[agent] is env.observation_space(agent)
        assert env.action_spaces[agent] is env.action_space(agent)
    assert list(env.observation_spaces) == list(env.action_spaces) == env.possible_agents


def test_missing_pettingzoo_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    monkeypatch.delitem(sys.modules, "splitgym.envs.parallel", raising=False)
    with pytest.raises(DependencyNotInstalled, match=r"splitgym\[marl\]"):
        parallel_env()


# ------------------------------------------------------------------ one policy for all devices
def test_supersuit_brings_ppo() -> None:
    vec = supersuit.pettingzoo_env_to_vec_env_v1(parallel_env(SCENARIO))
    env = supersuit.concat_vec_envs_v1(vec, 2, base_class="stable_baselines3")
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=48, n_epochs=2)  # its rows take no seed
    model.learn(2 * 16 * 6)
    assert model.num_timesteps == 2 * 16 * 6
    actions, _ = model.predict(env.reset(), deterministic=True)
    assert actions.shape == (6, 4)
    env.close()


@pytest.mark.parametrize("reward", ["own", "team"])
def test_native_rows_are_the_parallel_environment(reward: str) -> None:
    venv = SharedVecEnv(2, SCENARIO, reward)
    venv.seed(0)
    seen = venv.reset()
    envs = [parallel_env(SCENARIO, reward=reward) for _ in range(2)]
    for i, env in enumerate(envs):
        first = env.reset(seed=3 * i)[0]  # each row takes the seed of its first device
        np.testing.assert_array_equal(np.stack(list(first.values())), seen[3 * i : 3 * i + 3])
    rng = np.random.default_rng(0)
    for _ in range(SCENARIO.frames.count):
        actions = rng.integers(0, venv.action_space.nvec, (6, 4))
        seen, rewards, dones, infos = venv.step(actions)
        for i, env in enumerate(envs):
            own = dict(zip(env.possible_agents, actions[3 * i : 3 * i + 3], strict=True))
            observations, wanted, _, truncated, _ = env.step(own)
            mine = slice(3 * i, 3 * i + 3)
            np.testing.assert_array_equal(rewards[mine], np.float32(list(wanted.values())))
            assert dones[mine].tolist() == list(truncated.values())
            last = seen[mine] if not dones[mine].any() else [info["terminal_observation"] for info in infos[mine]]
            np.testing.assert_array_equal(np.stack(list(observations.values())), last)
    assert dones.all()
    assert all(info["TimeLimit.truncated"] for info in infos)
    assert venv.action_masks().shape == (6, sum(venv.action_space.nvec))
    venv.close()


def test_native_rows_have_a_picture_each() -> None:
    venv = SharedVecEnv(2, SCENARIO, render_mode="rgb_array")
    venv.seed(0)
    venv.reset()
    env = parallel_env(SCENARIO, render_mode="rgb_array")
    for row, image in enumerate(venv.get_images()):
        env.reset(seed=3 * row)
        np.testing.assert_array_equal(image, env.render(), strict=True)
    venv.close()
    assert SharedVecEnv(2, SCENARIO).get_images() == [None, None]


def test_native_rows_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="reward"):
        SharedVecEnv(1, SCENARIO, "mine")
    with pytest.raises(ValueError, match="action"):
        SharedVecEnv(1, SCENARIO, action="dict")
    with pytest.raises(ValueError, match="SplitInferenceMultiUser-v0"):
        TrainConfig(env_id="SplitInference-v0", agents="own")
    with pytest.raises(ValueError, match="'own' or 'team'"):
        TrainConfig(env_id=ID, agents="both")


def tiny(**changes) -> TrainConfig:
    hyper = {"n_steps": 8, "batch_size": 48, "n_epochs": 2}
    given = {"env_id": ID, "scenario": SCENARIO, "steps": 384, "n_envs": 4, "net": (16,), "hyper": hyper}
    return TrainConfig(**{**given, "agents": "team", **changes})


@pytest.mark.parametrize(
    "change", [{}, {"algo": "maskable-ppo"}, {"action": "box"}, {"agents": "", "n_envs": 12}], ids=str
)
def test_trained_policies_are_evaluated_on_the_central_environment(change: dict, tmp_path) -> None:
    run = train(tiny(**change), tmp_path / "run", progress=False)
    again = train(tiny(**change), tmp_path / "again", progress=False)
    results = evaluate([str(run), "random"], ID, SCENARIO, 3)
    assert np.isfinite(results.figure("run", "return")).all()
    repeated = evaluate([str(again)], ID, SCENARIO, 3)
    np.testing.assert_array_equal(results.figure("run", "return"), repeated.figure("again", "return"))


def test_shared_policy_decides_as_its_devices_would(tmp_path) -> None:
    agent = load_agent(train(tiny(), tmp_path / "run", progress=False))
    envs = native(3, "multiuser", SCENARIO)
    agent.check(envs)
    central, _ = envs.reset(seed=1)
    joint, _ = agent.predict(central)
    assert joint.shape == (3, 12)
    own = Agents(SCENARIO).observations(central)
    for row in range(3):
        alone = np.stack([agent.policy.predict(own[row, n], deterministic=True)[0] for n in range(3)])
        np.testing.assert_array_equal(joint[row], alone.T.ravel())
    np.testing.assert_array_equal(agent.predict(central[0])[0], joint[0])


def test_shared_policy_plays_any_number_of_devices(tmp_path) -> None:
    run = train(tiny(), tmp_path / "run", progress=False)
    for count in (1, 7):
        scenario = SCENARIO.replace(**{"users.count": count, "users.near_factor": 1.0, "users.far_factor": 1.0})
        assert np.isfinite(evaluate([str(run)], ID, scenario, 2).figure("run", "return")).all()
    agent = load_agent(run)
    with pytest.raises(ValueError, match="share a band"):
        agent.check(single("inference", "default"))
    with pytest.raises(ValueError, match="actions"):
        agent.check(single("multiuser", SCENARIO, "dict"))
    with pytest.raises(ValueError, match="train an agent on that scenario"):
        agent.check(single("multiuser", SCENARIO.replace(**{"device.clocks_hz": [1e9, 2e9]})))


def test_baselines_play_the_parallel_environment_through_its_state() -> None:
    env, central = parallel_env(SCENARIO), single("multiuser", SCENARIO)
    policy = make_policy("progftx", central)
    env.reset(seed=0)
    total = 0.0
    while env.agents:
        joint = policy.predict(env.state())[0].reshape(4, 3)
        rewards = env.step({agent: joint[:, n] for n, agent in enumerate(env.possible_agents)})[1]
        total += sum(rewards.values())
    observation, _ = central.reset(seed=0)
    over, wanted = False, 0.0
    while not over:
        observation, reward, _, over, _ = central.step(policy.predict(observation)[0])
        wanted += reward
    assert total == pytest.approx(wanted, rel=1e-12)
