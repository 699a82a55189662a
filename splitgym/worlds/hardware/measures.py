"""What an evaluation reports about episodes of the hardware world."""

from __future__ import annotations

import numpy as np

from splitgym.worlds.hardware.lowering import lower
from splitgym.worlds.hardware.scenario import HardwareScenario
from splitgym.worlds.measuring import Episodes
from splitgym.worlds.world import Measure

MEASURES = (
    Measure("return", "", "sum of rewards: energy saved against cloud-only on time, else minus the penalty", 1),
    Measure("energy", "J", "charged energy of a request", -1),
    Measure("saved", "%", "energy saved against cloud-only (nominal), violations included", 1, 100.0),
    Measure("latency_mean_s", "ms", "mean time from arrival to answer", -1, 1e3, ".1f"),
    Measure("latency_p95_s", "ms", "95th percentile of the time from arrival to answer", -1, 1e3),
    Measure("violated", "%", "share of requests answered after their threshold", -1, 100.0),
    Measure("accuracy", "%", "mean accuracy of the configurations used", 1, 100.0),
    Measure("cloud", "%", "share of requests that run on the server alone", -1, 100.0),
    Measure("split", "%", "share of requests that run on both", -1, 100.0),
    Measure("edge", "%", "share of requests that run on the edge device alone", -1, 100.0),
    Measure("switched", "%", "share of requests before which clock or accelerator changed", -1, 100.0),
)


def measure(outcomes: np.ndarray, live: np.ndarray, scenario: HardwareScenario) -> dict[str, np.ndarray]:
    """Figures of n episodes.

    Args:
        outcomes: (n_steps, n) OUTCOME records.
        live: (n_steps, n) bool, False where an episode was already over.
        scenario: the setting.

    Returns:
        name -> (n,) values in SI units, one entry for each of ``MEASURES``.
    """
    count, last = live.sum(axis=0), len(scenario.hardware.split_points) - 1

    episodes = Episodes(outcomes, live)

    def mean(values: np.ndarray | str) -> np.ndarray:
        return episodes.total(values) / count

    split = outcomes["split"]
    return {
        "return": episodes.total("reward"),
        "energy": mean("energy_j"),
        "saved": mean("saved_j") / float(lower(scenario).reference_j),
        "latency_mean_s": mean("latency_s"),
        "latency_p95_s": episodes.percentiles("latency_s", (95,))[0],
        "violated": mean(~outcomes["on_time"]),
        "accuracy": mean("accuracy"),
        "cloud": mean(split == 0),
        "split": mean((split > 0) & (split < last)),
        "edge": mean(split == last),
        "switched": mean("switched"),
    }
