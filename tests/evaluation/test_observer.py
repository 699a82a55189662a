"""The bound for policies that see observations only, against independent computations on small cases."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

import splitgym
from splitgym.cli import main
from splitgym.evaluation import bounds, evaluate
from splitgym.evaluation.store import Store
from splitgym.evaluation.upper_bounds import observer_kind, observer_of
from splitgym.worlds.inference import INFERENCE, load_scenario
from splitgym.worlds.inference.hidden import HIDDEN, complexity_given_hint
from splitgym.worlds.inference.observer import Observer, can_wait
from splitgym.worlds.world import WORLDS

#: Nothing is left to chance but the sample's complexity: gains are known, the server's predictor never errs.
CALM = {"fading.model": "static", "early_stop.noise_std": 0.0}
FEW = {"radio.power_levels_w": [0.01, 0.05, 0.2]}


def trace_of(scenario, seed: int = 0):
    return INFERENCE.draw_trace(scenario, splitgym.seeding.episode_key(splitgym.seeding.seed_key(seed), 0))


def played(scenario, traces, actions):
    """(correct, charged energy) (n, n_tasks) of sequences of table actions (n, n_tasks), one on each trace."""
    env = splitgym.envs.vector.SplitVectorEnv(len(traces), "inference", scenario, "discrete")
    env.reset(options={"trace": list(traces)})
    correct, energy_j = [], []
    for column in np.asarray(actions).T:
        info = env.step(column)[4]
        correct.append(info["correct"].copy())
        energy_j.append(info["energy_j"].copy())
    env.close()
    return np.array(correct).T, np.array(energy_j).T


def posterior(hint: float, spread: float, u: np.ndarray) -> np.ndarray:
    """Density of the complexity at ``u`` given its hint, by Bayes' rule."""
    if 0.0 < hint < 1.0:
        likelihood = norm.pdf((hint - u) / spread)
    else:
        likelihood = norm.cdf(-u / spread) if hint <= 0.0 else norm.sf((1.0 - u) / spread)
    return likelihood / trapezoid(likelihood, u)


@pytest.mark.parametrize("hint", [0.0, 0.1, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("spread", [0.02, 0.25, 3.0])
def test_the_complexity_given_its_hint_follows_bayes(hint, spread) -> None:
    u = np.linspace(0.0, 1.0, 20_001)
    density = posterior(hint, spread, u)
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(u))])
    shares = np.array([0.001, 0.1, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(complexity_given_hint(hint, spread, shares), np.interp(shares, below, u), atol=2e-4)


def test_draws_given_hints_are_as_nature_draws_them() -> None:
    rng = np.random.default_rng(0)
    u = rng.random(400_000)
    hints = np.clip(u + 0.25 * rng.standard_normal(len(u)), 0.0, 1.0)
    for hint, near in ((0.0, hints == 0.0), (1.0, hints == 1.0), (0.3, np.abs(hints - 0.3) < 0.005)):
        shares = (np.arange(2000) + 0.5) / 2000
        ours = complexity_given_hint(hint, 0.25, shares)
        np.testing.assert_allclose(np.quantile(u[near], [0.1, 0.5, 0.9]), np.quantile(ours, [0.1, 0.5, 0.9]), atol=0.02)


def test_without_waiting_it_is_the_sum_over_tasks_of_the_best_mean() -> None:
    """The expectation over the complexity is an integral here, and outcomes are the environment's."""
    scenario = load_scenario("enachi", **CALM, **FEW, **{"tasks.count": 4})
    assert not can_wait(scenario)
    trace, price = trace_of(scenario), 21.0
    count = INFERENCE.encoding("discrete", scenario).mask_size
    grid = np.linspace(0.0, 1.0, 401)
    wanted = price * scenario.tasks.count * scenario.budget.energy_j
    correct, energy_j = np.zeros((2, count, len(grid), 4))
    for i, u in enumerate(grid):
        one = dataclasses.replace(trace, complexity=np.full(4, u))
        found = played(scenario, [one] * count, np.repeat(np.arange(count)[:, None], 4, 1))
        correct[:, i], energy_j[:, i] = found
    for k in range(4):
        density = posterior(float(trace.hint[k]), scenario.tasks.hint_std, grid)
        worth = trapezoid((correct[:, :, k] - price * energy_j[:, :, k]) * density, grid, axis=1)
        wanted += worth.max()
    found = Observer(scenario, "multidiscrete", price, 1024, 1, 0).bound(trace)
    assert found.value == pytest.approx(wanted, abs=0.02)
    assert found.kind == "certified"


def test_with_waiting_it_is_dynamic_programming() -> None:
    """Nothing is hidden here, so that the best sequence of decisions is found by trying them all."""
    changes = {"tasks.count": 3, "tasks.hint_std": 0.0, "arrivals.parameters.mean_s": 0.05}
    dnn = {"device.clocks_hz": [1.2e9, 2.0e9], "radio.power_levels_w": [0.01, 0.2], "cloud.enabled": False}
    scenario = load_scenario("default", **CALM, **changes, **dnn)
    count = INFERENCE.encoding("discrete", scenario).mask_size
    sequences = np.array(list(itertools.product(range(count), repeat=3)))
    for seed in (1, 2, 5):
        trace, price = trace_of(scenario, seed), 30.0
        best = -math.inf
        for part in np.array_split(sequences, len(sequences) // 4096 + 1):
            best = max(best, _worth(scenario, trace, part, price).max())
        total = price * 3 * scenario.budget.energy_j
        found = Observer(scenario, "multidiscrete", price, 1, 129, 0).bound(trace)
        assert found.value == pytest.approx(best + total, abs=0.03)
        assert found.kind == "estimated"


def _worth(scenario, trace, actions, price: float) -> np.ndarray:
    """Answers less the price of energy of sequences (n, 3), tasks that are missed left out."""
    env = splitgym.envs.vector.SplitVectorEnv(len(actions), "inference", scenario, "discrete")
    env.reset(options={"trace": [trace] * len(actions)})
    worth, over = np.zeros(len(actions)), np.zeros(len(actions), bool)
    for _ in range(3):
        place = np.minimum(np.where(over, 0, env.rows.states["task"]), 2)
        info, ended = (step := env.step(actions[np.arange(len(actions)), place]))[4], step[3]
        worth += np.where(over, 0.0, info["correct"] - price * info["energy_j"])
        over |= ended
    env.close()
    return worth


def test_it_looks_at_nothing_hidden() -> None:
    scenario = load_scenario("default", **FEW, **{"tasks.count": 5, "device.clocks_hz": [2e9]})
    trace = trace_of(scenario)
    other = dataclasses.replace(
        trace, fading=trace.fading[:, ::-1].copy(), noise=-trace.noise, **{n: getattr(trace, n)[::-1] for n in HIDDEN}
    )
    observer = Observer(scenario, "multidiscrete", 30.0, 32, 3, 0)
    assert observer.bound(trace).value == observer.bound(other).value
    bare = dataclasses.replace(trace, hint=1.0 - trace.hint)
    assert observer.bound(trace).value != observer.bound(bare).value


def test_it_lies_between_the_policies_and_the_clairvoyant_bound() -> None:
    changes = {"tasks.count": 60}
    results = evaluate(["enachi", "myopic", "device"], scenario="enachi", episodes=6, changes=changes, bound="observer")
    known = bounds(scenario="enachi", episodes=6, changes=changes)
    assert results.bounds is not None
    assert results.bound_name == "observer"
    assert results.bounds.mean() < known.mean()
    for policy in results.policies:
        gap = results.figure(policy, "gap")
        assert gap.mean() + 2.6 * gap.std(ddof=1) / math.sqrt(len(gap)) > 0.0
    assert "estimated bound for observers" in str(results.table().caption)
    again = bounds(scenario="enachi", episodes=6, changes=changes, observer=True, workers=2)
    np.testing.assert_array_equal(again, results.bounds)


def test_a_store_keeps_it_beside_the_other_bound(tmp_path, capsys) -> None:
    words = ["evaluate", "random", "device", "--scenario", "enachi", "--episodes", "2", "--store", str(tmp_path)]
    words += ["--set", "tasks.count=20", "--set", "tasks.deadline_min_s=0.05", "--set", "tasks.deadline_max_s=0.05"]
    tables = []
    for bound in (["--bound", "observer"], ["--bound", "observer"], ["--bound"]):
        assert main([*words, *bound, "--json"]) == 0
        tables.append(json.loads(capsys.readouterr().out))
    assert [table["bound"].split()[1] for table in tables] == ["estimated", "estimated", "certified"]
    assert tables[0]["bounds"] == tables[1]["bounds"]
    assert tables[2]["bounds"] != tables[0]["bounds"]
    names = sorted(path.name for path in tmp_path.glob("*.csv"))
    assert names == [f"SplitInference-v0.{part}" for part in ("bounds.csv", "csv", "observer.csv")]
    assert Store(tmp_path).results()[0].bound_name == "clairvoyant"


def test_forgetting_the_wait_or_reading_the_complexity_shows(monkeypatch) -> None:
    """The two mistakes that would matter most move the value by far more than the tests above allow."""
    scenario = load_scenario("bursty", **FEW, **{"tasks.count": 12, "device.clocks_hz": [2e9]})
    trace, right = trace_of(scenario, 3), Observer(scenario, "multidiscrete", 30.0, 64, 9, 0)
    value = right.bound(trace).value
    told = dataclasses.replace(trace, hint=trace.complexity)
    sure = dataclasses.replace(scenario, tasks=scenario.tasks.replace(hint_std=0.0))
    assert Observer(sure, "multidiscrete", 30.0, 64, 9, 0).bound(told).value > value + 0.2
    monkeypatch.setattr("splitgym.worlds.inference.observer.can_wait", lambda scenario: False)
    assert right.bound(trace).value > value + 0.2


def test_it_falls_as_the_draws_grow_and_settles() -> None:
    scenario = load_scenario("enachi", **{"tasks.count": 40})
    trace = trace_of(scenario)
    values = [Observer(scenario, "multidiscrete", 21.0, draws, 1, 0).bound(trace).value for draws in (32, 256, 1024)]
    assert values[0] > values[1] > values[2] - 0.1
    assert values[1] - values[2] < values[0] - values[1]


def test_more_choice_never_lowers_it() -> None:
    scenario = load_scenario("enachi", **{"tasks.count": 30})
    trace = trace_of(scenario)
    levels = Observer(scenario, "multidiscrete", 21.0, 64, 1, 0).bound(trace).value
    finer = Observer(scenario, "dict", 21.0, 64, 1, 33).bound(trace)
    assert finer.value >= levels
    assert finer.kind == "estimated"


def test_the_search_finds_what_finer_grids_find() -> None:
    """No power at all frees the device at once: a search that walks past it falls a tenth behind here."""
    scenario = load_scenario("bursty", **{"tasks.count": 15, "device.clocks_hz": [2e9]})
    trace = trace_of(scenario, 1)
    values = [Observer(scenario, "dict", 37.5, 32, 5, powers).bound(trace).value for powers in (9, 17, 33)]
    assert max(values) < 1.02 * min(values)
    levels = Observer(scenario, "multidiscrete", 37.5, 32, 5, 0).bound(trace).value
    assert levels < min(values)


def test_it_says_where_there_is_none(monkeypatch) -> None:
    with monkeypatch.context() as patched:  # as where a log or a plug-in has the gains
        patched.setattr("splitgym.worlds.inference.observer.uses_plugins", lambda scenario: True)
        with pytest.raises(ValueError, match="a log or a plug-in gives them"):
            evaluate("device", episodes=1, bound="observer")
    for world in (WORLDS[name] for name in WORLDS if not WORLDS[name].observer):
        with pytest.raises(ValueError, match="no bound for observers of"):
            observer_kind(world, world.load_scenario(world.preset_names()[0]))
    with pytest.raises(ValueError, match="bound must be one of clairvoyant, observer"):
        evaluate("device", bound="all")
    with pytest.raises(ValueError, match="action must be one of"):
        splitgym.bound(seed=0, observer=True, action="levels")


def test_the_price_is_searched_once_for_a_setting() -> None:
    scenario = load_scenario(
        "enachi", **{"tasks.count": 40, "tasks.deadline_min_s": 0.05, "tasks.deadline_max_s": 0.05}
    )
    first = observer_of(INFERENCE, scenario, "multidiscrete")
    assert observer_of(INFERENCE, load_scenario(scenario.to_dict()), "multidiscrete") is first
    assert 0.0 <= first.multiplier <= scenario.budget.debt_price / scenario.budget.energy_j
