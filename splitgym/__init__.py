"""Split DNN inference as Gymnasium environments, published controllers as baselines, and honest evaluation."""

from __future__ import annotations

from pathlib import Path as _Path

__version__ = "0.1.0"

_root = _Path(__file__).resolve().parent.parent
if not (_Path(__file__).parent / "baselines").is_dir() and (_root / "baselines" / "__init__.py").is_file():
    __path__.append(str(_root))  # source checkout without symbolic links (Windows, zip archive)

from splitgym.envs import register_envs

register_envs()
