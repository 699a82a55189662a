"""Numbers out of the attributes of a graph: numbers, texts that are numbers, texts with a unit, and what is missing."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from splitgym.quoting import listed, shown
from splitgym.reading import MISSING
from splitgym.registry import nearest

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_PREFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "m": 1e-3, "u": 1e-6, "µ": 1e-6}
_PREFIXES |= {"n": 1e-9, "p": 1e-12, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_RATES = {"bit/s": 1.0, "bits/s": 1.0, "b/s": 1.0, "bps": 1.0, "B/s": 8.0, "Bps": 8.0, "bE": 1.0, "E": 1.0, "": 1.0}
_WORK = {"op/s": 1.0, "ops/s": 1.0, "OPS": 1.0, "FLOPS": 1.0, "FLOP/s": 1.0, "flops": 1.0}
#: SI unit of a quantity -> units in which a text may state it.
UNITS = {
    "op/s": _WORK,
    "bit/s": _RATES,
    "W": {"W": 1.0},
    "bit": {"bit": 1.0, "b": 1.0, "B": 8.0},
    "s": {"s": 1.0},
    "J/bit": {"J/bit": 1.0, "J/b": 1.0},
}


@dataclasses.dataclass(frozen=True)
class Source:
    """An attribute and the factor that brings it into SI units, as an option states them: ``gflops=1e9``."""

    attribute: str
    factor: float = 1.0

    @property
    def words(self) -> str:
        """As it is printed."""
        return f"{self.attribute} x {self.factor:g}" if self.factor != 1.0 else self.attribute


def source_of(path: str, text: str, known: Iterable[str]) -> Source:
    """``"gflops=1e9"`` -> attribute and factor; without a factor it is 1.

    A name may hold "=" itself: what stands behind the last one is a factor only where it is a number, or where no
    attribute of ``known`` has the whole text as its name.  Raises ``ValueError`` for anything but a number > 0.
    """
    name, mark, factor = text.rpartition("=")
    if not mark or text in known:
        return Source(text.strip() if text not in known else text)
    if not _NUMBER.fullmatch(factor.strip()) or not 0.0 < float(factor) < math.inf:
        raise ValueError(f"{path} must be ATTRIBUTE=FACTOR with a factor > 0, such as gflops=1e9, got {shown(text)}")
    return Source(name if name in known else name.strip(), float(factor))


def value_of(path: str, value: Any, source: Source, unit: str, missing: frozenset[str] = MISSING) -> float | None:
    """An attribute's value in SI units; ``None`` where it is missing: no value, NaN, or a text of ``missing``.

    Args:
        path: names node or link and attribute in messages.
        value: as networkx reads it.
        source: its factor; a text with a unit of its own takes none.
        unit: SI unit of the quantity, see :data:`UNITS`.
        missing: texts that mean that there is none, in small letters.

    Raises ``ValueError`` for everything else.
    """
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in missing:
            return None
        if _NUMBER.fullmatch(text):
            return float(text) * source.factor
        return _with_unit(path, text, source, unit)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{path} must be a number, got {shown(value)}")
    return float(value) * source.factor


def _with_unit(path: str, text: str, source: Source, unit: str) -> float:
    plain = text.removesuffix("Ethernet").rstrip() if unit == "bit/s" else text  # as people write it: "10G Ethernet"
    found = re.fullmatch(rf"({_NUMBER.pattern})\s*(\S+)", plain)
    scale = _scale(found[2], unit) if found else None
    if found is None or scale is None:
        raise ValueError(
            f"{path} must be a number, perhaps with a unit such as M{next(iter(UNITS[unit]))}, got {shown(text)}; "
            f"correct it, or count this text as missing: missing = {shown(text)}"
        )
    if source.factor != 1.0:
        raise ValueError(
            f"{path} is {shown(text)}, with a unit of its own; leave the factor {source.factor:g} out, or the unit"
        )
    return float(found[1]) * scale


def _scale(word: str, unit: str) -> float | None:
    """Factor of a unit with its prefix; ``None``: no unit of the quantity."""
    for name, factor in UNITS[unit].items():
        prefix = word.removesuffix(name)
        if word.endswith(name) and prefix in _PREFIXES:
            return _PREFIXES[prefix] * factor
    return None


def attributes(things: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of all attributes, in the order in which they are met."""
    return list(dict.fromkeys(name for fields in things for name in fields))


def refuse_unmatched(path: str, name: str, what: str, here: list[str], other: tuple[str, list[str]]) -> None:
    """Raise ``ValueError`` unless some node or link has the attribute, listing those that there are.

    ``here`` are the attributes of ``what`` ("node"), ``other`` those of what else there is.
    """
    if name in here:
        return
    there = f"; {other[0]}s have it" if name in other[1] else ""
    have = listed(map(shown, here)) or "no attributes at all"
    raise ValueError(
        f"{path}: no {what} has the attribute {shown(name)}{there}{nearest(name, here)} ({what}s have: {have})"
    )
