"""``splitgym.evaluate``: several policies, one scenario, common traces."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from splitgym.envs.vector import SplitVectorEnv
from splitgym.evaluation.certified import bounds
from splitgym.evaluation.contenders import Contender, act, contender
from splitgym.evaluation.results import Results
from splitgym.worlds.world import world_of

#: Called as progress(policy name, share done in [0, 1]).
Progress = Callable[[str, float], None]


def evaluate(
    policies: Any | Iterable[Any],
    env_id: str = "SplitInference-v0",
    scenario: Any = "default",
    episodes: int = 20,
    seed: int = 0,
    *,
    changes: Mapping[str, Any] | None = None,
    traces: list[Any] | None = None,
    num_threads: int = 1,
    trust: bool = False,
    bound: bool = False,
    progress: Progress | None = None,
) -> Results:
    """Run policies on the same traces and gather what came of it.

    Args:
        policies: one or several of: a registered name, the path of a trained model, an object with ``predict``.
        env_id, scenario, changes: the setting; ``changes`` are dotted scenario paths.
        episodes: number of episodes; episode i plays seed ``seed + i`` for every policy.
        seed: first seed, also of the policies' own randomness.
        traces: recorded traces to replay instead of drawn ones, one for each episode.
        num_threads: threads of the simulation; results do not depend on it.
        trust: load a stranger's model file although it can run code.
        bound: also compute the certified upper bound of every trace, and each policy's gap to it.
        progress: called as ``progress(name, share)``.

    Returns:
        :class:`Results`: one row for each policy and episode.

    Raises:
        ValueError: unknown names, no episodes, two policies of one name, a model of another environment.
    """
    many = [policies] if isinstance(policies, str) or hasattr(policies, "predict") else list(policies)
    if not many or episodes < 1:
        raise ValueError(f"need at least one policy and one episode, got {len(many)} and {episodes}")
    if traces is not None and len(traces) != episodes:
        raise ValueError(f"traces must hold one for each of {episodes} episodes, got {len(traces)}")
    world = world_of(env_id)
    contenders = [contender(policy, world.name, seed=seed, trust=trust) for policy in many]
    names = [c.name for c in contenders]
    if len(set(names)) != len(names):
        raise ValueError(f"policies need different names, got {names}")
    setting = world.load_scenario(scenario, **(changes or {}))
    results = Results(world, setting, agents=frozenset(c.name for c in contenders if c.agent), changes=changes)
    if bound:
        results.set_bounds(bounds(env_id, setting, episodes, seed, traces=traces, progress=progress))
    for c in contenders:
        env = SplitVectorEnv(
            episodes, world.name, setting, c.action, c.episode_options, "Disabled", num_threads=num_threads
        )
        options = {} if traces is None else {"trace": traces}
        observations, _ = env.reset(seed=seed, options=options)
        results.add(c.name, seed, _play(c, env, observations, progress))
        env.close()
    return results


def _play(
    c: Contender, env: SplitVectorEnv, observations: np.ndarray, progress: Progress | None
) -> dict[str, np.ndarray]:
    """Play all rows of a freshly reset environment to their end; figures by name, each (n,)."""
    rows, n = env.rows, env.num_envs
    state, starts = None, np.ones(n, np.bool_)
    act(c.make(env), observations, rows.seen.masks.copy(), None, starts)  # compiled and loaded before the clock starts
    policy = c.make(env)
    live = np.ones(n, np.bool_)
    outcomes, lives, spent_s = [], [], 0.0
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
        if progress is not None:
            progress(c.name, 1.0 if not live.any() else min(len(lives) / rows.horizon, 0.99))
    figures = env.world.measure(np.array(outcomes), np.array(lives), rows.scenario)
    return {**figures, "decision_s": np.full(n, spent_s / (len(lives) * n))}
