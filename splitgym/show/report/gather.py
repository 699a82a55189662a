"""The evaluations of a report, side by side: titles, file names, scores, one style for each policy."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from splitgym.evaluation.results import Results, scenario_words
from splitgym.evaluation.statistics import iqm_interval
from splitgym.show.report.marks import Key

#: Letters of a name on an axis or beside a mark.
_LONGEST = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Chapter:
    """One evaluation: its file name part, its title, the same within its world, and the summary, best return first."""

    results: Results
    key: str
    title: str
    short: str

    @functools.cached_property
    def entries(self) -> list[dict[str, Any]]:
        """The summary."""
        return self.results.summary()

    @functools.cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """Normalised scores (n,) by policy; empty without bounds or without the lower anchor."""
        found = {p: self.results.scores(p) for p in self.results.policies}
        return {p: scores for p, scores in found.items() if scores is not None}

    @property
    def traces(self) -> int:
        """How many traces the policies met."""
        return self.entries[0]["episodes"]


@dataclasses.dataclass(frozen=True, eq=False)
class Book:
    """Chapters; ``styles`` numbers the policies in order of appearance; ``key`` begins the names of overall figures."""

    chapters: tuple[Chapter, ...]
    styles: dict[str, int]
    key: str = ""

    @property
    def parts(self) -> list[Book]:
        """A book for each world, since scores of different problems have no common mean."""
        worlds = dict.fromkeys(c.results.world.name for c in self.chapters)
        if len(worlds) == 1:
            return [self]
        of = {w: tuple(c for c in self.chapters if c.results.world.name == w) for w in worlds}
        return [dataclasses.replace(self, chapters=chapters, key=f"{world}-") for world, chapters in of.items()]

    @property
    def heading(self) -> str:
        """Of what stands over all chapters."""
        world = f" of {self.chapters[0].results.world.env_id}" if self.key else ""
        return ("Scores" if len(self.chapters) == 1 else "All scenarios") + world

    @property
    def agents(self) -> set[str]:
        """Trained agents of all chapters."""
        return {name for chapter in self.chapters for name in chapter.results.agents}

    def shown(self, policy: str) -> str:
        """A policy's name, with a star if it is trained."""
        return policy + ("*" if policy in self.agents else "")

    def legend(self, policies: Sequence[str]) -> tuple[Key, ...]:
        """Entries of a legend."""
        return tuple(Key(self.shown(p), self.styles[p]) for p in policies)

    @functools.cached_property
    def strata(self) -> dict[str, list[np.ndarray]]:
        """Scores by policy, one array for each chapter that has them."""
        found: dict[str, list[np.ndarray]] = {}
        for chapter in self.chapters:
            for policy, scores in chapter.scores.items():
                found.setdefault(policy, []).append(scores)
        return found

    @functools.cached_property
    def iqms(self) -> dict[str, tuple[float, float, float]]:
        """Interquartile mean of the scores over all chapters by policy, with the ends of its interval."""
        return {policy: iqm_interval(strata) for policy, strata in self.strata.items()}


def gather(many: Results | Sequence[Results]) -> Book:
    """Put evaluations side by side.  Raises ``ValueError`` if there is none, or one without a policy."""
    given = [many] if isinstance(many, Results) else list(many)
    if not given or not all(results.policies for results in given):
        raise ValueError("a report needs at least one evaluation, and at least one policy in each")
    several = len({results.world.env_id for results in given}) > 1
    keys: list[str] = []
    chapters = []
    for results in given:
        keys.append(_key(results, several, keys))
        short = scenario_words(results.scenario, results.changes)
        title = f"{results.world.env_id}: {short}" if several else short
        chapters.append(Chapter(results, keys[-1], title, short))
    names = dict.fromkeys(policy for results in given for policy in results.policies)
    return Book(tuple(chapters), {name: i for i, name in enumerate(names)})


def _key(results: Results, several: bool, taken: list[str]) -> str:
    """A name for files and anchors that no other evaluation has."""
    words = (f"{results.world.name}-" if several else "") + results.scenario.name
    base = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "scenario"
    key, number = base, 1
    while key in taken:
        number += 1
        key = f"{base}-{number}"
    return key


def label(name: str) -> str:
    """A policy's name where room is short; the middle goes first, since parameters stand at the end."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[-(_LONGEST - _LONGEST // 2 - 1) :]}"
