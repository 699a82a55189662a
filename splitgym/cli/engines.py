"""Options that say who works: threads of this process, processes beside it, or a Ray cluster."""

from __future__ import annotations

import argparse
from typing import Any

from splitgym.checks import MOST_THREADS, whole_number


def add_engine(parser: argparse.ArgumentParser) -> None:
    """How many work at once, and where."""
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="work in N processes at once, 1: in this one alone; they change no figure but the time to decide "
        "(default: threads on all cores; with --ray every core of the cluster)",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="work on a Ray cluster: auto (that of this machine), HOST:PORT, or local, which starts one here",
    )


def engine_of(args: argparse.Namespace) -> dict[str, Any]:
    """What :func:`add_engine` was given, as arguments of a function."""
    if args.workers is not None:
        whole_number("--workers", args.workers, 1, MOST_THREADS)
    return {"workers": args.workers, "ray": args.ray}
