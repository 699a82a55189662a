"""``splitgym profile --data``: what is measured on labelled batches, its table and its picture."""

from __future__ import annotations

import argparse
from typing import Any

from splitgym.cli.common import check_files, print_table, say
from splitgym.profiles.dnn import DnnProfile
from splitgym.profiling.combining import WAYS, Curves, early_stop
from splitgym.profiling.loading import load_data
from splitgym.profiling.making import check_unmeasured
from splitgym.profiling.measured import FILLS, IMPORTANCES, Measured
from splitgym.profiling.measuring import measure_structure
from splitgym.profiling.structure import Structure
from splitgym.show.curves import curves_figure
from splitgym.show.tables import Table


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Options of what is measured."""
    group = parser.add_argument_group("measured on data, in place of the numbers above")
    group.add_argument(
        "--data", metavar="MODULE:NAME", help="labelled batches (a DataLoader, a list), or a function that gives them"
    )
    group.add_argument(
        "--calibration",
        metavar="MODULE:NAME",
        help="likewise, for the order of channels, their means and the exits' thresholds (default: the data)",
    )
    group.add_argument("--importance", choices=IMPORTANCES, default="taylor", help="which channels are sent first")
    group.add_argument("--fill", choices=FILLS, default="mean", help="what the server puts for missing channels")
    group.add_argument(
        "--curve", choices=WAYS, default="auto", help="the exponential where it fits to 3 points, else the table"
    )
    group.add_argument("--curves", metavar="FILE", help="draw measured accuracies beside the curves of the profile")


def check_measuring(args: argparse.Namespace) -> None:
    """Refuse options that go together with data, or cannot."""
    if args.data is None:
        for name, default in (("calibration", None), ("importance", "taylor"), ("fill", "mean"), ("curve", "auto")):
            if getattr(args, name) != default:
                raise ValueError(f"--{name} needs --data, the labelled batches to measure on")
    else:
        names = ("accuracy", "chance", "steepness", "shares")
        check_unmeasured(**{f"--{name}": getattr(args, name) for name in names})
    check_files(args.curves, None)


def measure_for(args: argparse.Namespace, structure: Structure) -> Measured | None:
    """What was measured on ``--data``, if it is given."""
    if args.data is None:
        return None
    data = load_data("--data", args.data)
    calibration = None if args.calibration is None else load_data("--calibration", args.calibration)
    options = {"calibration": calibration, "importance": args.importance, "fill": args.fill}
    return measure_structure(structure, data, **options)


def curves_of(profile: DnnProfile, measured: Measured | None, curves: Curves | None) -> Any:
    """The figure of ``--curves``: measured points beside what is fitted; without a measurement, the curves alone."""
    points = {} if measured is None else {cut.name: (cut.shares, cut.accuracies) for cut in measured.cuts}
    fitted = {} if curves is None else {name: fit.steepness for name, fit in curves.fits.items()}
    return curves_figure([(profile, points)], fitted)


def show_measured(measured: Measured, curves: Curves) -> None:
    """Print a table of the cuts, with the curves that were fitted to them, and one of the exits."""
    table = Table(title=f"measured on {measured.samples} samples: {100.0 * measured.accuracy_full:.1f} % right")
    for name in ("cut", "channels", "k fitted", "largest error", "10 % sent", "25 % sent", "50 % sent"):
        table.add_column(name, justify="left" if name == "cut" else "right", no_wrap=True)
    for cut in measured.cuts:
        fit = curves.fits[cut.name]
        reached = [f"{100.0 * cut.accuracy_at(share):.1f} %" for share in (0.1, 0.25, 0.5)]
        told = f"{100.0 * fit.error:.1f} points"
        table.add_row(cut.name, str(len(cut.order)), f"{fit.steepness:g}", told, *reached)
    print_table(table)
    for leave in measured.exits:
        say(
            f"exit {leave.name}: answers {leave.answered:.1%} of the samples, {leave.accuracy:.1%} of them rightly; "
            f"share {leave.share:.1%}"
        )
    if measured.exits:
        say(f"accuracy with the exits: {measured.accuracy_exits:.1%}")
    values: dict[str, Any] = early_stop(measured)
    if values:
        say("the uncertainty, for [early_stop]: " + ", ".join(f"{key} = {value:.3g}" for key, value in values.items()))
