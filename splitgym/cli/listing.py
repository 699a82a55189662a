"""``splitgym list``."""

from __future__ import annotations

import argparse
import functools
import json

from splitgym.agents.zoo import PREFIX, zoo_line, zoo_names
from splitgym.cli.common import Outputs, add_form, check_files, drawn_to, print_table, print_tables, say
from splitgym.encodings import ENCODINGS
from splitgym.ids import ID_ENCODINGS
from splitgym.placement.published import load_published, published_names
from splitgym.plugins import loaded
from splitgym.policy import POLICIES, load_baselines, policy_names
from splitgym.profiles import load_profile, profile_names
from splitgym.ranges import ELEMENT_BITS
from splitgym.show.curves import curves_figure
from splitgym.show.network import network_figure, network_table
from splitgym.show.tables import Styled, Table
from splitgym.suites import load_suite, suite_names
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.hardware import hardware_names, load_hardware
from splitgym.worlds.world import WORLDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = (
        "examples:\n  splitgym list\n  splitgym list --markdown\n"
        "  splitgym list --dnn vgg16                       what a network computes and sends at each cut point\n"
        "  splitgym list --dnn mine.toml --plot mine.png   the same as a picture\n"
        "  splitgym list --dnn digits resnet50 --curves curves.png   accuracy against the share received, side by side"
    )
    networks = "show networks: their blocks, cut points and exits"
    parser.add_argument("--dnn", nargs="+", metavar="NAME|FILE.toml", help=networks)
    parser.add_argument("--plot", metavar="FILE", help="with --dnn: draw multiply-adds and bits along one network")
    curves = "with --dnn: draw accuracy against the share of the features received"
    parser.add_argument("--curves", metavar="FILE", help=curves)
    parser.add_argument("--bits", type=float, default=8.0, help="with --dnn: bits of an element")
    add_form(parser, "everything")


def first_line(thing: object) -> str:
    """First line of a docstring."""
    return (thing.__doc__ or "").strip().partition("\n")[0]


def _of_id(encoding: str) -> str:
    """By which ending of an environment's id an encoding is chosen, in words; empty: by none."""
    ending = next((ending for ending, fixed in ID_ENCODINGS.items() if fixed == encoding), "")
    return f" Id: NAME{ending}-v0." if ending else ""


def catalogue() -> dict[str, dict[str, str]]:
    """Everything registered: kind -> name -> one line."""
    worlds = [WORLDS[name] for name in WORLDS]
    load_baselines()
    given = {plugin.given: ", ".join(plugin.added) or "registers nothing" for plugin in loaded()}
    return {
        "environments": {world.env_id: world.summary for world in worlds},
        **{
            f"scenarios of {world.env_id}": {n: world.load_scenario(n).description for n in world.preset_names()}
            for world in worlds
        },
        "suites": {name: load_suite(name).description for name in suite_names()},
        "DNN profiles": {name: load_profile(name).description for name in profile_names()},
        "placement networks": {name: load_published(name).description for name in published_names()},
        "hardware profiles": {name: load_hardware(name).description for name in hardware_names()},
        "fading models": {name: first_line(FADING[name].function) for name in FADING},
        "arrival models": {name: first_line(ARRIVALS[name].function) for name in ARRIVALS},
        "action encodings": {name: first_line(ENCODINGS[name]) + _of_id(name) for name in ENCODINGS},
        **{
            f"policies of {world.env_id}": {
                name: getattr(POLICIES[name], "summary", first_line(POLICIES[name]))
                for name in policy_names(world.env_id)
            }
            for world in worlds
        },
        "zoo agents": {f"{PREFIX}{name}": zoo_line(name) for name in zoo_names()},
        **({"plug-ins": given} if given else {}),
    }


def run(args: argparse.Namespace) -> int:
    """Print the catalogue, or one network of it."""
    bits = ELEMENT_BITS.check("--bits", args.bits)
    if args.dnn is not None:
        return _run_dnn(args, bits)
    for name, what in (("plot", "one network"), ("curves", "curves of a network")):
        if getattr(args, name) is not None:
            raise ValueError(f"--{name} draws {what}; name it with --dnn")
    kinds = catalogue()
    if args.json:
        print(json.dumps(kinds, indent=2))
        return 0
    if args.markdown:
        print_tables([_kind(kind, entries) for kind, entries in kinds.items()], markdown=True)
    else:
        widest = max(len(name) for entries in kinds.values() for name in entries)
        for kind, entries in kinds.items():
            print_table(_kind(kind, entries, widest))
    return 0


def _run_dnn(args: argparse.Namespace, bits: float) -> int:
    profiles = [load_profile(name) for name in args.dnn]
    if args.plot is not None and len(profiles) > 1:
        raise ValueError(f"--plot draws one network, got {len(profiles)} by --dnn; --curves draws several")
    check_files(args.plot, None)
    check_files(args.curves, None)
    outputs = Outputs()
    pictures = {
        "picture": outputs.add("--plot", drawn_to, args.plot, network_figure, profiles[0], bits),
        "curves": outputs.add("--curves", drawn_to, args.curves, curves_figure, [(p, {}) for p in profiles]),
    }
    if args.json:
        answer = [{**profile.to_dict(), **pictures} for profile in profiles]
        outputs.add("the answer", print, json.dumps(answer if len(answer) > 1 else answer[0], indent=2))
        return outputs.finish()
    tables = [network_table(profile, bits) for profile in profiles]
    outputs.add("the answer", functools.partial(print_tables, markdown=args.markdown), tables)
    drawn = [f"{what}: {path}" for what, path in pictures.items() if path]
    for text in drawn or ["--plot FILE.png draws it" if len(profiles) == 1 else "--curves FILE.png draws their curves"]:
        outputs.add("the picture", say, text)
    return outputs.finish()


def _kind(kind: str, entries: dict[str, str], widest: int = 0) -> Table:
    """The names of one kind, below its heading; as a list if ``widest`` tells the width of the names."""
    table = Table(title=Styled(kind, "bold"), listed=True) if widest else Table()
    table.add_column(kind, no_wrap=True, min_width=widest)
    table.add_column("what it is")
    for name, text in entries.items():
        table.add_row(name, text)
    return table
