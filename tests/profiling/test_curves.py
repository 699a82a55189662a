"""Measured points as an exponential or as a table."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitgym.profiling.curves import fit_exponential, tabulate


def exponential(shares: np.ndarray, k: float, full: float = 0.9, chance: float = 0.1) -> np.ndarray:
    return chance + (full - chance) * (1.0 - np.exp(-k * shares)) / (1.0 - math.exp(-k))


@pytest.mark.parametrize("k", [0.5, 4.0, 17.3, 60.0])
def test_points_of_an_exponential_give_back_its_steepness(k: float) -> None:
    shares = np.linspace(0.0, 1.0, 17)
    fit = fit_exponential(shares, exponential(shares, k), full=0.9, chance=0.1)
    assert fit.steepness == pytest.approx(k, rel=1e-3)
    assert fit.error < 1e-4
    assert fit.good


def test_the_error_is_the_largest_distance() -> None:
    """One point of a steep curve is moved by 5 points of accuracy where the curve is flat: it stays that far off."""
    shares = np.linspace(0.0, 1.0, 201)
    accuracies = exponential(shares, 20.0)
    accuracies[150] -= 0.05
    fit = fit_exponential(shares, accuracies, full=0.9, chance=0.1)
    assert fit.error == pytest.approx(0.05, abs=1e-3)
    assert fit.root_mean_square == pytest.approx(0.05 / math.sqrt(200), rel=0.05)
    assert not fit.good


def test_what_arrives_at_no_share_does_not_count() -> None:
    shares, accuracies = np.array([0.0, 0.5, 1.0]), np.array([0.7, 0.6, 0.9])
    with_zero = fit_exponential(shares, accuracies, full=0.9, chance=0.1)
    assert with_zero == fit_exponential(shares[1:], accuracies[1:], full=0.9, chance=0.1)


def test_a_table_by_hand() -> None:
    """What falls becomes its mean; what is above the full accuracy or below chance is held; the ends are given."""
    found = tabulate([0.0, 0.1, 0.2, 0.3, 0.6, 0.8, 1.0], [0.3, 0.05, 0.5, 0.4, 0.8, 0.95, 0.88], full=0.9, chance=0.1)
    assert found.shares == (0.0, 0.1, 0.2, 0.3, 0.6, 0.8, 1.0)
    # isotonic: (0.3, 0.05) pool to 0.175; (0.5, 0.4) to 0.45; (0.95, 0.88) to 0.915, held at 0.9
    assert found.accuracies == pytest.approx((0.1, 0.175, 0.45, 0.45, 0.8, 0.9, 0.9), abs=1e-6)


def test_the_order_of_points_does_not_count() -> None:
    shares, accuracies = [0.5, 0.0, 1.0, 0.25], [0.6, 0.1, 0.9, 0.4]
    assert tabulate(shares, accuracies, full=0.9, chance=0.1).accuracies == (0.1, 0.4, 0.6, 0.9)


@given(
    accuracies=st.lists(st.sampled_from([0.0, 1e-9, 0.1, 0.3, 0.5, 0.9, 1.0]), min_size=2, max_size=150),
    points=st.integers(2, 64),
)
def test_any_points_make_a_table_of_a_profile(accuracies: list[float], points: int) -> None:
    shares = np.linspace(0.0, 1.0, len(accuracies))
    found = tabulate(shares, accuracies, full=0.9, chance=0.1, points=points)  # refuses what a profile would refuse
    assert len(found.shares) <= points
    assert set(found.shares) <= {0.0, 1.0, *shares.tolist()}
    assert (found.accuracies[0], found.accuracies[-1]) == (0.1, 0.9)


def test_many_points_are_thinned_where_little_happens() -> None:
    shares = np.linspace(0.0, 1.0, 1001)
    exact = exponential(shares, 24.0)
    found = tabulate(shares, exact, full=0.9, chance=0.1, points=64)
    assert np.abs(np.interp(shares, found.shares, found.accuracies) - exact).max() < 0.005


@pytest.mark.parametrize(
    ("shares", "accuracies", "message"),
    [
        ([0.0, 1.0], [0.1], "two lists of one length"),
        ([1.0], [0.1], "two lists of one length"),
        ([0.0, 1.5], [0.1, 0.9], r"shares\[1\] must be a finite number"),
        ([0.0, 1.0], [0.1, math.nan], r"accuracies\[1\] must be a finite number"),
        ([0.5, 0.5], [0.1, 0.9], "shares must differ"),
    ],
)
def test_points_that_are_none(shares: list, accuracies: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_exponential(shares, accuracies, full=0.9, chance=0.1)
    with pytest.raises(ValueError, match=message):
        tabulate(shares, accuracies, full=0.9, chance=0.1)


def test_accuracies_that_are_no_ends() -> None:
    with pytest.raises(ValueError, match="0 <= chance < full <= 1"):
        fit_exponential([0.0, 1.0], [0.1, 0.9], full=0.1, chance=0.1)
    with pytest.raises(ValueError, match="points must be >= 2 and <= 64"):
        tabulate([0.0, 1.0], [0.1, 0.9], full=0.9, chance=0.1, points=65)
