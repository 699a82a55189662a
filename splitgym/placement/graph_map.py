"""How the attributes of a graph become nodes and links: names, factors, tiers, what is filled in."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from splitgym.checks import word
from splitgym.placement.tiers import TIER_WORDS
from splitgym.quoting import listed, shown
from splitgym.reading import MISSING
from splitgym.strict import Strict, entry, file, sources

ARCS, ROUTES = ("file", "both", "up"), ("links", "all")
#: Key of the mapping -> field of a node or an arc that it fills.
NODE_KEYS = {"speed": "speed_ops_s", "power": "power_w", "capacity": "capacity_ops_s", "memory": "memory_bits"}
LINK_KEYS = {
    "link_rate": "rate_bit_s",
    "link_delay": "prop_s",
    "link_tx": "tx_j_bit",
    "link_rx": "rx_j_bit",
    "link_capacity": "capacity_bit_s",
}
#: Attributes that are read without being named, beside those with the fields' own names: the Topology Zoo's, in bit/s.
ALSO_READ = {"link_rate": ("LinkSpeedRaw",)}
_SOURCES = "ATTRIBUTE or ATTRIBUTE=FACTOR to SI units; of several, the first that is there counts"


@dataclasses.dataclass(frozen=True, kw_only=True)
class GraphMap(Strict):
    """What the attributes of a graph mean.

    A key without entries takes the attribute with the field's own name (``speed_ops_s``, ``rate_bit_s``, ...) where
    there is one.  What a node or link does not have comes from the tier table; a capacity is then the speed or the
    rate itself.
    """

    SECTION: ClassVar[str] = "mapping"
    tiers: str = entry(
        "", doc="attribute with the tier; empty: 'tier' where there is one, else by number of neighbours"
    )
    tier: tuple[str, ...] = entry(
        (), doc="VALUE=TIER: what a value of that attribute means; TIER is a word or a number"
    )
    tier_else: str = entry("edge", doc="tier of nodes that lack the attribute: mobile, edge, cloud or a number")
    names: str = entry("", doc="attribute that names the nodes; empty: their ids")
    speed: tuple[str, ...] = entry((), doc=f"op/s of a node: {_SOURCES}")
    power: tuple[str, ...] = entry((), doc="W of a node while busy")
    capacity: tuple[str, ...] = entry((), doc="op/s of a node in the long run")
    memory: tuple[str, ...] = entry((), doc="bit of a node")
    link_rate: tuple[str, ...] = entry((), doc="bit/s of a link")
    link_delay: tuple[str, ...] = entry((), doc="s of propagation")
    link_tx: tuple[str, ...] = entry((), doc="J/bit at the sender")
    link_rx: tuple[str, ...] = entry((), doc="J/bit at the receiver")
    link_capacity: tuple[str, ...] = entry((), doc="bit/s of a link in the long run")
    missing: tuple[str, ...] = entry(
        (), doc="texts that mean that a value is not known, beside '', '-', 'n/a' and such"
    )
    arcs: str = entry(
        "file",
        doc="'file': links of an undirected graph lead both ways, others as the file says; 'both': all lead both ways; "
        "'up': towards higher tiers only, so there are no cycles",
    )
    routes: str = entry(
        "links",
        doc="'links': a transfer takes one link; 'all': also routes over several, through nodes that compute nothing",
    )
    table: str = file(doc="TOML file with machines and links by tier; empty: the shipped three-tiers")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        for name in ("tier", *NODE_KEYS, *LINK_KEYS, "missing"):  # one text is a list of one
            if isinstance(getattr(self, name), str):
                object.__setattr__(self, name, (getattr(self, name),))
        super().__post_init__()
        word("mapping.arcs", self.arcs, ARCS)
        word("mapping.routes", self.routes, ROUTES)
        tier_number("mapping.tier_else", self.tier_else)
        _ = self.tier_words()

    def tier_words(self) -> dict[str, int]:
        """Text of a tier in small letters -> its number.  Raises ``ValueError`` for an entry of no such form."""
        known = dict(TIER_WORDS)
        for i, text in enumerate(self.tier):
            value, mark, tier = text.rpartition("=")
            if not mark:
                raise ValueError(f"mapping.tier[{i}] must be VALUE=TIER, such as core=cloud, got {shown(text)}")
            known[value.strip().lower()] = tier_number(f"mapping.tier[{i}]", tier.strip())
        return known

    def missing_words(self) -> frozenset[str]:
        """Texts that mean that a value is not known, in small letters."""
        return MISSING | {text.strip().lower() for text in self.missing}


def tier_number(path: str, value: Any, known: dict[str, int] | None = None) -> int:
    """A tier's number from a number or a word; ``known``: words beside numbers.  Raises ``ValueError`` for others."""
    known = TIER_WORDS if known is None else known
    text = str(value).strip().lower()
    if text in known:
        return known[text]
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if number is None and text.isdecimal():
        number = float(text)
    if number is None or not number.is_integer() or not 0 <= number <= 1000:
        raise ValueError(
            f"{path} must be a tier, 0 to 1000 or one of {listed(known)}, got {shown(value)}; say what it means: "
            f"tier = {shown(f'{value}=cloud')}, for one"
        )
    return int(number)
