"""Where training was before 0.2: :func:`splitgym.train`, ``splitgym.agents.training`` and ``splitgym.cli.training``.

What stood here still works: the names, and ``from splitgym.agents import train``, which gives this module: call it.
"""

from __future__ import annotations

import sys
import types
import warnings
from typing import Any

_HERE = {"train": "splitgym.train", "TrainingInterrupted": "splitgym.agents.training.TrainingInterrupted"}


def __getattr__(name: str) -> Any:
    if name not in _HERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from splitgym.agents import training

    warnings.warn(f"splitgym.agents.train.{name} is now {_HERE[name]}", DeprecationWarning, stacklevel=2)
    return getattr(training, name)


class _Callable(types.ModuleType):
    """A module that can be called as the function of its name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from splitgym.agents import training

        warnings.warn("splitgym.agents.train is now splitgym.train", DeprecationWarning, stacklevel=2)
        return training.train(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
