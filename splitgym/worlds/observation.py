"""The observation table of a world: the only place that names what is observed.

The record of a decoded observation, the places at which a kernel writes, and the documentation follow from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from splitgym.fields import Field, tables
from splitgym.physics.codec import SPAN
from splitgym.worlds.records import Column

Scaled = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observed:
    """One quantity that a world shows, as :class:`splitgym.fields.Field` but before a scenario is known.

    Args:
        name, unit, kind: as of a field.
        low, high: range in SI units; a function of the table's scales where it depends on the scenario.
        meaning, state: one line for people, or a function of the scales.
        size: of a vector: function of the scales; ``None``: one number.
    """

    name: str
    unit: str
    kind: int
    meaning: str | Scaled
    low: float | Scaled = 0.0
    high: float | Scaled = 1.0
    state: str | Scaled = "markov"
    size: Scaled | None = None

    def field(self, scales: Any) -> Field:
        """The field of a scenario with these scales."""

        def known(value: Any) -> Any:
            return value(scales) if callable(value) else value

        low, high, meaning, state = (known(value) for value in (self.low, self.high, self.meaning, self.state))
        size = 1 if self.size is None else self.size(scales)
        return Field(
            name=self.name, unit=self.unit, kind=self.kind, low=low, high=high, meaning=meaning, state=state, size=size
        )

    def within(self, part: Scaled, **changes: Any) -> Observed:
        """This quantity, changed, in a table whose scales hold those of this one as ``part(scales)``."""
        values = {name: getattr(self, name) for name in ("low", "high", "meaning", "state")}
        moved = {name: _after(part, value) for name, value in values.items() if callable(value)}
        return dataclasses.replace(self, **{**moved, **changes})


def _after(part: Scaled, function: Scaled) -> Scaled:
    return lambda scales: function(part(scales))


class ObservationTable:
    """What a world shows, in the order of the observation.

    A kernel writes the SI values of a row by name: ``values[at.queue_j] = ...`` where the entry is one number, and
    ``put(values, at.node_free, k, ...)`` where it is a vector; ``at`` is a record of PARAMS.

    Args:
        entries: one for each quantity.
        most: numbers for which PARAMS has room.

    Raises:
        ValueError: two entries have one name.
    """

    def __init__(self, *entries: Observed, most: int) -> None:
        names = [entry.name for entry in entries]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two observed quantities are called {', '.join(twice)}")
        self.entries, self.most = entries, most
        #: Record of the places: a number's index, a vector's SPAN.
        self.at = np.dtype([(e.name, "i8" if e.size is None else SPAN) for e in entries], align=True)
        self._records: dict[tuple[int, ...], np.dtype] = {}

    def fields(self, scales: Any) -> tuple[Field, ...]:
        """The fields of a scenario, from what its world calls the scales of it."""
        return tuple(entry.field(scales) for entry in self.entries)

    def record(self, *sizes: int) -> np.dtype:
        """Record of a decoded observation whose vectors have ``sizes``, in order: always the same object."""
        if sizes not in self._records:
            left = iter(sizes)
            shapes = [() if entry.size is None else (next(left),) for entry in self.entries]
            parts = zip(self.entries, shapes, strict=True)
            self._records[sizes] = np.dtype([(entry.name, "f8", shape) for entry, shape in parts])
        return self._records[sizes]

    def view(self, scales: Any) -> np.dtype:
        """Record of a scenario's decoded observation."""
        return self.record(*(entry.size(scales) for entry in self.entries if entry.size is not None))

    def numbers(self, scales: Any) -> int:
        """How many numbers a scenario's observation has."""
        return sum(1 if entry.size is None else entry.size(scales) for entry in self.entries)

    def columns(self) -> tuple[Column, ...]:
        """The entries of PARAMS that hold the table, for :meth:`params`."""
        return (
            Column("n_fields", "i8", "numbers observed"),
            Column("field_kind", "i8", "(n_fields,) int64, see physics/codec.py", (self.most,)),
            Column("field_low", "f8", "(n_fields,)", (self.most,)),
            Column("field_high", "f8", "(n_fields,)", (self.most,)),
            Column("at", self.at, "where each quantity is written"),
        )

    def params(self, scales: Any) -> dict[str, Any]:
        """The values of :meth:`columns` for a scenario."""
        fields = self.fields(scales)
        kinds, lows, highs = tables(fields)
        ranges = {"field_kind": kinds, "field_low": lows, "field_high": highs}
        return {"n_fields": len(kinds), **ranges, "at": self._at(fields)}

    def _at(self, fields: Iterable[Field]) -> np.ndarray:
        at = np.zeros((), self.at)
        for index, (name, place) in enumerate(places(fields).items()):
            if name in (self.at.names or ()):
                vector = self.at[name] == SPAN
                at[name] = (place.start, place.stop - place.start, index) if vector else place.start
        return at


def places(fields: Iterable[Field]) -> dict[str, slice]:
    """Where each field stands among the numbers of an observation."""
    found, first = {}, 0
    for field in fields:
        found[field.name] = slice(first, first + field.size)
        first += field.size
    return found


def wrong_number(world: str, fields: tuple[Field, ...], number: int) -> RuntimeError:
    """What to raise where the loop of a world returns ``number`` >= 0, see :func:`splitgym.physics.codec.show`."""
    total = sum(field.size for field in fields)
    if number >= total:
        field = fields[number - total]
        return RuntimeError(
            f"the kernel of the {world} world writes beyond the observation field {field.name!r}, which has "
            f"{field.size} numbers; correct the loop in observe() or the size in the table of fields.py"
        )
    name, place = next((n, p) for n, p in places(fields).items() if p.start <= number < p.stop)
    last = place.stop - place.start - 1
    one_of = f" at place {number - place.start} of 0..{last}" if last else ""
    return RuntimeError(
        f"the kernel of the {world} world has not written the observation field {name!r}{one_of}, or has written NaN; "
        f"write it by its name in observe()"
    )
