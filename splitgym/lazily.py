"""What is imported when somebody asks for it: public names of modules, and what draws."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any


def named_type(module: str, name: str, types: Callable[[], Iterable[type]], more: Iterable[str] = ()) -> Any:
    """For a module's ``__getattr__``: the class of that name among ``types()``, or ``__all__`` (theirs and ``more``).

    Raises ``AttributeError`` for any other name.
    """
    if name == "__all__" or not name.startswith("_"):
        known = {cls.__name__: cls for cls in types()}
        if name == "__all__":
            return [*more, *known]
        if name in known:
            return known[name]
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def drawn(place: str, *args: Any, **kwargs: Any) -> Any:
    """Call ``"module.function"`` of :mod:`splitgym.show`, imported now: what is shown needs no drawing library until
    somebody looks.
    """
    module, _, name = place.rpartition(".")
    return getattr(importlib.import_module(f"splitgym.show.{module}"), name)(*args, **kwargs)
