"""What the inference world trades off: answers, energy, latency."""

from __future__ import annotations

from splitgym.worlds.tradeoffs import DEBT, ENERGY, Cost, Part, answers, energy_cost

PARTS = (
    Part("answers", "1", "right answers in time", 1.0, answers),
    DEBT,
    ENERGY,
    Part(
        "latency", "longest deadlines", "arrival to answer, or to giving up", 0.0,
        lambda o, before, scenario: -o["latency_s"] / scenario.tasks.deadline_max_s,
    ),
)  # fmt: skip
COST = Cost(
    "energy charged, in budgets of one task", energy_cost, lambda scenario: float(scenario.tasks.count),
    "tasks of an episode: kept exactly if the mean energy of a task is within the budget",
)  # fmt: skip
