"""``splitgym.evaluate``: several policies, one scenario, common traces."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.checks import MOST_THREADS, function, seeds_of, switch, table, whole_number
from splitgym.evaluation.policies import Contender, contenders_of
from splitgym.evaluation.results import DECISION, Results
from splitgym.evaluation.rollout import Progress, play
from splitgym.evaluation.store import KeptFigures, Store, kept_figures
from splitgym.evaluation.upper_bounds import bounds, traces_for
from splitgym.worlds.world import World, world_of

#: Episodes played side by side, and kept together; fixed, so that an episode's company is the same after a break.
BLOCK = 32
#: Steps of a block, which are in memory at once, some 300 bytes each; of very long episodes it holds fewer.
MOST_STEPS = 8_000_000


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
    store: str | Path | None = None,
    progress: Progress | None = None,
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
        bound: also compute the certified upper bound of every trace, and each policy's gap to it.
        store: folder in which every episode is kept as soon as it is played.  What is there already is not played
            again, so the same call goes on where it was interrupted, and ends with the same figures.
        progress: called as ``progress(name, share)``; the name is "preparing NAME" while a policy is made.

    Returns:
        :class:`Results`: one row for each policy and episode.

    Raises:
        ValueError: unknown names, no episodes, two policies of one name, a model of another environment; with a
            store also recorded traces, a policy that could not be known again, and a damaged line.
    """
    seeds, num_threads = seeds_of(seed, episodes), whole_number("num_threads", num_threads, 1, MOST_THREADS)
    traces, bound = traces_for(traces, len(seeds)), switch("bound", bound)
    if traces is not None and store is not None:
        raise ValueError("a store keeps episodes by their seed, so it takes no recorded traces; leave one of them out")
    world, changes, progress = world_of(env_id), table("changes", changes), function("progress", progress)
    contenders = contenders_of(policies, world, trust=trust)
    setting = world.load_scenario(scenario, **changes)
    shelf: Callable[[Contender | None], KeptFigures | None] = _no_shelf
    if store is not None:
        kept = Store(store)
        shelf = functools.partial(kept_figures, kept, world, kept.keep_setting(world, setting, changes))
    shelves = {c.name: shelf(c) for c in contenders}
    results, block = Results(world, setting, changes=changes), _block(world, setting)
    if bound:
        certify = functools.partial(_certify, world, setting, traces)
        results.set_bounds(_in_blocks(certify, seeds, block, shelf(None), "bound", progress)["bound"])
    for c in contenders:
        episode = functools.partial(_play, c, world, setting, traces, num_threads)
        figures = _in_blocks(episode, seeds, block, shelves[c.name], c.name, progress)
        results.add(c.name, seeds, figures, spec=c.spec, agent=c.agent, identity=c.identity)
    return results


def _no_shelf(c: Contender | None) -> None:
    return None


def _block(world: World, setting: Any) -> int:
    """How many episodes are played side by side."""
    return max(min(BLOCK, MOST_STEPS // world.horizon(setting)), 1)


def _in_blocks(
    play: Callable[[range, slice, Progress], dict[str, np.ndarray]],
    seeds: range,
    block: int,
    shelf: KeptFigures | None,
    name: str,
    progress: Progress | None,
) -> dict[str, np.ndarray]:
    """Figures (n,) by name of all seeds, played block by block where a shelf does not have them yet."""
    parts: list[dict[str, np.ndarray]] = []
    for first in range(0, len(seeds), block):
        places = slice(first, min(first + block, len(seeds)))
        tell = functools.partial(_tell, progress, places, len(seeds))
        if shelf is None:
            parts.append(play(seeds[places], places, tell))
        else:
            if len(shelf.known(seeds[places])) < len(seeds[places]):
                shelf.add(seeds[places], play(seeds[places], places, tell))
            known = shelf.known(seeds[places])  # from the disk, as after a break
            parts.append({key: np.array([known[s][key] for s in seeds[places]]) for key in known[seeds[first]]})
        tell(name, 1.0)
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _tell(progress: Progress | None, places: slice, n: int, name: str, share: float) -> None:
    if progress is not None:
        progress(name, (places.start + share * (places.stop - places.start)) / n)


def _certify(
    world: World, setting: Any, traces: list[Any] | None, seeds: range, places: slice, progress: Progress
) -> dict[str, np.ndarray]:
    given = None if traces is None else traces[places]
    return {"bound": bounds(world.env_id, setting, len(seeds), seeds[0], traces=given, progress=progress)}


def _play(
    c: Contender,
    world: World,
    setting: Any,
    traces: list[Any] | None,
    num_threads: int,
    seeds: range,
    places: slice,
    progress: Progress,
) -> dict[str, np.ndarray]:
    """Play a block of episodes to their end; figures by name, each (n,)."""
    given = None if traces is None else traces[places]
    played = play(c, world, setting, len(seeds), seeds[0], traces=given, num_threads=num_threads, progress=progress)
    figures = world.measure(played.outcomes, played.live, setting)
    return {**figures, DECISION.name: np.full(len(seeds), played.decision_s)}
