"""One part of a data set: episodes of one policy, played side by side, with all that a learner wants of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from splitgym.encodings import Encoding
from splitgym.envs.vector import SplitVectorEnv
from splitgym.evaluation.policies import Contender, act
from splitgym.offline.plan import Part, Plan
from splitgym.progress import Progress
from splitgym.quoting import shown
from splitgym.worlds.tradeoffs import COST_KEY

#: Most calls of a progress function in a part.
_CALLS = 100


def record(plan: Plan, part: Part, *, num_threads: int = 1, progress: Progress | None = None) -> dict[str, np.ndarray]:
    """Play the episodes of a part to their end.

    A policy that answers in another encoding than the plan's is asked in its own; its decision is written in the
    plan's, and what is written is what is played.

    Returns for n episodes of at most T steps: ``lengths`` (n,), ``observations`` (n, T + 1, n_fields) float32,
    ``actions`` (n, T, ...) or ``actions/KEY`` of a dictionary, ``rewards`` (n, T) float64, ``terminated`` (n,) bool,
    and ``infos/NAME`` (n, T + 1, ...), which begins with the reset.
    """
    c, world, n = part.contender, plan.world, len(part.seeds)
    env = SplitVectorEnv(n, world.name, plan.scenario, c.action, plan.options, "Disabled", num_threads=num_threads)
    env.reset(seed=part.seeds[0])
    policy = _moved(c.make(env), part.number)
    try:
        return _record(c, policy, env, world.encoding(plan.action, plan.scenario), plan.infos, progress)
    finally:
        env.close()


def _moved(policy: Any, number: int) -> Any:
    """The policy with randomness of its own in every part: else all parts would hold the same random decisions."""
    rng = getattr(policy, "rng", None)
    if isinstance(rng, np.random.Generator):
        policy.rng = rng.spawn(number + 1)[-1]
    return policy


def _record(
    c: Contender, policy: Any, env: SplitVectorEnv, ours: Encoding, infos: tuple[str, ...], progress: Progress | None
) -> dict[str, np.ndarray]:
    rows, n = env.rows, env.num_envs
    live, starts, lengths, state = np.ones(n, np.bool_), np.ones(n, np.bool_), np.zeros(n, np.int64), None
    columns: dict[str, list[np.ndarray]] = {"observations": [], "rewards": []}

    def note(name: str, values: np.ndarray) -> None:
        columns.setdefault(name, []).append(values)

    def note_state() -> None:
        note("observations", rows.seen.observations.copy())
        for name in infos:
            cost = rows.world.cost if name == COST_KEY else None
            values = rows.outcomes[name] if cost is None else cost.value(rows.outcomes, rows.scenario)
            note(f"infos/{name}", np.array(values))

    note_state()
    every = max(rows.horizon // _CALLS, 1)
    while live.any():
        answer, state = act(policy, rows.seen.observations.copy(), rows.seen.masks.copy(), state, starts)
        starts[:] = False
        for name, values in _decided(c, env, ours, answer).items():
            note(name, values)
        rows.turn(live, np.zeros(n, np.bool_))
        note("rewards", np.array(rows.outcomes["reward"], np.float64))
        note_state()
        lengths += live
        live = live & ~(rows.finished | rows.depleted)
        if progress is not None and len(columns["rewards"]) % every == 0:
            progress(c.name, min(len(columns["rewards"]) / rows.horizon, 0.99))
    stacked = {name: np.stack(values, axis=1) for name, values in columns.items()}
    return {"lengths": lengths, "terminated": rows.depleted.copy(), **stacked}


def _decided(c: Contender, env: SplitVectorEnv, ours: Encoding, answer: Any) -> dict[str, np.ndarray]:
    """Take what a policy answered as the decision of the next turn; returns it as it is kept, by column."""
    theirs, values = env.encoding, np.zeros((env.num_envs, env.encoding.width))
    try:
        theirs.decode(answer, values)
    except ValueError as error:
        raise ValueError(f"policy {shown(c.name)}: {error}") from error
    kept = _as_kept(ours.space, answer if type(theirs) is type(ours) else ours.encode(values))
    ours.decode(kept, values)
    env.rows.decide_values(values)
    return {f"actions/{name}": part for name, part in kept.items()} if isinstance(kept, dict) else {"actions": kept}


def _as_kept(space: spaces.Space, actions: Any) -> Any:
    """Actions of n rows with the numbers of the single space, and inside it where rounding had put them beyond."""
    if isinstance(space, spaces.Dict):
        return {name: _as_kept(part, actions[name]) for name, part in space.spaces.items()}
    kept = np.array(actions, space.dtype)
    return np.clip(kept, space.low, space.high) if isinstance(space, spaces.Box) else kept
