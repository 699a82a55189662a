"""``splitgym export``."""

from __future__ import annotations

import argparse

from splitgym.cli.common import check_output
from splitgym.specs import command_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Write a trained agent as one file: weights as safetensors, with its configuration, scenario, steps and "
        "versions as JSON inside.  Such a file is data, so it can be passed on: whoever loads it runs no code of "
        "yours.  It is played by NumPy, without torch, and decides deterministically."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym train --out runs/mine\n"
        "  splitgym export runs/mine                         # writes mine.safetensors\n"
        "  splitgym evaluate mine.safetensors enachi\n"
        "  python -c \"import splitgym; splitgym.load_agent('mine.safetensors')\""
    )
    parser.add_argument("run", metavar="RUN", help="run folder of 'splitgym train', or a .zip file in it")
    parser.add_argument("--out", metavar="FILE", help="file to write, NAME.safetensors (the run's name, here)")


def run(args: argparse.Namespace) -> int:
    """Write the file and say how to play it."""
    from splitgym.agents.exporting import export_agent

    if args.out is not None:
        check_output("--out", args.out)
    file = export_agent(args.run, args.out)
    print(f"wrote {file} ({file.stat().st_size / 1000.0:.0f} kB)")
    print("play it: " + command_line("evaluate", file, "enachi"))
    return 0
