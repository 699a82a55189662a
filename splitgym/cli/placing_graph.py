"""What ``splitgym place --graph`` asks for, and what it prints of the file."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from splitgym.placement.graph_apps import graph_instance
from splitgym.placement.graph_map import ARCS, LINK_KEYS, NODE_KEYS, ROUTES, GraphMap
from splitgym.placement.graph_topology import GraphTopology, load_topology
from splitgym.placement.instance import Instance
from splitgym.placement.profiled import load_network
from splitgym.quoting import listed
from splitgym.show.tables import Table
from splitgym.strict import from_mapping

#: Keys of the mapping, which are options of the same names.
MAP_OPTIONS = ("tiers", "tier", "tier_else", "names", *NODE_KEYS, *LINK_KEYS, "missing", "arcs", "routes", "table")
#: Options about the applications.
APP_OPTIONS = ("network", "source", "rate_hz", "latency_s", "accuracy", "pinned", "bits")
_MOST_NAMES = 90  # characters


def add_graph_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that count with ``--graph``."""
    about = {field.name: field.metadata["doc"] for field in dataclasses.fields(GraphMap)}
    asked = parser.add_argument_group(
        "with --graph",
        "A mapping option names an attribute of the file, and perhaps a factor that brings it into SI units: "
        "gflops=1e9.  Give it again for a second attribute, which counts where the first is missing.  What a node or "
        "link does not have is filled in from the tier table.  Where every value comes from is printed.",
    )
    asked.add_argument("--network", default="resnet50", metavar="NAME|FILE", help="network, profile, or a file of one")
    asked.add_argument(
        "--source", action="append", metavar="NODE", help="node of an application; give it again for more"
    )
    asked.add_argument("--rate-hz", type=float, default=1.0, help="inferences of each application a second")
    asked.add_argument("--latency-s", type=float, help="latency target in seconds; without it see --tightness")
    asked.add_argument(
        "--accuracy", type=float, help="accuracy target; without it a demanding one that the network meets"
    )
    asked.add_argument("--pinned", type=int, default=0, metavar="N", help="first blocks that must stay at the source")
    asked.add_argument("--bits", type=float, default=8.0, help="bits of an element of a profile's tensors")
    asked.add_argument("--tiers", metavar="ATTRIBUTE", help=about["tiers"])
    asked.add_argument("--tier", action="append", metavar="VALUE=TIER", help=about["tier"])
    asked.add_argument("--tier-else", metavar="TIER", help=about["tier_else"])
    asked.add_argument("--names", metavar="ATTRIBUTE", help=about["names"])
    for key in (*NODE_KEYS, *LINK_KEYS):
        words = about[key].partition(":")[0]
        asked.add_argument(f"--{key.replace('_', '-')}", action="append", metavar="ATTRIBUTE[=FACTOR]", help=words)
    asked.add_argument("--missing", action="append", metavar="TEXT", help="text that means that a value is not known")
    asked.add_argument("--arcs", choices=ARCS, help=about["arcs"])
    asked.add_argument("--routes", choices=ROUTES, help=about["routes"])
    asked.add_argument("--table", metavar="FILE", help=about["table"])


def graph_map(args: argparse.Namespace) -> GraphMap:
    """The mapping of the options."""
    given = {name: getattr(args, name) for name in MAP_OPTIONS if getattr(args, name) is not None}
    return from_mapping(GraphMap, given, "mapping")


def read_instance(args: argparse.Namespace) -> tuple[Instance, GraphTopology]:
    """The instance on the graph, and what was understood of the graph."""
    mapping = graph_map(args)
    network, dnn = load_network(args.network, bits_per_element=args.bits)
    topology = load_topology(args.graph, mapping)
    instance = graph_instance(
        topology,
        dnn,
        sources=args.source or (),
        rate_hz=args.rate_hz,
        latency_s=args.latency_s,
        accuracy=args.accuracy,
        tightness=args.tightness,
        pinned_first_blocks=args.pinned,
        latency_mode=args.latency_mode,
        name=Path(args.graph).stem,
        network=network,
    )
    return instance, topology


def mapping_table(topology: GraphTopology, path: str) -> Table:
    """Where every value of the nodes and links comes from."""
    table = Table(title=f"{path}, as it was read")
    for name in ("field", "from"):
        table.add_column(name, no_wrap=True)
    table.add_column("of", justify="right", no_wrap=True)
    table.add_column("nodes or links")
    rows: dict[tuple[str, tuple[str, ...], int], list[str]] = {}
    for account in topology.accounts:  # fields that come from the same for the same nodes stand together
        rows.setdefault((account.origin, account.names, account.total), []).append(account.field)
    for (origin, names, total), fields in rows.items():
        words = listed(names, _MOST_NAMES) if len(names) < total else "all"
        table.add_row("\n".join(fields), origin, f"{len(names)}/{total}", words)
    return table


def mapping_content(topology: GraphTopology) -> dict[str, Any]:
    """The same for a machine."""
    return {"accounts": [dataclasses.asdict(account) for account in topology.accounts], "notes": list(topology.notes)}
