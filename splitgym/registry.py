"""Name -> object tables that refuse duplicates and answer a misspelt name with the nearest known one."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from splitgym import plugins
from splitgym.names import check_name
from splitgym.quoting import listed, shown

T = TypeVar("T")


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean 'x'?' for the closest of ``known``, or an empty string."""
    text = name if isinstance(name, str) else shown(name)
    close = difflib.get_close_matches(text[:100], [str(word) for word in known], n=1, cutoff=0.5)
    return f"; did you mean {shown(close[0])}?" if close else ""


def unknown(kind: str, name: Any, known: Iterable[str], own: bool) -> ValueError:
    """The refusal of a name that is not among the ``known``; ``own``: it may be that of somebody's plug-in."""
    names = list(known)
    close = nearest(name, names)
    hint = "; one of your own by --plugin" if own and not close else ""
    return ValueError(f"unknown {kind} {shown(name)}{close} (known: {listed(names)}{hint})")


class Registry(Generic[T]):
    """A table of named things of one kind; who looks into it finds the plug-ins of installed distributions, too.

    Args:
        kind: what the things are, for messages ("fading model").
        ordered: walk them in the order in which they were registered, not by the alphabet.
        own: people register theirs in plug-ins, so that a name that is like no other may be one of these.
    """

    def __init__(self, kind: str, *, ordered: bool = False, own: bool = False) -> None:
        self.kind, self.ordered, self.own = kind, ordered, own
        self._table: dict[str, T] = {}
        self._promised: dict[str, str] = {}

    def promise(self, name: str, module: str) -> None:
        """Say that a module of the package will register ``name``: it is imported when somebody asks for the thing."""
        self._promised[name] = module

    def add(self, name: str, thing: T) -> None:
        """Register ``thing``; raises ``ValueError`` for a name that is taken or not allowed, see :meth:`check`."""
        self.check(name)
        what = f"{self.kind} {shown(name)}"
        ours = self._promised.get(name, "")
        if name in self._table or (ours and not plugins.is_under_way(ours)):
            raise ValueError(f"{what} is already registered{plugins.owner(what)}")
        self._table[name] = thing
        plugins.note(what, lambda: self._table.pop(name, None))

    def check(self, name: Any) -> None:
        """Raise ``ValueError`` unless :func:`check_name` takes the name and a command does not split it."""
        check_name(f"the name of the {self.kind}", name)
        if name == "all" or set(name) & set(",="):
            raise ValueError(
                f"the name of the {self.kind} cannot be typed on a command line, where 'all' means every one, ',' and "
                f"'=' separate words; got {shown(name)}"
            )

    def __getitem__(self, name: str) -> T:
        plugins.look()
        try:
            if name not in self._table and name in self._promised:
                importlib.import_module(self._promised[name])
            return self._table[name]
        except (KeyError, TypeError):
            raise unknown(self.kind, name, self, self.own) from None

    def __contains__(self, name: object) -> bool:
        plugins.look()
        return isinstance(name, str) and (name in self._table or name in self._promised)

    def __iter__(self) -> Iterator[str]:
        plugins.look()
        names = self._names()
        return iter(names if self.ordered else sorted(names))

    def __len__(self) -> int:
        plugins.look()
        return len(self._names())

    def _names(self) -> list[str]:
        return [*self._promised, *(name for name in self._table if name not in self._promised)]
