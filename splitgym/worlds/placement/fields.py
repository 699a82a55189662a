"""Tables of the placement world: what is observed."""

from __future__ import annotations

from splitgym.fields import SQUASH, UNIT, Field
from splitgym.worlds.placement.scenario import PlacementScenario
from splitgym.worlds.placement.system import most_configs, parts, typical


def _one(
    name: str, unit: str, high: float, meaning: str, kind: int = UNIT, size: int = 1, state: str = "markov"
) -> Field:
    return Field(name=name, unit=unit, kind=kind, low=0.0, high=high, meaning=meaning, size=size, state=state)


def observation_fields(scenario: PlacementScenario) -> tuple[Field, ...]:
    """The observation table of a scenario, in the order in which the kernel fills it."""
    nodes, arcs, dnns = parts(scenario)
    n, blocks = len(nodes), max(len(dnn.blocks) for dnn in dnns.values())
    latency_s, energy_j = typical(scenario)
    rate_hz = (scenario.applications.rate_min_hz * scenario.applications.rate_max_hz) ** 0.5
    return (
        _one("dnn", "1", max(len(dnns) - 1, 1), f"network of this application: {', '.join(dnns)}"),
        _one("source", "node", max(n - 1, 1), "node at which its input arises"),
        _one("latency_s", "s", latency_s, "its latency target", SQUASH),
        _one("accuracy", "1", 1.0, "its accuracy target"),
        _one("rate_hz", "1/s", rate_hz, "its inferences", SQUASH),
        _one("placed", "block", blocks, "blocks placed so far"),
        _one("node", "node", max(n - 1, 1), "node of the last of them, or the source"),
        _one("reference_j", "J", energy_j, "energy of its least-latency plan on the empty system", SQUASH),
        _one(
            "live", "application", 10.0, "applications that hold capacity", SQUASH,
            state="when they leave and who comes next is hidden",
        ),
        _one("node_free", "1", 1.0, "free share of each node's compute", size=n),
        _one("memory_free", "1", 1.0, "free share of each node's memory", size=n),
        _one("here", "1", 1.0, "1 at the node of the last block", size=n),
        _one("step_energy", "1", 0.5, "energy of the next block at each node over the reference", SQUASH, n),
        _one("end_energy", "1", 0.5, "least energy of the whole application through each node over it", SQUASH, n),
        _one("slack", "1", 1.0, "share of the latency target that may be left at the end; 0: impossible", size=n),
        _one(
            "finish_energy", "1", 0.5, "energy if the application ends here with each exit set over it; 1: it cannot",
            SQUASH, most_configs(dnns),
        ),
        _one("arc_free", "1", 1.0, "free share of each link's capacity", size=len(arcs)),
    )  # fmt: skip
