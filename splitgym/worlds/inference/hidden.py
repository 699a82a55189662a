"""What an observation of the inference world leaves open: the law of the complexity given its hint, and draws of it."""

from __future__ import annotations

import hashlib

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from splitgym.jit import records
from splitgym.worlds.inference.layout import TASK

#: Columns of TASK that a policy does not see.
HIDDEN = ("complexity", "persistent", "jitter_s")
_POINTS = 4097  # of the table that inverts a distribution function; its error is below 1e-6


def complexity_given_hint(hint: float, spread: float, shares: np.ndarray) -> np.ndarray:
    """Quantiles (n,) of the complexity u given its hint, at ``shares`` (n,) in (0, 1).

    u is uniform on [0, 1] and hint = u + spread N(0, 1), clipped to [0, 1].  Between the ends the law is a normal one
    about the hint, cut off at 0 and 1.  At an end the hint says only that u + spread N lies beyond it.
    """
    if spread <= 0.0:
        return np.full(len(shares), hint)
    if 0.0 < hint < 1.0:
        low, high = ndtr(-hint / spread), ndtr((1.0 - hint) / spread)
        return np.clip(hint + spread * ndtri(low + shares * (high - low)), 0.0, 1.0)
    t = np.linspace(0.0, 1.0 / spread, _POINTS)  # distance from the end, in spreads
    mass = t * ndtr(-t) + (np.exp(-0.5 * t[0] ** 2) - np.exp(-0.5 * t**2)) / np.sqrt(2.0 * np.pi)
    if hint >= 1.0:
        return 1.0 - spread * np.interp((1.0 - shares) * mass[-1], mass, t)
    return spread * np.interp(shares * mass[-1], mass, t)


def seed_of_seen(tasks: np.ndarray) -> int:
    """A seed that depends on what is seen of the tasks (n,) TASK and on nothing else."""
    digest = hashlib.blake2b(digest_size=8)
    for name in TASK.names or ():
        if name not in HIDDEN:
            digest.update(np.ascontiguousarray(tasks[name]).tobytes())
    return int.from_bytes(digest.digest(), "little")


def draw_hidden(task: np.record, spread: float, jitter_s: float, draws: int, rng: np.random.Generator) -> tuple:
    """(draws,) copies of a task whose hidden columns are drawn anew, and keys (draws,) for gains and errors of slots.

    Complexities are quantiles that are spread evenly, also over the first few draws, with a random shift.
    """
    possible = np.repeat(np.asarray(task).reshape(1), draws)
    shares = (qmc.Halton(1, scramble=False).random(draws)[:, 0] + rng.random()) % 1.0
    possible["complexity"] = complexity_given_hint(float(task["hint"]), spread, np.maximum(shares, 1e-12))
    possible["persistent"] = rng.standard_normal(draws)
    possible["jitter_s"] = jitter_s * rng.exponential(size=draws)
    return records(possible), rng.integers(0, 2**64, draws, np.uint64)
