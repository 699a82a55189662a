"""``info["action_mask"]`` is what ``action_space.sample`` takes, and says what ``action_masks()`` says."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from pettingzoo.test import api_test
from pettingzoo.utils import parallel_to_aec

import splitgym
from splitgym.encodings import Encoding
from splitgym.masks import RowMasks, row_masks
from tests.helpers import ENCODED, native, sampled, short, single

MODES = list(AutoresetMode)


def flat_of(mask: Any) -> np.ndarray:
    """A mask in Gymnasium's form, of one row, in one row."""
    if isinstance(mask, dict):
        parts = [flat_of(part) for part in mask.values() if part is not None]
        return np.concatenate(parts) if parts else np.zeros(0, np.int8)
    return np.concatenate(mask) if isinstance(mask, tuple) else mask


def wanted(encoding: Encoding, flat: np.ndarray) -> np.ndarray:
    """What :func:`flat_of` must give for a row of ``action_masks()``: without axes that are a ``Box`` in a ``Dict``."""
    if not isinstance(encoding.space, spaces.Dict):
        return flat.astype(np.int8)
    parts = np.split(flat.astype(np.int8), np.cumsum([len(axis.levels) * axis.width for axis in encoding.axes])[:-1])
    of_axis = {axis.name: part for axis, part in zip(encoding.axes, parts, strict=True) if axis.top == 0.0}
    return np.concatenate([of_axis[name] for name in encoding.space if name in of_axis])


def row_of(masks: Any, i: int) -> Any:
    """One row of the masks of a batch."""
    if isinstance(masks, dict):
        return {name: part[i] for name, part in masks.items() if not name.startswith("_")}
    return None if masks is None else masks[i]


def shape_of(mask: Any, space: spaces.Space) -> None:
    """The form of a mask is Gymnasium's for the space."""
    if isinstance(space, spaces.Discrete):
        assert (type(mask), mask.dtype, mask.shape) == (np.ndarray, np.int8, (space.n,))
    elif isinstance(space, spaces.MultiDiscrete):
        assert isinstance(mask, tuple)
        np.testing.assert_array_equal(np.asarray(mask), np.concatenate(mask), strict=True)
        assert [(part.dtype, len(part)) for part in mask] == [(np.int8, n) for n in space.nvec]
    elif isinstance(space, spaces.Dict):
        assert list(mask) == list(space)
        for name, part in space.items():
            shape_of(mask[name], part)
    else:
        assert mask is None


def allows(encoding: Encoding, flat: np.ndarray, action: Any) -> bool:
    """Whether every choice of an action is allowed by a row of ``action_masks()``, where any is."""
    if len(encoding.table):
        return bool(flat[action]) or not flat.any()
    values = np.zeros((1, encoding.width))
    encoding.decode(encoding.one(action), values)
    begin = 0
    for j, count in enumerate(encoding.counts.tolist()):
        part, level = flat[begin : begin + count], np.flatnonzero(encoding.levels[j, :count] == values[0, j])
        axis = next(a for a in encoding.axes if a.name == encoding.axis_of(j).partition("[")[0])
        named = isinstance(encoding.space, spaces.Dict) and axis.top > 0.0
        if not named and part.any() and not part[level].any():
            return False
        begin += count
    return True


@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_single(world, action):
    env = single(world, short(world, "default"), action)
    env.action_space.seed(1)
    _, info = env.reset(seed=0)
    for _ in range(40):
        mask, flat = info.get("action_mask"), env.action_masks()
        assert ("action_mask" in info) is not isinstance(env.action_space, spaces.Box)
        shape_of(mask, env.action_space)
        if mask is not None:
            np.testing.assert_array_equal(flat_of(mask), wanted(env.encoding, flat), strict=True)
        act = env.action_space.sample(mask)
        assert env.action_space.contains(act)
        assert mask is None or allows(env.encoding, flat, act)
        *_, terminated, truncated, info = env.step(act)
        if terminated or truncated:
            _, info = env.reset()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_native_batch(world, action, mode):
    """The whole batch by its own space, and every row by the single one; also after a partial reset."""
    envs = native(3, world, short(world, "default"), action, autoreset_mode=mode)
    _, infos = envs.reset(seed=0)
    for turn in range(30):
        mask, flat = infos.get("action_mask"), envs.action_masks()
        present = infos["_action_mask"] if mask is not None else np.ones(3, bool)
        actions = envs.action_space.sample(mask)
        assert envs.action_space.contains(actions)
        for i in np.flatnonzero(present):
            row = row_of(mask, int(i))
            shape_of(row, envs.single_action_space)
            act = envs.single_action_space.sample(row)
            assert mask is None or allows(envs.encoding, flat[i], act)
            mine = {k: v[i] for k, v in actions.items()} if isinstance(actions, dict) else actions[i]
            assert mask is None or allows(envs.encoding, flat[i], mine)
            if row is not None:
                np.testing.assert_array_equal(flat_of(row), wanted(envs.encoding, flat[i]))
        *_, terminated, truncated, infos = envs.step(actions)
        done = terminated | truncated
        if mode is AutoresetMode.DISABLED and (done.any() or turn == 7):
            chosen = done if done.any() else np.array([True, False, True])
            _, infos = envs.reset(options={"reset_mask": chosen})


@pytest.mark.parametrize("batch", [SyncVectorEnv, AsyncVectorEnv])
@pytest.mark.parametrize("action", ["multidiscrete", "discrete"])
def test_rows_of_gymnasiums_batches(batch, action):
    envs = batch([lambda: gym.make("SplitInference-v0", action=action)] * 2)
    _, infos = envs.reset(seed=0)
    for _ in range(5):
        actions = [envs.single_action_space.sample(mask) for mask in infos["action_mask"]]
        *_, infos = envs.step(np.array(actions))
    envs.close()


def test_a_batch_samples_as_its_space_does_without_a_mask():
    for world, action in ENCODED:
        ours = native(3, world, "default", action)
        theirs = gym.vector.utils.batch_space(single(world, "default", action).action_space, 3)
        ours.action_space.seed(5), theirs.seed(5)
        first, second = ours.action_space.sample(), theirs.sample()
        for one, other in zip(*[x.values() if isinstance(x, dict) else [x] for x in (first, second)], strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


def test_a_batch_chooses_evenly_among_what_is_allowed():
    envs = native(4000, "inference", "default", "discrete")
    mask = np.zeros((4000, envs.encoding.mask_size), np.int8)
    mask[:, [3, 7, 11]] = 1
    mask[1000:] = 0  # nothing allowed: the first, as Gymnasium's spaces do
    envs.action_space.seed(0)
    found = envs.action_space.sample(mask)
    assert set(found[1000:]) == {0}
    assert np.bincount(found[:1000])[[3, 7, 11]].tolist() == pytest.approx([333, 333, 333], abs=60)
    with pytest.raises(ValueError, match="0 and 1 for each of 4000 rows"):
        envs.action_space.sample(mask[:5])


def test_rows_of_masks_are_an_array():
    flat = np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 1]], np.int8)
    for masks in (row_masks(flat, (2, 3)), pickle.loads(pickle.dumps(row_masks(flat, (2, 3))))):
        for same in (masks, copy.deepcopy(masks), masks.copy(), masks[[0, 1]], masks[:]):
            assert isinstance(same, RowMasks)
            assert [part.tolist() for part in same[1]] == [[0, 1], [0, 0, 1]]
            assert len(list(same)) == 2
        np.testing.assert_array_equal(np.asarray(masks), flat)


@pytest.mark.parametrize("action", ["multidiscrete", "box", "discrete", "dict"])
def test_agents(action):
    env = splitgym.parallel_env("default", action=action)
    _, infos = env.reset(seed=0)
    for agent in env.agents:
        shape_of(infos[agent].get("action_mask"), env.action_space(agent))
    for _ in range(5):
        acts = {agent: env.action_space(agent).sample(infos[agent].get("action_mask")) for agent in env.agents}
        *_, infos = env.step(acts)


@pytest.mark.parametrize("action", ["multidiscrete", "box", "discrete", "dict"])
def test_pettingzoos_turn_based_test(action):
    """It samples by the mask where ``info`` has one."""
    with warnings.catch_warnings():  # PettingZoo advises Box or Discrete; others are a choice of the user here
        warnings.filterwarnings("ignore", message="Action space for each agent probably should be")
        api_test(parallel_to_aec(splitgym.parallel_env("default", action=action)), num_cycles=200)


def test_mask_of_a_row_is_a_tensor_as_well():
    """Code that gathers ``info`` (TorchRL) turns its values into tensors; the parts are not equally long."""
    torch = pytest.importorskip("torch", reason="extra [agents] is not installed")
    env = single("inference", "default")
    mask = env.reset(seed=0)[1]["action_mask"]
    for same in (mask, pickle.loads(pickle.dumps(mask)), copy.deepcopy(mask)):
        for found in (torch.tensor(same, dtype=torch.bool), torch.as_tensor(same) != 0):
            np.testing.assert_array_equal(found.numpy(), env.action_masks(), strict=True)
    assert (mask.shape, mask.dtype) == ((30,), np.int8)


def test_minimal_idiom_of_the_documentation():
    env = gym.make("splitgym:SplitInference-v0")
    _, info = env.reset(seed=0)
    for _ in range(20):
        *_, info = env.step(env.action_space.sample(info["action_mask"]))
    envs = gym.make_vec("splitgym:SplitInference-v0", num_envs=8)
    _, infos = envs.reset(seed=0)
    for _ in range(20):
        *_, infos = envs.step(envs.action_space.sample(infos["action_mask"]))
    assert len(sampled(envs.action_space, 2, 0)) == 2
