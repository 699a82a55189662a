"""Seeded random placement instances, and hard ones (FIN s4.1, s7).  Every range says where it comes from."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from splitgym.checks import whole_number, word
from splitgym.placement.branchy import BranchExit, BranchyDnn, ExitConfig, PlacedBlock
from splitgym.placement.exact import least_energy, least_latency
from splitgym.placement.instance import LATENCY_MODES, App, Arc, Instance, Node
from splitgym.placement.plan import Infeasible
from splitgym.placement.topology import (
    APP,
    CLOUD_SHARE,
    DNN,
    HARD,
    MOBILE_SHARE,
    MOST_NODES,
    TOPOLOGY,
    draw_topology,
    log_uniform,
    random_topology,
    stream,
)
from splitgym.ranges import TARGET, Range

__all__ = ["FAMILIES", "hard_instance", "random_dnn", "random_instance", "random_topology"]

FAMILIES = ("prefix", "subsets")
#: 2^X - 1 configurations are still listed for as many exits.
_MOST_EXITS = 10
#: Redrawn so often before giving up; some draws have no placement within the capacities.
_ATTEMPTS = 50
#: Targets stay below the accuracy of a configuration by so much, so that no verdict hangs on the last bit.
_ACCURACY_MARGIN = 1e-4

#: published: B-AlexNet's blocks have 6.7 to 22.6 Mop (s8); modelled: a wider range, for deeper networks.
BLOCK_OPS = (5e6, 40e6)
#: published: B-AlexNet's cuts carry 0.35 to 1.5 Mbit (s8); modelled: the first within these bounds, then falling.
FIRST_CUT_BITS, CUT_RATIO, INPUT_BITS = (0.4e6, 1.6e6), (0.5, 1.1), (0.2e6, 0.8e6)
#: modelled: weights of a block of some million operations, 8 bit each.
BLOCK_MEMORY_BITS = (1e6, 40e6)
#: modelled: an exit's head costs some hundredths of a block.
BRANCH_OPS = (0.1e6, 0.7e6)
#: modelled: accuracy of the last exit, and what the first one may lack, in the range of the published tables.
LAST_ACCURACY, GAP = (0.9, 0.98), (0.2, 0.3)
#: modelled: share of samples that are sure by an exit; published tables have .42 to .94 at the first (s1.1).
SURE = (0.25, 0.9)
#: modelled: samples that leave early are the easy ones, and lose a fifth of the gap between the exits.
EASY_LOSS = 0.2
#: modelled: cameras and sensors that ask 5 to 25 times a second.
RATE_HZ = (5.0, 25.0)
#: A latency target that no placement misses, while the real one is not known yet.
NO_TARGET_S = TARGET.high
#: What a generator agrees to make.
MOST_BLOCKS, MOST_APPS = 1000, 10_000
TIGHTNESS = Range("1", 0.0, 1e6, (1e-6, 10.0), "a fraction of the way: 50 % are 0.5")
#: Of a hard instance: speed of the slow nodes, rate of the links, a limit that binds nothing.
_SLOW_OPS_S, _FREE_BIT_S, _LOOSE = 1e9, 1e12, 1e15
#: A demanding accuracy target: the quantile of the configurations' accuracies of section 7.
ACCURACY_QUANTILE = 0.8


def random_dnn(blocks: int = 8, exits: int = 4, seed: int = 0, family: str = "subsets") -> BranchyDnn:
    """A network with exits, the last one behind its last block.

    Args:
        blocks: K >= 1.
        exits: X, 1 to K.
        seed: integer >= 0.
        family: "prefix": exits 1..x are active; "subsets": any of them, 2^X - 1 configurations (s1.1).

    At each exit a share of the samples is sure of the answer, more at later ones.  A sample leaves at the first active
    exit where it is sure.  Raises ``ValueError`` for arguments out of range.
    """
    blocks = whole_number("blocks", blocks, 1, MOST_BLOCKS)
    exits = whole_number("exits", exits, 1, blocks)
    word("family", family, FAMILIES)
    if family == "subsets" and exits > _MOST_EXITS:
        raise ValueError(f"exits must be <= {_MOST_EXITS} for family 'subsets' (2^exits configurations), got {exits}")
    return _dnn(stream(seed, DNN), blocks, exits, family)


def _dnn(rng: np.random.Generator, blocks: int, exits: int, family: str) -> BranchyDnn:
    sizes = log_uniform(rng, FIRST_CUT_BITS) * np.cumprod([1.0, *rng.uniform(*CUT_RATIO, blocks - 1)])
    places = [*sorted((rng.choice(blocks - 1, exits - 1, replace=False) + 1).tolist()), blocks]
    return BranchyDnn(
        input_bits=log_uniform(rng, INPUT_BITS),
        blocks=tuple(
            PlacedBlock(
                ops=log_uniform(rng, BLOCK_OPS),
                out_bits=round(float(size)) if b < blocks else 0.0,
                memory_bits=log_uniform(rng, BLOCK_MEMORY_BITS),
            )
            for b, size in enumerate(sizes, 1)
        ),
        exits=tuple(
            BranchExit(after_block=place, branch_ops=log_uniform(rng, BRANCH_OPS) if place < blocks else 0.0)
            for place in places
        ),
        exit_configs=_exit_configs(rng, places, family),
    )


def _exit_configs(rng: np.random.Generator, places: list[int], family: str) -> tuple[ExitConfig, ...]:
    """Configurations of exits behind the blocks ``places``."""
    exits = len(places)
    sure = np.sort(rng.uniform(*SURE, exits))
    depth = np.array(places) / places[-1]
    accuracy = rng.uniform(*LAST_ACCURACY) - rng.uniform(*GAP) * (1.0 - depth) ** 1.5
    if family == "prefix":
        chosen = [tuple(range(1, x + 1)) for x in range(1, exits + 1)]
    else:
        chosen = [active for n in range(1, exits + 1) for active in itertools.combinations(range(1, exits + 1), n)]
    return tuple(_exit_config(active, sure, accuracy) for active in chosen)


def _exit_config(active: tuple[int, ...], sure: np.ndarray, accuracy: np.ndarray) -> ExitConfig:
    early, last = [x - 1 for x in active[:-1]], active[-1] - 1
    shares = [round(float(share), 6) for share in np.diff(sure[early], prepend=0.0)]
    lost = sum(share * EASY_LOSS * (accuracy[last] - accuracy[x]) for share, x in zip(shares, early, strict=True))
    return ExitConfig(
        active=active,
        fractions=(*shares, round(1.0 - sum(shares), 6)),
        accuracy=round(float(accuracy[last] - lost), 6),
    )


def random_instance(
    n_nodes: int = 20,
    blocks: int = 8,
    exits: int = 4,
    family: str = "subsets",
    apps: int = 1,
    tightness: float = 0.5,
    seed: int = 0,
    latency_mode: str = "worst",
) -> Instance:
    """A random network with applications whose targets can be met, each for itself.

    Args:
        n_nodes: >= 3; 40 % on the mobile tier, 20 % on the cloud's, the rest on the edge.
        blocks, exits, family: of every network, see :func:`random_dnn`.
        apps: applications, each with a network of its own; they contend for the nodes.
        tightness: latency target, as a fraction of the way from the least latency (0) to the latency of the
            least-energy plan (1); both under the accuracy target (s7).
        seed: integer >= 0; draws without a placement within the capacities are replaced by the seed's next.
        latency_mode: "worst" or "expected" (s1.3).

    Raises ``ValueError`` for arguments out of range.
    """
    whole_number("n_nodes", n_nodes, 3)
    whole_number("apps", apps)
    MOST_NODES.check("n_nodes", n_nodes)
    apps = whole_number("apps", apps, 1, MOST_APPS)
    TIGHTNESS.check("tightness", tightness)
    word("latency_mode", latency_mode, LATENCY_MODES)
    random_dnn(blocks, exits, seed, family)  # refuses what is out of range
    for attempt in range(_ATTEMPTS):
        drawn = _draw(n_nodes, blocks, exits, family, apps, seed, attempt, latency_mode)
        targets = [latency_target(drawn, app, tightness) for app in range(apps)]
        if None not in targets:
            placed = zip(drawn.apps, targets, strict=True)
            return dataclasses.replace(drawn, apps=tuple(app.replace(latency_s=target) for app, target in placed))
    raise ValueError(
        f"no instance of {n_nodes} nodes with a placement within the capacities in {_ATTEMPTS} draws of seed {seed}; "
        f"take fewer blocks than {blocks}, or another seed"
    )


def _draw(
    n_nodes: int, blocks: int, exits: int, family: str, apps: int, seed: int, attempt: int, latency_mode: str
) -> Instance:
    """An instance whose latency targets are still out of reach of every placement."""
    mobile, cloud = max(round(MOBILE_SHARE * n_nodes), 1), max(round(CLOUD_SHARE * n_nodes), 1)
    nodes, arcs = draw_topology(stream(seed, TOPOLOGY, attempt), mobile, n_nodes - mobile - cloud, cloud)
    dnns = {f"net{i}": _dnn(stream(seed, DNN, attempt, i), blocks, exits, family) for i in range(apps)}
    rng = stream(seed, APP, attempt)
    placed = tuple(
        App(
            id=f"a{i}",
            dnn=name,
            source=nodes[int(rng.integers(mobile))].id,
            rate_hz=log_uniform(rng, RATE_HZ),
            latency_s=NO_TARGET_S,
            accuracy=accuracy_target(dnn),
        )
        for i, (name, dnn) in enumerate(dnns.items())
    )
    return Instance(
        name=f"random-{n_nodes}-{seed}",
        note=f"{n_nodes} nodes, {blocks} blocks, {exits} exits ({family}), {apps} application(s)",
        seed=seed,
        latency_mode=latency_mode,
        nodes=nodes,
        arcs=arcs,
        dnns=dnns,
        apps=placed,
    )


def accuracy_target(dnn: BranchyDnn) -> float:
    """A demanding target that a network meets: a high quantile of its configurations (s7)."""
    accuracies = [config.accuracy for config in dnn.exit_configs]
    quantile = float(np.quantile(accuracies, ACCURACY_QUANTILE, method="lower"))
    return round(max(quantile - _ACCURACY_MARGIN, 0.0), 6)


def latency_target(instance: Instance, app: int, tightness: float) -> float | None:
    """Target [s] of an application by itself, ``tightness`` of the way from the least latency to that of least energy.

    ``None`` where nothing fits.
    """
    fastest = least_latency(instance, app)
    frugal = least_energy(instance, app)
    if isinstance(fastest, Infeasible) or isinstance(frugal, Infeasible):
        return None
    return fastest.latency_s + tightness * (frugal.latency_s - fastest.latency_s)


def hard_instance(blocks: int, seed: int = 0) -> Instance:
    """An instance on which every placement is Pareto-optimal (s4.1): exact labels grow exponentially with K.

    Args:
        blocks: K >= 1; every layer b has a fast-hungry node ``f{b}`` and a slow-frugal one ``g{b}``, and their
            memory holds just one block.  Arcs are free.
        seed: integer >= 0, of the block sizes.

    Every set of blocks on fast nodes has a latency and an energy of its own, on one line, so the optimum is a subset
    sum.  The latency target lies half-way, and half an operation beside every subset's latency.  Raises
    ``ValueError`` for arguments out of range.
    """
    blocks = whole_number("blocks", blocks, 1, MOST_BLOCKS)
    sizes_op = 1e3 * stream(seed, HARD).integers(4000, 8000, blocks)  # of the order of the published blocks
    dnn = BranchyDnn(
        input_bits=0.0,
        blocks=tuple(PlacedBlock(ops=float(ops), out_bits=0.0, memory_bits=1.0) for ops in sizes_op),
        exits=(BranchExit(after_block=blocks),),
        exit_configs=(ExitConfig(active=(1,), fractions=(1.0,), accuracy=0.9),),
    )
    target_s = 0.75 * (float(sizes_op.sum()) + 0.5) / _SLOW_OPS_S
    app = App(id="a0", dnn="net0", source="s", rate_hz=1.0, latency_s=target_s, accuracy=0.5)
    nodes, arcs = _ladder(blocks)
    return Instance(
        name=f"hard-subset-sum-{blocks}", seed=seed, nodes=nodes, arcs=arcs, dnns={"net0": dnn}, apps=(app,)
    )


def _ladder(layers: int) -> tuple[tuple[Node, ...], tuple[Arc, ...]]:
    """A source that holds nothing, then two nodes per layer, each linked to both of the next."""
    free = {"tx_j_bit": 0.0, "rx_j_bit": 0.0, "rate_bit_s": _FREE_BIT_S, "capacity_bit_s": _LOOSE}
    fast = {"tier": 1, "speed_ops_s": 2.0 * _SLOW_OPS_S, "power_w": 6.0, "memory_bits": 1.5}
    slow = {"tier": 1, "speed_ops_s": _SLOW_OPS_S, "power_w": 1.0, "memory_bits": 1.5}
    rows = [[Node(id="s", **{**slow, "tier": 0, "memory_bits": 0.5}, capacity_ops_s=_LOOSE)]]
    for b in range(1, layers + 1):
        rows.append([Node(id=f"{n}{b}", **kind, capacity_ops_s=_LOOSE) for n, kind in (("f", fast), ("g", slow))])
    arcs = [
        Arc(from_node=u.id, to_node=v.id, **free) for low, high in itertools.pairwise(rows) for u in low for v in high
    ]
    return tuple(itertools.chain(*rows)), tuple(arcs)
