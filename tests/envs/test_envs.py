"""The Gymnasium interface: checkers, ids, spaces, seeds, options, masks, pickling, light import."""

from __future__ import annotations

import copy
import pickle
import re
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from hypothesis import given
from hypothesis import strategies as st

from splitgym.envs import register_envs
from splitgym.worlds.inference import InferenceTrace
from splitgym.worlds.records import RETURNED
from splitgym.worlds.shipped import SHIPPED
from splitgym.worlds.world import WORLDS, get_world
from tests.helpers import CASES, ENCODED, advance, assert_same, native, rollout, run_python, sampled, short, single

seeds = st.integers(0, 2**63)


# ------------------------------------------------------------------ checkers
@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_gymnasium_checker(world, action):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(WORLDS[world].env_id, action=action).unwrapped, skip_render_check=True)


@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_sb3_checker(world, action):
    """No warning; but for ``dict``, whose kind of action space SB3 does not know at all, and says so."""
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason="extra [agents] is not installed")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checker.check_env(single(world, "default", action), skip_render_check=True)
    messages = [str(w.message) for w in caught]
    if isinstance(single(world, "default", action).action_space, spaces.Dict):
        assert len(messages) == 1
        assert "action space is not based off a numpy array" in messages[0]
    else:
        assert messages == []


# ------------------------------------------------------------------ ids
@pytest.mark.parametrize("world", WORLDS)
def test_make(world):
    env_id, preset = WORLDS[world].env_id, WORLDS[world].preset_names()[-1]
    for name in (env_id, f"splitgym:{env_id}"):
        env = gym.make(name, scenario=preset, action="box")
        assert env.spec is not None
        assert env.spec.kwargs == {"world": world, "scenario": preset, "action": "box"}
        assert env.unwrapped.scenario.name == preset
        assert gym.make(env.spec).unwrapped.scenario == env.unwrapped.scenario
    register_envs()  # again: nothing happens
    assert gym.spec(env_id).max_episode_steps is None  # the horizon belongs to the scenario


def info_keys(env):
    """What ``info`` holds: the outcome, the mask, and the world's details."""
    return {*env.world.outcome.names, "action_mask", "cost", *env.rows.details()} - set(RETURNED)


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("world", WORLDS)
def test_make_vec_native(world, mode):
    envs = gym.make_vec(WORLDS[world].env_id, num_envs=3, autoreset_mode=mode.value, max_episode_steps=7)
    assert type(envs.unwrapped).__name__ == "SplitVectorEnv"
    assert envs.metadata["autoreset_mode"] is mode
    assert envs.unwrapped.autoreset_mode is mode
    assert "autoreset_mode" not in type(envs.unwrapped).metadata  # set per instance
    assert envs.unwrapped.max_episode_steps == 7
    assert envs.num_envs == 3
    observations, infos = envs.reset(seed=0)
    assert envs.observation_space.contains(observations)
    assert envs.observation_space.shape == (3, *envs.single_observation_space.shape)
    assert set(infos) == {f"{mark}{key}" for key in info_keys(envs.unwrapped) for mark in ("", "_")}


def test_make_vec_sync():
    envs = gym.make_vec("SplitInference-v0", num_envs=2, vectorization_mode="sync", scenario="enachi")
    observations, _ = envs.reset(seed=0)
    assert observations.shape == (2, 11)
    envs.close()


@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_batched_spaces_are_those_of_sync(world, action):
    envs = native(3, world, "default", action)
    one = single(world, "default", action)
    assert envs.single_action_space == one.action_space
    assert envs.single_observation_space == one.observation_space
    assert envs.action_space == gym.vector.utils.batch_space(one.action_space, 3)
    assert envs.observation_space == gym.vector.utils.batch_space(one.observation_space, 3)


def test_statistics_wrapper_counts():
    envs = gym.wrappers.vector.RecordEpisodeStatistics(native(2, "inference", short("inference", "enachi")))
    envs.reset(seed=0)
    lengths = []
    for action in sampled(envs.action_space, 72, seed=0):
        infos = envs.step(action)[-1]
        if "episode" in infos:
            lengths += infos["episode"]["l"][infos["_episode"]].tolist()
    assert lengths == [23] * 6


# ------------------------------------------------------------------ spaces
@pytest.mark.parametrize(("world", "preset"), CASES)
def test_observation_space_is_finite_and_documented(world, preset):
    env = single(world, preset)
    space = env.observation_space
    assert space.dtype == np.float32
    assert np.isfinite(space.low).all()
    assert np.isfinite(space.high).all()
    assert set(space.low.tolist()) <= {-1.0, 0.0}
    assert set(space.high.tolist()) == {1.0}
    table = env.describe()
    seen_and_decided = "\n".join(table.split("\n\n")[:2])
    rows = re.findall(r"^\| `(\w+)`(?: x \d+)? \| (\S+) \|", seen_and_decided, re.MULTILINE)
    n_fields, n_axes = len(env.rows.fields), len(env.rows.axes)
    assert space.shape == (sum(f.size for f in env.rows.fields),)
    assert [name for name, _ in rows] == [f.name for f in env.rows.fields] + [a.name for a in env.rows.axes]
    assert len(rows) == n_fields + n_axes
    for field in env.rows.fields:
        assert field.meaning in table
        assert field.rule in table
    assert len({name for name, _ in rows[:n_fields]}) == n_fields


@given(seed=seeds, case=st.sampled_from(CASES), action=st.sampled_from(["multidiscrete", "box", "discrete", "dict"]))
def test_observations_stay_inside(seed, case, action):
    world, preset = case
    env = single(world, short(world, preset), action)
    for item in rollout(env, sampled(env.action_space, 30, seed=seed % 2**31), seed=seed):
        assert env.observation_space.contains(item[0])
        assert item[0].dtype == np.float32
        assert ("action_mask" in item[-1]) is (action != "box")


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_info_keys_and_types_never_change(world, preset):
    env = single(world, short(world, preset))
    items = rollout(env, sampled(env.action_space, 30, seed=0))
    kinds = {key: type(value) for key, value in items[0][-1].items()}
    assert set(kinds) == info_keys(env)
    for item in items:
        assert {key: type(value) for key, value in item[-1].items()} == kinds
        if len(item) == 5:
            hidden = {"reward", "done", "terminated", "truncated", "observation", "action"}
            assert not hidden & set(item[-1])  # they would hide what step() returns from code that gathers keys
            assert [type(x) for x in item[1:4]] == [float, bool, bool]


def test_returned_arrays_are_the_callers():
    """Nothing handed out changes later, and writing into it harms nothing."""
    for env in [make for world in WORLDS for make in (single(world, "default"), native(3, world, "default"))]:
        first, info = env.reset(seed=0)
        kept, kept_info = first.copy(), copy.deepcopy(info)
        going = [a for a in sampled(env.action_space, 60, 0) if not np.any(copy.deepcopy(env).step(a)[2])]
        second = env.step(going[0])  # an action that ends no episode
        np.testing.assert_array_equal(first, kept)
        assert_same(info, kept_info)
        expected = copy.deepcopy(env).step(going[1])
        second[0][:] = -9.0
        for value in second[-1].values():
            if isinstance(value, np.ndarray):
                value[:] = 0
        assert_same(env.step(going[1]), expected)


# ------------------------------------------------------------------ seeds
@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 + 5, 10**40])
def test_seed_begins_the_same_episodes(seed):
    env = single("inference", short("inference", "default"))
    actions = sampled(env.action_space, 50, seed=0)
    assert_same(rollout(env, actions, seed=seed), rollout(env, actions, seed=seed))


def test_reset_without_seed_goes_on():
    env = single("inference", short("inference", "default"))
    starts = [env.reset(seed=4)[0], *(env.reset()[0] for _ in range(20))]
    assert len({s.tobytes() for s in starts}) == 21
    again = [env.reset(seed=4)[0], *(env.reset()[0] for _ in range(20))]
    np.testing.assert_array_equal(starts, again)
    # the sequence does not depend on what was played in between
    env.reset(seed=4)
    env.step(env.action_space.sample())
    np.testing.assert_array_equal(env.reset()[0], starts[1])


def test_different_seeds_differ_and_zero_is_a_seed():
    env = single("inference", "default")
    starts = {env.reset(seed=s)[0].tobytes() for s in range(200)}
    assert len(starts) == 200
    np.testing.assert_array_equal(env.reset(seed=0)[0], env.reset(seed=0)[0])


def test_unseeded_environments_differ():
    assert (single("inference", "default").reset()[0] != single("inference", "default").reset()[0]).any()
    observations, _ = native(50, "inference", "default").reset()
    assert len({row.tobytes() for row in observations}) == 50


def test_unseeded_vector_is_reproducible_through_its_generator():
    """Rows that got no seed draw theirs from ``np_random``, which a seeded reset of all rows sets."""
    first, second = (native(2, "inference", "default") for _ in range(2))
    for envs in (first, second):
        envs.np_random = np.random.default_rng(3)
    np.testing.assert_array_equal(first.reset()[0], second.reset()[0])


@given(seed=st.integers(0, 10**6))
def test_row_i_plays_seed_plus_i(seed):
    observations, _ = native(3, "inference", "default").reset(seed=seed)
    for i in range(3):
        np.testing.assert_array_equal(observations[i], single("inference", "default").reset(seed=seed + i)[0])


def test_global_random_state_is_neither_read_nor_written():
    import random

    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    env = single("inference", "default")
    rollout(env, sampled(env.action_space, 20, 0), seed=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert random.getstate() == before[1]


# ------------------------------------------------------------------ episode options
@pytest.mark.parametrize(
    ("option", "value"), [("packet_control", "constant"), ("early_stop", False), ("progressive", False)]
)
def test_episode_options_act_and_revert(option, value):
    env = single("inference", "enachi")
    actions = [np.array([1, 0, 0, 9])] * 20

    def play(env, **options):
        out = [env.reset(seed=3, options=options or None)]
        return out + [env.step(a) for a in actions]

    plain = play(env)
    changed = play(env, **{option: value})
    differences = [a[-1] != b[-1] for a, b in zip(_bare(plain), _bare(changed), strict=True)]
    assert any(differences)
    assert_same(play(env), plain)  # the next reset has the defaults again
    fixed = single("inference", "enachi", episode_options={option: value})
    assert_same(play(fixed), changed)
    default = env.world.options[option].choices[0]
    assert_same(play(fixed, **{option: default}), plain)  # an option of reset() wins over the constructor's


def _bare(items):
    return [(*i[:-1], {k: v for k, v in i[-1].items() if k != "action_mask"}) for i in items]


def test_constant_power_is_constant():
    env = single("inference", "enachi")
    env.reset(seed=0, options={"packet_control": "constant", "early_stop": False})
    for _ in range(20):
        info = env.step(np.array([1, 0, 0, 9]))[-1]
        expected = env.scenario.radio.power_levels_w[9] * info["slots_used"] * 1e-3
        assert info["energy_radio_j"] == pytest.approx(expected, rel=1e-12)


# ------------------------------------------------------------------ masks
#: Scenarios whose masks are neither full nor trivial.
MASKED = [
    ("default", {"tasks.deadline_min_s": 0.03, "tasks.deadline_max_s": 0.2}),
    ("default", {"cloud.rtt_s": 5.0, "edge.clock_hz": 1e6}),  # only the device can answer
    ("bursty", {"arrivals.parameters.calm_mean_s": 0.1, "tasks.deadline_min_s": 0.06, "tasks.deadline_max_s": 0.3}),
    ("enachi", {"tasks.deadline_min_s": 0.02, "tasks.deadline_max_s": 0.27}),
    ("tight-deadline", {"device.reconfigure_s": 0.02}),
    # the present clock may reach an exit sooner than the fastest one, which costs a reconfiguration
    ("commute", {"device.reconfigure_s": 0.05, "tasks.deadline_min_s": 0.146, "tasks.deadline_max_s": 0.158}),
]


def answers(trace_env, easy_env, values):
    """Whether some sample could be answered on time by a decision: tried on copies of the environment.

    On the hard twin no sample leaves by an exit: it answers locally, or gets at least one slot.  On the easy twin
    every sample takes the first exit it meets.
    """
    hard, easy = (copy.deepcopy(env) for env in (trace_env, easy_env))
    action = hard.encoding.encode(values[None])
    action = {k: v[0] for k, v in action.items()} if isinstance(action, dict) else action[0]
    on_hard, on_easy = hard.step(action)[-1], easy.step(action)[-1]
    last = int(hard.params.last_cut)
    locally = on_hard["cut"] == last and on_hard["on_time"]
    by_exit = (
        on_easy["exit"] >= 0 and on_easy["on_time"] and on_easy["slots_used"] == 0 and on_easy["latency_edge_s"] == 0.0
    )
    return locally or on_hard["slots_available"] >= 1 or by_exit


@pytest.mark.parametrize(("preset", "changes"), MASKED)
def test_mask_says_what_can_finish(preset, changes):
    """Brute force over the whole grid of cuts and clocks, in some states of some episodes."""
    scenario = short("inference", preset, **changes, **{"tasks.count": 12})
    twins = []
    for complexity in (1.0, 0.0):
        trace = InferenceTrace.from_arrays(scenario, seed=5, complexity=np.full(12, complexity))
        env = single("inference", scenario, "dict")
        env.reset(seed=0, options={"trace": trace, "early_stop": False})
        twins.append(env)
    axes = twins[0].rows.axes
    masks = []
    for step in range(8):
        # same state in both: the state is copied, only the complexity of the samples differs
        twins[1].rows.states[:] = twins[0].rows.states
        table, pairs = _grid(axes), {}
        allowed = np.array([_once(pairs, row, *twins) for row in table])
        want = [np.array([allowed[table[:, j] == level].any() for level in axis.levels]) for j, axis in enumerate(axes)]
        mask = np.concatenate(want) if allowed.any() else np.ones(sum(len(a.levels) for a in axes), bool)
        np.testing.assert_array_equal(twins[0].action_masks(), mask, err_msg=f"step {step}")
        masks.append(mask.all())
        done = twins[0].step(sampled(twins[0].action_space, 1, step)[0])[3]
        if done:
            break
    assert not all(masks)


def _grid(axes):
    shape = np.indices([len(a.levels) for a in axes]).reshape(len(axes), -1)
    return np.array([[axes[j].levels[k] for j, k in enumerate(column)] for column in shape.T], np.float64)


def _once(known, row, hard, easy):
    key = tuple(row[:3])  # power does not count
    if key not in known:
        known[key] = answers(hard, easy, np.array([*row[:3], 0.2]))
    return known[key]


@pytest.mark.parametrize(("preset", "changes"), MASKED)
def test_discrete_mask_is_exact(preset, changes):
    scenario = short("inference", preset, **changes)
    hard, easy = (single("inference", scenario, "discrete") for _ in range(2))
    for env, complexity in ((hard, 1.0), (easy, 0.0)):
        trace = InferenceTrace.from_arrays(scenario, seed=5, complexity=np.full(scenario.tasks.count, complexity))
        env.reset(options={"trace": trace, "early_stop": False})
    for step in range(3):
        easy.rows.states[:] = hard.rows.states
        known = {}
        allowed = np.array([_once(known, row, hard, easy) for row in hard.encoding.table])
        np.testing.assert_array_equal(hard.action_masks(), allowed if allowed.any() else np.ones_like(allowed))
        hard.step(sampled(hard.action_space, 1, step)[0])


# ------------------------------------------------------------------ copies
@pytest.mark.parametrize("duplicate", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_copies_go_on_identically(world, action, duplicate):
    scenario = short(world, "default")
    envs = native(3, world, scenario, action, num_threads=2)
    for env in (single(world, scenario, action), envs):
        actions = sampled(env.action_space, 60, seed=1)
        env.reset(seed=1)
        advance(env, actions[:10])
        twin = duplicate(env)
        going = actions[10:20] if env is not envs else actions[10:]
        assert_same(advance(env, going), advance(twin, going))
        assert_same(env.reset(), twin.reset())
        assert twin.action_space == env.action_space
    envs.close()


def test_copy_of_a_replayed_episode():
    scenario = short("inference", "enachi")
    env = single("inference", scenario)
    env.reset(options={"trace": InferenceTrace.draw(scenario, seed=3)})
    actions = sampled(env.action_space, 20, seed=1)
    env.step(actions[0])
    twin = pickle.loads(pickle.dumps(env))
    assert_same([env.step(a) for a in actions], [twin.step(a) for a in actions])


def test_worlds_are_pickled_by_name():
    assert pickle.loads(pickle.dumps(get_world("inference"))) is get_world("inference")
    with pytest.raises(ValueError, match="did you mean 'inference'"):
        get_world("inferense")


# ------------------------------------------------------------------ light import
def test_import_is_light():
    code = (
        "import sys, splitgym; print(sorted({'torch', 'stable_baselines3', 'matplotlib', 'pandas', 'scipy', 'numba'} "
        "& set(sys.modules)), sorted(name for name in sys.modules if name.startswith('splitgym.worlds.')))"
    )
    assert run_python(code).strip() == "[] ['splitgym.worlds.shipped']"


def test_a_world_comes_alone():
    """What is shipped says as much as the worlds say of themselves; one is imported when it is asked for."""
    code = (
        "import sys, gymnasium as gym, splitgym\n"
        "env = gym.make('SplitInference-v0')\n"
        "print(sorted(name for name in splitgym.worlds.shipped.SHIPPED if f'splitgym.worlds.{name}' in sys.modules))\n"
        "splitgym.load_scenario('switching', 'HardwareSplit-v0')\n"
        "print(sorted(name for name in splitgym.worlds.shipped.SHIPPED if f'splitgym.worlds.{name}' in sys.modules))"
    )
    assert run_python(code).split("\n")[:2] == ["['inference']", "['hardware', 'inference']"]
    for name, shipped in SHIPPED.items():
        world = WORLDS[name]
        assert (shipped.env_id, shipped.ids, shipped.class_name) == (world.env_id, world.ids, world.class_name)


def test_a_plugin_that_comes_first_owns_nothing_of_ours(tmp_path):
    """Worlds, models and policies of the package are not the plug-in's that is the first to ask for them."""
    (tmp_path / "mine.py").write_text(
        "import gymnasium as gym, splitgym\n"
        "from splitgym.baselines.enachi import Enachi\n"
        "gym.make('HardwareSplit-v0')\n"
        "splitgym.policy_names()\n"
        "@splitgym.register_policy\n"
        "class Mine(Enachi):\n    name = 'mine'\n"
    )
    code = f"import splitgym; print(splitgym.load_plugin({str(tmp_path / 'mine.py')!r}).added)"
    assert run_python(code).strip() == "[\"policy 'mine'\"]"


def test_a_shipped_world_is_taken_before_it_is_there():
    code = (
        "import dataclasses, splitgym\n"
        "from splitgym.worlds.world import WORLDS\n"
        "try:\n    WORLDS.add('placement', None)\n"
        "except ValueError as error:\n    print(error)\n"
        "print(len(WORLDS), 'placement' in WORLDS, WORLDS['placement'].env_id)"
    )
    said = run_python(code).split("\n")
    assert said[0].startswith("world 'placement' is already registered")
    assert said[1] == "5 True BlockPlacement-v0"


def test_linear_algebra_of_others_is_compiled():
    """Our set-up of Numba leaves scipy for later, not for never."""
    code = (
        "import sys, numpy as np, numba, gymnasium as gym\n"
        "gym.make('splitgym:SplitInference-v0').reset(seed=0)\n"
        "print('scipy.linalg' in sys.modules)\n"
        "f = numba.njit(lambda a: (a @ a, np.linalg.solve(a, a), np.cov(a)))\n"
        "print([np.round(part, 9).tolist() for part in f(np.array([[2.0, 0.0], [0.0, 4.0]]))])"
    )
    said = run_python(code).split("\n")
    assert said[0] == "False"
    assert said[1] == "[[[4.0, 0.0], [0.0, 16.0]], [[1.0, 0.0], [0.0, 1.0]], [[2.0, -4.0], [-4.0, 8.0]]]"


def test_rollout_is_light():
    code = (
        "import sys, gymnasium as gym\n"
        "env = gym.make('splitgym:SplitInference-v0'); env.reset(seed=0); env.step(env.action_space.sample())\n"
        "print(sorted({'torch', 'stable_baselines3', 'matplotlib', 'pandas', 'pygame'} & set(sys.modules)))"
    )
    assert run_python(code).strip() == "[]"
