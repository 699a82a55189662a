"""What is decided in the placement world: the table of axes, the only place that names them."""

from __future__ import annotations

from typing import Any

from splitgym.encodings import Choice
from splitgym.worlds.placement.scenario import PlacementScenario
from splitgym.worlds.placement.system import most_configs, parts


def _move(scenario: PlacementScenario) -> dict[str, Any]:
    nodes, _, dnns = parts(scenario)
    exits = (f"exit set {c + 1}" for c in range(most_configs(dnns)))
    labels = (*(node.id for node in nodes), *exits, "reject")
    return {
        "levels": tuple(range(len(labels))),
        "meaning": f"node of the next block (0-{len(nodes) - 1}), exit set (to {len(labels) - 2}), or rejection",
        "labels": labels,
    }


#: A move is a node 0..N-1, an exit configuration N..N+C-1, or a rejection N+C.
AXES = (Choice("move", "move", _move),)
