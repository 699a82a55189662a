"""What stands in a profile for accuracies that nobody has measured: the curves of resnet50, by depth."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from splitgym.checks import items, table
from splitgym.profiling.structure import Structure
from splitgym.quoting import listed, shown
from splitgym.registry import nearest

#: One number for all, one for each in order, or name -> number for those that are known.
Numbers = float | Sequence[float] | Mapping[str, float]
#: Stands for an accuracy that is not known.
ACCURACY = 0.8
#: Source of each quantity, as a profile says it.
WORDS = {
    "accuracy_full": f"modelled: not measured, {ACCURACY} stands for it; splitgym.profile takes it as accuracy",
    "accuracy_chance": "modelled: one of the classes at random",
    "blocks.steepness": "modelled: 4 + 20 times the share of the multiply-adds before the cut, about as for resnet50",
    "exits.share": "modelled: 0.1 + 0.75 times the share of the multiply-adds before the exit, about as for resnet50",
}
GIVEN = "measured: as given to splitgym.profile"


def depths(structure: Structure) -> dict[str, float]:
    """Cut -> share of the multiply-adds up to it, 0 to 1."""
    macs = list(itertools.accumulate(cut.macs for cut in structure.cuts))
    return {cut.name: done / macs[-1] for cut, done in zip(structure.cuts, macs, strict=True)}


def chance(structure: Structure) -> float:
    """Accuracy of guessing: one of as many classes as the answer has numbers; 0 where it is no vector."""
    shape = structure.cuts[-1].shape
    return 1.0 / max(shape[0], 2) if len(shape) == 1 else 0.0


def steepness(structure: Structure, given: Numbers | None) -> list[float]:
    """Steepness of the progressive curve of every cut but the last, (K - 1,) [1]; ``given`` wins where it says one."""
    names = [cut.name for cut in structure.cuts[:-1]]
    found = {name: round(4.0 + 20.0 * share, 1) for name, share in depths(structure).items()}
    return [float(value) for value in chosen("steepness", names, given, found)]


def shares(structure: Structure, given: Numbers | None) -> list[float]:
    """Share of the right answers that every exit gives, (n,) [1]; ``given`` wins where it says one."""
    names, done = [head.name for head in structure.heads], depths(structure)
    found = {head.name: round(0.1 + 0.75 * done[head.after], 2) for head in structure.heads}
    return [float(value) for value in chosen("shares", names, given, found)]


def numbers_of(what: str, given: Any) -> list[Any]:
    """What stands in one of :data:`Numbers`; raises ``ValueError`` for what is none."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return list(table(what, given).values())
    is_list = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
    return items(what, given, "numbers", fewest=0) if is_list else [given]


def chosen(what: str, names: Sequence[str], given: Any, found: Mapping[str, float]) -> list[Any]:
    """One value for each name: a number for all, a sequence, or a table with those that differ from ``found``.

    Raises ``ValueError`` for another number of values and for a name that is not there, naming the nearest.
    """
    if given is None:
        return [found[name] for name in names]
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise ValueError(f"{what}: no {shown(name)}{nearest(str(name), names)} (known: {listed(list(names))})")
        return [given.get(name, found[name]) for name in names]
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) != len(names):
            raise ValueError(f"{what} must have one value for each of {listed(list(names))}, got {len(given)}")
        return list(given)
    return [given] * len(names)
