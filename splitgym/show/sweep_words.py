"""The words of a sweep, for its tables and pictures: keys with their units, measures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from splitgym.worlds.world import Measure

if TYPE_CHECKING:
    from splitgym.evaluation.sweeps import Sweep


@dataclasses.dataclass(frozen=True)
class Column:
    """Swept keys that have the same values: their heading with its unit, and the values."""

    keys: tuple[str, ...]
    unit: str
    values: list[Any]

    @property
    def heading(self) -> str:
        """Keys and unit in words."""
        return " and ".join(self.keys) + (f" [{self.unit}]" if self.unit else "")


def swept_columns(sweep: Sweep) -> list[Column]:
    """Keys with equal values and units share a column."""
    columns: list[Column] = []
    for key, values in sweep.over.items():
        given, unit = values[: len(sweep.results)], unit_of(sweep.settings[0], key)
        for place, column in enumerate(columns):
            if column.values == given and column.unit == unit:
                columns[place] = dataclasses.replace(column, keys=(*column.keys, key))
                break
        else:
            columns.append(Column((key,), unit, given))
    return columns


def unit_of(scenario: Any, key: str) -> str:
    """Unit of a scenario's value by its dotted path; empty for a pure number, a name, or a model's parameter."""
    thing, unit = scenario, ""
    for part in key.split("."):
        fields = {f.name: f for f in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else {}
        if part not in fields:
            return ""
        unit, thing = fields[part].metadata.get("unit", ""), getattr(thing, part)
    return "" if unit == "1" else unit


def shown_name(measure: Measure) -> str:
    """A measure's name in words."""
    return measure.name.removesuffix("_s").replace("_", " ")
