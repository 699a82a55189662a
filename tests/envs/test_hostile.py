"""Hostile input: a clear error that says what to do, and an environment that goes on as if nothing had been tried."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from hypothesis import given
from hypothesis import strategies as st

from splitgym.encodings import ENCODINGS, ROUNDING
from splitgym.envs.single import SplitEnv
from splitgym.envs.vector import SplitVectorEnv
from splitgym.worlds.inference import InferenceTrace
from splitgym.worlds.world import WORLDS
from tests.helpers import ENCODED, assert_same, native, rollout, sampled, short, single

GOOD = {"cut": 1, "edge_cut": 6, "clock_hz": 3, "power_w": np.array([0.1])}
NO_ARRAYS = [None, "abc", {"cut": 1}, [[1], [2, 3]], object(), b"\x00", lambda: 0]
BAD = {
    "multidiscrete": [
        *NO_ARRAYS, 3, [0, 0, 0], [0] * 5, np.zeros(4), np.array([0, 0, 0, np.nan]), np.array([0, 0, 0, np.inf]),
        np.array([0, 0, 0, 99]), np.array([-1, 0, 0, 0]), np.array([7, 0, 0, 0]), np.zeros((1, 4), int), ["0"] * 4,
        [None] * 4, np.array([0, 0, 0, 2**63], np.uint64), np.zeros(4, complex), [10**30, 0, 0, 0],
    ],
    "box": [
        *NO_ARRAYS, 0.1, [0.0] * 3, [0.0] * 5, np.full(4, np.nan), np.full(4, np.inf), np.full(4, -np.inf),
        np.array([0, 0, 0, 1.0001]), np.array([-1.0001, 0, 0, 0]), np.zeros((1, 4)), np.zeros(4, complex),
        ["0"] * 4, [None] * 4, [0.0, 0.0, math.nan, 0.0],
    ],
    "discrete": [
        *NO_ARRAYS, -1, 10**6, 1.0, 1.5, math.nan, math.inf, [1], np.array([1]), 10**30, "1", np.float64(2.0), 1j,
    ],
    "dict": [
        *NO_ARRAYS, 3, {}, [1, 2, 3, 4], {1: 2, "cut": 3}, {**GOOD, "x": 1}, {k: 1 for k in GOOD if k != "cut"},
        {**GOOD, "cut": 99}, {**GOOD, "cut": -1}, {**GOOD, "cut": 1.0}, {**GOOD, "cut": None}, {**GOOD, "cut": "1"},
        {**GOOD, "cut": [1]}, {**GOOD, "power_w": 0.1}, {**GOOD, "power_w": [0.1, 0.1]}, {**GOOD, "power_w": [0.3]},
        {**GOOD, "power_w": [-1e-9]}, {**GOOD, "power_w": [math.nan]}, {**GOOD, "power_w": [math.inf]},
        {**GOOD, "power_w": ["a"]}, {**GOOD, "power_w": [[1], [2, 3]]}, {**GOOD, "power_w": None},
    ],
}  # fmt: skip
BAD_CASES = [
    pytest.param(action, bad, id=f"{action}-{k}") for action, values in BAD.items() for k, bad in enumerate(values)
]
SAYS = r"action|actions"


def test_every_encoding_is_attacked():
    assert set(BAD) == set(ENCODINGS)


@pytest.mark.parametrize(("action", "bad"), BAD_CASES)
def test_bad_action(action, bad):
    env, twin = (single("inference", short("inference", "default"), action) for _ in range(2))
    good = sampled(env.action_space, 4, seed=0)
    for e in (env, twin):
        e.reset(seed=3)
        e.step(good[0])
    with pytest.raises(ValueError, match=SAYS) as caught:
        env.step(bad)
    told = str(caught.value)
    assert any(hint in told for hint in ("sample()", "shape", "keys", "must be in", "cannot be made an array")), told
    np.testing.assert_array_equal(env.action_masks(), twin.action_masks())
    assert_same([env.step(a) for a in good], [twin.step(a) for a in good])


@pytest.mark.parametrize(("action", "bad"), BAD_CASES)
def test_bad_action_in_one_row_of_a_batch(action, bad):
    envs, twin = (
        native(3, "inference", short("inference", "default"), action, autoreset_mode="SameStep") for _ in range(2)
    )
    good = sampled(envs.action_space, 30, seed=0)
    for e in (envs, twin):
        e.reset(seed=3)
        e.step(good[0])
    for batch in (bad, batch_with(good[1], bad)):
        with pytest.raises(ValueError, match=SAYS):
            envs.step(batch)
    assert_same([envs.step(a) for a in good], [twin.step(a) for a in good])


def batch_with(good, bad):
    """A batch of actions whose second row is bad, as far as a batch can hold it."""
    if isinstance(good, dict):
        if not (isinstance(bad, dict) and set(bad) == set(good)):
            return bad
        return {k: [v[0], bad[k], v[2]] for k, v in good.items()}
    return [good[0], bad, good[2]]


def test_the_bad_row_is_named():
    envs = native(3, "inference", "default")
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=r"action \[0, 9, 0, 0\] of row 1 is outside MultiDiscrete.*sample\(\)"):
        envs.step(np.array([[0, 0, 0, 0], [0, 9, 0, 0], [0, 0, 0, 99]]))
    envs = native(3, "inference", "default", "dict")
    envs.reset(seed=0)
    batch = {k: np.array([v] * 3) for k, v in GOOD.items()}
    batch["power_w"][2] = 0.5
    with pytest.raises(ValueError, match=r"action\['power_w'\] of row 2 must be in \[0, 0\.2\] W, got .*0\.5"):
        envs.step(batch)


@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_what_the_space_contains_is_accepted(world, action):
    """Samples in any container: as sampled, as lists, as other number types."""
    env = single(world, short(world, "default"), action)
    for sample in sampled(env.action_space, 20, seed=1):
        if isinstance(sample, dict):
            forms = [{k: v.tolist() if isinstance(v, np.ndarray) else int(v) for k, v in sample.items()}]
        elif sample.ndim == 0:
            forms = [int(sample)]
        else:
            forms = [sample.tolist(), sample.astype(np.int32 if action == "multidiscrete" else np.float64)]
        for form in (sample, *forms):
            env.reset(seed=0)
            env.step(form)


@given(action=st.lists(st.one_of(st.integers(-3, 15), st.floats(width=32), st.none()), max_size=6))
def test_any_list_is_either_in_the_space_or_refused(action):
    for name in ("multidiscrete", "box"):
        env = single("inference", "default", name)
        env.reset(seed=0)
        try:
            env.step(action)
        except ValueError:
            continue
        given = np.array(action, np.int64 if name == "multidiscrete" else np.float64)
        near = given if name == "multidiscrete" else np.clip(given, -1.0, 1.0).astype(np.float32)
        assert env.action_space.contains(near)
        np.testing.assert_allclose(near, given, rtol=0.0, atol=ROUNDING)


# ------------------------------------------------------------------ order of calls
def test_step_before_reset():
    env, envs = single("inference", "default"), native(2, "inference", "default")
    for e in (env, envs):
        with pytest.raises(ResetNeeded, match=r"before the first reset\(\); call reset\(\) first"):
            e.step(sampled(e.action_space, 1, 0)[0])
        e.reset(seed=0)
        e.step(sampled(e.action_space, 1, 0)[0])


def test_step_after_the_end():
    scenario = short("inference", "default", **{"tasks.count": 3})
    env = single("inference", scenario)
    out = rollout(env, sampled(env.action_space, 1, 0), seed=1)
    while not out[-1][3]:
        out.append(env.step(env.action_space.sample()))
    for _ in range(2):
        with pytest.raises(ResetNeeded, match=r"after the end of the episode; call reset\(\) first"):
            env.step(env.action_space.sample())
    twin = single("inference", scenario)
    twin.reset(seed=1)
    assert_same(env.reset(), twin.reset())


def test_disabled_autoreset_wants_a_reset():
    scenario = short("inference", "enachi", **{"tasks.count": 2})
    envs = native(2, "inference", scenario, autoreset_mode="Disabled")
    envs.reset(seed=1)
    for action in sampled(envs.action_space, 2, 0):
        envs.step(action)
    with pytest.raises(ResetNeeded, match=r"rows \[0, 1\] are at their end.*reset_mask"):
        envs.step(action)
    envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded, match=r"rows \[1\] are at their end"):
        envs.step(action)
    envs.reset(options={"reset_mask": np.array([False, True])})
    envs.step(action)


# ------------------------------------------------------------------ seeds
@pytest.mark.parametrize("seed", [-1, -(2**70), 1.5, 2.0, math.nan, True, False, "3", b"3", [[1]], {}, 1j])
def test_bad_seed(seed):
    for make in (lambda: single("inference", "default"), lambda: native(2, "inference", "default")):
        env, twin = make(), make()
        for e in (env, twin):
            e.reset(seed=4)
        with pytest.raises(ValueError, match="seed"):
            env.reset(seed=seed)
        action = sampled(env.action_space, 1, 0)[0]
        assert_same(env.step(action), twin.step(action))
        assert_same(env.reset(), twin.reset())


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3], [1, -1], [1, 2.5], [True, 1], ["a", 1], np.zeros((2, 2), int), []])
def test_bad_list_of_seeds(seeds):
    envs, twin = (native(2, "inference", "default") for _ in range(2))
    for e in (envs, twin):
        e.reset(seed=4)
    with pytest.raises(ValueError, match="seed"):
        envs.reset(seed=seeds)
    assert_same(envs.reset(), twin.reset())


def test_numpy_seeds_are_seeds():
    env = single("inference", "default")
    np.testing.assert_array_equal(env.reset(seed=np.int64(3))[0], env.reset(seed=3)[0])
    envs = native(2, "inference", "default")
    np.testing.assert_array_equal(envs.reset(seed=np.arange(3, 5))[0], envs.reset(seed=3)[0])


# ------------------------------------------------------------------ options
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"erly_stop": True}, r"unknown episode option 'erly_stop'; did you mean 'early_stop'\? \(known: packet"),
        ({"trase": None}, "unknown episode option 'trase'; did you mean 'trace'"),
        ({"early_stop": 1}, "episode option 'early_stop' must be True or False, got 1"),
        ({"early_stop": None}, "episode option 'early_stop' must be True or False, got None"),
        ({"packet_control": "track"}, "episode option 'packet_control' must be 'tracking' or 'constant', got 'track'"),
        ({"packet_control": True}, "must be 'tracking' or 'constant', got True"),
        ({"trace": 3}, "options\\['trace'\\] must be an InferenceTrace, got int"),
        ({"early_stop": False, "x": 1}, "unknown episode option 'x'"),
        (3, "must be a dictionary with texts as keys, or None, got 3"),
        (["early_stop"], "must be a dictionary with texts as keys, or None"),
    ],
)  # fmt: skip
def test_bad_options(options, message):
    for make in (lambda: single("inference", "default"), lambda: native(2, "inference", "default")):
        env, twin = make(), make()
        for e in (env, twin):
            e.reset(seed=4, options={"packet_control": "constant"})
        with pytest.raises(ValueError, match=message):
            env.reset(seed=9, options=options)
        action = sampled(env.action_space, 1, 0)[0]
        assert_same(env.step(action), twin.step(action))
        assert_same(env.reset(), twin.reset())


def test_options_are_not_changed():
    options = {"reset_mask": np.array([True, False]), "early_stop": False, "trace": InferenceTrace.draw("default")}
    envs = native(2, "inference", "default")
    envs.reset(seed=0)
    envs.reset(options=options)
    assert set(options) == {"reset_mask", "early_stop", "trace"}


@pytest.mark.parametrize(
    "mask", [np.array([1, 0]), np.array([True]), np.zeros(2, bool), "x", np.ones((1, 2), bool), 3, [1, 0]]
)
def test_bad_reset_mask(mask):
    envs, twin = (native(2, "inference", "default") for _ in range(2))
    for e in (envs, twin):
        e.reset(seed=4)
    with pytest.raises(ValueError, match=r"options\['reset_mask'\] must be a bool array of shape \(2,\) with a True"):
        envs.reset(options={"reset_mask": mask})
    assert_same(envs.reset(), twin.reset())


def test_first_reset_begins_every_row():
    with pytest.raises(ValueError, match=r"the first reset\(\) must begin every row"):
        native(2, "inference", "default").reset(options={"reset_mask": np.array([True, False])})


# ------------------------------------------------------------------ construction
@pytest.mark.parametrize("make", [SplitEnv, lambda **kwargs: SplitVectorEnv(2, **kwargs)], ids=["single", "vector"])
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"scenario": "defualt"}, "unknown scenario 'defualt'; did you mean 'default'"),
        ({"scenario": 3}, "unknown scenario '3'"),
        ({"scenario": {"base": "default", "zzz": 1}}, "unknown key 'zzz'"),
        ({"action": "multidiscreet"}, "unknown action encoding 'multidiscreet'; did you mean 'multidiscrete'"),
        ({"action": None}, "unknown action encoding None"),
        ({"action": ["box"]}, "unknown action encoding"),
        ({"render_mode": "rgb"}, "render_mode must be one of .*, got 'rgb'; did you mean 'rgb_array'"),
        ({"world": "inferense"}, "unknown world 'inferense'; did you mean 'inference'"),
        ({"episode_options": {"erly_stop": True}}, "did you mean 'early_stop'"),
        ({"episode_options": {"early_stop": 0}}, "must be True or False, got 0"),
        ({"episode_options": {"trace": None}}, "a trace belongs to one episode"),
    ],
)
def test_bad_construction(make, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_envs": 0}, "num_envs must be an integer >= 1 and <= 1000000, got 0"),
        ({"num_envs": -3}, "num_envs must be .*, got -3"),
        ({"num_envs": 1.5}, "num_envs must be .*, got 1.5"),
        ({"num_envs": "2"}, "num_envs must be .*, got '2'"),
        ({"num_envs": True}, "num_envs must be .*, got True"),
        ({"num_envs": 10**12}, "num_envs must be .*, got 1000000000000"),
        ({"num_threads": 0}, "num_threads must be an integer >= 1 and <= 1024, got 0"),
        ({"num_threads": 1.5}, "num_threads must be .*, got 1.5"),
        ({"autoreset_mode": "same"}, "autoreset_mode must be one of NextStep, SameStep, Disabled, got 'same'"),
        ({"max_episode_steps": 0}, "max_episode_steps .* must be an integer >= 1, got 0"),
        ({"max_episode_steps": 2.5}, "max_episode_steps .* must be an integer >= 1, got 2.5"),
    ],
)
def test_bad_batch(kwargs, message):
    with pytest.raises(ValueError, match=message):
        SplitVectorEnv(**{"num_envs": 2, **kwargs})


@pytest.mark.parametrize("world", WORLDS)
def test_bad_construction_by_id(world):
    env_id = WORLDS[world].env_id
    with pytest.raises(ValueError, match="unknown scenario 'defualt'"):
        gym.make(env_id, scenario="defualt")
    with pytest.raises(TypeError, match="scenarios"):
        gym.make(env_id, scenarios="default")
    with pytest.raises(ValueError, match="num_envs must be"):
        gym.make_vec(env_id, num_envs=0)
    with pytest.raises(gym.error.Error):
        gym.make(env_id.replace("v0", "v9"))
