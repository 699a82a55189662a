"""Exact comparison of nested results, and the failure of a check."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from splitgym.quoting import cut


def fail(message: str) -> NoReturn:
    """Raise ``AssertionError``, under ``python -O``, too."""
    raise AssertionError(message)


def require(holds: Any, message: str) -> None:
    """Raise ``AssertionError`` with the message unless something holds."""
    if not holds:
        fail(message)


@contextlib.contextmanager
def failing(what: str, how: str = "fails") -> Iterator[None]:
    """Whatever is raised inside becomes an ``AssertionError`` that says what failed; the first error is its cause."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise AssertionError(f"{what} {how}: {kind}{error}") from error


def difference(a: Any, b: Any, path: str = "") -> str:
    """Where two nested dictionaries, sequences, arrays or scalars differ, exactly, in words; empty: nowhere."""
    where = path.lstrip(".") or "the whole"
    if isinstance(a, dict) and isinstance(b, dict):
        if sorted(a) != sorted(b):
            return f"{where} has keys {sorted(a)} and {sorted(b)}"
        return next(filter(None, (difference(a[key], b[key], f"{path}.{key}") for key in a)), "")
    if _is_list(a) and _is_list(b):
        if len(a) != len(b):
            return f"{where} has lengths {len(a)} and {len(b)}"
        return next(filter(None, (difference(x, y, f"{path}[{i}]") for i, (x, y) in enumerate(zip(a, b)))), "")  # noqa: B905
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{where} is {a.dtype} of shape {a.shape} and {b.dtype} of shape {b.shape}"
        if a.dtype.names:
            return next(filter(None, (difference(a[name], b[name], f"{path}.{name}") for name in a.dtype.names)), "")
        same = (a == b) | ((a != a) & (b != b))
        place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0]) if not np.all(same) else None
        if place is None:
            return ""
        return f"{path.lstrip('.')}{list(place)} is {np.atleast_1d(a)[place]!r} and {np.atleast_1d(b)[place]!r}"
    if type(a) is not type(b):
        return f"{where} is a {type(a).__name__} and a {type(b).__name__}"
    return "" if a == b or (a != a and b != b) else f"{where} is {cut(repr(a), 100)} and {cut(repr(b), 100)}"


def assert_same(a: Any, b: Any, path: str = "") -> None:
    """Raise ``AssertionError`` that names the place where two nested results differ, be it by their types."""
    found = difference(a, b, path)
    require(not found, found)


def _is_list(thing: Any) -> bool:
    return isinstance(thing, (list, tuple)) or (isinstance(thing, np.ndarray) and thing.dtype == object)
