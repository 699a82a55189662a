"""An independent transmission world: one episode in plain Python, from the ENACHI specification (s).

It shares no formula with the package: like :mod:`tests.references.inference`, whose window, feature ratio and noise it
uses, it reads only the scenario's values and a trace's arrays.
"""

from __future__ import annotations

import math
from typing import Any

from tests.references import curves
from tests.references.curves import theta


class Episode:
    """One task's transmission, slot by slot."""

    def __init__(self, sc: Any, trace: Any) -> None:
        names = ("deadline_s", "gain", "complexity", "persistent", "edge_load", "reference_w")
        self.sc, self.task = sc, {name: float(getattr(trace, name)[0]) for name in names}
        self.fading, self.error = trace.fading, trace.noise
        blocks, passed = [], 0  # cuts in order: (name, MACs before it, shape, curve)
        blocks.append(("input", 0, sc.dnn.input_shape, 0.0))
        for block in sc.dnn.blocks:
            passed += block.macs
            if block.cut:
                blocks.append((block.name, passed, block.shape, curves.curve_of(block)))
        (_, macs, shape, self.k) = next(b for b in blocks if b[0] == sc.transmission.cut)
        self.size, self.channels = math.prod(shape) * sc.device.bits_per_element, shape[0]
        busy = macs / (sc.device.macs_per_cycle * max(sc.device.clocks_hz))
        tail = (passed - macs) / (sc.edge.macs_per_cycle * sc.edge.clock_hz * (1 - self.task["edge_load"]))
        slot = sc.radio.slot_s
        self.first = math.ceil(busy / slot)  # s3.4
        self.count = max(math.floor((self.task["deadline_s"] - tail) / slot) - self.first, 0)
        self.noise_w = 10 ** ((sc.radio.noise_dbm_hz + sc.radio.noise_figure_db - 30) / 10) * sc.radio.bandwidth_hz
        self.bits = self.joules = self.queue = self.beta = 0.0
        self.used, self.over, self.believed = 0, False, []

    def seen(self) -> float:
        """Feature ratio at which the server is confident (s5.2)."""
        rule, full, u = self.sc.early_stop, self.sc.dnn.accuracy_full, self.task["complexity"]
        if u <= full:
            return theta(self.sc, self.k, u)
        share = (u - full) / (1 - full)
        if share < rule.confidently_wrong:
            return theta(self.sc, self.k, full * share / rule.confidently_wrong)
        return math.inf

    def belief(self) -> float:
        """The server's predicted uncertainty after the last slot (s5.2, s5.3)."""
        rule = self.sc.early_stop
        if not curves.partial(self.k) or self.beta == 0:
            return 1.0
        at = self.seen()
        if at in (0.0, math.inf):
            return 0.0 if at == 0.0 else 1.0
        e = self.error[self.first + self.used - 1]
        noise = math.sqrt(rule.persistence) * self.task["persistent"] + math.sqrt(1 - rule.persistence) * e
        return 1 / (1 + (self.beta / at * math.exp(rule.noise_std * noise)) ** rule.exponent)

    def known(self) -> float:
        """The newest belief that has reached the device before the coming slot; ``feedback_slots`` later (s5.3)."""
        arrived = self.believed[: max(len(self.believed) - self.sc.early_stop.feedback_slots, 0)]
        return arrived[-1] if arrived else 1.0

    def accuracy(self) -> float:
        """Expected accuracy of an answer now (s3.6, s4)."""
        if not curves.partial(self.k):
            return self.sc.dnn.accuracy_full if self.beta == 1 else 0.0
        return curves.reached(self.sc, self.k, self.beta)

    def step(self, power: float, stop: bool) -> float:
        """Send a slot or stop; returns the reward."""
        sc = self.sc
        reward = 0.0
        if not stop:
            gain = self.task["gain"] * self.fading[self.first + self.used]
            self.bits += sc.radio.bandwidth_hz * math.log2(1 + power * gain / self.noise_w) * sc.radio.slot_s  # s3.2
            self.beta = min(math.floor(self.channels * self.bits / self.size) / self.channels, 1.0)
            self.joules += power * sc.radio.slot_s
            self.queue = max(self.queue + power - self.task["reference_w"], 0.0)  # s7.1
            self.used += 1
            self.believed.append(self.belief())
            reward = -sc.transmission.energy_price * power * sc.radio.slot_s / sc.transmission.budget_j
        self.over = stop or self.beta == 1 or self.used == self.count
        self.correct = (
            self.over and (curves.partial(self.k) or self.beta == 1) and self.task["complexity"] <= self.accuracy()
        )
        return reward + self.correct
