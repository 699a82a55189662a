"""Traces of all worlds as named arrays: checked when they are made, written to npz files, read back without pickles."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from splitgym.cards import Card, Carded
from splitgym.checks import file_path
from splitgym.files import write_atomically
from splitgym.numbers import as_array
from splitgym.quoting import cut, exact, listed, shown
from splitgym.ranges import TINY, Range
from splitgym.reading import MOST_ARRAYS, naming, read_arrays
from splitgym.seeding import episode_key, seed_key
from splitgym.traces.arrivals import tell_gap

#: Axis of the radio slots of a task; every other axis has the dotted scenario key that counts it, or a fixed size.
SLOTS = "slots"
#: Most numbers in an array: 1.6 GB for both arrays over slots.
MOST_NUMBERS = 100_000_000


def check_size(shape: tuple[int, ...], keys: str) -> None:
    """Raise ``ValueError`` naming ``keys`` for arrays that would not fit the memory of a usual machine."""
    if math.prod(shape) > MOST_NUMBERS:
        raise ValueError(
            f"a trace of {' x '.join(map(str, shape))} slots has more than {MOST_NUMBERS:g} numbers; "
            f"take less of {keys}"
        )


@dataclasses.dataclass(frozen=True)
class Array:
    """One array of a trace: the only place that gives its limits, its meaning and its shape.

    Args:
        limits: of its numbers, with their unit.
        meaning: one line for people.
        axes: what each axis runs over: the dotted scenario key of a count, ``SLOTS``, or a fixed size.
        kind: NumPy's name of the type in the kernel's record, "f8" or "i8".
    """

    limits: Range
    meaning: str
    axes: tuple[str | int, ...]
    kind: str = "f8"

    @property
    def shape(self) -> str:
        """Its axes as people read a shape: ``(tasks.count, slots)``."""
        return f"({', '.join(map(str, self.axes))}{',' if len(self.axes) == 1 else ''})"

    @property
    def span(self) -> str:
        """Its limits without the unit."""
        return f"{exact(self.limits.low)} to {exact(self.limits.high)}"


def array(limits: Range, meaning: str, *axes: str | int, kind: str = "f8") -> Any:
    """A field of a trace class, see :class:`Array`."""
    return dataclasses.field(metadata={"array": Array(limits, meaning, axes, kind)})


def array_of(trace: type[ArrayTrace], name: str, *axes: str | int) -> Any:
    """The same field as that of another trace class, over other axes."""
    return dataclasses.field(metadata={"array": dataclasses.replace(trace.ARRAYS[name], axes=axes)})


class ArrayTrace(Carded):
    """Base of the traces: frozen dataclasses whose fields are declared with :func:`array`, in ``ARRAYS`` by name.

    A subclass says which ``PRESETS`` read its scenarios, implements :meth:`of_key` and :meth:`check`, and calls
    :meth:`settle` when it is made.
    """

    ARRAYS: ClassVar[Mapping[str, Array]] = {}
    FORMAT: ClassVar[str] = ""
    PRESETS: ClassVar[Any]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        fields = {name: field for name, field in vars(cls).items() if isinstance(field, dataclasses.Field)}
        cls.ARRAYS = {**cls.ARRAYS, **{name: field.metadata["array"] for name, field in fields.items()}}
        cls.__doc__ = f"{(cls.__doc__ or '').rstrip()}\n{_array_lines(cls.ARRAYS)}"

    def _card(self) -> Card:
        sizes = ", ".join(f"{axis} {size}" for axis, size in self._sizes(vars(self)).items())
        rows = []
        for name, array in self.ARRAYS.items():
            values = getattr(self, name)
            span = f"{values.min():.4g} to {values.max():.4g}"
            rows.append((name, values.shape, span, array.limits.unit, array.meaning))
        return Card(f"{type(self).__name__}: {sizes}", ("array", "shape", "values", "unit", "meaning"), rows)

    @classmethod
    def of_key(cls, scenario: Any, key: np.uint64, width: int | None = None) -> Self:
        """Materialise the episode of ``key``: the same values that the kernel draws lazily.

        ``width`` is the number of slots of a task, by default what the longest deadline can use.
        """
        raise NotImplementedError

    def check(self, params: np.record) -> None:
        """Raise ``ValueError`` unless the trace fits the scenario behind ``params``."""
        raise NotImplementedError

    @classmethod
    def draw(cls, scenario: Any, seed: int = 0, episode: int = 0) -> Self:
        """The trace of ``env.reset(seed=seed)``, or of the ``episode``-th reset after it without a seed."""
        return cls.of_key(cls.PRESETS.load(scenario), episode_key(seed_key(seed), episode))

    @classmethod
    def from_arrays(cls, scenario: Any, seed: int = 0, **arrays: Any) -> Self:
        """A trace from arrays made elsewhere; those not given are drawn from (scenario, seed).

        Any subset of ``ARRAYS`` may be given.  Their sizes replace the scenario's own counts, such as ``tasks.count``,
        and the number of slots.  Raises ``ValueError`` for unknown names and wrong shapes.
        """
        arrays = cls.check_given(arrays)
        sizes = cls._sizes(arrays)
        counts = {axis: size for axis, size in sizes.items() if axis != SLOTS}
        setting = cls.PRESETS.load(scenario, **counts)
        drawn = cls.of_key(setting, episode_key(seed_key(seed), 0), sizes.get(SLOTS))
        return cls(**({name: getattr(drawn, name) for name in cls.ARRAYS} | arrays))

    @classmethod
    def _sizes(cls, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
        """Size of every axis without a fixed one, by the first of the arrays that has it."""
        sizes: dict[str, int] = {}
        for name, values in arrays.items():
            for axis, size in zip(cls.ARRAYS[name].axes, np.shape(np.atleast_1d(values)), strict=False):
                if isinstance(axis, str):
                    sizes.setdefault(axis, size)
        return sizes

    def settle(self) -> None:
        """Replace the arrays by read-only float64 copies.

        Raises ``ValueError`` naming array, place, unit and limits for anything but finite real numbers in range.
        """
        arrays = {name: as_array(getattr(self, name), f"trace.{name}") for name in self.ARRAYS}
        sizes = self._sizes(arrays)
        for name, given in arrays.items():
            limits, axes = self.ARRAYS[name].limits, self.ARRAYS[name].axes
            if given.dtype.kind not in "fiu":
                raise ValueError(f"trace.{name} must hold real numbers, got an array of {cut(str(given.dtype), 60)}")
            array = np.array(given, np.float64, order="C")
            if 0 in array.shape[: max(array.ndim - 1, 1)]:
                raise ValueError(f"trace.{name} must not be empty, got shape {array.shape}")
            shape = tuple(axis if isinstance(axis, int) else sizes.get(axis, 0) for axis in axes)
            if array.shape != shape:
                raise ValueError(f"trace.{name} must have shape {shape}, got {array.shape}")
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
    def load(cls, path: str | Path) -> Self:
        """Read a file of :meth:`save`.  ``ValueError`` for a corrupt or foreign file; nothing is unpickled."""
        file_path("path", path)
        arrays: dict[str, Any] = read_arrays(path, tuple(cls.ARRAYS), "trace", mark=("format", cls.FORMAT))
        with naming(path):
            return cls(**arrays)

    @classmethod
    def check_given(cls, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """What was given, as arrays.

        Raises ``ValueError`` for an unknown name and for anything but an array; warns of unusual values.
        """
        unknown = [name for name in arrays if name not in cls.ARRAYS]
        if unknown:
            raise ValueError(f"unknown trace array {shown(unknown[0])} (known: {listed(cls.ARRAYS)})")
        given = {name: as_array(values, f"trace.{name}") for name, values in arrays.items()}
        for name, array in given.items():
            limits = cls.ARRAYS[name].limits
            if name == "arrival_s":
                tell_gap(array, f"trace.{name}")
            if limits.usual and array.size and array.dtype.kind in "fiu":
                for value in {float(array.min()), float(array.max())}:
                    if limits.holds(value):
                        limits.check(f"trace.{name}", value)
        return given


def _array_lines(arrays: Mapping[str, Array]) -> str:
    """What stands in a trace's documentation about its arrays: name, shape, unit, limits, meaning."""
    lines = ["", "    Arrays (float64):"]
    for name, array in arrays.items():
        unit = "" if array.limits.unit in ("", "1") else f" {array.limits.unit}"
        lines.append(f"        {name}: {array.shape}, {array.span}{unit}; {array.meaning}")
    return "\n".join(lines) + "\n"
