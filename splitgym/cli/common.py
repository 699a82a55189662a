"""Pieces that several commands share."""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from splitgym.evaluation.play import PREPARING
from splitgym.extras import need
from splitgym.files import PICTURES
from splitgym.policy import policy_names
from splitgym.strict import read_pairs


def add_policies(parser: argparse.ArgumentParser) -> None:
    """The policies that a command compares."""
    parser.add_argument(
        "policies",
        nargs="+",
        metavar="POLICY",
        help="registered names, with parameters as NAME:KEY=VALUE,KEY=VALUE; paths of trained agents; 'all' baselines",
    )


def policies_of(args: argparse.Namespace) -> list[str]:
    """What :func:`add_policies` was given, each once, with the baselines of the environment for ``all``."""
    names = [name for given in args.policies for name in (policy_names(args.env) if given == "all" else [given])]
    return list(dict.fromkeys(names))


def add_setting(parser: argparse.ArgumentParser) -> None:
    """Arguments that choose environment, scenario and changes to it."""
    parser.add_argument("--env", default="SplitInference-v0", metavar="ID", help="environment id, see 'splitgym list'")
    parser.add_argument("--scenario", default="default", metavar="NAME|FILE.toml", help="preset or TOML file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="change a value of the scenario by its dotted path, e.g. radio.shadowing_db=4 (may be repeated)",
    )


def changes_of(pairs: list[str]) -> dict[str, Any]:
    """``["radio.shadowing_db=4"]`` -> ``{"radio.shadowing_db": 4}``; values are TOML, plain words are strings."""
    return read_pairs(pairs, "--set")


@contextlib.contextmanager
def progress_bar(quiet: bool, total: int = 0) -> Iterator[Callable[[str, float], None] | None]:
    """A callback ``(name, share)`` that draws one bar on standard error: its share of all ``total`` names.

    What is being prepared counts as what it will be.  Yields ``None`` when quiet.
    """
    if quiet:
        yield None
        return
    rich_progress, console = need("rich.progress", "report"), need("rich.console", "report").Console(stderr=True)
    words = rich_progress.TextColumn("{task.description}", markup=False)
    columns = (words, *rich_progress.Progress.get_default_columns()[1:])
    with rich_progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        seen: dict[str, float] = {}

        def show(name: str, share: float) -> None:
            seen[name.replace(PREPARING, "")] = share
            bar.update(task, description=name, completed=sum(seen.values()))

        yield show


def check_files(plot: str | None, csv: str | None, report: str | None = None) -> None:
    """Refuse before the work what would fail after it: files that cannot be written, a library that is missing."""
    if report:
        need("plotly", "report")
        need("jinja2", "report")
    if plot:
        need("matplotlib", "report")
        if Path(plot).suffix.lower() not in PICTURES:
            raise ValueError(f"--plot needs a file that ends in {', '.join(PICTURES)}, got {plot!r}")
    for option, path in (("--csv", csv), ("--plot", plot), ("--report", report)):
        if not path:
            continue
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"{option} {path} cannot be written: {error}") from error
        if Path(path).is_dir():
            raise ValueError(f"{option} needs a file, got the folder {path!r}")


def print_table(table: Any) -> None:
    """Print a rich table as wide as it needs to be, so that a pipe does not cut it; brackets in it are no markup."""
    console_class = functools.partial(need("rich.console", "report").Console, markup=False, emoji=False)
    console = console_class()
    if not console.is_terminal:
        wide = console_class(width=10_000)
        console = console_class(width=max(console.width, wide.measure(table).maximum))
    console.print(table)
