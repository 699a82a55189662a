"""``splitgym.evaluate``: several policies, one scenario, common traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from splitgym.checks import MOST_THREADS, seeds_of, table, whole_number
from splitgym.engines import engine
from splitgym.evaluation.plans import Plan, carry_out
from splitgym.evaluation.policies import contenders_of
from splitgym.evaluation.results import Results
from splitgym.evaluation.store import Store
from splitgym.evaluation.upper_bounds import BARS, bound_name, traces_for
from splitgym.progress import Progress, progress_of, telling
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
    bound: bool | str = False,
    store: str | Path | None = None,
    workers: Any = None,
    ray: str | None = None,
    progress: Progress | bool | None = None,
) -> Results:
    """Run policies on the same traces and gather what came of it.

    Args:
        policies: one or several of: a registered name, the path of a trained model, an object with ``predict``.
        env_id, scenario, changes: the setting; ``changes`` are dotted scenario paths.
        episodes: number of episodes; episode i plays seed ``seed + i`` for every policy.
        seed: first seed.  The policies' own randomness does not depend on it.
        traces: recorded traces to replay instead of drawn ones, one for each episode.
        num_threads: threads of the simulation; results do not depend on it.
        trust: load a stranger's model file although it can run code.
        bound: also compute an upper bound of every trace, and each policy's gap to it.  True or "clairvoyant": the
            certified bound on any policy, whatever it knows.  "observer": the bound on policies that see observations
            only, on average over traces, which takes some seconds a trace.
        store: folder in which every episode is kept as soon as it is played.  What is there already is not played
            again, so the same call goes on where it was interrupted, and ends with the same figures.
        workers: processes that play at once, or tasks at once of a cluster; by default threads on all cores play what
            comes with the package.  No figure depends on it but the time to decide.  See
            :func:`splitgym.engines.engine`.
        ray: address of a Ray cluster that plays: ``"auto"``, ``"HOST:PORT"`` or ``"local"``.
        progress: a bar by default, in a terminal or a notebook, on whatever takes long; False: none.  A function is
            called as ``progress(name, share)``; the name is "preparing NAME" while a policy is made.

    Returns:
        :class:`Results`: one row for each policy and episode.

    Raises:
        ValueError: unknown names, no episodes, two policies of one name, a model of another environment; with a
            store also recorded traces, a policy that could not be known again, and a damaged line; with workers also a
            policy that cannot be sent to them.
        ChildProcessError: an episode that killed its worker again and again.
    """
    seeds, num_threads = seeds_of(seed, episodes), whole_number("num_threads", num_threads, 1, MOST_THREADS)
    traces, bound = traces_for(traces, len(seeds)), bound_name(bound)
    if traces is not None and store is not None:
        raise ValueError("a store keeps episodes by their seed, so it takes no recorded traces; leave one of them out")
    world, changes, progress = world_of(env_id), table("changes", changes), progress_of(progress)
    contenders = contenders_of(policies, world, trust=trust)
    setting = world.load_scenario(scenario, **changes)
    kept, done = None if store is None else Store(store), list[Results]()
    options = {"changes": changes, "num_threads": num_threads, "bound": bound, "store": kept}
    with telling(progress, len(contenders) + BARS[bound]) as tell, engine(workers, ray, threads=num_threads) as at_work:
        carry_out([Plan(contenders, world, setting, seeds, traces, **options, progress=tell)], at_work, done.append)
    return done[0]
