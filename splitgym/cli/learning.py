"""``splitgym curves``: learning curves of trainings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from splitgym.cli.common import Outputs, add_form, add_trust, check_files, print_table

if TYPE_CHECKING:
    from splitgym.agents.learning import LearningCurves


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Draw what trainings reached on validation seeds, step by step.  Runs that differ in the training seed only\n"
        "are one curve: the interquartile mean over the seeds, in a band from the lowest seed to the highest.  Of a\n"
        "single run the band is the 95 % interval over validation episodes."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym curves runs/mine --plot results/curve.png\n"
        "  splitgym curves runs/five --policies enachi dpp --bound --plot results/curves.png\n"
        "  splitgym curves runs/a-s0 runs/a-s1 runs/a-s2 runs/b-s0 --plot results/curves.png   # a: one curve\n"
        "  splitgym curves zoo:enachi zoo:bursty --csv results/curves.csv"
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="folder of 'splitgym train', also of several --seeds; or zoo:NAME"
    )
    parser.add_argument(
        "--policies", nargs="+", default=[], metavar="POLICY", help="let these play the same episodes, as lines"
    )
    parser.add_argument(
        "--bound",
        nargs="?",
        choices=("clairvoyant", "observer"),
        const="clairvoyant",
        help="also the certified bound of the same episodes, or with 'observer' that for policies that see "
        "observations only",
    )
    parser.add_argument("--csv", metavar="FILE", help="write one row for each training seed and validation")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves (png, pdf or svg)")
    add_form(parser, "summary, lines and rows")
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Read, play what is compared with, and print."""
    from splitgym.agents.learning import learning_curves

    check_files(args.plot, args.csv)
    quiet = False if args.json else None
    found = learning_curves(
        args.runs, policies=args.policies, bound=args.bound or False, trust=args.trust, progress=quiet
    )
    outputs = Outputs()
    if args.csv:
        outputs.add("--csv", found.to_csv, args.csv)
    outputs.add("the answer", _show, args, found)
    if args.plot:
        outputs.add("--plot", found.plot, args.plot)
    return outputs.finish()


def _show(args: argparse.Namespace, found: LearningCurves) -> None:
    if args.json:
        print(found.to_json(), end="")
    else:
        print_table(found.table(), markdown=args.markdown)
