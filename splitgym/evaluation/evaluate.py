"""``splitgym.evaluate``: several policies, one scenario, common traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from splitgym.evaluation.certified import bounds
from splitgym.evaluation.contenders import contenders_of
from splitgym.evaluation.play import Progress, play
from splitgym.evaluation.results import Results
from splitgym.worlds.world import world_of


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
    if episodes < 1:
        raise ValueError(f"need at least one policy and one episode, got episodes={episodes}")
    if traces is not None and len(traces) != episodes:
        raise ValueError(f"traces must hold one for each of {episodes} episodes, got {len(traces)}")
    world = world_of(env_id)
    contenders = contenders_of(policies, world, seed=seed, trust=trust)
    setting = world.load_scenario(scenario, **(changes or {}))
    results = Results(world, setting, agents=frozenset(c.name for c in contenders if c.agent), changes=changes)
    if bound:
        results.set_bounds(bounds(env_id, setting, episodes, seed, traces=traces, progress=progress))
    for c in contenders:
        played = play(c, world, setting, episodes, seed, traces=traces, num_threads=num_threads, progress=progress)
        figures = world.measure(played.outcomes, played.live, setting)
        results.add(c.name, seed, {**figures, "decision_s": np.full(episodes, played.decision_s)})
    return results
