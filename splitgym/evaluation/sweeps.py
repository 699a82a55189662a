"""``splitgym.sweep``: several policies, one scenario with some of its keys moving, common traces at every value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.checks import MOST_THREADS, function, items, seeds_of, table, whole_number
from splitgym.engines import engine
from splitgym.evaluation.labels import label, place_label
from splitgym.evaluation.output import RowOutput
from splitgym.evaluation.plans import Plan, carry_out
from splitgym.evaluation.policies import contenders_of, policies_given
from splitgym.evaluation.results import DECISION, Results, setting_words
from splitgym.evaluation.store import Store
from splitgym.files import save_figure
from splitgym.lazily import drawn
from splitgym.progress import Progress, at, progress_of, telling
from splitgym.quoting import shown
from splitgym.ranges import one_warning_per_key
from splitgym.registry import nearest
from splitgym.worlds.world import Measure, World, world_of


class Sweep(RowOutput):
    """The :class:`Results` of one scenario at each value of the swept keys, in the order of the values.

    Args:
        world: the decision problem.
        settings: the scenario at each value.
        over: swept key -> its values, one for each setting; the keys move together.
        changes: what else was changed in the scenario, dotted path -> value.

    ``results`` grows value by value; everything below speaks of the values that are in it.
    """

    def __init__(
        self, world: World, settings: Sequence[Any], over: Mapping[str, Sequence[Any]], changes: Mapping[str, Any]
    ) -> None:
        self.world, self.settings, self.changes = world, list(settings), dict(changes)
        self.over = {key: list(values) for key, values in over.items()}
        self.results: list[Results] = []

    @property
    def values(self) -> list[Any]:
        """Values of the first swept key; those of all keys are in ``over``."""
        return next(iter(self.over.values()))[: len(self.results)]

    @property
    def setting(self) -> str:
        """Environment and scenario in words, without the swept keys."""
        return setting_words(self.world, self.settings[0], self.changes)

    @property
    def caveats(self) -> list[str]:
        """Warnings to print beside the figures, each once."""
        return list(dict.fromkeys(r.scenario.caveat for r in self.results if r.scenario.caveat))

    @property
    def policies(self) -> list[str]:
        """Names in the order of evaluation."""
        return self.results[0].policies

    @property
    def episodes(self) -> int:
        """Common traces at each value."""
        return len(self.results[0].figure(self.policies[0], "return"))

    def measures(self, names: Iterable[str] | None = None) -> list[Measure]:
        """Measures by name; without names the two of the world's plane.  ``ValueError`` names the nearest known."""
        return chosen_measures(self.world, names)

    def means(self, policy: str, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Means over the episodes and half-widths of their 95 % intervals, (n_values,) each, SI units."""
        pairs = [results.interval(policy, measure) for results in self.results]
        return np.array([mean for mean, _ in pairs]), np.array([half for _, half in pairs])

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary for each value, policy and episode, with the swept keys; figures in SI units."""
        table = []
        for results, swept in zip(self.results, self._swept(), strict=False):
            for row in results.rows():
                head = {key: row.pop(key) for key in ("policy", "environment", "scenario")}
                table.append({**head, **swept, **row})
        return table

    def _swept(self) -> list[dict[str, Any]]:
        """Swept key -> value at each place; other values than plain ones are put in words."""
        plain = {key: [v if isinstance(v, (int, float)) else label(v) for v in vs] for key, vs in self.over.items()}
        return [dict(zip(plain, place, strict=True)) for place in zip(*plain.values(), strict=True)]

    def _plain(self, value: Any) -> Any:
        return label(value)

    def document(self) -> dict[str, Any]:
        """Setting, summary of every value and rows, as :meth:`to_json` writes them."""
        values = [
            {
                "value": swept,
                "scenario_digest": results.scenario.digest(),
                "best_baseline": results.best_baseline(),
                "summary": results.summary(),
            }
            for results, swept in zip(self.results, self._swept(), strict=False)
        ]
        return {
            "environment": self.world.env_id,
            "scenario": self.settings[0].name,
            "changes": self.changes,
            "over": self.over,
            "caveat": "\n".join(self.caveats),
            "values": values,
            "rows": self.rows(),
        }

    def table(self, measures: Iterable[str] | None = None) -> Any:
        """For people: a table for each measure, a row for each value, a column for each policy.

        Print it, or give it to ``rich``.  What is too wide for the terminal loses the intervals or is folded.
        """
        return drawn("sweep_table.SweepTable", self, self.measures(measures))

    def plot(self, path: str | Path, measures: Iterable[str] | None = None) -> Path:
        """Draw a panel for each measure, a line for each policy, into a PNG, PDF or SVG file; needs matplotlib."""
        return save_figure(drawn("sweep_figure.sweep_figure", self, self.measures(measures)), path)


@one_warning_per_key()
def sweep(
    policies: Any | Iterable[Any],
    env_id: str = "SplitInference-v0",
    scenario: Any = "default",
    over: Mapping[str, Sequence[Any]] | None = None,
    episodes: int = 20,
    seed: int = 0,
    *,
    changes: Mapping[str, Any] | None = None,
    num_threads: int = 1,
    trust: bool = False,
    store: str | Path | None = None,
    workers: Any = None,
    ray: str | None = None,
    progress: Progress | bool | None = None,
    each: Callable[[Sweep], None] | None = None,
) -> Sweep:
    """Evaluate policies at several values of one or more scenario keys; the same seeds at every value.

    Args:
        policies, env_id, scenario, episodes, seed, changes, num_threads, trust, store, workers, ray: as in
            :func:`splitgym.evaluate`; workers play several values at once.
        over: dotted scenario path -> its values; several keys move together and have equally many values.
        progress: as in :func:`splitgym.evaluate`; the name holds policy and value.
        each: called after every value with what there is by then, for example to save it.

    Returns:
        :class:`Sweep`: one :class:`Results` for each value, equal to what ``evaluate`` gives for it.

    Raises:
        ValueError: whatever ``evaluate`` refuses; no values, lists of unequal length, a value given twice, a key that
            is also in ``changes``.  All values are checked before the first is played.
    """
    fixed, progress, each = table("changes", changes), progress_of(progress), function("each", each)
    swept, many = _checked(over, fixed), policies_given(policies)
    num_threads, world = whole_number("num_threads", num_threads, 1, MOST_THREADS), world_of(env_id)
    seeds = seeds_of(seed, episodes)
    places = [dict(zip(swept, values, strict=True)) for values in zip(*swept.values(), strict=True)]
    settings = [world.load_scenario(scenario, **{**fixed, **place}) for place in places]
    done = Sweep(world, settings, swept, fixed)
    contenders, kept = contenders_of(many, world, trust=trust), None if store is None else Store(store)

    def finished(results: Results) -> None:
        done.results.append(results)
        if each is not None:
            each(done)

    plans, total = list[Plan](), len(contenders) * len(places)
    with telling(progress, total) as tell, engine(workers, ray, threads=num_threads) as at_work:
        for place, setting in zip(places, settings, strict=True):
            label = place_label(place)
            options = {"changes": {**fixed, **place}, "num_threads": num_threads, "store": kept}
            options |= {"where": f" (at {', '.join(swept)} = {label})" if plans else ""}
            plans.append(Plan(contenders, world, setting, seeds, **options, progress=at(tell, label)))
        carry_out(plans, at_work, finished)
    return done


def _checked(over: Mapping[str, Sequence[Any]] | None, changes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The swept keys with their values as plain lists; raises ``ValueError`` for what cannot be swept."""
    lists: dict[str, list[Any]] = {}
    for key, values in table("over", over).items():
        many = items(f"over[{shown(key)}]", values, "values")
        lists[key] = [v.tolist() if isinstance(v, (np.generic, np.ndarray)) else v for v in many]
        if key in changes:
            raise ValueError(f"{key!r} is swept and also changed to {shown(changes[key])}; leave one of them out")
    if not lists:
        raise ValueError("over needs at least one key with its values, for example {'tasks.hint_std': [0.0, 0.5]}")
    lengths = {key: len(values) for key, values in lists.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"swept keys move together and need equally many values, got {shown(lengths)}")
    seen: dict[int, list[Any]] = {}
    for place in zip(*lists.values(), strict=True):
        alike = seen.setdefault(_bucket(place), [])
        if place in alike:
            raise ValueError(f"{', '.join(lists)} = {label(place[0])} is given twice; leave one of them out")
        alike.append(place)
    return lists


def _bucket(place: tuple[Any, ...]) -> int:
    """Equal places have equal numbers; lists and tables all have the same one."""
    try:
        return hash(place)
    except TypeError:
        return 0


def chosen_measures(world: World, names: Iterable[str] | None) -> list[Measure]:
    """Measures of a world by name, by default the two of its plane; ``ValueError`` names the nearest known."""
    known = {m.name: m for m in (*world.measures, DECISION)}
    given = (world.plane.y, world.plane.x) if names is None else items("measures", names, "names")
    for name in given:
        if not isinstance(name, str) or name not in known:
            hint = nearest(name, known)
            raise ValueError(f"unknown measure {shown(name)}{hint} (those of {world.env_id}: {', '.join(known)})")
    return [known[name] for name in dict.fromkeys(given)]
