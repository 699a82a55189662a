"""Action encodings: four ways to write one physical decision, driven by the world's table of axes.

An encoding maps actions of its space to rows of physical values (one column per axis, or several where an axis is a
vector) and back.  Decoding refuses what the space does not contain, with a message that says what to send instead.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from splitgym.masks import RowMask, action_batch, fits, form, slices_of
from splitgym.numbers import as_array, behaved
from splitgym.physics.codec import decode_box, decode_levels, encode_box, encode_levels
from splitgym.quoting import cut, exact, shown
from splitgym.registry import Registry, nearest

#: How far rounding may put a continuous action beyond its range, over its largest number: two last places of float32.
ROUNDING = 2.0**-22

_INTEGER, _FLOAT = np.dtype(np.int64), np.dtype(np.float64)

#: Longest table of the encoding that lists every decision.
MOST_DECISIONS = 200_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """One quantity that is decided.

    Args:
        name: column of the decision record.
        unit: SI unit of the values.
        levels: selectable values, ascending.
        meaning: one line for people.
        top: if > 0 the quantity is continuous in [0, top] in the ``box`` and ``dict`` encodings.
        labels: names of the levels, if they have any.
        size: None for one value; else the axis is a vector of so many values, one for each device.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    meaning: str
    top: float = 0.0
    labels: tuple[str, ...] = ()
    size: int | None = None

    @property
    def width(self) -> int:
        """How many numbers the axis takes."""
        return 1 if self.size is None else self.size


@dataclasses.dataclass(frozen=True)
class Choice:
    """One axis of a world's decisions before there is a scenario: a row of the table in the world's ``axes.py``.

    Args:
        name: column of the decision record.
        unit: SI unit of the values.
        given: scenario -> the rest of :class:`Axis`: ``levels``, ``meaning``, and ``top`` and ``labels`` if there are.
    """

    name: str
    unit: str
    given: Callable[[Any], Mapping[str, Any]]

    def axis(self, scenario: Any, size: int | None = None) -> Axis:
        """The axis in a scenario; ``size``: as a vector over so many devices."""
        return Axis(name=self.name, unit=self.unit, size=size, **self.given(scenario))


def decision_type(axes: Iterable[Axis | Choice]) -> np.dtype:
    """Record of a decision: a float for every axis by its name, or a vector of them; one object for equal axes."""
    return _decision_type(tuple((axis.name, getattr(axis, "size", None)) for axis in axes))


@functools.cache
def _decision_type(named: tuple[tuple[str, int | None], ...]) -> np.dtype:
    return np.dtype([(name, "f8", () if size is None else (size,)) for name, size in named])


def by_name(values: np.ndarray, axes: Iterable[Axis | Choice]) -> np.ndarray:
    """Physical values (..., width), one column for each number of the axes, as records (...) of their type."""
    return np.ascontiguousarray(values, np.float64).view(decision_type(axes))[..., 0]


def by_column(decisions: np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` numbers of decision records (...), (..., count) float64, in the same memory."""
    first = decisions.view(np.ndarray)[next(iter(decisions.dtype.names or ()))]
    return np.lib.stride_tricks.as_strided(first, (*first.shape, count), (*first.strides, first.itemsize))


#: Grid of decisions (n,) -> which of them to keep, (n,) bool: those that differ in what they do.
Distinct = Callable[[np.ndarray], np.ndarray]


class Encoding:
    """Base of the encodings.

    Args:
        axes: the world's axes.
        distinct: which to keep of the product of all levels, (n,) records with one number for each axis -> (n,) bool;
            for ``discrete`` only.
    """

    def __init__(self, axes: tuple[Axis, ...], distinct: Distinct) -> None:
        self.axes = axes
        columns = [axis for axis in axes for _ in range(axis.width)]
        self.width = len(columns)  # numbers of a decision
        self.counts = np.array([len(a.levels) for a in columns], np.int64)
        self.levels = np.zeros((self.width, int(self.counts.max())))
        for row, axis in zip(self.levels, columns, strict=True):
            row[: len(axis.levels)] = axis.levels
        self.tops = np.array([a.top for a in columns], np.float64)
        self.table = np.zeros((0, self.width))  # decisions of a table-driven encoding
        self.space: spaces.Space = self._space(distinct)
        self._choices = {axis.name: len(axis.levels) * axis.width for axis in axes}
        self._masked = fits(self.space, self._choices, self.mask_size)
        numbers = self.space.nvec.tolist() if isinstance(self.space, spaces.MultiDiscrete) else ()
        self._slices = slices_of(numbers) if self._masked else ()

    @property
    def alone(self) -> bool:
        """Whether one number is all that is decided: a space holds it as it is, in no vector and no dictionary."""
        return len(self.axes) == 1 and self.axes[0].size is None

    @property
    def mask_size(self) -> int:
        """Length of the action mask of one row."""
        return len(self.table) or int(self.counts.sum())

    def batch(self, n: int) -> spaces.Space:
        """The action space of ``n`` rows; its ``sample`` takes their masks (:meth:`masks`)."""
        return action_batch(self.space, n)

    def masks(self, flat: np.ndarray, present: np.ndarray | None = None) -> Any:
        """Masks (mask_size,) or (n, mask_size) int8 that nobody else keeps, as the space's ``sample`` takes them.

        ``None`` where it takes none; ``present`` as for :func:`splitgym.masks.form`.
        """
        if present is None and self._slices:  # the usual space, at every step of a single environment
            return RowMask(map(flat.__getitem__, self._slices))
        return form(self.space, self._choices, flat, present) if self._masked else None

    def decode(self, actions: Any, out: np.ndarray) -> None:
        """Actions of n rows -> physical values ``out`` (n, width) float64, in place.

        Raises ``ValueError`` for what the space does not contain, and leaves ``out`` as it was.
        """
        raise NotImplementedError

    def encode(self, values: np.ndarray) -> Any:
        """Physical values (n, width) -> actions of ``n`` rows; levels are rounded to the nearest."""
        raise NotImplementedError

    def one(self, action: Any) -> Any:
        """An action of the single space as a batch of one."""
        return as_array(action, "actions")[None]

    def _space(self, distinct: Distinct) -> spaces.Space:
        raise NotImplementedError

    def _refuse(self, actions: np.ndarray, row: int) -> ValueError:
        told = f"action {shown(actions[row].tolist())} of row {row} is outside {cut(str(self.space), 100)}"
        return ValueError(f"{told}{self._fault(actions[row])}; sample() shows valid ones")

    def _fault(self, action: np.ndarray) -> str:
        """Which axis of an action is outside its range, in words; empty where there is but one number."""
        return ""

    def axis_of(self, column: int) -> str:
        """Name of the axis of a column of physical values, with the place in it if it is a vector."""
        for axis in self.axes:
            if column < axis.width:
                return axis.name if axis.size is None else f"{axis.name}[{column}]"
            column -= axis.width
        raise IndexError(column)

    def _numbers(self, actions: Any, shape: tuple[int, ...], integers: bool, name: str = "actions") -> np.ndarray:
        """``actions`` as an int64 or float64 array of ``shape``, or a ``ValueError`` that says why not."""
        dtype = _INTEGER if integers else _FLOAT
        if type(actions) is np.ndarray and actions.dtype is dtype and actions.shape == shape and actions.flags.carray:
            return actions
        array = as_array(actions, name)
        kinds = "iub" if integers else "fiu"
        if array.shape != shape or array.dtype.kind not in kinds:
            wanted = "integers" if integers else "floats"
            raise ValueError(
                f"{name} must be {wanted} of shape {shape} for {cut(str(self.space), 100)}, "
                f"got {cut(str(array.dtype), 60)} of shape {array.shape}"
            )
        return behaved(array, dtype)


class MultiDiscreteEncoding(Encoding):
    """One level index per axis, or per value of a vector axis; an axis alone gives ``Discrete``."""

    def _space(self, distinct: Distinct) -> spaces.Space:
        return spaces.Discrete(int(self.counts[0])) if self.alone else spaces.MultiDiscrete(self.counts)

    def decode(self, actions: Any, out: np.ndarray) -> None:
        if self.alone:  # agents of version 0.1 give (n, 1)
            actions = as_array(actions, "actions")
            actions = actions[:, None] if actions.ndim == 1 else actions
        indices = self._numbers(actions, out.shape, integers=True)
        bad = decode_levels(indices, self.levels, self.counts, out)
        if bad >= 0:
            raise self._refuse(indices, bad)

    def _fault(self, action: np.ndarray) -> str:
        j = int(np.argmax((action < 0) | (action >= self.counts)))
        return f": {self.axis_of(j)} must be in 0 .. {self.counts[j] - 1}, got {action[j]}"

    def encode(self, values: np.ndarray) -> np.ndarray:
        indices = np.empty(values.shape, np.int64)
        encode_levels(np.ascontiguousarray(values, np.float64), self.levels, self.counts, indices)
        return indices[:, 0] if self.alone else indices


class BoxEncoding(Encoding):
    """A number in [-1, 1] per axis or value of a vector axis: equal bins for levels, a cubic law (0 included) else.

    A value that rounding put beyond an end, by at most :data:`ROUNDING`, is taken as the end; others are refused.
    """

    def _space(self, distinct: Distinct) -> spaces.Space:
        return spaces.Box(-1.0, 1.0, (self.width,), np.float32)

    def decode(self, actions: Any, out: np.ndarray) -> None:
        numbers = self._numbers(actions, out.shape, integers=False)
        bad = decode_box(numbers, self.levels, self.counts, self.tops, out)
        if bad >= 0:
            near = np.clip(numbers, -1.0, 1.0)
            wide = ~(np.abs(numbers - near) <= ROUNDING)
            if wide.any():
                raise self._refuse(numbers, int(np.argmax(wide.any(axis=1))))
            decode_box(near, self.levels, self.counts, self.tops, out)

    def _fault(self, action: np.ndarray) -> str:
        j = int(np.argmax(~(np.abs(action) <= 1.0 + ROUNDING)))
        return f": {self.axis_of(j)} must be in [-1, 1], got {action[j]}"

    def encode(self, values: np.ndarray) -> np.ndarray:
        numbers = np.empty(values.shape, np.float32)
        encode_box(np.ascontiguousarray(values, np.float64), self.levels, self.counts, self.tops, numbers)
        return numbers


class DiscreteEncoding(Encoding):
    """One index into the table of distinct decisions (``encoding.table``), the last axis varying fastest."""

    def _space(self, distinct: Distinct) -> spaces.Space:
        count = math.prod(len(a.levels) for a in self.axes)
        if count > MOST_DECISIONS:
            raise ValueError(
                f"action encoding 'discrete' lists every decision, at most {MOST_DECISIONS}, here "
                f"{' x '.join(str(len(a.levels)) for a in self.axes)} = {count}; take 'multidiscrete' or fewer levels"
            )
        grid = grid_of(self.axes)
        kept = grid[distinct(grid)].view(np.float64).reshape(-1, len(self.axes))
        self.table = np.repeat(kept, [axis.width for axis in self.axes], axis=1)
        return spaces.Discrete(len(self.table))

    def decode(self, actions: Any, out: np.ndarray) -> None:
        indices = self._numbers(actions, (len(out),), integers=True)
        outside = (indices < 0) | (indices >= len(self.table))
        if outside.any():
            raise self._refuse(indices, int(np.argmax(outside)))
        out[:] = self.table[indices]

    def encode(self, values: np.ndarray) -> np.ndarray:
        span = self.table.max(0) - self.table.min(0)
        span = np.where(span > 0.0, span, np.inf)  # an axis with one level distinguishes nothing
        # axes in order of importance: an earlier axis is never traded for a later one
        weight = np.repeat(1e3 ** np.arange(len(self.axes) - 1, -1, -1.0), [a.width for a in self.axes])
        gaps = np.abs(values[:, None, :] - self.table[None]) / span
        return np.argmin((gaps * weight).sum(-1), axis=1).astype(np.int64)


class DictEncoding(Encoding):
    """One entry for each axis, by its name: the index of a level, or the exact value in SI units of a continuous axis.

    So cuts and clocks are indices into the axis's levels, and only powers and weights are physical values (float64).
    One value has the space ``Discrete`` or ``Box`` of shape (1,); a vector axis has ``MultiDiscrete`` or ``Box`` of
    shape (size,).  An axis alone has that space without a dictionary.  What rounding has put above the top of a
    ``Box``, by :data:`ROUNDING` of it at most, is taken as the top; all else outside is refused.
    """

    def _space(self, distinct: Distinct) -> spaces.Space:
        parts = {axis.name: self._part(axis) for axis in self.axes}
        return parts[self.axes[0].name] if self.alone else spaces.Dict(parts)

    def _part(self, axis: Axis) -> spaces.Space:
        if axis.top > 0.0:
            return spaces.Box(0.0, axis.top, (axis.width,), np.float64)
        if axis.size is None:
            return spaces.Discrete(len(axis.levels))
        return spaces.MultiDiscrete([len(axis.levels)] * axis.size)

    def decode(self, actions: Any, out: np.ndarray) -> None:
        n, begin, parts = len(out), 0, []
        actions = self._named(actions)
        for axis in self.axes:
            continuous, end = axis.top > 0.0, begin + axis.width
            shape = (n, axis.width) if continuous or axis.size is not None else (n,)
            columns = self._numbers(actions[axis.name], shape, not continuous, f"action[{axis.name!r}]")
            columns = columns.reshape(n, axis.width)
            top = axis.top if continuous else len(axis.levels) - 1
            if not ((columns >= 0) & (columns <= top)).all():
                columns = self._near(axis, columns, top)
            parts.append(columns if continuous else self.levels[begin][columns])
            begin = end
        np.concatenate(parts, axis=1, out=out)  # nothing is written before all is checked

    def _near(self, axis: Axis, columns: np.ndarray, top: float) -> np.ndarray:
        """Columns with what is above the top by rounding put there.  Raises ``ValueError`` for all else outside."""
        outside = ~((columns >= 0) & (columns <= top * (1.0 + ROUNDING)))
        if outside.any():
            row, place = np.argwhere(outside)[0]
            raise ValueError(
                f"action[{axis.name!r}]{f'[{place}]' if axis.size is not None else ''} of row {row} must be in "
                f"[0, {exact(top)}]{' ' + axis.unit if axis.top > 0.0 else ''}, got {columns[row, place]!r}"
            )
        return np.minimum(columns, top)

    def _named(self, actions: Any) -> Mapping[str, Any]:
        """Actions by the names of the axes; ``ValueError`` for other keys."""
        if self.alone and not isinstance(actions, Mapping):  # version 0.1 wanted a dictionary of one
            return {self.axes[0].name: actions}
        self._check_keys(actions)
        return actions

    def _check_keys(self, actions: Any) -> None:
        names = [axis.name for axis in self.axes]
        wanted = f"a dict action needs exactly the keys {names}"
        if not isinstance(actions, Mapping):
            raise ValueError(f"{wanted}, got {shown(actions)}")
        for name in names:
            if name not in actions:
                raise ValueError(f"{wanted}; {name!r} is missing")
        for key in actions:
            if key not in names:
                raise ValueError(f"{wanted}; unknown key {shown(key)}{nearest(key, names)}")

    def encode(self, values: np.ndarray) -> dict[str, np.ndarray]:
        values, indices = np.ascontiguousarray(values, np.float64), np.empty(values.shape, np.int64)
        encode_levels(values, self.levels, self.counts, indices)
        actions, begin = {}, 0
        for axis in self.axes:
            part = np.s_[:, begin : begin + axis.width]
            if axis.top > 0.0:
                actions[axis.name] = values[part].clip(0.0, axis.top)
            else:
                actions[axis.name] = indices[:, begin].copy() if axis.size is None else indices[part].copy()
            begin += axis.width
        return actions[self.axes[0].name] if self.alone else actions

    def one(self, action: Any) -> Any:
        return {name: as_array(value, f"action[{name!r}]")[None] for name, value in self._named(action).items()}


def grid_of(axes: tuple[Axis, ...]) -> np.ndarray:
    """The product of all levels as records (n,) with one number for each axis, the last axis varying fastest."""
    levels = np.array(list(itertools.product(*(axis.levels for axis in axes))), np.float64)
    return by_name(levels, [dataclasses.replace(axis, size=None) for axis in axes])


ENCODINGS: Registry[type[Encoding]] = Registry("action encoding", own=True)
for _name, _encoding in (
    ("multidiscrete", MultiDiscreteEncoding),
    ("box", BoxEncoding),
    ("discrete", DiscreteEncoding),
    ("dict", DictEncoding),
):
    ENCODINGS.add(_name, _encoding)


def is_shipped(encoding: type[Encoding]) -> bool:
    """Whether an encoding comes with the package."""
    return encoding.__module__.startswith("splitgym.")


_OF_SPACE = {
    spaces.MultiDiscrete: "multidiscrete",
    spaces.Box: "box",
    spaces.Discrete: "discrete",
    spaces.Dict: "dict",
}


def encoding_of(space: Any) -> str:
    """Name of the shipped encoding whose actions have that kind of space; empty for any other."""
    return next((name for kind, name in _OF_SPACE.items() if isinstance(space, kind)), "")


def register_encoding(name: str) -> Callable[[type[Encoding]], type[Encoding]]:
    """Decorator that registers an action encoding, a subclass of :class:`Encoding`, for ``action=name`` everywhere.

    Raises ``ValueError`` if the name is taken, or no name that can be typed on a command line.
    """
    ENCODINGS.check(name)

    def register(encoding: type[Encoding]) -> type[Encoding]:
        if not (isinstance(encoding, type) and issubclass(encoding, Encoding)):
            raise ValueError(f"an action encoding must be a subclass of Encoding, got {shown(encoding)}")
        ENCODINGS.add(name, encoding)
        return encoding

    return register
