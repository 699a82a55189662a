"""What a column of a channel log measures, by its name and unit, and the gain that follows from it.

Received powers: gain = received / sent.  SNR: gain = SNR N0 B / sent.  Rate: the gain at which Shannon's formula, as
the radio model uses it (:func:`splitgym.physics.radio.rate_bit_s`), gives that rate in B with that power.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from splitgym.quoting import listed, shown, where
from splitgym.recorded.series import TIME_NAMES, bare
from splitgym.recorded.table import LogTable
from splitgym.units import db_to_ratio, ratio_to_db


class Quantity(NamedTuple):
    """Something that a channel log measures."""

    units: tuple[str, ...]  # the usual one first
    meaning: str
    sent_dbm: float | None  # power that is taken where none is stated; None: see ``needs``
    needs: tuple[str, ...]  # keys without which it gives no gain
    parts: tuple[str, ...]  # what names of such columns begin or end with


#: Power of one LTE subcarrier [dBm] of a cell that sends 46 dBm on 1200 of them (20 MHz): 46 - 10 log10(1200) = 15.2.
REFERENCE_DBM = 15.2
#: Power of such a cell on its whole band [dBm].
CELL_DBM = 46.0
_RATES = {"bit/s": 1.0, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9, "B/s": 8.0, "kB/s": 8e3, "MB/s": 8e6}
#: Name -> quantity; where a log has several, the first one is the channel.
QUANTITIES: Mapping[str, Quantity] = {
    "gain": Quantity(("dB",), "gain of the path, negative", None, (), ("pathgain", "channelgain", "gain")),
    "loss": Quantity(("dB",), "loss of the path, positive", None, (), ("pathloss", "loss")),
    "rsrp": Quantity(("dBm",), "power of one reference subcarrier as received", REFERENCE_DBM, (), ("rsrp",)),
    "rssi": Quantity(("dBm",), "power of the whole band as received", CELL_DBM, (), ("rssi",)),
    "snr": Quantity(("dB",), "ratio of signal to noise", None, (), ("snr", "sinr")),
    "rate": Quantity(
        tuple(_RATES), "measured rate", None, ("sent_dbm", "bandwidth_hz"), ("throughput", "bitrate", "rate", "mbps")
    ),
}
#: Names that contain a part of those above and are something else.
_OTHER = re.compile(r"pingloss|packetloss|lossrate|lossratio|samplerate|framerate|nrx|neighbou?r|errorrate|rank")
#: Parts that count as words only: "generated" is no rate.
_WORDS = ("gain", "loss", "rate", "mbps")
#: How units may be written: small letters -> ours.
_WRITTEN = {
    "dbm": "dBm", "db": "dB", "bps": "bit/s", "kbps": "kbit/s", "mbps": "Mbit/s", "gbps": "Gbit/s",
    **{unit.lower(): unit for unit in _RATES if unit.endswith("bit/s")},
    **{f"{unit.lower()[0]}b/s": unit for unit in ("kbit/s", "Mbit/s", "Gbit/s")},
}  # fmt: skip
#: A rate of so many bit/s in each hertz is none of one link.
MOST_EFFICIENCY = 30.0
#: A link over which nothing comes, such as a rate of 0: its gain [dB].
OUTAGE_DB = -200.0


def find_column(table: LogTable, column: str, quantity: str) -> tuple[int, str]:
    """Place of the channel's column and its quantity; ``ValueError`` naming the candidates where they are not clear."""
    if column:
        place = table.index(column)
        return place, quantity or _quantity_of(table.names[place])
    candidates = [(name, place) for place, title in enumerate(table.names) if (name := _quantity_of(title))]
    if quantity:
        candidates = [(name, place) for name, place in candidates if name == quantity]
    for name in QUANTITIES:
        places = [place for known, place in candidates if known == name]
        exact = [place for place in places if bare(table.names[place]) in QUANTITIES[name].parts]
        found = exact if len(exact) == 1 else places
        if len(found) == 1:
            return found[0], name
        if found:
            named = listed(table.names[place] for place in found)
            raise ValueError(
                f"{where(table.path)}, line {table.line}: {len(found)} columns could be the {name.upper()} of the "
                f"channel: {named}; say which by column = {table.names[found[0]]!r}"
            )
    if not table.header and len(table.names) == 2:  # a time and a value
        return 1, quantity
    names = [name for name in table.names if bare(name) not in TIME_NAMES]
    raise ValueError(
        f"{where(table.path)}, line {max(table.line, 1)}: no column is known to be a channel among {listed(names)}; "
        f"say which by column, with quantity ({', '.join(QUANTITIES)}) and unit"
    )


def _quantity_of(title: str) -> str:
    """The quantity that a column's name says; empty: none."""
    name, words = bare(title), {word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", title)}
    if _OTHER.search(name):
        return ""

    def says(part: str) -> bool:
        return part in words or (part not in _WORDS and (name.startswith(part) or name.endswith(part)))

    return next((key for key, kind in QUANTITIES.items() if any(map(says, kind.parts))), "")


def unit_of(title: str) -> str:
    """The unit that a column's name says in brackets or at its end; empty: none."""
    bracketed = re.search(r"[(\[]\s*([^)\]]+?)\s*[)\]]\s*$", title)
    word = bracketed[1] if bracketed else re.split(r"[_\s]", title.strip())[-1]
    return _WRITTEN.get(word.strip().lower(), "")


def settled(table: LogTable, place: int, quantity: str, unit: str) -> tuple[str, str]:
    """Quantity and unit of a column, from what is given and what its name says; ``ValueError`` where they clash."""
    title, said = table.names[place], unit_of(table.names[place])
    named = f"{where(table.path)}, column {title!r}"
    unit = unit or said or (QUANTITIES[quantity].units[0] if quantity and quantity != "rate" else "")
    if not quantity and unit in _RATES:
        quantity = "rate"
    if not quantity and unit == "dBm":
        raise ValueError(f"{named}: dBm of what? say quantity = 'rsrp' or 'rssi'")
    if not quantity:
        raise ValueError(f"{named}: say what it measures by quantity: {', '.join(QUANTITIES)}")
    if not unit:
        raise ValueError(f"{named}: its unit is not known; say it by unit: {', '.join(_RATES)}")
    if unit not in QUANTITIES[quantity].units:
        units = " or ".join(QUANTITIES[quantity].units)
        raise ValueError(f"{named}: {quantity} is in {units}, got unit {shown(unit)}; change unit or quantity")
    return quantity, unit


class Link(NamedTuple):
    """The link at which a log was measured."""

    sent_dbm: float
    bandwidth_hz: float
    noise_dbm_hz: float  # receiver's noise figure included


def gain_db(values: np.ndarray, quantity: str, unit: str, link: Link) -> np.ndarray:
    """Gain of the path in dB (n,) of values in their unit; -inf for a rate of 0, NaN for a negative one."""
    if quantity == "gain":
        return values.copy()
    if quantity == "loss":
        return -values
    if quantity in ("rsrp", "rssi"):
        return values - link.sent_dbm
    noise_dbm = link.noise_dbm_hz + ratio_to_db(link.bandwidth_hz)
    if quantity == "snr":
        return values + noise_dbm - link.sent_dbm
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        snr = np.expm1(values * _RATES[unit] / link.bandwidth_hz * math.log(2.0))
        return 10.0 * np.log10(snr) + noise_dbm - link.sent_dbm


def efficiency(value: float, unit: str, link: Link) -> float:
    """A rate over the band [bit/s/Hz]."""
    return value * _RATES[unit] / link.bandwidth_hz


def ratio(gain_in_db: np.ndarray) -> np.ndarray:
    """Gains in dB as ratios [1], not below an outage's."""
    return db_to_ratio(np.maximum(gain_in_db, OUTAGE_DB))  # pyright: ignore[reportArgumentType, reportReturnType]
