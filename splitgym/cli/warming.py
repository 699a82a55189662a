"""``splitgym warmup``."""

from __future__ import annotations

import argparse

from splitgym.cli.common import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = (
        "The first step of an environment compiles its kernels for this processor, which takes some 20 seconds once.\n"
        "This command does it beforehand: after an installation, in an image of a container, before a course.\n\n"
        "examples:\n"
        "  splitgym warmup\n"
        "  splitgym warmup SplitInference-v0 --policies enachi fin --bound\n"
        "  splitgym warmup --policies all --bound                            # whatever an evaluation may need"
    )
    parser.add_argument(
        "env_ids", nargs="*", metavar="ID", help="environments, see 'splitgym list'; all that are shipped, without any"
    )
    parser.add_argument(
        "--policies",
        nargs="+",
        default=[],
        metavar="POLICY",
        help="compile the decisions of these policies, too, in the environments that they play; all: of every policy",
    )
    parser.add_argument("--bound", action="store_true", help="compile the bounds of returns, too")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Compile, and say where the code is kept and how long it took."""
    from splitgym.warming import warmup

    say(str(warmup(args.env_ids, args.policies, bound=args.bound, progress=False if args.quiet else None)))
    return 0
