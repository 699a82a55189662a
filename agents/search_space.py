"""What ``splitgym tune`` searches: ranges of hyper-parameters, as Optuna asks for them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

#: Digits of a searched number: more make no difference, and a command that people paste stays short.
_DIGITS = 3


@dataclasses.dataclass(frozen=True)
class Span:
    """Numbers from ``low`` to ``high``.

    ``form``: ``"log"``, each ratio alike; ``"even"``, each difference alike; ``"whole"``, whole numbers; ``"power"``,
    powers of two; ``"gap"``, what is missing to 1, each ratio of it alike (``low`` and ``high`` are gaps).
    """

    low: float
    high: float
    form: Literal["log", "even", "whole", "power", "gap"] = "log"

    def label(self, name: str) -> str:
        """The name under which Optuna knows the number that it draws."""
        return {"power": f"log2({name})", "gap": f"1 - {name}"}.get(self.form, name)

    def ask(self, trial: Any, name: str) -> Any:
        """The value that an Optuna trial suggests."""
        label = self.label(name)
        if self.form == "whole":
            return trial.suggest_int(label, int(self.low), int(self.high))
        if self.form == "power":
            return 2 ** trial.suggest_int(label, int(math.log2(self.low)), int(math.log2(self.high)))
        drawn = _short(trial.suggest_float(label, self.low, self.high, log=self.form != "even"))
        return _short(1.0 - drawn, 12) if self.form == "gap" else drawn

    def nearest(self, name: str, value: Any) -> dict[str, Any]:
        """What Optuna would have to draw for the value nearest to ``value``."""
        within = min(max(1.0 - value if self.form == "gap" else value, self.low), self.high)
        drawn = {"whole": round, "power": lambda x: round(math.log2(x))}.get(self.form, float)(within)
        return {self.label(name): drawn}


@dataclasses.dataclass(frozen=True)
class Nets:
    """Units of the hidden layers, one of several."""

    choices: tuple[tuple[int, ...], ...]

    def ask(self, trial: Any, name: str) -> tuple[int, ...]:
        """The layers that an Optuna trial suggests; it knows them as words, since it keeps no tuples."""
        chosen = trial.suggest_categorical(name, [_word(units) for units in self.choices])
        return self.choices[[_word(units) for units in self.choices].index(chosen)]

    def nearest(self, name: str, value: Sequence[int]) -> dict[str, Any]:
        """The word of the layers with about as many units as ``value``."""
        return {name: _word(min(self.choices, key=lambda units: abs(sum(units) - sum(value))))}


Space = Mapping[str, Span | Nets]


def _word(units: Sequence[int]) -> str:
    return " ".join(map(str, units))


def _short(value: float, digits: int = _DIGITS) -> float:
    return float(f"{value:.{digits}g}")
