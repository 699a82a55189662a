"""Tasks side by side give what each of them gives alone, to the last bit, whatever lane they are in."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from splitgym.physics.sizes import LANES
from splitgym.worlds.inference import lanes
from splitgym.worlds.inference.kernel import longest_tail_s, tail_s
from splitgym.worlds.world import WORLDS
from tests.helpers import assert_same, native, sampled, short, vector_rollout

WORLD = WORLDS["inference"]
ALONE = dataclasses.replace(WORLD, lanes=None)  # one row after the other


def both(n: int, scenario: Any, steps: int = 12, **kwargs: Any) -> tuple[list[tuple], list[tuple]]:
    """Rollouts of n rows by the same actions: many side by side, and one after the other."""
    found = []
    for world in (WORLD, ALONE):
        envs = native(n, "inference", scenario, **kwargs)
        envs.rows.world = world
        found.append(vector_rollout(envs, sampled(envs.action_space, steps, seed=n), seed=n))
    return found[0], found[1]


def test_a_batch_uses_the_lanes() -> None:
    assert WORLD.loop(2) is lanes.turn_many
    assert WORLD.loop(1) is ALONE.loop(2) is WORLD.turn_rows


def test_a_kernel_of_ones_own_is_used_in_a_batch_too() -> None:
    def mine(*_: Any) -> int:
        return -1

    assert dataclasses.replace(WORLD, turn_rows=mine).loop(7) is mine


@pytest.mark.parametrize("preset", WORLD.preset_names())
def test_many_lanes_and_refills(preset: str) -> None:
    a, b = both(5 * LANES, short("inference", preset))
    jobs = [(info["slots_used"] > 0).sum() for *_, info in a]
    assert max(jobs) > LANES  # a lane takes several tasks
    assert_same(a, b)


@pytest.mark.parametrize("n", [2, 3, LANES - 1, LANES, LANES + 1])
def test_any_number_of_lanes(n: int) -> None:
    assert_same(*both(n, short("inference", "enachi")))


@pytest.mark.parametrize(
    "options",
    [{"packet_control": "constant"}, {"early_stop": False}, {"progressive": False}],
    ids=["constant", "no stop", "whole"],
)
def test_options(options: dict[str, Any]) -> None:
    assert_same(*both(40, short("inference", "default"), episode_options=options))


def test_rows_of_different_options_share_the_lanes() -> None:
    found = []
    for world in (WORLD, ALONE):
        envs = native(40, "inference", short("inference", "enachi"), autoreset_mode="Disabled")
        envs.rows.world = world
        envs.reset(seed=0)
        half = np.arange(40) % 2 == 0
        envs.reset(options={"reset_mask": half, "packet_control": "constant", "early_stop": False})
        found.append([envs.step(action) for action in sampled(envs.action_space, 12, seed=1)])
    assert_same(*found)


@pytest.mark.parametrize(
    "model",
    [
        {"model": "static", "parameters": {}},
        {"model": "rayleigh", "parameters": {}},
        {"model": "gilbert_elliott"},
    ],
    ids=lambda model: model["model"],
)
def test_other_fading(model: dict[str, Any]) -> None:
    """Where the lanes cannot work, each row works alone."""
    changes = {f"fading.{key}": value for key, value in model.items()}
    assert_same(*both(40, short("inference", "enachi", **changes)))


def test_stops_of_the_server_come_in_lanes() -> None:
    """Else the block that is gone through again would be tested by nothing."""
    rollout, _ = both(4 * LANES, short("inference", "enachi"), steps=20)
    stopped = sum(int(info["stopped_early"].sum()) for *_, info in rollout)
    assert stopped > 20


def test_traces_and_drawn_episodes_in_one_batch() -> None:
    scenario = short("inference", "default")
    traces = [WORLD.draw_trace(scenario, np.uint64(k)) for k in range(6)]
    found = []
    for world in (WORLD, ALONE):
        envs = native(12, "inference", scenario, autoreset_mode="Disabled")
        envs.rows.world = world
        envs.reset(seed=0)
        envs.reset(options={"reset_mask": np.arange(12) < 6, "trace": traces})
        found.append([envs.step(action) for action in sampled(envs.action_space, 12, seed=1)])
    assert_same(*found)


@pytest.mark.parametrize("preset", WORLD.preset_names())
def test_no_tail_is_longer_than_the_longest(preset: str) -> None:
    """Else a mask would allow what cannot be finished."""
    p = WORLD.lower(WORLD.load_scenario(preset))
    cuts = range(p.last_cut + 1)
    for load, rtt_s in np.random.default_rng(0).uniform((0.0, 0.0), (0.99, 0.2), (200, 2)):
        most = longest_tail_s(load, rtt_s, p)
        edges = [(c, e) for c in cuts for e in cuts if c <= e and (p.cloud or e == p.last_cut)]
        assert max(tail_s(c, e, load, rtt_s, p) for c, e in edges) <= most
