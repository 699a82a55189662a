"""Ranges of physical quantities: what is possible, and what is usual, with the unit said in every message.

The limits are generous, so that no study is shut out, and close enough that products of values within them stay
finite.  A value outside the usual range is accepted with a warning: it is most likely meant in another unit.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import typing
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from splitgym.quoting import cut, exact, shown

#: No quantity here is smaller but for zero, in SI units; such numbers would overflow as divisors.
TINY = 1e-40
_PLACE = re.compile(r"\[\d+\]")


@dataclasses.dataclass(frozen=True)
class Range:
    """Limits of a quantity.

    Args:
        unit: SI unit; "1" for ratios.
        low, high: lowest and highest possible value, finite.
        usual: values outside are accepted with a warning, but 0 and the highest, which mean "off" and "no limit";
            empty: all are usual.
        hint: what a wrong value may have meant, for messages.

    Raises ``ValueError`` unless ``low < high`` are finite.
    """

    unit: str
    low: float
    high: float
    usual: tuple[float, float] | tuple[()] = ()
    hint: str = ""

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"a range needs finite limits, low < high, got {self.low!r} and {self.high!r}")

    @property
    def words(self) -> str:
        """Both limits with the unit."""
        return self._words(self.low, self.high)

    def _words(self, low: float, high: float) -> str:
        return f">= {exact(low)} and <= {exact(high)}{self._unit}"

    @property
    def _unit(self) -> str:
        return "" if self.unit in ("", "1") else f" {self.unit}"

    def holds(self, value: float) -> bool:
        """Whether a number, however large, is within the limits."""
        return self.low <= value <= self.high and (value == 0 or abs(value) >= TINY)

    def nearest(self, value: float) -> float:
        """``value``, or the limit that it is beyond: for what is worked out from values that have been checked."""
        held = min(max(value, self.low), self.high)
        return held if self.holds(held) else 0.0

    def check(
        self, path: str, value: Any, tell: bool = True, *, low: float = -math.inf, high: float = math.inf
    ) -> float:
        """``value`` as a float.  Raises ``ValueError`` unless it is a number within the limits.

        Warns if it is unusual, and ``tell``.  Message and warning name ``path``, value, limits and unit.  ``low`` and
        ``high`` are closer limits, such as those of a scenario.
        """
        low, high = max(self.low, low), min(self.high, high)
        value = value.item() if isinstance(value, np.generic) else value
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.holds(value) or not low <= value <= high:
            tiny = isinstance(value, float) and low <= value <= high
            small = f" (0, or at least {TINY:g} in size)" if tiny else ""
            fail(path, value, f"a finite number {self._words(low, high)}{small}", self.hint)
        if tell and self.usual and value not in (0, self.high) and not self.usual[0] <= value <= self.usual[1]:
            warn(path, f"{shown(value)}{self._unit} is unusual", self)
        return float(value)

    def usual_words(self) -> str:
        """The usual values with the unit, and what else may be meant."""
        low, high = self.usual or (self.low, self.high)
        return f"usual are {exact(low)} to {exact(high)}{self._unit}" + (f"; {self.hint}" if self.hint else "")


def fail(path: str, value: Any, wanted: str, hint: str = "") -> typing.NoReturn:
    """Raise the ``ValueError`` of a wrong value."""
    raise ValueError(f"{cut(path, 160)} must be {wanted}, got {shown(value)}" + (f" ({hint})" if hint else ""))


def at_most(keys: str, what: str, value: float, limit: float, unit: str) -> None:
    """Raise ``ValueError`` naming ``keys`` if what they come to is beyond a limit."""
    if not value <= limit:
        raise ValueError(f"{keys}: {what} comes to {exact(value)} {unit}, the limit is {exact(limit)} {unit}")


# ------------------------------------------------------------------ warnings
_SILENT: set[str] = set()  # stands for: of no key
_warned: ContextVar[set[str] | None] = ContextVar("warned", default=None)


@contextlib.contextmanager
def one_warning_per_key() -> Iterator[None]:
    """Warn at most once of each key inside, however many values it takes there."""
    if _warned.get() is not None:
        yield
        return
    token = _warned.set(set())
    try:
        yield
    finally:
        _warned.reset(token)


@contextlib.contextmanager
def no_warnings() -> Iterator[None]:
    """Warn of nothing inside: for what is made of a scenario that has been checked."""
    token = _warned.set(_SILENT)
    try:
        yield
    finally:
        _warned.reset(token)


def told() -> bool:
    """Whether anything is warned of here."""
    return _warned.get() is not _SILENT


def warn(path: str, what: str, limits: Range) -> None:
    """Warn of an unusual value, with its unit."""
    told = _warned.get()
    if told is _SILENT:
        return
    if told is not None:
        key = _PLACE.sub("", path)
        if key in told:
            return
        told.add(key)
    warnings.warn(f"{path}: {what}; {limits.usual_words()}", UserWarning, stacklevel=2)


# ------------------------------------------------------------------ quantities
#: What one table may hold: tables longer than the kernels' are refused by name.
MOST_TASKS = 1_000_000
MOST_SLOTS = 100_000
#: Longest an episode may last, three hundred years: beyond, instants lose their microseconds.
MOST_S = 1e10
#: Most that one task may take: a device that computes for thirty years, a gigajoule.
MOST_TASK_S, MOST_TASK_J = 1e9, 1e9

RATIO = Range("1", 0.0, 1e6)
UNIT = Range("1", 0.0, 1.0)
SHARE = Range("1", 0.0, 1.0, hint="a share: 40 % are 0.4")
SCORE = Range("1", 0.0, 1.0, hint="an accuracy: 76 % are 0.76")
LOAD = Range("1", 0.0, 0.99, hint="a share: 40 % are 0.4")
SPREAD = Range("1", 0.0, 10.0)
LOG_SPREAD = Range("1", 0.0, 2.0)
SEED = Range("1", 0, 2**63 - 1)
COUNT_TASKS = Range("task", 1, MOST_TASKS)

_SECONDS = "in seconds: 300 ms are 0.3"
DEADLINE = Range("s", 1e-6, 1e6, (1e-4, 20.0), _SECONDS)
DELAY = Range("s", 0.0, 1e4, (1e-9, 20.0), _SECONDS)
STAGE = Range("s", 0.0, 1e4, (1e-9, 100.0), _SECONDS)
POSITIVE_STAGE = Range("s", 1e-6, 1e4, (1e-5, 100.0), _SECONDS)
#: Of one transfer: a median delay times its spread.
DRAWN_DELAY = Range("s", 0.0, 1e11, DELAY.usual, _SECONDS)
SLOT = Range("s", 1e-6, 10.0, (1e-5, 0.2), "in seconds: 1 ms is 0.001")
GAP = Range("s", 1e-6, 1e7, (1e-5, 60.0), "in seconds: 400 ms are 0.4")
PHASE = Range("s", 1e-6, 1e7, (1e-5, 1e6), "in seconds")
STAY = Range("s", 1e-6, 1e9)
PERIOD = Range("s", 1e-3, 1e9)
COHERENCE = Range("s", 0.0, 1e4, (1e-6, 100.0), "in seconds: 5 ms are 0.005")
INSTANT = Range("s", 0.0, MOST_S)

CLOCK = Range("Hz", 1.0, 1e13, (1e5, 1e13), "in hertz: 1.2 GHz are 1.2e9")
BANDWIDTH = Range("Hz", 1.0, 1e12, (1e3, 1e11), "in hertz: 20 MHz are 20e6")
RATE = Range("bit/s", 1.0, 1e18, (1e4, 1e16), "in bit/s: 200 Mbit/s are 200e6")
MACS_PER_CYCLE = Range("MAC/cycle", 1e-6, 1e9, (1e-4, 1e8))
MACS = Range("MAC", 0, 10**15)
WEIGHTS = Range("weight", 0, 10**13)
SPENT = Range("J", 0.0, 1e9)
CYCLES = Range("cycle", 0.0, 1e18)
CAPACITANCE = Range("F", 0.0, 1e-15, (1e-34, 1e-22), "kappa in E = kappa f^2 cycles, of the order of 1e-28")
SIZE = Range("element", 1, 1_000_000)
ELEMENT_BITS = Range("bit", 1e-3, 1e4, (0.1, 256.0))
BITS = Range("bit", 0.0, 1e15)
STEEPNESS = Range("1", 0.0, 1e3)

SENT_POWER = Range("W", 1e-12, 1e6, (1e-9, 5.0), "in watts: 23 dBm are 0.2 W, 200 mW are 0.2 W")
POWER_LEVEL = Range("W", 0.0, 1e6, (1e-9, 5.0), "in watts: 23 dBm are 0.2 W, 200 mW are 0.2 W")
MACHINE_POWER = Range("W", 0.0, 1e7, (1e-6, 1e5), "in watts")
BUDGET = Range("J", 1e-12, 1e9, (1e-9, 1e4), "in joules: 4 mJ are 0.004")
BATTERY = Range("J", 1e-9, 1e12)
MAC_ENERGY = Range("J/MAC", 0.0, 1e-3, (1e-18, 1e-6), "in joules: 50 pJ are 50e-12")
CYCLE_ENERGY = Range("J/cycle", 0.0, 1e-3, (1e-18, 1e-6), "in joules: 0.5 nJ are 0.5e-9")
BIT_ENERGY = Range("J/bit", 0.0, 1.0, (1e-18, 1e-3), "in joules: 30 nJ are 30e-9")
#: V of drift plus penalty, and the scale of its transmit energy.
WEIGHT, ENERGY_SCALE = Range("J^2", 1e-36, 1e24), Range("1", 1e-6, 1e6)
PRICE = Range("1", 0.0, 1e6)

NOISE_DENSITY = Range("dBm/Hz", -250.0, 0.0, (-190.0, -120.0), "in dBm/Hz: thermal noise is -174")
NOISE_FIGURE = Range("dB", 0.0, 50.0, hint="in dB, >= 0")
PATH_LOSS = Range("dB", 0.0, 300.0, (20.0, 250.0), "a loss in dB, positive: 128.1, neither -128.1 nor the ratio")
LOSS_DECADE = Range("dB", 0.0, 100.0, (10.0, 80.0), "in dB per decade of distance: 10 times the exponent")
DISTANCE = Range("m", 0.1, 1e7, (1.0, 1e6), "in metres: 0.6 km are 600")
DISTANCE_FACTOR = Range("1", 1e-3, 1e3)
SHADOWING = Range("dB", 0.0, 30.0, hint="a standard deviation in dB, >= 0")
FADE_DEPTH = Range("dB", 0.0, 300.0, hint="a depth in dB below the good state, positive")
RICE = Range("1", 0.0, 1e6, hint="a ratio: 6 dB are 4")
#: Of a passive channel: what arrives is less than what was sent.
GAIN = Range(
    "1", TINY, 1.0, hint="a ratio of powers, below 1 for a passive channel; a path loss of 104.2 dB is 10**(-10.42)"
)
FADING_GAIN = Range("1", 0.0, 1e6, hint="a ratio of powers of mean 1, not dB")
NORMAL = Range("1", -40.0, 40.0, hint="a standard normal draw")

SPEED = Range("op/s", 1.0, 1e18, (1e6, 1e17), "in op/s: 11 Gop/s are 11e9")
CAPACITY_OPS = Range("op/s", 0.0, 1e24, (1e3, 1e24), "in op/s: 11 Gop/s are 11e9")
CAPACITY_BITS = Range("bit/s", 0.0, 1e24, (1e3, 1e24), "in bit/s: 200 Mbit/s are 200e6")
MEMORY = Range("bit", 0.0, 1e24)
OPS = Range("op", 0.0, 1e16)
ARC_RATE = Range("bit/s", 1.0, 1e18, (1e3, 1e17), "in bit/s: 200 Mbit/s are 200e6")
TARGET = Range("s", 1e-9, 1e16, (1e-6, 20.0), _SECONDS)
FREQUENCY = Range("1/s", 1e-20, 1e9)
HOLDING = Range("s", 1e-6, 1e9)
SLACK = Range("1", 1e-3, 1e6)
