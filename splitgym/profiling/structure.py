"""Cut points, blocks and exits of a captured network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from splitgym.profiling.cutting import Group, chosen, fitting, groups_of
from splitgym.profiling.graph import Captured
from splitgym.profiling.heads import check_places, deepest, exit_steps, place_of
from splitgym.quoting import listed
from splitgym.registry import nearest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cut:
    """A place where one tensor separates what was from what comes, and the block before it.

    Args:
        name: after the module whose result the tensor is.
        step: the step that gives the tensor.
        shape: the tensor of one sample, channels first as the network has it.
        macs, parameters: multiply-adds and weights between the cut before and this one.
    """

    name: str
    step: str
    shape: tuple[int, ...]
    macs: int
    parameters: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Head:
    """An early exit: an output of the network, the cut behind which its head sits, and what the head alone adds."""

    name: str
    step: str
    after: str
    macs: int
    parameters: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Structure:
    """A captured network with its cuts in order, the last of which is the whole network, and its exits in order."""

    captured: Captured
    cuts: tuple[Cut, ...]
    heads: tuple[Head, ...] = ()
    notes: tuple[str, ...] = ()

    def cut(self, name: str) -> Cut:
        """The cut of that name; raises ``ValueError`` naming the nearest."""
        known = {cut.name: cut for cut in self.cuts}
        if name not in known:
            raise ValueError(f"no cut {name!r}{nearest(name, list(known))} (cuts: {listed(list(known))})")
        return known[name]

    def to_cut(self, x: Any, name: str) -> Any:
        """What the device computes: the tensor at a cut, from inputs (b, ...)."""
        return self.captured.run({self.captured.input.name: x}, [self.cut(name).step])[0]

    def from_cut(self, tensor: Any, name: str) -> Any:
        """What the server computes: the network's answer, from the tensor at a cut."""
        return self.captured.run({self.cut(name).step: tensor}, [self.cuts[-1].step])[0]

    def answers(self, x: Any) -> list[Any]:
        """Answers of all exits in order, and of the whole network, from inputs (b, ...)."""
        wanted = [*(head.step for head in self.heads), self.cuts[-1].step]
        return self.captured.run({self.captured.input.name: x}, wanted)


def structure_of(
    captured: Captured,
    *,
    cuts: Sequence[str] | None = None,
    depth: int | None = None,
    exits: Sequence[str] | None = None,
) -> Structure:
    """Cuts and exits of a captured network.

    Cut points are the tensors that alone separate the past from the rest.  Of several without a multiply-add between
    them (a convolution, its batch norm, its activation, a pooling), the smallest stands for all.

    Args:
        cuts: cut behind these modules only.
        depth: cut only where a module ends that is at most so deep: 1 for "layer1", 2 for "layer1.0".
        exits: outputs that are early exits, by the name under which the network returns them or of the module that
            makes them; ``None``: all but the deepest.

    Raises ``ValueError`` for a name that is not there, naming the nearest.
    """
    trunk = deepest(captured)
    groups = groups_of(captured, trunk)
    heads = exit_steps(captured, trunk, exits)
    places = {name: place_of(captured, groups, step) for name, step in heads.items()}
    names = {} if cuts is None else chosen(groups, cuts)
    kept = set(range(1, len(groups))) if cuts is None else set(names)
    if depth is not None:
        kept = {i for i in kept if groups[i].depth <= depth}
    needed = {*places.values(), len(groups) - 1}
    kept, notes = fitting(groups, kept | needed, needed)
    labels = {i: names.get(i) or (groups[i].label() if depth is None else groups[i].label(depth)) for i in kept}
    merged = dict(zip(sorted(kept), _cuts(groups, sorted(kept), labels), strict=True))
    after = {name: merged[places[name]].name for name in sorted(heads, key=places.__getitem__)}
    check_places(captured, after)
    return Structure(
        captured=captured,
        cuts=tuple(merged.values()),
        heads=tuple(_heads(captured, trunk, heads, after)),
        notes=(*captured.notes, *notes),
    )


def _cuts(groups: list[Group], kept: Iterable[int], labels: Mapping[int, str]) -> list[Cut]:
    """One cut for each kept group, with the work of those left out before it; the last one is the whole network."""
    cuts, begin, taken = list[Cut](), 0, {"input"}
    for place in kept:
        group, between = groups[place], groups[begin : place + 1]
        step = group.steps[-1] if place == len(groups) - 1 else group.best
        name = labels[place] if labels[place] not in taken else f"{labels[place]}:{step.name}"
        taken.add(name)
        macs, parameters = sum(g.macs for g in between), sum(g.parameters for g in between)
        cuts.append(Cut(name=name, step=step.name, shape=step.shape or (), macs=macs, parameters=parameters))
        begin = place + 1
    return cuts


def _heads(captured: Captured, trunk: str, heads: Mapping[str, str], after: Mapping[str, str]) -> list[Head]:
    """The heads in order, with what each adds to the trunk and to the heads before it."""
    seen, found = captured.behind([trunk]), list[Head]()
    for name, cut in after.items():
        fresh = captured.behind([heads[name]]) - seen
        seen |= fresh
        macs, parameters = captured.cost(fresh)
        found.append(Head(name=name, step=heads[name], after=cut, macs=macs, parameters=parameters))
    return found
