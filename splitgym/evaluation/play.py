"""Episodes of one policy, side by side: what came of every decision, and how long deciding took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from splitgym.envs.vector import SplitVectorEnv
from splitgym.evaluation.contenders import Contender, act

#: Called as progress(policy name, share done in [0, 1]).
Progress = Callable[[str, float], None]
#: Most calls of a progress function for one policy: drawing a bar takes longer than a decision.
_CALLS = 500


class Played(NamedTuple):
    """Finished episodes: outcomes (n_steps, n) OUTCOME, live (n_steps, n) False where one was over, decision time."""

    outcomes: np.ndarray
    live: np.ndarray
    decision_s: float


def play(c: Contender, env: SplitVectorEnv, observations: np.ndarray, progress: Progress | None = None) -> Played:
    """Play all rows of a freshly reset environment to their end; ``decision_s`` is the mean of one row's decision."""
    rows, n = env.rows, env.num_envs
    state, starts = None, np.ones(n, np.bool_)
    act(c.make(env), observations, rows.seen.masks.copy(), None, starts)  # compiled and loaded before the clock starts
    policy = c.make(env)
    live = np.ones(n, np.bool_)
    outcomes, lives, spent_s = [], [], 0.0
    every = max(rows.horizon // _CALLS, 1)
    while live.any():
        begin = time.perf_counter()
        actions, state = act(policy, rows.seen.observations.copy(), rows.seen.masks.copy(), state, starts)
        spent_s += time.perf_counter() - begin
        starts[:] = False
        rows.decide(actions)
        rows.turn(live, np.zeros(n, np.bool_))
        outcomes.append(rows.outcome_copy())
        lives.append(live)
        live = live & ~(rows.finished | rows.depleted)
        if progress is not None and len(lives) % every == 0 and live.any():
            progress(c.name, min(len(lives) / rows.horizon, 0.99))
    if progress is not None:
        progress(c.name, 1.0)
    records = np.frombuffer(b"".join(outcomes), env.world.outcome)  # stacking records compares their types, each
    return Played(records.reshape(len(lives), n), np.array(lives), spent_s / (len(lives) * n))
