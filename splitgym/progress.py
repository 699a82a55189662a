"""Progress of long work: who hears of it, and the one bar that shows it, in a terminal or a notebook."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from splitgym.jit_patience import watched
from splitgym.quoting import shown

#: Called as progress(name, share done in [0, 1]); the name has PREPARING before it while a policy is made.
Progress = Callable[[str, float], object]
PREPARING = "preparing "
#: Work that is over sooner shows no bar [s].
PATIENCE_S = 2.0
#: Time from one drawing of the bar to the next [s].
EVERY_S = 0.1


def progress_of(value: Any) -> Progress | bool | None:
    """``value`` of an argument ``progress``: a function, True, False or None.  Raises ``ValueError`` otherwise."""
    if value is None or isinstance(value, bool) or callable(value):
        return value
    raise ValueError(f"progress must be a function, True, False or None, got {shown(value)}")


@contextlib.contextmanager
def telling(progress: Progress | bool | None, total: float) -> Iterator[Progress | None]:
    """Who hears of the progress of ``total`` names: the caller's function, a bar, or nobody (None).

    ``None`` draws a bar where somebody looks, in a terminal or a notebook, if the work takes longer than
    ``PATIENCE_S``; True draws one wherever it is; False draws none.  Without ``tqdm`` (extra ``report``) there is none.
    """
    if callable(progress):
        yield progress
    elif progress is False or not (progress or watched()) or importlib.util.find_spec("tqdm") is None:
        yield None
    else:
        with bar(total, 0.0 if progress else PATIENCE_S) as tell:
            yield tell


def at(progress: Progress | None, where: str) -> Progress | None:
    """A progress whose names begin with a place."""
    return None if progress is None else lambda name, share: progress(f"{where}: {name}", share)


def bar_class() -> Any:
    """``tqdm`` for where we are: a terminal, or a notebook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a notebook that can draw no bar: then it is a line of text
        from tqdm.auto import tqdm
    return tqdm


@contextlib.contextmanager
def bar(total: float, delay_s: float = 0.0) -> Iterator[Progress]:
    """A callback ``(name, share)`` that draws one bar on standard error, or in the notebook, and leaves nothing behind.

    The bar shows the share of all ``total`` names; what is being prepared counts as what it will be.
    """

    class Bar(bar_class()):  # pyright: ignore[reportGeneralTypeIssues]
        monitor_interval = 0  # no thread, which would be lost where processes fork

    layout = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    options = {"leave": False, "mininterval": EVERY_S, "miniters": 0, "dynamic_ncols": True, "bar_format": layout}
    seen: dict[str, float] = {}
    with Bar(total=total, delay=delay_s, file=sys.stderr, **options) as drawn:

        def tell(name: str, share: float) -> None:
            seen[name.replace(PREPARING, "")] = share
            drawn.set_description_str(name, refresh=False)
            drawn.update(sum(seen.values()) - drawn.n)

        yield tell
