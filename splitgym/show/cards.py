"""The table by which a scenario, a trace, an environment or a policy shows itself in a notebook."""

from __future__ import annotations

from splitgym.cards import Card
from splitgym.show.tables import Table, html


def html_of(card: Card) -> str:
    """A card as HTML."""
    table = Table(title=card.line)
    for head in card.heads:
        table.add_column(head)
    for row in card.rows:
        table.add_row(*map(str, row))
    return html(table)
