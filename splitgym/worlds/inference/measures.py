"""What an evaluation reports about episodes of the inference world."""

from __future__ import annotations

import itertools

import numpy as np

from splitgym.worlds.inference.kernel import queue_after_j
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.measuring import Episodes
from splitgym.worlds.world import Ledger, Measure

MEASURES = (
    Measure("return", "", "sum of rewards: correct answers minus the price of the final energy debt", 1),
    Measure("accuracy", "%", "share of all tasks answered correctly in time", 1, 100.0),
    Measure("energy", "x budget", "charged energy per task over the budget", -1),
    Measure("final_debt", "budgets", "energy queue at the end, in budgets of one task", -1),
    Measure("on_time", "%", "share of all tasks answered in time", 1, 100.0),
    Measure("missed", "%", "share of all tasks that waited too long to be served", -1, 100.0),
    Measure("latency_p50_s", "ms", "median time from arrival to answer, of tasks on time", -1, 1e3),
    Measure("latency_p95_s", "ms", "95th percentile of the time to answer, of tasks on time", -1, 1e3),
    Measure("latency_p99_s", "ms", "99th percentile of the time to answer, of tasks on time", -1, 1e3),
)


def measure(outcomes: np.ndarray, live: np.ndarray, scenario: InferenceScenario) -> dict[str, np.ndarray]:
    """Figures of n episodes.

    Args:
        outcomes: (n_steps, n) OUTCOME records.
        live: (n_steps, n) bool, False where an episode was already over.
        scenario: the setting.

    Returns:
        name -> (n,) values in SI units, one entry for each of ``MEASURES``; latencies are NaN without a task on time.
    """
    count, budget_j = scenario.tasks.count, scenario.budget.energy_j
    episodes = Episodes(outcomes, live)
    total, final = episodes.total, episodes.final
    p50, p95, p99 = episodes.percentiles("latency_s", (50, 95, 99), outcomes["on_time"])
    return {
        "return": total("reward"),
        "accuracy": total("correct") / count,
        "energy": total("energy_j") / (count * budget_j),
        "final_debt": final["queue_j"] / budget_j,
        "on_time": total("on_time") / count,
        "missed": final["missed_total"] / count,
        "latency_p50_s": p50,
        "latency_p95_s": p95,
        "latency_p99_s": p99,
    }


def ledger(outcomes: np.ndarray, scenario: InferenceScenario) -> Ledger:
    """Account of one whole episode, task by task, from its outcomes (n_decisions,): missed tasks cost nothing."""
    energy_j, correct = np.zeros(scenario.tasks.count), np.zeros(scenario.tasks.count, np.int64)
    energy_j[outcomes["task"]], correct[outcomes["task"]] = outcomes["energy_j"], outcomes["correct"]
    budget_j = scenario.budget.energy_j
    debts_j = itertools.accumulate(
        energy_j, lambda debt_j, spent_j: queue_after_j(debt_j, spent_j, budget_j), initial=0.0
    )
    return Ledger(np.ones_like(correct), correct, energy_j, np.fromiter(debts_j, np.float64)[1:])
