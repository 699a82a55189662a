"""A channel log: gains of a path over its playing time, read from a text table."""

from __future__ import annotations

import dataclasses

import numpy as np

from splitgym.named_files import NamedFile
from splitgym.quoting import an, cut, where
from splitgym.recorded.quantities import (
    MOST_EFFICIENCY,
    OUTAGE_DB,
    QUANTITIES,
    Link,
    efficiency,
    find_column,
    gain_db,
    ratio,
    settled,
)
from splitgym.recorded.series import Series, read_series, time_columns
from splitgym.recorded.table import LogTable, table_of
from splitgym.recorded.windows import GAP_STEPS, Playing, averaged, part, playing

#: The observed range of the gain spans so many dB at most, below the best of the log.
MOST_SPAN_DB = 80.0


@dataclasses.dataclass(frozen=True)
class ChannelReading:
    """How a channel log is to be read; calling it reads a file.  Empty and ``None``: as the file says, or the link."""

    column: str = ""
    quantity: str = ""
    unit: str = ""
    time: str = ""
    time_format: str = ""
    step_s: float | None = None
    sent_dbm: float | None = None
    bandwidth_hz: float | None = None
    mean_gain_db: float | None = None
    gap_s: float | None = None
    average_s: float = 0.1
    train_share: float = 0.8
    link: Link = Link(sent_dbm=23.0, bandwidth_hz=5e6, noise_dbm_hz=-167.0)

    def __call__(self, file: NamedFile) -> ChannelLog:
        """The log in a file.  ``ValueError`` with file, line, column and remedy for one that gives no channel."""
        table = table_of(file.content, file)
        place, quantity = find_column(table, self.column, self.quantity)
        quantity, unit = settled(table, place, quantity, self.unit)
        time = () if self.step_s is not None and not self.time else time_columns(table, self.time)
        if place in time:
            raise ValueError(f"{where(file)}: column {table.names[place]!r} cannot be both time and channel; name two")
        link = self._link_of(quantity, table, place)
        series = read_series(table, place, time, self.time_format, self.step_s)
        in_db = gain_db(series.values, quantity, unit, link)
        _check_rates(table, place, series, quantity, unit, link)
        shift_db = 0.0
        if self.mean_gain_db is not None:
            shift_db = self.mean_gain_db - float(in_db[in_db > OUTAGE_DB].mean()) if (in_db > OUTAGE_DB).any() else 0.0
        _check_passive(table, place, series, in_db + shift_db)
        gap_s = GAP_STEPS * series.step_s if self.gap_s is None else self.gap_s
        if gap_s < series.step_s:
            raise ValueError(
                f"{where(file)}: gap_s={gap_s:g} s is shorter than the step of the log, {series.step_s:g} s; take a "
                "longer one"
            )
        log = playing(series.time_s, series.step_s, gap_s)
        return ChannelLog(
            self, table, place, time, quantity, unit, link, series, ratio(in_db + shift_db), log, shift_db
        )

    def _link_of(self, quantity: str, table: LogTable, place: int) -> Link:
        """The link at which the log was measured: what is given, what such logs have, the scenario's."""
        known = QUANTITIES[quantity]
        for key in known.needs:
            if getattr(self, key) is None:
                raise ValueError(
                    f"{where(table.path)}, column {table.names[place]!r}: {an(quantity)} says nothing about the "
                    f"channel unless {' and '.join(known.needs)} of the measured link are stated; say {key}"
                )
        sent = known.sent_dbm if self.sent_dbm is None else self.sent_dbm
        return Link(
            sent_dbm=self.link.sent_dbm if sent is None else sent,
            bandwidth_hz=self.link.bandwidth_hz if self.bandwidth_hz is None else self.bandwidth_hz,
            noise_dbm_hz=self.link.noise_dbm_hz,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelLog:
    """A channel log as it was understood."""

    reading: ChannelReading
    table: LogTable
    column: int
    time: tuple[int, ...]  # none, one, or those of date and time
    quantity: str
    unit: str
    link: Link
    series: Series
    gain: np.ndarray  # (n,) of every sample [1]
    play: Playing
    shift_db: float  # that was added to all gains
    _slow: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    _change_db: dict[float, float] = dataclasses.field(default_factory=dict)

    def part(self, split: str) -> Playing:
        """The samples of "train", "test" or "all"; ``ValueError`` where there are less than two."""
        found = part(self.play, split, self.reading.train_share)
        if len(found.samples) < 2:
            raise ValueError(
                f"{where(self.table.path)}: the {split} part holds {len(found.samples)} of {len(self.gain)} values; "
                "change train_share, or take a longer log"
            )
        return found

    def slow(self, split: str) -> np.ndarray:
        """The slow gains of a part as physics/channel_log.py reads them, (2, n + 1)."""
        if split not in self._slow:
            found = self.part(split)
            gain = averaged(self.gain[found.samples], found.begin_s, found.length_s, self.reading.average_s)
            self._slow[split] = np.array([np.append(found.begin_s, found.length_s), np.append(gain, gain[-1])])
        return self._slow[split]

    def fast(self, split: str) -> np.ndarray:
        """What is left of the gains of a part over the slow ones, in the same form."""
        found, slow = self.part(split), self.slow(split)
        gain = self.gain[found.samples]
        return np.array([slow[0], np.append(gain, gain[-1]) / slow[1]])

    @property
    def range_db(self) -> tuple[float, float]:
        """Lowest and highest gain of the whole log [dB], the lowest at most ``MOST_SPAN_DB`` below."""
        low, high = 10.0 * np.log10(self.gain.min()), 10.0 * np.log10(self.gain.max())
        return max(float(low), float(high) - MOST_SPAN_DB), float(high)

    @property
    def median_db(self) -> float:
        """Median gain of the whole log [dB]."""
        return float(10.0 * np.log10(np.median(self.gain)))

    def change_db(self, step_s: float) -> float:
        """Largest change of the gain within ``step_s`` [dB], in the observed range."""
        step_s = max(step_s, self.series.step_s)
        if step_s not in self._change_db:
            level_db, begin_s = np.maximum(10.0 * np.log10(self.gain), self.range_db[0]), self.play.begin_s
            ahead = np.searchsorted(begin_s, begin_s + step_s, side="right") - 1
            self._change_db[step_s] = float(np.abs(level_db[ahead] - level_db).max())
        return self._change_db[step_s]


def _check_rates(table: LogTable, place: int, series: Series, quantity: str, unit: str, link: Link) -> None:
    """``ValueError`` naming the first rate that no link has: a negative one, or too much for its band."""
    if quantity != "rate":
        return
    for wrong, told in (
        (series.values < 0.0, "a rate is not negative; delete the row or write nothing in it"),
        (
            efficiency(1.0, unit, link) * series.values > MOST_EFFICIENCY,
            f"more than {MOST_EFFICIENCY:g} bit/s in each Hz of bandwidth_hz={link.bandwidth_hz:g}; change unit or "
            "bandwidth_hz",
        ),
    ):
        if wrong.any():
            k = int(np.argmax(wrong))
            raise ValueError(cut(f"{table.at(int(series.lines[k]), place)}: {series.values[k]:g} {unit}: {told}"))


def _check_passive(table: LogTable, place: int, series: Series, in_db: np.ndarray) -> None:
    """``ValueError`` naming the first value that would make the path amplify, or that leaves no number."""
    wrong = ~(in_db <= 0.0) | (in_db < -390.0) & np.isfinite(in_db)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise ValueError(
            cut(
                f"{table.at(int(series.lines[k]), place)}: {series.values[k]:g} gives a gain of {in_db[k]:g} dB, which "
                "must be <= 0 (a passive channel does not amplify) and >= -390; change quantity, unit, sent_dbm or "
                "mean_gain_db"
            )
        )
