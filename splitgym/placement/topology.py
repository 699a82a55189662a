"""Seeded random three-tier networks (FIN s7).  Every range says where it comes from."""

from __future__ import annotations

import dataclasses

import numpy as np

from splitgym.checks import whole_number
from splitgym.placement.instance import Arc, Node
from splitgym.ranges import Range
from splitgym.seeding import seed_key

#: What a generator agrees to make.
MOST_NODES = Range("node", 1, 10_000)
#: Streams of a seed, so that drawing more of one thing leaves the others as they are.
TOPOLOGY, DNN, APP, HARD = range(4)


@dataclasses.dataclass(frozen=True)
class Machines:
    """Ranges of a tier's machines; all are drawn uniformly in the logarithm.

    speed: published effective speeds 11, 153.4 and 312 Gop/s (s8); modelled: within a factor of 2 of them.
    energy: published .545, .913 and 1.282 nJ/op (s8); modelled: spread by a fifth, without overlap, so that the lower
    tier is always the thriftier, as published.
    memory: modelled: a device has some of what one network needs, a server many times as much.
    """

    letter: str
    speed_ops_s: tuple[float, float]
    energy_j_op: tuple[float, float]
    memory_bits: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Links:
    """Ranges of the links between two tiers; all are drawn uniformly in the logarithm.

    rate and delay: modelled: radio access of some hundred Mbit/s within a city, wide-area paths of 5 to 20 ms,
    Gbit/s between sites of one operator.
    energy: mobile links published 30 nJ/bit (device) and 37 nJ/bit (edge) (s8), modelled: within a factor of 1.5;
    wired links modelled: some nJ/bit at either end, a tenth of the radio.
    """

    rate_bit_s: tuple[float, float]
    prop_s: tuple[float, float]
    tx_j_bit: tuple[float, float]
    rx_j_bit: tuple[float, float]


MACHINES = (
    Machines("m", (5.5e9, 22e9), (0.45e-9, 0.65e-9), (1e8, 4e8)),
    Machines("e", (77e9, 307e9), (0.75e-9, 1.08e-9), (1e9, 8e9)),
    Machines("c", (220e9, 900e9), (1.12e-9, 1.5e-9), (1e10, 1e11)),
)
LINKS = {
    (0, 1): Links((50e6, 1e9), (0.2e-3, 2e-3), (20e-9, 45e-9), (25e-9, 55e-9)),
    (0, 2): Links((20e6, 200e6), (5e-3, 20e-3), (20e-9, 45e-9), (25e-9, 55e-9)),
    (1, 1): Links((1e9, 10e9), (0.1e-3, 1e-3), (1e-9, 6e-9), (1e-9, 6e-9)),
    (1, 2): Links((0.5e9, 5e9), (1e-3, 8e-3), (3e-9, 12e-9), (3e-9, 12e-9)),
}
#: modelled: a device hears 2 to 4 edge servers, two in three reach a cloud without them; an edge server has lines to
#: at most 3 others and to 1 to 3 clouds.  (fewest, most) receivers of a sender, as far as there are so many.
DEGREES = {(0, 1): (2, 4), (0, 2): (0, 2), (1, 1): (0, 3), (1, 2): (1, 3)}
#: modelled: shares of nodes on the tiers mobile and cloud; the edge has the rest.
MOBILE_SHARE, CLOUD_SHARE = 0.4, 0.2
#: modelled: others use the rest of a node's speed, and a fifth of a link's rate.
NODE_SHARE, LINK_SHARE = (0.5, 0.95), 0.8


def stream(seed: int, *path: int) -> np.random.Generator:
    """Generator of one part of a seed's instance.  Raises ``ValueError`` unless it is an integer >= 0."""
    seed_key(seed)  # refuses anything but a seed
    return np.random.default_rng([int(seed), *path])


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """A draw, uniform in the logarithm, with six digits so that files stay readable."""
    return six_digits(float(np.exp(rng.uniform(*np.log(bounds)))))


def six_digits(value: float) -> float:
    """A number as short as a file should show it."""
    return float(f"{value:.6g}")


def random_topology(mobile: int, edge: int, cloud: int, seed: int = 0) -> tuple[tuple[Node, ...], tuple[Arc, ...]]:
    """A three-tier network whose arcs form a DAG: upwards, or between edge servers towards the later one.

    Args:
        mobile, edge, cloud: number of nodes ``m0..``, ``e0..``, ``c0..``; at least one mobile node.
        seed: integer >= 0.

    Every mobile node reaches something as long as there is an edge or a cloud node.  Raises ``ValueError`` for
    numbers out of range.
    """
    for name, count, fewest in (("mobile", mobile, 1), ("edge", edge, 0), ("cloud", cloud, 0)):
        whole_number(name, count, fewest, int(MOST_NODES.high))
    MOST_NODES.check("mobile, edge and cloud together", mobile + edge + cloud)
    return draw_topology(stream(seed, TOPOLOGY), mobile, edge, cloud)


def draw_topology(
    rng: np.random.Generator, mobile: int, edge: int, cloud: int
) -> tuple[tuple[Node, ...], tuple[Arc, ...]]:
    """:func:`random_topology` with a generator."""
    counts = (mobile, edge, cloud)
    nodes = tuple(_node(rng, tier, i) for tier, count in enumerate(counts) for i in range(count))
    tiers = [[node for node in nodes if node.tier == tier] for tier in range(3)]
    arcs = []
    for low, high in DEGREES:
        for i, sender in enumerate(tiers[low]):
            others = tiers[high][i + 1 :] if low == high else tiers[high]
            arcs += [_arc(rng, sender, receiver) for receiver in _receivers(rng, (low, high), others, edge)]
    return nodes, tuple(arcs)


def _receivers(rng: np.random.Generator, pair: tuple[int, int], others: list[Node], edge: int) -> list[Node]:
    fewest, most = DEGREES[pair]
    fewest = max(fewest, 1) if pair == (0, 2) and edge == 0 else fewest  # the only way up
    count = min(int(rng.integers(fewest, most + 1)), len(others))
    return [others[i] for i in sorted(rng.choice(len(others), count, replace=False))] if count else []


def _node(rng: np.random.Generator, tier: int, place: int) -> Node:
    kind = MACHINES[tier]
    speed_ops_s = log_uniform(rng, kind.speed_ops_s)
    return Node(
        id=f"{kind.letter}{place}",
        tier=tier,
        speed_ops_s=speed_ops_s,
        power_w=six_digits(speed_ops_s * log_uniform(rng, kind.energy_j_op)),
        capacity_ops_s=six_digits(speed_ops_s * float(rng.uniform(*NODE_SHARE))),
        memory_bits=log_uniform(rng, kind.memory_bits),
    )


def _arc(rng: np.random.Generator, sender: Node, receiver: Node) -> Arc:
    kind = LINKS[sender.tier, receiver.tier]
    rate_bit_s = log_uniform(rng, kind.rate_bit_s)
    return Arc(
        from_node=sender.id,
        to_node=receiver.id,
        rate_bit_s=rate_bit_s,
        prop_s=log_uniform(rng, kind.prop_s),
        tx_j_bit=log_uniform(rng, kind.tx_j_bit),
        rx_j_bit=log_uniform(rng, kind.rx_j_bit),
        capacity_bit_s=six_digits(LINK_SHARE * rate_bit_s),
    )
