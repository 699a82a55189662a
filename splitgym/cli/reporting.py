"""``splitgym report``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from splitgym.cli.common import add_trust, check_output, say
from splitgym.extras import need

#: Formats of single figures.
FORMATS = ("png", "pdf", "svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = (
        "examples:\n"
        "  splitgym evaluate all --episodes 50 --bound --store results/mine\n"
        "  splitgym report results/mine                     # results/mine/report.html: open it in a browser\n"
        "  splitgym report results/mine --figures png pdf   # every figure for a paper, too\n"
        "  splitgym report results/mine results/theirs --out results/both.html"
    )
    parser.add_argument("stores", nargs="+", metavar="DIR", help="folder of 'splitgym evaluate --store DIR'")
    parser.add_argument("--out", metavar="FILE", help="file of the page (default: report.html in the first folder)")
    parser.add_argument("--figures", nargs="+", default=[], choices=FORMATS, help="also write every figure to files")
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Load the stores, write the page and say where it is."""
    from splitgym.evaluation import report
    from splitgym.evaluation.store import Store, code_version

    stores = [Store(folder) for folder in args.stores]
    page = Path(args.out) if args.out else Path(args.stores[0]) / "report.html"
    for module in ("plotly", "jinja2", *(["matplotlib"] if args.figures else [])):
        need(module, "report")
    check_output("--out", page)
    if not args.out and page.exists() and not page.is_file():  # a pipe would be waited for without an end
        raise ValueError(f"{page} is not a file; remove it, or choose another page (--out)")
    many = [results for store in stores for results in store.results()]
    old = {entry[2] for store in stores for entry in store.contents()} - {code_version()}
    path = report(many, page, figures=args.figures, trust=args.trust)
    for store in stores:
        for reason in store.refused.values():
            say(f"note: left out: {reason}")
    if old:
        say(f"note: some episodes come from other versions of the code ({', '.join(sorted(old))})")
    say(f"{path}  ({path.stat().st_size / 1e6:.1f} MB; needs no network)")
    if args.figures:
        say(f"{path.with_name(path.stem + '-figures')}{os.sep}")
    return 0
