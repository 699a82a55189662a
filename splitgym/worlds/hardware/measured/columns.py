"""The columns of a table of measured runs: quantities, units, and where a header has them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from splitgym.quoting import listed, shown
from splitgym.ranges import BITS, CLOCK, SCORE, Range
from splitgym.registry import nearest

_TIME = {"ms": 1e-3, "s": 1.0, "us": 1e-6}
_ENERGY = {"J": 1.0, "mJ": 1e-3, "kJ": 1e3}
_SIZE = {
    "bit": 1.0, "kbit": 1e3, "Mbit": 1e6, "B": 8.0, "byte": 8.0, "bytes": 8.0,
    "kB": 8e3, "MB": 8e6, "KiB": 8192.0, "MiB": 8.0 * 2**20,
}  # fmt: skip
_STAGE = Range("s", 0.0, 1e4)
_LATENCY = Range("s", 1e-6, 1e4, (1e-4, 100.0), "is the unit right?")
_JOULES = Range("J", 0.0, 1e9)


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One thing that a table may tell of a run.

    Args:
        name: of the quantity, and of its column without a unit.
        meaning: one line for people.
        units: unit -> what it is in SI units, the most usual first; empty where the values are words or whole numbers.
        limits: of the values in SI units, where they are numbers.
        plain: unit of a column that is called as the quantity alone; empty: it must say it.
    """

    name: str
    meaning: str
    units: Mapping[str, float] = dataclasses.field(default_factory=dict)
    limits: Range | None = None
    plain: str = ""


#: What is read, by name.
QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("clock", "CPU clock of the edge device", {"MHz": 1e6, "GHz": 1e9, "Hz": 1.0, "kHz": 1e3}, CLOCK),
        Quantity("accelerator", "edge accelerator: off, std or max; without the column: off"),
        Quantity("split", "split layer: 0 sends the input, the last one runs all on the edge device"),
        Quantity("gpu", "whether the server uses its GPU; without the column: no"),
        Quantity("latency", "of a request; may be left out beside its three stages", _TIME, _LATENCY),
        Quantity("latency_edge", "on the edge device", _TIME, _STAGE),
        Quantity("latency_transfer", "transfer to the server", _TIME, _STAGE),
        Quantity("latency_cloud", "on the server", _TIME, _STAGE),
        Quantity("energy_edge", "of the edge device", _ENERGY, _JOULES),
        Quantity("energy_cloud", "of the server", _ENERGY, _JOULES),
        Quantity("accuracy", "share of right answers", {"1": 1.0, "percent": 0.01}, SCORE, "1"),
        Quantity("bits", "size of the tensor on the wire; for a fit only", _SIZE, BITS, "bit"),
    )
}
STAGES = ("latency_edge", "latency_transfer", "latency_cloud")
NEEDED = ("clock", "split", "energy_edge", "energy_cloud")
_BRACKETS = re.compile(r"(.*\S)\s*[(\[]\s*(\S+)\s*[)\]]")
_UNIT_WORDS = {"%": "percent", "µs": "us", "μs": "us"}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a quantity stands: index of its column, the column's name in the file, and what 1 there is in SI units."""

    index: int
    title: str
    factor: float = 1.0


def check_options(columns: Mapping[str, str], units: Mapping[str, str]) -> None:
    """Raise ``ValueError`` for options that name no quantity, or a unit that it does not have."""
    for option, given in (("columns", columns), ("units", units)):
        for name in given:
            if name not in QUANTITIES:
                raise ValueError(
                    f"unknown quantity hardware.{option}.{name}{nearest(name, QUANTITIES)} "
                    f"(known: {listed(QUANTITIES)})"
                )
    for name, unit in units.items():
        known = QUANTITIES[name].units
        if unit not in known:
            raise ValueError(
                f"hardware.units.{name} must be {' or '.join(known) or 'left out: it has no unit'}, got {shown(unit)}"
            )


def places_of(titles: list[str], columns: Mapping[str, str], units: Mapping[str, str]) -> dict[str, Place]:
    """Quantity -> where it stands under a header.

    A column is meant that ``columns`` names, else the one that is called as the quantity and its unit: ``clock_mhz``,
    ``clock [MHz]``, ``energy edge (J)``.  Raises ``ValueError`` for a named column that is not there, one quantity in
    two columns, and a number without a unit.
    """
    names = [title.strip().lower() for title in titles]
    found: dict[str, Place] = {}
    taken: dict[int, str] = {}
    for quantity, title in columns.items():
        places = [i for i, name in enumerate(names) if name == title.strip().lower()]
        if len(places) != 1:
            much = "no column" if not places else "more than one column"
            raise ValueError(
                f"hardware.columns.{quantity}: {much} {shown(title)} (it has: {listed(map(shown, titles))})"
            )
        if places[0] in taken:
            raise ValueError(f"hardware.columns: {shown(title)} is both {taken[places[0]]} and {quantity}")
        taken[places[0]] = quantity
        found[quantity] = _place(QUANTITIES[quantity], places[0], titles, units)
    for index, title in enumerate(titles):
        quantity = _meant(title) if index not in taken else None
        if quantity is None or quantity in columns:
            continue
        if quantity in found:
            raise ValueError(
                f"the columns {shown(titles[found[quantity].index])} and {shown(title)} both are the {quantity}; "
                f"say which with hardware.columns.{quantity}"
            )
        found[quantity] = _place(QUANTITIES[quantity], index, titles, units)
    _check_needed(found, titles)
    return found


def _check_needed(found: Mapping[str, Place], titles: list[str]) -> None:
    lacking = [name for name in NEEDED if name not in found]
    if "latency" not in found and any(name not in found for name in STAGES):
        lacking.append("latency")
    if lacking:
        unit = next(iter(QUANTITIES[lacking[0]].units), "")
        name = f"{lacking[0]}_{unit.lower()}" if unit else lacking[0]
        raise ValueError(
            f"no column for {', '.join(lacking)}: expected one called {name!r}, or hardware.columns.{lacking[0]} = its "
            f"name (it has: {listed(map(shown, titles))})"
        )


def _place(quantity: Quantity, index: int, titles: list[str], units: Mapping[str, str]) -> Place:
    title = titles[index]
    if not quantity.units:
        return Place(index, title)
    unit = units.get(quantity.name) or _parts(title, quantity.units)[1]
    unit = unit or (quantity.plain if _plain(title) == quantity.name else "")
    if not unit:
        first = next(iter(quantity.units))
        raise ValueError(
            f"column {shown(title)} does not say its unit; call it {quantity.name}_{first.lower()} or the like, or set "
            f"hardware.units.{quantity.name} to {' or '.join(quantity.units)}"
        )
    return Place(index, title, quantity.units[unit])


def _meant(title: str) -> str | None:
    """The quantity that a column is called after; ``None``: it is another one's."""
    for quantity in QUANTITIES.values():
        if _plain(_parts(title, quantity.units)[0]) == quantity.name:
            return quantity.name
    return None


def _parts(title: str, units: Iterable[str]) -> tuple[str, str]:
    """A column's name without its unit, and the unit as it is written in ``units``; empty: it has none."""
    known = {unit: unit for unit in units}
    small = {unit.lower(): unit for unit in reversed(list(units))}
    bracketed = _BRACKETS.fullmatch(title.strip())
    if bracketed:
        name, word = bracketed.groups()
    else:
        name, _, word = title.strip().replace(" ", "_").replace("-", "_").rpartition("_")
    word = _UNIT_WORDS.get(word, word)
    unit = known.get(word) or small.get(word.lower(), "")
    return (name, unit) if unit or bracketed else (title.strip(), "")


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())
