"""What ``splitgym optimize`` does with a table of measured runs: reads it, fits a profile to it, says what it found."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from splitgym.cli.common import check_ending, check_output
from splitgym.strict import from_mapping
from splitgym.worlds.hardware.fitting import HardwareFit, fit_hardware
from splitgym.worlds.hardware.table import MeasuredHardware, run_values, table_among
from splitgym.worlds.world import World


@dataclasses.dataclass(frozen=True)
class Measured:
    """A scenario, with the table of runs that its hardware rests on, if there is one, and the fit to it."""

    scenario: Any
    table: MeasuredHardware | None = None
    fit: HardwareFit | None = None

    @property
    def values(self) -> np.ndarray:
        """(n, 3) latency [s], charged energy [J] and accuracy of the runs; empty without any."""
        if self.table is None:
            return np.zeros((0, 3))
        return run_values(self.table, self.scenario.reward.infrastructure_weight)

    @property
    def told(self) -> str:
        """What was read, and how well the fit describes it, for people; empty without a table."""
        return "" if self.table is None else "\n".join([understood(self.table), *([str(self.fit)] if self.fit else [])])

    @property
    def content(self) -> dict[str, Any]:
        """The same for machines."""
        if self.table is None:
            return {}
        runs = self.table.runs
        read = {"runs": len(runs), "columns": dict(runs.columns), "ignored": list(runs.ignored)}
        if self.fit is None:
            return {"measured": read}
        errors = [dataclasses.asdict(error) for error in self.fit.errors]
        return {"measured": read, "fit": {"errors": errors, "notes": list(self.fit.notes)}}


def measured_setting(world: World, name: str, changes: dict[str, Any], fit_to: str | None) -> Measured:
    """The scenario ``name`` with ``changes``; ``fit_to``: a profile is fitted to their table, which will go there.

    Raises ``ValueError`` for a file to fit to without a table.
    """
    if fit_to is None:
        scenario = world.load_scenario(name, **changes)
        hardware = getattr(scenario, "hardware", None)
        return Measured(scenario, hardware if isinstance(hardware, MeasuredHardware) else None)
    table, rest = table_among(changes)
    if not table:
        raise ValueError("--fit needs a table of measured runs: give it as --network FILE.csv")
    check_ending("--fit", fit_to, (".toml",))
    check_output("--fit", fit_to)
    measured = from_mapping(MeasuredHardware, {**table, "kind": "fitted"}, "hardware")
    fit = fit_hardware(measured)
    return Measured(world.load_scenario(name, **rest, hardware=fit.profile), measured, fit)


def understood(table: MeasuredHardware) -> str:
    """What was made of the file of a table: runs, configurations, columns and what was not read."""
    runs = table.runs
    counts = np.unique(runs.configurations, axis=0, return_counts=True)[1]
    low, high = int(counts.min()), int(counts.max())
    each = f"{low} to {high}" if low < high else f"{low}"
    read = (title + (f" as {name}" if name in table.columns else "") for name, title in runs.columns.items())
    lines = [
        f"{table.name}: {table.validity}, {each} of each; "
        f"{len(table.clocks_hz)} clocks, {runs.last_split + 1} split layers",
        f"read: {', '.join(read)}",
    ]
    if runs.ignored:
        lines.append(f"not read: {', '.join(runs.ignored)}")
    if not runs.staged:
        lines.append("no columns for the stages: the whole latency counts as the server's where it takes part")
    return "\n".join(lines)
