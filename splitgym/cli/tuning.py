"""``splitgym tune``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gymnasium.error import DependencyNotInstalled

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.config import TrainConfig, resumed
from splitgym.agents.study_folder import PICTURE, PLAN_FILE, PRUNERS, Plan, load_plan
from splitgym.agents.tuning import TuningInterrupted, default_study, tune
from splitgym.cli.common import add_form, print_table, progress_bar, say
from splitgym.cli.training import add_hyper, add_setting, adder, hyper_of, setting_of
from splitgym.files import save_figure
from splitgym.show.tables import Table

_STEPS = 500_000
_USUAL = {"reports": 8, "pruner": "median"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; what is not given stays out of the namespace."""
    parser.description = (
        "Search the hyper-parameters of an algorithm by short trainings, with Optuna.  What you give stays as it is, "
        "the rest is searched.  Trials are compared on validation episodes, whose seeds neither training nor "
        "evaluation uses, and those that fall behind are ended early.\n\n"
        "To go on after an interruption, or with more trials, repeat the command; several that run side by side share "
        "the study.  It prints the best settings as a command that trains with them, and leaves best.json, study.png "
        "and study.sqlite (Optuna's) in the folder."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym tune --scenario bursty --trials 60\n"
        "  splitgym tune --study runs/tune-ppo-inference-bursty-s0 --trials 100   # goes on with it\n"
        "  splitgym tune --algo sac --steps 200000 --net 128 128                  # this net, the rest is searched\n"
        "  splitgym tune --over learning_rate gamma --pruner hyperband            # these two only\n"
        "\n"
        "a study is shared by the same command in two terminals:\n"
        "  splitgym tune --study runs/mine"
    )
    add = adder(parser)
    add("--study", metavar="DIR", help="folder of the study (default: runs/tune-ALGO-WORLD-SCENARIO-sSEED)")
    parser.add_argument("--trials", type=int, default=50, help="trials that the study shall hold in the end")
    add(
        "--over", nargs="+", metavar="NAME", help="what is searched (default: all of the algorithm's that is not given)"
    )
    add("--steps", type=int, help=f"decisions of each trial's training (default: {_STEPS})")
    add("--seed", type=int, help="seed of the search and of each training (default: 0)")
    add("--reports", type=int, help=f"validations of a trial (default: {_USUAL['reports']})")
    add("--pruner", choices=PRUNERS, help=f"who ends trials early (default: {_USUAL['pruner']})")
    add_setting(add)
    add_hyper(add)
    add("--quiet", action="store_true", default=False, help="show no progress bar")
    add_form(parser, "the outcome")


def run(args: argparse.Namespace) -> int:
    """Search, write and print; returns 0, or 130 after Ctrl-C."""
    given = vars(args)
    plan, folder = _plan(given)
    own = {name: getattr(plan, name) for name in _USUAL}
    with progress_bar(args.quiet or args.json, args.trials) as show:
        try:
            found = tune(plan.config, folder, trials=args.trials, over=plan.over, **own, progress=show)
        except TuningInterrupted as pressed:
            say(str(pressed), aside=True)
            return 130
    if args.json:
        print(json.dumps({**found.document(), "study": str(folder)}, indent=2))
        _draw(found, folder)
        return 0
    print_table(_table(found, plan, folder), markdown=args.markdown)
    say(_draw(found, folder))
    say(f"train with the best settings: {found.command()}")
    return 0


def _plan(given: dict[str, Any]) -> tuple[Plan, Path]:
    """What is tuned, and where: as it was begun, if it was, else as it is asked for."""
    fields = {name: value for name, value in given.items() if name in TrainConfig.__dataclass_fields__}
    if "hyper" in given:
        fields["hyper"] = hyper_of(given["hyper"])
    saved = _saved(Path(given["study"])) if "study" in given else None
    fields |= setting_of(given, saved.config if saved else None)
    if saved is None:
        config = TrainConfig(**{"steps": _STEPS, **fields})
        folder = Path(given.get("study", default_study(config)))
        saved = _saved(folder)
    else:
        folder = Path(given["study"])
        config = saved.config
    own = {name: given.get(name, getattr(saved, name) if saved else usual) for name, usual in _USUAL.items()}
    if saved is not None:
        config = resumed(saved.config, fields)
    fixed = {*fields, *fields.get("hyper", {})}
    over = given.get("over") or (saved.over if saved else [n for n in ALGORITHMS[config.algo].space if n not in fixed])
    return Plan(config, tuple(over), own["reports"], own["pruner"]), folder


def _saved(folder: Path) -> Plan | None:
    return load_plan(folder) if (folder / PLAN_FILE).is_file() else None


def _draw(found: Any, folder: Path) -> str:
    """Save the picture; without Matplotlib there is none, and the reason instead."""
    try:
        return f"picture: {save_figure(found.figure(), folder / PICTURE, inside=folder)}"
    except DependencyNotInstalled as error:
        return f"no picture: {error}"


def _table(found: Any, plan: Plan, folder: Path) -> Table:
    """What was searched: as it was given and at its best."""
    trials = f"{found.finished} trials finished, {found.pruned} ended early"
    table = Table(title=f"{folder}: {trials}; {plan.config.validation_episodes} validation episodes")
    table.add_column("", no_wrap=True)
    for name in ("given", "best", "importance\n%"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("mean return", "-" if found.start is None else f"{found.start:.2f}", f"{found.value:.2f}", "")
    known = {**plan.config.hyper, **{name: value for name, value in vars(plan.config).items() if name != "hyper"}}
    shares = {name: share for label, share in found.importances.items() for name in plan.over if name in label}
    for name in sorted(plan.over, key=lambda name: -shares.get(name, 0.0)):
        share = f"{100.0 * shares[name]:.0f}" if name in shares else "-"
        table.add_row(name, _shown(known.get(name, "-")), _shown(found.chosen[name]), share)
    return table


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
