"""DNN profiles: blocks, cut points, progressive-transmission curves and early exits of a network."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any, ClassVar

from splitgym.catalogue import Catalogue
from splitgym.files import written
from splitgym.names import check_label, check_name
from splitgym.physics.sizes import MOST_CUTS, MOST_POINTS
from splitgym.quoting import shown
from splitgym.ranges import DELAY, MACS, SCORE, SHARE, SIZE, SPENT, STEEPNESS, WEIGHTS
from splitgym.reading import has_suffix
from splitgym.registry import nearest
from splitgym.strict import Strict, entry, number, sources
from splitgym.toml import dump_toml, value_text

#: Exits in a table of the kernels.
MOST_EXITS = 16
#: Elements of a tensor, multiply-adds of a network.
MOST_ELEMENTS, MOST_MACS = 10**12, 10**17


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurveTable(Strict):
    """A measured accuracy curve: points between which the accuracy is interpolated linearly."""

    SECTION: ClassVar[str] = "curve"
    shares: tuple[float, ...] = number(SHARE, fewest=2, most=MOST_POINTS, doc="features received, ascending, 0 to 1")
    accuracies: tuple[float, ...] = number(
        SCORE, fewest=2, most=MOST_POINTS, doc="accuracy with each share, not falling, from accuracy_chance to full"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.shares) != len(self.accuracies):
            raise ValueError(
                f"curve.accuracies must have one entry for each of the {len(self.shares)} shares, "
                f"got {len(self.accuracies)}"
            )
        ascending = all(a < b for a, b in itertools.pairwise(self.shares))
        if not ascending or self.shares[0] != 0.0 or self.shares[-1] != 1.0:
            raise ValueError(f"curve.shares must ascend from 0 to 1, got {shown(list(self.shares))}")
        if list(self.accuracies) != sorted(self.accuracies):
            raise ValueError(f"curve.accuracies must not fall, got {shown(list(self.accuracies))}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block(Strict):
    """A run of layers; with ``cut = true`` the network may be split behind it."""

    SECTION: ClassVar[str] = "blocks"
    name: str = entry(check=check_label, doc="name of the boundary behind the block")
    macs: int = number(MACS, doc="multiply-adds of convolutions and matrix products")
    shape: tuple[int, ...] = number(SIZE, most=8, doc="output tensor, channels first")
    cut: bool = entry(True, doc="whether the boundary is a cut point")
    steepness: float = number(STEEPNESS, default=0.0, doc="k_s of the progressive curve; 0: all or nothing")
    curve: CurveTable | None = entry(None, doc="a table in place of the steepness")
    parameters: int | None = number(WEIGHTS, default=None, doc="weights of its layers; memory in a placement")
    time_s: float | None = number(DELAY, default=None, label=True, doc="measured time of one sample")
    energy_j: float | None = number(SPENT, default=None, label=True, doc="measured energy of one sample")

    @property
    def elements(self) -> int:
        """Number of elements of the output tensor."""
        product = 1
        for size in self.shape:
            product *= size
        return product


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exit(Strict):
    """An early exit: a head behind a block that answers the easiest samples."""

    SECTION: ClassVar[str] = "exits"
    after: str = entry(doc="block behind which the head sits")
    macs: int = number(MACS, doc="multiply-adds of the head, run by every sample that passes")
    share: float = number(SHARE, doc="share of the samples the full network gets right that the exit answers")
    parameters: int | None = number(WEIGHTS, default=None, doc="weights of the head")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DnnProfile(Strict):
    """A network as the simulator sees it.

    The input counts as cut 0; the last block's boundary means "everything on the device", nothing is sent.
    """

    SECTION: ClassVar[str] = "dnn"
    name: str = entry(label=True, check=check_name, doc="profile name")
    description: str = entry("", label=True, doc="what was profiled")
    input_shape: tuple[int, ...] = number(SIZE, most=8, doc="input tensor, channels first")
    accuracy_full: float = number(SCORE, doc="top-1 accuracy of the whole network, A_f")
    accuracy_chance: float = number(SCORE, doc="accuracy of guessing, A_0")
    blocks: tuple[Block, ...] = entry(doc="in order of execution")
    exits: tuple[Exit, ...] = entry((), doc="in order of execution")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.accuracy_chance < self.accuracy_full < 1.0:
            raise ValueError(
                f"dnn.accuracy_full must be > accuracy_chance={self.accuracy_chance!r} and < 1, "
                f"got {self.accuracy_full!r}"
            )
        if len(self.blocks) < 1 or not self.blocks[-1].cut:
            raise ValueError("dnn.blocks: at least one block, and the last one must be a cut point (all on the device)")
        self._check_size()
        self._check_curves()
        for key in ("parameters", "time_s", "energy_j"):
            given = sum(getattr(b, key) is not None for b in self.blocks)
            if 0 < given < len(self.blocks):
                raise ValueError(f"dnn.blocks: {given} of {len(self.blocks)} have {key}; give it to all or to none")
        names = [b.name for b in self.blocks]
        if len(set(names)) != len(names):
            raise ValueError(f"dnn.blocks: names must differ, got {names}")
        cuts = [b.name for b in self.blocks if b.cut]
        places = []
        for i, leave in enumerate(self.exits):
            if leave.after not in cuts[:-1]:
                raise ValueError(
                    f"dnn.exits[{i}].after: {leave.after!r} is not a cut point before the last block"
                    f"{nearest(leave.after, cuts[:-1])} (cut points: {', '.join(cuts[:-1])})"
                )
            places.append(cuts.index(leave.after))
        shares = [e.share for e in self.exits]
        if places != sorted(set(places)) or shares != sorted(shares):
            raise ValueError("dnn.exits must be in order of execution with shares that do not fall")

    def _check_curves(self) -> None:
        """Refuse tables that do not end at the network's accuracies, and tables without a use."""
        ends = (self.accuracy_chance, self.accuracy_full)
        for i, block in enumerate(self.blocks):
            if block.curve is None:
                continue
            path, found = f"dnn.blocks[{i}]", (block.curve.accuracies[0], block.curve.accuracies[-1])
            if block.steepness > 0.0:
                raise ValueError(f"{path}: a curve and a steepness are given; give one of them")
            if not block.cut or block is self.blocks[-1]:
                raise ValueError(f"{path}.curve: nothing is sent behind {block.name!r}; leave the curve out")
            if found != ends:
                raise ValueError(
                    f"{path}.curve.accuracies must go from accuracy_chance={ends[0]!r} to accuracy_full={ends[1]!r}, "
                    f"got {found[0]!r} to {found[1]!r}"
                )

    def _check_size(self) -> None:
        """Refuse what does not fit the kernels' tables, and work beyond all networks."""
        counts = (
            ("blocks with cut = true", sum(b.cut for b in self.blocks), MOST_CUTS - 1),
            ("exits", len(self.exits), MOST_EXITS),
        )
        for what, count, most in counts:
            if count > most:
                raise ValueError(f"dnn: at most {most} {what}, got {count}")
        shapes = {"input_shape": self.input_shape} | {f"blocks[{i}].shape": b.shape for i, b in enumerate(self.blocks)}
        for name, shape in shapes.items():
            if math.prod(shape) > MOST_ELEMENTS:
                raise ValueError(f"dnn.{name} must hold at most {MOST_ELEMENTS:g} elements, got {math.prod(shape):g}")
        macs = sum(b.macs for b in self.blocks) + sum(e.macs for e in self.exits)
        if macs > MOST_MACS:
            raise ValueError(f"dnn.blocks and exits must have at most {MOST_MACS:g} MAC together, got {macs:g}")

    @property
    def cut_names(self) -> tuple[str, ...]:
        """Names of cut 0..K: the input, then every block with ``cut = true``."""
        return ("input", *(b.name for b in self.blocks if b.cut))

    @property
    def stages(self) -> tuple[tuple[int, Block], ...]:
        """For cut 1..K the multiply-adds since the cut before, and the block that ends there."""
        found, macs = list[tuple[int, Block]](), 0
        for block in self.blocks:
            macs += block.macs
            if block.cut:
                found.append((macs, block))
                macs = 0
        return tuple(found)

    @property
    def parameters(self) -> tuple[int, ...]:
        """For cut 1..K the weights since the cut before; empty: not known."""
        ends = [i for i, block in enumerate(self.blocks) if block.cut]
        if self.blocks[0].parameters is None:
            return ()
        return tuple(
            sum(block.parameters or 0 for block in self.blocks[first + 1 : last + 1])
            for first, last in itertools.pairwise([-1, *ends])
        )

    def to_toml(self, path: str | Path | None = None) -> str:
        """TOML text that :func:`load_profile` reads back to an equal profile; also written to ``path`` if given.

        Raises ``ValueError`` for a path that does not end in ".toml", by which files are known.
        """
        if path is not None and not has_suffix(path, ".toml"):
            raise ValueError(f"path must end in .toml, got {shown(path)}")
        table = {key: value for key, value in self.to_dict().items() if value not in ("", [], {})}
        rows = {key: table.pop(key) for key in ("blocks", "exits") if key in table}
        source = {"source": table.pop("source")} if "source" in table else {}
        texts = [f"{key} = [\n{''.join(map(_row, rows[key]))}]\n" for key in rows]
        return written("\n".join([dump_toml(table), *texts, *([dump_toml(source)] if source else [])]), path)


def _row(table: dict[str, Any]) -> str:
    """A block or an exit as a line of a list in TOML, without what is a default."""
    plain = {"cut": True, "steepness": 0.0}
    parts = (f"{key} = {value_text(value)}" for key, value in table.items() if plain.get(key) != value)
    return f"  {{ {', '.join(parts)} }},\n"


_CATALOGUE = Catalogue("profile", "profiles")


def profile_names() -> list[str]:
    """Names of the profiles that ship with the package."""
    return _CATALOGUE.names()


def load_profile(name: str | Path) -> DnnProfile:
    """A shipped profile by name, or any profile by path of its TOML file.

    Raises ``ValueError`` for an unknown name (naming the nearest) or a faulty file (naming the path of the fault).
    """
    return _CATALOGUE.load(DnnProfile, name, "dnn")
