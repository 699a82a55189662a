"""Episodes of one policy, side by side: what came of every decision, and how long deciding took."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from splitgym.envs.vector import SplitVectorEnv
from splitgym.evaluation.policies import Contender, act
from splitgym.progress import PREPARING, Progress
from splitgym.quoting import shown
from splitgym.worlds.world import World

#: Most calls of a progress function for one policy: drawing a bar takes longer than a decision.
_CALLS = 500


class Played(NamedTuple):
    """Finished episodes of n rows.

    ``outcomes`` (n_steps, n) OUTCOME, ``live`` (n_steps, n) bool, False where an episode was already over, ``depleted``
    (n,) bool, whether a hard battery ended it, and ``decision_s``, the mean time of a row's decision.
    """

    outcomes: np.ndarray
    live: np.ndarray
    depleted: np.ndarray
    decision_s: float


def play(
    c: Contender,
    world: World,
    scenario: Any,
    episodes: int,
    seed: int,
    *,
    traces: list[Any] | None = None,
    num_threads: int = 1,
    progress: Progress | None = None,
) -> Played:
    """Play episodes of a policy side by side to their end; episode i is that of seed ``seed + i`` or of its trace."""
    env = SplitVectorEnv(
        episodes, world.name, scenario, c.action, c.episode_options, "Disabled", num_threads=num_threads
    )
    observations, _ = env.reset(seed=seed, options={} if traces is None else {"trace": traces})
    with contextlib.nullcontext() if c.shared else _one_torch_thread():  # what comes with the package needs no torch
        played = _played(c, env, observations, progress)
    env.close()
    return played


@contextlib.contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Torch rounds by the number of its threads, which is another in a worker and on another machine."""
    torch: Any = sys.modules.get("torch")
    if torch is None or torch.get_num_threads() == 1:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _clock() -> Callable[[], float]:
    """What measures decisions [s]: in a thread beside others its own time, since it waits for these."""
    return time.perf_counter if threading.current_thread() is threading.main_thread() else time.thread_time


def _played(c: Contender, env: SplitVectorEnv, observations: np.ndarray, progress: Progress | None) -> Played:
    rows, n = env.rows, env.num_envs
    if progress is not None:
        progress(PREPARING + c.name, 0.0)
    state, starts = None, np.ones(n, np.bool_)
    act(c.make(env), observations, rows.seen.masks.copy(), None, starts)  # compiled and loaded before the clock starts
    policy = c.make(env)
    live = np.ones(n, np.bool_)
    outcomes, lives, spent_s = [], [], 0.0
    every, clock = max(rows.horizon // _CALLS, 1), _clock()
    while live.any():
        begin = clock()
        actions, state = act(policy, rows.seen.observations.copy(), rows.seen.masks.copy(), state, starts)
        spent_s += clock() - begin
        starts[:] = False
        try:
            rows.decode(actions)
        except ValueError as error:
            raise ValueError(f"policy {shown(c.name)}: {error}") from error
        rows.turn(live, np.zeros(n, np.bool_))
        outcomes.append(rows.outcome_copy())
        lives.append(live)
        live = live & ~(rows.finished | rows.depleted)
        if progress is not None and len(lives) % every == 0 and live.any():
            progress(c.name, min(len(lives) / rows.horizon, 0.99))
    if progress is not None:
        progress(c.name, 1.0)
    records = np.frombuffer(b"".join(outcomes), env.world.outcome)  # stacking records compares their types, each
    return Played(records.reshape(len(lives), n), np.array(lives), rows.depleted.copy(), spent_s / (len(lives) * n))
