"""Where the values of a graph's nodes and links come from: an account for people."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Account:
    """Where the value of some nodes or links comes from.

    Attributes:
        field: field of nodes or links, with its unit in its name.
        origin: what the value comes from, in words.
        names: the nodes, or the links as "a - b" (both ways) or "a -> b".
        total: how many nodes or links there are in all.
    """

    field: str
    origin: str
    names: tuple[str, ...]
    total: int


class Book:
    """Collects accounts, and notes of one line each."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._names: dict[str, dict[str, list[str]]] = {}

    def add(self, field: str, origin: str, name: str) -> None:
        """A node's or link's field has a value from somewhere."""
        self._names.setdefault(field, {}).setdefault(origin, []).append(name)

    def note(self, text: str, names: Sequence[str] = ()) -> None:
        """Remark on some nodes or links; none if there are none and the text ends in a colon."""
        if names or not text.endswith(":"):
            self.notes.append(f"{text} {', '.join(names)}" if names else text)

    def accounts(self) -> Iterable[Account]:
        """By field, in the order in which they were met."""
        for field, origins in self._names.items():
            total = sum(map(len, origins.values()))
            for origin, names in origins.items():
                yield Account(field, origin, tuple(names), total)
