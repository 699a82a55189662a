"""Traces of all worlds as named arrays: checked when they are made, written to npz files, read back without pickles."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from splitgym.files import write_atomically

T = TypeVar("T", bound="ArrayTrace")

#: Array -> (unit, lowest, highest value, meaning).
Arrays = Mapping[str, tuple[str, float, float, str]]


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

        Raises ``ValueError`` naming array, place, unit and limits for anything that is no finite real number in range.
        """
        shapes = self.shapes()
        for name, (unit, low, high, _) in self.ARRAYS.items():
            given = np.asarray(getattr(self, name))
            if given.dtype.kind not in "fiu":
                raise ValueError(f"trace.{name} must hold real numbers, got an array of {given.dtype}")
            array = np.array(given, np.float64, order="C")
            if array.shape != shapes[name]:
                raise ValueError(f"trace.{name} must have shape {shapes[name]}, got {array.shape}")
            wrong = ~(np.isfinite(array) & (array >= low) & (array <= high))
            if wrong.any():
                where = tuple(int(i[0]) for i in np.nonzero(wrong))
                limit = f"finite and in [{low:g}, {high:g}] {unit}"
                raise ValueError(f"trace.{name}{list(where)} must be {limit}, got {array[where]!r}")
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
        """Write a compressed npz file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in self.ARRAYS}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, format=np.array(self.FORMAT), **arrays)
        write_atomically(Path(path), buffer.getvalue())

    @classmethod
    def load(cls: type[T], path: str | Path) -> T:
        """Read a file of :meth:`save`.  ``ValueError`` for a corrupt or foreign file; nothing is unpickled."""
        if not Path(path).is_file():
            raise ValueError(f"no such trace file: {str(path)!r}")
        if not zipfile.is_zipfile(path):
            raise ValueError(f"{path} is not an npz file; write traces with {cls.__name__}.save")
        try:
            with np.load(path, allow_pickle=False) as file:
                mark = str(file["format"]) if "format" in file else ""
                arrays: dict[str, Any] = {n: file[n] for n in cls.ARRAYS} if mark == cls.FORMAT else {}
        except Exception as error:  # whatever a damaged or hostile archive makes zipfile, zlib and numpy raise
            raise ValueError(f"{path} is not a readable trace: {error}") from error
        if mark != cls.FORMAT:
            raise ValueError(f"{path} is not a trace of this world (no format mark {cls.FORMAT!r})")
        return cls(**arrays)

    @classmethod
    def refuse_unknown(cls, arrays: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` for the name of an array that the trace does not have."""
        unknown = [name for name in arrays if name not in cls.ARRAYS]
        if unknown:
            raise ValueError(f"unknown trace array {unknown[0]!r} (known: {', '.join(cls.ARRAYS)})")
