"""MCP, the competitor that weighs latency and accuracy and knows no energy (FIN s8, s9).

:func:`solve_mcp` is the clean form: a minimum-cost path over any instance.  :func:`mcp_code` decides as the authors'
public simulation code does (its function weighted_fn1, whose rule and constants it follows), block by block on the
five-block, three-tier tables.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from splitgym.checks import word
from splitgym.physics.step_cost import within
from splitgym.placement.branchy import BranchyDnn
from splitgym.placement.exact import least_latency
from splitgym.placement.instance import Arc, Instance, Node, check_instance
from splitgym.placement.plan import Infeasible, Plan, Residual, app_index, evaluate
from splitgym.placement.problem import accurate_configs
from splitgym.placement.steps import walk

COMBINES = ("sum", "max")
#: Share of the latency in the cost; the accuracy has as much (s9).
WEIGHT = 0.5

#: The published greedy: it goes on while the score exceeds the threshold, and decides on times ten times those that it
#: evaluates (s8, defect 1).
THRESHOLD, TIME_FACTOR = 0.85, 10.0
_BLOCKS, _EXITS_AFTER = 5, [1, 3, 5]
#: Exit whose accuracy enters the score of block 1..5, and exit that is claimed once the block is placed.
_SCORED_EXIT, _CLAIMED_EXIT = (1, 1, 2, 3, 3), (1, 2, 2, 3, 3)


def solve_mcp(
    instance: Instance,
    app: int | str = 0,
    combine: str = "sum",
    acc_filter: bool = False,
    residual: Residual | None = None,
) -> Plan | Infeasible:
    """Plan of least cost, .5 D / delta + .5 alpha / a_c or the greater of the two terms (s9).

    Args:
        instance: the problem.
        app: place or id of the application.
        combine: "sum" or "max".  For a fixed exit configuration both are least on the least-latency path; where "max"
            leaves several plans, the fastest is taken, and of equally fast ones the one of least energy.
        acc_filter: offer only configurations that meet the accuracy target.
        residual: capacities that count instead of the instance's.

    Capacities, memory, pins and arcs are kept; the targets are not enforced: :func:`splitgym.placement.plan.evaluate`
    tells which of them a plan misses.  Infeasible means that nothing fits ("capacity"), or with ``acc_filter`` that
    nothing is accurate enough.  Raises ``ValueError`` for an unknown ``combine`` or application.
    """
    word("combine", combine, COMBINES)
    place = app_index(instance, app)
    task = instance.apps[place]
    configs = instance.dnns[task.dnn].exit_configs
    offered = accurate_configs(instance, place) if acc_filter else list(range(len(configs)))
    if not offered:
        return Infeasible(task.id, "accuracy", None)
    best: tuple[float, float, float, int, tuple[str, ...]] | None = None
    for c in offered:
        fastest = least_latency(_only(instance, place, c), place, residual, accurate=False)
        if isinstance(fastest, Infeasible):
            continue
        cost = _cost(fastest.latency_s / task.latency_s, task.accuracy, configs[c].accuracy, combine)
        candidate = (cost, fastest.latency_s, fastest.energy_j, c, fastest.placement)
        best = candidate if best is None else min(best, candidate)
    if best is None:
        return Infeasible(task.id, "capacity", None)
    method = f"mcp-{combine}{'-accurate' if acc_filter else ''}"
    return evaluate(instance, place, *best[3:], residual, method)[0]


def _cost(latency_ratio: float, target: float, accuracy: float, combine: str) -> float:
    lack = target / accuracy if accuracy > 0.0 else float("inf") if target > 0.0 else 0.0
    terms = (WEIGHT * latency_ratio, WEIGHT * lack)
    return sum(terms) if combine == "sum" else max(terms)


def _only(instance: Instance, place: int, config: int) -> Instance:
    """The instance with one exit configuration for an application's network."""
    name = instance.apps[place].dnn
    dnn = instance.dnns[name]
    alone = dataclasses.replace(dnn, exit_configs=(dnn.exit_configs[config],))
    return dataclasses.replace(instance, dnns={**instance.dnns, name: alone})


@dataclasses.dataclass(frozen=True)
class CodePlan:
    """The decision of the published greedy, charged as the published evaluation charges it (s8).

    Attributes:
        app: id of the application.
        exit_config: configuration that is claimed, from 0; its accuracy counts even where ``placement`` stops earlier.
        placement: node ids of the blocks that are placed.
        energy_j: energy of the placed blocks and their transfers [J].
        latency_s: their latency in the instance's mode [s].
        accuracy: of the claimed configuration.
        whole: whether every block up to the claimed exit is placed.
        meets_targets: whether latency and accuracy meet the application's targets.
    """

    app: str
    exit_config: int
    placement: tuple[str, ...]
    energy_j: float
    latency_s: float
    accuracy: float
    whole: bool
    meets_targets: bool


class _Tiers(NamedTuple):
    """The published topology: device, edge and cloud, and the arcs device-edge, edge-cloud and device-cloud."""

    nodes: tuple[Node, Node, Node]
    arcs: dict[tuple[int, int], Arc]


def mcp_code(instance: Instance) -> CodePlan:
    """The plan of the published code's competitor, on the five-block three-tier instances that it is written for.

    Block 1 stays on the device.  A further block is placed while the score max(.5 T / delta, alpha / a) exceeds .85,
    where T is the time so far with the block on its fastest tier and a the accuracy of an exit near it.  It stays on
    the device where that beats the edge, else it goes to the edge; from anywhere else it goes on to the cloud, if that
    beats the edge.  A transfer is charged at the receiving tier's rate, whether or not there is one.

    Raises ``ValueError`` for any other instance.
    """
    check_instance(instance)
    tiers, dnn, config_of = _published_shape(instance)
    app = instance.apps[0]
    accuracy = [dnn.exit_configs[c].accuracy for c in config_of]
    tier, spent_s = [0], TIME_FACTOR * dnn.blocks[0].ops / tiers.nodes[0].speed_ops_s
    for block in range(1, _BLOCKS):
        times_s = _decision_times_s(tiers, dnn, block)
        score = max(WEIGHT * (spent_s + min(times_s)) / app.latency_s, app.accuracy / accuracy[_SCORED_EXIT[block] - 1])
        choice = _choice(tier[-1], times_s) if score > THRESHOLD else None
        if choice is None:
            break
        tier.append(choice)
        spent_s += times_s[choice]
    return _charged(instance, tiers, dnn, tier, config_of[_CLAIMED_EXIT[len(tier) - 1] - 1])


def _published_shape(instance: Instance) -> tuple[_Tiers, BranchyDnn, list[int]]:
    """Tiers, network, and configuration of exit 1, 2, 3."""
    app = instance.apps[0]
    dnn = instance.dnns[app.dnn]
    nodes = sorted(instance.nodes, key=lambda node: node.tier)
    place = {node.id: i for i, node in enumerate(nodes)}
    arcs = {(place[arc.from_node], place[arc.to_node]): arc for arc in instance.arcs}
    config_of = [[c for c, config in enumerate(dnn.exit_configs) if config.active[-1] == x] for x in (1, 2, 3)]
    fits = (
        len(instance.apps) == 1
        and [node.tier for node in nodes] == [0, 1, 2]
        and {(0, 1), (0, 2), (1, 2)} <= set(arcs)
        and app.source == nodes[0].id
        and [exit.after_block for exit in dnn.exits] == _EXITS_AFTER
        and all(len(configs) == 1 for configs in config_of)
        and all(config.accuracy > 0.0 for config in dnn.exit_configs)
    )
    if not fits:
        raise ValueError(
            "mcp_code is for one application on one device, edge and cloud node, each linked upwards, with five "
            f"blocks, exits behind 1, 3 and 5 and one configuration per exit; {instance.name or 'this'!r} is not so"
        )
    return _Tiers((nodes[0], nodes[1], nodes[2]), arcs), dnn, [configs[0] for configs in config_of]


def _decision_times_s(tiers: _Tiers, dnn: BranchyDnn, block: int) -> tuple[float, float, float]:
    """Time of a block on device, edge and cloud as the greedy sees it [s]; blocks count from 0."""
    device, edge, cloud = (TIME_FACTOR * dnn.blocks[block].ops / node.speed_ops_s for node in tiers.nodes)
    bits = dnn.sizes()[block]
    return device, edge + bits / tiers.arcs[0, 1].rate_bit_s, cloud + bits / tiers.arcs[1, 2].rate_bit_s


def _choice(here: int, times_s: tuple[float, float, float]) -> int | None:
    """Tier of the next block, ``None``: none is placed any more."""
    device_s, edge_s, cloud_s = times_s
    if here == 0 and device_s != edge_s:
        return 0 if device_s < edge_s else 1
    return 2 if edge_s > cloud_s else None


def _charged(instance: Instance, tiers: _Tiers, dnn: BranchyDnn, tier: list[int], config: int) -> CodePlan:
    app, placement = instance.apps[0], tuple(tiers.nodes[t].id for t in tier)
    steps = walk(instance, app, config, placement)
    latency_s = sum(step.compute_s + step.comm_s for step in steps)
    accuracy = dnn.exit_configs[config].accuracy
    return CodePlan(
        app=app.id,
        exit_config=config,
        placement=placement,
        energy_j=sum(step.compute_j + step.comm_j for step in steps),
        latency_s=latency_s,
        accuracy=accuracy,
        whole=len(tier) == dnn.depth(config),
        meets_targets=bool(within(latency_s, app.latency_s) and within(app.accuracy, accuracy)),
    )
