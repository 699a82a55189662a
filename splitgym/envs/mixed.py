"""The engine of a randomised scenario: rows in shared arrays, each of which plays a scenario of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from splitgym.encodings import by_name
from splitgym.envs.contexts import Context, Contexts
from splitgym.envs.rows import Rows
from splitgym.fields import Field
from splitgym.jit import entry, one_record, records
from splitgym.randomising import Randomised
from splitgym.worlds.world import Seen, World


def engine(world: World, scenario: Any, *args: Any, **kwargs: Any) -> Rows:
    """The rows of a scenario, or of a randomised one; further arguments as for :class:`Rows`."""
    return (MixedRows if isinstance(scenario, Randomised) else Rows)(world, scenario, *args, **kwargs)


class MixedRows(Rows):
    """Rows whose scenario is drawn with every episode; arguments as for :class:`Rows`.

    A row is handed to the compiled loop by itself, with the record and the nature of its own scenario, so it computes
    what an environment of that scenario alone computes.  ``scenario`` and ``params`` are those of the first scenario.
    """

    def __init__(self, world: World, scenario: Randomised, action: str, *args: Any, **kwargs: Any) -> None:
        self.contexts = self._source = Contexts(world, scenario, action)
        self._drawn: list[Context] = []
        self._natures: list[Any] = []
        super().__init__(world, self._source.first.scenario, action, *args, **kwargs)
        self.encoding = self._source.first.encoding  # of all rows whose axes are these
        self.horizon = self._source.horizon

    @property
    def title(self) -> str:
        """The scenarios and ranges in a line."""
        return self._source.given.text

    def setting(self, row: int) -> tuple[Any, Any]:
        """The scenario of a row's episode, the first one before that begins, and its lowered record."""
        context = self._drawn[row]
        return context.scenario, context.params

    def drawn(self, row: int) -> tuple[Rows, int]:
        """As :meth:`Rows.drawn`: the row alone, in its own scenario."""
        alone, place = object.__new__(Rows), slice(row, row + 1)
        alone.__dict__.update(self.__dict__)
        alone.n, alone.nature = 1, self._natures[row]
        alone.scenario, alone.params = self.setting(row)
        alone.keys, alone.episodes, alone.steps = self.keys[place], self.episodes[place], self.steps[place]
        alone._rows, alone.logs = self._rows[place], self.logs[place]
        alone.seen = Seen(self.seen.observations[place, : self._own], self.seen.masks[place])
        alone._link()
        return alone, 0

    def cost(self, outcomes: np.ndarray) -> np.ndarray:
        """As :meth:`Rows.cost`, each row by its own scenario."""
        assert self.world.cost is not None
        value = self.world.cost.value
        return np.array([value(outcomes[i], context.scenario) for i, context in enumerate(self._drawn)])

    def details(self) -> dict[str, np.ndarray]:
        """As :meth:`Rows.details`."""
        if self.world.details is None:
            return {}
        parts = [self.world.details(nature) for nature in self._natures]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _observed(self) -> tuple[Field, ...]:
        return (*super()._observed(), *self._source.fields)

    def _log_shape(self) -> tuple[int, int]:
        return self._source.slots, super()._log_shape()[1]

    # ---------------------------------------------------------------- episodes
    def _traces(self, given: Any, rows: np.ndarray) -> list[Any] | None:
        if given is not None:
            raise ValueError(
                "a trace belongs to one scenario, and a randomised one has another in every episode: replay it in an "
                "environment of its scenario"
            )
        return None

    def _replay(self, rows: np.ndarray, traces: list[Any] | None) -> None:
        """Draw the contexts of episodes that begin, and prepare their nature."""
        for i in rows.tolist():
            key = np.uint64(self.episode_keys[i])
            context = self._source.draw(key)
            nature, scenario = self.world.nature(1, context.scenario), context.scenario
            recorded = self.world.uses_plugins(scenario)
            if recorded:
                nature = self.world.replay(nature, 0, 1, self.world.draw_trace(scenario, key))
            self.states["recorded"][i] = recorded
            self._drawn[i], self._natures[i] = context, nature
            self.seen.observations[i, self._own :] = context.shown
            self._each[i] = self._of_row(i)

    # ---------------------------------------------------------------- motion
    def _work(self, low: int, high: int) -> int:
        for i in range(low, high):
            if self._several:
                self._natures[i].decided[0] = self.nature.decided[i]
            wrong = self._call(0, 1, *self._each[i])
            if wrong >= 0:
                return wrong
        return -1

    def _decode(self, actions: Any) -> None:
        super()._decode(actions)  # refuses what is no action of the space
        for i, context in enumerate(self._drawn):
            if context.encoding is not self.encoding:  # other levels, other limits
                context.encoding.decode(_of(actions, i), self._values[i : i + 1])

    def _pack(self) -> None:
        if not self._drawn:
            self._drawn = [self._source.first] * self.n
            self._natures = [self.world.nature(1, self.scenario) for _ in range(self.n)]
        self._own = sum(field.size for field in super()._observed())
        self._each = [self._of_row(i) for i in range(self.n)]
        self._call = entry(self.world.loop(1), (0, 1, *self._each[0]))

    def _of_row(self, i: int) -> tuple[Any, ...]:
        """What a turn of a row alone hands to the loop: its places in the shared arrays, and what is its own."""
        context, place = self._drawn[i], slice(i, i + 1)
        table = records(by_name(self._apart(context.encoding.table), self.world.axis_table))
        slots = min(self.world.log_shape(context.scenario)[0], self.logs.shape[1])
        seen = self.seen.observations[place, : self._own], self.seen.masks[place]
        params = one_record(context.params, self.world.params)
        return (self._rows[place], *seen, self.logs[place, :slots], table, params, *self._natures[i])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_each"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.encoding = self._source.first.encoding


def _of(actions: Any, row: int) -> Any:
    """The actions of one row of a batch."""
    if isinstance(actions, Mapping):
        return {name: np.asarray(value)[row : row + 1] for name, value in actions.items()}
    return np.asarray(actions)[row : row + 1]
