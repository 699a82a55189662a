"""Objects as people see them: one line as ``repr``, a small table in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from splitgym.lazily import drawn


class Card(NamedTuple):
    """A line, and a table with its heading below it: ``rows`` of as many texts as ``heads``."""

    line: str
    heads: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]


class Carded:
    """Mixin of what shows itself by :meth:`_card`; a subclass that is a dataclass does so, too."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__repr__" not in vars(cls):  # or else dataclasses would make one that fills the screen
            cls.__repr__ = Carded.__repr__

    def _card(self) -> Card:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self._card().line}>"

    def _repr_html_(self) -> str:
        return drawn("cards.html_of", self._card())
