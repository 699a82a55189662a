"""Optional dependencies, imported when they are needed and named when they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from gymnasium.error import DependencyNotInstalled


def need(module: str, extra: str) -> Any:
    """Import ``module``; if it is not installed, raise ``DependencyNotInstalled`` naming the extra that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DependencyNotInstalled(
            f"{module.partition('.')[0]} is not installed; install it with: pip install 'splitgym[{extra}]'"
        ) from error
