"""The observer's bound of the hardware world against dynamic programming and enumeration written here."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

import splitgym
from splitgym.encodings import grid_of
from splitgym.evaluation import bounds, evaluate
from splitgym.evaluation.upper_bounds import observer_kind
from splitgym.seeding import episode_key, seed_key
from splitgym.worlds.hardware import HARDWARE, load_scenario
from splitgym.worlds.hardware.lowering import lower
from splitgym.worlds.hardware.observer import HIDDEN, observer

POLICY = "dynasplit:search=exhaustive,budget=0.05"


def setting(scenario):
    """Distinct decisions, their latency [s] and energy [J] without noise, and the reference energy [J]."""
    grid = grid_of(HARDWARE.axes(scenario))
    grid = grid[HARDWARE.distinct(scenario, grid)]
    assert HARDWARE.nominal is not None
    figures = HARDWARE.nominal(scenario)(grid)
    return grid, figures[:, 0], figures[:, 1], float(lower(scenario).reference_j)


def waiting_w(scenario, grid):
    """Power of the edge device while it is reconfigured [W]."""
    p = lower(scenario)
    mode = np.where(grid["split"] > 0, grid["accelerator"], 0).astype(int)
    return p.wait_w[mode] + p.wait_j_per_cycle[mode] * grid["clock_hz"], mode


def test_switching_is_dynamic_programming_over_the_configuration() -> None:
    scenario = load_scenario("switching", **{"requests.count": 12})
    grid, latency_s, energy_j, reference_j = setting(scenario)
    wait_w, mode = waiting_w(scenario, grid)
    delay_s, penalty = scenario.switching.reconfigure_s, scenario.reward.violation_penalty
    trace = HARDWARE.draw_trace(scenario, episode_key(seed_key(4), 0))
    pairs = sorted(set(zip(grid["clock_hz"].tolist(), mode.tolist(), strict=True)))
    own = np.array([pairs.index(pair) for pair in zip(grid["clock_hz"].tolist(), mode.tolist(), strict=True)])
    worth = np.zeros(len(pairs))
    for threshold_s in trace.threshold_s[::-1]:
        after = worth[own]
        kept = np.where(latency_s <= threshold_s, 1.0 - energy_j / reference_j, -penalty) + after
        late = latency_s + delay_s > threshold_s
        changed = np.where(late, -penalty, 1.0 - (energy_j + wait_w * delay_s) / reference_j) + after
        worth = np.array([max(kept[own == c].max(), changed[own != c].max()) for c in range(len(pairs))])
    first = pairs.index((grid["clock_hz"].max(), 0))
    found = observer(scenario).bound(trace)
    assert found.value == pytest.approx(worth[first], rel=1e-9)
    assert found.kind == "certified"
    known = splitgym.bound(trace, "HardwareSplit-v0", scenario)
    assert found.value <= known.value


def test_queueing_is_the_best_of_all_sequences() -> None:
    changes = {"requests.count": 3, "switching.reconfigure_s": 0.0, "arrivals.parameters.mean_s": 0.1}
    scenario = load_scenario("queueing", **changes)
    _, latency_s, energy_j, reference_j = setting(scenario)
    order = np.lexsort((energy_j, latency_s))  # of decisions as quick, or slower and dearer, one is enough
    front = [i for rank, i in enumerate(order) if rank == 0 or energy_j[i] < energy_j[order[:rank]].min()]
    latency_s, energy_j = latency_s[front], energy_j[front]
    for seed in range(3):
        trace = HARDWARE.draw_trace(scenario, episode_key(seed_key(seed), 0))
        best = -math.inf
        for plan in itertools.product(range(len(front)), repeat=3):
            free_s, worth = 0.0, 0.0
            for k, i in enumerate(plan):
                wait_s = max(free_s - trace.arrival_s[k], 0.0)
                in_time = wait_s + latency_s[i] <= trace.threshold_s[k]
                worth += 1.0 - energy_j[i] / reference_j if in_time else -scenario.reward.violation_penalty
                free_s = trace.arrival_s[k] + wait_s + latency_s[i]
            best = max(best, worth)
        found = observer(scenario, points=2001).bound(trace)
        assert found.value == pytest.approx(best, abs=0.02)
        assert found.kind == "estimated"


def test_noise_is_averaged_and_not_looked_at() -> None:
    scenario = load_scenario("noisy", **{"requests.count": 30})
    traces = [HARDWARE.draw_trace(scenario, episode_key(seed_key(seed), 0)) for seed in range(2)]
    other = dataclasses.replace(traces[0], **{name: getattr(traces[1], name) for name in HIDDEN})
    ours = observer(scenario)
    assert ours.bound(traces[0]).value == ours.bound(other).value
    assert ours.bound(traces[0]).value != ours.bound(traces[1]).value
    noises = [HARDWARE.draw_trace(scenario, episode_key(seed_key(seed), 0)) for seed in range(40)]
    same = [dataclasses.replace(traces[0], **{name: getattr(one, name) for name in HIDDEN}) for one in noises]
    options = {"env_id": "HardwareSplit-v0", "scenario": scenario, "episodes": 40, "traces": same}
    returns = evaluate(POLICY, **options).figure(POLICY, "return")
    half = 2.6 * returns.std(ddof=1) / math.sqrt(40)
    assert -half < ours.bound(traces[0]).value - returns.mean() < half + 3.0


@pytest.mark.parametrize("scenario", ["default", "noisy", "switching", "queueing"])
def test_no_policy_and_no_clairvoyant_search_is_above_it(scenario) -> None:
    options = {"env_id": "HardwareSplit-v0", "scenario": scenario, "episodes": 12}
    results = evaluate([POLICY, "random"], bound="observer", **options)
    known = bounds(**options)
    assert results.bounds is not None
    gaps = np.concatenate([known - results.bounds, *(results.figure(p, "gap") for p in results.policies)])
    for gap in gaps.reshape(-1, 12):
        assert gap.mean() > -2.6 * gap.std(ddof=1) / math.sqrt(len(gap)) - 1e-9
    if scenario == "queueing":
        assert results.bounds.mean() < known.mean() - 10.0


def test_noise_that_lasts_has_no_bound() -> None:
    with pytest.raises(ValueError, match=r"noise that is drawn for each request, got noise\.hold=5"):
        observer_kind(HARDWARE, load_scenario("noisy", **{"noise.hold": 5}))
