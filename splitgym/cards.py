"""Objects as people see them: one line as ``repr``, a small table in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, NamedTuple


class Card(NamedTuple):
    """A line, and a table with its heading below it: ``rows`` of as many texts as ``heads``."""

    line: str
    heads: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]


class Shown:
    """Mixin of what shows itself by :meth:`_card`."""

    def _card(self) -> Card:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self._card().line}>"

    def _repr_html_(self) -> str:
        line, heads, rows = self._card()
        lines = [_row("th", heads), *(_row("td", row) for row in rows)]
        return f"<p>{escape(line)}</p><table>{''.join(lines)}</table>"


def _row(kind: str, cells: Iterable[Any]) -> str:
    return "<tr>" + "".join(f'<{kind} style="text-align:left">{escape(str(c))}</{kind}>' for c in cells) + "</tr>"
