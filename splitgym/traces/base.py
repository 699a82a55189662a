"""Traces of all worlds as named arrays: checked when they are made, written to npz files, read back without pickles."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from splitgym.checks import file_path
from splitgym.files import write_atomically
from splitgym.numbers import as_array
from splitgym.quoting import cut, listed, shown
from splitgym.ranges import TINY, Range
from splitgym.reading import MOST_ARRAYS, naming, read_arrays
from splitgym.traces.arrivals import tell_gap

T = TypeVar("T", bound="ArrayTrace")

#: Array -> (limits, meaning).
Arrays = Mapping[str, tuple[Range, str]]
#: Most numbers in an array: 1.6 GB for both arrays over slots.
MOST_NUMBERS = 100_000_000


def check_size(shape: tuple[int, ...], keys: str) -> None:
    """Raise ``ValueError`` naming ``keys`` for arrays that would not fit the memory of a usual machine."""
    if math.prod(shape) > MOST_NUMBERS:
        raise ValueError(
            f"a trace of {' x '.join(map(str, shape))} slots has more than {MOST_NUMBERS:g} numbers; "
            f"take less of {keys}"
        )


class ArrayTrace:
    """Base of the traces, which are frozen dataclasses with one array for each entry of ``ARRAYS``.

    A subclass implements :meth:`shapes` and calls :meth:`settle` when it is made.
    """

    ARRAYS: ClassVar[Arrays] = {}
    FORMAT: ClassVar[str] = ""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape that each array must have, from the arrays themselves."""
        raise NotImplementedError

    def settle(self) -> None:
        """Replace the arrays by read-only float64 copies.

        Raises ``ValueError`` naming array, place, unit and limits for anything but finite real numbers in range.
        """
        shapes = self.shapes()
        for name, (limits, _) in self.ARRAYS.items():
            given = as_array(getattr(self, name), f"trace.{name}")
            if given.dtype.kind not in "fiu":
                raise ValueError(f"trace.{name} must hold real numbers, got an array of {cut(str(given.dtype), 60)}")
            array = np.array(given, np.float64, order="C")
            if 0 in array.shape[: max(array.ndim - 1, 1)]:
                raise ValueError(f"trace.{name} must not be empty, got shape {array.shape}")
            if array.shape != shapes[name]:
                raise ValueError(f"trace.{name} must have shape {shapes[name]}, got {array.shape}")
            wrong = ~((array >= limits.low) & (array <= limits.high)) | ((array != 0.0) & (np.abs(array) < TINY))
            if wrong.any():
                where = tuple(int(i[0]) for i in np.nonzero(wrong))
                limits.check(f"trace.{name}{list(where)}", float(array[where]))
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def table(self, dtype: np.dtype) -> np.ndarray:
        """The arrays that are the fields of ``dtype``, all (n,), as one (n,) record array."""
        columns = {name: getattr(self, name) for name in dtype.names or ()}
        table = np.zeros(len(next(iter(columns.values()))), dtype)
        for name, values in columns.items():
            table[name] = values
        return table

    def save(self, path: str | Path) -> None:
        """Write a compressed npz file, whole or not at all; ``ValueError`` for one too large for :meth:`load`."""
        arrays = {name: getattr(self, name) for name in self.ARRAYS}
        if (size := sum(array.nbytes for array in arrays.values())) > MOST_ARRAYS:
            raise ValueError(f"the trace takes {size} bytes, a file may hold {MOST_ARRAYS}; draw it anew by its seed")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, format=np.array(self.FORMAT), **arrays)
        write_atomically(file_path("path", path), buffer.getvalue())

    @classmethod
    def load(cls: type[T], path: str | Path) -> T:
        """Read a file of :meth:`save`.  ``ValueError`` for a corrupt or foreign file; nothing is unpickled."""
        file_path("path", path)
        arrays: dict[str, Any] = read_arrays(path, tuple(cls.ARRAYS), "trace", mark=("format", cls.FORMAT))
        with naming(path):
            return cls(**arrays)

    @classmethod
    def check_given(cls, arrays: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` for the name of an array that the trace does not have; warn of unusual values."""
        unknown = [name for name in arrays if name not in cls.ARRAYS]
        if unknown:
            raise ValueError(f"unknown trace array {shown(unknown[0])} (known: {listed(cls.ARRAYS)})")
        for name, values in arrays.items():
            limits, array = cls.ARRAYS[name][0], np.asarray(values)
            if name == "arrival_s":
                tell_gap(array, f"trace.{name}")
            if limits.usual and array.size and array.dtype.kind in "fiu":
                for value in {float(array.min()), float(array.max())}:
                    if limits.holds(value):
                        limits.check(f"trace.{name}", value)
