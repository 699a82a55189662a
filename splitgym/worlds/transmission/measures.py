"""What an evaluation reports about episodes of the transmission world."""

from __future__ import annotations

import numpy as np

from splitgym.worlds.measuring import Episodes
from splitgym.worlds.transmission.scenario import TransmissionScenario
from splitgym.worlds.world import Measure

MEASURES = (
    Measure("return", "", "correct answer minus the price of the radio energy", 1, form=".3f"),
    Measure("accuracy", "%", "share of tasks answered correctly", 1, 100.0),
    Measure("expected", "%", "accuracy that an average sample would have with what was delivered", 1, 100.0),
    Measure("energy", "x budget", "radio energy over the task budget", -1),
    Measure("overspend", "x reference", "radio energy over the reference power in all slots", -1, form=".3f"),
    Measure("features", "%", "share of the features delivered", 1, 100.0),
    Measure("slots", "%", "share of the slots used", -1, 100.0),
    Measure("stopped", "%", "share of tasks that the agent stopped", 1, 100.0),
)


def measure(outcomes: np.ndarray, live: np.ndarray, scenario: TransmissionScenario) -> dict[str, np.ndarray]:
    """Figures of n episodes.

    Args:
        outcomes: (n_steps, n) OUTCOME records.
        live: (n_steps, n) bool, False where an episode was already over.
        scenario: the setting.

    Returns:
        name -> (n,) values in SI units, one entry for each of ``MEASURES``.
    """
    episodes = Episodes(outcomes, live)
    final = episodes.final
    energy_j = final["energy_radio_j"]
    return {
        "return": episodes.total("reward"),
        "accuracy": final["correct"].astype(np.float64),
        "expected": final["accuracy"],
        "energy": energy_j / scenario.transmission.budget_j,
        "overspend": energy_j / (final["reference_w"] * final["slots_available"] * scenario.radio.slot_s),
        "features": final["feature_ratio"],
        "slots": final["slots_used"] / final["slots_available"],
        "stopped": final["stopped"].astype(np.float64),
    }
