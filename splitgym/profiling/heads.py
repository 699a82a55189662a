"""Early exits of a captured network: outputs beside the deepest one, where they leave it, what they add."""

from __future__ import annotations

from collections.abc import Sequence

from splitgym.profiling.cutting import Group
from splitgym.profiling.graph import Captured
from splitgym.quoting import listed
from splitgym.registry import nearest


def deepest(captured: Captured) -> str:
    """The step of the output with the most multiply-adds before it; the last one among equals."""
    outputs = list(captured.outputs.values())
    macs = [captured.cost(captured.behind([end]))[0] for end in outputs]
    return max(zip(macs, range(len(outputs)), outputs, strict=True))[2]


def exit_steps(captured: Captured, trunk: str, exits: Sequence[str] | None) -> dict[str, str]:
    """Name -> step of the outputs that are exits: named as the network returns them, or after their module.

    Raises ``ValueError`` for an unknown name, naming the nearest.
    """
    behind = captured.behind([trunk])
    ways = {name: step for name, step in captured.outputs.items() if step not in behind}
    found = ways
    if exits is not None:
        known = {alias: name for name, step in ways.items() for alias in (captured[step].label, *captured[step].ends)}
        known |= {name: name for name in ways}
        for name in exits:
            if name not in known:
                raise ValueError(
                    f"no exit {name!r}{nearest(name, list(known))}: an exit is an output of the network beside the "
                    f"deepest (outputs: {listed(list(captured.outputs))})"
                )
        found = {name: ways[known[name]] for name in exits}
    named = {min(captured[step].ends, key=len, default=name): step for name, step in found.items()}
    return named if len(named) == len(found) and exits is None else found


def place_of(captured: Captured, groups: list[Group], head: str) -> int:
    """The first group at which all is known that a head reads; raises ``ValueError`` at the ends of the network."""
    import networkx as nx

    done = [captured.behind([group.steps[-1].name]) for group in groups]
    needed = nx.ancestors(captured.flow(), head) & done[-1]
    place = next(i for i, known in enumerate(done) if needed <= known)
    if place in (0, len(groups) - 1):
        where = "no multiply-add comes before it" if not place else "it needs the whole network"
        raise ValueError(f"{captured.name}: the output {head!r} is no early exit, since {where}; name those that are")
    return place


def check_places(captured: Captured, after: dict[str, str]) -> None:
    """Raise ``ValueError`` if two exits, name -> cut, sit behind the same cut point."""
    for place in after.values():
        names = [name for name, other in after.items() if other == place]
        if len(names) > 1:
            raise ValueError(
                f"{captured.name}: the exits {listed(names)} sit behind the same cut point {place!r}, where a profile "
                "has one; name the exits to take"
            )
