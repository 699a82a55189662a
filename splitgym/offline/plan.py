"""What a data set will hold: who plays which episodes, in which environment, under which name."""

from __future__ import annotations

import dataclasses
import importlib
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.checks import MOST_EPISODES, file_path, items, whole_number
from splitgym.digests import code_version, digest, world_origin
from splitgym.evaluation.policies import Contender
from splitgym.quoting import listed, shown
from splitgym.registry import nearest
from splitgym.seeding import FIRST_TRAINING_SEED, FIRST_VALIDATION_SEED
from splitgym.worlds.tradeoffs import COST_KEY
from splitgym.worlds.world import World

#: Episodes that are played side by side and kept together; fixed, so that a break changes no episode.
PART = 32
#: Decisions of a part, which are in memory at once.
_MOST_STEPS = 2_000_000
#: Where Minari keeps data sets, as it is written in ``out``.
MINARI = "minari:"
_NAME = re.compile(r"(?:[\w-]{2,}/|(?:[\w-]+/){2,})?[\w-]+-v\d+", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Part:
    """Episodes of one policy.

    ``place`` among all parts, ``number`` among those of the policy, of whose ``of`` episodes it begins with ``begin``.
    """

    place: int
    contender: Contender
    number: int
    begin: int
    of: int
    seeds: range


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that decides what a data set holds; ``counts`` are the episodes of each policy."""

    name: str
    world: World
    scenario: Any
    given: Any
    changes: Mapping[str, Any]
    action: str
    options: Mapping[str, Any]
    infos: tuple[str, ...]
    contenders: Sequence[Contender]
    counts: tuple[int, ...]
    seed: int

    @property
    def episodes(self) -> int:
        """Number of all episodes."""
        return sum(self.counts)

    @property
    def resumable(self) -> bool:
        """Whether another process could know the policies again."""
        return all(c.identity for c in self.contenders)

    def parts(self) -> Iterator[Part]:
        """The parts in the order of the episodes; policy after policy."""
        size = max(min(PART, _MOST_STEPS // self.world.horizon(self.scenario)), 1)
        place, first = 0, FIRST_TRAINING_SEED + self.seed
        for c, count in zip(self.contenders, self.counts, strict=True):
            for number, begin in enumerate(range(0, count, size)):
                yield Part(place, c, number, begin, count, range(first, first + min(size, count - begin)))
                place, first = place + 1, first + min(size, count - begin)

    def document(self) -> dict[str, Any]:
        """What is remembered of the data set, as plain data; equal plans have equal documents."""
        own = world_origin(self.world)
        return {
            "environment": self.world.env_id,
            "scenario": self.scenario.name,
            "scenario_digest": self.scenario.digest(),
            "changes": {k: v if isinstance(v, (int, float, str)) else str(v) for k, v in self.changes.items()},
            "action": self.action,
            "episode_options": dict(self.options),
            "infos": list(self.infos),
            "episodes": self.episodes,
            "first_seed": FIRST_TRAINING_SEED + self.seed,
            "policies": [
                {"name": c.name, "spec": c.spec, "identity": c.identity or "unknown", "episodes": count}
                for c, count in zip(self.contenders, self.counts, strict=True)
            ],
            "code": code_version() + (f"+{own.text[:12]}" if own.text else ""),
        }

    def mark(self) -> str:
        """Digest of all that decides the content; never twice the same where a policy cannot be known again."""
        token = "" if self.resumable else secrets.token_hex(8)
        return digest(self.name, repr(self.document()), token)


def counts_of(episodes: Any, shares: Any, policies: int) -> tuple[int, ...]:
    """Episodes of each policy, in the proportion of ``shares`` (equal ones by default); the first get what is over.

    Raises ``ValueError`` for shares that are not one positive number for each policy, and for too few episodes.
    """
    total = whole_number("episodes", episodes, 1, MOST_EPISODES)
    given = [1.0] * policies if shares is None else items("shares", shares, "numbers")
    real = [isinstance(s, (int, float, np.integer, np.floating)) and not isinstance(s, bool) for s in given]
    if len(given) != policies or not all(real) or not all(0.0 < s < float("inf") for s in given):
        raise ValueError(
            f"shares must be {policies} positive numbers, one for each policy (of a folder of several training seeds: "
            f"for each seed), got {shown(given)}"
        )
    exact = np.array(given, np.float64) / np.sum(given) * total
    counts = np.floor(exact + 1e-9).astype(int)
    counts[np.argsort(-(exact - counts), kind="stable")[: total - counts.sum()]] += 1
    if (counts < 1).any():
        raise ValueError(f"episodes={total} leave a policy of {policies} with none; ask for more")
    return tuple(map(int, counts))


def options_of(contenders: Sequence[Contender], given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The episode options of all episodes: ``given``, or what all policies want.

    Raises ``ValueError`` where they want different ones: a data set is of one environment.
    """
    if given is not None:
        return given
    wanted = {c.name: dict(c.episode_options) for c in contenders}
    first = next(iter(wanted.values()))
    if any(options != first for options in wanted.values()):
        said = "; ".join(f"{name}: {_words(options)}" for name, options in wanted.items())
        raise ValueError(
            f"a data set is of one environment, but its policies want different episode options ({said}); "
            "record two data sets, or choose the options of all: --option KEY=VALUE (episode_options={...})"
        )
    return first


def _words(options: Mapping[str, Any]) -> str:
    return listed(f"{key}={value}" for key, value in options.items()) or "none"


def infos_of(world: World, given: Any) -> tuple[str, ...]:
    """Names of what is kept of ``info``; by default ``cost``.  Raises ``ValueError`` for unknown ones."""
    known = [*world.info_names, *([COST_KEY] if world.cost is not None else [])]
    if given is None:
        return tuple(name for name in (COST_KEY,) if name in known)
    names = items("infos", given, "keys of info", fewest=0)
    for name in names:
        if name not in known:
            hint = f"{nearest(str(name), known)} (known: {listed(known)})"
            raise ValueError(f"infos: {world.env_id} has no {shown(name)} in info{hint}")
    return tuple(dict.fromkeys(names))


def seed_of_first(seed: Any) -> int:
    """``seed`` as the number that is added to the first training seed."""
    return whole_number("seed", seed, 0, FIRST_VALIDATION_SEED - FIRST_TRAINING_SEED - MOST_EPISODES)


def place_of(out: Any) -> tuple[str, Path]:
    """Name and folder of ``"minari:NAMESPACE/NAME-v0"``, or of a folder's path that ends in ``NAME-v0``.

    Raises ``ValueError`` for other names: Minari reads none of them.
    """
    text = str(file_path("out", out))
    name = text.removeprefix(MINARI) if text.startswith(MINARI) else Path(text).name
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"out must end in a name of letters, digits, - and _ with a version, such as {MINARI}split/mine-v0 or "
            f"data/mine-v0, a namespace having two letters at least, got {shown(text)}"
        )
    if not text.startswith(MINARI):
        return name, Path(text).absolute()
    return name, Path(importlib.import_module("minari.storage").get_dataset_path(name)).absolute()
