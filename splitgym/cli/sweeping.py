"""``splitgym sweep``."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from splitgym.checks import MOST_VALUES
from splitgym.cli.common import (
    Outputs,
    add_form,
    add_measures,
    add_policies,
    add_setting,
    add_store,
    add_threads,
    add_trust,
    changes_of,
    check_files,
    measures_of,
    played_by,
    policies_of,
    print_table,
    progress_bar,
    say,
    tell_kept,
)
from splitgym.cli.engines import add_engine, engine_of
from splitgym.quoting import shown
from splitgym.specs import parts_of
from splitgym.toml import read_pairs
from splitgym.worlds.world import world_of

if TYPE_CHECKING:
    from splitgym.evaluation import Sweep

_MOST_DIGITS = 18
_RANGE = re.compile(r"\s*([+-]?\d+):([+-]?\d+)(?::([+-]?\d+))?\s*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Compare policies at several values of one or more keys of the scenario.  Prints a table for each measure\n"
        "(a row for each value, a column for each policy) and draws a line for each policy.  At each value all\n"
        "policies meet the same traces; all values use the same seeds."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym sweep enachi effect edge --over tasks.hint_std=0,0.1,0.3,1\n"
        "  splitgym sweep enachi effect edge --scenario enachi --episodes 3 --plot results/deadline.png \\\n"
        "    --over tasks.deadline_min_s,tasks.deadline_max_s=0.1,0.125,0.15,0.2,0.25,0.3\n"
        "  splitgym sweep all --over radio.distance_m=200:1400:200 --measures accuracy energy final_debt\n"
        "  splitgym sweep all --env HardwareSplit-v0 --over hardware=vgg16,vit,resnet50 --csv results/networks.csv\n"
        "\n"
        "values are TOML, plain words are strings; A:B and A:B:STEP are whole numbers from A to B, B included.\n"
        "For a misspelt key the message names the nearest one and all keys of its section."
    )
    add_policies(parser)
    add_setting(parser)
    parser.add_argument(
        "--over",
        action="append",
        required=True,
        metavar="KEY[,KEY...]=VALUES",
        help="dotted path of the swept key and its values, e.g. radio.distance_m=200,400,800 or users.count=1:20; "
        "several keys, and repeated --over, move together",
    )
    parser.add_argument("--episodes", type=int, default=20, help="episodes at each value; episode i plays SEED + i")
    parser.add_argument("--seed", type=int, default=0, help="first seed, the same at every value")
    add_threads(parser)
    add_engine(parser)
    add_measures(parser, "show these measures, not the two that 'evaluate' draws")
    parser.add_argument(
        "--csv", metavar="FILE", help="write one row for each value, policy and episode; updated after every value"
    )
    parser.add_argument("--plot", metavar="FILE", help="draw a panel for each measure (png, pdf or svg)")
    add_form(parser, "setting, summaries and rows")
    add_store(parser)
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate at every value and print."""
    from splitgym.evaluation.sweeps import chosen_measures, sweep

    over, names, measures = over_of(args.over), policies_of(args), measures_of(args)
    chosen_measures(world_of(args.env), measures)  # refuses misspelt ones before anything is played
    check_files(args.plot, args.csv)
    saved = 0

    def each(done: Sweep) -> None:
        nonlocal saved
        if args.csv:
            done.to_csv(args.csv)
            saved = len(done.results)

    setting: dict[str, Any] = {"changes": changes_of(args.changes), "num_threads": args.threads}
    setting |= {"trust": args.trust, "store": args.store, **engine_of(args)}
    with progress_bar(args.json, played_by(names) * _count(over)) as progress:
        try:
            done = sweep(
                names, args.env, args.scenario, over, args.episodes, args.seed, **setting, progress=progress, each=each
            )
        except (KeyboardInterrupt, OSError, ValueError) as error:
            if saved:
                say(f"the first {saved} of {_count(over)} values are kept in {args.csv}", aside=True)
            if not isinstance(error, ValueError):
                tell_kept(args.store)
            raise
    outputs = Outputs()
    outputs.add("the answer", _show, args, done)
    if args.plot:
        outputs.add("--plot", done.plot, args.plot, measures)
    return outputs.finish()


def _show(args: argparse.Namespace, done: Sweep) -> None:
    if args.json:
        print(done.to_json(), end="")
    else:
        print_table(done.table(measures_of(args)), markdown=args.markdown)


def _count(over: dict[str, list[Any]]) -> int:
    return max(map(len, over.values()))


def over_of(given: list[str]) -> dict[str, list[Any]]:
    """``["a.b,a.c=1,2", "d=1:2"]`` -> ``{"a.b": [1, 2], "a.c": [1, 2], "d": [1, 2]}``.

    Raises ``ValueError`` for anything but KEY=VALUES, for an empty range, and for a key given twice.
    """
    over: dict[str, list[Any]] = {}
    for pair in given:
        keys, equals, values = pair.partition("=")
        names = [key.strip() for key in keys.split(",")]
        if not equals or not all(names) or not values.strip():
            raise ValueError(f"--over needs KEY[,KEY...]=VALUES, got {shown(pair)}")
        found = [value for part in parts_of(values) for value in _values(part)]
        for name in names:
            if name in over:
                raise ValueError(f"--over names {shown(name)} twice")
            over[name] = found
    return over


def _values(part: str) -> list[Any]:
    """Numbers of a range, or the one TOML value or word."""
    match = _RANGE.fullmatch(part)
    if match is None:
        if re.fullmatch(r"[\d.eE+^*-]+(:[\d.eE+^*-]+)+", part):
            raise ValueError(f"--over: a range A:B or A:B:STEP takes whole numbers, got {shown(part)}; list the values")
        return list(read_pairs([f"x={part}"], "--over").values())
    low, high, step = (_bound(part, number) for number in (match[1], match[2], match[3] or "1"))
    if step < 1 or high < low:
        raise ValueError(f"--over: the range {shown(part)} holds nothing; A:B:STEP needs A <= B and STEP >= 1")
    count = (high - low) // step + 1
    if count > MOST_VALUES:
        raise ValueError(f"--over: the range {shown(part)} holds {count} values, at most {MOST_VALUES} can be swept")
    return list(range(low, high + 1, step))


def _bound(part: str, number: str) -> int:
    if len(number) > _MOST_DIGITS:
        raise ValueError(f"--over: the range {shown(part)} has a bound of more than {_MOST_DIGITS} digits")
    return int(number)
