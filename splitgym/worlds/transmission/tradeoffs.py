"""What the transmission world trades off: the answer, energy, slots."""

from __future__ import annotations

import numpy as np

from splitgym.worlds.tradeoffs import Cost, Part, answers

PARTS = (
    Part("answers", "1", "1 for a right answer at the end", 1.0, answers),
    Part(
        "energy", "budgets", "radio energy of the slot", "transmission.energy_price",
        lambda o, before, scenario: -o["energy_slot_j"] / scenario.transmission.budget_j,
    ),
    Part(
        "latency", "windows", "slots sent, over those that the deadline left", 0.0,
        lambda o, before, scenario: (before["slots_used"] - o["slots_used"]) / np.maximum(o["slots_available"], 1),
    ),
)  # fmt: skip
COST = Cost(
    "radio energy of the slot, in budgets of the task",
    lambda o, scenario: o["energy_slot_j"] / scenario.transmission.budget_j,
    lambda scenario: 1.0,
    "the budget of the episode's one task",
)
