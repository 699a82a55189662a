"""``splitgym store``."""

from __future__ import annotations

import argparse

from splitgym.cli.common import add_form, print_table, say
from splitgym.show.tables import Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = (
        "examples:\n"
        "  splitgym evaluate all --episodes 50 --store results/mine   # interrupted? the same command goes on\n"
        "  splitgym store results/mine\n"
        "  splitgym store results/mine --repair                       # set damaged lines aside"
    )
    parser.add_argument("folder", metavar="DIR", help="folder of 'splitgym evaluate --store DIR'")
    parser.add_argument("--repair", action="store_true", help="move damaged lines to files of their own (NAME.damaged)")
    add_form(parser)


def run(args: argparse.Namespace) -> int:
    """List what a store holds."""
    from splitgym.evaluation.store import Store

    store = Store(args.folder)
    aside = store.repair() if args.repair else 0
    entries = store.contents()
    if not entries and not aside:
        store.results()  # says that there are none, and how to make some
    if args.repair:
        print(f"set aside: {aside} damaged lines")
    table = Table(title=f"{args.folder}: what every policy has played")
    for name in ("environment", "scenario", "version", "policy"):
        table.add_column(name, no_wrap=True)
    for name in ("episodes", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    for entry in entries:
        table.add_row(*map(str, entry))
    print_table(table, markdown=args.markdown)
    for reason in store.refused.values():
        say(f"note: left out: {reason}")
    for source in store.plugins():
        say(f"plug-in {source.words}")
    return 0
