"""A run of ``splitgym bench`` as a page: its rows, and beside them those of runs that were kept of earlier versions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from splitgym.extras import need
from splitgym.version import __version__

#: Rows of two runs are the same where these are.
_KEYS = ("group", "name", "peer")


@dataclasses.dataclass(frozen=True)
class Line:
    """A row of the page.

    Args:
        row: as :meth:`splitgym.bench.measuring.Row.to_dict` has it.
        before: for each earlier run what is compared between versions: the ratio to the peer, or the value without one.
    """

    row: Mapping[str, Any]
    before: tuple[str, ...]

    @property
    def value(self) -> str:
        """The rate with its unit."""
        return f"{number(self.row['value'])} {self.row['unit']}"

    @property
    def now(self) -> str:
        """What is compared between versions."""
        return compared(self.row)

    @property
    def mark(self) -> str:
        """Class of the cell: whether the target is met."""
        return {None: "", True: "best", False: "missed"}[self.row["met"]]


def number(value: float) -> str:
    """Three digits that matter, thousands apart."""
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


def compared(row: Mapping[str, Any]) -> str:
    """The ratio of a row to its peer, or its value where it has none; '' where the peer is not installed."""
    if row["peer"] is None:
        return f"{number(row['value'])} {row['unit']}"
    return "" if row["ratio"] is None else f"{number(row['ratio'])} x"


def history() -> list[dict[str, Any]]:
    """Runs that are kept with the package, the oldest version first: what ``splitgym bench --json`` printed."""
    folder = resources.files("splitgym.bench") / "history"
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir() if file.name.endswith(".json")]
    return sorted(runs, key=lambda run: _order(version_of(run)))


def version_of(run: Mapping[str, Any]) -> str:
    """Version of splitgym that made a run."""
    return run["machine"]["versions"]["splitgym"]


def _order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers by size; what is still in development stands before its release."""
    parts = [part for part in version.split(".") if part]
    end = (1, -1, "")
    return (*((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts), end)


def lines(run: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> dict[str, list[Line]]:
    """The rows of a run by group, each beside the same row of earlier runs."""
    known = [{_place(row): compared(row) for row in earlier["rows"]} for earlier in before]
    groups: dict[str, list[Line]] = {}
    for row in run["rows"]:
        found = tuple(rows.get(_place(row), "") for rows in known)
        groups.setdefault(row["group"], []).append(Line(row, found))
    return groups


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in _KEYS)


def page(run: Mapping[str, Any], titles: Mapping[str, str], before: Sequence[Mapping[str, Any]]) -> str:
    """The document, which needs no network.

    Args:
        run: what ``splitgym bench --json`` prints.
        titles: group -> what it measures.
        before: earlier runs, see :func:`history`.
    """
    jinja = need("jinja2", "report")
    environment = jinja.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja.StrictUndefined
    )
    raw = need("markupsafe", "report").Markup
    template = (resources.files("splitgym.bench") / "templates" / "bench.html.j2").read_text(encoding="utf-8")
    css = (resources.files("splitgym.show.report") / "templates" / "report.css").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        run=run,
        machine=run["machine"],
        groups=lines(run, before),
        titles=titles,
        before=[(version_of(earlier), earlier["machine"]) for earlier in before],
        targets=[row["met"] for row in run["rows"] if row["met"] is not None],
        number=number,
        css=raw(css),
        version=__version__,
    )
