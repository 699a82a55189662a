"""Where a captured network may be cut: separators, in groups that cost the same, and which of them are taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from splitgym.physics.sizes import MOST_CUTS
from splitgym.profiling.graph import Captured, Step, separators
from splitgym.quoting import listed
from splitgym.registry import nearest

#: Operations that give the numbers they get, so that nobody wants to cut behind them.
_SAME = """
    alias clone contiguous detach dropout flatten identity permute reshape squeeze transpose unflatten unsqueeze view
"""
_NO_BORDER = 1_000


@dataclasses.dataclass
class Group:
    """Separators with no multiply-adds between them: they cost the same, so the smallest tensor stands for them.

    ``macs`` and ``parameters`` are those since the group before.
    """

    steps: list[Step]
    macs: int
    parameters: int

    @property
    def best(self) -> Step:
        """The last of the smallest, and nothing that only hands on or shapes anew."""
        return next((step for step in reversed(self.small) if step.op.lower() not in _SAME.split()), self.small[0])

    @property
    def small(self) -> list[Step]:
        """The smallest tensors."""
        fewest = min(step.elements for step in self.steps)
        return [step for step in self.steps if step.elements == fewest]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name by which it can be chosen."""
        return tuple(dict.fromkeys(name for step in self.steps for name in (step.label, *step.ends, step.name)))

    @property
    def depth(self) -> int:
        """How deep in the modules the highest border lies that it stands for; without one, below all of them."""
        return min((_depth(end) for step in self.steps for end in step.ends), default=_NO_BORDER)

    def label(self, depth: int = _NO_BORDER) -> str:
        """The name of its tensor: the module of at most that depth that gives it, or one as large just before.

        Without one, the operation.
        """
        if depth < _NO_BORDER:
            return max((e for e in self.best.ends if _depth(e) <= depth), key=_depth, default=self.label())
        before = self.small[: self.small.index(self.best) + 1]
        return next((step.label for step in reversed(before) if step.ends), self.best.label)


def _depth(path: str) -> int:
    return path.count(".") + 1


def groups_of(captured: Captured, trunk: str) -> list[Group]:
    """Separators from the input to the step ``trunk``, those together that no multiply-add lies between.

    The first group is that of the input.  Raises ``ValueError`` where there is no multiply-add at all.
    """
    import networkx as nx

    graph, seen, groups = captured.flow(), set[str](), list[Group]()
    for name in separators(captured, trunk):
        fresh = {name, *nx.ancestors(graph, name)} - seen
        seen |= fresh
        macs, parameters = captured.cost(fresh)
        if groups and macs == 0:
            groups[-1].steps.append(captured[name])
            groups[-1].parameters += parameters
        else:
            groups.append(Group([captured[name]], macs, parameters))
    if len(groups) == 1:
        raise ValueError(f"{captured.name} has no multiply-adds between its input and its output, so nothing to split")
    return groups


def chosen(groups: list[Group], names: Collection[str]) -> dict[int, str]:
    """Group -> the name by which it was chosen.  Raises ``ValueError`` for an unknown one, naming the nearest."""
    found, borders = dict[int, str](), [group.label() for group in groups[1:]]
    for name in names:
        place = next((i for i, group in enumerate(groups) if i and name in group.names), None)
        if place is None:
            raise ValueError(
                f"no cut point behind {name!r}{nearest(name, borders)}: either there is no such module, or its result "
                f"is not all that the rest needs (cut points: {listed(borders)})"
            )
        found[place] = name
    return found


def fitting(groups: list[Group], kept: set[int], needed: set[int]) -> tuple[set[int], list[str]]:
    """As many cuts as the simulator takes, and a note if some went: those of the deepest modules go, evenly."""
    most = MOST_CUTS - 1
    if len(kept) <= most:
        return kept, []
    order = sorted(kept - needed, key=lambda i: (groups[i].depth, i))
    last = groups[order[most - len(needed)]].depth
    sure = [i for i in order if groups[i].depth < last]
    rest = [i for i in order if groups[i].depth == last]
    room = most - len(needed) - len(sure)
    even = [rest[k * len(rest) // room] for k in range(room)]
    words = f"of {len(kept)} cut points, the {most} at the ends of the highest modules are kept; choose others by cuts"
    return {*needed, *sure, *even}, [words]
