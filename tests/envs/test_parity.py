"""One formula: native batch, ``SyncVectorEnv``, single env, threads, processes and plain Python agree bit for bit."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit

from splitgym.worlds.world import WORLDS
from tests.helpers import (
    CASES,
    ENCODED,
    as_native,
    assert_one_signature,
    assert_same,
    case_digests,
    native,
    rollout,
    run_python,
    sampled,
    short,
    single,
    steps_of,
    vector_rollout,
)
from tests.regenerate_golden import GOLDEN, rollout_digest

MODES = list(AutoresetMode)
PROCESS = "import json, sys; from tests.helpers import case_digests; print(json.dumps(case_digests(int(sys.argv[1]))))"
pytestmark = pytest.mark.usefixtures("one_signature")


@pytest.fixture(scope="module")
def one_signature():
    """Everything in this file runs the same machine code."""
    yield
    assert_one_signature()


def sync(n, world, scenario, mode, action="multidiscrete", limit=None):
    """``SyncVectorEnv`` over single environments."""

    def make():
        env = single(world, scenario, action)
        return env if limit is None else TimeLimit(env, limit)

    return SyncVectorEnv([make] * n, autoreset_mode=mode)


# ------------------------------------------------------------------ native == sync == single
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("world", "preset"), CASES)
def test_native_is_sync(world, preset, mode):
    scenario = short(world, preset)
    ours, theirs = native(3, world, scenario, autoreset_mode=mode), sync(3, world, scenario, mode)
    actions = sampled(ours.action_space, 1000, seed=1)
    a, b = vector_rollout(ours, actions, seed=5), as_native(vector_rollout(theirs, actions, seed=5))
    ends = sum(int((s[2] | s[3]).sum()) for s in steps_of(a))
    assert ends >= 60
    assert_same(a, b)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_native_is_sync_in_every_encoding(world, action, mode):
    scenario = short(world, WORLDS[world].preset_names()[0])
    ours = native(2, world, scenario, action, autoreset_mode=mode)
    actions = sampled(ours.action_space, 300, seed=2)
    a = vector_rollout(ours, actions)
    assert_same(a, as_native(vector_rollout(sync(2, world, scenario, mode, action), actions)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("world", WORLDS)
def test_native_is_sync_with_a_step_limit(world, mode):
    """``max_episode_steps`` is what ``TimeLimit`` does, even where the tasks end at the same step."""
    scenario = short(world, WORLDS[world].preset_names()[0])
    for limit in (1, 9, 23):
        ours = native(3, world, scenario, autoreset_mode=mode, max_episode_steps=limit)
        actions = sampled(ours.action_space, 150, seed=3)
        a = vector_rollout(ours, actions)
        assert sum(int((s[2] | s[3]).sum()) for s in steps_of(a)) > 10
        assert limit > 1 or any(s[3].any() for s in steps_of(a))
        assert_same(a, as_native(vector_rollout(sync(3, world, scenario, mode, limit=limit), actions)))


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_native_is_single(world, preset):
    scenario = short(world, preset)
    envs = native(4, world, scenario, autoreset_mode=AutoresetMode.DISABLED)
    actions = np.array(sampled(envs.action_space, 12, seed=4))
    out = vector_rollout(envs, actions, seed=8)
    for i in range(4):
        alone = rollout(single(world, scenario), actions[:, i], seed=8 + i)
        mine = [o for o in out if len(o) == 5 or o[-1]["_action_mask"][i]]  # without the resets of other rows
        for batch, one in zip(mine, alone, strict=True):
            np.testing.assert_array_equal(batch[0][i], one[0], strict=True)
            if len(one) == 5:
                assert [batch[j][i] for j in (1, 2, 3)] == list(one[1:4])
            for key, value in one[-1].items():
                assert_same(batch[-1][key][i], value)
                assert batch[-1][f"_{key}"][i]


def test_partial_reset_with_seeds_is_sync():
    scenario = short("inference", "bursty")
    ours = native(3, "inference", scenario, autoreset_mode="Disabled")
    theirs = sync(3, "inference", scenario, AutoresetMode.DISABLED)
    actions = sampled(ours.action_space, 10, seed=6)
    results = []
    for envs in (ours, theirs):
        out = [envs.reset(seed=[11, 5, 11])]
        for i, action in enumerate(actions):
            out.append(envs.step(action))
            if i == 4:
                mask = np.array([True, False, True])
                out.append(envs.reset(seed=[None, 3, 21], options={"reset_mask": mask, "early_stop": False}))
        results.append(out)
    assert_same(results[0], as_native(results[1]))
    np.testing.assert_array_equal(results[0][0][0][0], results[0][0][0][2])  # equal seeds, equal episodes


@pytest.mark.parametrize("mode", MODES)
def test_native_is_sync_when_batteries_run_empty(mode):
    scenario = short("inference", "default", **{"device.battery_j": 0.05})
    ours = native(3, "inference", scenario, autoreset_mode=mode)
    actions = sampled(ours.action_space, 200, seed=1)
    a = vector_rollout(ours, actions)
    assert sum(int(s[2].sum()) for s in steps_of(a)) > 20
    assert_same(a, as_native(vector_rollout(sync(3, "inference", scenario, mode), actions)))


def test_episode_options_are_sync():
    scenario = short("inference", "default")
    results = []
    for envs in (native(2, "inference", scenario), sync(2, "inference", scenario, AutoresetMode.NEXT_STEP)):
        out = [envs.reset(seed=0, options={"packet_control": "constant", "progressive": False})]
        out += [envs.step(a) for a in sampled(envs.action_space, 60, seed=6)]  # the second episode has the defaults
        results.append(out)
    assert_same(results[0], as_native(results[1]))


# ------------------------------------------------------------------ batch size, threads, processes
@pytest.mark.parametrize(("world", "preset"), CASES)
def test_rows_do_not_know_their_batch(world, preset):
    scenario = short(world, preset)
    few, many = native(3, world, scenario), native(50, world, scenario)
    actions = np.array(sampled(many.action_space, 60, seed=7))
    a, b = vector_rollout(few, actions[:, :3]), vector_rollout(many, actions)
    for small, large in zip(a, b, strict=True):
        for x, y in zip(small[:-1], large[:-1], strict=True):
            np.testing.assert_array_equal(x, y[:3], strict=True)
        for key in small[-1]:
            np.testing.assert_array_equal(small[-1][key], large[-1][key][:3])


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("world", WORLDS)
def test_threads_change_nothing(world, threads):
    scenario = short(world, WORLDS[world].preset_names()[0])
    one, several = native(7, world, scenario), native(7, world, scenario, num_threads=threads)
    actions = sampled(one.action_space, 100, seed=8)
    assert_same(vector_rollout(one, actions), vector_rollout(several, actions))
    several.close()


def test_more_threads_than_rows():
    scenario = short("inference", "default")
    actions = sampled(native(2, "inference", scenario).action_space, 30, seed=8)
    a, b = (vector_rollout(native(2, "inference", scenario, num_threads=t), actions) for t in (1, 5))
    assert_same(a, b)


def test_fresh_process_reproduces():
    assert json.loads(run_python(PROCESS, "60")) == case_digests(60)


def test_plain_python_is_compiled_code():
    """Observations, rewards and info without Numba: every encoding of every preset, drawn and replayed episodes."""
    assert json.loads(run_python(PROCESS, "25", NUMBA_DISABLE_JIT="1")) == case_digests(25)


# ------------------------------------------------------------------ async
@pytest.mark.parametrize("mode", MODES)
def test_async_is_sync(mode):
    scenario = short("inference", "default")
    parallel = AsyncVectorEnv([lambda: single("inference", scenario)] * 2, autoreset_mode=mode, context="fork")
    try:
        actions = sampled(parallel.action_space, 60, seed=3)
        assert_same(vector_rollout(parallel, actions), vector_rollout(sync(2, "inference", scenario, mode), actions))
    finally:
        parallel.close()


def test_make_vec_async_by_id():
    envs = gym.make_vec("splitgym:SplitInference-v0", num_envs=2, vectorization_mode="async", scenario="enachi")
    try:
        actions = sampled(envs.action_space, 5, seed=3)
        mine = native(2, "inference", "enachi")
        assert_same(as_native(vector_rollout(envs, actions)), vector_rollout(mine, actions))
    finally:
        envs.close()


# ------------------------------------------------------------------ golden rollouts
@pytest.mark.parametrize(("world", "preset"), CASES)
def test_golden_rollout(world, preset):
    """A released preset must not change what it does; see ``tests/regenerate_golden.py``."""
    assert rollout_digest(world, preset) == GOLDEN["rollouts"][f"{world}/{preset}"], (
        f"the behaviour of preset {preset!r} changed; if that is intended: python -m tests.regenerate_golden 'reason'"
    )


def test_golden_has_no_strangers():
    cases = sorted(f"{world}/{preset}" for world, preset in CASES)
    assert sorted(GOLDEN["rollouts"]) == cases
    assert sorted(GOLDEN["scenarios"]) == cases
    assert GOLDEN["reason"]
