"""``splitgym bound``."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from splitgym.checks import seeds_of
from splitgym.cli.common import add_form, changes_of, print_table, progress_bar
from splitgym.cli.engines import add_engine, engine_of
from splitgym.engines import Engine, engine
from splitgym.evaluation.statistics import mean_interval
from splitgym.show.comparison import averaged, shown
from splitgym.show.tables import Table
from splitgym.worlds.world import world_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = (
        "examples:\n"
        "  splitgym bound default bursty\n"
        "  splitgym bound published --env HardwareSplit-v0 --episodes 3\n"
        "  splitgym bound enachi --observer               # what a policy can reach that sees observations only\n"
        "for a policy's gap to the bound:\n"
        "  splitgym evaluate enachi --bound"
    )
    parser.add_argument("scenarios", nargs="+", metavar="NAME|FILE.toml", help="name of a preset, or a TOML file")
    parser.add_argument("--env", default="SplitInference-v0", metavar="ID", help="environment id, see 'splitgym list'")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="change a value of the scenario"
    )
    parser.add_argument("--episodes", type=int, default=10, help="number of traces; trace i has seed SEED + i")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument(
        "--observer", action="store_true", help="bound those policies, too, that see observations only (takes minutes)"
    )
    add_engine(parser)
    add_form(parser, "the numbers of every trace")


def run(args: argparse.Namespace) -> int:
    """Bracket the best possible return and print."""
    from splitgym.evaluation.upper_bounds import observer_kind

    kinds: dict[str, str] = {}
    for name in args.scenarios:  # all are looked at before the first is worked on
        setting = world_of(args.env).load_scenario(name, **changes_of(args.changes))
        if args.observer:
            kinds[name] = observer_kind(world_of(args.env), setting)
    seeds = seeds_of(args.seed, args.episodes)
    with progress_bar(args.json, len(args.scenarios)) as progress, engine(**engine_of(args)) as at_work:
        found = {name: _bracket(args, name, seeds, progress, at_work) for name in args.scenarios}
    if args.json:
        print(json.dumps({name: {k: v.tolist() for k, v in parts.items()} for name, parts in found.items()}, indent=2))
        return 0
    title = f"{args.env}: the best possible return, {averaged(args.episodes, 'traces')}"
    words = {
        "clairvoyant": "feasible decisions found with the trace known",
        "bound": "no policy returns more",
        "observer": f"no policy that sees observations only returns more on average ({_kinds(kinds)})",
    }
    caption = "; ".join(f"{name}: {words[name]}" for name in next(iter(found.values())))
    table = Table(title=title, caption=caption, min_width=len(title) + 2)
    table.add_column("scenario", no_wrap=True)
    for name in next(iter(found.values())):
        table.add_column(name, justify="right", no_wrap=True)
    for name, parts in found.items():
        table.add_row(name, *(shown(*mean_interval(values), "", 1.0) for values in parts.values()))
    print_table(table, markdown=args.markdown)
    return 0


def _kinds(kinds: dict[str, str]) -> str:
    """Which scenarios' bounds for observers are certified, and which are estimated."""
    names = {kind: [name for name in kinds if kinds[name] == kind] for kind in sorted(set(kinds.values()))}
    return ", ".join(f"{kind}: {' '.join(of)}" for kind, of in names.items())


def _bracket(
    args: argparse.Namespace, name: str, seeds: range, progress: Any, at_work: Engine
) -> dict[str, np.ndarray]:
    """Returns (episodes,) from below, where there is a search, and from above."""
    from splitgym.evaluation.upper_bounds import measured

    world = world_of(args.env)
    setting = world.load_scenario(name, **changes_of(args.changes))
    yardsticks = ("clairvoyant", "bound") if world.clairvoyant else ("bound",)
    yardsticks = ("observer", *yardsticks) if args.observer else yardsticks
    found = {}
    for place, yardstick in enumerate(yardsticks):

        def tell(what: str, share: float, place: int = place) -> None:
            if progress and what == yardsticks[place]:
                progress(name, (place + share) / len(yardsticks))

        found[yardstick] = measured(yardstick, world, setting, seeds, workers=at_work, progress=tell)
    return found
