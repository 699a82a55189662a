"""From seeds to 64-bit keys: the one place where an episode's randomness begins, and whose seeds are whose.

Tests have the seeds below 2**32, training those from there on, validation those from 2**62 on.  What is fitted,
tuned or chosen learns on training seeds and is compared on validation seeds, so that test seeds are new to it.
"""

from __future__ import annotations

import numpy as np

from splitgym.checks import seed_of, seeds_of, whole_number
from splitgym.physics.random import child, fill_children

#: Training, fitting and recorded data sets have seeds from here on; those below are left to tests.
FIRST_TRAINING_SEED = 2**32
#: What is chosen among (checkpoints, hyper-parameters, fitted prices) is compared on seeds from here on.
FIRST_VALIDATION_SEED = 2**62


def validation_seeds(episodes: int) -> range:
    """Seeds of the first ``episodes`` validation episodes.  Raises ``ValueError`` for numbers outside the limits."""
    return seeds_of(FIRST_VALIDATION_SEED, episodes)


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
