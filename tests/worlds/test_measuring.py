"""Figures of episodes side by side, against the same ones episode by episode."""

from __future__ import annotations

import math
import statistics

import numpy as np

from splitgym.worlds.measuring import Episodes

OUTCOME = np.dtype([("latency_s", "f8"), ("good", "?"), ("step", "i8")])


def episodes() -> tuple[Episodes, list[np.ndarray]]:
    """Episodes of 5, 1 and 3 steps, the last without a good one, and each by itself."""
    rng, lengths = np.random.default_rng(1), (5, 1, 3)
    outcomes = np.zeros((6, 3), OUTCOME)
    outcomes["latency_s"], outcomes["good"] = rng.random((6, 3)), rng.random((6, 3)) < 0.7
    outcomes["good"][0], outcomes["good"][:, 2], outcomes["step"] = True, False, np.arange(6)[:, None]
    live = np.arange(6)[:, None] < np.array(lengths)
    return Episodes(outcomes, live), [outcomes[:length, i] for i, length in enumerate(lengths)]


def test_totals_and_last_steps() -> None:
    together, alone = episodes()
    np.testing.assert_allclose(together.total("latency_s"), [sum(one["latency_s"]) for one in alone], rtol=1e-15)
    assert together.total("good").tolist() == [sum(one["good"]) for one in alone]
    assert together.total(together.outcomes["step"] == 0).tolist() == [1, 1, 1]
    assert together.final["step"].tolist() == [4, 0, 2]


def test_means_and_percentiles_of_what_is_chosen() -> None:
    together, alone = episodes()
    values, chosen = together.outcomes["latency_s"], together.outcomes["good"]
    means, (p25, p50) = together.mean(values, chosen), together.percentiles("latency_s", (25, 50), chosen)
    for i, one in enumerate(alone[:2]):
        good = one["latency_s"][one["good"]].tolist()
        assert math.isclose(means[i], statistics.fmean(good), rel_tol=1e-15)
        assert p50[i] == statistics.median(good)
        assert p25[i] <= p50[i]
    assert np.isnan([means[2], p25[2], p50[2]]).all()
    assert together.percentiles("latency_s", (50,))[0, 2] == statistics.median(alone[2]["latency_s"].tolist())
