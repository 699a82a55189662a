"""A sweep for the terminal: tables, folded where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from splitgym.evaluation.labels import label
from splitgym.quoting import tamed
from splitgym.show.comparison import averaged, shown
from splitgym.show.sweep_words import shown_name, swept_columns
from splitgym.show.tables import Shown, Spell, Styled, Table
from splitgym.worlds.world import Measure

if TYPE_CHECKING:
    from splitgym.evaluation.sweeps import Sweep


class SweepTable(Shown):
    """For each measure a table with a row for each value and a column for each policy.

    As wide as the intervals need where there is room.  Else the intervals go, and where that is not enough the
    policies are spread over several tables.
    """

    def __init__(self, sweep: Sweep, measures: list[Measure]) -> None:
        self.sweep, self.measures = sweep, measures
        self._means = {(p, m.name): sweep.means(p, m.name) for p in sweep.policies for m in measures}

    def parts(self, width: int, spell: Spell = tamed) -> Iterator[Table | str]:
        """Heading, tables that fit ``width`` columns below their measure's name, notes."""
        yield spell(self.heading)
        for measure in self.measures:
            yield Styled(spell("\n" + _title(measure)), "italic")
            yield from self._folded(measure, width, spell)
        yield from map(spell, self.notes)

    @property
    def heading(self) -> str:
        """What stands above all tables."""
        return f"{self.sweep.setting}: {averaged(self.sweep.episodes)} at each value"

    @property
    def notes(self) -> list[str]:
        """What stands below them."""
        agents = any(results.agents for results in self.sweep.results)
        return ["* trained agent"] * agents + self.sweep.caveats

    @property
    def tables(self) -> list[Table]:
        """The tables as wide as they are, each with its measure as title."""
        whole = [self._table(measure, self.sweep.policies) for measure in self.measures]
        for table, measure in zip(whole, self.measures, strict=True):
            table.title = _title(measure)
        return whole

    def _folded(self, measure: Measure, width: int, spell: Spell) -> list[Table]:
        """The tables of a measure that fit the width."""
        policies = self.sweep.policies
        for intervals in (True, False):
            table = self._table(measure, policies, intervals).spelt(spell)
            if table.width() <= width:
                return [table]
        for parts in range(2, len(policies) + 1):
            size = -(-len(policies) // parts)
            tables = [self._table(measure, policies[i : i + size]).spelt(spell) for i in range(0, len(policies), size)]
            if all(table.width() <= width for table in tables):
                return tables
        return [self._table(measure, [policy]).spelt(spell) for policy in policies]

    def _table(self, measure: Measure, policies: list[str], intervals: bool = True) -> Table:
        table, columns, agents = Table(), swept_columns(self.sweep), self.sweep.results[0].agents
        for column in columns:
            words = [*column.keys[:-1], " ".join(filter(None, (column.keys[-1], column.unit and f"[{column.unit}]")))]
            table.add_column("\n".join(words), justify="right", style="bold", no_wrap=True)
        for policy in policies:
            table.add_column(policy + ("*" if policy in agents else ""), justify="right", no_wrap=True)
        for place in range(len(self.sweep.results)):
            cells = [self._cell(policy, measure, place, intervals) for policy in policies]
            table.add_row(*(label(column.values[place]) for column in columns), *cells)
        return table

    def _cell(self, policy: str, measure: Measure, place: int, intervals: bool) -> str:
        means, halves = self._means[policy, measure.name]
        half = float(halves[place]) if intervals else float("nan")
        return shown(float(means[place]), half, measure.unit, measure.factor, measure.form)


def _title(measure: Measure) -> str:
    unit = f" [{measure.unit}]" if measure.unit else ""
    return f"{shown_name(measure)}{unit}: {measure.meaning}"
