"""Where the models of ``dpp`` are: those of the presets come with the package, others are fitted once and kept."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from importlib import resources
from typing import Any

from splitgym.baselines import dpp_fit
from splitgym.baselines.dpp_fit import fit_model, setting_digest
from splitgym.baselines.dpp_model import TaskModel
from splitgym.digests import code_version, digest
from splitgym.jit import cache_folder
from splitgym.progress import telling
from splitgym.worlds.world import World

_KNOWN: dict[str, TaskModel] = {}
_LOCK = threading.Lock()  # threads that play side by side make their policies at once


def model_for(world: World, scenario: Any, options: Mapping[str, Any]) -> TaskModel:
    """The model of a scenario: shipped, kept by an earlier process of this version, or fitted now, with seed 0.

    Raises ``DependencyNotInstalled`` without the extra ``agents`` where it must be fitted.
    """
    key = setting_digest(world, scenario)
    with _LOCK:
        if key not in _KNOWN:
            _KNOWN[key] = _shipped(key) or _kept_or_fitted(world, scenario, options, key)
        return _KNOWN[key]


def shipped_name(world: World, scenario: Any) -> str:
    """Name of the file below ``splitgym/data/fits`` in which the model of a preset is looked for."""
    return f"{world.name}-{scenario.name}-{setting_digest(world, scenario)[:16]}.json"


def _shipped(key: str) -> TaskModel | None:
    place = resources.files("splitgym.data").joinpath("fits")
    found = [file for file in place.iterdir() if file.name.endswith(f"-{key[:16]}.json")] if place.is_dir() else []
    for file in found:
        with resources.as_file(file) as path:
            return TaskModel.load(path)
    return None


def _kept_or_fitted(world: World, scenario: Any, options: Mapping[str, Any], key: str) -> TaskModel:
    effort, folder = (dpp_fit.SAMPLES, dpp_fit.EPISODES), cache_folder()
    path = folder and folder.parent / "fits" / f"{world.name}-{digest(key, effort, code_version())}.json"
    if path is not None and path.is_file():
        with contextlib.suppress(ValueError):  # damaged: it is made anew
            return TaskModel.load(path)
    with telling(None, 1) as tell:
        model = fit_model(world, scenario, options, samples=effort[0], episodes=effort[1], progress=tell)
    if path is not None:
        with contextlib.suppress(OSError):  # a full disk only costs the next process its time
            model.save(path)
    return model
