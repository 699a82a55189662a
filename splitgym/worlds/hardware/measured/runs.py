"""Measured runs: read out of a text table, checked line by line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from splitgym.named_files import NamedFile
from splitgym.quoting import listed, shown
from splitgym.reading import Marks, Sheet, naming, sheet_of
from splitgym.worlds.hardware.measured.columns import QUANTITIES, STAGES, Place, places_of

MOST_RUNS = 1_000_000
_MODES = {"off": 0, "none": 0, "no": 0, "false": 0, "0": 0, "std": 1, "1": 1, "max": 2, "2": 2}
_MODES |= {"on": 2, "yes": 2, "true": 2}
_SWITCH = {"false": 0, "no": 0, "off": 0, "cpu": 0, "0": 0, "true": 1, "yes": 1, "on": 1, "gpu": 1, "1": 1}
#: How far the stages of a latency may be from it, over the latency: rounding, and what lies between the stages.
_TOLERANCE = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """What a table tells of n runs, (n,) each, in SI units.

    Without columns for the stages (``staged`` is false) the whole latency stands under ``cloud_s`` where the server
    takes part, else under ``edge_s``.  ``accuracy`` and ``bits`` are NaN where there is no such column.
    """

    line: np.ndarray
    clock_hz: np.ndarray
    accelerator: np.ndarray  # 0 off, 1 std, 2 max
    split: np.ndarray
    gpu: np.ndarray
    edge_s: np.ndarray
    transfer_s: np.ndarray
    cloud_s: np.ndarray
    edge_j: np.ndarray
    cloud_j: np.ndarray
    accuracy: np.ndarray
    bits: np.ndarray
    staged: bool
    last_split: int
    columns: Mapping[str, str]  # quantity -> title of its column
    ignored: tuple[str, ...]  # titles of the other columns

    def __len__(self) -> int:
        return len(self.line)

    @property
    def latency_s(self) -> np.ndarray:
        """(n,) latency [s], as the world adds its stages up."""
        return self.edge_s + self.transfer_s + self.cloud_s

    @property
    def configurations(self) -> np.ndarray:
        """(n, 4) clock [Hz], accelerator, split layer, GPU of every run."""
        return np.stack([self.clock_hz, self.accelerator, self.split, self.gpu], axis=1)

    def of(self, rows: np.ndarray) -> Runs:
        """Some of the runs."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return dataclasses.replace(self, **{k: v[rows] for k, v in values.items() if isinstance(v, np.ndarray)})


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a table is read: the options of a scenario that decide it; call it with the file.

    Args:
        columns: (quantity, title of its column) pairs.
        units: (quantity, unit) pairs.
        splits: names of the split layers 0..L; empty: they are numbers, and the greatest is L.
    """

    columns: tuple[tuple[str, str], ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    splits: tuple[str, ...] = ()

    def __call__(self, file: NamedFile) -> Runs:
        """The runs in a file.  Raises ``ValueError`` naming file, line, column and what was expected there."""
        with naming(file):
            sheet = sheet_of(file.content, file)
            places = places_of(sheet.titles, dict(self.columns), dict(self.units))
            if not sheet.lines:
                raise ValueError("it has no line below the header; a table needs a line for each run")
            if len(sheet.lines) > MOST_RUNS:
                raise ValueError(f"it has {len(sheet.lines)} lines; a table may hold {MOST_RUNS} runs")
            return self._runs(sheet, places)

    def _runs(self, sheet: Sheet, places: Mapping[str, Place]) -> Runs:
        n = len(sheet.lines)
        values = {name: _numbers(sheet, name, place) for name, place in places.items() if QUANTITIES[name].units}
        zeros, unknown = np.zeros(n, np.int64), np.full(n, np.nan)
        accelerator, gpu = (
            _words(sheet, places[name], words, wanted) if name in places else zeros
            for name, words, wanted in (("accelerator", _MODES, "off, std or max"), ("gpu", _SWITCH, "true or false"))
        )
        split = self._splits(sheet, places["split"])
        last = len(self.splits) - 1 if self.splits else int(split.max())
        if last < 1:
            raise ValueError('it has split layer 0 only; name all of them with hardware.splits = ["input", ...]')
        staged = all(name in places for name in STAGES[::2])
        edge_s, transfer_s, cloud_s = _stages(sheet, places, values, split < last)
        runs = Runs(
            line=np.array([line for line, _ in sheet.lines], np.int64),
            clock_hz=values["clock"], accelerator=accelerator, split=split, gpu=gpu,
            edge_s=edge_s, transfer_s=transfer_s, cloud_s=cloud_s,
            edge_j=values["energy_edge"], cloud_j=values["energy_cloud"],
            accuracy=values.get("accuracy", unknown), bits=values.get("bits", unknown),
            staged=staged, last_split=last,
            columns={name: place.title for name, place in places.items()},
            ignored=tuple(t for i, t in enumerate(sheet.titles) if i not in {p.index for p in places.values()}),
        )  # fmt: skip
        _check(sheet, places, runs, bool(self.splits))
        return runs

    def _splits(self, sheet: Sheet, place: Place) -> np.ndarray:
        names = {name: number for number, name in enumerate(self.splits)}
        most = len(self.splits) - 1 if self.splits else 127
        wanted = f"a whole number from 0 to {most}" + (f" or one of {listed(names)}" if names else "")
        found = np.empty(len(sheet.lines), np.int64)
        for row, (line, fields) in enumerate(sheet.lines):
            word = fields[place.index]
            number = names.get(word, int(word) if word.isascii() and word.isdigit() and len(word) < 10 else -1)
            if not 0 <= number <= most:
                raise ValueError(f"{sheet.at(line, place.index)}: expected {wanted}, got {shown(word)}")
            found[row] = number
        return found


def _numbers(sheet: Sheet, name: str, place: Place) -> np.ndarray:
    """A column in SI units."""
    marks, limits = Marks(sheet.delimiter), QUANTITIES[name].limits
    values = np.empty(len(sheet.lines))
    for row, (line, fields) in enumerate(sheet.lines):
        at = sheet.at(line, place.index)
        values[row] = place.factor * marks.number(fields[place.index], at)
        if limits and not limits.holds(values[row]):
            limits.check(at, float(values[row]))
    marks.settle()
    return values


def _words(sheet: Sheet, place: Place, known: Mapping[str, int], wanted: str) -> np.ndarray:
    """A column of words as whole numbers."""
    found = np.empty(len(sheet.lines), np.int64)
    for row, (line, fields) in enumerate(sheet.lines):
        number = known.get(fields[place.index].lower())
        if number is None:
            raise ValueError(f"{sheet.at(line, place.index)}: expected {wanted}, got {shown(fields[place.index])}")
        found[row] = number
    return found


def _stages(
    sheet: Sheet, places: Mapping[str, Place], values: Mapping[str, np.ndarray], served: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T_edge, T_transfer and T_cloud (n,) [s]; ``served`` (n,): the server takes part."""
    edge_s, transfer_s, cloud_s = (values.get(name) for name in STAGES)
    total_s = values.get("latency")
    if edge_s is None or cloud_s is None:
        assert total_s is not None  # places_of has checked
        zeros = np.zeros(len(total_s))
        return np.where(served, zeros, total_s), zeros, np.where(served, total_s, zeros)
    if transfer_s is None:
        assert total_s is not None
        transfer_s = np.maximum(total_s - edge_s - cloud_s, 0.0)  # what is left
    if total_s is not None:
        sums_s = edge_s + transfer_s + cloud_s
        _refuse(
            sheet, places["latency"], ~(np.abs(sums_s - total_s) <= _TOLERANCE * total_s),
            lambda row: f"is {total_s[row]:.6g} s, its stages come to {sums_s[row]:.6g} s; are the units right?",
        )  # fmt: skip
    return edge_s, transfer_s, cloud_s


def _check(sheet: Sheet, places: Mapping[str, Place], runs: Runs, named: bool) -> None:
    """Refuse runs that the world has no configuration for."""
    last = runs.split == runs.last_split
    if "accelerator" in places:
        _refuse(
            sheet, places["accelerator"], (runs.split == 0) & (runs.accelerator > 0),
            lambda row: "must be off at split layer 0, where nothing runs on the edge device",
        )  # fmt: skip
    if "gpu" in places:
        _refuse(
            sheet, places["gpu"], last & (runs.gpu > 0),
            lambda row: f"must be false at split layer {runs.last_split}, the last one, where nothing runs on the "
            "server" + ("" if named else "; if there are more layers, name all of them with hardware.splits"),
        )  # fmt: skip
    _refuse(
        sheet, places["energy_cloud"], last & (runs.cloud_j > 0.0),
        lambda row: f"must be 0 at split layer {runs.last_split}, the last one, where nothing runs on the server"
        + ("" if named else "; if there are more layers, name all of them with hardware.splits"),
    )  # fmt: skip
    clocks = np.unique(runs.clock_hz)
    if len(clocks) > 16:
        raise ValueError(
            f"column {places['clock'].index + 1} ({places['clock'].title}): it has {len(clocks)} different clocks, 16 "
            "are possible; round them to those that were set"
        )


def _refuse(sheet: Sheet, place: Place, wrong: np.ndarray, why: Callable[[int], str]) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{sheet.at(sheet.lines[row][0], place.index)}: {why(row)}")
