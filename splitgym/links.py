"""A source checkout without symbolic links (Windows, a zip archive): two packages that lie beside this one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).resolve().parent
if not _PACKAGE.is_dir():
    raise ImportError(f"splitgym compiles its source files and cannot run inside {_PACKAGE.parent}: pip install it")
#: Folders at the root of the repository that are packages below ``splitgym``.
BESIDE = ("baselines", "agents")


class _Beside(MetaPathFinder):
    """Finds ``splitgym.baselines`` and ``splitgym.agents`` at the root of the repository, and nothing else there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, name = fullname.rpartition(".")
        known = parent == __package__ and name in BESIDE
        return PathFinder.find_spec(fullname, [str(_PACKAGE.parent)], target) if known else None


def find_beside() -> None:
    """Let the packages beside this one be imported where no link leads to them."""
    if not (_PACKAGE / BESIDE[0]).is_dir() and (_PACKAGE.parent / BESIDE[0] / "__init__.py").is_file():
        sys.meta_path.append(_Beside())


find_beside()
