"""What there is to know about one application of the placement world: its blocks, their costs, why it was rejected."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from splitgym.physics.step_cost import within
from splitgym.placement.branchy import BranchyDnn
from splitgym.placement.instance import Node
from splitgym.show.words import brief, percent
from splitgym.worlds.placement.kernel import System, step_cost
from splitgym.worlds.placement.layout import Nature
from splitgym.worlds.placement.scenario import PlacementScenario
from splitgym.worlds.placement.system import parts

_TIERS = ("mobile", "edge", "cloud")


def digits(value: float) -> str:
    """A number with three digits; networks may take seconds or microseconds."""
    if value == 0.0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(max(decimals, 0), 6)}f}"


def share_words(share: float) -> str:
    """A used share in per cent; a trace of something is not called nothing."""
    return "<0.1%" if 0.0 < share < 1e-3 else percent(share)


def tier_name(tier: int) -> str:
    """A tier in words."""
    return _TIERS[tier] if tier < len(_TIERS) else f"tier {tier}"


class Setting(NamedTuple):
    """Machines, networks and rules of an environment, as the kernel and as people know them."""

    nodes: tuple[Node, ...]
    dnns: tuple[tuple[str, BranchyDnn], ...]
    nature: Nature
    worst: bool
    pinned: int

    @classmethod
    def of(cls, scenario: PlacementScenario, params: Any, nature: Nature) -> Setting:
        """The setting of a scenario."""
        nodes, _, dnns = parts(scenario)
        return cls(nodes, tuple(dnns.items()), nature, bool(params.worst), int(params.pinned))

    def name(self, node: int) -> str:
        """Name of a node."""
        return brief(self.nodes[node].id, 10)

    def cost(self, app: Any, config: int, block: int, u: int, v: int) -> tuple[float, float]:
        """Energy [J] and delay [s] of a block at node ``v`` after node ``u``."""
        system = System(**{name: getattr(self.nature, name) for name in System._fields})
        return step_cost(int(app.dnn), config, block, u, v, system, self.worst)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
    """A placed block; times in s, energies in J; they are 0 where no link leads to it."""

    number: int  # from 1
    node: int
    name: str  # of the node
    tier: int
    link_s: float  # to bring its input
    run_s: float
    energy_j: float  # of both
    so_far_s: float  # latency up to its end
    linked: bool

    @property
    def energy(self) -> str:
        """Its energy in mJ."""
        return digits(1e3 * self.energy_j) if self.linked else "–"

    @property
    def so_far(self) -> str:
        """Latency up to its end in ms."""
        return digits(1e3 * self.so_far_s) if self.linked else "–"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Application:
    """An application and where its blocks are."""

    number: int  # from 1
    network: str
    source: int
    source_name: str
    rate_hz: float
    target_s: float
    target_accuracy: float
    exit_set: int  # that the figures are for, from 1
    exit_sets: int
    network_blocks: int
    accuracy: float  # of that exit set
    blocks: tuple[Block, ...]
    reference_j: float  # least-latency plan on the empty system

    @property
    def latency_s(self) -> float:
        """Latency so far."""
        return self.blocks[-1].so_far_s if self.blocks else 0.0

    @property
    def energy_j(self) -> float:
        """Energy so far."""
        return sum((block.energy_j for block in self.blocks), 0.0)

    @property
    def network_words(self) -> str:
        """Network, source and rate."""
        return f"{self.network} from {self.source_name}, {digits(self.rate_hz)} per s"

    @property
    def target_words(self) -> str:
        """Both targets."""
        return f"latency ≤ {digits(1e3 * self.target_s)} ms, accuracy ≥ {self.target_accuracy:.1%}"

    @property
    def runs(self) -> tuple[tuple[Block, str], ...]:
        """Blocks that stay on one node, as (first of them, their numbers in words)."""
        firsts = [i for i, b in enumerate(self.blocks) if i == 0 or b.node != self.blocks[i - 1].node]
        ends = [*firsts[1:], len(self.blocks)]
        return tuple(
            (self.blocks[i], f"{i + 1}" if end == i + 1 else f"{i + 1}–{end}")
            for i, end in zip(firsts, ends, strict=False)
        )


def application(setting: Setting, app: Any, index: int, config: int, path: Sequence[int], base_j: float) -> Application:
    """Gather an application.

    Args:
        setting: where it is placed.
        app: its APP record.
        index: which it is, from 0.
        config: exit configuration (from 0) that the figures are for.
        path: nodes of its first blocks.
        base_j: energy of its least-latency plan.
    """
    network, dnn = setting.dnns[int(app.dnn)]
    return Application(
        number=index + 1,
        network=brief(network, 14),
        source=int(app.source),
        source_name=setting.name(int(app.source)),
        rate_hz=float(app.rate_hz),
        target_s=float(app.latency_s),
        target_accuracy=float(app.accuracy),
        exit_set=config + 1,
        exit_sets=len(dnn.exit_configs),
        network_blocks=len(dnn.blocks),
        accuracy=dnn.exit_configs[config].accuracy,
        blocks=_blocks(setting, app, config, path),
        reference_j=base_j,
    )


def _blocks(setting: Setting, app: Any, config: int, path: Sequence[int]) -> tuple[Block, ...]:
    blocks, u, so_far_s = [], int(app.source), 0.0
    for b, v in enumerate(path):
        energy_j, delay_s = setting.cost(app, config, b, u, v)
        linked = math.isfinite(delay_s)
        run_s = setting.cost(app, config, b, v, v)[1] if linked else 0.0
        so_far_s += delay_s if linked else 0.0
        blocks.append(
            Block(
                number=b + 1,
                node=v,
                name=setting.name(v),
                tier=setting.nodes[v].tier,
                link_s=delay_s - run_s if linked and u != v else 0.0,
                run_s=run_s,
                energy_j=energy_j if linked else 0.0,
                so_far_s=so_far_s,
                linked=linked,
            )
        )
        u = v
    return tuple(blocks)


def likely_config(setting: Setting, app: Any, placed: int) -> int:
    """The first exit configuration that is accurate enough and deep enough for the blocks placed, else the deepest."""
    dnn = setting.dnns[int(app.dnn)][1]
    configs = range(len(dnn.exit_configs))
    fit = [c for c in configs if dnn.exit_configs[c].accuracy >= app.accuracy and dnn.depth(c) >= placed]
    return fit[0] if fit else max(configs, key=dnn.depth)


def why_refused(setting: Setting, app: Any, path: Sequence[int]) -> str:
    """Why no exit configuration allowed the last block of a path to go where it was put."""
    dnn, b, v = setting.dnns[int(app.dnn)][1], len(path) - 1, path[-1]
    u = path[-2] if b > 0 else int(app.source)
    fit = [c for c, e in enumerate(dnn.exit_configs) if e.accuracy >= app.accuracy and dnn.depth(c) > b]
    if not fit:
        return "no exit set that is accurate enough is so deep"
    if b < setting.pinned and v != app.source:
        return f"the first {'block' if setting.pinned == 1 else f'{setting.pinned} blocks'} must stay at the source"
    if u != v and setting.nature.arc_of[u, v] < 0:
        return f"no link from {setting.name(u)} to {setting.name(v)}"
    least_s = min(_least_s(setting, app, c, path) for c in fit)
    if least_s == math.inf:
        return "no way leads on from there"
    if not within(least_s, float(app.latency_s)):
        return f"at least {digits(1e3 * least_s)} ms of {digits(1e3 * float(app.latency_s))} ms"
    return "compute, memory or link is full"


def why_shut(setting: Setting, app: Any, placed: int | None, asked: int) -> str:
    """Why an exit configuration (from 0) could not close an application with so many blocks placed."""
    dnn = setting.dnns[int(app.dnn)][1]
    if asked >= len(dnn.exit_configs):
        return f"the network has {len(dnn.exit_configs)}"
    config, depth = dnn.exit_configs[asked], dnn.depth(asked)
    if config.accuracy < app.accuracy:
        return f"accuracy {config.accuracy:.1%} of {float(app.accuracy):.1%}"
    if placed is not None and placed != depth:
        return f"it ends at block {depth}, {placed or 'none'} placed"
    return "latency or capacity did not allow it"


def _least_s(setting: Setting, app: Any, config: int, path: Sequence[int]) -> float:
    """Least latency of all blocks when the first ones follow a path."""
    spent_s = _blocks(setting, app, config, path)[-1].so_far_s
    return spent_s + float(setting.nature.rest_s[int(app.dnn), config, len(path), path[-1]])
