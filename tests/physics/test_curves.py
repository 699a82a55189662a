"""Tabulated accuracy curves: read as NumPy reads them, and best powers, demands and bands found by other means."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

import splitgym
from splitgym.jit import records
from splitgym.physics import dnn
from splitgym.physics.bandwidth import BAND, PLAN, allocate, plan_price_j2_hz, plan_value_j2, solve_p11
from splitgym.physics.demand import demand
from splitgym.physics.lyapunov import best_power_w, transmit_value_j2
from splitgym.profiles import load_profile
from splitgym.worlds.inference.lowering import lower
from tests.references.curves import SHAPES, dense, shaped, tabulated

FULL, CHANCE = 0.9, 0.1
N0 = 10.0 ** ((-174.0 + 7.0 - 30.0) / 10.0)
POWER_MAX, BAND_HZ, V = 0.2, 5e6, 2e-3
CONCAVE = ("concave", "line")
TIGHT = {"xatol": 1e-12}


def table(shape: str) -> dnn.Curve:
    points = shaped(shape, FULL, CHANCE)
    return dnn.table(points["shares"], points["accuracies"])


@st.composite
def tables(draw: Any) -> dnn.Curve:
    """Any table: up to seven points, flat pieces and steps among them."""
    inner = sorted(set(draw(st.lists(st.floats(1e-6, 0.999999), max_size=5))))
    levels = sorted(draw(st.lists(st.floats(CHANCE, FULL), min_size=len(inner), max_size=len(inner))))
    return dnn.table([0.0, *inner, 1.0], [CHANCE, *levels, FULL])


# ------------------------------------------------------------------ reading
@given(curve=tables(), ratio=st.floats(0.0, 1.0))
def test_a_table_is_read_by_linear_interpolation(curve: dnn.Curve, ratio: float) -> None:
    assert dnn.accuracy(ratio, curve) == pytest.approx(np.interp(ratio, curve.shares, curve.levels), abs=1e-12)
    for share, level in zip(curve.shares, curve.levels, strict=True):
        assert dnn.accuracy(share, curve) == level


@given(curve=tables(), ratio=st.floats(0.0, 1.0))
def test_an_accuracy_never_falls_not_even_by_rounding(curve: dnn.Curve, ratio: float) -> None:
    for near in (ratio, *curve.shares):
        here = dnn.accuracy(near, curve)
        assert dnn.accuracy(max(np.nextafter(near, 0.0), 0.0), curve) <= here
        assert here <= dnn.accuracy(min(np.nextafter(near, 2.0), 1.0), curve) <= FULL


@given(curve=tables(), target=st.floats(0.0, FULL))
def test_the_ratio_for_an_accuracy_is_the_least_one(curve: dnn.Curve, target: float) -> None:
    ratio = dnn.ratio_for(target, curve)
    assert 0.0 <= ratio <= 1.0
    assert (ratio == 0.0) == (target <= CHANCE) or ratio < 1e-300
    assert np.interp(ratio, curve.shares, curve.levels) == pytest.approx(max(target, CHANCE), abs=1e-9)
    if ratio > 1e-5:
        assert dnn.accuracy(ratio * (1.0 - 1e-9) - 1e-12, curve) < target + 1e-12


def test_by_hand() -> None:
    curve = dnn.table([0.0, 0.25, 0.5, 1.0], [0.1, 0.5, 0.5, 0.9])
    read = [dnn.accuracy(ratio, curve) for ratio in (0.0, 0.125, 0.25, 0.4, 0.5, 0.75, 1.0)]
    assert read == pytest.approx([0.1, 0.3, 0.5, 0.5, 0.5, 0.7, 0.9], abs=1e-15)
    slopes = [dnn.accuracy_slope(ratio, curve) for ratio in (0.0, 0.1, 0.25, 0.3, 0.5, 0.9, 1.0)]
    assert slopes == pytest.approx([1.6, 1.6, 0.0, 0.0, 0.8, 0.8, 0.0], abs=1e-14)
    ratios = [dnn.ratio_for(level, curve) for level in (0.05, 0.1, 0.3, 0.5, 0.500001, 0.7, 0.9)]
    assert ratios == pytest.approx([0.0, 0.0, 0.125, 0.25, 0.50000125, 0.75, 1.0], abs=1e-14)
    assert dnn.seen_ratio(0.7, curve, 0.3) == pytest.approx(0.75)
    assert dnn.seen_ratio(0.91, curve, 0.3) == pytest.approx(0.125)  # v = 0.1: as a sample of 0.9 * 0.1 / 0.3
    assert dnn.seen_ratio(0.95, curve, 0.3) == math.inf


def test_all_or_nothing_answers_to_everything() -> None:
    curve = dnn.exponential(0.0, FULL, CHANCE)
    assert dnn.accuracy(1.0, curve) == FULL


@pytest.mark.parametrize("steepness", [1.0, 4.0, 16.0, 24.0])
def test_a_dense_table_of_the_exponential_is_the_exponential(steepness: float) -> None:
    """Linear interpolation errs by at most h^2 max|A''| / 8 on a piece of width h."""
    exact, points = dnn.exponential(steepness, FULL, CHANCE), dense(steepness, FULL, CHANCE, 64)
    curve = dnn.table(*points)
    top = (FULL - CHANCE) * steepness**2 / -np.expm1(-steepness)
    for begin, end in itertools.pairwise(points[0]):
        most = (end - begin) ** 2 * top * np.exp(-steepness * begin) / 8
        for ratio in np.linspace(begin, end, 7):
            error = dnn.accuracy(ratio, exact) - dnn.accuracy(ratio, curve)
            assert -1e-12 <= error <= most + 1e-12
    for target in np.linspace(CHANCE, 0.97 * FULL, 50):
        assert dnn.ratio_for(target, curve) == pytest.approx(dnn.ratio_for(target, exact), abs=2e-3)


# ------------------------------------------------------------------ the best power of a split
def value_at(power_w: np.ndarray, queue_j: float, gain: float, band_hz: float, bits: float, curve: dnn.Curve) -> Any:
    """V A(beta(p)) - Q p T by NumPy, for T = 0.1 s."""
    ratio = np.minimum(0.1 * band_hz * np.log2(1.0 + power_w * gain / (N0 * band_hz)) / bits, 1.0)
    return V * np.interp(ratio, curve.shares, curve.levels) - queue_j * power_w * 0.1


@given(
    curve=tables(), queue_j=st.floats(1e-4, 0.5), gain=st.floats(1e-13, 1e-10), bits=st.floats(1e4, 1e7),
)  # fmt: skip
def test_no_power_is_better(curve: dnn.Curve, queue_j: float, gain: float, bits: float) -> None:
    found_w = best_power_w(V, queue_j, gain, BAND_HZ, N0, 0.1, bits, curve, POWER_MAX)
    assert 0.0 <= found_w <= POWER_MAX
    found = transmit_value_j2(V, queue_j, found_w, gain, BAND_HZ, N0, 0.1, bits, curve)
    assert found == pytest.approx(value_at(np.array(found_w), queue_j, gain, BAND_HZ, bits, curve), abs=1e-12)
    tried_w = np.concatenate([[0.0], np.geomspace(1e-9, POWER_MAX, 4000)])
    assert found >= value_at(tried_w, queue_j, gain, BAND_HZ, bits, curve).max() - 1e-12


def test_without_debt_all_power_is_free() -> None:
    assert best_power_w(V, 0.0, 1e-13, BAND_HZ, N0, 0.1, 1e7, table("waves"), POWER_MAX) == POWER_MAX


@pytest.mark.parametrize("queue_j", [0.002, 0.02, 0.1])
@pytest.mark.parametrize("steepness", [4.0, 16.0])
def test_the_value_is_that_of_the_exponential(queue_j: float, steepness: float) -> None:
    """To the largest error of the table."""
    curves = dnn.exponential(steepness, FULL, CHANCE), dnn.table(*dense(steepness, FULL, CHANCE, 64))
    shares = np.linspace(0.0, 1.0, 2000)
    error = max(dnn.accuracy(share, curves[0]) - dnn.accuracy(share, curves[1]) for share in shares)
    assert error < 0.01
    values = []
    for curve in curves:
        power_w = best_power_w(V, queue_j, 3e-12, BAND_HZ, N0, 0.1, 1.6e6, curve, POWER_MAX)
        values.append(transmit_value_j2(V, queue_j, power_w, 3e-12, BAND_HZ, N0, 0.1, 1.6e6, curve))
    assert -1e-15 <= values[0] - values[1] <= error * V * (1.0 + 1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_price_of_bandwidth_is_the_slope_of_the_value(shape: str) -> None:
    plans, band = problem(3, 1, (shape,))
    plan, checked = plans[0, 0], 0
    for queue_j, share_hz in itertools.product((0.003, 0.03, 0.3), np.geomspace(1e4, 1e7, 20)):
        plan["queue_j"] = queue_j
        values = [plan_value_j2(plan, share_hz * (1.0 + step), band) for step in (-2e-5, -1e-5, 0.0, 1e-5, 2e-5)]
        slopes = np.diff(values) / (1e-5 * share_hz)
        if np.ptp(slopes) <= 1e-4 * abs(slopes).max():  # no jump of the best power in between
            checked += 1
            assert plan_price_j2_hz(plan, share_hz, band) == pytest.approx(slopes.mean(), rel=1e-3, abs=1e-16)
    assert checked > 30


# ------------------------------------------------------------------ several users
def problem(seed: int, users: int, shapes: tuple[str, ...]) -> tuple[Any, Any]:
    """Plans (users, 2) of two splits with tables, and a band."""
    rng = np.random.default_rng(seed)
    plans, band = records(np.zeros((users, 2), PLAN)), records(np.zeros(1, BAND))
    for name, value in {
        "bandwidth_hz": 10.0 ** rng.uniform(6.0, 7.3),
        "noise_w_hz": N0,
        "power_max_w": POWER_MAX,
    }.items():
        band[name] = value
    band["weight_j2"], band["accuracy_full"], band["accuracy_chance"], band["tables"] = V, FULL, CHANCE, True
    for cut, shape in enumerate(shapes):
        points = shaped(shape, FULL, CHANCE)
        count = len(points["shares"])
        band["cut_points"][0, cut] = count
        band["cut_shares"][0, cut, :count], band["cut_levels"][0, cut, :count] = points["shares"], points["accuracies"]
    for n, s in itertools.product(range(users), range(2)):
        plan = plans[n, s]
        plan["queue_j"] = rng.uniform(0.0, 0.2) * (rng.random() < 0.8)
        plan["gain"], plan["window_s"] = 10.0 ** rng.uniform(-13.0, -10.5), rng.uniform(0.02, 0.2)
        plan["wanted_bit"], plan["cut"] = 10.0 ** rng.uniform(5.0, 6.8), (n + s) % len(shapes)
        plan["cost_j2"] = rng.uniform(0.0, 1e-4)
    return plans, band[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_share_is_worth_more_at_its_price(shape: str) -> None:
    """v(w) - price w by its share over a grid of shares, whose values are those of the best powers."""
    for seed in range(3):
        plans, band = problem(seed, 1, (shape,))
        for price in np.geomspace(1e-13, 1e-7, 7):
            share_hz, net = demand(plans[0, 0], price, band)
            grid = np.concatenate([[0.0, share_hz], np.geomspace(10.0, 1e9, 300)])
            values = np.array([plan_value_j2(plans[0, 0], w, band) for w in grid]) - price * grid
            assert net >= values.max() - 1e-12
            assert net == pytest.approx(values[1], abs=1e-8 * V)  # a step is steep


@pytest.mark.parametrize("users", [1, 2, 5])
def test_a_band_of_tables_is_shared_best(users: int) -> None:
    """Slopes that fall: the value is at least the dual bound, which nothing can exceed, at some price."""
    for seed in range(4):
        plans, band = problem(seed, users, CONCAVE)
        splits, shares = np.zeros(users, np.int64), np.zeros(users)
        value = allocate(plans, splits, band, shares)
        assert shares.sum() == pytest.approx(band["bandwidth_hz"], rel=1e-9) or shares.sum() == 0.0
        assert value == pytest.approx(sum(plan_value_j2(plans[n, 0], w, band) for n, w in enumerate(shares)), abs=1e-15)

        def bound(price: float) -> float:
            return price * band["bandwidth_hz"] + sum(demand(plans[n, 0], price, band)[1] for n in range(users))  # noqa: B023

        log_price = minimize_scalar(
            lambda x: bound(np.exp(x)), bounds=(-40.0, -14.0), method="bounded", options=TIGHT
        ).x
        best = np.exp(log_price)
        assert value <= bound(best) + 1e-12 * V
        assert value >= bound(best) - 1e-6 * V * users, seed


@pytest.mark.parametrize("shapes", [CONCAVE, ("waves", "steps")])
def test_the_joint_choice_of_splits(shapes: tuple[str, ...]) -> None:
    """No worse than any vector of splits, as long as slopes fall; at least feasible where they do not."""
    for seed in range(5):
        plans, band = problem(100 + seed, 3, shapes)
        splits, shares, powers = np.zeros(3, np.int64), np.zeros(3), np.zeros(3)
        value = solve_p11(plans, band, splits, shares, powers)
        assert shares.sum() <= band["bandwidth_hz"] * (1 + 1e-9)
        assert (powers >= 0.0).all()
        assert (powers <= POWER_MAX).all()
        others = [allocate(plans, np.array(v), band, np.zeros(3)) for v in itertools.product(range(2), repeat=3)]
        if shapes == CONCAVE:
            assert value >= max(others) - 1e-9 * V
        assert value >= V * CHANCE * 3 - sum(plans["cost_j2"].max(axis=1))


# ------------------------------------------------------------------ in the worlds
def test_the_tables_reach_the_kernel() -> None:
    dnn_ = tabulated(load_profile("resnet50"), "waves")
    p = lower(splitgym.load_scenario("default", dnn=dnn_))
    points = shaped("waves", dnn_.accuracy_full, dnn_.accuracy_chance)
    for cut in (1, 5):
        assert p.cut_steepness[cut] == 0.0
        count = int(p.cut_points[cut])
        assert p.cut_shares[cut, :count].tolist() == points["shares"]
        assert p.cut_levels[cut, :count].tolist() == points["accuracies"]
    assert p.cut_points[0] == p.cut_points[6] == 0


def test_a_profile_without_tables_has_the_digest_it_had() -> None:
    profile = load_profile("resnet50")
    assert "curve" not in str(profile.decisive())
    assert tabulated(profile, "line").digest() != profile.digest()
    assert splitgym.profiles.DnnProfile(**tabulated(profile, "line").to_dict()) == tabulated(profile, "line")


@pytest.mark.parametrize("name", ["enachi", "myopic", "lyap_prog"])
def test_policies_play_a_dense_table_as_the_exponential(name: str) -> None:
    """64 points err by less than 0.1 points of accuracy: so do the results."""
    profile = load_profile("resnet50")
    scores = []
    for network in (profile, tabulated(profile, points=64)):
        results = splitgym.evaluate([name], scenario=splitgym.load_scenario("default", dnn=network), episodes=4, seed=3)
        scores.append(float(results.figure(name, "return").mean()))
    assert scores[1] == pytest.approx(scores[0], rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("env_id", "preset", "policies", "changes"),
    [
        ("SplitInference-v0", "default", ["enachi", "dynasplit", "fin", "myopic", "lyap"], {"tasks.count": 60}),
        ("SplitInferenceMultiUser-v0", "default", ["enachi", "random"], {"frames.count": 15, "users.count": 3}),
        ("ProgressiveTransmission-v0", "default", ["tracking", "waterfilling"], {}),
    ],
)
def test_no_policy_exceeds_the_bound(env_id: str, preset: str, policies: list[str], changes: Any, shape: str) -> None:
    network = tabulated(load_profile("resnet50"), shape)
    results = splitgym.evaluate(policies, env_id, preset, 3, 5, changes={"dnn": network, **changes}, bound=True)
    for name in policies:
        assert (results.figure(name, "return") <= results.bounds).all()
