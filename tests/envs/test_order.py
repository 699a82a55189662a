"""Every call out of order, in every world and kind of environment: one clear error, and nothing is lost by it."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from splitgym.envs import parallel_env
from splitgym.envs.canvas import RENDER_MODES
from splitgym.worlds.world import WORLDS
from tests.helpers import assert_same, native, sampled, short, single

MODES = [mode for mode in RENDER_MODES if mode != "human"]  # a window needs a screen
KINDS = [(world, kind) for world in WORLDS for kind in ("single", "vector")] + [("multiuser", "parallel")]


def made(world: str, kind: str, mode: str | None = None):
    scenario = short(world, "default")
    if kind == "parallel":
        pytest.importorskip("pettingzoo")
        return parallel_env(scenario, render_mode=mode)
    if kind == "single":
        return single(world, scenario, render_mode=mode)
    return native(3, world, scenario, render_mode=mode, num_threads=2)


def an_action(env):
    if hasattr(env, "possible_agents"):
        return {agent: sampled(env.action_space(agent), 1, 0)[0] for agent in env.possible_agents}
    return sampled(env.action_space, 1, 0)[0]


CALLS = {
    "step()": lambda env: env.step(an_action(env)),
    "render()": lambda env: env.render(),
    "action_masks()": lambda env: env.action_masks(),
    "state()": lambda env: env.state(),
}


def calls_of(env):
    return {name: call for name, call in CALLS.items() if hasattr(env, name[:-2])}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("world", "kind"), KINDS)
def test_calls_before_the_first_reset(world, kind, mode):
    env = made(world, kind, mode)
    for name, call in calls_of(env).items():
        with pytest.raises(ResetNeeded) as error:
            call(env)
        assert str(error.value) == f"{name} before the first reset(); call reset() first"
    env.close()
    with pytest.raises(ResetNeeded, match=r"before the first reset\(\)"):
        env.render()
    env.reset(seed=0)
    for call in calls_of(env).values():
        call(env)
    env.close()


@pytest.mark.parametrize(("world", "kind"), KINDS)
def test_calls_after_close(world, kind):
    """Closing ends the episode; closing twice is allowed, and a reset begins anew, the same as ever."""
    env = made(world, kind, "ansi")
    first, step = env.reset(seed=5), env.step(an_action(env))
    env.close()
    env.close()
    for name, call in calls_of(env).items():
        with pytest.raises(ResetNeeded) as error:
            call(env)
        assert str(error.value) == f"{name} after close(); call reset() first"
    assert_same(env.reset(seed=5), first)
    assert_same(env.step(an_action(env)), step)
    env.render()
    env.close()
    with pytest.raises(ResetNeeded, match=r"after close\(\)"):
        env.render()


@pytest.mark.parametrize(("world", "kind"), KINDS)
def test_without_a_render_mode_there_is_no_picture_and_no_error(world, kind):
    env = made(world, kind)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


@pytest.mark.parametrize("world", WORLDS)
def test_single_environment_after_the_end(world):
    env = single(world, short(world, "default"), render_mode="ansi")
    env.reset(seed=0)
    action, over = an_action(env), False
    while not over:
        over = any(env.step(action)[2:4])
    with pytest.raises(ResetNeeded, match=r"step\(\) after the end of the episode; call reset\(\) first"):
        env.step(action)
    assert env.render()
    assert env.action_masks().any()


@pytest.mark.parametrize("world", WORLDS)
def test_some_rows_cannot_begin_before_all_have(world):
    envs = native(3, world, short(world, "default"))
    envs.reset(seed=0)
    envs.close()
    with pytest.raises(ResetNeeded, match=r"reset\(\) of some rows after close\(\)"):
        envs.reset(options={"reset_mask": np.array([True, False, False])})
    envs.reset(seed=0)
    envs.reset(options={"reset_mask": np.array([True, False, False])})


def test_a_turn_that_was_cut_off_needs_a_reset(monkeypatch):
    """Some rows have moved and some have not: nothing goes on from there."""
    envs = native(3, "inference", short("inference", "default"))
    first, action = envs.reset(seed=0), an_action(envs)
    step = envs.step(action)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(envs.rows, "_work", interrupted)
        with pytest.raises(KeyboardInterrupt):
            envs.step(action)
    with pytest.raises(ResetNeeded, match="did not come to its end"):
        envs.step(action)
    assert_same(envs.reset(seed=0), first)
    assert_same(envs.step(action), step)
