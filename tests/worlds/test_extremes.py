"""Settings at the ends of what is accepted: every shipped policy plays them, every figure of an evaluation is there."""

from __future__ import annotations

import numpy as np
import pytest

import splitgym
from splitgym.ranges import DELAY, SPEED
from splitgym.show.comparison import summary_table

SHORT = {"tasks.count": 3}
#: Environment, changes.
ENDS = [
    ("SplitInference-v0", {**SHORT, "radio.distance_m": 1e5}),  # under 1 bit/s
    ("SplitInference-v0", {**SHORT, "radio.noise_dbm_hz": 0.0}),
    ("SplitInference-v0", {**SHORT, "device.clocks_hz": [1e13], "device.macs_per_cycle": 1e9}),  # above 1e18 op/s
    ("SplitInference-v0", {**SHORT, "device.clocks_hz": [1e13], "device.kappa_f": 1e-28}),  # above 1e7 W
    ("SplitInference-v0", {**SHORT, "device.clocks_hz": [1.0], "device.macs_per_cycle": 10.0}),
    ("SplitInference-v0", {**SHORT, "edge.clock_hz": 1e13, "edge.macs_per_cycle": 1e9, "edge.energy_j_per_mac": 1e-3}),
    ("SplitInference-v0", {**SHORT, "cloud.rtt_s": 1e4, "cloud.rtt_log_std": 2.0}),
    ("SplitInference-v0", {**SHORT, "device.bits_per_element": 1e4, "cloud.backhaul_bit_s": 20.0}),
    ("ProgressiveTransmission-v0", {"radio.distance_m": 1e5}),
    ("ProgressiveTransmission-v0", {"transmission.energy_price": 1e6}),
    ("SplitInferenceMultiUser-v0", {"frames.count": 3, "radio.distance_m": 5e4, "users.count": 2}),
    ("HardwareSplit-v0", {"requests.count": 3, "requests.weibull_shape": 0.1}),
    ("BlockPlacement-v0", {"applications.count": 2, "applications.slack_min": 1e-3, "applications.slack_max": 1e-3}),
    ("BlockPlacement-v0", {"applications.count": 2, "applications.slack_min": 1e6, "applications.slack_max": 1e6}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*unusual:UserWarning")
@pytest.mark.parametrize(("env_id", "changes"), ENDS)
def test_every_policy_plays_what_is_accepted(env_id: str, changes: dict) -> None:
    """Finite returns, none above the bound, no negative energy; the table can be drawn."""
    results = splitgym.evaluate(splitgym.policy_names(env_id), env_id, changes=changes, episodes=2, bound=True)
    assert results.bounds is not None
    for policy in results.policies:
        returns = results.figure(policy, "return")
        assert np.isfinite(returns).all(), policy
        assert (returns <= results.bounds).all(), policy
        for figure in ("energy", "energy_j"):
            if figure in results.rows()[0]:
                assert not (results.figure(policy, figure) < 0.0).any(), policy
    assert summary_table(results).count == len(results.policies)


@pytest.mark.filterwarnings("error")
def test_what_a_policy_works_out_warns_of_nothing() -> None:
    """The scenario's own values have been warned of; those of the instance that FIN makes of them are nobody's."""
    with pytest.warns(UserWarning, match="device.clocks_hz"):
        scenario = splitgym.load_scenario({"base": "default", "tasks": {"count": 3}, "device": {"clocks_hz": [1e4]}})
    splitgym.evaluate("fin", scenario=scenario, episodes=1)


def test_the_nearest_value_of_a_range() -> None:
    assert [SPEED.nearest(x) for x in (0.0, 5.0, 1e30)] == [1.0, 5.0, 1e18]
    assert [DELAY.nearest(x) for x in (-1.0, 1e-300, 0.5, 1e9)] == [0.0, 0.0, 0.5, 1e4]


# ------------------------------------------------------------------ scores
def unscored() -> splitgym.Results:
    """Ten tasks sent at no price, of which some cannot succeed: their bound is below the mean of random."""
    free = {"transmission.energy_price": 0.0}
    return splitgym.evaluate(
        ["random", "tracking"], "ProgressiveTransmission-v0", changes=free, episodes=10, bound=True
    )


def test_bounds_below_random_leave_no_score_but_all_the_rest(tmp_path) -> None:
    results = unscored()
    low = int((results.bounds <= results.figure("random", "return").mean()).sum())
    assert 0 < low < 10
    assert results.scores("tracking") is None
    assert results.unscored == f"on {low} of 10 traces the bound is not above the mean of random"
    assert all("score" not in entry and entry["gap"] >= 0.0 for entry in results.summary())
    assert str(summary_table(results).caption).endswith(f"no score: {results.unscored}")
    assert "tracking" in results.to_html(tmp_path / "page.html").read_text()
    alone = splitgym.evaluate("tracking", "ProgressiveTransmission-v0", episodes=1, bound=True)
    assert alone.unscored == "", "nothing is missing where nobody asked for a score"
