"""What the hardware world trades off: energy saved, thresholds kept, latency."""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.worlds.tradeoffs import Cost, Part, share


def _late(outcomes: Any) -> Any:
    return (outcomes["cost_s"] > 0.0).astype(np.float64)


PARTS = (
    Part(
        "saved", "1", "share of a nominal cloud-only request's energy that an answer in time saved", 1.0,
        lambda o, before, scenario: o["reward_saved"].copy(),
    ),
    Part(
        "violation", "1", "answers after the threshold", "reward.violation_penalty",
        lambda o, before, scenario: 0.0 - _late(o),
    ),
    Part(
        "energy", "cloud-only requests", "energy charged", 0.0,
        lambda o, before, scenario: -share(o["energy_j"], o["saved_j"] + o["energy_j"]),
    ),
    Part(
        "latency", "thresholds", "arrival to answer", 0.0,
        lambda o, before, scenario: -share(o["latency_s"], o["threshold_s"]),
    ),
)  # fmt: skip
COST = Cost(
    "1 for an answer after the threshold",
    lambda o, scenario: _late(o),
    lambda scenario: 0.1 * scenario.requests.count,
    "modelled: one request in ten may be late",
)
