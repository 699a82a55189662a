"""Validation of a training: the agent plays episodes that are neither training's nor tests', and its curve is kept.

Nothing of it reaches the learning: the weights are the same with and without.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.agents.agent import Agent
from splitgym.agents.checkpoint import VALIDATION_FILE
from splitgym.agents.config import TrainConfig, using
from splitgym.agents.settings import made_alike
from splitgym.engines.tasks import blocks
from splitgym.evaluation.company import MOST_STEPS
from splitgym.evaluation.policies import Contender
from splitgym.evaluation.rollout import play
from splitgym.evaluation.statistics import mean_interval
from splitgym.files import write_atomically
from splitgym.quoting import shown
from splitgym.reading import read_json
from splitgym.seeding import validation_seeds
from splitgym.worlds.measuring import Episodes

FORMAT = "splitgym-validation-1"


@dataclasses.dataclass(frozen=True)
class Point:
    """What an agent reached after ``steps``: mean return of an episode, half-width of its 95 % interval (or NaN)."""

    steps: int
    mean: float
    interval: float


def validated(agent: Agent, config: TrainConfig, steps: int) -> Point:
    """Let an agent play the validation episodes of its training, deterministically."""
    returns = _returns(agent, config)
    mean, interval = mean_interval(returns)
    return Point(steps, mean, interval)


def _returns(agent: Agent, config: TrainConfig) -> np.ndarray:
    """Returns (validation_episodes,) of the seeds; an episode does not depend on its company.

    Those of different scenarios are made alike, see :func:`splitgym.agents.settings.made_alike`.
    """
    plays = Contender(agent.name, agent.action, agent.episode_options, True, lambda env: _checked(agent, env))
    seeds = validation_seeds(config.validation_episodes)
    size = max(MOST_STEPS // max(map(config.world.horizon, config.scenarios)), 1)
    parts = []
    for places in blocks(len(seeds), size):
        own = seeds[places]
        played = play(plays, config.world, config.setting, len(own), own[0], num_threads=config.num_threads)
        parts.append(made_alike(Episodes(played.outcomes, played.live).total("reward"), own, config))
    return np.concatenate(parts)


def _checked(agent: Agent, env: Any) -> Agent:
    agent.check(env)
    return agent


def best_of(points: Sequence[Point]) -> Point | None:
    """The point with the highest mean, the first among equals; ``None`` without points."""
    return max(points, key=lambda point: point.mean, default=None)


def write_points(run: Path, config: TrainConfig, points: Sequence[Point]) -> None:
    """Write the curve of a run."""
    seeds = validation_seeds(config.validation_episodes)
    document = {"format": FORMAT, "first_seed": seeds[0], "episodes": len(seeds), "points": tables_of(points)}
    write_atomically(run / VALIDATION_FILE, (json.dumps(document, indent=1) + "\n").encode(), inside=run)


def tables_of(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Points as JSON holds them; :func:`points_in` reads them."""
    return [{"steps": p.steps, "return": p.mean, "interval": _or_none(p.interval)} for p in points]


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def read_points(run: str | Path) -> list[Point]:
    """The validation curve of a run, by steps; no points where none was made.  ``ValueError`` for a damaged file."""
    path = Path(run) / VALIDATION_FILE
    if not path.is_file():
        return []
    with using(path):
        document = read_json(path, "validation of a run")
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f"this version reads format {FORMAT!r}")
        return points_in(document.get("points"))


def points_in(tables: Any) -> list[Point]:
    """Points of a document, by steps.  Raises ``ValueError`` for anything that :func:`tables_of` does not make."""
    if not isinstance(tables, list):
        raise ValueError(f"points must be a list, got {shown(tables)}")
    return sorted(map(_point, tables), key=lambda point: point.steps)


def _point(table: Any) -> Point:
    try:
        steps, mean, interval = table["steps"], table["return"], table["interval"]
        if type(steps) is not int or not math.isfinite(mean):
            raise TypeError
        return Point(steps, float(mean), math.nan if interval is None else float(interval))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ValueError(f"a point needs steps, return and interval, got {shown(table)}") from None
