"""What a machine and a link of a tier are like where a graph does not say: tier tables, and tiers by neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from splitgym.catalogue import Catalogue
from splitgym.named_files import NamedFile
from splitgym.names import check_name
from splitgym.placement.topology import CLOUD_SHARE, MOBILE_SHARE
from splitgym.quoting import listed
from splitgym.ranges import ARC_RATE, BIT_ENERGY, DELAY, MACHINE_POWER, MEMORY, SPEED, Range
from splitgym.reading import naming, toml_of
from splitgym.strict import Strict, entry, from_mapping, number, sources

#: The table that ships with the package.
SHIPPED = "three-tiers"
#: Words for tiers, the usual one of each first.
TIER_WORDS = {"mobile": 0, "device": 0, "edge": 1, "fog": 1, "cloud": 2}
_TIER = Range("1", 0, 1000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TierMachine(Strict):
    """A machine of a tier; it takes as much work in the long run as its speed allows."""

    SECTION: ClassVar[str] = "machines"
    tier: int = number(_TIER, doc="0 mobile, 1 edge, 2 cloud")
    speed_ops_s: float = number(SPEED)
    power_w: float = number(MACHINE_POWER)
    memory_bits: float = number(MEMORY)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TierLink(Strict):
    """A link between two tiers, in either direction; it takes as many bits in the long run as its rate allows."""

    SECTION: ClassVar[str] = "links"
    low: int = number(_TIER, doc="the lower tier, or the same")
    high: int = number(_TIER, doc="the higher tier, or the same")
    rate_bit_s: float = number(ARC_RATE)
    prop_s: float = number(DELAY)
    low_j_bit: float = number(BIT_ENERGY, doc="energy of a bit at the end of the tier 'low'")
    high_j_bit: float = number(BIT_ENERGY, doc="energy of a bit at the end of the tier 'high'")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TierTable(Strict):
    """Machines by tier and links by pairs of tiers."""

    SECTION: ClassVar[str] = "table"
    name: str = entry(label=True, check=check_name, doc="name")
    description: str = entry("", label=True, doc="what it is for")
    machines: tuple[TierMachine, ...] = entry()
    links: tuple[TierLink, ...] = entry()
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        rows: dict[str, list[object]] = {
            "machines": [row.tier for row in self.machines],
            "links": [(row.low, row.high) for row in self.links],
        }
        for name, keys in rows.items():
            twice = next((key for key in keys if keys.count(key) > 1), None)
            if twice is not None:
                raise ValueError(f"table.{name}: tier {twice} stands twice; leave one of the rows out")
        for i, row in enumerate(self.links):
            if row.low > row.high:
                raise ValueError(f"table.links[{i}]: low must be <= high={row.high}, got {row.low}")

    def machine(self, tier: int) -> TierMachine:
        """The machine of a tier.  Raises ``ValueError`` naming what to add where there is none."""
        found = next((row for row in self.machines if row.tier == tier), None)
        if found is None:
            known = listed(row.tier for row in self.machines)
            raise ValueError(
                f"the tier table {self.name!r} has no machine of tier {tier} (it has: {known}); "
                "give the nodes all values, or write a table with one"
            )
        return found

    def words(self, tiers: Iterable[int], pairs: Iterable[tuple[int, int]]) -> Iterator[str]:
        """What it says of machines of some tiers, and of links between some pairs of them, one line each."""
        names = {number: name for name, number in reversed(TIER_WORDS.items())}
        for tier in sorted(set(tiers)):
            row = self.machine(tier)
            yield (
                f"{self.name}, {names.get(tier, f'tier {tier}')}: {row.speed_ops_s:g} op/s, {row.power_w:g} W, "
                f"{row.memory_bits:g} bit"
            )
        for low, high in sorted({(min(pair), max(pair)) for pair in pairs}):
            row = self.link(low, high)
            ends = " - ".join(names.get(tier, f"tier {tier}") for tier in (low, high))
            yield (
                f"{self.name}, {ends}: {row.rate_bit_s:g} bit/s, {row.prop_s:g} s, "
                f"{row.low_j_bit:g} and {row.high_j_bit:g} J/bit at the ends"
            )

    def link(self, sender: int, receiver: int) -> TierLink:
        """The link between two tiers.  Raises ``ValueError`` naming what to add where there is none."""
        low, high = sorted((sender, receiver))
        found = next((row for row in self.links if (row.low, row.high) == (low, high)), None)
        if found is None:
            raise ValueError(
                f"the tier table {self.name!r} has no link between the tiers {low} and {high}; "
                "give the links all values, or write a table with one"
            )
        return found


_CATALOGUE = Catalogue("tier table", "tiers")


def load_tiers(file: NamedFile | str = "") -> TierTable:
    """A tier table from a TOML file, the shipped one for an empty name.

    Raises ``ValueError`` naming file and place of a fault.
    """
    if not isinstance(file, NamedFile):
        return _CATALOGUE.load(TierTable, str(file) or SHIPPED, "table")
    with naming(file):
        return from_mapping(TierTable, toml_of(file.content, file), "table")


def tiers_by_neighbours(names: Sequence[str], neighbours: Mapping[str, set[str]]) -> dict[str, int]:
    """Tiers for a graph that names none: 40 % of the nodes are mobile, 20 % cloud, the rest edge, as in random ones.

    modelled: those with the fewest neighbours are at the rim, those with the most in the middle.  Where these are as
    many, those of the neighbours count, then the order in the file.
    """
    order = sorted(
        names, key=lambda name: (len(neighbours[name]), sum(len(neighbours[other]) for other in neighbours[name]))
    )
    mobile, cloud = max(round(MOBILE_SHARE * len(names)), 1), round(CLOUD_SHARE * len(names))
    cloud = max(cloud, 1) if len(names) > 1 else 0
    places = {name: place for place, name in enumerate(order)}
    return {name: 0 if places[name] < mobile else 2 if places[name] >= len(names) - cloud else 1 for name in names}
