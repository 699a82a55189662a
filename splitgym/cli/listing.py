"""``splitgym list``."""

from __future__ import annotations

import argparse
import json

from splitgym.cli.common import print_table
from splitgym.encodings import ENCODINGS
from splitgym.extras import need
from splitgym.policy import POLICIES, policy_names
from splitgym.profiles import load_profile, profile_names
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--json", action="store_true", help="print as JSON")


def first_line(thing: object) -> str:
    """First line of a docstring."""
    return (thing.__doc__ or "").strip().partition("\n")[0]


def catalogue() -> dict[str, dict[str, str]]:
    """Everything registered: kind -> name -> one line."""
    scenarios = {
        f"{name}": world.load_scenario(name).description
        for world in (WORLDS[w] for w in WORLDS)
        for name in world.preset_names()
    }
    return {
        "environments": {WORLDS[w].env_id: WORLDS[w].summary for w in WORLDS},
        "scenarios": scenarios,
        "profiles": {name: load_profile(name).description for name in profile_names()},
        "fading models": {name: first_line(FADING[name].function) for name in FADING},
        "arrival models": {name: first_line(ARRIVALS[name].function) for name in ARRIVALS},
        "action encodings": {name: first_line(ENCODINGS[name]) for name in ENCODINGS},
        "policies": {name: getattr(POLICIES[name], "summary", first_line(POLICIES[name])) for name in policy_names()},
    }


def run(args: argparse.Namespace) -> int:
    """Print the catalogue."""
    kinds = catalogue()
    if args.json:
        print(json.dumps(kinds, indent=2))
        return 0
    escape = need("rich.markup", "report").escape
    table = need("rich.table", "report").Table(box=None, show_header=False, pad_edge=False)
    for kind, entries in kinds.items():
        table.add_row(f"[bold]{kind}[/bold]", "")
        for name, text in entries.items():
            table.add_row(f"  {name}", escape(text))
    print_table(table)
    return 0
