"""``splitgym.bound`` and ``splitgym.clairvoyant``: the best possible return on a trace from above and from below."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from splitgym.checks import MOST_EPISODES, items, seeds_of, switch, table, word
from splitgym.encodings import ENCODINGS
from splitgym.engines import Task, engine
from splitgym.engines.tasks import Shares, blocks
from splitgym.evaluation.company import bears_company, room_of_trace
from splitgym.progress import Progress, progress_of, telling
from splitgym.quoting import an
from splitgym.scenarios import DEFAULT_ENV
from splitgym.seeding import episode_key, seed_key
from splitgym.worlds.bound import Bound
from splitgym.worlds.clairvoyant import Clairvoyant
from splitgym.worlds.world import WORLDS, World, world_of

#: Traces of a task; each is a piece of work of its own.
BLOCK = 8
#: Which bound: of any policy, whatever it knows, or of one that sees observations only.
CLAIRVOYANT, OBSERVER = "clairvoyant", "observer"
BOUNDS = (CLAIRVOYANT, OBSERVER)
#: Parts of the work that a progress bar counts: the bounds, and the search of a price.
BARS = {"": 0, CLAIRVOYANT: 1, OBSERVER: 2}
#: Encoding that the observer's bound takes for granted: no other gives a policy more powers.
OBSERVED_ACTION = "dict"
#: Settings whose observers are kept.
_KEPT = 16
_observers: dict[tuple[str, str, str, str], Any] = {}


def bound(
    trace: Any = None,
    env_id: str = DEFAULT_ENV,
    scenario: Any = "default",
    *,
    seed: int | None = None,
    changes: Mapping[str, Any] | None = None,
    observer: bool = False,
    action: str = OBSERVED_ACTION,
) -> Bound:
    """An upper bound on the return of any policy on one trace; the proof is in the world's module ``bound``.

    Args:
        trace: what nature does, such as ``InferenceTrace.load(path)``; or
        seed: the trace that ``env.reset(seed=seed)`` plays.
        env_id, scenario, changes: the setting; ``changes`` are dotted scenario paths.
        observer: bound those policies only that see nothing but observations, on average over traces: a single one may
            return more.  The proof is in the world's module ``observer``; ``kind`` says whether the value is certified.
            The price of energy that it needs takes a minute, and is kept for the next traces.
        action: encoding in which these policies act; other powers are within reach with another one.

    Raises:
        ValueError: neither or both of trace and seed, a trace that does not fit, or a world that no proof covers.
    """
    world, action = world_of(env_id), word("action", action, ENCODINGS)
    setting = world.load_scenario(scenario, **table("changes", changes))
    met = _trace_of(world, setting, trace, seed)
    if switch("observer", observer):
        return observer_of(world, setting, action).bound(met)
    return bound_of(world)(setting, met)


def clairvoyant(
    trace: Any = None,
    env_id: str = DEFAULT_ENV,
    scenario: Any = "default",
    *,
    seed: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Clairvoyant:
    """Decisions found with the whole trace known: together with :func:`bound` they bracket the best possible return.

    A yardstick, not a policy: it sees what no policy can (``sees = "trace"``) and is not registered as one.  What it
    returns is what its decisions bring when they are replayed in the environment; nothing says that they are the best.

    Args:
        trace, seed, env_id, scenario, changes: as of :func:`bound`.

    Raises:
        ValueError: neither or both of trace and seed, a trace that does not fit, or a world without such a search.
    """
    world = world_of(env_id)
    setting = world.load_scenario(scenario, **table("changes", changes))
    return clairvoyant_of(world)(setting, _trace_of(world, setting, trace, seed))


def bounds(
    env_id: str = DEFAULT_ENV,
    scenario: Any = "default",
    episodes: int = 20,
    seed: int = 0,
    *,
    changes: Mapping[str, Any] | None = None,
    traces: Sequence[Any] | None = None,
    observer: bool = False,
    workers: Any = None,
    ray: str | None = None,
    progress: Progress | bool | None = None,
) -> np.ndarray:
    """Bounds (episodes,) of the traces that :func:`splitgym.evaluate` plays with the same arguments.

    With ``observer`` those for policies that see observations only, see :func:`bound`.

    Raises ``ValueError`` for what :func:`splitgym.evaluate` or :func:`bound` refuses.
    """
    world, seeds = world_of(env_id), seeds_of(seed, episodes)
    setting = world.load_scenario(scenario, **table("changes", changes))
    given = traces_for(traces, len(seeds))
    name = OBSERVER if switch("observer", observer) else "bound"
    with telling(progress_of(progress), 1) as tell:
        return measured(name, world, setting, seeds, given, workers=workers, ray=ray, progress=tell)


def measured(
    name: str,
    world: World,
    scenario: Any,
    seeds: range,
    traces: list[Any] | None = None,
    *,
    workers: Any = None,
    ray: str | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Bounds, or returns of the clairvoyant, (n,) of the seeds' traces or of those given, by an engine."""
    work, values, shares = yardstick(name, world, scenario, progress), np.empty(len(seeds)), Shares(len(seeds))
    tasks = [
        Task(
            work,
            (seeds[at], None if traces is None else traces[at]),
            f"{name}, seeds {seeds[at][0]} to {seeds[at][-1]}",
            f"{name} {world.name}",
            at,
            beside=bears_company(world, scenario),
            room=room_of_trace(world, scenario),
        )
        for at in blocks(len(seeds), block_of(name))
    ]

    def tell(task: Task, name: str, share: float) -> None:
        if progress is not None:
            progress(name, shares.of(task.label, share))

    with engine(workers, ray) as at_work:
        for task, found in at_work.run(tasks, tell):
            values[task.label] = found
            tell(task, name, 1.0)
    return values


@dataclasses.dataclass(frozen=True, eq=False)
class Yardstick:
    """A bound, or the clairvoyant, by its name: (seeds, traces) -> its values (n,).

    ``observer`` is what :func:`observer_of` gives, for the bound of that name.
    """

    name: str
    world: World
    scenario: Any
    observer: Any = None

    def __call__(self, seeds: range, traces: list[Any] | None, progress: Progress | None) -> np.ndarray:
        """Its values of the seeds' traces, or of those given."""
        values, of_key = np.empty(len(seeds)), self._of_key() if traces is None else None
        function: Callable[[Any, Any], Any] = self._of_trace()
        for i, seed in enumerate(seeds):
            trace = None if traces is None else traces[i]
            if of_key is not None:
                values[i] = of_key(self.scenario, episode_key(seed_key(seed), 0)).value
            else:
                met = _trace_of(self.world, self.scenario, trace, seed if trace is None else None)
                values[i] = function(self.scenario, met).value
            if progress is not None:
                progress(self.name, (i + 1) / len(seeds))
        return values

    def _of_trace(self) -> Callable[[Any, Any], Any]:
        if self.observer is not None:
            return lambda scenario, trace: self.observer.bound(trace)
        return _YARDSTICKS[self.name](self.world)

    def _of_key(self) -> Callable[[Any, np.uint64], Bound] | None:
        """The world's function (scenario, key) -> Bound that makes no trace, where there is one."""
        if self.name != "bound" or not self.world.bound or self.world.uses_plugins(self.scenario):
            return None
        return getattr(importlib.import_module(self.world.bound), "bound_of_key", None)


def bound_name(bound: Any) -> str:
    """One of :data:`BOUNDS`, or nothing, from a switch or its name; ``ValueError`` for anything else."""
    if isinstance(bound, str):
        return word("bound", bound, BOUNDS)
    return CLAIRVOYANT if switch("bound", bound) else ""


def traces_for(traces: Any, episodes: int) -> list[Any] | None:
    """Recorded traces, one for each episode, ``None`` where they are drawn; ``ValueError`` for another number."""
    if traces is None:
        return None
    many = items("traces", traces, "traces", MOST_EPISODES, fewest=0)
    if len(many) != episodes or None in many:
        raise ValueError(f"traces must hold one for each of {episodes} episodes, got {len(many)}")
    return many


def _trace_of(world: World, setting: Any, trace: Any, seed: int | None) -> Any:
    """The trace given, or that of a seed."""
    if (trace is None) == (seed is None):
        raise ValueError("need a trace or a seed, one of them")
    if seed is not None:
        return world.draw_trace(setting, episode_key(seed_key(seed), 0))
    if not isinstance(trace, world.trace_type):
        raise ValueError(f"trace must be {an(world.trace_type.__name__)}, got {type(trace).__name__}")
    return trace


def bound_of(world: World) -> Callable[[Any, Any], Bound]:
    """The world's function (scenario, trace) -> Bound; ``ValueError`` if no proof covers it."""
    if not world.bound:
        proven = ", ".join(WORLDS[name].env_id for name in WORLDS if WORLDS[name].bound)
        raise ValueError(f"there is no proven bound for {world.env_id} yet (there is for {proven})")
    return importlib.import_module(world.bound).bound


def clairvoyant_of(world: World) -> Callable[[Any, Any], Clairvoyant]:
    """The world's function (scenario, trace) -> Clairvoyant; ``ValueError`` if there is no search for it."""
    if not world.clairvoyant:
        searched = ", ".join(WORLDS[name].env_id for name in WORLDS if WORLDS[name].clairvoyant)
        raise ValueError(f"there is no clairvoyant for {world.env_id} (there is for {searched})")
    return importlib.import_module(world.clairvoyant).clairvoyant


def observer_of(world: World, scenario: Any, action: str = OBSERVED_ACTION, progress: Progress | None = None) -> Any:
    """The bound for observers in one setting, with its price, which is searched once for each of the last settings.

    Its ``bound(trace)`` is a :class:`Bound`.  Raises ``ValueError`` for a world or setting without one.
    """
    kind = observer_kind(world, scenario, action)  # refuses before anything is searched
    key = (world.name, scenario.digest(), action, kind)
    if key not in _observers:

        def tell(share: float) -> None:
            if progress is not None:
                progress("price of energy", share)

        while len(_observers) >= _KEPT:
            _observers.pop(next(iter(_observers)))
        _observers[key] = _observer_module(world).observer(scenario, action, tell=tell)
    return _observers[key]


def observer_kind(world: World, scenario: Any, action: str = OBSERVED_ACTION) -> str:
    """Whether the bound for observers is certified or estimated; ``ValueError`` where there is none."""
    return _observer_module(world).kind(scenario, action)


def _observer_module(world: World) -> Any:
    if not world.observer:
        known = ", ".join(WORLDS[name].env_id for name in WORLDS if WORLDS[name].observer)
        raise ValueError(f"there is no bound for observers of {world.env_id} yet (there is for {known})")
    return importlib.import_module(world.observer)


def yardstick(name: str, world: World, scenario: Any, progress: Progress | None = None) -> Yardstick:
    """The yardstick of a name, ready to be sent to workers."""
    prepared = observer_of(world, scenario, progress=progress) if name == OBSERVER else None
    return Yardstick(name, world, scenario, prepared)


def block_of(name: str) -> int:
    """Traces of a task; a trace takes an observer seconds."""
    return 1 if name == OBSERVER else BLOCK


_YARDSTICKS: dict[str, Callable[[World], Callable[[Any, Any], Any]]] = {
    "bound": bound_of,
    "clairvoyant": clairvoyant_of,
}
