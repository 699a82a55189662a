"""Randomised scenarios: an episode is that of its scenario, drawn from its seed and from nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from scipy import stats

import splitgym
from splitgym.envs.mixed import MixedRows
from splitgym.physics.codec import from_observation
from splitgym.randomising import Randomised, Spread, spread_of
from splitgym.toml import leaves
from splitgym.worlds.world import WORLDS
from tests.helpers import as_native, assert_same, native, sampled, short, single, steps_of, vector_rollout

#: Ranges of three kinds, even, of ratios and of whole numbers; a world is given those that its scenarios have.
RANGES = {
    "radio.distance_m": (300, 1200),
    "budget.energy_j": "0.002:0.008:log",
    "edge.workers": (1, 3),
    "arrivals.parameters.mean_s": (0.3, 2.0),
}


def presets(world: str) -> tuple[str, ...]:
    """The first preset of a world, and the next one with the same spaces, if there is one."""
    first, *others = WORLDS[world].preset_names()
    spaces = {name: single(world, short(world, name)) for name in (first, *others)}
    same = [
        name
        for name in others
        if spaces[name].observation_space == spaces[first].observation_space
        and spaces[name].action_space == spaces[first].action_space
    ]
    return (first, *same[:1])


def ranges(world: str) -> dict[str, Any]:
    """The ranges of a world: those whose values all its scenarios have."""
    tables = [dict(leaves(short(world, name).to_dict())) for name in presets(world)]
    return {path: spread for path, spread in RANGES.items() if all(path in table for table in tables)}


def given(world: str, *, observed: bool = True) -> Randomised:
    """A randomised scenario of a world, with short episodes."""
    scenarios = [short(world, name) for name in presets(world)]
    return splitgym.randomised(scenarios, ranges(world), observed=observed)


def episode(env: Any, actions: list[Any], seed: int) -> list[tuple]:
    """What an environment returns from reset() to the end of its episode, or of the actions."""
    out: list[tuple] = [env.reset(seed=seed)]
    for action in actions:
        out.append(env.step(action))
        if out[-1][2] or out[-1][3]:
            break
    return out


@pytest.mark.parametrize("world", WORLDS)
def test_every_world_draws_something(world: str) -> None:
    assert ranges(world)


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("world", WORLDS)
def test_native_is_sync(world: str, mode: AutoresetMode) -> None:
    scenario = given(world)
    ours = native(5, world, scenario, autoreset_mode=mode)
    theirs = SyncVectorEnv([lambda: single(world, scenario)] * 5, autoreset_mode=mode)
    actions = sampled(ours.action_space, 120, seed=1)
    a, b = vector_rollout(ours, actions, seed=5), as_native(vector_rollout(theirs, actions, seed=5))
    assert sum(int((s[2] | s[3]).sum()) for s in steps_of(a)) >= 5
    assert_same(a, b)


@pytest.mark.parametrize("action", ["multidiscrete", "box", "discrete", "dict"])
@pytest.mark.parametrize("world", WORLDS)
def test_an_episode_is_that_of_its_scenario(world: str, action: str) -> None:
    """With the drawn scenario an ordinary environment does the same, but for what is shown of the context."""
    names = presets(world)[:1] if action == "discrete" else presets(world)  # tables may differ in length
    scenario = splitgym.randomised([short(world, name) for name in names], ranges(world), observed=True)
    env = single(world, scenario, action)
    actions = sampled(env.action_space, 12, seed=3)
    met = set()
    for seed in range(4):
        mine = episode(env, actions, seed)
        met.add((env.scenario.name, env.scenario.digest()))
        theirs = episode(single(world, env.scenario, action), actions, seed)
        shown = theirs[0][0].shape[0]
        assert shown < mine[0][0].shape[0]
        assert_same([(item[0][:shown], *item[1:]) for item in mine], theirs)
    assert len(met) == 4


def test_levels_and_limits_are_those_of_the_episode() -> None:
    """An action means what it means in the scenario of its episode, where the scenarios have other levels."""
    levels = tuple(0.5 * level for level in splitgym.load_scenario("default").radio.power_levels_w)
    changes = {"radio.power_max_w": 0.1, "radio.power_levels_w": levels}
    near = splitgym.load_scenario("default", name="near", **changes)
    scenario = splitgym.randomised(["default", near])
    envs = native(16, "inference", scenario)
    envs.reset(seed=0)
    envs.step(np.tile([0, 6, 0, 11], (16, 1)))
    used = {(envs.rows.setting(i)[0].name, float(envs.rows._rows["decision"]["power_w"][i])) for i in range(16)}
    assert used == {("default", 0.2), ("near", levels[-1])}
    boxes = native(16, "inference", scenario, "box")
    boxes.reset(seed=0)
    boxes.step(np.ones((16, 4), np.float32))
    used = {(boxes.rows.setting(i)[0].name, float(boxes.rows._rows["decision"]["power_w"][i])) for i in range(16)}
    assert used == {("default", 0.2), ("near", 0.1)}


def contexts(envs: Any) -> list[str]:
    return [envs.rows.setting(i)[0].digest() for i in range(envs.rows.n)]


def test_a_context_follows_from_the_seed_alone() -> None:
    scenario = given("inference")
    envs = native(6, "inference", scenario, num_threads=2)
    envs.reset(seed=10)
    first = contexts(envs)
    assert len(set(first)) == 6
    envs.reset(seed=[15, 14, 13, 12, 11, 10])
    assert contexts(envs) == first[::-1]
    env = single("inference", scenario, "box")
    for seed, digest in zip((10, 11, 12), first, strict=False):
        env.reset(seed=seed)
        assert env.scenario.digest() == digest
    env.reset()
    assert env.scenario.digest() != first[2]  # the next episode of a seed has a context of its own


def test_contexts_have_the_distribution_that_is_asked_for() -> None:
    """Each scenario gets the same share of decisions; values are even in their range, or in its logarithm."""
    spreads = {
        "radio.distance_m": (300, 1200),
        "budget.energy_j": "0.002:0.008:log",
        "early_stop.feedback_slots": (1, 3),
    }
    long, brief = short("inference", "default", **{"tasks.count": 60}), short("inference", "bursty")
    drawn = native(1500, "inference", splitgym.randomised([long, brief], spreads))
    drawn.reset(seed=0)
    scenarios = [drawn.rows.setting(i)[0] for i in range(1500)]
    share = np.mean([scenario.name == "default" for scenario in scenarios])
    assert share == pytest.approx(23 / 83, abs=4 * 0.0116)
    far = np.array([scenario.radio.distance_m for scenario in scenarios])
    assert stats.kstest((far - 300) / 900, "uniform").pvalue > 1e-3
    budgets = np.array([scenario.budget.energy_j for scenario in scenarios])
    assert stats.kstest(np.log(budgets / 0.002) / np.log(4.0), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(far, budgets)[0, 1]) < 0.1
    slots = [scenario.early_stop.feedback_slots for scenario in scenarios]
    assert all(type(count) is int for count in slots)
    assert stats.chisquare(np.bincount(slots, minlength=4)[1:]).pvalue > 1e-3


def test_what_is_shown_of_a_context() -> None:
    env = single("inference", given("inference"))
    fields = {field.name: field for field in env.rows.fields}
    assert env.observation_space.shape == (15,)
    assert env.observation_space.contains(env.reset(seed=1)[0])
    assert fields["context_radio_distance_m"].unit == "m"
    assert "`context_budget_energy_j`" in env.describe()
    for seed in range(8):
        seen, _ = env.reset(seed=seed)
        assert seen[11:13].tolist() == [env.scenario.name == name for name in presets("inference")]
        for place, name, value in (
            (13, "context_budget_energy_j", env.scenario.budget.energy_j),
            (14, "context_radio_distance_m", env.scenario.radio.distance_m),
        ):
            f = fields[name]
            assert from_observation(float(seen[place]), f.kind, f.low, f.high) == pytest.approx(value, rel=1e-5)
    hidden = single("inference", given("inference", observed=False))
    assert hidden.observation_space.shape == (11,)
    assert env.rows.contexts is not None
    beyond = splitgym.load_scenario("tight-deadline", **{"radio.distance_m": 2000})
    assert env.rows.contexts.shown_of(beyond)[[0, 1, 3]].tolist() == [0, 0, 1]


@pytest.mark.parametrize("world", WORLDS)
def test_gymnasium_s_checker_is_content(world: str) -> None:
    check_env(single(world, given(world)), skip_render_check=True)


def test_it_is_made_by_gymnasium() -> None:
    scenario = splitgym.randomised(["default", "bursty"], {"radio.distance_m": (300, 1200)})
    env: Any = gym.make("SplitInference-v0", scenario=scenario)
    assert env.unwrapped.rows.title == "default or bursty radio.distance_m=300:1200"
    envs: Any = gym.make_vec("SplitInference-v0", num_envs=3, scenario=scenario, vectorization_mode="async")
    seen, _ = envs.reset(seed=4)
    envs.close()
    for i in range(3):
        assert_same(env.reset(seed=4 + i)[0], seen[i])


def test_a_copy_goes_on_where_the_original_was() -> None:
    envs = native(4, "inference", given("inference"))
    actions = sampled(envs.action_space, 60, seed=2)
    vector_rollout(envs, actions[:10])
    copy = pickle.loads(pickle.dumps(envs))
    for action in actions[10:]:
        assert_same(copy.step(action), envs.step(action))


@pytest.mark.parametrize("world", WORLDS)
def test_it_draws_the_scenario_of_the_episode(world: str) -> None:
    """A picture of a row is that of an ordinary environment."""
    scenario = given(world)
    envs = native(3, world, scenario, render_mode="ansi")
    envs.reset(seed=2)
    actions = sampled(envs.action_space, 1, seed=1)
    envs.step(actions[0])
    frames = envs.render()
    for i in range(3):
        alone = single(world, envs.rows.setting(i)[0], render_mode="ansi")
        episode(alone, [actions[0][i]], 2 + i)
        told = [line for line in str(alone.render()).splitlines() if "drawn" not in line]
        assert [line for line in str(frames[i]).splitlines() if "drawn" not in line] == told


# ------------------------------------------------------------------ refusals
def evaluated(scenario: Any) -> Any:
    return splitgym.evaluate("device", scenario=scenario)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("300", "LOW:HIGH"),
        ("a:b", "LOW:HIGH"),
        ("3:2", "LOW below HIGH"),
        ("1:inf", "finite"),
        ("0:5:log", "positive"),
        ("1:2:cubic", "LOW:HIGH"),
        ((1, 2, 3, 4), "LOW:HIGH"),
        (None, "LOW:HIGH"),
        ({"low": 1}, "LOW:HIGH"),
    ],
)
def test_what_is_no_range_is_refused(wrong: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        splitgym.randomised("default", {"radio.distance_m": wrong})


@pytest.mark.parametrize(
    ("scenarios", "spreads", "told"),
    [
        (["default"], {"radio.distance": (1, 2)}, "distance_m"),
        (["default"], {"radio.distance_m": (-1, 2)}, "radio.distance_m"),
        (["default"], {"early_exits": (0, 1)}, "only a number"),
        (["default", "enachi"], {}, "same spaces"),
        (["default", "digits"], {}, "same spaces"),
        (["nowhere"], {}, "nowhere"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(scenarios: Any, spreads: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        native(2, "inference", splitgym.randomised(scenarios, spreads))


def test_other_mistakes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="at least one"):
        splitgym.randomised([])
    with pytest.raises(ValueError, match="dotted paths"):
        splitgym.randomised("default", "radio.distance_m=1:2")  # pyright: ignore[reportArgumentType]
    scenario = given("inference")
    env = single("inference", scenario)
    with pytest.raises(ValueError, match=r"env\.unwrapped\.scenario"):
        splitgym.make_policy("enachi", env)
    env.reset(seed=0)
    splitgym.make_policy("enachi", single("inference", env.scenario))
    trace = WORLDS["inference"].draw_trace(env.scenario, np.uint64(1))
    with pytest.raises(ValueError, match="belongs to one scenario"):
        env.reset(options={"trace": trace})
    with pytest.raises(ValueError, match="vector"):
        single("inference", scenario, reward="vector")
    with pytest.raises(ValueError, match="is outside"):
        env.step(np.array([0, 0, 0, 12]))


@pytest.mark.parametrize("call", [splitgym.load_scenario, splitgym.bound, splitgym.parallel_env, evaluated])
def test_what_needs_one_scenario_says_so(call: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="'default or bursty' is drawn anew in every episode"):
        call(scenario=splitgym.randomised(["default", "bursty"]))


def test_the_order_of_ranges_says_nothing() -> None:
    assert splitgym.randomised("default", {"a": (1, 2), "b": (3, 4)}) == splitgym.randomised(
        "default", {"b": (3, 4), "a": (1, 2)}
    )


def test_ranges_are_written_as_they_are_read() -> None:
    for text in ("300:1200", "0.002:0.008:log"):
        assert spread_of("x", text).text == text
    assert spread_of("x", Spread(1.0, 2.0)) == spread_of("x", (1, 2)) == spread_of("x", [1, 2, "even"])
    spread = Spread(1.0, 100.0, "log")
    assert [spread.at(share) for share in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 10.0, 100.0])


def test_rows_are_a_mixture_where_it_is_asked_for_only() -> None:
    assert isinstance(native(1, "inference", given("inference")).rows, MixedRows)
    assert not isinstance(native(1, "inference", "default").rows, MixedRows)
