"""Results that were found apart, put together."""

from __future__ import annotations

import numpy as np
import pytest

import splitgym


def test_results_found_apart_equal_those_found_together() -> None:
    a, b = (splitgym.evaluate(name, episodes=2, bound=True) for name in ("random", "device"))
    whole, together = a.merge(b), splitgym.evaluate(["random", "device"], episodes=2, bound=True)
    assert whole.policies == together.policies == ["random", "device"]
    assert a.policies == ["random"]
    for policy in whole.policies:
        for name in ("return", "gap", "energy"):
            np.testing.assert_array_equal(whole.figure(policy, name), together.figure(policy, name))
    assert whole.identities == together.identities
    assert (whole.scores("device") == together.scores("device")).all()  # pyright: ignore[reportAttributeAccessIssue]


def test_what_does_not_fit_is_refused() -> None:
    one = splitgym.evaluate("random", episodes=2)
    for other, words in (
        (splitgym.evaluate("device", episodes=2, seed=1), "other seeds"),
        (splitgym.evaluate("device", episodes=3), "other seeds"),
        (splitgym.evaluate("device", scenario="bursty", episodes=2), "another setting"),
        (splitgym.evaluate("device", episodes=2, bound=True), "with bounds"),
        (one, "'random' is in two"),
        ("random", "merge takes Results"),
    ):
        with pytest.raises(ValueError, match=words):
            one.merge(other)  # pyright: ignore[reportArgumentType]
