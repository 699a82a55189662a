"""``splitgym demo``: the main job from end to end, in one command."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

from splitgym.cli.common import (
    Outputs,
    add_form,
    add_scenario,
    agent_word,
    check_files,
    play_command,
    print_table,
    progress_bar,
    say,
)
from splitgym.files import refuse_link
from splitgym.policy import policy_names

#: Steps that take about two minutes on two cores.
STEPS = 4_500_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = "examples:\n  splitgym demo\n  splitgym demo --scenario bursty --steps 1000000 --out results/bursty"
    add_scenario(parser)
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps of PPO")
    parser.add_argument("--episodes", type=int, default=50, help="episodes of the comparison")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the training; the comparison always plays seeds 0, 1, ..."
    )
    parser.add_argument(
        "--out", default="results/demo", metavar="DIR", help="folder of the trained agent, CSV and picture"
    )
    add_form(parser)


def run(args: argparse.Namespace) -> int:
    """Train PPO, evaluate it beside every baseline on common traces, print a table, write picture and CSV."""
    from splitgym.agents.config import TrainConfig
    from splitgym.agents.training import train
    from splitgym.evaluation import evaluate

    out = Path(args.out)
    refuse_link(out / "ppo", "demo")  # the run there is thrown away
    check_files(str(out / "comparison.png"), str(out / "comparison.csv"))
    config = TrainConfig(algo="ppo", scenario=args.scenario, steps=args.steps, seed=args.seed)
    say(f"1/2  training PPO on {args.scenario!r} for {args.steps:,} decisions (about two minutes on two cores)")
    agent = train(config, out / "ppo", overwrite=True)
    contenders = [*policy_names("SplitInference-v0"), str(agent)]
    again = play_command(["enachi", agent_word(agent)], "SplitInference-v0", args.scenario)
    print(f"2/2  {len(contenders)} policies on the same {args.episodes} traces")
    try:
        with progress_bar(False, len(contenders)) as progress:
            results = evaluate(contenders, "SplitInference-v0", args.scenario, args.episodes, progress=progress)
    except KeyboardInterrupt:
        say(f"the agent is kept in {agent}; evaluate it: {again}", aside=True)
        raise
    outputs = Outputs()
    outputs.add("rows", results.to_csv, out / "comparison.csv")
    outputs.add("the answer", functools.partial(print_table, markdown=args.markdown), results.table())
    picture = outputs.add("the picture", results.plot, out / "comparison.png")
    say(f"picture: {picture or '-'}\nrows:    {out / 'comparison.csv'}\nagent:   {agent}\nevaluate it: {again}")
    return outputs.finish()
