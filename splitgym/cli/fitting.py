"""``splitgym fit``: fit the model of the policy ``dpp`` to a scenario."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from splitgym.baselines.dpp_fit import EPISODES, SAMPLES, fit
from splitgym.baselines.dpp_model import PRICES, TaskModel
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
from splitgym.show.tables import Table
from splitgym.specs import policy_spec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Fit what decisions bring (a right answer, energy, the device's time) to simulated tasks, and choose the\n"
        "prices of energy and time on validation seeds: the offline phase of the policy dpp.  It takes a minute or\n"
        "two of two cores and the extra 'agents'; playing the file needs neither.\n\n"
        "The models of the presets come with the package, and dpp without a file fits one where there is none; a\n"
        "file is for a fit that is to be kept or passed on.  It is data alone, and tied to its scenario; only the\n"
        "number of tasks may be another."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym fit --scenario bursty                         # writes results/fit-bursty.json\n"
        "  splitgym evaluate dpp:model=results/fit-bursty.json enachi --scenario bursty\n"
        "  splitgym fit --set radio.distance_m=800 --out far.json\n"
        "  splitgym evaluate dpp:model=far.json enachi --set radio.distance_m=800"
    )
    add_setting(parser)
    parser.add_argument("--samples", type=int, default=SAMPLES, help="decisions to learn from")
    parser.add_argument("--episodes", type=int, default=EPISODES, help="validation episodes with each pair of prices")
    parser.add_argument("--seed", type=int, default=0, help="seed of the fit")
    parser.add_argument("--out", metavar="FILE", help="file to write (default: results/fit-SCENARIO.json)")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")
    add_form(parser, "the prices that were tried")


def run(args: argparse.Namespace) -> int:
    """Fit, write and print."""
    out = args.out or f"results/fit-{Path(args.scenario).stem}.json"
    check_output("--out", out)
    effort = {"samples": args.samples, "episodes": args.episodes, "seed": args.seed}
    with progress_bar(args.quiet or args.json, 1) as show:
        model = fit(args.env, args.scenario, out, changes=changes_of(args.changes), progress=show, **effort)
    outputs = Outputs()
    outputs.add("the answer", _show, args, model, out)
    return outputs.finish()


def _show(args: argparse.Namespace, model: TaskModel, out: str) -> None:
    if args.json:
        told = {name: value for name, value in model.to_dict().items() if name != "arrays"}
        print(json.dumps({**told, "decisions": len(model.decisions), "file": out}, indent=1))
        return
    print_table(_table(model), markdown=args.markdown)
    spec = policy_spec("dpp", {"model": out})
    say(f"model:  {out}\nuse it: {play_command([spec, 'enachi'], args.env, args.scenario, args.changes)}")


def _table(model: TaskModel) -> Table:
    """The prices that were tried, V by V."""
    table = Table(
        title=f"{model.env_id}, scenario {model.scenario}: {len(model.decisions)} decisions kept, "
        f"{model.samples} sampled (seed {model.seed})",
        caption=f"mean of {model.validation_episodes} validation episodes; energy of a task over its budget",
        caption_justify="left",
    )
    for name in ("V\nJ²", "tau\n1/s", "sigma\n1/s", "return", "energy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for row in model.validation:
        best = all(row[name] == getattr(model, name) for name in PRICES)
        prices = (f"{row[name]:.3g}" for name in PRICES)
        table.add_row(*prices, f"{row['returned']:.1f}", f"{row['energy']:.3f}", "chosen" if best else "")
    return table
