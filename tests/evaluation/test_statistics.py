"""Robust means, bootstrap and comparisons: by hand, by laws, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from splitgym import evaluate, load_scenario
from splitgym.evaluation.statistics import (
    improvement,
    improvement_interval,
    interquartile_mean,
    iqm_interval,
    mean_interval,
    normalised,
    performance_profile,
    profile_interval,
    resampled,
    wins_ties,
)

SCORES = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=30).map(np.array)


def test_interquartile_mean_by_hand() -> None:
    assert interquartile_mean(np.array([100.0, 1.0, 2.0, 3.0, 4.0, -50.0, 5.0, 6.0])) == np.mean([2, 3, 4, 5])
    assert interquartile_mean(np.array([1.0, 2.0, 9.0])) == 4.0
    with pytest.raises(ValueError, match="at least one"):
        interquartile_mean(np.zeros(0))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scores=SCORES, seed=st.integers(0, 99))
def test_interquartile_mean_is_scipys_and_ignores_order(scores: np.ndarray, seed: int) -> None:
    found = interquartile_mean(scores)
    assert found == pytest.approx(stats.trim_mean(scores, 0.25), rel=1e-9, abs=1e-9)
    assert found == interquartile_mean(np.random.default_rng(seed).permutation(scores))
    assert scores.min() - 1e-9 <= found <= scores.max() + 1e-9


def test_bootstrap_stays_within_its_stratum() -> None:
    strata = [np.array([1.0, 2.0]), np.array([10.0, 20.0, 30.0])]
    samples = resampled(strata, 500, np.random.default_rng(0))
    assert samples.shape == (500, 5)
    assert set(np.unique(samples[:, :2])) == {1.0, 2.0}
    assert set(np.unique(samples[:, 2:])) == {10.0, 20.0, 30.0}


def test_interval_agrees_with_scipy_for_one_stratum() -> None:
    scores = np.random.default_rng(1).gamma(2.0, size=40)
    mean, low, high = iqm_interval([scores], draws=8000)
    theirs = stats.bootstrap(
        (scores,), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), n_resamples=8000, method="percentile"
    ).confidence_interval
    assert mean == pytest.approx(stats.trim_mean(scores, 0.25))
    assert (low, high) == (pytest.approx(theirs.low, abs=0.03), pytest.approx(theirs.high, abs=0.03))
    assert iqm_interval([scores]) == iqm_interval([scores])
    assert iqm_interval([scores], seed=1) != iqm_interval([scores])


def test_interval_covers_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(2), 0
    for _ in range(200):
        _, low, high = iqm_interval([rng.standard_normal(25), rng.standard_normal(25)], draws=400)
        covered += low <= 0.0 <= high
    assert 0.86 < covered / 200 < 0.995


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scores=SCORES)
def test_profiles_fall_from_one_to_nothing(scores: np.ndarray) -> None:
    profile = performance_profile([scores], np.linspace(scores.min() - 1, scores.max(), 20))
    assert profile[0] == 1.0
    assert profile[-1] == 0.0
    assert (np.diff(profile) <= 0.0).all()


def test_profile_by_hand() -> None:
    strata = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    assert performance_profile(strata, np.array([2.0, 0.0, 3.5])).tolist() == [0.5, 1.0, 0.25]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(a=SCORES, b=SCORES)
def test_improvement_and_its_opposite_make_one(a: np.ndarray, b: np.ndarray) -> None:
    assert improvement(a, b) + improvement(b, a) == pytest.approx(1.0)
    assert improvement(a, b) == pytest.approx(stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)))


def test_improvement_by_hand() -> None:
    ours, theirs = np.array([1.0, 3.0]), np.array([2.0, 3.0])
    assert improvement(ours, theirs) == (0 + 0 + 1 + 0.5) / 4
    chance, low, high = improvement_interval([ours, np.array([5.0])], [theirs, np.array([4.0])], draws=200)
    assert chance == pytest.approx(0.5 * (0.375 + 1.0))
    assert low <= chance <= high


def test_scores_run_from_random_to_the_bound() -> None:
    assert normalised(np.array([10.0, 20.0, 40.0]), 10.0, np.array([20.0, 30.0, 40.0])).tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(ValueError, match="not below every bound"):
        normalised(np.zeros(2), 5.0, np.array([6.0, 5.0]))
    assert wins_ties(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 4.0])) == (1, 1)


def test_summary_tells_scores_where_it_can() -> None:
    scenario = load_scenario("default", **{"tasks.count": 25})
    results = evaluate(["enachi", "random"], scenario=scenario, episodes=8, bound=True)
    entries = {entry["policy"]: entry for entry in results.summary()}
    zero = results.figure("random", "return").mean()
    scores = (results.figure("enachi", "return") - zero) / (results.bounds - zero)
    assert entries["enachi"]["score"] == pytest.approx(interquartile_mean(scores))
    assert entries["enachi"]["score_low"] <= entries["enachi"]["score"] <= entries["enachi"]["score_high"] <= 1.0
    assert (entries["enachi"]["wins"], entries["enachi"]["ties"]) == (0, 8)  # it is the best baseline itself
    assert "score" not in evaluate(["enachi"], scenario=scenario, episodes=2, bound=True).summary()[0]
    assert "score" not in evaluate(["enachi", "random"], scenario=scenario, episodes=2).summary()[0]


def test_profile_interval_holds_the_profile() -> None:
    rng = np.random.default_rng(3)
    strata, thresholds = [rng.normal(size=20), rng.normal(1.0, size=12)], np.linspace(-2.0, 3.0, 11)
    share, low, high = profile_interval(strata, thresholds)
    np.testing.assert_array_equal(share, performance_profile(strata, thresholds))
    assert (low <= share).all()
    assert (share <= high).all()
    assert (high - low).max() > 0.1
    np.testing.assert_array_equal(profile_interval([np.full(5, 0.5)], np.array([0.4, 0.5])), [[1.0, 0.0]] * 3)


TAKE_SCORES = {
    "interquartile_mean": interquartile_mean,
    "iqm_interval": lambda values: iqm_interval([values]),
    "performance_profile": lambda values: performance_profile([values], np.zeros(1)),
    "profile_interval": lambda values: profile_interval([values], np.zeros(1)),
    "improvement": lambda values: improvement(np.ones(2), values),
    "improvement_interval": lambda values: improvement_interval([np.ones(2)], [values]),
    "normalised": lambda values: normalised(values, 0.0, np.ones(3)),
}
NO_NUMBERS = [None, 3, 10**400, "x" * 5000, [[1], [2, 3]], np.ma.array([1.0, 2.0, 3.0], mask=[True, False, False])]


@pytest.mark.parametrize("odd", [*NO_NUMBERS, [], [1.0, 2.0, np.nan], [np.inf]], ids=range(9))
@pytest.mark.parametrize("name", TAKE_SCORES)
def test_what_is_no_score_is_refused(name, odd) -> None:
    """A NaN would be sorted as the highest score of all, a masked entry would count as what lies below its mask."""
    with pytest.raises(ValueError, match=r"must|masked|array") as said:
        TAKE_SCORES[name](odd)
    assert len(str(said.value)) < 300
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("odd", NO_NUMBERS, ids=range(6))
def test_means_are_of_numbers(odd) -> None:
    for function in (mean_interval, lambda values: wins_ties(values, np.zeros(3))):
        with pytest.raises(ValueError, match=r"must|masked|array"):
            function(odd)


@pytest.mark.parametrize("wrong", [{"level": 95}, {"level": np.nan}, {"draws": 0}, {"draws": 1.5}, {"seed": -1}])
def test_an_interval_has_a_level_draws_and_a_seed(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        iqm_interval([np.ones(3)], **wrong)
