"""Sharing a band among users: ENACHI's vectors (s10), property 9.7 (s9.7), and optimality by other means."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from splitgym import load_scenario
from splitgym.jit import config, records
from splitgym.physics.bandwidth import (
    BAND,
    PLAN,
    allocate,
    choose_splits,
    first_tops,
    lower_tops,
    plan_power_w,
    plan_price_j2_hz,
    plan_value_j2,
    search_price,
    share_at_price_hz,
    solve_p11,
)
from splitgym.physics.cheapest import cheapest, read_choice
from splitgym.physics.demand import clipped_log_snr, demand, full_log_snr, g_of, log_snr
from splitgym.worlds.inference.lowering import lower
from tests.references import enachi as reference

P = lower(load_scenario("enachi"))
V = 2e-3
LOCAL = 5
FEW = 20 if config.DISABLE_JIT else 1  # brute force in plain Python is slow: one instance in so many


def problem(queues, gains, bandwidth_hz=10e6, deadline_s=0.2):
    """Plans and band of users with a common deadline: splits stem..layer4 and local."""
    plans = records(np.zeros((len(queues), 6), PLAN))
    for n, (queue, gain) in enumerate(zip(queues, gains, strict=True)):
        for s, split in enumerate(reference.SPLITS):
            window = reference.slots(split, deadline_s)[1] * P.slot_s
            own = queue * reference.e_loc(reference.MACS[split])
            plans[n, s] = (queue, gain, own, window, P.cut_bits[s + 1], P.cut_steepness[s + 1], 0.0, 0)
        reached = P.accuracy_full if reference.t_loc(reference.TOTAL_MACS) <= deadline_s else P.accuracy_chance
        plans[n, LOCAL] = (queue, gain, queue * reference.e_loc(reference.TOTAL_MACS), 0.0, 0.0, 0.0, reached, 0)
    band = records(np.zeros(1, BAND))
    for name in ("noise_w_hz", "power_max_w", "accuracy_full", "accuracy_chance"):
        band[name] = P[name]
    band["bandwidth_hz"], band["weight_j2"] = bandwidth_hz, V
    return plans, band[0]


def answer(plans, band):
    """Value [J^2], splits, shares [Hz] and powers [W] of ``solve_p11``."""
    n = len(plans)
    splits, shares, powers = np.full(n, 9), np.full(n, np.nan), np.full(n, np.nan)
    value = solve_p11(plans, band, splits, shares, powers)
    return value, splits, shares, powers


def draw(seed: int, users: int):
    """A random instance: some queues empty, some users alike."""
    rng = np.random.default_rng(seed)
    queues = rng.uniform(0.0, 0.2, users) * (rng.random(users) < 0.8)
    gains = 10.0 ** rng.uniform(-13.0, -10.5, users)
    if seed % 4 == 0:
        queues[1:], gains[1:] = queues[0], gains[0]
    deadline_s = 0.3 if rng.random() < 0.3 else rng.uniform(0.1, 0.3)
    return queues, gains, 10.0 ** rng.uniform(6.0, 7.3), deadline_s


def brute_force(plans, band) -> float:
    """The best value [J^2] over all vectors of feasible splits, each allocated exactly."""
    kinds = [[s for s, plan in enumerate(row) if plan["window_s"] > 0 or plan["wanted_bit"] == 0] for row in plans]
    shares = np.zeros(len(plans))
    return max(allocate(plans, np.array(vector), band, shares) for vector in itertools.product(*kinds))


# ------------------------------------------------------------------ the answer
@pytest.mark.parametrize(
    ("queues", "gains", "splits", "shares", "powers"),
    [
        ((0.02, 0.05, 0.03), (1.5e-12, 1e-12, 6e-13), (2, 2, 2), (3206723, 3396638, 3396638),
         (0.135974, 0.098561, 0.164269)),
        ((0.0, 0.08, 0.03), (5e-12, 4e-13, 6e-12), (0, 0, 0), (2062822, 1968310, 5968869), (0.2, 0.0193988, 0.0285249)),
    ],
)  # fmt: skip
def test_vectors_of_section_10(queues, gains, splits, shares, powers) -> None:
    _, found_splits, found_shares, found_powers = answer(*problem(queues, gains))
    assert tuple(found_splits) == splits
    np.testing.assert_allclose(found_shares, shares, rtol=1e-4)
    np.testing.assert_allclose(found_powers, powers, rtol=1e-4)


@pytest.mark.parametrize(("users", "count"), [(1, 100), (2, 400), (3, 200), (4, 24)])
def test_no_split_vector_is_better(users: int, count: int) -> None:
    chosen = Counter()
    for seed in range(0, count, FEW):
        plans, band = problem(*draw(seed, users))
        value, splits, shares, powers = answer(plans, band)
        parts = [plan_value_j2(plans[n, s], shares[n], band) for n, s in enumerate(splits)]
        assert sum(parts) == pytest.approx(value, rel=1e-12, abs=1e-15 * V)
        assert powers.tolist() == [plan_power_w(plans[n, s], shares[n], band) for n, s in enumerate(splits)]
        assert abs(value - brute_force(plans, band)) <= 1e-12 * V, seed
        chosen.update(splits.tolist())
    assert FEW > 1 or len(chosen) >= 3


@pytest.mark.parametrize(("users", "deadline_s"), [(3, 0.15), (3, 0.3), (20, 0.2), (20, 0.3)])
def test_property_7(users: int, deadline_s: float) -> None:
    for seed in range(0, 20, FEW):
        rng = np.random.default_rng(seed)
        queues, gains = rng.uniform(0.0, 0.2, users), 10.0 ** rng.uniform(-12.5, -11.0, users)
        plans, band = problem(queues, gains, deadline_s=deadline_s)
        value, splits, shares, powers = answer(plans, band)
        assert shares.sum() == pytest.approx(10e6 if powers.any() else 0.0, rel=1e-12)
        assert all(shares[splits == LOCAL] == 0.0)
        prices = []
        for n, s in enumerate(splits):
            if shares[n] > 0.0:
                bits = plans[n, s]["window_s"] * rate(shares[n], powers[n], gains[n])
                if bits < plans[n, s]["wanted_bit"] * (1 - 1e-9):  # at beta = 1 the price may lie in a kink
                    prices.append(plan_price_j2_hz(plans[n, s], shares[n], band))
        assert not prices or max(prices) <= min(prices) * (1 + 1e-9)
        order = rng.permutation(users)
        again, moved_splits, moved, _ = answer(plans[order], band)
        assert again == pytest.approx(value, rel=1e-13)
        assert tuple(moved_splits) == tuple(splits[order])
        np.testing.assert_allclose(moved, shares[order], rtol=1e-9)


def rate(share_hz, power_w, gain):
    """Shannon rate [bit/s]."""
    return share_hz * np.log2(1.0 + power_w * gain / (P.noise_w_hz * share_hz))


@pytest.mark.skipif(config.DISABLE_JIT, reason="150 instances of twenty users in plain Python")
def test_vectors_near_the_price_are_worth_trying() -> None:
    better = 0
    for seed in range(777, 927):
        rng = np.random.default_rng(seed)
        plans, band = problem(rng.uniform(0.0, 0.2, 20), 10.0 ** rng.uniform(-12.5, -11.0, 20), deadline_s=0.3)
        value, splits, shares, _ = answer(plans, band)
        by_price, bound, _ = search_price(plans, band, *np.empty((2, *plans.shape)), splits, shares, np.empty(20))
        assert by_price <= value <= bound + 1e-12 * V
        better += value > by_price + 1e-5 * V
    assert better >= 1


def test_a_split_that_is_left_out_is_never_the_best() -> None:
    """No net is above its top, from prices on both sides or one; leaving splits out changes no choice and no sum."""
    left_out = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        plans, band = problem(rng.uniform(0.0, 0.2, 6), 10.0 ** rng.uniform(-13.0, -11.0, 6))
        low, price, high = 10.0 ** np.sort(rng.uniform(-13.0, -9.0, 3))
        whole, few, guess = np.empty(plans.shape), np.empty(plans.shape), rng.integers(0, 6, 6)
        every, ends, tops = np.full(plans.shape, np.inf), np.empty((2, *plans.shape)), np.empty(plans.shape)
        choose_splits(plans, low, band, every, ends[0], np.zeros(6, np.int64))
        choose_splits(plans, high, band, every, ends[1], np.zeros(6, np.int64))
        splits = np.zeros(6, np.int64)
        wanted = choose_splits(plans, price, band, every, whole, splits)
        for most in (np.inf, high):
            first_tops(plans, band, tops)
            assert (whole <= tops).all()
            lower_tops(ends, low, most, price, band, tops)
            assert (whole <= tops).all()
            found = guess.copy()
            assert choose_splits(plans, price, band, tops, few, found) == wanted
            assert found.tolist() == splits.tolist()
            left_out += (few != whole).sum()
    assert left_out > 500


def test_users_alike_are_not_bound_to_split_alike() -> None:
    plans, band = problem([0.05] * 12, [8e-12] * 12, deadline_s=0.3)
    value, splits, _, _ = answer(plans, band)
    pairs = itertools.combinations(range(6), 2)
    vectors = [[a] * m + [b] * (12 - m) for a, b in pairs for m in range(13)]
    assert value == pytest.approx(max(allocate(plans, np.array(v), band, np.zeros(12)) for v in vectors), rel=1e-12)
    assert len(set(splits)) == 2


# ------------------------------------------------------------------ corners
def test_one_user_has_the_whole_band_and_ties_go_to_the_smallest_kind() -> None:
    plans, band = problem([0.02], [1e-12])
    _, splits, shares, powers = answer(plans, band)
    assert (splits[0], shares[0]) == (2, 10e6)
    assert powers[0] == plan_power_w(plans[0, 2], 10e6, band)
    for twins in (1, 2):
        plans, band = problem([0.02] * twins, [1e-12] * twins)
        plans[:, 4] = plans[:, 2]
        plans[:, 0] = plans[:, 2]
        assert answer(plans, band)[1].tolist() == [0] * twins


def test_spare_bandwidth_is_handed_out_in_proportion() -> None:
    plans, band = problem([0.0, 0.0], [3e-11, 1e-11], bandwidth_hz=200e6)  # full delivery leaves bandwidth over
    value, splits, shares, powers = answer(plans, band)
    assert value == pytest.approx(2 * V * P.accuracy_full, rel=1e-12)
    assert splits.tolist() == [0, 0]
    assert shares.sum() == pytest.approx(200e6, rel=1e-12)
    asked = [share_at_price_hz(plans[n, 0], 1e-30, band) for n in range(2)]
    assert shares[0] / shares[1] == pytest.approx(asked[0] / asked[1], rel=1e-9)
    assert all(powers <= P.power_max_w)


@pytest.mark.parametrize("users", [1, 2, 3])
def test_nobody_sends(users: int) -> None:
    plans, band = problem([50.0] * users, [1e-13] * users)  # no energy is worth a bit
    value, splits, shares, powers = answer(plans, band)
    assert splits.tolist() == [0] * users
    assert not powers.any()
    assert users == 1 or not shares.any()
    assert value == pytest.approx(users * (V * P.accuracy_chance - plans[0, 0]["cost_j2"]), rel=1e-12)


@pytest.mark.parametrize("users", [1, 2, 3, 6])
def test_a_user_without_feasible_plan_takes_no_part(users: int) -> None:
    plans, band = problem([0.02, 0.05, 0.03, 0.0, 0.1, 0.01][:users], [1.5e-12] * users)
    plans[0, :]["window_s"], plans[0, :]["wanted_bit"] = 0.0, 1e6
    value, splits, shares, powers = answer(plans, band)
    assert (splits[0], shares[0], powers[0]) == (0, 0.0, 0.0)
    if users == 1:
        assert value == 0.0
        return
    others = answer(plans[1:], band)
    assert value == pytest.approx(others[0], rel=1e-12)
    np.testing.assert_array_equal(splits[1:], others[1])
    np.testing.assert_allclose(shares[1:], others[2], rtol=1e-9)
    assert allocate(plans, splits, band, shares) == -np.inf


def test_the_weight_of_the_queue_is_only_that_of_transmit_energy() -> None:
    """The device's own energy enters as a cost: it moves the value, not the power."""
    plans, band = problem([0.02], [1e-12])
    before = plan_value_j2(plans[0, 2], 3e6, band), plan_power_w(plans[0, 2], 3e6, band)
    plans[0, 2]["cost_j2"] += 1e-4
    assert plan_value_j2(plans[0, 2], 3e6, band) == pytest.approx(before[0] - 1e-4, rel=1e-12)
    assert plan_power_w(plans[0, 2], 3e6, band) == before[1]


# ------------------------------------------------------------------ fixed splits
def slsqp(plans, splits, band, starts) -> float:
    """Best value [J^2] that scipy finds over shares [B] and powers [p_max] together, from several starts."""
    chosen = plans[np.arange(len(splits)), splits]
    queue, gain, window = chosen["queue_j"], chosen["gain"], chosen["window_s"]
    sends, users = chosen["wanted_bit"] > 0, len(splits)
    steep = np.where(sends, chosen["steepness"], 1.0)

    def value(x):
        share, power = np.maximum(x[:users], 1e-9) * band["bandwidth_hz"], np.clip(x[users:], 0, 1) * P.power_max_w
        ratio = np.minimum(window * rate(share, power, gain) / np.where(sends, chosen["wanted_bit"], 1.0), 1.0)
        curve = P.accuracy_chance + (P.accuracy_full - P.accuracy_chance) * np.expm1(-steep * ratio) / np.expm1(-steep)
        reached = np.where(sends, curve, chosen["reached"])
        return (V * reached - queue * power * window - chosen["cost_j2"]).sum() / V

    best = -np.inf
    for start in starts:
        band_left = {"type": "ineq", "fun": lambda x: 1.0 - x[:users].sum()}
        found = minimize(
            lambda x: -value(x), start, method="SLSQP", bounds=[(0, 1)] * (2 * users), constraints=band_left,
            options={"maxiter": 500, "ftol": 1e-13},
        ).x  # fmt: skip
        found[:users] /= max(found[:users].sum(), 1.0)
        best = max(best, value(found))
    return best * V


def test_general_optimisation_finds_nothing_better_for_fixed_splits() -> None:
    for seed in range(0, 25, min(FEW, 5)):
        rng = np.random.default_rng(seed)
        users = int(rng.integers(2, 5))
        queues, gains = rng.uniform(0, 0.2, users) * (rng.random(users) < 0.8), 10.0 ** rng.uniform(-12.5, -11, users)
        plans, band = problem(queues, gains, 10.0 ** rng.uniform(6.0, 7.3), rng.uniform(0.15, 0.3))
        splits, shares = rng.integers(0, 3, users), np.zeros(users)
        splits[rng.random(users) < 0.1] = LOCAL
        value = allocate(plans, splits, band, shares)
        starts = [np.r_[rng.dirichlet(np.ones(users)), rng.random(users)] for _ in range(4)]
        found = slsqp(plans, splits, band, starts)
        assert -1e-6 * V <= found - value <= 2e-7 * V, seed


# ------------------------------------------------------------------ one user at a price
def test_closed_form_and_root_search_agree() -> None:
    """Section 6.3 asks for it; every regime is met."""
    regimes = Counter()
    for seed in range(1500):
        rng = np.random.default_rng(seed)
        queue = 10.0 ** rng.uniform(-8, 1) if rng.random() < 0.75 else 0.0
        plans, band = problem([queue], [10.0 ** rng.uniform(-14, -9.5)], deadline_s=0.3)
        plan, price = plans[0, int(rng.integers(0, 5))], 10.0 ** rng.uniform(-14, -8)
        share, net = demand(plan, price, band)
        assert share == share_at_price_hz(plan, price, band)
        assert plan_value_j2(plan, share, band) - price * share == pytest.approx(net, abs=1e-12 * V)

        def above(log_share, plan=plan, price=price, band=band):
            return np.log(max(plan_price_j2_hz(plan, np.exp(log_share), band), 1e-300) / price)

        low, high = np.log(1e-2), np.log(1e14)
        if above(low) <= 0.0:
            assert share <= 1.01e-2
            regimes["nothing"] += 1
            continue
        assert share == pytest.approx(np.exp(brentq(above, low, high, xtol=1e-14, rtol=1e-14)), rel=1e-9)
        power = plan_power_w(plan, share, band)
        full = plan["window_s"] * rate(share, power, plan["gain"]) >= plan["wanted_bit"] * (1 - 1e-9)
        clipped = power >= P.power_max_w * (1 - 1e-9)
        regimes[queue > 0, "clipped" if clipped else "interior", "full" if full else "part"] += 1
    assert len(regimes) == 7, regimes
    assert min(regimes.values()) >= 10


def test_marginal_value_falls_with_the_share() -> None:
    plans, band = problem((0.02, 0.0), (1e-12, 3e-12))
    for n, s in itertools.product(range(2), range(3)):
        prices = [plan_price_j2_hz(plans[n, s], share, band) for share in np.geomspace(1e4, 1e7, 60)]
        assert all(b <= a * (1 + 1e-9) + 1e-25 for a, b in itertools.pairwise(prices))


def test_an_infeasible_plan_asks_for_nothing() -> None:
    plans, band = problem([0.02], [1e-12], deadline_s=0.1)
    assert plans[0, 3]["window_s"] == 0.0
    assert demand(plans[0, 3], 1e-10, band) == (0.0, -np.inf)
    assert plan_power_w(plans[0, 3], 1e6, band) == 0.0


@pytest.mark.parametrize("log_ratio", [-70.0, -20.0, -3.0, 0.0, 2.0, 30.0, 400.0])
def test_roots_solve_their_equations(log_ratio: float) -> None:
    z = log_snr(log_ratio)
    assert z + np.log(g_of(z)) == pytest.approx(log_ratio, rel=1e-13, abs=1e-13)
    for reach in (0.3, 1.0):
        z = clipped_log_snr(log_ratio if log_ratio < 9 else 5.0, 4.0, reach, 1.0)
        wanted = log_ratio if log_ratio < 9 else 5.0
        assert np.log(g_of(z)) - 4.0 * reach * z / np.expm1(z) == pytest.approx(wanted, rel=1e-13, abs=1e-12)
    z = full_log_snr(1.0 + np.exp(min(log_ratio, 20.0) / 4))
    assert np.expm1(z) / z == pytest.approx(1.0 + np.exp(min(log_ratio, 20.0) / 4), rel=1e-12)


def test_the_curve_keeps_its_digits() -> None:
    for z in (1e-9, 1e-4, 0.05, 0.0999, 0.1001):
        terms = [(-z) ** j / float(np.prod(np.arange(1.0, j + 1))) for j in range(20, 1, -1)]
        assert g_of(z) == pytest.approx(sum(terms), rel=5e-15)


# ------------------------------------------------------------------ cheapest choices
@pytest.mark.parametrize("room", [5, 16, 200])
def test_cheapest_choices_are_the_cheapest(room: int) -> None:
    for seed in range(20):
        losses = np.random.default_rng(seed).exponential(size=(4, 3))
        losses[np.arange(4), np.argmin(losses, axis=1)] = 0.0
        sums, parents, picks = np.empty((2, room)), np.empty((4, room), np.int64), np.empty((4, room), np.int64)
        count = cheapest(losses, 2.0, sums, parents, picks)
        every = sorted(losses[np.arange(4), v].sum() for v in itertools.product(range(3), repeat=4))
        wanted = [total for total in every if total < 2.0][:room]
        np.testing.assert_allclose(sums[0, :count], wanted, atol=1e-15)
        choice = np.empty(4, np.int64)
        for j in range(count):
            read_choice(parents, picks, j, choice)
            assert losses[np.arange(4), choice].sum() == pytest.approx(wanted[j], abs=1e-15)
