"""Models by the words of a command line: MODULE:FACTORY."""

from __future__ import annotations

from typing import Any

from splitgym.extras import need
from splitgym.objects import called, object_of
from splitgym.quoting import shown


def load_model(words: str) -> Any:
    """The model that ``MODULE:FACTORY`` names: the factory's result, or a model that is there.

    Raises ``ValueError`` for a factory that fails, or wants arguments, and ``DependencyNotInstalled`` without PyTorch.
    """
    need("torch", "profile")
    found = object_of("MODEL", words)
    if not callable(found) or (hasattr(found, "parameters") and not isinstance(found, type)):
        return found
    return called("MODEL", words, found)


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
    found = object_of(option, words)
    if callable(found) and not hasattr(found, "__iter__"):
        found = called(option, words, found)
    if not hasattr(found, "__iter__"):
        raise ValueError(f"{option}: {words} gives {shown(found)}, not batches of inputs and labels")
    return found
