"""A task of ``SplitInference-v0`` as a placement problem for FIN.

Everything here is ours: the published method knows neither clocks nor a fading radio.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from splitgym.baselines import fin_kernel as kernel
from splitgym.baselines.powers import usual_power_w
from splitgym.interrupt import aside, pieces
from splitgym.jit import one_record
from splitgym.placement.branchy import BranchExit, BranchyDnn, ExitConfig, PlacedBlock
from splitgym.placement.instance import App, Arc, Instance, Node
from splitgym.placement.problem import edges_of, lower_job, lower_net
from splitgym.ranges import ARC_RATE, BIT_ENERGY, DELAY, MACHINE_POWER, SPEED, TARGET, TINY, no_warnings
from splitgym.worlds.inference.layout import PARAMS, VIEW
from splitgym.worlds.inference.scenario import InferenceScenario

FREE = 1e18  # of a rate, a speed or a capacity that never binds


class TaskPlanner:
    """Builds the graph of a task, and decides about tasks.

    The device's clocks are replicated nodes behind a start node, reached at no cost but the reconfiguration; the input
    counts as a first block without operations, so that it can be sent as it is.  The uplink's rate is that of the
    observed slow gain at the published fixed power without fading, and a slot is added for its quantisation; the way
    to the cloud leads through the edge, which need not run a block.  The latency target is the task's remaining time,
    the accuracy target that of the whole network, early exits counted in expectation.  Values beyond an instance's
    limits are taken at the limit.

    Args:
        scenario, params: the environment's scenario and its PARAMS record.
    """

    def __init__(self, scenario: InferenceScenario, params: Any) -> None:
        self.scenario, self.params, self._params = scenario, params, one_record(params, PARAMS)
        self.dnn = self._network()
        self.power_w = usual_power_w(params.power_max_w)
        self.clocks_hz = scenario.device.clocks_hz

    def _network(self) -> BranchyDnn:
        p = self.params
        last = int(p.last_cut)
        exits = [(int(p.exit_cut[e]), float(p.exit_share[e]) * float(p.accuracy_full)) for e in range(p.n_exits)]
        heads = np.diff([0.0, *(p.exit_macs[e] - p.cut_macs[p.exit_cut[e]] for e in range(p.n_exits))])
        blocks = [PlacedBlock(ops=0.0, out_bits=float(p.cut_bits[0]))]
        blocks += [
            PlacedBlock(ops=float(p.cut_macs[c] - p.cut_macs[c - 1]), out_bits=float(p.cut_bits[c]))
            for c in range(1, last + 1)
        ]
        shares = np.diff([0.0, *(share for _, share in exits), 1.0])
        return BranchyDnn(
            input_bits=0.0,
            blocks=tuple(blocks),
            exits=(
                *(BranchExit(after_block=c + 1, branch_ops=float(h)) for (c, _), h in zip(exits, heads, strict=True)),
                BranchExit(after_block=last + 1),
            ),
            exit_configs=(
                ExitConfig(
                    active=tuple(range(1, len(exits) + 2)),
                    fractions=tuple(shares.tolist()),
                    accuracy=float(p.accuracy_full),
                ),
            ),
        )

    @cached_property
    @no_warnings()  # the scenario's values have been checked
    def template(self) -> Instance:
        """The placement problem of a task with time without end, where sending and the edge cost nothing."""
        app = App(
            id="task",
            dnn="dnn",
            source="start",
            rate_hz=1.0 / FREE,
            latency_s=TARGET.high,
            accuracy=float(self.params.accuracy_full),
        )
        return Instance(nodes=self._nodes(), arcs=self._arcs(), dnns={"dnn": self.dnn}, apps=(app,))

    def _nodes(self) -> tuple[Node, ...]:
        p = self.params
        nodes = [_node("start", 0, FREE, 0.0, 0.0)]
        for j, clock_hz in enumerate(self.clocks_hz):
            nodes.append(_node(f"device{j}", 0, float(p.macs_per_cycle) * clock_hz, float(p.kappa_f) * clock_hz**3))
        nodes.append(_node("edge", 1, FREE, 0.0))
        if p.cloud:
            speed = float(p.cloud_macs_s)
            power_w = float(p.infrastructure_weight) * float(p.cloud_j_per_mac) * speed
            nodes.append(_node("cloud", 2, speed, power_w))
        return tuple(nodes)

    def _arcs(self) -> tuple[Arc, ...]:
        """Sorted by sender, which the kernel counts on."""
        devices, served = [f"device{j}" for j in range(len(self.clocks_hz))], ["edge"]
        if self.params.cloud:
            served.append("cloud")
        arcs = [_arc("start", name, FREE) for name in devices]
        arcs += [_arc(name, tier, FREE) for name in devices for tier in served]
        if self.params.cloud:
            arcs.append(_arc("edge", "cloud", float(self.params.backhaul_bit_s)))
        return tuple(arcs)

    @cached_property
    def graph(self) -> kernel.Graph:
        """What the kernel needs; it writes into it what a task decides."""
        net, job = lower_net(self.template), lower_job(self.template, 0, 0)
        node_w = np.array([node.power_w for node in self.template.nodes])
        limits = [SPEED, MACHINE_POWER, ARC_RATE, DELAY, BIT_ENERGY, TARGET]
        table = np.array([(limit.low, limit.high, TINY) for limit in limits], np.float64)
        edges = edges_of(net, job, False)
        return kernel.Graph(net, node_w, job, edges, self.power_w, table)

    @no_warnings()
    def instance(self, view: Any) -> Instance:
        """The placement problem of the task behind an observation (VIEW, SI units), for any solver."""
        net, node_w = self.graph.net, self.graph.node_w
        kernel.fill_net(one_record(view, VIEW)[0], self.graph, self._params[0])
        nodes = [(node, float(net.node_op_s[n]), float(node_w[n])) for n, node in enumerate(self.template.nodes)]
        links = np.array([net.arc_rate_bit_s, net.arc_prop_s, net.arc_j_bit]).T.tolist()
        arcs = zip(self.template.arcs, links, strict=True)
        return self.template.replace(
            nodes=tuple(node.replace(speed_ops_s=speed, power_w=power_w) for node, speed, power_w in nodes),
            arcs=tuple(arc.replace(rate_bit_s=rate, prop_s=s, tx_j_bit=j_bit) for arc, (rate, s, j_bit) in arcs),
            apps=(self.template.apps[0].replace(latency_s=TARGET.nearest(float(view.remaining_s))),),
        )

    def decide(self, views: np.ndarray, decisions: np.ndarray, options: kernel.Options) -> None:
        """FIN's decisions: VIEW records (n,) in, DECISION records (n,) in place."""
        work = 4 * len(self.graph.edges.tail) * (options.gamma + 10)
        for part in pieces(len(views), work):
            aside(kernel.fin_rows, views[part], decisions[part], self.graph, options, self._params, work=work)


def _node(name: str, tier: int, speed: float, power_w: float, capacity: float = FREE) -> Node:
    return Node(
        id=name,
        tier=tier,
        speed_ops_s=SPEED.nearest(speed),
        power_w=MACHINE_POWER.nearest(power_w),
        capacity_ops_s=capacity,
        memory_bits=FREE,
    )


def _arc(tail: str, head: str, rate: float) -> Arc:
    return Arc(
        from_node=tail,
        to_node=head,
        rate_bit_s=ARC_RATE.nearest(rate),
        tx_j_bit=0.0,
        rx_j_bit=0.0,
        capacity_bit_s=FREE,
    )
