"""Contexts of a randomised scenario: drawn from the key of an episode, checked when the environment is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from splitgym.encodings import Encoding
from splitgym.fields import DECIBEL, SIGNED, UNIT, Field
from splitgym.physics.codec import to_observation
from splitgym.physics.random import CONTEXT_STREAM, child, uniform
from splitgym.quoting import cut, shown
from splitgym.randomising import Randomised, Spread
from splitgym.ranges import no_warnings
from splitgym.worlds.world import World

#: Names of the fields that show a context.
_WHICH, _VALUE = "context_scenario", "context_{}"


@dataclasses.dataclass(frozen=True)
class Context:
    """What an episode is played in.

    ``params`` is the lowered scenario, a record, and ``shown`` (n,) float32 what an observation shows of the context.
    """

    scenario: Any
    params: Any
    encoding: Encoding
    shown: np.ndarray


class Contexts:
    """The contexts of a randomised scenario in a world.

    Args:
        world: whose scenarios are drawn.
        given: what they are drawn from.
        action: name of the action encoding.

    Attributes:
        settings: the scenarios without changes.
        horizon: most steps of an episode.
        slots: most slots of a log.

    Raises ``ValueError`` for unknown paths, for values that are no number, for scenarios of other spaces, and where an
    end of a range is outside its limits.
    """

    def __init__(self, world: World, given: Randomised, action: str) -> None:
        self.world, self.given, self.action = world, given, action
        self.settings = tuple(world.load_scenario(scenario) for scenario in given.scenarios)
        self._kinds = [{path: _kind(scenario, path) for path, _ in given.ranges} for scenario in self.settings]
        self._encodings: dict[Any, Encoding] = {}
        self.fields = tuple(self._fields()) if given.observed else ()
        self.first = self._context(0, {})
        corners = [self._checked(index, changes) for index, changes in self._corners()]
        self.horizon = max(world.horizon(corner.scenario) for corner in corners)
        self.slots = max(world.log_shape(corner.scenario)[0] for corner in corners)
        shares = 1.0 / np.array([world.horizon(scenario) for scenario in self.settings], np.float64)
        self._shares = np.cumsum(shares) / shares.sum()

    def draw(self, key: int | np.uint64) -> Context:
        """The context of the episode with this key.  Raises ``ValueError`` for a scenario that cannot be."""
        own = np.uint64(child(np.uint64(key), CONTEXT_STREAM))
        which, *shares = (float(uniform(np.uint64(child(own, j)))) for j in range(1 + len(self.given.ranges)))
        index = min(int(np.searchsorted(self._shares, which, side="right")), len(self.settings) - 1)
        return self._checked(index, self._at(index, shares))

    def shown_of(self, scenario: Any) -> np.ndarray:
        """What an observation would show of a scenario, (n,) float32: for an agent that plays one it has not drawn.

        Values beyond their range are shown as its end; a scenario that is none of the drawn ones shows no name.
        Raises ``ValueError`` for a scenario that lacks a value.
        """
        drawn = {path: float(_value(scenario, path)) for path, _ in self.given.ranges}
        names = [setting.name for setting in self.settings]
        return self._shown(names.index(scenario.name) if scenario.name in names else -1, drawn)

    # ---------------------------------------------------------------- scenarios
    def _corners(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every scenario as it is, with all ranges at their lower and upper ends, and with each of them alone."""
        count = len(self.given.ranges)
        for index in range(len(self.settings)):
            yield index, {}
            for end in (0.0, 1.0) if count else ():
                together = self._at(index, [end] * count)
                yield index, together
                yield from ((index, {path: value}) for path, value in together.items() if count > 1)

    def _at(self, index: int, shares: list[float]) -> dict[str, Any]:
        """Dotted path -> value, where each range is gone through by a share."""
        kinds = self._kinds[index]
        pairs = zip(self.given.ranges, shares, strict=True)
        return {path: _drawn(kinds[path], spread, share) for (path, spread), share in pairs}

    def _context(self, index: int, changes: dict[str, Any]) -> Context:
        scenario = self.settings[index]
        with no_warnings():  # of values that are unusual: the ends were told
            scenario = scenario.replace(**changes) if changes else scenario
        params = self.world.lower(scenario)
        values = {path: float(_value(scenario, path)) for path, _ in self.given.ranges}
        return Context(scenario, params, self._encoding(scenario), self._shown(index, values))

    def _checked(self, index: int, changes: dict[str, Any]) -> Context:
        """A context with the spaces of the first."""
        try:
            found = self._context(index, changes)
        except ValueError as error:
            told = ", ".join(f"{path}={value}" for path, value in changes.items())
            raise ValueError(f"a context of {self.given.text} cannot be ({told}): {cut(str(error))}") from None
        if (found.params.n_fields, found.encoding.space) != (self.first.params.n_fields, self.first.encoding.space):
            ours, theirs = map(_spaces, (self.first, found))
            raise ValueError(f"scenarios that are played by one agent need the same spaces: {ours}; {theirs}")
        return found

    def _encoding(self, scenario: Any) -> Encoding:
        axes = self.world.axes(scenario)
        if axes not in self._encodings:
            if len(self._encodings) > 256:  # where axes are drawn, too
                self._encodings.clear()
            self._encodings[axes] = self.world.encoding(self.action, scenario)
        return self._encodings[axes]

    # ---------------------------------------------------------------- what is shown
    def _fields(self) -> Iterator[Field]:
        if len(self.settings) > 1:
            names = ", ".join(setting.name for setting in self.settings)
            yield Field(
                name=_WHICH, unit="1", kind=UNIT, low=0.0, high=1.0, size=len(self.settings),
                meaning=f"1: the scenario of the episode, of {names}",
            )  # fmt: skip
        for path, spread in self.given.ranges:
            low, high, kind = spread.low, spread.high, SIGNED
            if spread.form == "log":
                low, high, kind = 10.0 * np.log10(low), 10.0 * np.log10(high), DECIBEL
            meaning = f"`{path}` of the scenario of the episode"
            unit = _unit(next(iter(self.settings)), path)
            yield Field(
                name=_VALUE.format(path.replace(".", "_")), unit=unit, kind=kind, low=low, high=high, meaning=meaning
            )

    def _shown(self, index: int, values: dict[str, float]) -> np.ndarray:
        if not self.fields:
            return np.zeros(0, np.float32)
        which = np.arange(len(self.settings) if len(self.settings) > 1 else 0) == index
        drawn = self.fields[len(self.fields) - len(values) :]
        numbers = [to_observation(v, f.kind, f.low, f.high) for v, f in zip(values.values(), drawn, strict=True)]
        return np.array([*which.tolist(), *numbers], np.float32)


def _spaces(context: Context) -> str:
    """What a context shows and takes, in words."""
    takes = cut(" ".join(str(context.encoding.space).split()), 100)
    return f"{context.scenario.name!r} shows {context.params.n_fields} numbers and takes {takes}"


def _drawn(kind: type, spread: Spread, share: float) -> Any:
    """A value of a range; whole numbers are alike, both ends among them."""
    if kind is int:
        wide = Spread(spread.low - 0.5, spread.high + 0.5) if spread.form == "even" else spread
        return min(max(round(wide.at(share)), round(spread.low)), round(spread.high))
    return spread.at(share)


def _kind(scenario: Any, path: str) -> type:
    """Type of a number of a scenario.  Raises ``ValueError`` for an unknown path and for any other value."""
    scenario.replace(**{path: _value(scenario, path)})  # unknown paths are refused with the nearest one
    value = _value(scenario, path)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{path} is {shown(value)} in scenario {scenario.name!r}; only a number can have a range")
    return type(value)


def _value(scenario: Any, path: str) -> Any:
    """What stands at a dotted path; ``None`` where there is nothing."""
    value = scenario
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value


def _unit(scenario: Any, path: str) -> str:
    """SI unit of the value at a dotted path; empty where none is declared."""
    *sections, last = path.split(".")
    owner = _value(scenario, ".".join(sections)) if sections else scenario
    fields = {f.name: f.metadata for f in dataclasses.fields(owner)} if dataclasses.is_dataclass(owner) else {}
    return str(fields.get(last, {}).get("unit", ""))
