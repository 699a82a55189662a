"""Randomness of ``splitgym.physics``: the generator, fading and arrivals, against exact laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from splitgym.physics import arrivals as arrivals_physics
from splitgym.physics import fading as fading_physics
from splitgym.physics.fading import BLOCK, fading_block, fading_enter
from splitgym.physics.random import NORMAL_MAX, child, exponential, normal_pair, uniform
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING, ar1_coefficient

SLOT_S = 1e-3
BUILT_IN_FADING = [name for name in FADING if FADING[name].built_in]
keys = st.integers(0, 2**64 - 1).map(np.uint64)


def key_below(key: int, index: int) -> np.uint64:
    """:func:`child` as compiled code sees it (its result comes back as a Python integer)."""
    return np.uint64(child(np.uint64(key), index))


def lowered(model: str, **parameters: float) -> np.void:
    """FADING_PARAMS record of a built-in model at a slot of 1 ms."""
    return FADING[model].function(SLOT_S, **parameters)[()]


def path(f: np.void, key: int | np.uint64, blocks: int) -> np.ndarray:
    """Gains of one task's first ``blocks`` blocks, filled in order."""
    out = np.zeros((blocks, BLOCK))
    re, im = fading_enter(np.uint64(key), 0, f)
    for block in range(blocks):
        re, im = fading_block(np.uint64(key), block, re, im, f, out[block], np.empty((2, BLOCK)))
    return out.ravel()


def paths(f: np.void, n: int, blocks: int) -> np.ndarray:
    """Independent paths (n, blocks * BLOCK)."""
    return np.array([path(f, key_below(12345, i), blocks) for i in range(n)])


# ------------------------------------------------------------------ the generator
def test_child_is_splitmix64():
    """The published sequence of splitmix64 from state 1234567."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert [int(child(np.uint64(1234567), i)) for i in range(5)] == known


@given(key=keys)
def test_uniform_and_exponential(key):
    expected = ((int(key) >> 11) + 0.5) / 2.0**53
    assert uniform(key) == expected
    assert 0.0 < uniform(key) < 1.0
    assert exponential(key) == -math.log(expected)


@given(key=keys)
def test_normal_pair_is_box_muller(key):
    """Against the textbook formula with exact functions; the tables promise 1e-9 for logarithm, sine and cosine."""
    word = int(key)
    radius = math.sqrt(-2.0 * math.log(((word >> 24) + 0.5) / 2.0**40))
    angle = 2.0 * math.pi * ((word & 0xFFFFFF) + 0.5) / 2.0**24
    x, y = normal_pair(key)
    slack = 1e-8 if radius > 0.2 else 1e-6  # the root magnifies near u = 1
    assert abs(x - radius * math.cos(angle)) < slack
    assert abs(y - radius * math.sin(angle)) < slack


def test_normal_pair_extremes():
    for word in (0, 2**24 - 1, 2**63, 2**64 - 1, 15 << 54, 16 << 54, 17 << 54):
        x, y = normal_pair(np.uint64(word))
        assert math.isfinite(x)
        assert math.hypot(x, y) < NORMAL_MAX
    assert math.hypot(*normal_pair(np.uint64(0))) > 7.5


def test_normal_law():
    pairs = np.array([normal_pair(key_below(99, i)) for i in range(100_000)])
    for column in pairs.T:
        assert stats.kstest(column, "norm").pvalue > 1e-3
        assert abs(stats.skew(column)) < 0.03
        assert abs(stats.kurtosis(column)) < 0.06
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.01
    assert abs(np.corrcoef(pairs[1:, 0], pairs[:-1, 0])[0, 1]) < 0.01


def test_uniform_law_below_neighbouring_keys():
    """Children of neighbouring keys are as independent as children of one key."""
    table = np.array([[uniform(key_below(k, i)) for i in range(300)] for k in range(300)])
    assert stats.kstest(table.ravel(), "uniform").pvalue > 1e-3
    for a, b in ((table[1:], table[:-1]), (table[:, 1:], table[:, :-1]), (table, table.T)):
        inside = a is not table
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < (0.015 if inside else 0.02)


# ------------------------------------------------------------------ fading
@pytest.mark.parametrize("model", BUILT_IN_FADING)
def test_fading_has_mean_one(model):
    gains = paths(lowered(model), 4000, 12)
    assert (gains >= 0.0).all()
    # standard error from the spread of the path means, which are independent
    error = gains.mean(axis=1).std() / math.sqrt(len(gains))
    assert abs(gains.mean() - 1.0) < 4.0 * error + 1e-12
    assert error < 0.02


@pytest.mark.parametrize("model", BUILT_IN_FADING)
def test_fading_can_be_entered_at_any_block(model):
    f = lowered(model)
    for key in (1, 2, 77):
        whole = path(f, key, 40)
        for block in range(40):
            alone = np.zeros(BLOCK)
            re, im = fading_enter(np.uint64(key), block, f)
            fading_block(np.uint64(key), block, re, im, f, alone, np.empty((2, BLOCK)))
            np.testing.assert_array_equal(alone, whole[block * BLOCK : (block + 1) * BLOCK])


@pytest.mark.parametrize("model", ["rayleigh", "gauss_markov"])
def test_rayleigh_gains_are_exponential_in_every_slot(model):
    gains = paths(lowered(model), 6000, 3)
    for slot in (0, 1, 7, 15, 16, 17, 31, 32, 47):
        assert stats.kstest(gains[:, slot], "expon").pvalue > 1e-3, slot


def test_rician_moments():
    """|los + scatter x|^2 with unit mean: variance (2 K + 1) / (K + 1)^2."""
    for k_ratio in (0.0, 1.0, 4.0):
        gains = paths(lowered("rician", k_ratio=k_ratio, coherence_s=0.0), 400, 12)
        assert abs(gains.mean() - 1.0) < 0.02
        assert abs(gains.var() - (2.0 * k_ratio + 1.0) / (k_ratio + 1.0) ** 2) < 0.04
        # non-central chi square with two degrees of freedom, non-centrality 2 K
        law = stats.ncx2(2, 2.0 * k_ratio, scale=0.5 / (k_ratio + 1.0)) if k_ratio else stats.expon()
        assert stats.kstest(gains[:, ::5].ravel(), law.cdf).pvalue > 1e-3


def test_static_is_one():
    np.testing.assert_array_equal(path(lowered("static"), 5, 3), np.ones(3 * BLOCK))


@pytest.mark.parametrize("coherence_s", [5e-3, 40e-3])
def test_bridge_is_the_ar1_law_exactly(coherence_s):
    """Covariance of the slots as linear functions of the innovations equals r^|i-j|, borders of blocks included."""
    f, r = lowered("gauss_markov", coherence_s=coherence_s), math.exp(-SLOT_S / coherence_s)
    assert ar1_coefficient(coherence_s, SLOT_S) == r
    blocks = 3
    n_noise = blocks + 1 + blocks * BLOCK
    rows, anchor = [], np.zeros(n_noise)
    anchor[0] = 1.0
    for block in range(blocks):
        end = f["anchor_keep"] * anchor
        end[block + 1] += f["anchor_new"]
        x = anchor
        for here in range(BLOCK):
            rows.append(x)
            new = f["bridge_here"][here] * x + f["bridge_end"][here] * end
            new[blocks + 1 + block * BLOCK + here] += f["bridge_new"][here]
            x = new
        np.testing.assert_allclose(x, end, atol=1e-12)  # a bridge arrives
        anchor = end
    covariance = np.array(rows) @ np.array(rows).T
    lag = np.abs(np.subtract.outer(np.arange(len(rows)), np.arange(len(rows))))
    np.testing.assert_allclose(covariance, r**lag, atol=1e-12)


def test_gauss_markov_autocorrelation_across_block_borders():
    """Correlation of the gains |x|^2 of a complex Gaussian AR(1) is r^(2 lag)."""
    gains = paths(lowered("gauss_markov"), 20_000, 3)
    r = math.exp(-SLOT_S / 5e-3)
    for a, b in ((0, 1), (3, 5), (14, 15), (15, 16), (15, 17), (16, 17), (12, 20), (30, 33), (0, 16), (5, 40)):
        assert abs(np.corrcoef(gains[:, a], gains[:, b])[0, 1] - r ** (2 * (b - a))) < 0.04, (a, b)


def test_rayleigh_slots_are_independent():
    gains = paths(lowered("rayleigh"), 20_000, 2)
    for a, b in ((0, 1), (15, 16), (3, 9), (0, 16)):
        assert abs(np.corrcoef(gains[:, a], gains[:, b])[0, 1]) < 0.03


def test_gilbert_elliott_stays_and_depth():
    f = lowered("gilbert_elliott", good_s=20e-3, bad_s=5e-3, bad_depth_db=10.0)
    gains = paths(f, 60, 400)
    levels = np.unique(gains)
    assert len(levels) == 2
    assert math.isclose(levels[1] / levels[0], 10.0, rel_tol=1e-12)
    assert math.isclose(0.8 * levels[1] + 0.2 * levels[0], 1.0, rel_tol=1e-12)
    bad = gains == levels[0]
    assert abs(bad.mean() - 0.2) < 0.015
    assert abs(bad[:, 0].mean() - 0.2) < 0.2  # starts in the stationary law
    for state, mean_slots in ((bad, 5.0), (~bad, 20.0)):
        leaving = (state[:, :-1] & ~state[:, 1:]).sum() / state[:, :-1].sum()
        assert abs(1.0 / leaving - mean_slots) < 0.06 * mean_slots
    # no memory beyond the present state: leaving does not depend on the slot before
    stayed = bad[:, :-2] & bad[:, 1:-1]
    fresh = ~bad[:, :-2] & bad[:, 1:-1]
    leave = ~bad[:, 2:]
    assert abs(leave[stayed].mean() - leave[fresh].mean()) < 0.03


def test_fading_is_a_function_of_the_key():
    f = lowered("gauss_markov")
    np.testing.assert_array_equal(path(f, 3, 4), path(f, 3, 4))
    assert (path(f, 3, 4) != path(f, 4, 4)).all()


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("gauss_markov", {"coherence_s": -1.0}, "coherence_s.*>= 0 and <= 10000 s"),
        ("gauss_markov", {"coherence_s": math.nan}, "coherence_s"),
        ("rician", {"k_ratio": -1.0}, "k_ratio"),
        ("gilbert_elliott", {"good_s": 0.0}, "good_s.*>= 1e-06 and <= 1e.07 s"),
        ("gilbert_elliott", {"good_s": 1.5e-3, "bad_s": 1.5e-3}, r"too short for slots of radio\.slot_s=0\.\d+ s"),
        ("gilbert_elliott", {"bad_depth_db": -3.0}, "bad_depth_db"),
    ],
)
def test_fading_refuses_bad_parameters(model, parameters, message):
    with pytest.raises(ValueError, match=message):
        FADING[model].function(SLOT_S, **parameters)


# ------------------------------------------------------------------ arrivals
def instants(model: str, n: int, key: int = 5, **parameters: float) -> np.ndarray:
    """Arrival instants of a built-in model."""
    out = np.zeros(n)
    arrivals_physics.fill_arrivals(np.uint64(key), ARRIVALS[model].function(n, **parameters)[()], np.zeros(0), out)
    return out


def test_periodic_arrivals():
    np.testing.assert_array_equal(instants("periodic", 50, period_s=0.3), np.arange(50) * 0.3)


def test_poisson_arrivals():
    gaps = np.diff(instants("poisson", 20_000, mean_s=0.4))
    assert stats.kstest(gaps, "expon", args=(0.0, 0.4)).pvalue > 1e-3
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.03


def test_mmpp_rate_bursts_and_start():
    """Mean rate = stationary mix of the two rates; bursts make gaps overdispersed and the counts correlated."""
    parameters = {"calm_mean_s": 0.8, "burst_mean_s": 0.08, "calm_s": 8.0, "burst_s": 1.6}
    times_s = instants("mmpp", 200_000, **parameters)
    rate_hz = (8.0 / 0.8 + 1.6 / 0.08) / (8.0 + 1.6)
    assert abs(len(times_s) / times_s[-1] - rate_hz) < 0.05 * rate_hz
    gaps = np.diff(times_s)
    assert gaps.std() / gaps.mean() > 1.5
    # index of dispersion of counts tends to 1 + 2 s (r1 - r2)^2 d1 d2 / ((d1 + d2)^2 rate), s = d1 d2 / (d1 + d2)
    counts = np.histogram(times_s, np.arange(0.0, times_s[-1], 200.0))[0]
    calm, burst, stay = 1.25, 12.5, 8.0 * 1.6 / 9.6
    limit = 1.0 + 2.0 * stay * (burst - calm) ** 2 * (8.0 * 1.6 / 9.6**2) / rate_hz
    assert abs(counts.var() / counts.mean() - limit) < 0.25 * limit
    phases = [arrivals_physics.first_phase(key_below(1, i), ARRIVALS["mmpp"].function(1)[()]) for i in range(4000)]
    assert abs(np.mean(phases) - 1.6 / 9.6) < 0.025


def test_mmpp_with_equal_rates_is_poisson():
    gaps = np.diff(instants("mmpp", 20_000, calm_mean_s=0.3, burst_mean_s=0.3, calm_s=0.5, burst_s=0.2))
    assert stats.kstest(gaps, "expon", args=(0.0, 0.3)).pvalue > 1e-3


@pytest.mark.parametrize("model", [m for m in ARRIVALS if ARRIVALS[m].built_in and "file" not in ARRIVALS[m].defaults])
def test_arrivals_ascend_and_have_a_prefix_property(model):
    """More tasks do not change the first ones."""
    few, many = instants(model, 40), instants(model, 400)
    assert (np.diff(many) >= 0.0).all()
    assert many[0] >= 0.0
    np.testing.assert_array_equal(many[:40], few)


def test_fading_kinds_are_distinct():
    kinds = {name: int(lowered(name)["kind"]) for name in BUILT_IN_FADING}
    assert set(kinds.values()) == {fading_physics.GAUSSIAN, fading_physics.TWO_STATE}
