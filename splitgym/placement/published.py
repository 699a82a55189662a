"""The published networks and three-tier topology as placement instances (FIN s1.1, s7, s8)."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from splitgym.catalogue import Catalogue
from splitgym.checks import word
from splitgym.names import check_label, check_name
from splitgym.placement.branchy import BranchExit, BranchyDnn, ExitConfig, PlacedBlock
from splitgym.placement.instance import App, Arc, Instance, Node
from splitgym.quoting import shown
from splitgym.ranges import BIT_ENERGY, MACHINE_POWER, MEMORY, OPS, SCORE, SIZE, SPEED, TARGET, Range
from splitgym.registry import nearest
from splitgym.strict import Strict, entry, from_mapping, number, sources

ENERGY_MODES = ("expected", "full")
#: Decimals of shares and accuracies, which come from percentages with two decimals.
_DECIMALS = 9
_TOPOLOGY = "published"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedBlock(Strict):
    """A row of the published table of blocks."""

    SECTION: ClassVar[str] = "blocks"
    ops: float = number(OPS)
    shape: tuple[int, ...] = number(SIZE, most=8, default=(), doc="what leaves the block; none: nothing to send")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedExit(Strict):
    """A row of the published table of exits."""

    SECTION: ClassVar[str] = "exits"
    after_block: int = number(Range("block", 1, 10_000))
    table_percent: float = number(Range("%", 0.0, 100.0), doc="accuracy if samples that would go on count as errors")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedDnn(Strict):
    """A network as its tables describe it, and the targets over which savings are averaged."""

    SECTION: ClassVar[str] = "dnn"
    name: str = entry(label=True, check=check_name, doc="name")
    description: str = entry("", label=True, doc="what it is")
    input_shape: tuple[int, ...] = number(SIZE, most=8)
    bits_per_value: int = number(Range("bit", 1, 64))
    final_accuracy: float = number(SCORE, doc="of the last exit on the data set")
    blocks: tuple[PublishedBlock, ...] = entry()
    exits: tuple[PublishedExit, ...] = entry()
    grid_latency_s: tuple[float, ...] = number(TARGET)
    grid_accuracy: tuple[float, ...] = number(SCORE)
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedNode(Strict):
    """A tier of the published topology."""

    SECTION: ClassVar[str] = "nodes"
    id: str = entry(check=check_label)
    tier: int = number(Range("1", 0, 2))
    speed_ops_s: float = number(SPEED)
    power_w: float = number(MACHINE_POWER)
    receive_s_bit: float = number(Range("s/bit", 1e-18, 1.0), doc="time for a bit on a link that ends here")
    radio_j_bit: float = number(BIT_ENERGY, doc="energy of this end of a link")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedTopology(Strict):
    """Nodes whose links all lead upwards."""

    SECTION: ClassVar[str] = "topology"
    name: str = entry(label=True, check=check_name)
    description: str = entry("", label=True)
    nodes: tuple[PublishedNode, ...] = entry()
    memory_bits: float = number(MEMORY)
    source: dict[str, str] = sources()


_CATALOGUE = Catalogue("published network", "placement")


def published_names() -> list[str]:
    """Names of the published networks."""
    return [name for name in _CATALOGUE.names() if name != _TOPOLOGY]


def load_published(name: str) -> PublishedDnn:
    """The tables of a published network.  Raises ``ValueError`` for an unknown name, naming the nearest."""
    if not isinstance(name, str) or name not in published_names():
        raise ValueError(
            f"unknown published network {shown(name)}{nearest(name, published_names())} "
            f"(known: {', '.join(published_names())})"
        )
    return from_mapping(PublishedDnn, _CATALOGUE.table(name), "dnn")


def published_topology() -> tuple[tuple[Node, ...], tuple[Arc, ...]]:
    """Nodes ``d0``, ``e0``, ``c0`` and the three arcs that lead upwards (s8).

    The rate of an arc is that of the receiving tier, as in the published solvers.  With the sender's rate the device's
    uplink would be too slow for any offloading at the published targets (s8, defect 2).
    """
    table = from_mapping(PublishedTopology, _CATALOGUE.table(_TOPOLOGY), "topology")
    nodes = tuple(
        Node(
            id=node.id,
            tier=node.tier,
            speed_ops_s=node.speed_ops_s,
            power_w=node.power_w,
            capacity_ops_s=node.speed_ops_s,
            memory_bits=table.memory_bits,
        )
        for node in table.nodes
    )
    pairs = [(u, v) for u in table.nodes for v in table.nodes if u.tier < v.tier]
    return nodes, tuple(_arc(u, v) for u, v in pairs)


def _arc(sender: PublishedNode, receiver: PublishedNode) -> Arc:
    rate_bit_s = 1.0 / receiver.receive_s_bit
    return Arc(
        from_node=sender.id,
        to_node=receiver.id,
        rate_bit_s=rate_bit_s,
        tx_j_bit=sender.radio_j_bit,
        rx_j_bit=receiver.radio_j_bit,
        capacity_bit_s=rate_bit_s,
    )


def published_dnn(name: str, energy: str = "expected") -> BranchyDnn:
    """A published network with its exit configurations (s1.1).

    Args:
        name: one of :func:`published_names`.
        energy: "expected": configuration x has exits 1..x active, and samples leave at each by the shares behind the
            published accuracies; "full": it has exit x alone, so every sample runs all blocks up to there, which is
            what the published code charges.

    Raises ``ValueError`` for an unknown name or mode.
    """
    word("energy", energy, ENERGY_MODES)
    table = load_published(name)
    blocks = [
        PlacedBlock(ops=b.ops, out_bits=math.prod(b.shape) * table.bits_per_value if b.shape else 0.0)
        for b in table.blocks
    ]
    return BranchyDnn(
        input_bits=math.prod(table.input_shape) * table.bits_per_value,
        blocks=tuple(blocks),
        exits=tuple(BranchExit(after_block=e.after_block) for e in table.exits),
        exit_configs=tuple(_config(table, exit, energy) for exit in range(1, len(table.exits) + 1)),
    )


def _config(table: PublishedDnn, exit: int, energy: str) -> ExitConfig:
    """Truncation at an exit: accuracy in proportion to the samples that have left by then (coverage)."""
    left = [e.table_percent / table.exits[-1].table_percent for e in table.exits]
    accuracy = round(table.final_accuracy * left[exit - 1], _DECIMALS)
    if energy == "full":
        return ExitConfig(active=(exit,), fractions=(1.0,), accuracy=accuracy)
    shares = [round(float(share), _DECIMALS) for share in np.diff([0.0, *left[: exit - 1]])]
    last = round(1.0 - sum(shares), _DECIMALS)
    return ExitConfig(active=tuple(range(1, exit + 1)), fractions=(*shares, last), accuracy=accuracy)


def published_instance(
    dnn: str = "b_alexnet",
    energy: str = "expected",
    latency_mode: str = "worst",
    latency_s: float = 0.005,
    accuracy: float = 0.8,
    pinned: int = 1,
) -> Instance:
    """One application on the published topology (s7, s8).

    Args:
        dnn: one of :func:`published_names`.
        energy: "expected" or "full", see :func:`published_dnn`.
        latency_mode: "worst" or "expected" (s1.3).
        latency_s: latency target [s].
        accuracy: accuracy target in [0, 1].
        pinned: blocks that must stay on the device; the published setting is 1.

    Raises ``ValueError`` for unknown names and values outside their limits.
    """
    nodes, arcs = published_topology()
    app = App(
        id="a0",
        dnn=dnn,
        source=nodes[0].id,
        rate_hz=1.0,
        latency_s=latency_s,
        accuracy=accuracy,
        pinned_first_blocks=pinned,
    )
    return Instance(
        name=f"{dnn}-{energy}-{latency_mode}",
        note="published tables",
        latency_mode=latency_mode,
        nodes=nodes,
        arcs=arcs,
        dnns={dnn: published_dnn(dnn, energy)},
        apps=(app,),
    )


def published_grid(dnn: str) -> tuple[np.ndarray, np.ndarray]:
    """Targets over which savings are averaged (s7): latencies [s] (n,) and accuracies (m,), n m cells.

    For B-AlexNet they are the published code's, 13 x 16 = 208 cells.  For B-ResNet and B-LeNet only the ranges are
    known; the files under ``data/placement`` say which steps were taken, and why.
    """
    table = load_published(dnn)
    return np.array(table.grid_latency_s), np.array(table.grid_accuracy)
