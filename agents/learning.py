"""``splitgym.learning_curves``: what trainings reached on validation seeds, step by step, over their training seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from splitgym.agents import settings
from splitgym.agents.config import TrainConfig
from splitgym.agents.trained import Curve, curves_in, given_trainings
from splitgym.checks import switch
from splitgym.evaluation.comparison import evaluate
from splitgym.evaluation.output import RowOutput
from splitgym.evaluation.policies import contenders_of, policies_given
from splitgym.evaluation.statistics import mean_interval
from splitgym.evaluation.upper_bounds import bound_name, bounds
from splitgym.progress import Progress, at, progress_of, telling
from splitgym.quoting import shown
from splitgym.seeding import validation_seeds


class Setting(NamedTuple):
    """What makes curves comparable: environment, digest of the scenario, number of validation episodes."""

    env_id: str
    digest: str
    episodes: int


@dataclasses.dataclass(frozen=True)
class Level:
    """What somebody reaches on the validation episodes of a setting: mean return, half-width of its 95 % interval."""

    name: str
    mean: float
    interval: float


class LearningCurves(RowOutput):
    """Learning curves, and what policies and bounds reach on the same episodes.

    Args:
        curves: in the order given.
        levels: setting -> levels to compare with.
    """

    _table, _figure = "learning.learning_table", "learning.learning_figure"

    def __init__(self, curves: Iterable[Curve], levels: Mapping[Setting, Sequence[Level]] | None = None) -> None:
        self.curves, self.levels = tuple(curves), dict(levels or {})

    @property
    def setting(self) -> str:
        """All curves in words."""
        return f"learning curves of {', '.join(curve.name for curve in self.curves)}"

    def settings(self) -> dict[Setting, list[Curve]]:
        """Curves that can be compared, by what makes them so."""
        found: dict[Setting, list[Curve]] = {}
        for curve in self.curves:
            found.setdefault(setting_of(curve.config), []).append(curve)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary for each curve, training seed and validation."""
        return [
            {
                "curve": curve.name,
                "environment": curve.config.env_id,
                "scenario": curve.scenario,
                "training_seed": seed,
                "steps": point.steps,
                "return": point.mean,
                "return_interval": point.interval,
            }
            for curve in self.curves
            for seed, points in curve.points.items()
            for point in points
        ]

    def summary(self) -> list[dict[str, Any]]:
        """One dictionary for each curve: where it ends and where it is highest, interquartile means over the seeds.

        ``lowest`` and ``highest`` are those of :attr:`Curve.band` at the end.
        """
        table = []
        for curve in self.curves:
            steps, middle, (low, high) = curve.steps, curve.middle, curve.band
            best = int(middle.argmax())
            table.append(
                {
                    "curve": curve.name,
                    "environment": curve.config.env_id,
                    "scenario": curve.scenario,
                    "training_seeds": len(curve.points),
                    "validation_episodes": curve.config.validation_episodes,
                    "steps": int(steps[-1]),
                    "return": float(middle[-1]),
                    "lowest": float(low[-1]),
                    "highest": float(high[-1]),
                    "best": float(middle[best]),
                    "best_steps": int(steps[best]),
                }
            )
        return table

    def document(self) -> dict[str, Any]:
        """Summary, levels and rows, as :meth:`to_json` writes them."""
        levels = [
            {"environment": s.env_id, "scenario": curves[0].scenario, **dataclasses.asdict(level)}
            for s, curves in self.settings().items()
            for level in self.levels.get(s, ())
        ]
        return {"summary": self.summary(), "levels": levels, "rows": self.rows()}


def setting_of(config: TrainConfig) -> Setting:
    """What makes the curve of a training comparable."""
    digest = config.scenario.digest()
    if settings.is_varied(config):
        digest = repr(([one.digest() for one in config.scenarios], sorted(config.randomise.items())))
    return Setting(config.env_id, digest, config.validation_episodes)


def learning_curves(
    runs: Any,
    *,
    policies: Any = (),
    bound: bool | str = False,
    trust: bool = False,
    progress: Progress | bool | None = None,
) -> LearningCurves:
    """What trainings reached on validation seeds, step by step: the points that :func:`splitgym.train` keeps in a run.

    Args:
        runs: one or several of: a run folder; a folder of several training seeds (``splitgym train --seeds``);
            ``"zoo:NAME"``.  Those that differ in the training seed only are one curve.  A dictionary gives names.
        policies: what else plays the validation episodes, drawn as lines; as for :func:`splitgym.evaluate`.
        bound: also compute the bound of these episodes; as for :func:`splitgym.evaluate`.
        trust: load a stranger's model among ``policies`` although it can run code.
        progress: as for :func:`splitgym.evaluate`, of what policies and bounds take.

    Returns:
        :class:`LearningCurves`: ``plot``, ``table``, ``rows``, ``to_csv``, ``to_json``, and ``curves``, each with
        ``steps`` (n,), ``returns`` (n_seeds, n), their interquartile mean over the training seeds ``middle`` (n,), and
        ``band``, the lowest and the highest seed.

    Raises:
        ValueError: a path without a run, a run without validations (``validate_every=0``, or not that far yet), seeds
            of one curve without a common step, an agent of the zoo that keeps no curve, what ``evaluate`` refuses.
    """
    bound, trust, progress = bound_name(bound), switch("trust", trust), progress_of(progress)
    others = policies_given(policies) if not _is_empty(policies) else []
    found = LearningCurves(curves_in(list(given_trainings(runs))))
    alike = found.settings()
    for curves in alike.values():
        if settings.is_varied(curves[0].config) and (others or bound):
            raise ValueError(f"{shown(curves[0].name)} was validated in many scenarios; leave policies and bound out")
        contenders_of(others, curves[0].config.world, trust=trust) if others else None  # refused before anything plays
    with telling(progress, len(alike) * (len(others) + bool(bound))) as tell:
        for setting, curves in alike.items():
            heard = tell if len(alike) == 1 else at(tell, curves[0].config.scenario.name)
            found.levels[setting] = list(_levels(curves[0].config, policies if others else None, bound, trust, heard))
    return found


def _is_empty(policies: Any) -> bool:
    return isinstance(policies, (tuple, list)) and not policies


def _levels(config: TrainConfig, policies: Any, bound: str, trust: bool, progress: Progress | None) -> Iterator[Level]:
    seeds = validation_seeds(config.validation_episodes)
    setting = {"env_id": config.env_id, "scenario": config.scenario, "episodes": len(seeds), "seed": seeds[0]}
    told = progress or False
    if policies is not None:
        results = evaluate(policies, **setting, trust=trust, progress=told)
        for policy in results.policies:
            yield Level(policy, *results.interval(policy, "return"))
    if bound:
        yield Level(f"{bound} bound", *mean_interval(bounds(**setting, observer=bound == "observer", progress=told)))
