"""``splitgym evaluate``."""

from __future__ import annotations

import argparse
from typing import Any

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
    tell_kept,
)
from splitgym.cli.engines import add_engine, engine_of
from splitgym.suites import SPLITS
from splitgym.worlds.world import world_of

EPISODES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = (
        "examples:\n"
        "  splitgym evaluate all --episodes 50\n"
        "  splitgym evaluate enachi lyap_prog edge effect --scenario enachi --episodes 5\n"
        "  splitgym evaluate zoo:enachi enachi --scenario enachi              # trained agents, see 'splitgym list'\n"
        "  splitgym evaluate enachi runs/ppo --csv results/mine.csv --plot results/mine.png\n"
        "  splitgym evaluate all --episodes 100 --bound --store results/mine  # interrupted? the same goes on\n"
        "  splitgym evaluate enachi myopic runs/ppo --suite robustness --plot results/shifts.png\n"
        "  splitgym evaluate all --measures return,energy,latency_p95_s,missed --markdown\n"
        "  splitgym evaluate all --bound --report results/page.html\n"
        "  splitgym evaluate all --episodes 10 --bound observer --store results/mine\n"
        "  splitgym evaluate all --env HardwareSplit-v0 --scenario published\n"
        "  splitgym evaluate 'dynasplit:front=results/front.json' --env HardwareSplit-v0\n"
        "  splitgym evaluate enachi --set tasks.deadline_min_s=0.2 --set tasks.deadline_max_s=0.2 --scenario enachi"
    )
    add_policies(parser)
    add_setting(parser)
    parser.add_argument("--suite", metavar="NAME|FILE.toml", help="play all cases of a suite, on its own seeds")
    parser.add_argument("--split", default=SPLITS[-1], help="part of the suite: test, or validation for tuning")
    parser.add_argument(
        "--episodes", type=int, default=EPISODES, help="number of episodes; episode i plays seed SEED + i"
    )
    parser.add_argument("--seed", type=int, default=0, help="first seed; all policies meet the same traces")
    add_threads(parser)
    add_engine(parser)
    parser.add_argument("--csv", metavar="FILE", help="write one row for each policy and episode")
    parser.add_argument("--plot", metavar="FILE", help="draw the comparison (png, pdf or svg)")
    parser.add_argument(
        "--report",
        metavar="FILE.html",
        help="write a page with figures and tables (needs no network); best with --bound",
    )
    columns = parser.add_mutually_exclusive_group()
    columns.add_argument("--wide", action="store_true", help="show all measures, not only the few that count")
    add_measures(columns, "show these measures, e.g. return,accuracy,latency_p95_s")
    add_form(parser, "setting, summary and rows")
    parser.add_argument(
        "--bound",
        nargs="?",
        choices=("clairvoyant", "observer"),
        const="clairvoyant",
        help="show each policy's gap to a certified bound on any return, or with 'observer' to what a policy can reach "
        "that sees observations only (some seconds a trace); write it behind the policies",
    )
    add_store(parser)
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    check_files(args.plot, args.csv, args.report)
    if args.split != SPLITS[-1] and not args.suite:
        raise ValueError("--split is for suites; add --suite")
    try:
        results = _suite(args) if args.suite else _one(args)
    except (KeyboardInterrupt, OSError):
        tell_kept(args.store)
        raise
    outputs = Outputs()
    if args.csv:
        outputs.add("--csv", results.to_csv, args.csv)
    outputs.add("the answer", _show, args, results)
    if args.plot:
        outputs.add("--plot", results.plot, args.plot)
    if args.report:
        outputs.add("--report", results.to_html, args.report)
    return outputs.finish()


def _show(args: argparse.Namespace, results: Any) -> None:
    if args.json:
        print(results.to_json(), end="")
    else:
        chosen = {} if args.suite else {"measures": measures_of(args), "wide": args.wide}
        print_table(results.table(**chosen), markdown=args.markdown)


def _one(args: argparse.Namespace) -> Any:
    from splitgym.evaluation import evaluate
    from splitgym.evaluation.results import chosen_columns

    names, measures = policies_of(args), measures_of(args)
    if measures is not None:  # misspelt ones are refused before anything is played
        chosen_columns(world_of(args.env), measures, bounded=bool(args.bound))
    with progress_bar(args.json, played_by(names) + bool(args.bound)) as progress:
        return evaluate(
            names,
            args.env,
            args.scenario,
            args.episodes,
            args.seed,
            changes=changes_of(args.changes),
            num_threads=args.threads,
            trust=args.trust,
            bound=args.bound or False,
            store=args.store,
            progress=progress,
            **engine_of(args),
        )


def _suite(args: argparse.Namespace) -> Any:
    from splitgym.evaluation import evaluate_suite
    from splitgym.suites import load_suite

    suite = load_suite(args.suite)
    for option, given in (("--wide", args.wide), ("--measures", args.measures)):
        if given:
            raise ValueError(f"{option} is not for suites, whose table shows scores; --json has every measure")
    for option, given, default in (
        ("--scenario", args.scenario, "default"),
        ("--set", args.changes, []),
        ("--episodes", args.episodes, EPISODES),
        ("--seed", args.seed, 0),
    ):
        if given != default:
            raise ValueError(f"{option} {given} is not for suites: {suite.name!r} brings its own scenarios and seeds")
    args.env = suite.environment
    names = policies_of(args)
    options = {"num_threads": args.threads, "trust": args.trust, "store": args.store, **engine_of(args)}
    options["bound"] = args.bound or "clairvoyant"
    total = (played_by(names) + 1 + ("random" not in names)) * len(suite.cases(args.split))
    with progress_bar(args.json, total) as progress:
        return evaluate_suite(names, suite, args.split, **options, progress=progress)
