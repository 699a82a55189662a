"""From seeds to 64-bit keys: the one place where an episode's randomness begins."""

from __future__ import annotations

import numpy as np

from splitgym.physics.random import child


def seed_key(seed: int) -> np.uint64:
    """64-bit key of a seed (any integer >= 0, however large).  Raises ``ValueError`` otherwise."""
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed must be an integer >= 0, got {seed!r}")
    return np.random.SeedSequence(int(seed)).generate_state(1, np.uint64)[0]


def episode_key(key: np.uint64, episode: int) -> np.uint64:
    """Key of the ``episode``-th episode (from 0) after seeding.  Raises ``ValueError`` for a negative number."""
    if episode < 0:
        raise ValueError(f"episode must be an integer >= 0, got {episode!r}")
    return np.uint64(child(key, episode))
