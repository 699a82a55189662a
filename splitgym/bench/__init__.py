"""``splitgym bench``: rates beside those of other simulators, measured in one run; nothing is asserted."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
from typing import Any

from gymnasium.error import DependencyNotInstalled

from splitgym.bench.measuring import Budget, NotMeasured, Row
from splitgym.bench.rates_page import history, number, page
from splitgym.checks import MOST_THREADS, file_path, whole_number
from splitgym.cli.common import Outputs, add_form, check_output, print_table, progress_bar
from splitgym.engines.threads import cores
from splitgym.extras import need
from splitgym.files import written
from splitgym.progress import Progress
from splitgym.quoting import shown
from splitgym.ranges import Range
from splitgym.show.tables import Styled, Table

#: Group -> (module, function measuring it, help).
GROUPS = {
    "batch": ("simulation", "batch_rows", "native batch beside EnvPool, mobile-env, gymnax and PufferLib"),
    "single": ("simulation", "single_rows", "one environment beside CartPole-v1"),
    "parts": ("parts", "part_rows", "where the time of a step goes, of one environment and of a batch"),
    "policies": ("simulation", "policy_rows", "time of a decision of every policy"),
    "hardware": ("hardware", "hardware_rows", "HardwareSplit-v0, and DynaSplit's choice of a configuration"),
    "multiuser": ("multiuser", "multiuser_rows", "SplitInferenceMultiUser-v0, and ENACHI for N users"),
    "placement": ("placement", "placement_rows", "BlockPlacement-v0, and FIN beside exact solvers"),
    "evaluation": ("evaluation", "evaluation_rows", "a whole evaluation of ten policies, and where its time goes"),
    "workers": ("workers", "worker_rows", "an evaluation by 1, 2 and 4 workers, and what a task costs"),
    "scaling": ("scaling", "scaling_rows", "time and memory against rows, users, tasks, gamma, nodes; with exponents"),
    "limit": ("limit", "limit_rows", "the batch beside the same model in C, compiled on the spot; what a slot costs"),
    "startup": ("startup", "startup_rows", "import and first step, in fresh interpreters"),
    "training": ("training", "training_rows", "PPO beside PPO on a free environment"),
}
PACKAGES = ("splitgym", "gymnasium", "numpy", "numba", "torch", "stable-baselines3", "envpool", "mobile-env")


def add_bench_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    groups = "\n".join(f"  {name:<12}{text}" for name, (_, _, text) in GROUPS.items())
    parser.epilog = f"groups:\n{groups}\nexample:\n  splitgym bench --only batch --only single --seconds 2"
    parser.epilog += "\n  splitgym bench --html bench.html"
    parser.add_argument(
        "--only", action="append", choices=list(GROUPS), help="measure only this group (may be repeated)"
    )
    parser.add_argument("--seconds", type=float, default=0.3, help="seconds of one measurement")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each contender, taken in turn")
    parser.add_argument("--threads", type=int, default=2, help="threads of the batch, measured beside one thread")
    parser.add_argument(
        "--peers",
        metavar="PYTHON",
        default=sys.executable,
        help="a Python with gymnax or PufferLib (default: this one)",
    )
    parser.add_argument(
        "--html", metavar="FILE", help="also write the rows as a page, beside those that are kept of earlier versions"
    )
    add_form(parser, "machine and rows")


def run_bench(args: argparse.Namespace) -> int:
    """Measure, print a table or JSON, write the page, return 0 whatever the rates are.

    The JSON is ``{"machine": {...}, "rows": [...], "skipped": {...}}``.  A row has the keys of
    :meth:`splitgym.bench.measuring.Row.to_dict`: group, name, value, unit, peer, peer_value, ratio, target, met, note;
    ``skipped`` says why a group is not measured, and how to install what it lacks.

    Raises ``ValueError`` for a length, repeats or threads below their limits.
    """
    Range("s", 1e-4, 3600.0).check("--seconds", args.seconds)
    whole_number("--repeats", args.repeats, 1, 10_000)
    whole_number("--threads", args.threads, 1, MOST_THREADS)
    if shutil.which(file_path("--peers", args.peers)) is None:
        raise ValueError(
            f"--peers needs the Python of an environment, such as .venv/bin/python, got {shown(args.peers)}"
        )
    if args.html is not None:
        need("jinja2", "report")
        check_output("--html", args.html)
    groups = list(dict.fromkeys(args.only or GROUPS))
    setting, rows, skipped = machine(), list[Row](), dict[str, str]()
    with progress_bar(args.json, len(groups)) as show:
        for group in groups:
            try:
                rows += measure(group, args, show or None)
            except (DependencyNotInstalled, NotMeasured) as error:
                skipped[group] = str(error)
    run = {"machine": setting, "rows": [row.to_dict() for row in rows], "skipped": skipped}
    outputs = Outputs()
    outputs.add("the rows", _show, args, run, rows)
    if args.html is not None:
        outputs.add("--html", lambda: written(page(run, titles(), history()), args.html))
    return outputs.finish()


def titles() -> dict[str, str]:
    """Group -> what it measures."""
    return {name: text for name, (_, _, text) in GROUPS.items()}


def kept_page() -> str:
    """The newest run that is kept with the package as a page, beside those before it."""
    *before, newest = history()
    return page(newest, titles(), before)


def _show(args: argparse.Namespace, run: dict[str, Any], rows: list[Row]) -> None:
    if args.json:
        print(json.dumps(run, indent=2))
        return
    print(header(run["machine"]))
    print_table(table(rows), markdown=args.markdown)
    print("".join(f"{group}: {why}\n" for group, why in run["skipped"].items()), end="")


def measure(group: str, args: argparse.Namespace, show: Progress | None) -> list[Row]:
    """Rows of one group.  Raises ``DependencyNotInstalled`` if it lacks an extra, ``NotMeasured`` if something else."""
    module, function, _ = GROUPS[group]
    budget = Budget(
        seconds=args.seconds,
        repeats=args.repeats,
        threads=args.threads,
        python=args.peers,
        show=lambda share: show(group, share) if show else None,
    )
    return getattr(importlib.import_module(f"splitgym.bench.{module}"), function)(budget)


def machine() -> dict[str, Any]:
    """Where and with what the rates are measured: cores, load before the run, versions ('' where not installed)."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = ""
    return {
        "processor": _processor(),
        "cores": cores(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def header(setting: dict[str, Any]) -> str:
    """Two lines on the machine, and how to read the table."""
    load = "unknown" if setting["load"] is None else f"{setting['load']:.2f}"
    versions = ", ".join(f"{name} {version}" for name, version in setting["versions"].items() if version)
    return (
        f"{setting['processor']}, {setting['cores']} cores, load average before the run {load} (idle: 0)\n"
        f"Python {setting['python']}, {versions}\n"
        "Contenders take turns; rates and ratios are medians over the turns.  Trust ratios more than rates.\n"
    )


def table(rows: list[Row]) -> Table:
    """The rows; targets that are missed are marked."""
    result = Table()
    for name, justify in (
        ("measured", "left"),
        ("rate", "right"),
        ("peer", "left"),
        ("peer's rate", "right"),
        ("ratio", "right"),
        ("target", "right"),
        ("met", "left"),
        ("note", "left"),
    ):
        result.add_column(name, justify=justify, no_wrap=name != "note")
    group = rows[0].group if rows else ""
    for row in rows:
        if row.group != group:
            result.add_section()
            group = row.group
        theirs = "" if row.peer_value is None else number(row.peer_value)
        ratio = "" if row.ratio is None else f"{number(row.ratio)} x"
        met = {None: "", True: Styled("yes", "green"), False: Styled("no", "red")}[row.met]
        value = f"{number(row.value)} {row.unit}"
        result.add_row(row.name, value, row.peer or "", theirs, ratio, row.wanted(), met, row.note)
    return result
