"""What the multi-user world trades off, all devices together."""

from __future__ import annotations

from splitgym.worlds.multiuser.scenario import MultiUserScenario
from splitgym.worlds.tradeoffs import DEBT, ENERGY, Cost, Part, answers, energy_cost


def _limit(scenario: MultiUserScenario) -> float:
    return scenario.frames.count * scenario.users.count * scenario.frames.presence


PARTS = (
    Part("answers", "1", "right answers in time", 1.0, answers),
    DEBT,
    ENERGY,
    Part(
        "lateness", "1", "tasks not answered in time", 0.0,
        lambda o, before, scenario: (o["on_time"] - o["tasks"]).astype(float),
    ),
)  # fmt: skip
COST = Cost(
    "energy charged, in budgets of one task", energy_cost, _limit,
    "tasks of an episode in the mean: kept if the mean energy of a task is within the budget; each agent has its share",
)  # fmt: skip
