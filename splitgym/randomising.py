"""Randomised scenarios: every episode plays a context of its own, as contextual RL wants it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from splitgym.checks import switch
from splitgym.quoting import exact, shown

#: How a value is drawn between two ends.
FORMS = ("even", "log")


@dataclasses.dataclass(frozen=True)
class Spread:
    """A range from which a value of a scenario is drawn.

    ``form``: ``"even"``: each difference alike; ``"log"``: each ratio alike, for positive values.

    Raises ``ValueError`` unless ``low < high`` are finite, and positive for ``"log"``.
    """

    low: float
    high: float
    form: str = "even"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"a range is drawn from evenly or by ratios, LOW:HIGH or LOW:HIGH:log, got {self.text}")
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"a range needs finite ends, LOW below HIGH, got {self.text}")
        if self.form == "log" and self.low <= 0.0:
            raise ValueError(f"a range of ratios needs positive ends, got {self.text}; leave out ':log'")

    def at(self, share: float) -> float:
        """The value at a ``share`` in [0, 1] of the way from ``low`` to ``high``."""
        if self.form == "log":
            return min(self.low * (self.high / self.low) ** share, self.high)
        return min(self.low + share * (self.high - self.low), self.high)

    @property
    def text(self) -> str:
        """As :func:`spread_of` reads it."""
        return f"{exact(self.low)}:{exact(self.high)}" + (f":{self.form}" if self.form != "even" else "")


def spread_of(path: str, given: Any) -> Spread:
    """``"300:1200"``, ``"2:200:log"``, ``(300, 1200)`` or a :class:`Spread`; ``ValueError`` that names ``path``."""
    if isinstance(given, Spread):
        return given
    parts: list[Any] = given.split(":") if isinstance(given, str) else list(given) if _is_list(given) else []
    try:
        low, high, form = (*parts, "even") if len(parts) == 2 else parts
        ends = float(low), float(high)
    except (TypeError, ValueError):
        raise ValueError(f"{path}: LOW:HIGH or LOW:HIGH:log is needed, got {shown(given)}") from None
    try:
        return Spread(*ends, form)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _is_list(given: Any) -> bool:
    return isinstance(given, (tuple, list))


@dataclasses.dataclass(frozen=True)
class Randomised:
    """What :func:`randomised` gives: scenarios (or what names them), and the ranges of their values by dotted paths."""

    scenarios: tuple[Any, ...]
    ranges: tuple[tuple[str, Spread], ...]
    observed: bool = False

    @property
    def text(self) -> str:
        """In one line, for people."""
        names = [str(getattr(scenario, "name", scenario)) for scenario in self.scenarios]
        return " ".join([" or ".join(names), *(f"{path}={spread.text}" for path, spread in self.ranges)])


def randomised(
    scenario: Any = "default", ranges: Mapping[str, Any] | None = None, *, observed: bool = False
) -> Randomised:
    """A scenario that every episode draws anew, for ``gym.make(..., scenario=randomised(...))`` and native batches.

    Args:
        scenario: a scenario, as an environment takes it, or a list of several with the same spaces.  An episode plays
            one of them; shorter ones are drawn more often, so that each gets the same share of all decisions.
        ranges: dotted path -> range from which each episode draws its value: ``(300, 1200)`` or ``"300:1200"``, each
            difference alike; ``"2e6:20e6:log"``, each ratio alike.  Whole numbers stay whole.
        observed: whether the context is shown: which scenario it is (one number each, if there are several) and the
            drawn values, behind the fields of the observation.

    The context of an episode follows from its seed alone, and what nature draws is what it is for that seed in the
    drawn scenario: single environment, native batch and every number of threads agree to the bit.  After a reset
    ``env.unwrapped.scenario`` is the scenario of the episode.

    Raises ``ValueError`` for ranges that are none; unknown paths, values outside their limits and scenarios with other
    spaces are refused when the environment is made.
    """
    several = tuple(scenario) if _is_list(scenario) else (scenario,)
    if not several:
        raise ValueError("a randomised scenario needs at least one scenario, got none")
    if ranges is not None and not isinstance(ranges, Mapping):
        raise ValueError(
            f"ranges must be a table of dotted paths, such as {{'radio.distance_m': (300, 1200)}}, got {shown(ranges)}"
        )
    given = {str(path): spread for path, spread in (ranges or {}).items()}
    spreads = tuple((path, spread_of(path, given[path])) for path in sorted(given))  # files keep tables in no order
    return Randomised(several, spreads, switch("observed", observed))
