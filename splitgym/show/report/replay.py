"""Episodes played again for the figures that need more than their totals: the first trace of an evaluation."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled

from splitgym import named_files
from splitgym.encodings import by_name
from splitgym.envs.vector import SplitVectorEnv
from splitgym.evaluation.plans import BLOCK
from splitgym.evaluation.policies import Contender, act, contender
from splitgym.evaluation.results import Results
from splitgym.evaluation.rollout import play
from splitgym.physics.codec import observe_fields
from splitgym.policy import rows_of
from splitgym.worlds.observation import places


@dataclasses.dataclass(frozen=True)
class Episode:
    """What came of each decision of a policy on the first trace: (n_steps,) OUTCOME, one of ``beside`` episodes."""

    contender: Contender
    outcomes: np.ndarray
    beside: int


@dataclasses.dataclass(eq=False)
class Replay:
    """The first trace of an evaluation, played again by every policy that was evaluated by a name or a path.

    It is played alone, and if its return is not that of the evaluation, beside the episodes of its block, for a network
    may round differently in a batch.  A policy whose return still differs is left out: something must have changed.
    A policy with several training seeds is shown by the agent of the median mean return.

    ``missing`` says policy by policy why it is left out, ``stand_ins`` which training seed stands for a policy.
    """

    results: Results
    trust: bool
    episodes: dict[str, Episode] = dataclasses.field(default_factory=dict)
    missing: dict[str, str] = dataclasses.field(default_factory=dict)
    stand_ins: dict[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for policy in self.results.policies:
            try:
                self.episodes[policy] = self._played(policy)
            except (ValueError, OSError, DependencyNotInstalled) as error:
                self.missing[policy] = str(error)

    @property
    def seed(self) -> int:
        """Seed of the first trace."""
        return int(self.results.seeds(self.results.policies[0])[0])

    def env(self, c: Contender, n: int, *, log: bool = False) -> SplitVectorEnv:
        """The environment of the evaluation with ``n`` rows; ``log`` keeps the slots of every last task."""
        r = self.results
        mode = "ansi" if log else None
        return SplitVectorEnv(n, r.world.name, r.scenario, c.action, c.episode_options, "Disabled", render_mode=mode)

    @functools.cached_property
    def trace(self) -> Any:
        """What nature does in the first episode."""
        c = next(iter(self.episodes.values())).contender
        env = self.env(c, 1)
        env.reset(seed=self.seed)
        return self.results.world.draw_trace(self.results.scenario, np.uint64(env.rows.episode_keys[0]))

    def _played(self, policy: str) -> Episode:
        results = self.results
        spec, identity = results.specs.get(policy, ""), results.identities.get(policy, "")
        known, found = float(results.figure(policy, "return")[0]), np.nan
        if policy in results.members:
            seed = self.stand_ins[policy] = results.typical_seed(policy)
            spec, identity = results.trained[policy][seed]
            known = float(results.members[policy][seed]["return"][0])
        if not spec:
            raise ValueError("an object, which cannot be made again")
        with named_files.beside(results.folder):
            c = contender(spec, results.world.name, trust=self.trust)
        if identity not in ("", c.identity):
            raise ValueError(f"{spec} has changed since it was evaluated")
        for beside in dict.fromkeys((1, min(BLOCK, len(results.seeds(policy))))):
            played = play(c, results.world, results.scenario, beside, self.seed)
            outcomes, live = played.outcomes, played.live
            found = float(results.world.measure(outcomes, live, results.scenario)["return"][0])
            if abs(found - known) <= 1e-6 * max(1.0, abs(known)):
                return Episode(c, outcomes[live[:, 0], 0], beside)
        raise ValueError(f"its return is {found:.3f} now and was {known:.3f}")

    def told(self, policies: Collection[str]) -> str:
        """Which agents stand for those of the ``policies`` that have several training seeds, as a sentence."""
        seeds = {p: seed for p, seed in self.stand_ins.items() if p in policies and p in self.episodes}
        told = [f"{p} by that of seed {seed} (of {len(self.results.members[p])})" for p, seed in seeds.items()]
        return f"Of several training seeds the agent of the median return is shown: {', '.join(told)}." if told else ""

    def task_of(self, policy: str, step: int) -> np.void:
        """What nature does about the task of a step: its record in the trace."""
        return self.trace.tasks()[int(self.episodes[policy].outcomes[step]["task"])]

    def slots(self, policy: str, step: int) -> np.ndarray:
        """The slots of a step's task, (slots used, columns) as the kernel logs them."""
        c = self.episodes[policy].contender
        env = self.env(c, self.episodes[policy].beside, log=True)
        env.reset(seed=self.seed)
        rows, made, state, starts = env.rows, c.make(env), None, np.ones(env.num_envs, np.bool_)
        for _ in range(step + 1):
            actions, state = act(made, rows.seen.observations.copy(), rows.seen.masks.copy(), state, starts)
            starts[:] = False
            rows.decode(actions)
            rows.turn(~(rows.finished | rows.depleted), np.zeros(env.num_envs, np.bool_))
        used = int(rows.outcomes["slots_used"][0])
        env.close()
        return rows.logs[0, :used].copy()

    def decisions(self, policy: str, changed: dict[str, np.ndarray]) -> np.ndarray:
        """Decisions (n,) on observations that equal the first of the trace but for the ``changed`` fields [SI] (n,)."""
        c, n = self.episodes[policy].contender, len(next(iter(changed.values())))
        env = self.env(c, n)
        env.reset(seed=[self.seed for _ in range(n)])
        rows = rows_of(env)
        known, where = {field.name: field for field in rows.fields}, places(rows.fields)
        observations = rows.seen.observations.copy()
        for name, values in changed.items():
            observations[:, where[name]] = _observed(known[name], values)[:, None]
        actions, _ = act(c.make(env), observations, rows.seen.masks.copy(), None, np.ones(n, np.bool_))
        values = np.zeros((n, rows.encoding.width))
        rows.encoding.decode(actions, values)
        env.close()
        return by_name(values, rows.axes)


def _observed(field: Any, values: np.ndarray) -> np.ndarray:
    """SI values (n,) of a field as they are observed."""
    n = len(values)
    kinds, ends = np.full(n, field.kind), np.ones(n)
    out = np.empty(n, np.float32)
    observe_fields(np.asarray(values, np.float64), kinds, field.low * ends, field.high * ends, out)
    return out
