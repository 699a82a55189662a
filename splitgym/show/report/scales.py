"""Axes for values of very different size: signed logarithms with a linear middle."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from splitgym.show.report.marks import Axis

#: Values are compressed where the largest is this many times the lower quartile.
_WIDE = 8.0
#: Least share of an axis between two ticks.
_APART = 0.13


@dataclasses.dataclass(frozen=True)
class Scale:
    """``unit`` > 0: v -> sign(v) log10(1 + |v| / unit); 0: v itself."""

    unit: float = 0.0

    def to(self, values: np.ndarray) -> np.ndarray:
        """Places of values on the axis."""
        values = np.asarray(values, np.float64)
        return np.sign(values) * np.log10(1.0 + np.abs(values) / self.unit) if self.unit else values

    def axis(self, title: str, low: float, high: float) -> Axis:
        """Axis between two values."""
        ends = float(self.to(np.array(low))), float(self.to(np.array(high)))
        if not self.unit:
            return Axis(title, *ends)
        kind = "log scale" if low >= 0.0 else "signed log scale"
        return Axis(f"{title}, {kind}", *ends, ticks=self._ticks(low, high))

    def _ticks(self, low: float, high: float) -> tuple[tuple[float, str], ...]:
        """0, and 1, 3, 10, 30, ... units to both sides, outer ones first, where they are apart."""
        decades = range(2 + math.ceil(math.log10(max(abs(low), abs(high), self.unit) / self.unit)))
        sizes = [self.unit * 10.0**d * m for d in decades for m in (1, 3)]
        room = _APART * float(self.to(np.array(high)) - self.to(np.array(low)))
        taken: list[tuple[float, str]] = [(0.0, "0")] if low <= 0.0 <= high else []
        tens = sorted((s for s in sizes if f"{s:.0e}"[0] == "1"), reverse=True)
        for size in (*tens, *sorted(set(sizes) - set(tens), reverse=True)):
            for value in (-size, size):
                place = float(self.to(np.array(value)))
                if low <= value <= high and all(abs(place - other) > room for other, _ in taken):
                    taken.append((place, minus(f"{value:g}")))
        return tuple(sorted(taken))


def scale_for(values: np.ndarray) -> Scale:
    """A linear scale, or a logarithmic one where a few values would flatten all the others."""
    sizes = np.abs(np.asarray(values, np.float64))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0.0)]
    if len(sizes) < 3:
        return Scale()
    quarter, most = float(np.quantile(sizes, 0.25)), float(sizes.max())
    if most <= _WIDE * quarter:
        return Scale()
    return Scale(10.0 ** math.floor(math.log10(max(quarter, most / 1e3))))


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Ends with some room around them."""
    span = (high - low) or abs(high) or 1.0
    return low - share * span, high + share * span


def minus(text: str) -> str:
    """A number with a proper minus sign."""
    return text.replace("-", "\u2212")
