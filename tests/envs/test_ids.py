"""An id is a text: what it fixes, who takes it, and which form works in worker processes."""

from __future__ import annotations

import functools
import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv

import splitgym
from splitgym.agents.config import TrainConfig, resumed
from splitgym.ids import ID_ENCODINGS
from splitgym.worlds.world import WORLDS, fixed_by, world_of
from tests.helpers import ROOT, sampled

ENDINGS = [(world, ending) for world in WORLDS for ending in ID_ENCODINGS]


def id_of(world: str, ending: str) -> str:
    name, _, version = WORLDS[world].env_id.rpartition("-v")
    return f"{name}{ending}-v{version}"


@pytest.mark.parametrize(("world", "ending"), ENDINGS)
def test_an_id_fixes_the_encoding_and_nothing_else(world, ending):
    """Single and batch by the id play what ``action=`` of the plain id plays."""
    env_id, action = id_of(world, ending), ID_ENCODINGS[ending]
    mine, plain = gym.make(env_id), gym.make(WORLDS[world].env_id, action=action)
    assert mine.action_space == plain.action_space
    assert mine.spec is not None
    assert mine.spec.id == env_id
    np.testing.assert_array_equal(mine.reset(seed=3)[0], plain.reset(seed=3)[0])
    [act] = sampled(plain.action_space, 1, 0)
    one, other = mine.step(act), plain.step(act)
    np.testing.assert_array_equal(one[0], other[0])
    assert one[1:4] == other[1:4]
    envs = gym.make_vec(f"splitgym:{env_id}", num_envs=2)
    assert isinstance(envs.unwrapped, splitgym.envs.vector.SplitVectorEnv)
    assert envs.unwrapped.encoding.space == plain.action_space
    envs.close()


@pytest.mark.parametrize(("world", "ending"), ENDINGS)
def test_all_that_take_an_id_take_it(world, ending):
    env_id = id_of(world, ending)
    for form in (env_id, f"splitgym:{env_id}", f"splitgym:{WORLDS[world].env_id}"):
        assert world_of(form) is WORLDS[world]
        assert splitgym.preset_names(form) == splitgym.preset_names(WORLDS[world].env_id)
        assert splitgym.policy_names(form) == splitgym.policy_names(WORLDS[world].env_id)
    assert fixed_by(env_id) == fixed_by(f"splitgym:{env_id}") == {"action": ID_ENCODINGS[ending]}
    assert fixed_by(WORLDS[world].env_id) == {}


def test_an_evaluation_by_any_id_is_the_same():
    plain, boxed = (splitgym.evaluate("random", f"SplitInference{e}-v0", episodes=1) for e in ("", "Box"))
    assert plain.figure("random", "return") == boxed.figure("random", "return")


def test_a_training_learns_in_the_encoding_of_its_id():
    assert TrainConfig(env_id="SplitInferenceBox-v0").action == "box"
    assert TrainConfig(env_id="splitgym:SplitInference-v0") == TrainConfig()
    assert TrainConfig(algo="dqn", env_id="SplitInferenceDiscrete-v0").env_id == "SplitInference-v0"
    with pytest.raises(ValueError, match=r"'SplitInferenceBox-v0' fixes action='box', got action='multidiscrete'"):
        TrainConfig(env_id="SplitInferenceBox-v0", action="multidiscrete")
    with pytest.raises(ValueError, match=r"dqn cannot learn with BoxEncoding"):
        TrainConfig(algo="dqn", env_id="SplitInferenceBox-v0")


def test_a_run_is_resumed_by_any_id_of_its_own():
    saved = TrainConfig(env_id="SplitInferenceBox-v0")
    for env_id in ("SplitInferenceBox-v0", "SplitInference-v0", "splitgym:SplitInference-v0"):
        assert resumed(saved, {"env_id": env_id}) == saved
    for env_id in ("SplitInferenceDict-v0", "HardwareSplit-v0"):
        with pytest.raises(ValueError, match="begun with other settings: env_id="):
            resumed(saved, {"env_id": env_id})


# ------------------------------------------------------------------ in worker processes
FIRST_BLOCKS = {
    page: re.findall(r'gym\.make(?:_vec)?\(\s*"([^"]+)"', (ROOT / page).read_text(encoding="utf-8"))
    for page in ("README.md", "docs/start.md", "docs/index.md")
}


def test_the_first_pages_use_the_id_that_works_everywhere():
    """A worker process has not imported splitgym; the long id imports it."""
    assert FIRST_BLOCKS["README.md"]
    for page, ids in FIRST_BLOCKS.items():
        assert [env_id for env_id in ids if not env_id.startswith("splitgym:")] == [], page


def test_the_long_id_works_in_a_spawned_worker():
    env_id = FIRST_BLOCKS["README.md"][0]
    envs = AsyncVectorEnv([functools.partial(gym.make, env_id)] * 2, context="spawn")
    native = gym.make_vec(env_id, num_envs=2)
    np.testing.assert_array_equal(envs.reset(seed=0)[0], native.reset(seed=0)[0])
    envs.close()
    native.close()
