"""What the placement world trades off: energy saved, rejections, latency."""

from __future__ import annotations

import numpy as np

from splitgym.worlds.tradeoffs import Cost, Part, share


def _latency(o: np.ndarray, before: np.ndarray, scenario: object) -> np.ndarray:
    return 0.0 - np.where(o["accepted"], share(o["latency_s"], o["latency_target_s"]), 0.0)


PARTS = (
    Part(
        "saved", "1", "share of the reference energy that an accepted application saves", 1.0,
        lambda o, before, scenario: o["reward_saved"].copy(),
    ),
    Part(
        "rejection", "1", "applications rejected", "reward.rejection_penalty",
        lambda o, before, scenario: 0.0 - o["rejected"],
    ),
    Part("latency", "targets", "of an accepted application's inference", 0.0, _latency),
)  # fmt: skip
COST = Cost(
    "1 for a rejection",
    lambda o, scenario: o["rejected"].astype(np.float64),
    lambda scenario: 0.1 * scenario.applications.count,
    "modelled: one application in ten may be rejected",
)
