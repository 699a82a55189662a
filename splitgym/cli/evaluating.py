"""``splitgym evaluate``."""

from __future__ import annotations

import argparse

from splitgym.cli.common import add_policies, add_setting, changes_of, policies_of, print_table, progress_bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = (
        "examples:\n"
        "  splitgym evaluate all --episodes 50\n"
        "  splitgym evaluate enachi lyap_prog edge effect --scenario enachi --episodes 5\n"
        "  splitgym evaluate enachi runs/ppo --csv results/mine.csv --plot results/mine.png\n"
        "  splitgym evaluate all --env HardwareSplit-v0 --scenario published\n"
        "  splitgym evaluate 'dynasplit:front=results/front.json' --env HardwareSplit-v0\n"
        "  splitgym evaluate enachi --set tasks.deadline_min_s=0.2 --set tasks.deadline_max_s=0.2 --scenario enachi"
    )
    add_policies(parser)
    add_setting(parser)
    parser.add_argument("--episodes", type=int, default=20, help="episodes; episode i plays seed SEED + i")
    parser.add_argument("--seed", type=int, default=0, help="first seed; every policy meets the same traces")
    parser.add_argument("--threads", type=int, default=1, help="threads of the simulation; results do not depend on it")
    parser.add_argument("--csv", metavar="FILE", help="write one row for each policy and episode")
    parser.add_argument("--plot", metavar="FILE", help="draw the comparison (png, pdf or svg)")
    parser.add_argument("--json", action="store_true", help="print setting, summary and rows as JSON, and nothing else")
    parser.add_argument("--bound", action="store_true", help="each policy's gap to a certified bound on any return")
    parser.add_argument(
        "--store", metavar="DIR", help="keep each episode at once; after a break the same command goes on"
    )
    parser.add_argument("--trust", action="store_true", help="load a model file of unknown origin (it can run code)")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    from splitgym.evaluation import evaluate

    names = policies_of(args)
    with progress_bar(args.json, len(names) + args.bound) as progress:
        results = evaluate(
            names,
            args.env,
            args.scenario,
            args.episodes,
            args.seed,
            changes=changes_of(args.changes),
            num_threads=args.threads,
            trust=args.trust,
            bound=args.bound,
            store=args.store,
            progress=progress,
        )
    if args.csv:
        results.to_csv(args.csv)
    if args.plot:
        results.plot(args.plot)
    if args.json:
        print(results.to_json(), end="")
    else:
        print_table(results.table())
    return 0
