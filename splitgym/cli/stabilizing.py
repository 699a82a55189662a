"""``splitgym stability``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from splitgym.cli.common import (
    Outputs,
    add_form,
    add_policies,
    add_setting,
    add_trust,
    changes_of,
    check_files,
    played_by,
    policies_of,
    print_table,
    progress_bar,
)
from splitgym.cli.engines import add_engine, engine_of

if TYPE_CHECKING:
    from splitgym.evaluation import Stability


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Play one long episode of each policy on the same trace.  Does the average energy keep to the budget, and\n"
        "does the energy debt (the virtual queue Q) stay bounded?  The growth of the debt over the second half has\n"
        "a 95 % interval.  A policy is unstable if all of the interval lies above zero, stable if it does not and\n"
        "ends near zero, undecided if the run is too short for a verdict."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym stability enachi lyap_prog edge\n"
        "  splitgym stability enachi lyap_prog edge --tasks 100000 --plot results/debt.png --csv results/debt.csv\n"
        "  splitgym stability enachi:eta=0.8 enachi --scenario enachi --tasks 20000\n"
        "  splitgym stability enachi progftx --env SplitInferenceMultiUser-v0 --tasks 10000   # frames\n"
        "  splitgym stability all --set budget.energy_j=0.006 --json"
    )
    add_policies(parser)
    add_setting(parser)
    parser.add_argument(
        "--tasks",
        type=int,
        default=100_000,
        help="length of the run in tasks (in frames, where there are several devices)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the trace, the same for all policies")
    add_engine(parser)
    parser.add_argument("--csv", metavar="FILE", help="write energy and debt of every policy and task")
    parser.add_argument("--plot", metavar="FILE", help="draw debt and average energy over time (png, pdf or svg)")
    add_form(parser, "setting and summary")
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Play and print."""
    from splitgym.evaluation import stability

    names = policies_of(args)
    check_files(args.plot, args.csv)
    with progress_bar(args.json, played_by(names)) as progress:
        done = stability(
            names,
            args.env,
            args.scenario,
            args.tasks,
            args.seed,
            changes=changes_of(args.changes),
            trust=args.trust,
            progress=progress,
            **engine_of(args),
        )
    outputs = Outputs()
    if args.csv:
        outputs.add("--csv", done.to_csv, args.csv)
    outputs.add("the answer", _show, args, done)
    if args.plot:
        outputs.add("--plot", done.plot, args.plot)
    return outputs.finish()


def _show(args: argparse.Namespace, done: Stability) -> None:
    if args.json:
        print(done.to_json(), end="")
    else:
        print_table(done.table(), markdown=args.markdown)
