"""An independent inference world: episodes in plain Python, from ENACHI (s) and section 2 of the design.

It shares no code with the package and reads only the scenario's values and a trace's arrays, so that agreement
means something.  Slow, and meant to be.
"""

from __future__ import annotations

import math
from typing import Any

from tests.references import curves
from tests.references.curves import theta

OPTIONS = {"packet_control": "tracking", "early_stop": True, "progressive": True}


class Network:
    """Cuts of a scenario's DNN: cumulative MACs, bits, channels, curve; exits as (cut, share, MACs of the head)."""

    def __init__(self, sc: Any) -> None:
        self.macs, self.shapes, self.curves, self.names, total = [0], [sc.dnn.input_shape], [0.0], ["input"], 0
        for block in sc.dnn.blocks:
            total += block.macs
            if block.cut:
                self.macs.append(total)
                self.shapes.append(block.shape)
                self.curves.append(curves.curve_of(block))
                self.names.append(block.name)
        self.last = len(self.macs) - 1
        self.bits = [math.prod(shape) * sc.device.bits_per_element for shape in self.shapes]
        self.exits = [(self.names.index(e.after), e.share, e.macs) for e in sc.dnn.exits] if sc.early_exits else []

    def run(self, begin: int, end: int) -> float:
        """MACs between two cuts, heads of the exits on the way included."""
        return self.macs[end] - self.macs[begin] + sum(m for at, _, m in self.exits if begin < at <= end)


def device_time(sc: Any, macs: float, clock: float, present: float) -> float:
    """Reconfiguration and computing [s] (s3.1)."""
    return (sc.device.reconfigure_s if clock != present else 0.0) + macs / (sc.device.macs_per_cycle * clock)


def planned_tail(sc: Any, net: Network, cut: int, edge_cut: int, task: dict) -> float:
    """Expected time behind the uplink [s]: all edge blocks, the backhaul with mean jitter, the cloud (d2)."""
    tail = net.run(cut, edge_cut) / (sc.edge.macs_per_cycle * sc.edge.clock_hz * (1 - task["edge_load"]))
    if edge_cut < net.last:
        tail += net.bits[edge_cut] / sc.cloud.backhaul_bit_s + task["rtt_s"] + sc.cloud.jitter_s
        tail += (net.macs[-1] - net.macs[edge_cut]) / (sc.cloud.macs_per_cycle * sc.cloud.clock_hz)
    return tail


def window(sc: Any, begin: float, end: float) -> tuple[int, int]:
    """First slot and number of slots (s3.4)."""
    first = math.ceil(begin / sc.radio.slot_s)
    return first, max(math.floor(end / sc.radio.slot_s) - first, 0)


def possible(sc: Any, net: Network, task: dict, remaining: float, present: float) -> bool:
    """Whether any decision can still answer: an exit on the device, everything local, or one slot (d2)."""
    for clock in sc.device.clocks_hz:
        stops = [at for at, _, _ in net.exits] + [net.last]
        if any(device_time(sc, net.run(0, at), clock, present) <= remaining for at in stops):
            return True
        for cut in range(net.last):
            for edge_cut in range(cut, net.last + 1) if sc.cloud.enabled else [net.last]:
                busy, tail = (
                    device_time(sc, net.run(0, cut), clock, present),
                    planned_tail(sc, net, cut, edge_cut, task),
                )
                if window(sc, busy, remaining - tail)[1] >= 1:
                    return True
    return False


def stops(sc: Any, k: Any, beta: float, task: dict, e: float) -> bool:
    """The server's stop rule (s5.2, s5.3)."""
    if beta == 0:
        return False
    rule, full, u = sc.early_stop, sc.dnn.accuracy_full, task["complexity"]
    seen = math.inf
    if u <= full:
        seen = theta(sc, k, u)
    elif (u - full) / (1 - full) < rule.confidently_wrong:
        seen = theta(sc, k, full * (u - full) / (1 - full) / rule.confidently_wrong)
    if seen == 0:
        return True
    noise = rule.noise_std * (math.sqrt(rule.persistence) * task["persistent"] + math.sqrt(1 - rule.persistence) * e)
    margin = math.log((1 / rule.threshold - 1) ** (1 / rule.exponent))
    return seen < math.inf and math.log(beta / seen) + noise >= margin


def transmit(sc: Any, net: Network, cut: int, mean: float, span: tuple[int, int], task: dict, options: dict) -> dict:
    """Uplink (s3.2, s3.5, s5.3, s7): bits, feature ratio, energy, slots used."""
    first, count = span
    radio, size, channels, k = sc.radio, net.bits[cut], net.shapes[cut][0], net.curves[cut]
    noise = 10 ** ((radio.noise_dbm_hz + radio.noise_figure_db - 30) / 10) * radio.bandwidth_hz
    weight = radio.tracking_tolerance * count * mean * (mean + noise / task["gain"]) * math.log(2)
    watching = options["early_stop"] and options["progressive"] and curves.partial(k)
    bits = joules = queue = beta = 0.0
    used, stop_at, early = 0, count, False
    while used < stop_at and mean > 0 and beta < 1:
        gain, power = task["gain"] * task["fading"][first + used], mean
        if options["packet_control"] == "tracking":
            power = radio.power_max_w
            if queue > 0:
                level = weight / (queue * math.log(2)) - noise / gain
                power = min(max(level, 0.0), radio.power_max_w)
        queue = max(queue + power - mean, 0.0)
        bits += radio.bandwidth_hz * math.log2(1 + power * gain / noise) * radio.slot_s
        joules += power * radio.slot_s
        beta = 1.0 if bits >= size else math.floor(channels * bits / size) / channels
        if watching and not early and beta < 1 and stops(sc, k, beta, task, task["noise"][first + used]):
            early, stop_at = True, min(count, used + 1 + sc.early_stop.feedback_slots)
        used += 1
    saved = early and used < count and beta < 1  # a stop that reaches the device after the last slot saves nothing
    return {"bits": min(bits, size), "beta": beta, "joules": joules, "used": used, "early": saved}


def serve(
    sc: Any,
    net: Network,
    decision: tuple,
    task: dict,
    remaining: float,
    present: float,
    options: dict,
    reserve_s: float = 0.0,
) -> dict:
    """One task (d2); ``busy`` is when CPU and radio are free again, counted from the start of service."""
    cut, edge_cut, clock, power = decision
    edge_cut = max(cut, edge_cut) if sc.cloud.enabled else net.last
    full, u = sc.dnn.accuracy_full, task["complexity"]
    out = {"exit": -1, "on_time": False, "accuracy": 0.0, "radio": 0.0, "edge": 0.0, "cloud": 0.0, "slots": 0}
    out |= {"bits": 0.0, "beta": 0.0, "early": False}
    macs, tail = net.run(0, cut), 0.0
    for index, (at, share, _) in enumerate(net.exits):
        if at <= cut and u <= share * full:
            macs, out["exit"], out["accuracy"] = net.run(0, at), index, share * full
            break
    busy = device_time(sc, macs, clock, present)
    if busy > remaining:  # aborted (s3.6)
        macs = max(remaining - device_time(sc, 0.0, clock, present), 0.0) * clock * sc.device.macs_per_cycle
        busy, out["exit"], out["accuracy"] = remaining, -1, 0.0
    elif out["exit"] >= 0 or cut == net.last:
        out["on_time"] = True
        out["accuracy"] = out["accuracy"] if out["exit"] >= 0 else full
    else:
        plan = planned_tail(sc, net, cut, edge_cut, task) + reserve_s
        span = window(sc, busy, remaining - plan)
        sent = transmit(sc, net, cut, power, span, task, options)
        out |= {"radio": sent["joules"], "slots": sent["used"], "bits": sent["bits"], "beta": sent["beta"]}
        out["early"] = sent["early"]
        busy = (span[0] + sent["used"]) * sc.radio.slot_s if sent["used"] else busy
        k = net.curves[cut]
        if span[1] >= 1 and (sent["beta"] == 1 or (options["progressive"] and curves.partial(k))):
            a = full
            if curves.partial(k):
                a = curves.reached(sc, k, sent["beta"])
            end, relayed = edge_cut, edge_cut < net.last
            for index, (at, share, _) in enumerate(net.exits):
                if cut < at <= edge_cut and u <= share * a:
                    end, relayed, out["exit"], a = at, False, index, share * a
                    break
            work = net.run(cut, end)
            out["edge"] = work * sc.edge.energy_j_per_mac
            tail = work / (sc.edge.macs_per_cycle * sc.edge.clock_hz * (1 - task["edge_load"]))
            if relayed:
                rest = net.macs[-1] - net.macs[edge_cut]
                relayed_bits = net.bits[edge_cut] if edge_cut > cut else sent["bits"]
                tail += relayed_bits / sc.cloud.backhaul_bit_s + task["rtt_s"] + task["jitter_s"]
                tail += rest / (sc.cloud.macs_per_cycle * sc.cloud.clock_hz)
                out["cloud"] = rest * sc.cloud.energy_j_per_mac
            out["on_time"] = busy + tail <= remaining + 1e-12
            out["accuracy"] = a if out["on_time"] else 0.0
    out["compute"] = sc.device.kappa_f * clock**2 * macs / sc.device.macs_per_cycle
    out["correct"] = out["on_time"] and u <= out["accuracy"]
    return out | {"busy": busy, "latency": busy + tail}


def play(sc: Any, trace: Any, decisions: Any, options: dict | None = None) -> list[dict]:
    """Outcomes of the decisions (cut, edge cut, clock, power), one for each task that is not missed."""
    net, options = Network(sc), {**OPTIONS, **(options or {})}
    names = ("deadline_s", "gain", "complexity", "persistent", "edge_load", "rtt_s", "jitter_s", "fading", "noise")
    queue, free, present, out = 0.0, 0.0, sc.device.clocks_hz[-1], []
    pending = iter(decisions)
    for k in range(trace.n_tasks):
        task = {name: getattr(trace, name)[k] for name in names}
        wait = free - trace.arrival_s[k]
        wait = wait if wait > 1e-9 else 0.0  # below a nanosecond: rounding
        remaining = task["deadline_s"] - wait
        if wait > 0 and not (remaining > 0 and possible(sc, net, task, remaining, present)):
            out[-1]["missed"] += 1
            queue = max(queue - sc.budget.energy_j, 0.0)
        else:
            decision = next(pending)
            result = serve(sc, net, decision, task, remaining, present, options)
            device = result["compute"] + result["radio"]
            charged = device + sc.budget.infrastructure_weight * (result["edge"] + result["cloud"])
            result |= {"task": k, "wait": wait, "energy": charged, "missed": 0, "before": queue}
            queue = max(queue + charged - sc.budget.energy_j, 0.0)
            free, present = trace.arrival_s[k] + wait + result["busy"], decision[2]
            out.append(result)
        debt = (queue - out[-1]["before"]) / sc.budget.energy_j
        out[-1] |= {"queue": queue, "reward": float(out[-1]["correct"]) - sc.budget.debt_price * debt}
    return out
