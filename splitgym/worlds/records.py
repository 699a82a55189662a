"""Records that a kernel reads and writes: their tables, and how one is filled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Column:
    """One entry of a record: the only place that names it, gives its type and says what it means.

    Args:
        name: of the entry; a suffix such as ``_j`` or ``_s`` is its unit.
        kind: NumPy's name of the type, "f8", "i8" or "?", or the type of a record within.
        meaning: one line for people.
        shape: of a table; () for a number.
    """

    name: str
    kind: str | np.dtype
    meaning: str
    shape: tuple[int, ...] = ()


def record_type(columns: Iterable[Column]) -> np.dtype:
    """The aligned record type of a table of columns, in its order."""
    return np.dtype([(column.name, column.kind, column.shape) for column in columns], align=True)


def fill_record(dtype: np.dtype, **values: object) -> np.record:
    """A record of ``dtype``; a shorter table fills the front of its field.  ``ValueError`` if a table is too long."""
    record = np.zeros(1, dtype).view(np.recarray)
    assert dtype.names is not None
    if set(values) != set(dtype.names):
        raise TypeError(f"fields differ: {sorted(set(values) ^ set(dtype.names))}")
    for name, value in values.items():
        shape = dtype[name].shape
        array = np.asarray(value)
        if any(have > room for have, room in zip(array.shape, shape, strict=False)):
            raise ValueError(f"{name}: shape {array.shape} is larger than the kernel's table {shape}")
        target = record[name][0]
        if shape:
            target[tuple(slice(0, have) for have in array.shape)] = array
        else:
            record[name][0] = value
    return record[0]
