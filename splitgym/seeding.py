"""From seeds to 64-bit keys: the one place where an episode's randomness begins."""

from __future__ import annotations

import numpy as np

from splitgym.checks import seed_of, whole_number
from splitgym.physics.random import child, fill_children


def seed_key(seed: int) -> np.uint64:
    """64-bit key of a seed (any integer >= 0, however large).  Raises ``ValueError`` otherwise."""
    return np.random.SeedSequence(seed_of(seed)).generate_state(1, np.uint64)[0]


def episode_key(key: np.uint64, episode: int) -> np.uint64:
    """Key of the ``episode``-th episode (from 0) after seeding.  Raises ``ValueError`` for a negative number."""
    return np.uint64(child(key, whole_number("episode", episode, 0, 2**63 - 1)))


def episode_keys(keys: np.ndarray, episodes: np.ndarray) -> np.ndarray:
    """:func:`episode_key` of n keys (n,) uint64 and numbers of episodes (n,) int64 >= 0, (n,) uint64."""
    out = np.empty(len(keys), np.uint64)
    fill_children(keys, episodes, out)
    return out
