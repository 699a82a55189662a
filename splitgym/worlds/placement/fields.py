"""Tables of the placement world: what is observed."""

from __future__ import annotations

from typing import Any, NamedTuple

from splitgym.fields import SQUASH, UNIT
from splitgym.worlds.observation import ObservationTable, Observed
from splitgym.worlds.placement.scenario import PlacementScenario
from splitgym.worlds.placement.system import most_configs, parts, typical


class Scales(NamedTuple):
    """What the ranges and the sizes of the observation depend on."""

    scenario: PlacementScenario
    nodes: int
    arcs: int
    configs: int  # exit configurations of the network that has most of them
    blocks: int  # of the network that has most of them
    dnns: tuple[str, ...]


def scales_of(scenario: PlacementScenario) -> Scales:
    """What the ranges and the sizes of the observation depend on."""
    nodes, arcs, dnns = parts(scenario)
    blocks = max(len(dnn.blocks) for dnn in dnns.values())
    return Scales(scenario, len(nodes), len(arcs), most_configs(dnns), blocks, tuple(dnns))


def _typical_rate_hz(scales: Scales) -> float:
    apps = scales.scenario.applications
    return (apps.rate_min_hz * apps.rate_max_hz) ** 0.5


def _one(name: str, unit: str, high: Any, meaning: Any, kind: int = UNIT, state: str = "markov") -> Observed:
    return Observed(name=name, unit=unit, kind=kind, high=high, meaning=meaning, state=state)


def _each(name: str, size: Any, high: float, meaning: str, kind: int = UNIT) -> Observed:
    return Observed(name=name, unit="1", kind=kind, high=high, meaning=meaning, size=size)


def _nodes(scales: Scales) -> int:
    return scales.nodes


#: What is observed; the scales are those of :func:`scales_of`.
OBSERVATION_TABLE = ObservationTable(
    _one("dnn", "1", lambda c: max(len(c.dnns) - 1, 1), lambda c: f"network of this application: {', '.join(c.dnns)}"),
    _one("source", "node", lambda c: max(c.nodes - 1, 1), "node at which its input arises"),
    _one("latency_s", "s", lambda c: typical(c.scenario)[0], "its latency target", SQUASH),
    _one("accuracy", "1", 1.0, "its accuracy target"),
    _one("rate_hz", "1/s", _typical_rate_hz, "its inferences", SQUASH),
    _one("placed", "block", lambda c: c.blocks, "blocks placed so far"),
    _one("node", "node", lambda c: max(c.nodes - 1, 1), "node of the last of them, or the source"),
    _one(
        "reference_j", "J", lambda c: typical(c.scenario)[1],
        "energy of its least-latency plan on the empty system", SQUASH,
    ),
    _one(
        "live", "application", 10.0, "applications that hold capacity", SQUASH,
        "when they leave and who comes next is hidden",
    ),
    _each("node_free", _nodes, 1.0, "free share of each node's compute"),
    _each("memory_free", _nodes, 1.0, "free share of each node's memory"),
    _each("here", _nodes, 1.0, "1 at the node of the last block"),
    _each("step_energy", _nodes, 0.5, "energy of the next block at each node over the reference", SQUASH),
    _each("end_energy", _nodes, 0.5, "least energy of the whole application through each node over it", SQUASH),
    _each("slack", _nodes, 1.0, "share of the latency target that may be left at the end; 0: impossible"),
    _each(
        "finish_energy", lambda c: c.configs, 0.5,
        "energy if the application ends here with each exit set over it; 1: it cannot", SQUASH,
    ),
    _each("arc_free", lambda c: c.arcs, 1.0, "free share of each link's capacity"),
    most=4096,
)  # fmt: skip
