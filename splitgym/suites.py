"""Suites: train, validation and test scenarios whose test seeds are locked, so that figures can be compared.

Agents are trained on seeds of their own (from 2**32 on), what is tuned is tuned on ``validation``, and ``test`` is
looked at in the end.  A suite is one TOML file; ``splitgym.evaluation.evaluate_suite`` plays it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

from splitgym.catalogue import Catalogue
from splitgym.checks import word
from splitgym.named_files import beside, located, mentioned_file
from splitgym.names import check_label, check_name
from splitgym.ranges import Range
from splitgym.scenarios import DEFAULT_ENV
from splitgym.strict import Strict, entry, number
from splitgym.worlds.world import world_of

#: Parts of a suite that are evaluated, each on its own seeds.
SPLITS = ("validation", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case(Strict):
    """One scenario of a suite: a preset and what is changed in it."""

    SECTION: ClassVar[str] = "case"
    name: str = entry(label=True, check=check_label, doc="what the case is called in tables")
    shift: str = entry("", label=True, doc="what differs from the training scenarios; empty: nothing")
    scenario: str = entry("default", doc="preset")
    changes: dict[str, Any] = dataclasses.field(default_factory=dict, metadata={"doc": "dotted scenario paths"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seeds(Strict):
    """The seeds ``first .. first + episodes - 1``."""

    SECTION: ClassVar[str] = "seeds"
    first: int = number(Range("1", 0, 2**32 - 1), doc="below those of training")
    episodes: int = number(Range("episode", 1, 10_000))

    @property
    def range(self) -> range:
        """All of them."""
        return range(self.first, self.first + self.episodes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite(Strict):
    """Cases to train on, to choose by, and to be judged by.

    Raises ``ValueError`` for an unknown environment or scenario, two cases of one name in a split, missing splits, and
    splits that share seeds.
    """

    SECTION: ClassVar[str] = "suite"
    name: str = entry(label=True, check=check_name, doc="name of the suite")
    description: str = entry("", label=True, doc="what the suite asks")
    environment: str = entry(DEFAULT_ENV, doc="environment id")
    seeds: dict[str, Seeds] = entry(doc="split -> its seeds")
    train: tuple[Case, ...] = entry(doc="scenarios an agent may be trained on")
    validation: tuple[Case, ...] = entry(doc="scenarios to tune and choose by")
    test: tuple[Case, ...] = entry(doc="scenarios to be judged by")

    def __post_init__(self) -> None:
        super().__post_init__()
        if sorted(self.seeds) != sorted(SPLITS):
            raise ValueError(f"suite.seeds must name {' and '.join(SPLITS)}, got {', '.join(self.seeds) or 'nothing'}")
        ranges = [self.seeds[split].range for split in SPLITS]
        if max(r.start for r in ranges) < min(r.stop for r in ranges):
            raise ValueError("suite.seeds: validation and test must not share seeds")
        world = world_of(self.environment)
        for split in ("train", *SPLITS):
            cases = tuple(_with_files(case) for case in getattr(self, split))
            object.__setattr__(self, split, cases)
            names = [case.name for case in cases]
            if not names or len(set(names)) != len(names):
                raise ValueError(f"suite.{split} needs cases with different names, got {names}")
            for case in cases:
                try:
                    world.load_scenario(case.scenario, **case.changes)
                except ValueError as error:
                    raise ValueError(f"suite.{split}, case {case.name!r}: {error}") from error

    def cases(self, split: str) -> tuple[Case, ...]:
        """The cases of ``"validation"`` or ``"test"``; raises ``ValueError`` for another word."""
        return getattr(self, word("split", split, SPLITS))


def _with_files(case: Case) -> Case:
    """The case with the places of the files that it names, which are looked for beside the suite's file first."""
    path = located(case.scenario) if case.scenario.endswith(".toml") else None
    changes = {key: mentioned_file(value) for key, value in case.changes.items()}
    return case.replace(scenario=str(path or case.scenario), changes=changes)


_CATALOGUE = Catalogue("suite", "suites")


def suite_names() -> list[str]:
    """Names of the suites that ship with the package."""
    return _CATALOGUE.names()


def load_suite(suite: str | Path | Suite) -> Suite:
    """A shipped suite by name, one by the path of its TOML file, or itself.

    Raises ``ValueError`` for an unknown name (naming the nearest) or a faulty file.
    """
    if isinstance(suite, Suite):
        return suite
    with beside(_CATALOGUE.folder_of(suite)):
        return _CATALOGUE.load(Suite, suite, "suite")
