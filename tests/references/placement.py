"""An independent placement world in plain Python, from the FIN specification; it shares no code with the package.

It reads the nodes, arcs and networks of a scenario and the arrays of a trace, so that agreement means something.
"""

from __future__ import annotations

import functools
import math
from typing import Any

TOLERANCE = 1e-9


def fits(load: float, limit: float) -> bool:
    """A limit with its relative tolerance (s1.3)."""
    return load <= limit * (1 + TOLERANCE)


class Net:
    """One network under one exit configuration: reach, work, sizes, memory, depth, accuracy (s1, s1.1)."""

    def __init__(self, dnn: Any, config: int) -> None:
        chosen = dnn.exit_configs[config]
        behind = {
            dnn.exits[x - 1].after_block: (f, dnn.exits[x - 1].branch_ops)
            for x, f in zip(chosen.active, chosen.fractions, strict=True)
        }
        self.depth, self.accuracy = max(behind), chosen.accuracy
        self.reach = [1 - sum(f for at, (f, _) in behind.items() if at < b) for b in range(1, self.depth + 1)]
        self.work = [dnn.blocks[b - 1].ops + (behind[b][1] if b in behind else 0) for b in range(1, self.depth + 1)]
        self.enters = [dnn.input_bits] + [dnn.blocks[b].out_bits for b in range(self.depth - 1)]
        self.memory = [dnn.blocks[b].memory_bits for b in range(self.depth)]


class Machines:
    """Nodes and arcs of a scenario."""

    def __init__(self, nodes: Any, arcs: Any, expected: bool) -> None:
        self.nodes, self.expected = nodes, expected
        place = {node.id: i for i, node in enumerate(nodes)}
        self.arcs = {(place[a.from_node], place[a.to_node]): a for a in arcs}

    def step(self, net: Net, b: int, u: int, v: int) -> tuple[float, float] | None:
        """Energy [J] and delay [s] of block b (from 0) on v after u, or None without an arc (s2)."""
        energy = self.nodes[v].power_w / self.nodes[v].speed_ops_s * net.work[b]
        delay = net.work[b] / self.nodes[v].speed_ops_s
        if u != v:
            arc = self.arcs.get((u, v))
            if arc is None:
                return None
            energy += (arc.tx_j_bit + arc.rx_j_bit) * net.enters[b]
            delay += net.enters[b] / arc.rate_bit_s + arc.prop_s
        return net.reach[b] * energy, delay * (net.reach[b] if self.expected else 1.0)

    def fastest(self, net: Net, b: int, u: int) -> tuple[float, float]:
        """Least latency from block b on, coming from u, and the energy on that way; limits left out."""

        @functools.cache
        def rest(b: int, u: int) -> tuple[float, float]:
            if b == net.depth:
                return 0.0, 0.0
            best = (math.inf, math.inf)
            for v in range(len(self.nodes)):
                cost = self.step(net, b, u, v)
                if cost is not None:
                    later = rest(b + 1, v)
                    if cost[1] + later[0] < best[0]:
                        best = (cost[1] + later[0], cost[0] + later[1])
            return best

        return rest(b, u)


def reference_energy(machines: Machines, nets: list[Net], source: int, alpha: float, pinned: int) -> float:
    """Energy of the least-latency plan on the empty system."""
    best = (math.inf, 0.0)
    for net in nets:
        if net.accuracy < alpha:
            continue
        time, energy, done = 0.0, 0.0, min(pinned, net.depth)
        for b in range(done):
            cost = machines.step(net, b, source, source)
            assert cost is not None
            energy, time = energy + cost[0], time + cost[1]
        rest = machines.fastest(net, done, source)
        if time + rest[0] < best[0]:
            best = (time + rest[0], energy + rest[1])
    return best[1]


class World:
    """One episode, move by move."""

    def __init__(self, sc: Any, nodes: Any, arcs: Any, dnns: list[Any], trace: Any) -> None:
        self.sc, self.trace, self.dnns = sc, trace, dnns
        self.machines = Machines(nodes, arcs, sc.latency_mode == "expected")
        self.nets = [[Net(dnn, c) for c in range(len(dnn.exit_configs))] for dnn in dnns]
        self.n_configs = max(len(nets) for nets in self.nets)
        self.held: list[tuple[float, dict]] = []
        self.app, self.path = 0, []
        self.open = self.accurate()

    def accurate(self) -> list[int]:
        if self.over:
            return []
        nets = self.nets[int(self.trace.dnn[self.app])]
        return [c for c, net in enumerate(nets) if net.accuracy >= self.trace.accuracy[self.app]]

    @property
    def over(self) -> bool:
        return self.app >= len(self.trace.arrival_s)

    def loads(self, net: Net, path: list[int], rate: float) -> dict:
        """What a path needs: ("node", v) op/s, ("memory", v) bit, ("arc", u, v) bit/s."""
        used: dict = {}
        u = int(self.trace.source[self.app])
        for b, v in enumerate(path):
            for key, load in (
                (("node", v), rate * net.reach[b] * net.work[b]),
                (("memory", v), net.memory[b]),
                (("arc", u, v), rate * net.reach[b] * net.enters[b]),
            ):
                if key[0] != "arc" or u != v:
                    used[key] = used.get(key, 0.0) + load
            u = v
        return used

    def free(self, key: tuple) -> float:
        """Capacity left by the applications that are present."""
        m = self.machines
        whole = {"node": lambda: m.nodes[key[1]].capacity_ops_s, "memory": lambda: m.nodes[key[1]].memory_bits}
        total = whole[key[0]]() if key[0] in whole else m.arcs[key[1:]].capacity_bit_s
        return max(total - sum(used.get(key, 0.0) for _, used in self.held), 0.0)

    def ways(self, path: list[int]) -> list[int]:
        """Configurations, among the open ones, under which a path may stand and still meet the target."""
        k, source = self.app, int(self.trace.source[self.app])
        good = []
        for c in self.open:
            net = self.nets[int(self.trace.dnn[k])][c]
            pinned = min(self.sc.applications.pinned_first_blocks, len(path))
            if len(path) > net.depth or any(v != source for v in path[:pinned]):
                continue
            steps = [
                self.machines.step(net, b, u, v) for b, (u, v) in enumerate(zip([source, *path], path, strict=False))
            ]
            if any(step is None for step in steps):
                continue
            time = sum(step[1] for step in steps) + self.machines.fastest(net, len(path), path[-1])[0]
            used = self.loads(net, path, self.trace.rate_hz[k])
            last = {("node", path[-1]), ("memory", path[-1]), ("arc", *([source, *path][-2:]))}
            if fits(time, self.trace.latency_s[k]) and all(fits(used[x], self.free(x)) for x in last & set(used)):
                good.append(c)
        return good

    def mask(self) -> list[bool]:
        n = len(self.machines.nodes)
        if self.over:
            return [True] * (n + self.n_configs + 1)
        nets = self.nets[int(self.trace.dnn[self.app])]
        moves = [bool(self.ways([*self.path, v])) for v in range(n)]
        ends = [c in self.open and nets[c].depth == len(self.path) for c in range(self.n_configs)]
        return [*moves, *ends, True]

    def move(self, move: int) -> dict:
        """Play a move; what came of it."""
        n, k = len(self.machines.nodes), self.app
        out = {"closed": False, "accepted": False, "reward": 0.0, "energy_j": 0.0, "latency_s": 0.0}
        out["exit_asked"] = move - n if n <= move < n + self.n_configs else -1
        nets = self.nets[int(self.trace.dnn[k])]
        if move < n:
            good = self.ways([*self.path, move])
            self.path, self.open = [*self.path, move], good
            if good:
                return out
        c = move - n
        out["closed"], out["reward"] = True, -self.sc.reward.rejection_penalty
        if n <= move < n + len(nets) and c in self.open and nets[c].depth == len(self.path):
            source, rate = int(self.trace.source[k]), self.trace.rate_hz[k]
            steps = [
                self.machines.step(nets[c], b, u, v)
                for b, (u, v) in enumerate(zip([source, *self.path], self.path, strict=False))
            ]
            energy = sum(step[0] for step in steps)
            base = reference_energy(
                self.machines, nets, source, self.trace.accuracy[k], self.sc.applications.pinned_first_blocks
            )
            out |= {"accepted": True, "energy_j": energy, "latency_s": sum(step[1] for step in steps)}
            out |= {"reward": 1 - energy / base, "reference_j": base}
            self.held.append((self.trace.arrival_s[k] + self.trace.holding_s[k], self.loads(nets[c], self.path, rate)))
        self.app, self.path = k + 1, []
        now = self.trace.arrival_s[k + 1] if not self.over else self.trace.arrival_s[k]
        self.held = [(until, used) for until, used in self.held if until > now]
        self.open = self.accurate()
        return out
