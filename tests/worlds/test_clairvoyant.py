"""The bracket from below: decisions that see the trace can be replayed, beat policies and stay below the bound."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import splitgym
from splitgym import load_scenario
from splitgym.envs.rows import Rows
from splitgym.envs.single import SplitEnv
from splitgym.policy import policy_names
from splitgym.traces import InferenceTrace
from splitgym.worlds.inference.scenario import preset_names
from splitgym.worlds.world import WORLDS


def replayed(found: Any, scenario: Any, seed: int | None = None, **options: Any) -> float:
    """Return of a clairvoyant's decisions in the environment."""
    env: Any = gym.make("SplitInference-v0", scenario=scenario, action="dict").unwrapped
    env.reset(seed=seed, options={**found.episode_options, **options})
    values = np.array(found.decisions.tolist()).reshape(-1, 4)
    actions = env.encoding.encode(values)
    total, over = 0.0, False
    for i in range(len(values)):
        assert not over
        _, reward, terminated, truncated, info = env.step({name: column[i] for name, column in actions.items()})
        assert (info["clock_hz"], info["power_w"]) == tuple(values[i, 2:])
        total, over = total + reward, terminated or truncated
    assert over
    return total


@pytest.mark.parametrize("preset", preset_names())
def test_replaying_gives_exactly_its_value(preset: str) -> None:
    scenario = load_scenario(preset, **{"tasks.count": 40})
    trace = InferenceTrace.draw(scenario, 4)
    found = splitgym.clairvoyant(trace, scenario=scenario)
    assert replayed(found, scenario, trace=trace) == found.value
    assert replayed(found, scenario, seed=4) == found.value
    assert splitgym.clairvoyant(scenario=scenario, seed=4).value == found.value


CHANGES = [
    {"budget.debt_price": 0.0},
    {"budget.energy_j": 2e-4, "budget.debt_price": 2.0},
    {"budget.infrastructure_weight": 0.05},
    {"device.battery_j": 0.05},
    {"device.reconfigure_s": 0.02},
    {"fading.model": "gilbert_elliott", "cloud.jitter_s": 0.05},
    {"cloud.enabled": False, "early_exits": False},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_it_stays_below_the_bound_and_replays(change: dict) -> None:
    scenario = load_scenario("default", **{"tasks.count": 25, **change})
    for seed in range(4):
        found = splitgym.clairvoyant(scenario=scenario, seed=seed)
        assert replayed(found, scenario, seed=seed) == found.value
        assert 0.0 <= found.value <= splitgym.bound(scenario=scenario, seed=seed).value
        assert found.multiplier <= scenario.budget.debt_price / scenario.budget.energy_j


@pytest.mark.parametrize("preset", ["default", "tight-deadline"])
def test_no_policy_is_better_on_average(preset: str) -> None:
    found = [splitgym.clairvoyant(scenario=preset, seed=i) for i in range(5)]
    values = np.array([c.value for c in found])
    returns = splitgym.evaluate("enachi", scenario=preset, episodes=5).figure("enachi", "return")
    bounds = splitgym.bounds(scenario=preset, episodes=5)
    assert (returns <= values).all()
    assert (values <= bounds).all()
    assert values.mean() - returns.mean() > 0.5 * (bounds.mean() - returns.mean())  # it closes most of the gap


@pytest.mark.parametrize("preset", WORLDS["hardware"].preset_names())
def test_configurations_of_the_hardware_world(preset: str) -> None:
    """They replay, stay below the bound, beat DynaSplit or tie, and reach the bound where requests do not meet."""
    env_id, scenario = "HardwareSplit-v0", WORLDS["hardware"].load_scenario(preset)
    bounds = splitgym.bounds(env_id, scenario, 3)
    values = np.zeros(3)
    for seed in range(3):
        found = splitgym.clairvoyant(env_id=env_id, scenario=scenario, seed=seed)
        env = SplitEnv("hardware", scenario, "dict")
        env.reset(seed=seed)
        actions = env.encoding.encode(np.array(found.decisions.tolist()))
        for i in range(len(found.decisions)):
            _, reward, _, truncated, _ = env.step({name: column[i] for name, column in actions.items()})
            values[seed] += reward
        assert truncated
        assert values[seed] == found.value
        assert (found.time_price > 0.0) == scenario.requests.queueing  # a price on waiting pays where requests wait
    assert (values <= bounds).all()
    for player in ("dynasplit", "dynasplit_aware"):
        assert (splitgym.evaluate(player, env_id, scenario, 3).figure(player, "return") <= values + 1e-12).all()
    if not scenario.requests.queueing and scenario.switching.reconfigure_s == 0.0:
        np.testing.assert_allclose(values, bounds, rtol=1e-12)


def test_it_is_no_policy() -> None:
    scenario = load_scenario("default", **{"tasks.count": 5})
    found = splitgym.clairvoyant(scenario=scenario, seed=1)
    assert found.sees == "trace"
    assert not hasattr(found, "predict")
    assert "clairvoyant" not in policy_names("SplitInference-v0")
    assert found.decisions.dtype == WORLDS["inference"].decision
    assert found.decisions.shape == (5,)
    with pytest.raises(ValueError, match="a trace or a seed"):
        splitgym.clairvoyant(scenario=scenario)
    with pytest.raises(ValueError, match="no clairvoyant for BlockPlacement-v0"):
        splitgym.clairvoyant(env_id="BlockPlacement-v0", seed=0)
    with pytest.raises(ValueError, match=r"5 tasks.*200"):
        splitgym.clairvoyant(InferenceTrace.draw(scenario))


# ------------------------------------------------------------------ everything tried
def tiny(count: int, cloud: bool) -> Any:
    """A few tasks that wait for each other, three cut points, two clocks, three powers, and debts that matter."""
    dnn = load_scenario("default").dnn
    blocks = tuple(dataclasses.replace(block, cut=block.name in ("stem", dnn.blocks[-1].name)) for block in dnn.blocks)
    changes = {
        "tasks.count": count,
        "tasks.deadline_max_s": 0.4,
        "dnn": dataclasses.replace(dnn, blocks=blocks, exits=()),
        "device.clocks_hz": (1.2e9, 2.0e9),
        "radio.power_levels_w": (0.002, 0.02, 0.2),
        "arrivals": {"model": "periodic", "parameters": {"period_s": 0.1}},
        "budget.energy_j": 1.5e-3,
        "cloud.enabled": cloud,
    }
    return load_scenario("default", **changes)


def best_of_all(scenario: Any, seed: int, own: np.ndarray, **options: Any) -> tuple[float, float]:
    """Largest return of all sequences of levels and of ``own`` (n, 4), and the longest wait [s] among them.

    Each sequence is played in a row of its own.
    """
    table = Rows(WORLDS["inference"], scenario, "discrete", 1).encoding.table
    choices = np.array([np.concatenate([table, step[None]]) for step in own])  # (n, decisions, 4)
    sequences = np.array(list(itertools.product(range(choices.shape[1]), repeat=len(own))))
    n = len(sequences)
    rows, live = Rows(WORLDS["inference"], scenario, "dict", n, options), np.ones(n, np.bool_)
    rows.prepare(np.arange(n), [seed] * n, {}, lambda: 0)
    rows.turn(~live, live)
    total, waited_s = np.zeros(n), 0.0
    for k in range(len(own)):
        rows.decide_values(choices[k][sequences[:, k]])
        rows.turn(live, np.zeros_like(live))
        total += np.where(live, rows.outcomes["reward"], 0.0)
        waited_s = max(waited_s, float(rows.outcomes["latency_wait_s"].max()))
        live = live & ~rows.finished
    return float(total.max()), waited_s


@pytest.mark.parametrize(("count", "cloud"), [(2, True), (3, False)])
def test_all_sequences_of_a_few_tasks(count: int, cloud: bool) -> None:
    """Up to 3375 sequences, both packet controllers: none is above the bound, the best not below the search.

    The search is greedy, so that the best may be better, but seldom.
    """
    lost, longest_s = [], 0.0
    for seed in range(20):
        scenario = tiny(count, cloud)
        found = splitgym.clairvoyant(scenario=scenario, seed=seed)
        idle = np.tile([0.0, 2.0, 2.0e9, 0.0], (count - len(found.decisions), 1))  # a missed task takes no decision
        own = np.concatenate([np.array(found.decisions.tolist()).reshape(-1, 4), idle])
        played = [best_of_all(scenario, seed, own, packet_control=control) for control in ("tracking", "constant")]
        best, bound = max(value for value, _ in played), splitgym.bound(scenario=scenario, seed=seed).value
        assert found.value <= best <= bound
        lost.append(best - found.value)
        longest_s = max(longest_s, *(waited_s for _, waited_s in played))
    assert longest_s > 0.0
    assert np.mean(lost) < 0.02
