"""What evaluations are made of: blocks of episodes that engines play, in whatever order, and where their figures go.

A block is a pure function of world, scenario, policy and seeds, so its figures do not depend on who plays it, but for
the time to decide.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from splitgym.engines import Engine, Task
from splitgym.engines.tasks import Shares, blocks
from splitgym.evaluation import upper_bounds
from splitgym.evaluation.company import MOST_STEPS, bears_company, room_of_play, room_of_trace
from splitgym.evaluation.policies import Contender
from splitgym.evaluation.results import DECISION, Results
from splitgym.evaluation.rollout import play
from splitgym.evaluation.store import KeptFigures, Store, kept_figures
from splitgym.progress import Progress
from splitgym.quoting import shown
from splitgym.worlds.world import World

#: Episodes played side by side, and kept together; fixed, so that an episode's company is the same after a break.  Of
#: very long episodes a block holds fewer.
BLOCK = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Playing:
    """Plays episodes of a policy to their end: (seeds, traces) -> figures by name, each (n,)."""

    contender: Contender
    world: World
    scenario: Any
    num_threads: int
    where: str = ""

    @property
    def beside(self) -> bool:
        """Whether threads may play several blocks at once."""
        return self.contender.shared and bears_company(self.world, self.scenario)

    def room(self, episodes: int) -> float:
        """The share of the memory that so many episodes take."""
        return room_of_play(self.world, self.scenario, episodes)

    def __call__(self, seeds: range, traces: list[Any] | None, progress: Progress | None) -> dict[str, np.ndarray]:
        """Figures of the seeds' episodes, or of the traces' where there are some."""
        options = {"traces": traces, "num_threads": self.num_threads, "progress": progress}
        with named(self.where):
            played = play(self.contender, self.world, self.scenario, len(seeds), seeds[0], **options)
        figures = self.world.measure(played.outcomes, played.live, self.scenario)
        return {**figures, DECISION.name: np.full(len(seeds), played.decision_s)}


@dataclasses.dataclass(frozen=True, eq=False)
class Bounding:
    """Bounds of traces: (seeds, traces) -> ``{name: (n,)}``, "bound" or "observer"."""

    yardstick: upper_bounds.Yardstick
    where: str = ""

    @property
    def world(self) -> World:
        """The world of the bounds."""
        return self.yardstick.world

    @property
    def beside(self) -> bool:
        """Whether threads may bound several blocks at once."""
        return bears_company(self.world, self.yardstick.scenario)

    def room(self, episodes: int) -> float:
        """The share of the memory that it takes, however many they are: one trace after the other."""
        return room_of_trace(self.world, self.yardstick.scenario)

    def __call__(self, seeds: range, traces: list[Any] | None, progress: Progress | None) -> dict[str, np.ndarray]:
        """Bounds of the seeds' traces, or of those given."""
        with named(self.where):
            return {self.yardstick.name: self.yardstick(seeds, traces, progress)}


@contextlib.contextmanager
def named(where: str) -> Iterator[None]:
    """Errors inside end with words that say where they are from."""
    try:
        yield
    except ValueError as error:
        if not where:
            raise
        raise ValueError(f"{error}{where}") from error


class Part:
    """The blocks of one policy, or of the bounds.

    Args:
        name: of the policy, or of the bound.
        work: plays a block.
        seeds, traces: all episodes.
        block: how many are played side by side.
    """

    def __init__(self, name: str, work: Playing | Bounding, seeds: range, traces: list[Any] | None, block: int) -> None:
        self.name, self.work, self.seeds, self.traces = name, work, seeds, traces
        self.shelf: KeptFigures | None = None
        self._places = blocks(len(seeds), block)
        self._found: dict[int, dict[str, np.ndarray]] = {}
        self._shares = Shares(len(seeds))
        self._beside = work.beside

    def tasks(self, plan: Plan) -> Iterator[Task]:
        """A task for each block that no shelf has by the time that somebody can play it."""
        for places in self._places:
            if self._is_kept(places):
                self._take(places)
                plan.tell(self.name, self.share(places, 1.0))
                continue
            seeds = self.seeds[places]
            words = f"{self._words}, seeds {seeds[0]} to {seeds[-1]}{plan.where}"
            given = None if self.traces is None else self.traces[places]
            kind = f"{type(self.work).__name__} {self.work.world.name}"
            room = self.work.room(len(seeds))
            yield Task(self.work, (seeds, given), words, kind, (plan, self, places), self._beside, room)

    def add(self, places: slice, figures: dict[str, np.ndarray]) -> None:
        """Take the figures of a block, and keep them."""
        if self.shelf is not None:
            self.shelf.add(self.seeds[places], figures)
        self._take(places, figures)

    def share(self, places: slice, share: float) -> float:
        """The share of all episodes that is played when this ``share`` of a block is."""
        return self._shares.of(places, share)

    @property
    def done(self) -> bool:
        """Whether all blocks are there."""
        return len(self._found) == len(self._places)

    @property
    def lacking(self) -> bool:
        """Whether some block is on no shelf."""
        return not all(self._is_kept(places) for places in self._places)

    def figures(self) -> dict[str, np.ndarray]:
        """Figures (n,) by name of all episodes."""
        parts = [self._found[places.start] for places in self._places]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    @property
    def _words(self) -> str:
        return f"policy {shown(self.name)}" if isinstance(self.work, Playing) else "bounds"

    def _is_kept(self, places: slice) -> bool:
        return self.shelf is not None and len(self.shelf.known(self.seeds[places])) == places.stop - places.start

    def _take(self, places: slice, figures: dict[str, np.ndarray] | None = None) -> None:
        if self.shelf is not None:  # from the disk, as after a break
            seeds = self.seeds[places]
            known = self.shelf.known(seeds)
            figures = {key: np.array([known[s][key] for s in seeds]) for key in known[seeds[0]]}
        assert figures is not None
        self._found[places.start] = figures


class Plan:
    """One evaluation: policies, and bounds if asked for, in one scenario.

    Args:
        contenders, world, scenario, seeds, traces: who plays what.
        changes: what was changed in the scenario, dotted path -> value.
        num_threads: threads of the simulation.
        bound: which bounds to compute, "clairvoyant" or "observer"; empty: none.
        store: where every block is kept as soon as it is played.
        progress: called as ``progress(name, share)``.
        where: words that an error ends with, such as the value of a sweep.
    """

    def __init__(
        self,
        contenders: Sequence[Contender],
        world: World,
        scenario: Any,
        seeds: range,
        traces: list[Any] | None = None,
        *,
        changes: Mapping[str, Any],
        num_threads: int = 1,
        bound: str = "",
        store: Store | None = None,
        progress: Progress | None = None,
        where: str = "",
    ) -> None:
        self.contenders, self.world, self.scenario, self.seeds = contenders, world, scenario, seeds
        self.where, self._changes, self._store, self._progress = where, changes, store, progress
        block = max(min(BLOCK, MOST_STEPS // world.horizon(scenario)), 1)
        self.bound = bound
        self._bounds = self._bounding(traces) if bound else None
        self._parts = {
            c.name: Part(c.name, Playing(c, world, scenario, num_threads, where), seeds, traces, block)
            for c in contenders
        }
        self._all = [*([self._bounds] if self._bounds else []), *self._parts.values()]

    def _bounding(self, traces: list[Any] | None) -> Part:
        name = upper_bounds.OBSERVER if self.bound == upper_bounds.OBSERVER else "bound"
        with named(self.where):
            if name == upper_bounds.OBSERVER:
                upper_bounds.observer_kind(self.world, self.scenario)  # refuses before anything is played
        work = Bounding(upper_bounds.Yardstick(name, self.world, self.scenario), self.where)
        return Part(name, work, self.seeds, traces, upper_bounds.block_of(name))

    def tasks(self) -> Iterator[Task]:
        """Tasks for all blocks that are not there yet, those of the bounds first."""
        with named(self.where):
            if self._store is not None:
                self._open(self._store)
            if self._bounds is not None and self._bounds.lacking:
                made = upper_bounds.yardstick(self._bounds.name, self.world, self.scenario, self.tell)
                self._bounds.work = Bounding(made, self.where)
            for part in self._all:
                yield from part.tasks(self)

    def tell(self, name: str, share: float) -> None:
        """Tell the caller."""
        if self._progress is not None:
            self._progress(name, share)

    @property
    def done(self) -> bool:
        """Whether all figures are there."""
        return all(part.done for part in self._all)

    def results(self) -> Results:
        """What was played."""
        results = Results(self.world, self.scenario, changes=self._changes)
        if self._bounds is not None:
            results.set_bounds(self._bounds.figures()[self._bounds.name], self.bound)
        for c in self.contenders:
            figures = self._parts[c.name].figures()
            if c.family:
                told = {"spec": c.spec, "identity": c.identity}
                results.add_member(c.family, c.training_seed, self.seeds, figures, **told)
            else:
                results.add(c.name, self.seeds, figures, spec=c.spec, agent=c.agent, identity=c.identity)
            if c.note:
                results.notes[c.name] = c.note
        return results

    def _open(self, store: Store) -> None:
        shelf = functools.partial(kept_figures, store, self.world)
        setting = store.keep_setting(self.world, self.scenario, self._changes)
        for c in self.contenders:
            self._parts[c.name].shelf = shelf(setting, c)
        if self._bounds is not None:
            self._bounds.shelf = shelf(setting, None, self._bounds.name)


def carry_out(plans: Sequence[Plan], engine: Engine, finished: Callable[[Results], None]) -> None:
    """Play what plans lack; ``finished`` gets the results of each in the order of the plans, as soon as may be."""
    waiting = list(plans)
    for task, figures in engine.run(_tasks(plans), _tell):
        plan, part, places = task.label
        with named(plan.where):
            part.add(places, figures)
        plan.tell(part.name, part.share(places, 1.0))
        while waiting and waiting[0].done:
            finished(waiting.pop(0).results())
    for plan in waiting:
        finished(plan.results())


def _tasks(plans: Iterable[Plan]) -> Iterator[Task]:
    for plan in plans:
        yield from plan.tasks()


def _tell(task: Task, name: str, share: float) -> None:
    plan, part, places = task.label
    plan.tell(name, part.share(places, share))
