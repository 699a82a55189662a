"""A log on its way into a scenario: what it is taken for, what was understood, and the lines that use it."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.files import save_figure
from splitgym.named_files import NamedFile, named_file
from splitgym.quoting import an, listed, shown, where
from splitgym.recorded.arrivals import COUNT_NAMES, ArrivalLog, ArrivalReading
from splitgym.recorded.channel import ChannelLog, ChannelReading
from splitgym.recorded.quantities import QUANTITIES, find_column
from splitgym.recorded.series import bare
from splitgym.recorded.table import table_of
from splitgym.registry import nearest
from splitgym.worlds.channel import Recorded

#: What a log may be.
KINDS = ("channel", "arrivals")
#: Options of a reading that a scenario gives, not its user.
_OWN = ("link",)


def options_of(kind: str) -> dict[str, Any]:
    """Name -> default of what may be said about a log of that kind."""
    cls = ChannelReading if kind == "channel" else ArrivalReading
    return {field.name: field.default for field in dataclasses.fields(cls) if field.name not in _OWN}


@dataclasses.dataclass(frozen=True, eq=False)
class ImportedLog:
    """A log as it was understood.

    Attributes:
        kind: "channel" or "arrivals".
        log: the :class:`~splitgym.recorded.channel.ChannelLog` or :class:`~splitgym.recorded.arrivals.ArrivalLog`.
        given: what was said about it, by name.
    """

    kind: str
    file: NamedFile
    log: ChannelLog | ArrivalLog
    given: dict[str, Any]

    def facts(self) -> dict[str, str]:
        """What was understood, in words, by what it is about."""
        return _channel_facts(self.log) if isinstance(self.log, ChannelLog) else _arrival_facts(self.log)

    def section(self, name: str = "") -> str:
        """The lines of a scenario that use it; ``name`` is the file's there."""
        lines = [f"{key} = {_toml(value)}" for key, value in {"file": name or str(self.file), **self.given}.items()]
        if self.kind == "channel":
            return "\n".join(["[radio.recorded]", *lines]) + "\n"
        return "\n".join(["[arrivals]", 'model = "log"', "", "[arrivals.parameters]", *lines]) + "\n"

    def document(self) -> dict[str, Any]:
        """What was understood, for machines."""
        parts = {split: len(_values(self.log, split)) for split in ("train", "test")}
        return {
            "kind": self.kind,
            "sha256": self.file.sha256,
            "given": self.given,
            "facts": self.facts(),
            "values": parts,
            "section": self.section(),
        }

    def plot(self, path: str | Path) -> Path:
        """Draw the log, its parts and some windows into a PNG, PDF or SVG file.  Needs the extra ``report``."""
        return save_figure(importlib.import_module("splitgym.show.recorded").log_figure(self), path, dpi=150)

    def __str__(self) -> str:
        return importlib.import_module("splitgym.show.recorded").log_text(self)


def import_log(path: str | Path, kind: str = "", **options: Any) -> ImportedLog:
    """Read a log as a scenario would, and say what was understood.

    Args:
        path: the file, a text table.
        kind: "channel" or "arrivals"; empty: a channel if a column is known to be one.
        options: what the file does not say, such as ``column="UL_bitrate"``, by the names of ``[radio.recorded]``
            or of the arrival model ``log``.

    Raises ``ValueError`` with file, line, column and remedy for a log that cannot be read, and for unknown options.
    """
    file = named_file(path, "no such log file")
    kind = kind or _kind_of(file, options)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {listed(KINDS)}, got {shown(kind)}{nearest(kind, KINDS)}")
    known = options_of(kind)
    for name in options:
        if name not in known:
            raise ValueError(f"{an(kind)} log has no option {name!r}{nearest(name, known)} (it has: {listed(known)})")
    given = {name: value for name, value in options.items() if value != known[name]}
    if kind == "channel":
        Recorded(file=file, **given)  # refuses values out of range, as a scenario does
    log = file.parsed(ChannelReading(**given) if kind == "channel" else ArrivalReading(**given))
    for split in ("train", "test"):
        log.part(split)
    return ImportedLog(kind, file, log, given)


def _kind_of(file: NamedFile, options: dict[str, Any]) -> str:
    """A channel if its options or a column say so, else arrivals."""
    for one, other in (("channel", "arrivals"), ("arrivals", "channel")):
        if any(name in options_of(one) and name not in options_of(other) for name in options):
            return one
    table = table_of(file.content, file)
    if not table.header and len(table.names) > 2 and not options.get("column"):
        raise ValueError(
            f"{where(file)}, line {table.line + 1}: {len(table.names)} columns without a header; say "
            "kind = 'arrivals', or the column of the channel with its quantity and unit"
        )
    if column := options.get("column", ""):
        return "arrivals" if bare(table.names[table.index(column)]) in COUNT_NAMES else "channel"
    try:
        find_column(table, "", "")
    except ValueError as error:
        return "channel" if "columns could be" in str(error) else "arrivals"
    return "channel"


def _values(log: ChannelLog | ArrivalLog, split: str) -> np.ndarray:
    return log.part(split).samples if isinstance(log, ChannelLog) else log.part(split)


def _toml(value: Any) -> str:
    return f'"{value}"'.replace("\\", "/") if isinstance(value, str) else repr(value)


def _channel_facts(log: ChannelLog) -> dict[str, str]:
    series, play, name = log.series, log.play, log.table.names[log.column]
    low, high = log.range_db
    facts = {
        "table": log.table.words,
        "channel": f"column {name!r} in {log.unit}: {QUANTITIES[log.quantity].meaning}",
        "gain": f"{_formula(log, name)}; {low:.1f} to {high:.1f} dB, median {log.median_db:.1f} dB",
        "time": f"{_time(log)}: {series.form}; a value every {series.step_s:g} s, {play.length_s:g} s in all",
    }
    if log.shift_db:
        facts["moved"] = f"all gains by {log.shift_db:+.1f} dB, to the mean of {log.reading.mean_gain_db:g} dB"
    if series.missing:
        facts["missing"] = f"{series.missing} rows without a value: the value before holds on"
    if series.repeated:
        facts["repeated"] = f"{series.repeated} rows with the stamp of the row before: spread until the next stamp"
    if play.gaps:
        facts["gaps"] = f"{play.gaps} gaps, {play.gaps_s:g} s in all, are left out"
    for split in ("train", "test"):
        found = log.part(split)
        facts[split] = f"{found.length_s:g} s, {len(found.samples)} values"
    fine = series.step_s <= 1e-3
    facts["fading"] = (
        "fine enough for slots of 1 ms: fading = 'log' is possible" if fine else "by the model of [fading]"
    )
    return facts


def _time(log: ChannelLog) -> str:
    names = " and ".join(repr(log.table.names[place]) for place in log.time)
    return f"column{'s' * (len(log.time) > 1)} {names}" if names else "no stamps"


def _formula(log: ChannelLog, name: str) -> str:
    link = log.link
    noise = f"noise of {link.noise_dbm_hz:g} dBm/Hz in {link.bandwidth_hz / 1e6:g} MHz"
    stated = "" if log.reading.sent_dbm is not None else " (assumed; say sent_dbm)"
    own = " (those of the preset default; a scenario takes its own)"
    words = {
        "gain": f"{name} as it is",
        "loss": f"-{name}",
        "rsrp": f"{name} - {link.sent_dbm:g} dBm{stated}",
        "rssi": f"{name} - {link.sent_dbm:g} dBm{stated}",
        "snr": f"{name} + {noise} - {link.sent_dbm:g} dBm sent{own}",
        "rate": f"by Shannon's formula from {name}, {link.sent_dbm:g} dBm and {noise}",
    }
    return words[log.quantity]


def _arrival_facts(log: ArrivalLog) -> dict[str, str]:
    name = log.table.names[log.column]
    counts = len(log.counts) > 0
    place = f"column {name!r}" if log.row_bins == 0 else f"columns {name} to {int(name) + log.row_bins - 1}"
    what = f"counts in {place}, spread at random within bins of {log.bin_s:g} s" if counts else "one row each"
    facts = {
        "table": log.table.words,
        "arrivals": f"{log.arrivals:g}, {what}",
        "time": log.form if counts else f"column {name!r}: {log.form}",
        "length": f"{log.length_s:g} s, mean gap {log.mean_s:g} s",
    }
    if log.scale != 1.0:
        facts["scaled"] = f"all times by {log.scale:g}, to the mean gap of {log.reading.mean_s:g} s"
    if log.unsorted:
        facts["order"] = f"{log.unsorted} rows earlier than the row before: sorted"
    if log.coarse:
        facts["stamps"] = "of whole seconds: those that repeat are spread over their second"
    for split in ("train", "test"):
        part = log.part(split)
        number, length_s = (part.sum(), len(part) * log.bin_s) if counts else (len(part), part.sum())
        facts[split] = f"{number:g} arrivals in {length_s:g} s, mean gap {length_s / number:g} s"
    return facts
