"""Optional dependencies, imported when they are needed and named when they are missing."""

from __future__ import annotations

import importlib
import os
from typing import Any

from gymnasium.error import DependencyNotInstalled

from splitgym.quoting import shown


def need(module: str, extra: str) -> Any:
    """Import ``module``; if it is not installed, raise ``DependencyNotInstalled`` naming the extra that brings it.

    ``ValueError`` for a setting with which matplotlib does not begin, naming the variable that holds it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DependencyNotInstalled(
            f"{module.partition('.')[0]} is not installed; install it with: pip install 'splitgym[{extra}]'"
        ) from error
    except ValueError as error:
        backend = os.environ.get("MPLBACKEND")
        if not module.startswith("matplotlib") or backend is None or backend not in str(error):
            raise
        raise ValueError(
            f"MPLBACKEND={shown(backend)} in the environment is not a backend of matplotlib; unset it, or use 'agg'"
        ) from error
