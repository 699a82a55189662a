"""Training of RL agents, from Python (:func:`train`) and as ``splitgym train``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.build import build_model, restore_model
from splitgym.agents.checkpoint import MODEL_FILE, save_model
from splitgym.agents.config import TrainConfig, load_config, resumed
from splitgym.agents.folder import SCENARIO_FILE, TENSORBOARD, begin, refuse_links, refuse_taken
from splitgym.checks import file_path, items, switch
from splitgym.cli.common import agent_word, changes_of, play_command, say
from splitgym.extras import need
from splitgym.locks import held
from splitgym.names import check_name
from splitgym.quoting import shown
from splitgym.specs import command_line

_FIELDS = {field.name: field.default for field in dataclasses.fields(TrainConfig)}


class TrainingInterrupted(KeyboardInterrupt):
    """The training was stopped by Ctrl-C after its state was saved; the message says how to go on."""


def train(
    config: TrainConfig,
    out: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    callbacks: Sequence[Any] = (),
) -> Path:
    """Train an agent; returns the run folder, which :func:`splitgym.agents.checkpoint.load_agent` reads.

    Args:
        config: what to train.
        out: run folder: ``config.json``, ``model.zip``, ``checkpoints/``, ``tensorboard/``.
        resume: go on from the newest checkpoint of ``out`` to the same total number of steps.  Weights, optimiser,
            step counter and schedules continue; episodes under way and replay buffers begin anew.
        overwrite: throw away the run that ``out`` holds.
        progress: whether to show a progress bar on standard error.
        callbacks: further callbacks of stable-baselines3.

    The same configuration gives the same weights on the same machine.  Training episodes never have a seed below
    2**32: those are left to evaluation.  Raises ``ValueError`` for settings that do not fit and for a folder in which
    another process trains, ``DependencyNotInstalled`` without the extra ``[agents]``, and :class:`TrainingInterrupted`
    after Ctrl-C.
    """
    out, resume, overwrite = file_path("out", out), switch("resume", resume), switch("overwrite", overwrite)
    if not isinstance(config, TrainConfig):
        raise ValueError(f"config must be a TrainConfig, got {shown(config)}")
    items("callbacks", callbacks, "callbacks", fewest=0)
    if resume:
        config = resumed(load_config(out), {name: getattr(config, name) for name in _FIELDS})
    else:
        refuse_taken(out, overwrite)
    with _torch_threads(config.torch_threads):
        model = build_model(config)
        try:
            out.mkdir(parents=True, exist_ok=True)
            with held(out):
                if resume:
                    refuse_links(out)
                    restore_model(model, config, out)
                else:
                    refuse_taken(out, overwrite)  # another one may have begun meanwhile
                    begin(out, config)
                _learn(model, config, out, progress, callbacks)
        finally:
            model.env.close()
    return out


@contextlib.contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    torch = need("torch", "agents")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _learn(model: Any, config: TrainConfig, out: Path, progress: bool, callbacks: Sequence[Any]) -> None:
    """Learn what remains of the steps, with checkpoints on the way, and save the end."""
    from splitgym.agents.callbacks import Checkpoints, Progress, Stop, StopSwitch

    switch = StopSwitch()
    bar = Progress(config.steps) if progress and _installed("tqdm", "show no progress bar") else None
    beside = [Checkpoints(out, int(config.checkpoint_every or 1), switch), *([bar] if bar else []), *callbacks]
    model.set_logger(_logger(out))
    # on-policy algorithms log once an update, the others once so many episodes
    interval = 1 if hasattr(model, "rollout_buffer") else model.n_envs
    remaining = config.steps - model.num_timesteps
    try:
        with switch.armed():
            if remaining > 0:
                model.learn(remaining, callback=beside, log_interval=interval, reset_num_timesteps=False)
            save_model(model, out / MODEL_FILE)
    except Stop:
        raise TrainingInterrupted(
            f"stopped after {model.num_timesteps} of {config.steps} steps, all of them saved; go on with: "
            + command_line("train", "--resume", out)
        ) from None
    except KeyboardInterrupt:
        raise TrainingInterrupted(
            "stopped at once; what the last checkpoint holds is saved, go on with: "
            + command_line("train", "--resume", out)
        ) from None
    except OSError as error:  # a full disk
        again = f"{error.strerror or error}; what the last checkpoint holds is saved, when that is mended go on with: "
        raise OSError(error.errno, again + command_line("train", "--resume", out), error.filename) from error
    finally:
        if bar:
            bar.close()
        model.logger.close()


def _logger(out: Path) -> Any:
    from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat

    folder = str(out / TENSORBOARD)
    on = _installed("tensorboard", "no TensorBoard log")
    return Logger(folder, [TensorBoardOutputFormat(folder)] if on else [])


def _installed(module: str, without: str) -> bool:
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"note: {without}, because {module} is not installed: pip install 'splitgym[agents]'", file=sys.stderr)
    return found


# -------------------------------------------------------------------- command line
def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``splitgym train``; what is not given stays out of the namespace."""
    parser.epilog = (
        "examples:\n"
        "  splitgym train --steps 5000000 --out runs/ppo\n"
        "  splitgym train --algo maskable-ppo --scenario bursty --seed 3\n"
        "  splitgym train --set budget.energy_j=0.006 --gamma 0.98 --hyper n_epochs=8 --hyper ent_coef=0.001\n"
        "  splitgym train --resume runs/ppo\n"
        "  tensorboard --logdir runs\n"
        "  splitgym evaluate enachi device runs/ppo\n"
        "  splitgym train --algo maskable-ppo --env HardwareSplit-v0 --scenario switching --steps 3000000"
    )

    def add(*flags: str, **how: Any) -> None:  # unset stays unset: a resumed run must know what was asked for
        parser.add_argument(*flags, **{"default": argparse.SUPPRESS, **how})

    algorithms = ", ".join(f"{name} ({ALGORITHMS[name].actions[0]})" for name in ALGORITHMS)
    ppo = ", ".join(f"{name}={value}" for name, value in ALGORITHMS["ppo"].hyper.items())
    add("--algo", metavar="NAME", help=f"algorithm, its action encoding in brackets: {algorithms} (default: ppo)")
    add(
        "--env", dest="env_id", metavar="ID", help=f"environment id, see 'splitgym list' (default: {_FIELDS['env_id']})"
    )
    add(
        "--scenario",
        metavar="NAME|FILE.toml",
        help=f"name of a preset, or a TOML file (default: {_FIELDS['scenario']})",
    )
    change = "change a value of the scenario by its dotted path, e.g. radio.shadowing_db=4 (may be repeated)"
    add("--set", dest="changes", action="append", metavar="KEY=VALUE", help=change)
    add("--action", metavar="NAME", help="action encoding, if not the algorithm's first choice")
    share = "train one policy that all devices of a multi-user environment share, rewarded by device or as a team"
    add("--agents", choices=("own", "team"), help=f"{share} (default: one central policy)")
    add("--steps", type=int, help=f"decisions to learn from, all rows together (default: {_FIELDS['steps']})")
    add("--seed", type=int, help="seed of weights, exploration and training episodes (default: 0)")
    add("--out", metavar="DIR", help="run folder (default: runs/ALGO-WORLD-SCENARIO-sSEED)")
    add("--resume", metavar="DIR", help="go on with the run in this folder, with its own settings")
    add(
        "--overwrite",
        action="store_true",
        default=False,
        help="throw away the run in the folder; with --resume: begin it anew",
    )
    add("--n-envs", type=int, help=f"episodes side by side (default: {_per_algorithm('n_envs')})")
    add("--learning-rate", type=float, help=f"step size (default: {_per_algorithm('learning_rate')})")
    add(
        "--schedule",
        help=f"learning rate over time: linear (to a fiftieth) or constant (default: {_FIELDS['schedule']})",
    )
    add("--gamma", type=float, help=f"discount from task to task (default: {_per_algorithm('gamma')})")
    add(
        "--net",
        type=int,
        nargs="+",
        metavar="UNITS",
        help=f"units of the hidden layers (default: {_per_algorithm('net')})",
    )
    own = f"argument of the algorithm's class in stable-baselines3 (may be repeated); defaults for ppo: {ppo}"
    add("--hyper", action="append", metavar="NAME=VALUE", help=own)
    add("--checkpoint-every", type=int, metavar="STEPS", help="steps between checkpoints (default: a tenth of --steps)")
    add("--threads", dest="num_threads", type=int, help="threads of the simulation; they change no result (default: 1)")
    few = "threads of torch; two are a fourth faster on idle cores, many times slower on busy ones (default: 1)"
    add("--torch-threads", type=int, help=few)
    add("--device", help=f"device of torch (default: {_FIELDS['device']}, the fastest for such small networks)")
    add("--quiet", action="store_true", default=False, help="show no progress bar")


def _per_algorithm(field: str) -> str:
    """'1 for ppo; 2 for sac, td3': the algorithms' defaults of a field."""
    groups: dict[str, list[str]] = {}
    for name in ALGORITHMS:
        value = ALGORITHMS[name].fields[field]
        groups.setdefault(" ".join(map(str, value)) if isinstance(value, tuple) else str(value), []).append(name)
    return "; ".join(f"{value} for {', '.join(names)}" for value, names in groups.items())


def run_train(args: argparse.Namespace) -> int:
    """Run ``splitgym train``; returns 0, or 130 after Ctrl-C.  Raises as :func:`train` does."""
    given = {name: value for name, value in vars(args).items() if name in _FIELDS}
    folder = getattr(args, "resume", None)
    if folder is not None and hasattr(args, "out"):
        raise ValueError("--resume goes on in its own folder: leave out --out")
    saved = None if folder is None else load_config(Path(folder), anew=args.overwrite)
    if hasattr(args, "hyper"):
        given["hyper"] = _hyper(args.hyper)
    if hasattr(args, "changes"):
        base = saved or TrainConfig(**{name: given[name] for name in ("env_id", "scenario") if name in given})
        setting = given.get("scenario", base.scenario)
        given["scenario"] = base.world.load_scenario(setting, **changes_of(args.changes))
    config = TrainConfig(**given) if saved is None else resumed(saved, given)
    scenario = check_name("the scenario's name", config.scenario.name)  # a world from elsewhere may not have done so
    out = Path(folder or getattr(args, "out", f"runs/{config.algo}-{config.world.name}-{scenario}-s{config.seed}"))
    try:
        train(
            config,
            out,
            resume=saved is not None and not args.overwrite,
            overwrite=args.overwrite,
            progress=not args.quiet,
        )
    except TrainingInterrupted as stopped:
        say(str(stopped), aside=True)
        return 130
    again = play_command([config.world.showcase, agent_word(out)], config.env_id, _setting_of(config, out))
    say(f"trained agent in {out}; compare it: {again}")
    return 0


def _setting_of(config: TrainConfig, out: Path) -> str:
    """A word by which the setting of a run is found: a preset's name, or a file that is written into its folder."""
    scenario = config.scenario
    if scenario.name in config.world.preset_names() and config.world.load_scenario(scenario.name) == scenario:
        return scenario.name
    return str(scenario.save(out / SCENARIO_FILE))


def _hyper(pairs: Sequence[str]) -> dict[str, Any]:
    for pair in pairs:
        if "=" not in pair:
            raise ValueError(f"--hyper needs NAME=VALUE, got {pair!r}")
    return changes_of(list(pairs))
