"""Networks with early exits as strict data: blocks, exits, and which exits are active (FIN s1)."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from splitgym.quoting import shown
from splitgym.ranges import BITS, MEMORY, OPS, SCORE, SHARE, Range
from splitgym.strict import Strict, entry, number

FRACTIONS_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlacedBlock(Strict):
    """A block of layers: o_b, s_b, m_b of section 1."""

    SECTION: ClassVar[str] = "blocks"
    ops: float = number(OPS)
    out_bits: float = number(BITS)
    memory_bits: float = number(MEMORY, default=0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BranchExit(Strict):
    """An exit behind a block: beta_x, h_x of section 1."""

    SECTION: ClassVar[str] = "exits"
    after_block: int = number(Range("block", 1, 10_000), doc="counted from 1")
    branch_ops: float = number(OPS, default=0.0, doc="run by every sample that reaches the block")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExitConfig(Strict):
    """Which exits are active (counted from 1), the share of samples that leaves at each, and the accuracy (s1.1)."""

    SECTION: ClassVar[str] = "exit_configs"
    active: tuple[int, ...] = number(Range("exit", 1, 10_000))
    fractions: tuple[float, ...] = number(SHARE)
    accuracy: float = number(SCORE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.active or list(self.active) != sorted(set(self.active)):
            raise ValueError(f"exit_configs.active must be exits in ascending order, got {shown(list(self.active))}")
        if len(self.fractions) != len(self.active):
            raise ValueError(
                f"exit_configs.fractions must have one for each of {len(self.active)} active exits, "
                f"got {len(self.fractions)}"
            )
        if abs(sum(self.fractions) - 1.0) > FRACTIONS_TOLERANCE:
            raise ValueError(f"exit_configs.fractions must sum to 1, got {sum(self.fractions)!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BranchyDnn(Strict):
    """A network with exits."""

    SECTION: ClassVar[str] = "dnns"
    input_bits: float = number(BITS, doc="s_0")
    blocks: tuple[PlacedBlock, ...] = entry()
    exits: tuple[BranchExit, ...] = entry()
    exit_configs: tuple[ExitConfig, ...] = entry()

    def __post_init__(self) -> None:
        super().__post_init__()
        places = [e.after_block for e in self.exits]
        if not self.blocks or not places or not self.exit_configs:
            raise ValueError("dnns.blocks, dnns.exits and dnns.exit_configs must not be empty")
        if places != sorted(set(places)) or places[-1] != len(self.blocks):
            raise ValueError(
                f"dnns.exits must be in ascending order and the last one behind block {len(self.blocks)}, "
                f"got {shown(places)}"
            )
        for i, config in enumerate(self.exit_configs):
            if config.active[-1] > len(self.exits):
                raise ValueError(
                    f"dnns.exit_configs[{i}].active names exit {config.active[-1]}, there are {len(self.exits)}"
                )

    def depth(self, config: int) -> int:
        """K_c: blocks that are deployed under exit configuration ``config`` (from 0)."""
        return self.exits[self.exit_configs[config].active[-1] - 1].after_block

    def reach(self, config: int) -> tuple[float, ...]:
        """r_b of block 1..K_c: share of samples that get there."""
        chosen, left, shares = self.exit_configs[config], 1.0, []
        leaving = {self.exits[x - 1].after_block: f for x, f in zip(chosen.active, chosen.fractions, strict=True)}
        for b in range(1, self.depth(config) + 1):
            shares.append(left)
            left = max(left - leaving.get(b, 0.0), 0.0)
        return tuple(shares)

    def work(self, config: int) -> tuple[float, ...]:
        """w_b [op] of block 1..K_c, the branches of active exits included."""
        active = {self.exits[x - 1].after_block: self.exits[x - 1].branch_ops for x in self.exit_configs[config].active}
        depth = self.depth(config)
        return tuple(block.ops + active.get(b, 0.0) for b, block in enumerate(self.blocks[:depth], 1))

    def sizes(self) -> tuple[float, ...]:
        """s_0 .. s_{K-1} [bit]: what enters block 1..K."""
        return (self.input_bits, *(block.out_bits for block in self.blocks[:-1]))
