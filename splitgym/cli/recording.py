"""``splitgym dataset``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitgym.cli.common import (
    add_form,
    add_policies,
    add_setting,
    add_threads,
    add_trust,
    changes_of,
    played_by,
    policies_of,
    print_table,
    progress_bar,
    say,
)
from splitgym.offline.plan import MINARI, place_of
from splitgym.show.tables import Table
from splitgym.toml import read_pairs

if TYPE_CHECKING:
    from minari import MinariDataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Play episodes of one or more policies and write them as a Minari data set for offline RL.  Episodes are kept\n"
        "as soon as they are played; after a break the same command goes on and ends with the same data set.  A data\n"
        "set that is there is never overwritten."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym dataset enachi random runs/ppo --episodes 1000 --out minari:split/default-mixed-v0\n"
        "  splitgym dataset enachi random --action discrete --shares 3 1 --out data/enachi-v0\n"
        "  splitgym dataset enachi --set radio.distance_m=300 --infos cost energy_j --out minari:split/near-v0\n"
        "\n"
        "in Python: minari.load_dataset('split/default-mixed-v0'), or minari.MinariDataset('data/enachi-v0/data')"
    )
    add_policies(parser)
    add_setting(parser)
    parser.add_argument(
        "--out",
        required=True,
        metavar="minari:NAME-v0|DIR/NAME-v0",
        help="where: below Minari's folder ($MINARI_DATASETS_PATH, or ~/.minari/datasets), or a folder of your own",
    )
    parser.add_argument("--episodes", type=int, default=1000, help="number of all episodes, policy after policy")
    parser.add_argument(
        "--shares", type=float, nargs="+", metavar="SHARE", help="how they are divided, a number for each policy"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="episode i is that of seed 2**32 + SEED + i, which no evaluation plays"
    )
    parser.add_argument("--action", metavar="ENCODING", help="how actions are written; as --env says by default")
    parser.add_argument(
        "--option",
        action="append",
        metavar="KEY=VALUE",
        dest="episode_options",
        help="an episode option of all policies, instead of what they want (may be repeated)",
    )
    parser.add_argument("--infos", nargs="*", metavar="NAME", help="what is kept of info; the cost by default")
    add_threads(parser)
    add_form(parser, "what the data set holds")
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Record and print what the data set holds."""
    from splitgym.offline import record_dataset

    names = policies_of(args)
    options = None if args.episode_options is None else read_pairs(args.episode_options, "--option")
    try:
        with progress_bar(args.json, played_by(names) + 1) as progress:
            dataset = record_dataset(
                names,
                args.out,
                args.env,
                args.scenario,
                args.episodes,
                args.seed,
                action=args.action,
                shares=args.shares,
                episode_options=options,
                infos=args.infos,
                changes=changes_of(args.changes),
                num_threads=args.threads,
                trust=args.trust,
                progress=progress,
            )
    except (KeyboardInterrupt, OSError):
        _tell_kept(args.out)
        raise
    _show(args, dataset)
    return 0


def _tell_kept(out: str) -> None:
    """Say what a broken recording has left, if anything."""
    from splitgym.offline.parts import folder_of

    folder = folder_of(place_of(out)[1])
    if folder.is_dir():
        say(f"what was played is kept in {folder}; the same command goes on", aside=True)


def _show(args: argparse.Namespace, dataset: MinariDataset) -> None:
    about: dict[str, Any] = dataset.storage.metadata["splitgym"]
    if args.json:
        print(json.dumps({"out": args.out, "steps": int(dataset.total_steps), **about}, indent=2))
        return
    table = Table(title=f"{args.out}: {about['environment']}, {about['scenario']}")
    table.add_column("policy", no_wrap=True)
    for name in ("episodes", "first", "return", "± deviation"):
        table.add_column(name, justify="right", no_wrap=True)
    for p in about["policies"]:
        numbers = f"{p['return_mean']:.2f}", f"{p['return_std']:.2f}"
        table.add_row(p["name"], str(p["episodes"]), str(p["first_episode"]), *numbers)
    print_table(table, markdown=args.markdown)
    name, root = place_of(args.out)
    reader = f"load_dataset({name!r})" if args.out.startswith(MINARI) else f"MinariDataset({str(Path(root, 'data'))!r})"
    say(f"{int(dataset.total_steps)} steps; in Python: minari.{reader}")
