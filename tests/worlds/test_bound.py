"""The certified bound: no policy exceeds it, by hand-made cases, by exhaustive search and by random settings."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import splitgym
from splitgym import evaluate, load_scenario
from splitgym.cli import main
from splitgym.envs.single import SplitEnv
from splitgym.physics.waterfilling import least_energy_j, rough_energy_j
from splitgym.policy import policy_names
from splitgym.seeding import episode_key, seed_key
from splitgym.traces import InferenceTrace, MultiUserTrace
from splitgym.worlds.bound import debt_bound, return_rounding
from splitgym.worlds.inference.bound import bound_of_key
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.inference.scenario import preset_names
from splitgym.worlds.multiuser.scenario import load_scenario as load_users
from splitgym.worlds.multiuser.scenario import preset_names as users_presets
from splitgym.worlds.world import WORLDS

NOISE = 10.0 ** ((-174.0 + 7.0 - 30.0) / 10.0)


# ------------------------------------------------------------------ water-filling
def filled(bits, gains, slow=1e-12, band=5e6, slot=1e-3, top=0.2, first=0, count=None):
    gains = np.asarray(gains, np.float64)
    return least_energy_j(bits, slow, gains, first, len(gains) if count is None else count, band, NOISE, slot, top)


def test_two_slots_by_hand() -> None:
    """Gains 1 and 1/4, level above both floors: 2 log2(mu / N) - log2(4) bits a hertz-slot."""
    floor_w = NOISE * 5e6 / 1e-12
    level_w = 6.0 * floor_w
    bits = 5e6 * 1e-3 * (math.log2(6.0) + math.log2(6.0 / 4.0))
    spent_w = (level_w - floor_w) + (level_w - 4.0 * floor_w)
    assert filled(bits, [1.0, 0.25], top=10.0) == pytest.approx(spent_w * 1e-3, rel=1e-7)
    only = 5e6 * 1e-3 * math.log2(3.0)  # a level of 3 floors does not reach the second slot
    assert filled(only, [1.0, 0.25], top=10.0) == pytest.approx(2.0 * floor_w * 1e-3, rel=1e-7)


def test_nothing_costs_nothing_and_too_much_is_impossible() -> None:
    assert filled(0.0, [1.0]) == 0.0
    assert filled(1.0, []) == math.inf
    most = 5e6 * 1e-3 * math.log2(1.0 + 0.2 * 1e-12 / (NOISE * 5e6))
    assert filled(most * 1.001, [1.0]) == math.inf
    assert filled(most, [1.0]) == pytest.approx(0.2e-3, rel=1e-6)
    assert filled(1.0, [0.0, 0.0]) == math.inf
    assert filled(1e3, [9.0, 1.0, 9.0], first=1, count=1) == filled(1e3, [1.0])


def test_a_rough_look_is_never_above_the_search() -> None:
    """It may be any energy where the bits cannot be carried at all; elsewhere it is often tight."""
    tight = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        gains = rng.exponential(size=rng.integers(1, 400)) * 10.0 ** rng.uniform(-2.0, 2.0)
        bits, top = 10.0 ** rng.uniform(2.0, 6.0), 10.0 ** rng.uniform(-4.0, 0.0)
        given = (bits, 1e-12, gains, 0, len(gains), 5e6, NOISE, 1e-3, top)
        least_j = least_energy_j(*given)
        rough_j = rough_energy_j(*given, math.inf)
        assert 0.0 <= rough_energy_j(*given, 0.5 * rough_j) <= rough_j <= least_j
        tight += rough_j >= least_j * (1.0 - 1e-5)
    assert tight > 80


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6), share=st.floats(0.02, 0.98))
def test_water_filling_is_scipys_optimum(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    gains, floor_w = rng.exponential(size=n), NOISE * 5e6 / 1e-12
    most = np.log1p(0.2 * gains / floor_w).sum()
    found = filled(share * most * 5e6 * 1e-3 / math.log(2.0), gains)
    result = minimize(
        lambda p: p.sum() / 0.2,
        np.full(n, 0.2 * share),
        jac=lambda p: np.full(n, 5.0),
        bounds=[(0.0, 0.2)] * n,
        constraints={"type": "ineq", "fun": lambda p: np.log1p(p * gains / floor_w).sum() - share * most},
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    if result.success:
        assert found <= result.x.sum() * 1e-3 * (1 + 1e-6)
        assert found >= result.x.sum() * 1e-3 * (1 - 1e-4) - 1e-12


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40))
def test_no_powers_carry_as_much_for_less(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    gains, powers = rng.exponential(size=n), 0.2 * rng.random(n) ** 3
    bits = (5e6 * np.log2(1.0 + powers * 1e-12 * gains / (NOISE * 5e6)) * 1e-3).sum()
    assert filled(bits, gains) <= powers.sum() * 1e-3


# ------------------------------------------------------------------ the Lagrangian
def test_debt_bound_by_hand() -> None:
    """Budget 1 for each of 4 tasks that cost 1, 2, 3 and cannot be answered: two and a third fit 4 budgets."""
    value, price = debt_bound(np.array([3.0, np.inf, 1.0, 2.0]), 1.0, 0.5)
    assert price == pytest.approx(1.0 / 3.0)
    assert value == pytest.approx(2.0 + 1.0 / 3.0)
    assert debt_bound(np.array([3.0, np.inf, 1.0, 2.0]), 1.0, 0.1)[0] == pytest.approx(3.0 - 0.1 * 2.0)
    assert debt_bound(np.array([3.0, 1.0, 2.0]), 100.0, 0.5) == (pytest.approx(3.0), 0.0)
    assert 0.0 < debt_bound(np.full(3, np.inf), 1.0, 0.5)[0] == return_rounding(3, 0.5) < 1e-12  # what rounding leaves
    assert debt_bound(np.zeros(3), 1.0, 0.5)[0] == pytest.approx(3.0)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(least=st.lists(st.floats(0.0, 10.0) | st.just(math.inf), min_size=1, max_size=7), beta=st.floats(0.0, 2.0))
def test_debt_bound_is_above_every_subset(least: list[float], beta: float) -> None:
    value, _ = debt_bound(np.array(least), 1.0, beta)
    possible = [e for e in least if math.isfinite(e)]
    best = -math.inf
    for count in range(len(possible) + 1):
        spent = sum(sorted(possible)[:count])
        best = max(best, count - beta * max(spent - len(least), 0.0))
    assert best - 1e-9 <= value <= best + 1.0 + 1e-9  # and less than one task above the best choice


# ------------------------------------------------------------------ no policy is above it
EXTREMES = [
    {},
    {"tasks.deadline_min_s": 0.02, "tasks.deadline_max_s": 0.05},
    {"cloud.jitter_s": 0.1},
    {"budget.infrastructure_weight": 0.05},
    {"budget.debt_price": 0.0},
    {"budget.energy_j": 2e-4, "budget.debt_price": 2.0},
    {"device.battery_j": 0.05},
    {"device.reconfigure_s": 0.02},
    {"fading.model": "rayleigh"},
    {"fading.model": "gilbert_elliott"},
    {"early_stop.noise_std": 2.0},
    {"radio.distance_m": 60.0},
]
PLAYERS = [name for name in policy_names("SplitInference-v0") if name != "fin"]  # fin plans for long


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from(preset_names()),
    change=st.sampled_from(EXTREMES),
    player=st.sampled_from(PLAYERS),
    seed=st.integers(0, 10_000),
)
def test_no_policy_exceeds_it(preset: str, change: dict, player: str, seed: int) -> None:
    scenario = load_scenario(preset, **{"tasks.count": 25, **change})
    returns = evaluate(player, "SplitInference-v0", scenario, 4, seed).figure(player, "return")
    assert (returns <= splitgym.bounds("SplitInference-v0", scenario, 4, seed)).all()


@pytest.mark.parametrize("preset", preset_names())
def test_every_policy_of_every_preset(preset: str) -> None:
    scenario = load_scenario(preset, **{"tasks.count": 60})
    results = evaluate(PLAYERS, "SplitInference-v0", scenario, 6)
    bounds = splitgym.bounds("SplitInference-v0", scenario, 6)
    for player in PLAYERS:
        assert (results.figure(player, "return") <= bounds).all(), player
    assert results.figure("enachi", "return").mean() > 0.5 * bounds.mean()  # and it is not out of reach


@pytest.mark.parametrize("seed", range(6))
def test_exhaustive_search_stays_below(seed: int) -> None:
    """Every sequence of decisions in three tasks, all cuts, clocks and six powers, both packet controllers."""
    scenario = load_scenario("bursty", **{"tasks.count": 3, "cloud.jitter_s": 0.02, "device.clocks_hz": [1e9, 2e9]})
    trace, best = InferenceTrace.draw(scenario, seed), -math.inf
    rng = np.random.default_rng(seed)
    for control in ("tracking", "constant"):
        env = SplitEnv("inference", scenario, "dict")
        for _ in range(400):
            env.reset(options={"trace": trace, "packet_control": control})
            total, over = 0.0, False
            while not over:
                action = env.action_space.sample()
                action["power_w"] = np.array([0.2 * rng.random() ** 3])
                _, reward, terminated, truncated, _ = env.step(action)
                total, over = total + reward, terminated or truncated
            best = max(best, total)
    assert best <= splitgym.bound(trace, scenario=scenario).value


def alone(deadline_s: float, **changes):
    """One task over a static channel, everything known."""
    deadlines = {"tasks.deadline_min_s": deadline_s, "tasks.deadline_max_s": deadline_s}
    base = load_scenario("enachi", **{"tasks.count": 1, "fading.model": "static", **deadlines, **changes})
    return base, lower(base)


def test_equality_for_one_task_on_a_static_channel() -> None:
    """The stem's channels that the sample needs, at constant power, which is optimal without fading."""
    scenario, p = alone(0.110, **{"budget.energy_j": 1e-3, "budget.debt_price": 0.1})
    trace = InferenceTrace.from_arrays(scenario, gain=[1.5e-12], complexity=[0.4])
    found = splitgym.bound(trace, scenario=scenario)
    channels = math.ceil(64 * 0.165900737236)  # theta (ENACHI s10)
    count = math.floor((0.110 - 0.0248198) / 1e-3) - 8  # slots, after 7.376 ms on the device
    need = channels / 64 * p.cut_bits[1] / (count * 1e-3 * 5e6)
    power_w = (2.0**need - 1.0) * NOISE * 5e6 / 1.5e-12
    energy_j = 118013952 / 8 * 5e-30 * 4e18 + power_w * count * 1e-3
    assert found.per_task[0] == pytest.approx(energy_j, rel=1e-6)
    assert energy_j > 1e-3
    assert found.value == pytest.approx(1.0 - 0.1 * (energy_j - 1e-3) / 1e-3, rel=1e-6)


def test_what_cannot_be_answered() -> None:
    scenario, p = alone(0.110)
    hopeless = InferenceTrace.from_arrays(scenario, gain=[1e-12], complexity=[0.9])
    assert splitgym.bound(hopeless, scenario=scenario).value == return_rounding(1, float(p.debt_price))
    deaf = InferenceTrace.from_arrays(scenario, gain=[1e-20], complexity=[0.4])
    assert splitgym.bound(deaf, scenario=scenario).per_task[0] == math.inf
    local, _ = alone(0.3)
    trace = InferenceTrace.from_arrays(local, gain=[1e-20], complexity=[0.4])
    assert splitgym.bound(trace, scenario=local).per_task[0] == pytest.approx(10.223e-3, rel=1e-4)


def test_more_of_everything_never_lowers_it() -> None:
    base = load_scenario("default", **{"tasks.count": 40, "budget.energy_j": 5e-4})
    trace = InferenceTrace.draw(base, 3)
    value = splitgym.bound(trace, scenario=base).value
    for change in ({"budget.energy_j": 8e-4}, {"budget.debt_price": 0.25}, {"radio.power_max_w": 0.3}):
        assert splitgym.bound(trace, scenario=base, changes=change).value >= value - 1e-9


# ------------------------------------------------------------------ several devices
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from(users_presets()),
    count=st.integers(1, 9),
    player=st.sampled_from(policy_names("SplitInferenceMultiUser-v0")),
    change=st.sampled_from([{}, {"early_exits": True}, {"radio.bandwidth_hz": 1e6}, {"budget.energy_j": 1e-3}]),
    seed=st.integers(0, 10_000),
)
def test_no_policy_for_several_devices_exceeds_it(preset, count, player, change, seed) -> None:
    scenario = load_users(preset, **{"users.count": count, "frames.count": 12, **change})
    env_id = "SplitInferenceMultiUser-v0"
    returns = evaluate(player, env_id, scenario, 3, seed).figure(player, "return")
    assert (returns <= splitgym.bounds(env_id, scenario, 3, seed)).all()


def test_a_scarce_band_lowers_the_bound() -> None:
    env_id, values = "SplitInferenceMultiUser-v0", []
    for band in (0.2e6, 1e6, 10e6):
        scenario = load_users("enachi", **{"users.count": 8, "frames.count": 20, "radio.bandwidth_hz": band})
        values.append(float(splitgym.bounds(env_id, scenario, 2).mean()))
    assert values[0] < 0.9 * values[1] < values[2]


def test_two_devices_that_need_more_than_the_band() -> None:
    """Each alone can be answered, both together cannot; energy is free, so that the band decides."""
    free = {"budget.debt_price": 0.0}
    scenario = load_users("enachi", **{"users.count": 2, "frames.count": 1, "fading.model": "static", **free})
    for gain, wanted in ((1e-11, 2.0), (7.5e-13, 1.0), (1e-17, 0.0)):
        trace = MultiUserTrace.from_arrays(scenario, gain=np.full((2, 1), gain), complexity=np.full((2, 1), 0.8))
        assert splitgym.bound(trace, "SplitInferenceMultiUser-v0", scenario).value == pytest.approx(wanted, abs=1e-9)


# ------------------------------------------------------------------ hardware
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from(WORLDS["hardware"].preset_names()),
    player=st.sampled_from(policy_names("HardwareSplit-v0")),
    weight=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_no_policy_exceeds_it_on_hardware(preset: str, player: str, weight: float, seed: int) -> None:
    changes = {"requests.count": 20, "reward.infrastructure_weight": weight}
    scenario = WORLDS["hardware"].load_scenario(preset, **changes)
    returns = evaluate(player, "HardwareSplit-v0", scenario, 3, seed).figure(player, "return")
    assert (returns <= splitgym.bounds("HardwareSplit-v0", scenario, 3, seed)).all()


def test_hardware_bound_is_reached_where_nothing_waits_or_switches() -> None:
    """Without noise the best entry of the exhaustive front is the best configuration."""
    scenario = WORLDS["hardware"].load_scenario("default", **{"requests.count": 40})
    returns = evaluate("dynasplit", "HardwareSplit-v0", scenario, 4).figure("dynasplit", "return")
    bounds = splitgym.bounds("HardwareSplit-v0", scenario, 4)
    assert (returns <= bounds).all()
    np.testing.assert_allclose(returns, bounds, rtol=1e-4)


# ------------------------------------------------------------------ placement
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from([name for name in WORLDS["placement"].preset_names() if name != "city"]),
    player=st.sampled_from(policy_names("BlockPlacement-v0")),
    penalty=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_no_policy_exceeds_it_on_placement(preset: str, player: str, penalty: float, seed: int) -> None:
    changes = {"applications.count": 8, "reward.rejection_penalty": penalty}
    scenario = WORLDS["placement"].load_scenario(preset, **changes)
    returns = evaluate(player, "BlockPlacement-v0", scenario, 2, seed).figure(player, "return")
    assert (returns <= splitgym.bounds("BlockPlacement-v0", scenario, 2, seed)).all()


def test_placement_bound_is_reached_by_one_application() -> None:
    scenario = WORLDS["placement"].load_scenario("campus", **{"applications.count": 1})
    returns = evaluate("optimum", "BlockPlacement-v0", scenario, 12).figure("optimum", "return")
    np.testing.assert_allclose(returns, splitgym.bounds("BlockPlacement-v0", scenario, 12), rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------ single transmissions
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from(WORLDS["transmission"].preset_names()),
    player=st.sampled_from(policy_names("ProgressiveTransmission-v0")),
    change=st.sampled_from([{}, {"transmission.energy_price": 0.0}, {"transmission.cut": "input"}]),
    seed=st.integers(0, 10_000),
)
def test_no_policy_exceeds_it_in_a_transmission(preset: str, player: str, change: dict, seed: int) -> None:
    scenario = WORLDS["transmission"].load_scenario(preset, **change)
    returns = evaluate(player, "ProgressiveTransmission-v0", scenario, 20, seed).figure(player, "return")
    assert (returns <= splitgym.bounds("ProgressiveTransmission-v0", scenario, 20, seed)).all()


# ------------------------------------------------------------------ the interface
def test_seed_and_trace_are_one() -> None:
    scenario = load_scenario("default", **{"tasks.count": 10})
    by_seed = splitgym.bound(scenario=scenario, seed=5)
    by_trace = splitgym.bound(InferenceTrace.draw(scenario, 5), scenario=scenario)
    assert by_seed.value == by_trace.value == splitgym.bounds(scenario=scenario, episodes=1, seed=5)[0]
    assert by_seed.per_task.shape == (10,)
    assert "water-filling" in by_seed.method


@pytest.mark.parametrize("preset", preset_names())
def test_episodes_that_are_not_made_are_bounded_as_their_traces(preset: str) -> None:
    """To the bit: gains behind a task's deadline count for nothing."""
    scenario = load_scenario(preset, **{"tasks.count": 40})
    for seed in range(3):
        by_key = bound_of_key(scenario, episode_key(seed_key(seed), 0))
        by_trace = splitgym.bound(InferenceTrace.draw(scenario, seed), scenario=scenario)
        np.testing.assert_array_equal(by_key.per_task, by_trace.per_task)
        assert by_key.value == by_trace.value == splitgym.bounds(scenario=scenario, episodes=1, seed=seed)[0]


def test_wrong_calls_say_what_to_do() -> None:
    scenario = load_scenario("default", **{"tasks.count": 5})
    trace = InferenceTrace.draw(scenario)
    with pytest.raises(ValueError, match="a trace or a seed"):
        splitgym.bound(scenario=scenario)
    with pytest.raises(ValueError, match="a trace or a seed"):
        splitgym.bound(trace, scenario=scenario, seed=1)
    with pytest.raises(ValueError, match="trace must be a MultiUserTrace"):
        splitgym.bound(trace, "SplitInferenceMultiUser-v0")
    with pytest.raises(ValueError, match=r"5 tasks.*200"):
        splitgym.bound(trace)


def test_every_world_has_a_proof_and_others_are_refused(monkeypatch) -> None:
    for name in WORLDS:
        assert WORLDS[name].bound
        assert splitgym.bound(env_id=WORLDS[name].env_id, seed=0).method
    unproven = dataclasses.replace(WORLDS["inference"], bound="")
    monkeypatch.setattr("splitgym.evaluation.upper_bounds.world_of", lambda env_id: unproven)
    with pytest.raises(ValueError, match="no proven bound for SplitInference-v0"):
        splitgym.bound(seed=0)


def test_evaluation_tells_the_gap(capsys) -> None:
    scenario = load_scenario("default", **{"tasks.count": 20})
    results = evaluate(["enachi", "random"], scenario=scenario, episodes=4, seed=3, bound=True)
    np.testing.assert_array_equal(results.bounds, splitgym.bounds(scenario=scenario, episodes=4, seed=3))
    for name in results.policies:
        np.testing.assert_array_equal(results.figure(name, "gap"), results.bounds - results.figure(name, "return"))
        assert (results.figure(name, "gap") >= 0.0).all()
    assert evaluate("random", scenario=scenario, episodes=2).bounds is None
    traces = [InferenceTrace.draw(scenario, 9)]
    replayed = evaluate("random", scenario=scenario, episodes=1, traces=traces, bound=True)
    assert replayed.bounds[0] == splitgym.bound(traces[0], scenario=scenario).value
    assert main(["evaluate", "enachi", "--episodes", "2", "--set", "tasks.count=20", "--bound"]) == 0
    assert "certified bound" in capsys.readouterr().out
