"""Small random placement instances for tests, made without the package's solvers and generators."""

from __future__ import annotations

import dataclasses
import itertools
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.placement.branchy import BranchExit, BranchyDnn, ExitConfig, PlacedBlock
from splitgym.placement.instance import App, Arc, Instance, Node
from splitgym.placement.plan import Plan, evaluate

CASES_FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "fin_dev_cases.json"
AMPLE = 1e15


def solved_cases() -> list[dict[str, Any]]:
    """The solved cases, none where the file is absent."""
    return json.loads(CASES_FILE.read_text(encoding="utf-8"))["cases"] if CASES_FILE.is_file() else []


def random_nodes(rng: np.random.Generator, most: int) -> list[Node]:
    """Two to ``most`` nodes on each of three tiers."""
    nodes = []
    for tier, speed_ops_s in enumerate((8e9, 100e9, 400e9)):
        for k in range(int(rng.integers(2, most + 1))):
            speed = speed_ops_s * rng.uniform(0.5, 2.0)
            node = Node(
                id=f"{'mec'[tier]}{k}",
                tier=tier,
                speed_ops_s=speed,
                power_w=speed * rng.uniform(0.5e-9, 1.5e-9),
                capacity_ops_s=AMPLE,
                memory_bits=AMPLE,
            )
            nodes.append(node)
    return nodes


def random_arc(
    rng: np.random.Generator,
    u: Node,
    v: Node,
    rate: tuple[float, float] = (8, 9.5),
    prop: tuple[float, float] = (-5, -3),
    energy: tuple[float, float] = (-9, -7.5),
) -> Arc:
    """A link with room for everything; the ranges are powers of ten in bit/s, s and J/bit."""
    return Arc(
        from_node=u.id,
        to_node=v.id,
        rate_bit_s=10 ** rng.uniform(*rate),
        prop_s=10 ** rng.uniform(*prop),
        tx_j_bit=10 ** rng.uniform(*energy),
        rx_j_bit=10 ** rng.uniform(*energy),
        capacity_bit_s=AMPLE,
    )


def random_arcs(rng: np.random.Generator, nodes: list[Node]) -> list[Arc]:
    """Arcs from earlier to later nodes only, so that they form no cycle."""
    arcs = []
    for u, v in itertools.combinations(nodes, 2):
        if rng.random() < (0.25 if u.tier == v.tier else 0.6):
            arcs.append(random_arc(rng, u, v))
    return arcs


def random_dnn(rng: np.random.Generator, blocks: int) -> BranchyDnn:
    """Blocks, one to three exits, and either prefixes or all subsets of them."""
    n_exits = int(rng.integers(1, min(3, blocks) + 1))
    places = [*sorted(rng.choice(np.arange(1, blocks), n_exits - 1, replace=False).tolist()), blocks]
    numbers = range(1, n_exits + 1)
    if rng.random() < 0.5:
        actives = [tuple(range(1, x + 1)) for x in numbers]
    else:
        actives = [chosen for x in numbers for chosen in itertools.combinations(numbers, x)]
    configs = []
    for active in actives:
        shares = rng.dirichlet(np.ones(len(active))).tolist()
        accuracy = 0.6 + 0.12 * active[-1] - 0.02 * len(active)
        configs.append(ExitConfig(active=active, fractions=tuple(shares), accuracy=accuracy))
    return BranchyDnn(
        input_bits=rng.uniform(1e5, 8e5),
        blocks=tuple(
            PlacedBlock(ops=rng.uniform(1e6, 4e7), out_bits=rng.uniform(5e4, 8e5), memory_bits=rng.uniform(1e6, 2e7))
            for _ in range(blocks)
        ),
        exits=tuple(BranchExit(after_block=b, branch_ops=rng.uniform(0.0, 1e6)) for b in places),
        exit_configs=tuple(configs),
    )


def tighten(rng: np.random.Generator, instance: Instance, ratio: float = 1.0) -> Instance:
    """Capacities, memory and links of about ``ratio`` times what the first application asks for."""
    app, dnn = instance.apps[0], instance.dnns[instance.apps[0].dnn]
    ops = ratio * app.rate_hz * sum(block.ops for block in dnn.blocks)
    bits = ratio * sum(block.memory_bits for block in dnn.blocks)
    sent = ratio * app.rate_hz * max(dnn.sizes())
    nodes = tuple(
        node.replace(capacity_ops_s=ops * rng.uniform(0.2, 1.3), memory_bits=bits * rng.uniform(0.2, 1.3))
        for node in instance.nodes
    )
    arcs = tuple(arc.replace(capacity_bit_s=sent * rng.uniform(0.3, 1.5)) for arc in instance.arcs)
    return dataclasses.replace(instance, nodes=nodes, arcs=arcs)


def random_walk(rng: np.random.Generator, instance: Instance, app: int = 0) -> Plan:
    """A plan that follows the arcs; it may break limits."""
    task = instance.apps[app]
    dnn, here, names = instance.dnns[task.dnn], task.source, []
    config = int(rng.integers(len(dnn.exit_configs)))
    for b in range(dnn.depth(config)):
        after = [here] + [arc.to_node for arc in instance.arcs if arc.from_node == here]
        here = here if b < task.pinned_first_blocks else after[int(rng.integers(len(after)))]
        names.append(here)
    return evaluate(instance, app, config, names)[0]


@cache
def random_instance(seed: int, apps: int = 1, tight: float = 0.4) -> Instance:
    """Acyclic instance of 6 to 12 nodes, K 2..6 (even seeds: 6 nodes, K 2..4); about one in four is infeasible."""
    rng = np.random.default_rng([seed, apps])
    small = seed % 2 == 0
    nodes = random_nodes(rng, 2 if small else 4)
    dnns = {f"net{a}": random_dnn(rng, int(rng.integers(2, 5 if small else 7))) for a in range(apps)}
    tasks = []
    for a, dnn in enumerate(dnns.values()):
        best = max(config.accuracy for config in dnn.exit_configs)
        app = App(
            id=f"a{a}",
            dnn=f"net{a}",
            source=f"m{int(rng.integers(2))}",
            rate_hz=rng.uniform(5.0, 25.0),
            latency_s=1.0,
            accuracy=best * rng.uniform(0.7, 1.02),
            pinned_first_blocks=int(rng.integers(0, 2)),
        )
        tasks.append(app)
    instance = Instance(
        name=f"test-{seed}",
        latency_mode="expected" if rng.random() < 0.4 else "worst",
        nodes=tuple(nodes),
        arcs=tuple(random_arcs(rng, nodes)),
        dnns=dnns,
        apps=tuple(tasks),
    )
    if rng.random() < tight:
        instance = tighten(rng, instance)
    targets = [
        min(random_walk(rng, instance, a).latency_s for _ in range(4)) * rng.uniform(0.7, 1.6) for a in range(apps)
    ]
    return with_targets(instance, targets)


def with_targets(instance: Instance, targets_s: list[float]) -> Instance:
    """The instance with other latency targets."""
    apps = tuple(app.replace(latency_s=t) for app, t in zip(instance.apps, targets_s, strict=True))
    return dataclasses.replace(instance, apps=apps)


def with_app(instance: Instance, **changes: Any) -> Instance:
    """The instance with another first application."""
    return dataclasses.replace(instance, apps=(instance.apps[0].replace(**changes), *instance.apps[1:]))


def two_tiers(**app: Any) -> Instance:
    """A device of 1 op/s and 2 W, a server of 4 op/s and 20 W, one link; two blocks with an exit behind each.

    The device takes 2 J per operation, the server 5 J.  The first configuration stops behind block 1, the second runs
    both with half of the samples leaving at the first exit.
    """
    free = {"capacity_ops_s": AMPLE, "memory_bits": AMPLE}
    dnn = BranchyDnn(
        input_bits=10.0,
        blocks=(
            PlacedBlock(ops=3.0, out_bits=4.0, memory_bits=1.0),
            PlacedBlock(ops=8.0, out_bits=0.0, memory_bits=1.0),
        ),
        exits=(BranchExit(after_block=1, branch_ops=1.0), BranchExit(after_block=2)),
        exit_configs=(
            ExitConfig(active=(1,), fractions=(1.0,), accuracy=0.7),
            ExitConfig(active=(1, 2), fractions=(0.5, 0.5), accuracy=0.9),
        ),
    )
    task = {"id": "a0", "dnn": "net", "source": "d", "rate_hz": 1.0, "latency_s": 7.5, "accuracy": 0.8} | app
    return Instance(
        nodes=(
            Node(id="d", tier=0, speed_ops_s=1.0, power_w=2.0, **free),
            Node(id="e", tier=1, speed_ops_s=4.0, power_w=20.0, **free),
        ),
        arcs=(
            Arc(
                from_node="d",
                to_node="e",
                rate_bit_s=4.0,
                prop_s=0.25,
                tx_j_bit=0.5,
                rx_j_bit=0.5,
                capacity_bit_s=AMPLE,
            ),
        ),
        dnns={"net": dnn},
        apps=(App(**task),),
    )


def with_return_arcs(instance: Instance) -> Instance:
    """The instance with every second arc doubled in the other direction."""
    back = tuple(arc.replace(from_node=arc.to_node, to_node=arc.from_node) for arc in instance.arcs[::2])
    return dataclasses.replace(instance, arcs=instance.arcs + back)


def all_plans(instance: Instance, app: int) -> list[Plan]:
    """Every plan along the arcs that is feasible by itself, by ascending energy."""
    task = instance.apps[app]
    dnn, plans = instance.dnns[task.dnn], []
    for config in range(len(dnn.exit_configs)):
        walks = [(task.source,)]
        for _ in range(dnn.depth(config)):
            ends = [[walk[-1]] + [arc.to_node for arc in instance.arcs if arc.from_node == walk[-1]] for walk in walks]
            walks = [(*walk, end) for walk, after in zip(walks, ends, strict=True) for end in after]
        judged = (evaluate(instance, app, config, walk[1:]) for walk in walks)
        plans += [plan for plan, faults in judged if not faults]
    return sorted(plans, key=lambda plan: plan.energy_j)
