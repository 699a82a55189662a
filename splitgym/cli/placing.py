"""``splitgym place``: put the blocks of a network on the nodes of a network, with every solver."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from gymnasium.error import DependencyNotInstalled

from splitgym.cli.common import Outputs, add_form, check_ending, check_output, print_table, progress_bar, say
from splitgym.cli.placing_graph import (
    APP_OPTIONS,
    MAP_OPTIONS,
    add_graph_arguments,
    mapping_content,
    mapping_table,
    read_instance,
)
from splitgym.cli.placing_tables import contest_table, savings_notes, savings_table, verdict, violations
from splitgym.files import save_figure, write_atomically
from splitgym.placement.contest import Result, compare_solvers, least_power_w, solvers
from splitgym.placement.fin import ROUNDINGS
from splitgym.placement.generate import FAMILIES, random_instance
from splitgym.placement.graph_topology import GraphTopology
from splitgym.placement.instance import LATENCY_MODES, Instance, load_instance
from splitgym.placement.plan import app_index
from splitgym.placement.published import ENERGY_MODES, load_published, published_names
from splitgym.placement.savings import Savings, study_savings
from splitgym.reading import has_suffix


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Put the blocks of a network with early exits on mobile, edge and cloud nodes: the plan of least energy that\n"
        "meets a target of latency and one of accuracy.  Runs FIN, the exact solvers and their rivals on an instance,\n"
        "lets one referee judge them all, and draws the best plan (OUT.png).  With --published it averages what is\n"
        "saved against MCP over the published grid of targets.\n\n"
        "FIN places several applications one after the other: by descending least latency over target (tightest), or\n"
        "in the best of three orders: tightest, load, index.  The order load is ours, not published: by descending\n"
        "compute of the lightest exit configuration that is accurate enough."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym place --random 20 --seed 3                        20 nodes, one application\n"
        "  splitgym place --random 80 --gamma 20 --rounding carry     few levels, rounded along the path\n"
        "  splitgym place --random 8 --apps 3 --save mine.toml        three applications, together; keep the instance\n"
        "  splitgym place --instance mine.toml --app a1               one of them alone, after editing the file\n"
        "  splitgym place --published b_alexnet --energy full         what the published tables say is saved\n"
        "  splitgym place --graph net.graphml                         a topology file; what it lacks is filled in\n"
        "  splitgym place --graph net.gml --tiers kind --tier core=cloud --speed gflops=1e9 --network mine.toml"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--instance", metavar="FILE", help="instance to solve, JSON or TOML (format fin-instance/1)")
    what.add_argument(
        "--random", type=int, metavar="NODES", help="solve a generated instance with this many nodes (>= 3)"
    )
    what.add_argument(
        "--graph", metavar="FILE", help="place on a topology: GraphML, GML or node-link JSON, as networkx reads them"
    )
    what.add_argument(
        "--published", metavar="NETWORK", help=f"savings on published tables: one of {', '.join(published_names())}"
    )
    parser.add_argument(
        "--gamma", type=int, default=100, help="FIN: levels of the latency target; at least 10 per block"
    )
    parser.add_argument(
        "--rounding",
        choices=ROUNDINGS,
        help="FIN: use this rounding only (default: both).  edge rounds every step up, carry the latency so far.  "
        "Ours: a path that can no longer end in time takes no replica; so carry sometimes finds a plan that its "
        "literal rule loses",
    )
    parser.add_argument("--app", metavar="ID", help="solve for this application alone")
    parser.add_argument("--out", default="results/place", metavar="OUT", help="name of the picture without ending")
    parser.add_argument("--save", metavar="FILE", help="write the instance to FILE.toml or FILE.json")
    add_graph_arguments(parser)
    drawn = parser.add_argument_group("with --random")
    drawn.add_argument("--seed", type=int, default=0, help="seed of the instance")
    drawn.add_argument("--blocks", type=int, default=8, help="blocks of every network")
    drawn.add_argument("--exits", type=int, default=4, help="exits of every network")
    drawn.add_argument("--family", default="subsets", choices=FAMILIES, help="which exits may be active together")
    drawn.add_argument("--apps", type=int, default=1, metavar="N", help="applications that contend for the nodes")
    drawn.add_argument(
        "--tightness",
        type=float,
        default=0.5,
        help="latency target from the least latency (0) to that of least energy (1); also for --graph",
    )
    drawn.add_argument(
        "--latency-mode",
        default="worst",
        choices=LATENCY_MODES,
        help="latency of the deepest sample, or the mean; also for --graph and --published",
    )
    tables = parser.add_argument_group("with --published")
    tables.add_argument(
        "--energy",
        default="full",
        choices=ENERGY_MODES,
        help="all samples run to one exit (full), or leave by their shares (expected)",
    )
    add_form(parser, "everything")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")


#: Option -> what it counts with; what is given beside another one would be passed over.
_COUNTS_WITH = {
    **dict.fromkeys(("gamma", "rounding", "app", "out", "save"), ("instance", "random", "graph")),
    "seed": ("random",),
    "blocks": ("random",),
    "exits": ("random",),
    "family": ("random",),
    "apps": ("random",),
    "tightness": ("random", "graph"),
    "latency_mode": ("random", "graph", "published"),
    "energy": ("published",),
    **dict.fromkeys((*APP_OPTIONS, *MAP_OPTIONS), ("graph",)),
}


def _refuse_what_does_not_count(args: argparse.Namespace) -> None:
    what = next(name for name in ("instance", "random", "graph", "published") if getattr(args, name) is not None)
    for name, places in _COUNTS_WITH.items():
        given = getattr(args, name)
        if what not in places and given != args.parser.get_default(name):
            wanted = " or ".join(f"--{place}" for place in places)
            value = " ".join(given) if isinstance(given, list) else given
            raise ValueError(f"--{name.replace('_', '-')} {value} is not for --{what}, only for {wanted}; leave it out")


def run(args: argparse.Namespace) -> int:
    """Solve, draw and print."""
    if args.published:
        load_published(args.published)  # refuses a misspelt name before anything else happens
    _refuse_what_does_not_count(args)
    if args.published:
        return _run_published(args)
    picture = Path(f"{args.out.removesuffix('.png')}.png")
    check_output("--out", picture)
    if args.save:
        check_ending("--save", args.save, (".toml", ".json"))
        check_output("--save", args.save)
    instance, topology = _instance(args)
    with progress_bar(args.quiet or args.json, len(solvers(instance, args.gamma, args.rounding))) as show:
        returns = "avoid" if topology else "refuse"  # most graphs lead both ways, and FIN is to answer
        results = compare_solvers(instance, args.gamma, args.rounding, show or None, returns)
    outputs = Outputs()
    files = {"instance": outputs.add("--save", _save, args, instance)}
    files |= outputs.add("the picture", _draw, args, instance, results, picture) or {}
    outputs.add("the answer", _show, args, instance, topology, results, files)
    return outputs.finish()


def _show(
    args: argparse.Namespace,
    instance: Instance,
    topology: GraphTopology | None,
    results: list[Result],
    files: dict[str, str | None],
) -> None:
    if args.json:
        graph = {"graph": mapping_content(topology)} if topology else {}
        print(json.dumps({**_content(instance, results), **graph, "files": files}, indent=1))
        return
    if topology:
        print_table(mapping_table(topology, args.graph), markdown=args.markdown)
        for line in topology.notes:
            say(line)
        for app in instance.apps:
            say(f"{app.id}: {app.rate_hz:g} inferences a second of {app.dnn}, inputs arise at {app.source}")
    print_table(contest_table(instance, results, _setting(args, instance)), markdown=args.markdown)
    for line in violations(results):
        say(line)
    for name, file in files.items():
        if file:
            say(f"{name}: {file}")


def _instance(args: argparse.Namespace) -> tuple[Instance, GraphTopology | None]:
    """The instance, and what was understood of its graph if it comes from one."""
    topology = None
    if args.graph is not None:
        instance, topology = read_instance(args)
    elif args.instance is not None:
        instance = load_instance(args.instance)
    else:
        instance = random_instance(
            args.random, args.blocks, args.exits, args.family, args.apps, args.tightness, args.seed, args.latency_mode
        )
    if args.app is not None:
        instance = dataclasses.replace(instance, apps=(instance.apps[app_index(instance, args.app)],))
    return instance, topology


def _setting(args: argparse.Namespace, instance: Instance) -> str:
    name = instance.name or (Path(args.instance).stem if args.instance else "instance")
    only = f", application {args.app}" if args.app else ""
    return f"{name}{only}: {len(instance.nodes)} nodes, {len(instance.arcs)} arcs"


def _save(args: argparse.Namespace, instance: Instance) -> str | None:
    if not args.save:
        return None
    path = Path(args.save)
    write_atomically(path, (instance.to_toml() if has_suffix(path, ".toml") else instance.to_json()).encode())
    return str(path)


def _best(instance: Instance, results: list[Result]) -> Result | None:
    """The cheapest result that breaks nothing, an exact one among equals."""
    feasible = [result for result in results if result.feasible]
    return min(feasible, key=lambda r: (round(r.power_w(instance), 15), not r.exact), default=None)


def _draw(args: argparse.Namespace, instance: Instance, results: list[Result], path: Path) -> dict[str, str | None]:
    """Save the picture; without Matplotlib there is none, and the reason instead."""
    from splitgym.show.plan import plan_figure

    best = _best(instance, results)
    notes = [] if best else [f"{result.method}: {verdict(result)}" for result in results if result.exact][:1]
    try:
        figure = plan_figure(instance, best.plans if best else [], _setting(args, instance), notes)
    except DependencyNotInstalled as error:
        return {"picture": None, "no picture": str(error)}
    return {"picture": str(save_figure(figure, path))}


def _content(instance: Instance, results: list[Result]) -> dict[str, Any]:
    """Results for a machine; what is unknown or endless is null."""
    least_w = least_power_w(instance, results)
    rows = []
    for result in results:
        power_w = result.power_w(instance) if result.placed else None
        rows.append(
            {
                "method": result.method,
                "power_w": power_w,
                "gap": power_w / least_w - 1.0 if power_w is not None and least_w else None,
                "feasible": result.feasible,
                "violations": list(result.violations),
                "refusal": result.refusal or None,
                "run_s": result.run_s,
                "outcomes": [dataclasses.asdict(outcome) for outcome in result.outcomes],
            }
        )
    best = _best(instance, results)
    return {"instance": instance.name, "optimum_w": least_w, "best": best.method if best else None, "results": rows}


def _run_published(args: argparse.Namespace) -> int:
    with progress_bar(args.quiet or args.json, 1) as show:
        savings = study_savings(args.published, args.energy, args.latency_mode, progress=show or None)
    if args.json:
        print(json.dumps(_savings_content(args, savings), indent=1))
        return 0
    title = f"{args.published}, energy {args.energy}, latency {args.latency_mode}"
    print_table(savings_table(savings, title), markdown=args.markdown)
    for line in savings_notes(savings):
        say(line)
    return 0


def _savings_content(args: argparse.Namespace, savings: Savings) -> dict[str, Any]:
    setting = {"network": args.published, "energy": args.energy, "latency_mode": args.latency_mode}
    grid = {"latency_s": savings.latency_s.tolist(), "accuracy": savings.accuracy.tolist()}
    rows = []
    for method in savings.energy_j:
        mean, worst, equal, missing = savings.ratio(method)
        against = {}
        for rival in savings.rivals_j:
            average, aggregate, cells = savings.saving(method, rival)
            against[rival] = {"mean": _known(average), "aggregate": _known(aggregate), "cells": cells}
        ratio = {"mean": _known(mean), "worst": _known(worst), "equal": _known(equal), "no_plan": missing}
        rows.append({"method": method, "saving": against, "ratio": ratio})
    return {**setting, "cells": savings.cells, **grid, "methods": rows}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
