"""What an evaluation reports about episodes of the multi-user world."""

from __future__ import annotations

import numpy as np

from splitgym.worlds.measuring import Episodes
from splitgym.worlds.multiuser.scenario import MultiUserScenario
from splitgym.worlds.world import Ledger, Measure

MEASURES = (
    Measure("return", "", "sum of rewards over devices: correct answers minus the price of the final energy debts", 1),
    Measure("accuracy", "%", "share of all tasks answered correctly in time", 1, 100.0),
    Measure("energy", "x budget", "charged energy per task over the budget", -1),
    Measure("final_debt", "budgets", "mean energy queue of a device at the end, in budgets of one task", -1),
    Measure("worst_debt", "budgets", "largest energy queue of a device at the end, in budgets of one task", -1),
    Measure("on_time", "%", "share of all tasks answered in time", 1, 100.0),
    Measure("edge_wait_s", "ms", "mean wait of a task for a worker of the edge", -1, 1e3),
)


def measure(outcomes: np.ndarray, live: np.ndarray, scenario: MultiUserScenario) -> dict[str, np.ndarray]:
    """Figures of n episodes.

    Args:
        outcomes: (n_steps, n) OUTCOME records.
        live: (n_steps, n) bool, False where an episode was already over.
        scenario: the setting.

    Returns:
        name -> (n,) values in SI units, one entry for each of ``MEASURES``; shares are NaN if there was no task.
    """
    budget_j = scenario.budget.energy_j
    episodes = Episodes(outcomes, live)
    total, final = episodes.total, episodes.final
    tasks = np.where(total("tasks") > 0, total("tasks"), np.nan)
    return {
        "return": total("reward"),
        "accuracy": total("correct") / tasks,
        "energy": total("energy_j") / (tasks * budget_j),
        "final_debt": final["queue_j"] / (scenario.users.count * budget_j),
        "worst_debt": final["queue_max_j"] / budget_j,
        "on_time": total("on_time") / tasks,
        "edge_wait_s": total("edge_wait_s") / tasks,
    }


def ledger(outcomes: np.ndarray, scenario: MultiUserScenario) -> Ledger:
    """Account of one episode, frame by frame, from its outcomes (n_frames,)."""
    return Ledger(*(outcomes[name].copy() for name in ("tasks", "correct", "energy_j", "queue_max_j")))
