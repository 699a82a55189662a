"""A plan block by block: where it runs, what is sent, what both cost (FIN s1.2, s1.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from splitgym.physics.step_cost import step_delay_s, step_energy_j
from splitgym.placement.instance import App, Arc, Instance, Node
from splitgym.placement.plan import Plan, app_index


@dataclasses.dataclass(frozen=True)
class Step:
    """One block of a plan: where it came from, where it runs, what both cost.

    ``arc`` is ``None`` where the node does not change.  Times are in the instance's latency mode.
    """

    block: int
    node: Node
    arc: Arc | None
    sent_bit: float
    compute_j: float
    comm_j: float
    compute_s: float
    comm_s: float


def steps_of(instance: Instance, plan: Plan) -> list[Step]:
    """The blocks of a plan in order; their energies and times sum to the plan's.  Needs a plan along arcs."""
    return walk(instance, instance.apps[app_index(instance, plan.app)], plan.exit_config, plan.placement)


def walk(instance: Instance, app: App, config: int, placement: Sequence[str]) -> list[Step]:
    """The blocks of an application that are placed, in order; these need not be all of the exit configuration's."""
    dnn, nodes = instance.dnns[app.dnn], {node.id: node for node in instance.nodes}
    arcs, here, steps = {(arc.from_node, arc.to_node): arc for arc in instance.arcs}, app.source, []
    rows = zip(placement, dnn.reach(config), dnn.work(config), dnn.sizes(), strict=False)
    for block, (there, reach, work, bits) in enumerate(rows, 1):
        node, arc = nodes[there], arcs[here, there] if there != here else None
        weight = 1.0 if instance.latency_mode == "worst" else reach
        sent, rate, prop, j_bit = (bits, arc.rate_bit_s, arc.prop_s, arc.energy_j_bit) if arc else (0.0, 1.0, 0.0, 0.0)
        steps.append(
            Step(
                block=block,
                node=node,
                arc=arc,
                sent_bit=bits if arc else 0.0,
                compute_j=float(step_energy_j(reach, work, node.energy_j_op, 0.0, 0.0)),
                comm_j=float(step_energy_j(reach, 0.0, 0.0, sent, j_bit)),
                compute_s=float(step_delay_s(weight, work, node.speed_ops_s, 0.0, 1.0, 0.0)),
                comm_s=float(step_delay_s(weight, 0.0, 1.0, sent, rate, prop)),
            )
        )
        here = there
    return steps
