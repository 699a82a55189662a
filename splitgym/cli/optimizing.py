"""``splitgym optimize``: search the decisions of a scenario for a Pareto front."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled

from splitgym.baselines.search import RATINGS, SEARCHES, Problem, budget_of, compare_searches, problem_of, search
from splitgym.cli.common import (
    Outputs,
    add_form,
    add_setting,
    changes_of,
    check_output,
    play_command,
    print_table,
    progress_bar,
    say,
)
from splitgym.cli.measuring import Measured, measured_setting
from splitgym.encodings import Axis
from splitgym.evaluation.statistics import mean_interval
from splitgym.extras import need
from splitgym.files import refuse_link, save_figure
from splitgym.fronts import Front
from splitgym.show.tables import Table
from splitgym.specs import policy_spec
from splitgym.worlds.hardware.workload import SEED
from splitgym.worlds.world import world_of

ENV = "HardwareSplit-v0"
#: Fronts up to this length are printed whole, longer ones by their ends.
_LONGEST = 24
_SHOWN_UNITS = {"Hz": ("MHz", 1e-6), "W": ("mW", 1e3), "s": ("ms", 1e3), "bit": ("kbit", 1e-3)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Search the decisions of a scenario for a Pareto front of latency, accuracy and energy: DynaSplit's offline\n"
        "phase.  Writes OUT.json (the front, for the policy dynasplit) and OUT.png (a picture).  nsga3 keeps every\n"
        "evaluation in an SQLite file: to go on after an interruption, or with a greater budget, repeat the command."
        "\n\n--network takes a table of measured runs, too: a line each, columns clock_mhz, accelerator, split, gpu,\n"
        "latency_ms, energy_edge_j, energy_cloud_j, accuracy.  What was measured is searched and played; --fit fits a\n"
        "profile to it and says how well.  The picture shows the runs.  Columns of other names:\n"
        "--set hardware.columns.clock=cpu --set hardware.units.clock=GHz."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym optimize --network vgg16                            the published search: NSGA-III, 20 %\n"
        "  splitgym optimize --network vit --search exhaustive          the true front\n"
        "  splitgym optimize --network vit --compare 20                 what NSGA-III gains over random search\n"
        "  splitgym optimize --network vgg16 --budget 0.8               goes on to four fifths of the space\n"
        "  splitgym optimize --network runs.csv --search exhaustive     what was measured, and nothing else\n"
        "  splitgym optimize --network runs.csv --fit mine.toml         a profile fitted to it, and its errors\n"
        "  splitgym evaluate dynasplit:front=results/front-vgg16-nsga3.json --env HardwareSplit-v0"
    )
    add_setting(parser)
    parser.set_defaults(env=ENV)
    parser.add_argument(
        "--network",
        metavar="NAME|FILE",
        help="hardware profile, or a table of measured runs (.csv); the same as --set hardware=NAME",
    )
    parser.add_argument(
        "--fit", metavar="FILE.toml", help="fit a profile to the table --network FILE.csv, keep it there and search it"
    )
    parser.add_argument("--search", default="nsga3", metavar="NAME", help=f"method: one of {', '.join(SEARCHES)}")
    parser.add_argument("--budget", type=float, default=0.2, help="share of the valid decisions that it may evaluate")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the search (the published one)")
    parser.add_argument(
        "--out", metavar="OUT", help="name of the files without ending (default: results/front-NETWORK-SEARCH)"
    )
    parser.add_argument("--storage", metavar="FILE", help="SQLite file of nsga3 (default: OUT.sqlite)")
    parser.add_argument(
        "--compare",
        type=int,
        default=0,
        metavar="N",
        help="also compare nsga3 with random over N seeds, with the same budget",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")
    add_form(parser, "the front and the comparison")


def run(args: argparse.Namespace) -> int:
    """Search, write and print."""
    SEARCHES[args.search]  # refuses a misspelt name before anything else happens
    measured = _measured(args)
    problem = problem_of(world_of(args.env), measured.scenario)
    budget_of(problem, args.budget)
    out = Path((args.out or f"results/front-{_label(args, problem)}-{args.search}").removesuffix(".json"))
    storage = args.storage or (f"{out}.sqlite" if args.search == "nsga3" else None)
    if storage and not args.storage:
        refuse_link(Path(storage), "search")
    for option, path in (("--out", f"{out}.json"), ("--out", f"{out}.png"), ("--storage", storage)):
        if path is not None:
            check_output(option, path)
    if args.compare:
        need("moocore", "search")
    with progress_bar(args.quiet or args.json, 2 if args.compare else 1) as show:
        try:
            front = _search(args, problem, storage, show)
        except KeyboardInterrupt:
            if storage:
                say(f"what was evaluated is kept in {storage}; to go on, repeat the command", aside=True)
            raise
        file = front.save(f"{out}.json")
        compared = _compare(args, problem, show) if args.compare else {}
    outputs = Outputs()
    if measured.fit:
        outputs.add("--fit", measured.fit.profile.save, args.fit)
    drawn = outputs.add("the picture", _draw, args, problem, front, Path(f"{out}.png"), measured.values)
    picture, trouble = drawn or (None, "see below")
    files = {"front": str(file), "picture": str(picture) if picture else None, "storage": storage}
    files |= {"profile": args.fit} if args.fit else {}
    outputs.add("the answer", _show, args, problem, front, compared, files, trouble, measured)
    return outputs.finish()


def _show(
    args: argparse.Namespace,
    problem: Problem,
    front: Front,
    compared: dict[str, dict[str, dict[str, float | None]]],
    files: dict[str, str | None],
    trouble: str,
    measured: Measured,
) -> None:
    if args.json:
        counts = {"raw": problem.raw, "valid": len(problem.table)}
        more = {**counts, "comparison": compared, "files": files, **measured.content}
        print(json.dumps({**front.to_dict(), **more}, indent=1))
        return
    print_table(_table(args, problem, front), markdown=args.markdown)
    for rating, methods in compared.items():
        print(f"{RATINGS[rating][1]}; {args.compare} seeds")
        for method, figures in methods.items():
            print(f"  {method:<7} {_spread(figures)}")
    if problem.caveat:
        say(problem.caveat)
    if measured.told:
        say(measured.told)
    if args.fit:
        say(f"profile: {args.fit}")
    picture = f"picture: {files['picture']}" if files["picture"] else f"no picture: {trouble}"
    say(f"front:   {files['front']}\n{picture}\nuse it:  {_usage(args, str(files['front']))}")


def _measured(args: argparse.Namespace) -> Measured:
    world, changes = world_of(args.env), changes_of(args.changes)
    if args.network:
        keys = [field.name for field in dataclasses.fields(world.load_scenario(args.scenario))]
        if "hardware" not in keys:
            raise ValueError(
                f"--network is for {ENV}: scenarios of {args.env} have no key 'hardware' ({args.scenario})"
            )
        changes["hardware"] = args.network
    return measured_setting(world, args.scenario, changes, args.fit)


def _label(args: argparse.Namespace, problem: Problem) -> str:
    """What distinguishes files of different settings."""
    label = Path(args.network).stem if args.network else problem.scenario
    return label if args.env == ENV else f"{args.env}-{label}"


def _changes(args: argparse.Namespace) -> list[str]:
    """What a command changes to play the same: of a table that was fitted, the profile takes the place."""
    if args.fit:
        return [*(c for c in args.changes if not c.strip().startswith("hardware")), f"hardware={args.fit}"]
    return [*args.changes, *([f"hardware={args.network}"] if args.network else [])]


def _setting(args: argparse.Namespace, problem: Problem) -> str:
    return ", ".join([problem.env_id, f"scenario {problem.scenario}", *_changes(args)])


def _search(args: argparse.Namespace, problem: Problem, storage: str | None, show: Any) -> Front:
    progress = (lambda done, total: show(args.search, done / total)) if show else None
    return search(problem, args.search, budget=args.budget, seed=args.seed, storage=storage, progress=progress)


def _compare(args: argparse.Namespace, problem: Problem, show: Any) -> dict[str, dict[str, dict[str, float | None]]]:
    """Rating -> method -> mean with the half-width of its 95 % interval, the least and the greatest."""
    progress = (lambda done, total: show("comparison", done / total)) if show else None
    ratings = compare_searches(problem, share=args.budget, seeds=range(args.compare), progress=progress)
    return {rating: {name: _figures(row) for name, row in methods.items()} for rating, methods in ratings.items()}


def _figures(row: np.ndarray) -> dict[str, float | None]:
    mean, half = mean_interval(row)
    interval = half if len(row) > 1 else None
    return {"mean": mean, "interval": interval, "min": float(row.min()), "max": float(row.max())}


def _spread(figures: dict[str, float | None]) -> str:
    interval = "" if figures["interval"] is None else f" ± {figures['interval']:.3f} (95 %)"
    return f"mean {figures['mean']:.3f}{interval}, {figures['min']:.3f} to {figures['max']:.3f}"


def _draw(
    args: argparse.Namespace, problem: Problem, front: Front, path: Path, runs: np.ndarray
) -> tuple[Path | None, str]:
    """Save the picture; without Matplotlib there is none, and the reason instead."""
    from splitgym.show.front import front_figure

    share = front.evaluated / len(problem.table)
    title = f"{_setting(args, problem)}: {front.search}, {100 * share:.0f} % evaluated"
    title += f"\n{problem.caveat}" if problem.caveat else ""
    try:
        figure = front_figure(problem.values, front, title, runs)
    except DependencyNotInstalled as error:
        return None, str(error)
    return save_figure(figure, path), ""


def _table(args: argparse.Namespace, problem: Problem, front: Front) -> Table:
    """The front in units for people, most frugal entry first."""
    table = Table(
        title=f"{_setting(args, problem)}: {len(front)} of {front.evaluated} evaluated decisions are "
        f"not dominated ({front.search}, seed {front.seed}, {len(problem.table)} valid)",
        caption="\n".join(f"{_title(axis)}: {axis.meaning}" for axis in problem.axes),
        caption_justify="left",
    )
    for axis in problem.axes:
        unit = "" if axis.labels else _SHOWN_UNITS.get(axis.unit, (axis.unit, 1.0))[0]
        name = _title(axis)
        table.add_column(f"{name}\n{unit if unit not in ('1', name) else ''}".rstrip(), justify="right", no_wrap=True)
    for name in ("latency\nms", "energy\nJ", "accuracy\n%"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    shown = range(len(front))
    for entry in shown if len(front) <= _LONGEST else [*shown[: _LONGEST // 2], None, *shown[-_LONGEST // 2 :]]:
        table.add_row(*(_cells(problem.axes, front, entry) if entry is not None else ["…"] * (len(problem.axes) + 3)))
    return table


def _title(axis: Axis) -> str:
    """An axis's name without its unit."""
    return axis.name.removesuffix(f"_{axis.unit.lower()}")


def _cells(axes: tuple[Axis, ...], front: Front, entry: int) -> list[str]:
    decision = zip(axes, front.decisions[entry].tolist(), strict=True)
    cells = [_shown(axis, value) for axis, value in decision]
    accuracy = front.accuracy[entry]
    cells += [f"{1e3 * front.latency_s[entry]:.1f}", f"{front.energy_j[entry]:.4g}"]
    cells.append("-" if accuracy != accuracy else f"{100.0 * accuracy:.1f}")
    marks = [word for place, word in ((front.frugal(), "most frugal"), (front.fastest(), "fastest")) if place == entry]
    return [*cells, ", ".join(marks)]


def _shown(axis: Axis, value: float) -> str:
    """A level by its name, or its value in the unit shown."""
    if axis.labels:
        return axis.labels[axis.levels.index(value)]
    return f"{value * _SHOWN_UNITS.get(axis.unit, ('', 1.0))[1]:g}"


def _usage(args: argparse.Namespace, file: str) -> str:
    """The command that plays the front in the setting that it was made for."""
    return play_command([policy_spec("dynasplit", {"front": file})], args.env, args.scenario, _changes(args))
