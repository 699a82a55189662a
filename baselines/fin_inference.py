"""A task of ``SplitInference-v0`` as a placement problem for FIN.

Everything here is ours: the published method knows neither clocks nor a fading radio.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.baselines.powers import usual_power_w
from splitgym.physics.radio import rate_bit_s
from splitgym.placement.branchy import BranchExit, BranchyDnn, ExitConfig, PlacedBlock
from splitgym.placement.instance import App, Arc, Instance, Node
from splitgym.placement.plan import Plan
from splitgym.ranges import ARC_RATE, BIT_ENERGY, DELAY, MACHINE_POWER, SPEED, TARGET, no_warnings
from splitgym.worlds.inference.layout import DECISION
from splitgym.worlds.inference.scenario import InferenceScenario

FREE = 1e18  # of a rate, a speed or a capacity that never binds


class TaskPlanner:
    """Builds the graph of a task, and reads a plan as a decision.

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
        self.scenario, self.params = scenario, params
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

    @no_warnings()  # the scenario's values have been checked
    def instance(self, view: Any) -> Instance:
        """The placement problem of the task behind an observation (VIEW, SI units)."""
        app = App(
            id="task",
            dnn="dnn",
            source="start",
            rate_hz=1.0 / FREE,
            latency_s=TARGET.nearest(float(view.remaining_s)),
            accuracy=float(self.params.accuracy_full),
        )
        return Instance(nodes=self._nodes(view), arcs=self._arcs(view), dnns={"dnn": self.dnn}, apps=(app,))

    def _nodes(self, view: Any) -> tuple[Node, ...]:
        p, weight = self.params, float(self.params.infrastructure_weight)
        nodes = [_node("start", 0, FREE, 0.0, 0.0)]
        for j, clock_hz in enumerate(self.clocks_hz):
            nodes.append(_node(f"device{j}", 0, float(p.macs_per_cycle) * clock_hz, float(p.kappa_f) * clock_hz**3))
        speed = float(p.edge_macs_s) * (1.0 - float(view.edge_load))
        nodes.append(_node("edge", 1, speed, weight * float(p.edge_j_per_mac) * speed))
        if p.cloud:
            speed = float(p.cloud_macs_s)
            nodes.append(_node("cloud", 2, speed, weight * float(p.cloud_j_per_mac) * speed))
        return tuple(nodes)

    def _arcs(self, view: Any) -> tuple[Arc, ...]:
        p = self.params
        rate = float(rate_bit_s(self.power_w, float(view.gain), float(p.bandwidth_hz), float(p.noise_w_hz)))
        rate = ARC_RATE.nearest(rate)
        slot_s, far_s = float(p.slot_s), float(view.rtt_s) + float(p.jitter_s)
        arcs = []
        for j, clock_hz in enumerate(self.clocks_hz):
            changed = abs(clock_hz - float(view.clock_hz)) > 1e-3 * clock_hz
            arcs.append(_arc("start", f"device{j}", FREE, float(p.reconfigure_s) * changed))
            arcs.append(_arc(f"device{j}", "edge", rate, slot_s, self.power_w / rate))
            if p.cloud:
                through = 1.0 / (1.0 / rate + 1.0 / float(p.backhaul_bit_s))
                arcs.append(_arc(f"device{j}", "cloud", through, slot_s + far_s, self.power_w / rate))
        if p.cloud:
            arcs.append(_arc("edge", "cloud", float(p.backhaul_bit_s), far_s))
        return tuple(arcs)

    def decision(self, view: Any, plan: Plan | None) -> np.ndarray:
        """The plan as a DECISION record; without a plan nothing is done: the input cut with power 0."""
        last = int(self.params.last_cut)
        found = np.zeros((), DECISION)
        if plan is None:
            found["cut"], found["edge_cut"], found["clock_hz"] = 0, last, view.clock_hz
            return found
        places = plan.placement
        device = next(name for name in places if name.startswith("device"))
        cut = sum(name == device for name in places[1:])
        found["cut"], found["edge_cut"] = cut, cut + places.count("edge")
        found["clock_hz"] = self.clocks_hz[int(device.removeprefix("device"))]
        found["power_w"] = self.power_w if cut < last else 0.0
        return found


def _node(name: str, tier: int, speed: float, power_w: float, capacity: float = FREE) -> Node:
    return Node(
        id=name,
        tier=tier,
        speed_ops_s=SPEED.nearest(speed),
        power_w=MACHINE_POWER.nearest(power_w),
        capacity_ops_s=capacity,
        memory_bits=FREE,
    )


def _arc(tail: str, head: str, rate: float, prop_s: float, tx_j_bit: float = 0.0) -> Arc:
    return Arc(
        from_node=tail,
        to_node=head,
        rate_bit_s=ARC_RATE.nearest(rate),
        prop_s=DELAY.nearest(prop_s),
        tx_j_bit=BIT_ENERGY.nearest(tx_j_bit),
        rx_j_bit=0.0,
        capacity_bit_s=FREE,
    )
