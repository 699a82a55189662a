"""What an evaluation reports about episodes of the placement world."""

from __future__ import annotations

import numpy as np

from splitgym.worlds.measuring import Episodes
from splitgym.worlds.placement.scenario import PlacementScenario
from splitgym.worlds.world import Measure

MEASURES = (
    Measure("return", "", "sum of rewards: energy saved against least-latency plans, minus the penalties", 1),
    Measure("accepted", "%", "share of all applications that were placed", 1, 100.0),
    Measure("saved", "%", "mean energy saved by accepted applications against least-latency plans", 1, 100.0),
    Measure("energy", "J", "mean energy of an inference of accepted applications", -1, form=".4f"),
    Measure("latency_share", "%", "mean latency over the target, of accepted applications", -1, 100.0),
    Measure("accuracy", "%", "mean accuracy of accepted applications", 1, 100.0),
    Measure("rejected", "%", "share of all applications that were rejected", -1, 100.0),
)


def measure(outcomes: np.ndarray, live: np.ndarray, scenario: PlacementScenario) -> dict[str, np.ndarray]:
    """Figures of n episodes.

    Args:
        outcomes: (n_steps, n) OUTCOME records.
        live: (n_steps, n) bool, False where an episode was already over.
        scenario: the setting.

    Returns:
        name -> (n,) values in SI units, one entry for each of ``MEASURES``; means are NaN if nothing was accepted.
    """
    count = scenario.applications.count
    episodes = Episodes(outcomes, live)

    def mean(values: np.ndarray) -> np.ndarray:
        return episodes.mean(values, outcomes["accepted"])

    target_s = np.where(outcomes["latency_target_s"] > 0.0, outcomes["latency_target_s"], 1.0)
    return {
        "return": episodes.total("reward"),
        "accepted": episodes.total("accepted") / count,
        "saved": mean(outcomes["saved"]),
        "energy": mean(outcomes["energy_j"]),
        "latency_share": mean(outcomes["latency_s"] / target_s),
        "accuracy": mean(outcomes["accuracy"]),
        "rejected": episodes.total("rejected") / count,
    }
