"""Records that a kernel reads and writes: their tables, and how one is filled."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from splitgym.fields import markdown_table
from splitgym.jit import records
from splitgym.registry import nearest
from splitgym.traces.base import Array

#: Column of the sum of all terms.
REWARD = "reward"
#: Columns of an outcome that ``info`` leaves out, since ``step`` returns them: code that gathers keys would put one
#: over the other, as TorchRL does.
RETURNED = (REWARD, "done")
#: Scenarios of a world whose records are kept.
_KEPT = 16
#: Last part of a name -> unit.
UNITS = {"j": "J", "s": "s", "w": "W", "hz": "Hz", "bit": "bit", "bits": "bit", "db": "dB", "m": "m", "km": "km"}


@dataclasses.dataclass(frozen=True)
class Column:
    """One entry of a record: the only place that names it, gives its type and says what it means.

    Args:
        name: of the entry; a suffix such as ``_j`` or ``_s`` is its unit.
        kind: NumPy's name of the type, "f8", "i8" or "?", or the type of a record within.
        meaning: one line for people.
        shape: of a table; () for a number.
        source: dotted path of the scenario value that it copies, and which says what it means; empty: it is derived.
    """

    name: str
    kind: str | np.dtype
    meaning: str = ""
    shape: tuple[int, ...] = ()
    source: str = dataclasses.field(default="", kw_only=True)

    @property
    def unit(self) -> str:
        """SI unit by the suffix of the name; "1" for counts, indices and shares, "" for what is true or false."""
        return "" if self.kind == "?" else UNITS.get(self.name.rpartition("_")[2], "1")


@dataclasses.dataclass(frozen=True)
class Term(Column):
    """One term of the reward, a column of OUTCOME named ``reward_...``; the reward is the sum of all, in their order.

    Args:
        weight: what the formula is multiplied with: a sign, or a sign and the dotted path of a scenario value.
        formula: of the term without its weight, as Python would work it out from keys of ``info``, those of the step
            before as ``before.key``, and dotted paths of scenario values.
    """

    weight: str = dataclasses.field(default="+1", kw_only=True)
    formula: str = dataclasses.field(kw_only=True)


def record_type(columns: Iterable[Column]) -> np.dtype:
    """The aligned record type of a table of columns, in its order: one object for one table, see ``row_dtype``."""
    return _record_type(tuple(columns))


@functools.cache
def _record_type(columns: tuple[Column, ...]) -> np.dtype:
    return np.dtype([(column.name, column.kind, column.shape) for column in columns], align=True)


def columns_of(arrays: Mapping[str, Array]) -> tuple[Column, ...]:
    """The arrays of a trace as the columns of what nature decides about each task, application or request."""
    return tuple(Column(name, array.kind, array.meaning) for name, array in arrays.items())


def blank(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Records in which nothing is filled in yet: NaN, and the lowest whole number where it is an integer."""
    record, table = np.zeros((), dtype), np.empty(shape, dtype)
    for name in dtype.names or ():
        record[name] = np.nan if dtype[name].kind == "f" else np.iinfo(dtype[name]).min
    table[...] = record
    return records(table)


def filled(drawn: np.ndarray) -> np.ndarray:
    """What nature has drawn into :func:`blank` records.  ``RuntimeError`` naming the column that it leaves blank."""
    for name in drawn.dtype.names or ():
        column = drawn[name]
        if (np.isnan(column) if column.dtype.kind == "f" else column == np.iinfo(column.dtype).min).any():
            raise RuntimeError(f"nature leaves {name!r} unfilled; nature.py must draw every column of its table")
    return drawn


def grown(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A float array with at least this shape: ``array`` itself, or a larger one with its values in front, then NaN."""
    if all(have >= need for have, need in zip(array.shape, shape, strict=True)):
        return array
    larger = np.full(tuple(map(max, array.shape, shape)), np.nan)
    larger[tuple(map(slice, array.shape))] = array
    return larger


def info_table(columns: Iterable[Column]) -> str:
    """Markdown table of what ``info`` shows: key, unit, type, meaning."""
    kinds = {"f8": "float64", "i8": "int64", "i1": "int8", "?": "bool"}
    rows = ((f"`{c.name}`", c.unit, kinds[str(c.kind)], c.meaning) for c in columns)
    return markdown_table(("key", "unit", "type", "meaning"), rows)


def reward_table(terms: Iterable[Term]) -> str:
    """Markdown table of the terms of the reward: key of ``info``, weight, formula, meaning."""
    rows = ((f"`{t.name}`", f"`{t.weight}`", f"`{t.formula}`", t.meaning) for t in terms)
    return markdown_table(("term", "weight", "formula", "meaning"), rows)


def fill_record(columns: Iterable[Column], scenario: Any, **derived: object) -> np.record:
    """The record of a table: copies come from the scenario, everything else is ``derived``.

    A shorter table fills the front of its column.  Raises ``ValueError`` naming the column where a table is too long,
    and ``TypeError`` where a source is no value of the scenario, or a value is missing or given twice.
    """
    columns = tuple(columns)
    record = np.zeros(1, record_type(columns))  # looking fields up in a recarray takes longer
    copied = {column.name: _value_at(scenario, column) for column in columns if column.source}
    names = {column.name for column in columns}
    for what, wrong in (
        ("has no value, neither a source nor one that lower() derives", names - copied.keys() - derived.keys()),
        ("is no column of the record", derived.keys() - names),
        ("has a source, and lower() derives it, too", copied.keys() & derived.keys()),
    ):
        if wrong:
            raise TypeError(f"{', '.join(sorted(wrong))} {what}")
    for name, value in (copied | derived).items():
        shape = record.dtype[name].shape
        array = np.asarray(value)
        if any(have > room for have, room in zip(array.shape, shape, strict=False)):
            raise ValueError(f"{name}: shape {array.shape} is larger than the kernel's table {shape}")
        target = record[name][0]
        if shape:
            target[tuple(slice(0, have) for have in array.shape)] = array
        else:
            record[name][0] = value
    return record.view(np.recarray)[0]


def kept_record(lower: Callable[[Any], np.record]) -> Callable[[Any], np.record]:
    """A ``lower`` that keeps the records of the last scenarios, which never change, and gives a copy each time."""
    kept: dict[int, tuple[Any, np.record]] = {}

    @functools.wraps(lower)
    def found(scenario: Any) -> np.record:
        of, record = kept.get(id(scenario), (None, None))
        if record is None or of is not scenario:
            record = lower(scenario)
            if len(kept) >= _KEPT:
                kept.clear()
            kept[id(scenario)] = scenario, record  # as long as it is kept nobody else gets its number
        return record.copy()

    return found


def _value_at(scenario: Any, column: Column) -> Any:
    """What stands in the scenario at the column's source."""
    value = scenario
    for key in column.source.split("."):
        if not hasattr(value, key):
            known = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
            raise TypeError(
                f"{column.name}: its source {column.source!r} is no value of {type(scenario).__name__}"
                f"{nearest(key, known)}"
            )
        value = getattr(value, key)
    return value
