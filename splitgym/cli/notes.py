"""Warnings of the package as plain lines on standard error."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from splitgym.quoting import tamed
from splitgym.worlds.presets import UnusedKeyWarning


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Tell each :class:`UnusedKeyWarning` once, as one line; other warnings stay as they are."""
    told: set[str] = set()
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, UnusedKeyWarning):
                others(message, category, *place, **more)
            elif str(message) not in told:
                told.add(str(message))
                print(f"splitgym: note: {tamed(str(message))}", file=sys.stderr)

        warnings.showwarning = show
        warnings.simplefilter("always", UnusedKeyWarning)
        yield
