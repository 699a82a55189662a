"""What trainings reached on validation seeds: from run folders and agents of the zoo to curves over training seeds."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from splitgym.agents import settings
from splitgym.agents.config import TrainConfig, apart_from_runtime, config_of, load_config, using
from splitgym.agents.seeds import holds_seeds, trained_runs
from splitgym.agents.validation import Point, points_in, read_points
from splitgym.agents.zoo import CURVES, PREFIX, RECORD, is_zoo, zoo_document, zoo_file
from splitgym.checks import MOST_VALUES, file_path, items
from splitgym.evaluation.statistics import over_seeds
from splitgym.names import check_label
from splitgym.quoting import shown


@dataclasses.dataclass(frozen=True)
class Curve:
    """Trainings that differ in their seed only.

    Args:
        name: what they are called.
        config: settings of the first one.
        points: training seed -> its validations by steps, at least one.
    """

    name: str
    config: TrainConfig
    points: Mapping[int, Sequence[Point]]

    @property
    def scenario(self) -> str:
        """What it was trained in, by name."""
        return settings.names_of(self.config)

    @property
    def steps(self) -> np.ndarray:
        """Steps (n,) after which every training seed was validated."""
        common = set.intersection(*({p.steps for p in points} for points in self.points.values()))
        return np.array(sorted(common), np.int64)

    @property
    def returns(self) -> np.ndarray:
        """Mean return of the validation episodes of every training seed at these steps, (n_seeds, n)."""
        return self._each("mean")

    @property
    def middle(self) -> np.ndarray:
        """Interquartile mean over the training seeds, (n,)."""
        return over_seeds(self.returns)

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest training seed, (n,) each; of a single one its 95 % interval over the episodes."""
        returns = self.returns
        if len(returns) > 1:
            return returns.min(axis=0), returns.max(axis=0)
        half = np.nan_to_num(self._each("interval")[0])
        return returns[0] - half, returns[0] + half

    def _each(self, name: str) -> np.ndarray:
        tables = [{p.steps: getattr(p, name) for p in points} for points in self.points.values()]
        return np.array([[table[step] for step in self.steps.tolist()] for table in tables])


class Training(NamedTuple):
    """One training: the name that its user gave it, that of its folder (or of what holds several), and its curve."""

    given: str
    folder: str
    config: TrainConfig
    points: Sequence[Point]


def given_trainings(runs: Any) -> Iterator[Training]:
    """The trainings of an argument ``runs``."""
    if isinstance(runs, Mapping):
        for name in items("runs", list(runs), "run folders", MOST_VALUES):
            inner = runs[check_label("the name of a curve", name)]
            for training in given_trainings(inner):
                yield training._replace(given=name)
        return
    alone = isinstance(runs, (str, os.PathLike))
    for run in [runs] if alone else items("runs", runs, "run folders", MOST_VALUES):
        yield from _trainings(run)


def _trainings(run: Any) -> Iterator[Training]:
    if is_zoo(run):
        yield from _of_zoo(run)
        return
    folder = file_path("run", run)
    found = list(trained_runs(folder).values()) if holds_seeds(folder) else [folder]
    configs = [load_config(one) for one in found]  # says what is no run
    name, curves = folder.resolve().name, [read_points(one) for one in found]
    trainings = [Training("", name, *pair) for pair in zip(configs, curves, strict=True) if pair[1]]
    if not trainings:
        raise ValueError(
            f"{shown(str(run))} has no validations to draw; they come with --validate-every, or after more steps"
        )
    yield from trainings


def _of_zoo(word: str) -> Iterator[Training]:
    """The trainings among which an agent of the zoo was the best."""
    document, path = zoo_document(word.removeprefix(PREFIX)), zoo_file(word)
    curves = document[RECORD].get(CURVES)
    if not curves:
        raise ValueError(f"{word} keeps no learning curve; train it again and give the runs: 'make agents'")
    config = config_of(document, path, path.parent, "train it again")
    for seed, tables in curves.items():
        with using(path):
            yield Training("", word, dataclasses.replace(config, seed=int(seed)), points_in(tables))


def curves_in(trainings: Sequence[Training]) -> list[Curve]:
    """Trainings that differ in the seed only, together; a second one of a seed begins another curve."""
    groups: list[tuple[TrainConfig, dict[int, Training]]] = []
    for training in trainings:
        alike, seed = apart_from_runtime(dataclasses.replace(training.config, seed=0)), training.config.seed
        for known, group in groups:
            same = known == alike and {t.given for t in group.values()} == {training.given}
            if same and seed not in group:
                group[seed] = training
                break
        else:
            groups.append((alike, {seed: training}))
    curves, names = [], set[str]()
    for _, group in groups:
        first, name = next(iter(group.values())), _name(list(group.values()))
        while name in names:
            name += "'"
        names.add(name)
        curves.append(Curve(name, first.config, {seed: group[seed].points for seed in sorted(group)}))
        if not len(curves[-1].steps):
            raise ValueError(f"the training seeds of {shown(name)} were never validated after the same number of steps")
    return curves


def _name(group: Sequence[Training]) -> str:
    first = group[0]
    if first.given or len({t.folder for t in group}) == 1:
        return first.given or first.folder
    bare = {re.sub(r"[-_. ]*s?\d*$", "", t.folder) for t in group}
    return next(iter(bare)) or first.folder if len(bare) == 1 else first.folder
