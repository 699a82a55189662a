"""One row of an observation table: builds the space, the documentation and the decoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from splitgym.physics.codec import DECIBEL, SIGNED, SQUASH, UNIT

#: All kinds; compiled code takes what is none of the others for SIGNED.
KINDS = (UNIT, SIGNED, SQUASH, DECIBEL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One observed quantity.

    Args:
        name: column of the decoded record.
        unit: SI unit of the decoded value.
        kind: one of UNIT, SIGNED, SQUASH, DECIBEL (:mod:`splitgym.physics.codec`).
        low, high: range in SI (dB for DECIBEL); for SQUASH ``high`` is the value observed as 1/2.
        meaning: one line for people.
        state: "markov" if the field is part of the state of an MDP, else what stays hidden.
        size: how many numbers the field has, one for each node, link...

    Raises:
        ValueError: an unknown kind.
    """

    name: str
    unit: str
    kind: int
    low: float
    high: float
    meaning: str
    state: str = "markov"
    size: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"field {self.name!r}: kind must be UNIT, SIGNED, SQUASH or DECIBEL, got {self.kind!r}")

    @property
    def bounds(self) -> tuple[float, float]:
        """Bounds of the observed number."""
        return (0.0, 1.0) if self.kind in (UNIT, SQUASH) else (-1.0, 1.0)

    @property
    def rule(self) -> str:
        """How the number is made from the SI value, for the documentation."""
        if self.kind == SQUASH:
            return f"v / (v + {self.high:.4g})"
        unit = "dB" if self.kind == DECIBEL else self.unit
        return f"[{self.low:.4g}, {self.high:.4g}] {unit} -> {'[0, 1]' if self.kind == UNIT else '[-1, 1]'}"


def tables(fields: Iterable[Field]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(kinds int64, lows, highs) of an observation table, each (n_numbers,), for a kernel."""
    rows = [(f.kind, f.low, f.high) for f in fields for _ in range(f.size)]
    kinds, lows, highs = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return kinds.astype(np.int64), lows, highs


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""

    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cell.replace('|', bar) for cell in cells)} |"

    head, bar = list(head), "\\|"
    return "\n".join([line(head), "|---" * len(head) + "|", *map(line, rows)])


def field_table(fields: Iterable[Field]) -> str:
    """Markdown table of the fields: name, unit, rule, meaning, state."""
    named = ((f"`{f.name}`{f' x {f.size}' if f.size > 1 else ''}", f) for f in fields)
    rows = ((name, f.unit, f.rule, f.meaning, f.state) for name, f in named)
    return markdown_table(("field", "unit", "observed as", "meaning", "MDP or hidden"), rows)


__all__ = ["DECIBEL", "SIGNED", "SQUASH", "UNIT", "Field", "field_table", "tables"]
