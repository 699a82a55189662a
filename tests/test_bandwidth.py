"""Sharing a band among users: vectors of section 10 and property 7 of section 9."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitgym import load_scenario
from splitgym.jit import records
from splitgym.physics.bandwidth import BAND, PLAN, allocate, plan_price_j2_hz, solve_p11
from splitgym.worlds.inference.layout import lower
from tests import enachi_reference as reference

P = lower(load_scenario("enachi"))


def problem(queues, gains, bandwidth_hz=10e6, deadline_s=0.2):
    """Plans and band of users with common deadline: splits stem..layer4 and local."""
    plans = records(np.zeros((len(queues), 6), PLAN))
    for n, (queue, gain) in enumerate(zip(queues, gains, strict=True)):
        for s, split in enumerate(reference.SPLITS):
            window = reference.slots(split, deadline_s)[1] * P.slot_s
            own = reference.e_loc(reference.MACS[split])
            plans[n, s] = (queue, gain, own, window, P.cut_bits[s + 1], P.cut_steepness[s + 1], 0.0)
        reached = P.accuracy_full if reference.t_loc(reference.TOTAL_MACS) <= deadline_s else P.accuracy_chance
        plans[n, 5] = (queue, gain, reference.e_loc(reference.TOTAL_MACS), 0.0, 0.0, 0.0, reached)
    band = records(np.zeros(1, BAND))
    band[0] = (bandwidth_hz, P.noise_w_hz, P.power_max_w, 2e-3, P.accuracy_full, P.accuracy_chance)
    return plans, band[0]


def solve(queues, gains, **setting):
    plans, band = problem(queues, gains, **setting)
    n = len(queues)
    splits, shares, powers = np.zeros(n, np.int64), np.zeros(n), np.zeros(n)
    value = solve_p11(plans, band, splits, shares, powers)
    return value, splits, shares, powers


@pytest.mark.parametrize(
    ("queues", "gains", "splits", "shares", "powers"),
    [
        ((0.02, 0.05, 0.03), (1.5e-12, 1e-12, 6e-13), (2, 2, 2), (3206723, 3396638, 3396638),
         (0.135974, 0.098561, 0.164269)),
        ((0.0, 0.08, 0.03), (5e-12, 4e-13, 6e-12), (0, 0, 0), (2062822, 1968310, 5968869), (0.2, 0.0193988, 0.0285249)),
    ],
)  # fmt: skip
def test_vectors_of_section_10(queues, gains, splits, shares, powers) -> None:
    _, found_splits, found_shares, found_powers = solve(queues, gains)
    assert tuple(found_splits) == splits
    np.testing.assert_allclose(found_shares, shares, rtol=1e-4)
    np.testing.assert_allclose(found_powers, powers, rtol=1e-4)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 3))
def test_property_7_and_brute_force(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    queues, gains = rng.uniform(1e-3, 0.08, n), 10.0 ** rng.uniform(-12.5, -11.0, n)
    value, splits, shares, powers = solve(queues, gains)
    plans, band = problem(queues, gains)
    assert shares.sum() == pytest.approx(10e6, rel=1e-12)
    prices = [
        plan_price_j2_hz(plans[i, splits[i]], shares[i], band)
        for i in range(n)
        if splits[i] < 5 and shares[i] > 0.0 and powers[i] < P.power_max_w * (1 - 1e-9)
    ]
    assert not prices or max(prices) <= min(prices) * (1 + 1e-6) + 1e-20
    best, scratch = -np.inf, np.zeros(n)
    for vector in itertools.product(range(6), repeat=n):
        if all(s == 5 or plans[i, s]["window_s"] > 0 for i, s in enumerate(vector)):
            best = max(best, allocate(plans, np.array(vector), band, scratch))
    assert value >= best - 1e-9 * 2e-3
    order = rng.permutation(n)
    _, again, moved, _ = solve(queues[order], gains[order])
    assert tuple(again) == tuple(splits[order])
    np.testing.assert_allclose(moved, shares[order], rtol=1e-9)


def test_marginal_value_falls_with_the_share() -> None:
    plans, band = problem((0.02, 0.0), (1e-12, 3e-12))
    for n, s in itertools.product(range(2), range(3)):
        prices = [plan_price_j2_hz(plans[n, s], share, band) for share in np.geomspace(1e4, 1e7, 60)]
        assert all(b <= a * (1 + 1e-9) + 1e-25 for a, b in itertools.pairwise(prices))
