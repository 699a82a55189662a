"""Models by the words of a command line: MODULE:FACTORY."""

from __future__ import annotations

import sys
from typing import Any

from splitgym.extras import need
from splitgym.plugins import load_plugin
from splitgym.quoting import listed, shown
from splitgym.registry import nearest


def load_object(words: str) -> Any:
    """What ``MODULE:NAME`` names: an attribute of a module, of a Python file, or of a folder with ``__init__.py``.

    Raises ``ValueError`` where there is no such module or name, naming the nearest.
    """
    place, colon, path = words.rpartition(":")
    if not colon or not place or not path:
        raise ValueError(f"a model is MODULE:FACTORY or FILE.py:FACTORY, got {shown(words)}")
    found: Any = sys.modules[load_plugin(place).module]
    for part in path.split("."):
        known = [name for name in vars(found) if not name.startswith("_")] if hasattr(found, "__dict__") else []
        if not hasattr(found, part):
            raise ValueError(f"{place} has no {shown(part)}{nearest(part, known)} (it has: {listed(known)})")
        found = getattr(found, part)
    return found


def load_model(words: str) -> Any:
    """The model that ``MODULE:FACTORY`` names: the factory's result, or a model that is there.

    Raises ``ValueError`` for a factory that fails, or wants arguments, and ``DependencyNotInstalled`` without PyTorch.
    """
    need("torch", "profile")
    found = load_object(words)
    if not callable(found) or (hasattr(found, "parameters") and not isinstance(found, type)):
        return found
    try:
        return found()
    except Exception as error:  # a user's own code raises whatever it likes
        raise ValueError(f"{words}() fails: {type(error).__name__}: {error}") from error


def shape_of(words: str) -> tuple[int, ...]:
    """``"1x3x224x224"`` -> (1, 3, 224, 224).  Raises ``ValueError`` for anything else."""
    parts = words.lower().split("x")
    if not all(part.isascii() and part.isdigit() and 0 < int(part) <= 10**6 for part in parts):
        raise ValueError(f"--input must be sizes with x between, such as 1x3x224x224, got {shown(words)}")
    return tuple(map(int, parts))


def load_data(option: str, words: str) -> Any:
    """The labelled batches that ``MODULE:NAME`` names, or what a function of that name gives.

    Raises ``ValueError`` naming the option for what is nothing to iterate over, and for a function that fails.
    """
    found = load_object(words)
    if callable(found) and not hasattr(found, "__iter__"):
        try:
            found = found()
        except Exception as error:  # a user's own code raises whatever it likes
            raise ValueError(f"{option}: {words}() fails: {type(error).__name__}: {error}") from error
    if not hasattr(found, "__iter__"):
        raise ValueError(f"{option}: {words} gives {shown(found)}, not batches of inputs and labels")
    return found
