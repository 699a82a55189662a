"""The observer's bound of the multi-user world, against the inference world's and against linear programming."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.optimize import linprog

from splitgym.evaluation import bounds, evaluate
from splitgym.seeding import episode_key, seed_key
from splitgym.worlds.multiuser import MULTIUSER, load_scenario
from splitgym.worlds.multiuser.observer import Observer, share_band

FEW = {"radio.power_levels_w": [0.01, 0.05, 0.2], "frames.count": 8}


def trace_of(scenario, seed: int = 0):
    return MULTIUSER.draw_trace(scenario, episode_key(seed_key(seed), 0))


@pytest.mark.parametrize("seed", range(5))
def test_sharing_the_band_is_a_linear_programme(seed) -> None:
    """A mixture of the parts of each device, whose mean parts fill the band: the same as least concave functions."""
    rng = np.random.default_rng(seed)
    parts = np.array([0.0, 0.1, 0.3, 0.6, 1.0])
    worths, energies_j = rng.random((4, 5)), rng.random((4, 5))
    one = np.kron(np.eye(4), np.ones(5))
    solved = linprog(-worths.ravel(), np.tile(parts, 4)[None], [1.0], one, np.ones(4))
    worth, energy_j = share_band(parts, worths, energies_j)
    assert worth == pytest.approx(-solved.fun, abs=1e-9)
    assert energy_j == pytest.approx(float(solved.x @ energies_j.ravel()), abs=1e-7)


def test_it_looks_at_nothing_hidden_and_at_every_device() -> None:
    scenario = load_scenario("default", **FEW)
    trace = trace_of(scenario)
    observer = Observer(scenario, 8.0, 32, 4, 0)
    value = observer.bound(trace).value
    hidden = {"complexity": 1.0 - trace.complexity, "persistent": -trace.persistent, "fading": trace.fading[:, ::-1]}
    assert observer.bound(dataclasses.replace(trace, noise=-trace.noise, **hidden)).value == value
    weaker = trace.gain.copy()
    weaker[2] *= 1e-3
    assert observer.bound(dataclasses.replace(trace, gain=weaker)).value < value - 0.1


def test_more_parts_and_powers_never_cost_much() -> None:
    """What is searched among finer parts and powers is found: a search that is stuck would fall far behind."""
    scenario = load_scenario("default", **{"frames.count": 6})
    trace = trace_of(scenario, 2)
    coarse = Observer(scenario, 8.0, 32, 4, 0).bound(trace).value
    finer = Observer(scenario, 8.0, 32, 8, 33).bound(trace).value
    assert coarse - 0.02 < finer < coarse * 1.1


def test_no_policy_is_above_it() -> None:
    options = {"env_id": "SplitInferenceMultiUser-v0", "scenario": "default", "episodes": 5}
    changes = {"frames.count": 20}
    results = evaluate(["enachi", "myopic", "random"], changes=changes, bound="observer", **options)
    known = bounds(changes=changes, **options)
    assert results.bounds is not None
    for gap in (known - results.bounds, *(results.figure(policy, "gap") for policy in results.policies)):
        assert gap.mean() + 2.8 * gap.std(ddof=1) / math.sqrt(len(gap)) > 0.0
    assert results.bounds.mean() < known.mean()
