"""``splitgym train``."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.config import TrainConfig, load_config, resumed
from splitgym.agents.folder import setting_word
from splitgym.agents.loggers import LOGGERS
from splitgym.agents.seed_runs import begun_run, default_seeds_folder, train_seeds
from splitgym.agents.seeds import holds_seeds, read_seeds, run_of, training_seeds
from splitgym.agents.stopped import TrainingStopped, stopped
from splitgym.agents.training import TrainingInterrupted, default_folder, train
from splitgym.cli.common import agent_word, changes_of, play_command, say
from splitgym.extras import need
from splitgym.objects import object_of

_FIELDS = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
#: Exit status of a training that a callback has ended.
STOPPED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command; what is not given stays out of the namespace."""
    parser.epilog = (
        "examples:\n"
        "  splitgym train --steps 5000000 --out runs/ppo\n"
        "  splitgym train --algo maskable-ppo --scenario bursty --seed 3\n"
        "  splitgym train --set budget.energy_j=0.006 --gamma 0.98 --hyper n_epochs=8 --hyper ent_coef=0.001\n"
        "  splitgym train --resume runs/ppo\n"
        "  splitgym train --scenario default --scenario bursty --randomise radio.distance_m=300:1200\n"
        "  splitgym train --seeds 0:5 --out runs/five          # five runs, evaluated as one policy\n"
        "  splitgym evaluate enachi runs/five\n"
        "  splitgym train --logger tensorboard --logger wandb --callback stop.py:AtReward\n"
        "  tensorboard --logdir runs\n"
        "  splitgym evaluate enachi device runs/ppo\n"
        "  splitgym train --algo maskable-ppo --env HardwareSplit-v0 --scenario switching --steps 3000000\n"
        "\n"
        f"exit status: 0 all steps are done; {STOPPED} a callback has ended the training (saved, --resume goes on);\n"
        "130 Ctrl-C (saved, --resume goes on); 2 wrong usage or input"
    )

    add = adder(parser)
    add_setting(add)
    _add_run(add)
    add_hyper(add)
    _add_watching(add)


def adder(parser: argparse.ArgumentParser) -> Callable[..., None]:
    """Adds arguments that stay unset where they are not given: whoever goes on must know what was asked for."""
    return lambda *flags, **how: parser.add_argument(*flags, **{"default": argparse.SUPPRESS, **how}) and None


def add_setting(add: Callable[..., None]) -> None:
    """What is learnt, and where."""
    algorithms = ", ".join(f"{name} ({ALGORITHMS[name].actions[0]})" for name in ALGORITHMS)
    add("--algo", metavar="NAME", help=f"algorithm, its action encoding in brackets: {algorithms} (default: ppo)")
    add(
        "--env", dest="env_id", metavar="ID", help=f"environment id, see 'splitgym list' (default: {_FIELDS['env_id']})"
    )
    add(
        "--scenario",
        action="append",
        metavar="NAME|FILE.toml",
        help="name of a preset, or a TOML file; may be repeated: then every episode plays one of them, and each gets "
        f"the same share of the steps (default: {_FIELDS['scenario']})",
    )
    change = "change a value of the scenario by its dotted path, e.g. radio.shadowing_db=4 (may be repeated)"
    add("--set", dest="changes", action="append", metavar="KEY=VALUE", help=change)
    draw = "draw a value of the scenario anew for every episode, e.g. radio.distance_m=300:1200 or, each ratio alike, "
    add("--randomise", action="append", metavar="KEY=LOW:HIGH", help=f"{draw}radio.bandwidth_hz=2e6:2e7:log")
    see = "show the agent what was drawn for the episode: the values, and which scenario it is"
    add("--observe-context", action="store_true", help=see)
    add("--action", metavar="NAME", help="action encoding, if not the algorithm's first choice")
    share = "train one policy that all devices of a multi-user environment share, rewarded by device or as a team"
    add("--agents", choices=("own", "team"), help=f"{share} (default: one central policy)")


def _add_run(add: Callable[..., None]) -> None:
    """How long a run is, and its folder."""
    add("--steps", type=int, help=f"decisions to learn from, all rows together (default: {_FIELDS['steps']})")
    add("--seed", type=int, help="seed of weights, exploration and training episodes (default: 0)")
    several = "several training seeds, one run folder each in a common one that is evaluated as one policy"
    add("--seeds", metavar="FIRST:END|N,N,...", help=f"{several}: 0:5 for 0 to 4")
    add("--out", metavar="DIR", help="run folder (default: runs/ALGO-WORLD-SCENARIO-sSEED; without -sSEED for --seeds)")
    add("--resume", metavar="DIR", help="go on with the run or the runs in this folder, with their own settings")
    add(
        "--overwrite",
        action="store_true",
        default=False,
        help="throw away the run in the folder; with --resume: begin it anew",
    )


def add_hyper(add: Callable[..., None]) -> None:
    """How it is learnt: fields of :class:`TrainConfig` and hyper-parameters."""
    ppo = ", ".join(f"{name}={value}" for name, value in ALGORITHMS["ppo"].hyper.items())
    add("--n-envs", type=int, help=f"episodes side by side (default: {_per_algorithm('n_envs')})")
    add("--learning-rate", type=float, help=f"step size (default: {_per_algorithm('learning_rate')})")
    add(
        "--schedule",
        help=f"learning rate over time: linear (to a fiftieth) or constant (default: {_FIELDS['schedule']})",
    )
    add("--gamma", type=float, help=f"discount from task to task (default: {_per_algorithm('gamma')})")
    centre = (
        "take the mean off the rewards, so that a critic with a discount near 1 can tell states apart (default: for "
    )
    add("--centre-rewards", action=argparse.BooleanOptionalAction, help=f"{centre}PPO, A2C where episodes are cut off)")
    add(
        "--net",
        type=int,
        nargs="+",
        metavar="UNITS",
        help=f"units of the hidden layers (default: {_per_algorithm('net')})",
    )
    own = f"argument of the algorithm's class in stable-baselines3 (may be repeated); defaults for ppo: {ppo}"
    add("--hyper", action="append", metavar="NAME=VALUE", help=own)
    each = f"episodes of each validation (default: {_FIELDS['validation_episodes']})"
    add("--validation-episodes", type=int, metavar="N", help=each)
    add("--threads", dest="num_threads", type=int, help="threads of the simulation; they change no result (default: 1)")
    few = "threads of torch; two are a fourth faster on idle cores, many times slower on busy ones (default: 1)"
    add("--torch-threads", type=int, help=few)
    add("--device", help=f"device of torch (default: {_FIELDS['device']}, the fastest for such small networks)")


def _add_watching(add: Callable[..., None]) -> None:
    """What is kept and told on the way."""
    add("--checkpoint-every", type=int, metavar="STEPS", help="steps between checkpoints (default: a tenth of --steps)")
    often = "steps between validations on seeds of their own; the best weights are kept as best.zip; 0: no validation"
    add("--validate-every", type=int, metavar="STEPS", help=f"{often} (default: at most 20, in 3 %% of the time)")
    hook = (
        "callback of stable-baselines3 from a file or module of yours (may be repeated): an instance; a class, called "
        "without arguments; a function of (locals, globals), called at every step; a function of one argument, which "
        "gets the TrainConfig and returns a callback"
    )
    add("--callback", action="append", default=[], dest="callbacks", metavar="FILE.py|MODULE:NAME", help=hook)
    where = f"where the curves go: {', '.join(LOGGERS)} (may be repeated; default: tensorboard)"
    add("--logger", action="append", default=None, dest="loggers", metavar="NAME", help=where)
    add("--quiet", action="store_true", default=False, help="show no progress bar")


def _per_algorithm(field: str) -> str:
    """'1 for ppo; 2 for sac, td3': the algorithms' defaults of a field."""
    groups: dict[str, list[str]] = {}
    for name in ALGORITHMS:
        value = ALGORITHMS[name].fields[field]
        groups.setdefault(" ".join(map(str, value)) if isinstance(value, tuple) else str(value), []).append(name)
    return "; ".join(f"{value} for {', '.join(names)}" for value, names in groups.items())


def run(args: argparse.Namespace) -> int:
    """Train; returns 0, :data:`STOPPED` if a callback ended it, or 130 after Ctrl-C.  Raises as :func:`train` does."""
    given = {name: value for name, value in vars(args).items() if name in _FIELDS}
    folder = getattr(args, "resume", None)
    if folder is not None and hasattr(args, "out"):
        raise ValueError("--resume goes on in its own folder: leave out --out")
    seeds = _seeds(args, folder)
    first = None if folder is None else Path(folder)
    if first is not None and seeds is not None:
        first = begun_run(first)
    saved = None if first is None else load_config(first, anew=args.overwrite)
    if hasattr(args, "hyper"):
        given["hyper"] = hyper_of(args.hyper)
    given |= setting_of(vars(args), saved)
    config = TrainConfig(**given) if saved is None else resumed(saved, given)
    usual = default_folder(config) if seeds is None else default_seeds_folder(config)
    out = Path(folder or getattr(args, "out", usual))
    training = train if seeds is None else functools.partial(_train_all, seeds=seeds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingStopped)  # it is told below
            training(
                config,
                out=out,
                callbacks=_callbacks(args.callbacks),
                logger=args.loggers,
                resume=saved is not None and not args.overwrite,
                overwrite=args.overwrite,
                progress=not args.quiet,
            )
    except TrainingInterrupted as pressed:
        say(str(pressed), aside=True)
        return 130
    players = [config.world.showcase, agent_word(out)]
    again = play_command(players, config.env_id, setting_word(config, out))
    ends = filter(None, map(stopped, [out] if seeds is None else [run_of(out, seed) for seed in seeds]))
    end = next(ends, None)
    if end is not None:
        say(f"{end}, {end.advice(out)}\ncompare it as it is: {again}", aside=True)
        return STOPPED
    many = "trained agent in" if seeds is None else f"trained agents of {len(seeds)} seeds in"
    say(f"{many} {out}; compare {'it' if seeds is None else 'them'}: {again}")
    return 0


def setting_of(given: Mapping[str, Any], saved: TrainConfig | None = None) -> dict[str, Any]:
    """Fields of a configuration from --scenario, --set and --randomise; ``saved``: of a run that goes on."""
    found: dict[str, Any] = {}
    names = given.get("scenario", [])
    if "changes" in given:
        env = {"env_id": given["env_id"]} if "env_id" in given else {}
        base = saved or TrainConfig(**env, **({"scenario": names} if names else {}))
        changes = changes_of(given["changes"])
        found["scenario"] = [base.world.load_scenario(name, **changes) for name in names or base.scenarios]
    elif names:
        found["scenario"] = names
    if "randomise" in given:
        found["randomise"] = ranges_given(given["randomise"])
    return found


def ranges_given(pairs: Sequence[str]) -> dict[str, str]:
    """Dotted path -> range, from KEY=LOW:HIGH."""
    ranges: dict[str, str] = {}
    for pair in pairs:
        path, equals, text = pair.partition("=")
        if not equals or path.strip() in ranges:
            wrong = "is given twice" if equals else f"needs KEY=LOW:HIGH, got {pair!r}"
            raise ValueError(f"--randomise {path.strip() + ' ' if equals else ''}{wrong}")
        ranges[path.strip()] = text.strip()
    return ranges


def _seeds(args: argparse.Namespace, folder: str | None) -> tuple[int, ...] | None:
    """The training seeds that are asked for, or that a folder to go on with has; ``None`` for a single run."""
    if hasattr(args, "seeds"):
        if hasattr(args, "seed"):
            raise ValueError("--seed is one training seed, --seeds are several: leave out one of them")
        return training_seeds(args.seeds)
    if folder is not None and holds_seeds(folder):
        if hasattr(args, "seed"):
            raise ValueError(f"{folder!r} holds runs of several seeds: leave out --seed, or give its seeds as --seeds")
        return read_seeds(folder)
    return None


def _train_all(config: TrainConfig, out: Path, *, seeds: tuple[int, ...], **options: Any) -> None:
    train_seeds(config, seeds, out, **options)


def _callbacks(names: Sequence[str]) -> list[Any]:
    if not names:
        return []
    need("torch", "agents")
    return [object_of("--callback", name) for name in names]


def hyper_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Hyper-parameters from NAME=VALUE."""
    for pair in pairs:
        if "=" not in pair:
            raise ValueError(f"--hyper needs NAME=VALUE, got {pair!r}")
    return changes_of(list(pairs))
