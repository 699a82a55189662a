"""Scenario of the placement world: everything a person decides about ``BlockPlacement-v0``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

from splitgym.named_files import NamedFile
from splitgym.names import check_name
from splitgym.placement.graph_map import GraphMap
from splitgym.placement.graph_topology import GraphTopology, kept_topology
from splitgym.placement.instance import LATENCY_MODES, Instance, load_instance
from splitgym.profiles.dnn import DnnProfile, load_profile
from splitgym.quoting import shown
from splitgym.ranges import ELEMENT_BITS, FREQUENCY, HOLDING, PRICE, SCORE, SEED, SLACK, Range
from splitgym.strict import entry, file, number, sources
from splitgym.worlds.presets import Presets
from splitgym.worlds.settings import Arrivals, Scenario, Section

TOPOLOGIES = ("published", "random", "file", "system")
NETWORKS = ("published", "random", "file", "profile")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topology(Section):
    """Nodes and links."""

    SECTION: ClassVar[str] = "topology"
    kind: str = entry(
        doc="'published': three nodes; 'random': generated from the seed; 'file': those of an instance; "
        "'system': those of the graph that system names"
    )
    mobile: int = number(Range("node", 1, 200), default=1, doc="mobile nodes of a random topology")
    edge: int = number(Range("node", 0, 200), default=1, doc="edge nodes of a random topology")
    cloud: int = number(Range("node", 0, 200), default=1, doc="cloud nodes of a random topology")
    seed: int = number(SEED, default=0, doc="of a random topology")
    file: str = file(doc="instance file (JSON or TOML)")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in TOPOLOGIES:
            raise ValueError(f"topology.kind must be one of {', '.join(TOPOLOGIES)}, got {self.kind!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Networks(Section):
    """The early-exit networks that applications use."""

    SECTION: ClassVar[str] = "networks"
    kind: str = entry(
        doc="'published': by name; 'random': generated from the seed; 'file': those of the topology's file; "
        "'profile': from DNN profiles"
    )
    names: tuple[str, ...] = entry((), doc="published networks")
    energy: str = entry("expected", doc="'expected' or 'full', see section 1.1 of the FIN specification")
    count: int = number(Range("network", 1, 8), default=1, doc="random networks")
    blocks: int = number(Range("block", 1, 12), default=6, doc="blocks of a random network")
    exits: int = number(Range("exit", 1, 4), default=3, doc="exits of a random network")
    family: str = entry("prefix", doc="exit configurations of a random network: 'prefix' or 'subsets'")
    seed: int = number(SEED, default=0, doc="of the random networks")
    profiles: tuple[DnnProfile, ...] | None = entry(None, doc="DNN profiles, by name, by path or as tables")
    bits_per_element: float | None = number(ELEMENT_BITS, default=None, doc="of a profile's tensors; none: 8")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        if isinstance(self.profiles, (tuple, list)):
            loaded = (load_profile(p) if isinstance(p, (str, Path)) else p for p in self.profiles)
            object.__setattr__(self, "profiles", tuple(loaded))
        super().__post_init__()
        self._check_profiles()
        if self.kind not in NETWORKS:
            raise ValueError(f"networks.kind must be one of {', '.join(NETWORKS)}, got {self.kind!r}")
        if self.kind == "random" and self.exits > self.blocks:
            raise ValueError(
                f"networks.exits must be <= networks.blocks, which is {self.blocks}, got {self.exits}: every exit is "
                "behind a block of its own"
            )

    def _check_profiles(self) -> None:
        names = [profile.name for profile in self.profiles or ()]
        if self.kind == "profile" and not names:
            raise ValueError("networks.profiles must name DNN profiles where networks.kind is 'profile'")
        if len(set(names)) < len(names):
            raise ValueError(f"networks.profiles: their names must differ, got {shown(names)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Applications(Section):
    """What arrives, how demanding it is, and how long it stays."""

    SECTION: ClassVar[str] = "applications"
    count: int = number(Range("application", 1, 100_000), doc="applications of one episode")
    holding_mean_s: float = number(HOLDING, doc="mean stay, exponential")
    slack_min: float = number(SLACK, doc="latency target over the least latency, log-uniform")
    slack_max: float = number(SLACK)
    accuracy_min: float = number(SCORE, doc="accuracy target over the network's best, uniform")
    accuracy_max: float = number(SCORE)
    rate_min_hz: float = number(FREQUENCY, doc="inferences of one application, log-uniform")
    rate_max_hz: float = number(FREQUENCY)
    pinned_first_blocks: int = number(Range("block", 0, 12), doc="blocks that must stay at the source")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("slack", "accuracy", "rate"):
            unit = "_hz" if name == "rate" else ""
            low, high = getattr(self, f"{name}_min{unit}"), getattr(self, f"{name}_max{unit}")
            if high < low:
                raise ValueError(f"applications.{name}_max{unit} must be >= {name}_min{unit}={low!r}, got {high!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reward(Section):
    """The reward of a closed application: energy saved if it is placed, else a penalty."""

    SECTION: ClassVar[str] = "reward"
    rejection_penalty: float = number(PRICE, doc="in energies of a least-latency plan")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlacementScenario(Scenario):
    """One setting of ``BlockPlacement-v0``; presets are TOML files, see :func:`load_scenario`."""

    PROCESSES: ClassVar[tuple[str, ...]] = ("arrivals",)
    name: str = entry(label=True, check=check_name, doc="preset name")
    description: str = entry("", label=True, doc="what the setting is for")
    latency_mode: str = entry("worst", doc="'worst': the deepest sample; 'expected': every term by its reach")
    system: str | None = file(None, doc="graph of nodes and links, GraphML, GML or JSON, instead of the topology's")
    mapping: GraphMap | None = entry(None, doc="what the attributes of that graph mean")
    topology: Topology = dataclasses.field(default_factory=lambda: Topology(kind="system"))
    networks: Networks = entry()
    applications: Applications = entry()
    arrivals: Arrivals = entry()
    reward: Reward = entry()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.latency_mode not in LATENCY_MODES:
            raise ValueError(f"latency_mode must be 'worst' or 'expected', got {self.latency_mode!r}")
        self._check_system()
        if "file" in (self.kind, self.networks.kind) and not self.topology.file:
            raise ValueError("topology.file must name an instance file where a kind is 'file'")
        if self.topology.file and "file" not in (self.kind, self.networks.kind):
            raise ValueError(
                f"topology.file={shown(self.topology.file)} is not read, since neither topology.kind nor "
                "networks.kind is 'file'; set one of them or leave the file out"
            )
        self.arrivals.check_count("applications.count", self.applications.count)
        _ = self.instance, self.graph  # a faulty one is refused here

    def _check_system(self) -> None:
        if self.topology.kind == "system" and not self.system:
            raise ValueError("missing key 'topology': nodes and links; or let system name a graph of them")
        if self.mapping is not None and not self.system:
            raise ValueError("mapping is not read, since system names no graph; name one or leave the mapping out")

    @property
    def kind(self) -> str:
        """Where nodes and links come from: ``topology.kind``, but "system" where a graph is named."""
        return "system" if self.system else self.topology.kind

    @property
    def graph(self) -> GraphTopology | None:
        """Nodes and links of the graph that ``system`` names, and where each value comes from."""
        return kept_topology(self.system, self.mapping) if isinstance(self.system, NamedFile) else None

    @property
    def instance(self) -> Instance | None:
        """The instance that nodes, arcs or networks are taken from; ``None`` where no kind is 'file'."""
        named = self.topology.file
        used = "file" in (self.kind, self.networks.kind)
        return named.parsed(load_instance) if used and isinstance(named, NamedFile) else None

    def decisive(self) -> dict[str, Any]:
        """As :meth:`Strict.decisive`; of instance and graph only what is taken from them, networks in their order."""
        table, instance, graph = super().decisive(), self.instance, self.graph
        table["topology"]["file"] = ""
        if graph is not None:
            table["topology"] = {"system": [part.decisive() for part in (*graph.nodes, *graph.arcs)]}
            del table["system"]
            table.pop("mapping", None)
        if instance is not None and self.kind == "file":
            table["topology"]["file"] = [part.decisive() for part in (*instance.nodes, *instance.arcs)]
        if instance is not None and self.networks.kind == "file":
            table["networks"]["file"] = [[name, dnn.decisive()] for name, dnn in instance.dnns.items()]
        return table

    def unused(self) -> dict[str, str]:
        top, net = f"topology.kind is {self.topology.kind!r}", f"networks.kind is {self.networks.kind!r}"
        keys: dict[str, str] = {}
        if self.system:
            top = "system names a graph"
            keys |= {"topology.kind": top} if self.topology.kind != "system" else {}
        if self.kind != "random":
            keys |= {f"topology.{name}": top for name in ("mobile", "edge", "cloud", "seed")}
        if self.networks.kind != "random":
            keys |= {f"networks.{name}": net for name in ("count", "blocks", "exits", "family", "seed")}
        if self.networks.kind != "published":
            keys |= {f"networks.{name}": net for name in ("names", "energy")}
        if self.networks.kind != "profile":
            given = (name for name in ("profiles", "bits_per_element") if getattr(self.networks, name) is not None)
            keys |= {f"networks.{name}": net for name in given}
        return keys


PRESETS = Presets("placement", PlacementScenario)
load_scenario, preset_names = PRESETS.load, PRESETS.names
