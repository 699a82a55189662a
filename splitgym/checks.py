"""What callers give to public functions, checked at the door: one ``ValueError`` on one line, before any work.

Every check is called as ``check(name, value, ...)`` and returns the value as plain Python; the message names the
parameter, what it takes, and what was given.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.quoting import listed, shown
from splitgym.registry import nearest

#: The largest numbers that make sense; more would neither end nor fit into memory.
MOST_EPISODES, MOST_ROWS, MOST_THREADS, MOST_VALUES = 10_000_000, 1_000_000, 1024, 10_000
#: Seeds of episodes are kept in tables of 64-bit integers.
LAST_SEED = 2**63 - 1
_LONGEST_NAME = 255  # bytes, on the usual file systems


def whole_number(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """``value`` as an int in ``low..high`` (NumPy's integers are taken, booleans and floats are not)."""
    number = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not number or value < low or (high is not None and value > high):
        top = "" if high is None else f" and <= {high}"
        raise ValueError(f"{name} must be an integer >= {low}{top}, got {shown(value)}")
    return int(value)


def seed_of(value: Any, name: str = "seed") -> int:
    """``value`` as a seed: any integer >= 0, however large."""
    return whole_number(name, value, 0)


def seeds_of(seed: Any, episodes: Any) -> range:
    """The seeds ``seed .. seed + episodes - 1`` of an evaluation."""
    count = whole_number("episodes", episodes, 1, MOST_EPISODES)
    first = seed_of(seed)
    if first + count - 1 > LAST_SEED:
        raise ValueError(
            f"seed + episodes must stay below 2**63, got seed={shown(first)} and episodes={count}; take a smaller seed"
        )
    return range(first, first + count)


def switch(name: str, value: Any) -> bool:
    """``value`` as a bool; other things that Python would take for one are mistakes."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def word(name: str, value: Any, known: Iterable[str]) -> str:
    """``value`` if it is one of the words ``known``; the message names the nearest."""
    words = list(known)
    if not isinstance(value, str) or value not in words:
        raise ValueError(f"{name} must be one of {listed(words)}, got {shown(value)}{nearest(value, words)}")
    return value


def file_path(name: str, value: Any) -> Path:
    """``value`` as a path: a non-empty text or a ``pathlib.Path`` (numbers would be open files)."""
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value) or "\0" in str(os.fspath(value)):
        raise ValueError(f"{name} must be the path of a file or folder, got {shown(value)}")
    path = Path(value)
    if max((len(os.fsencode(part)) for part in path.parts), default=0) > _LONGEST_NAME:
        raise ValueError(f"{name} must have names of at most {_LONGEST_NAME} bytes, got {shown(str(path))}")
    return path


def table(name: str, value: Any) -> dict[str, Any]:
    """A copy of a table whose keys are texts; ``None`` is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name} must be a dictionary with texts as keys, or None, got {shown(value)}")
    return dict(value)


def items(name: str, value: Any, what: str, most: int = MOST_VALUES, *, fewest: int = 1) -> list[Any]:
    """The items of a list, a tuple, an array or another iterable except text, ``fewest`` to ``most``."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"{name} must be a list of {what}, got {shown(value)}")
    try:
        found = list(itertools.islice(value, most + 1))
    except TypeError:  # an array of no dimensions
        raise ValueError(f"{name} must be a list of {what}, got {shown(value)}") from None
    if not fewest <= len(found) <= most:
        raise ValueError(f"{name} must hold {fewest} to {most} {what}, got {'more' if found else 'none'}")
    return found


def function(name: str, value: Any) -> Callable[..., Any] | None:
    """``value`` if it can be called, or ``None``."""
    if value is not None and not callable(value):
        raise ValueError(f"{name} must be a function or None, got {shown(value)}")
    return value
