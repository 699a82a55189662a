"""Training of RL agents: :func:`splitgym.train`."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitgym.agents.build import build_model, restore_model
from splitgym.agents.checkpoint import MODEL_FILE, save_model
from splitgym.agents.config import TrainConfig, load_config, resumed
from splitgym.agents.folder import begin, refuse_links, refuse_taken
from splitgym.agents.loggers import Loggers, installed
from splitgym.agents.settings import folder_word
from splitgym.agents.stopped import TrainingStopped, clear, mark
from splitgym.checks import file_path, switch
from splitgym.extras import need
from splitgym.locks import held
from splitgym.quoting import shown
from splitgym.specs import command_line

if TYPE_CHECKING:
    from splitgym.agents.watching import Watch

FIELDS = {field.name: field.default for field in dataclasses.fields(TrainConfig)}


class TrainingInterrupted(KeyboardInterrupt):
    """The training was stopped by Ctrl-C after its state was saved; the message says how to go on."""


def train(
    config: TrainConfig,
    out: str | Path | None = None,
    *,
    callbacks: Any = (),
    logger: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Train an agent; returns the run folder, which :func:`splitgym.evaluate` and its like take for a policy.

    Args:
        config: what to train.
        out: run folder: ``config.json``, ``model.zip`` (the end), ``best.zip`` (the best in validation),
            ``validation.json``, ``checkpoints/``, ``tensorboard/``; by default ``runs/ALGO-WORLD-SCENARIO-sSEED``.
        callbacks: one or several of: a callback of stable-baselines3; a class of one that takes no arguments; a
            function of ``(locals, globals)`` as stable-baselines3 takes it; a function of one argument, which gets
            ``config`` and returns a callback.
        logger: where the curves go: one or several of "tensorboard", "csv", "json", "stdout", "wandb", "mlflow", and
            output formats of stable-baselines3; "none"; or a whole ``Logger`` of stable-baselines3.  By default
            TensorBoard, if it is installed.
        resume: go on from the newest checkpoint of ``out`` to the same total number of steps.  Weights, optimiser,
            step counter and schedules continue; episodes under way and replay buffers begin anew.
        overwrite: throw away the run that ``out`` holds.
        progress: whether to show a progress bar on standard error.

    The same configuration gives the same weights on the same machine.  Training episodes never have a seed below
    2**32: those are left to evaluation.  Every ``config.validate_every`` steps and at the end the agent plays
    ``config.validation_episodes`` episodes of seeds that are neither training's nor evaluation's
    (:func:`splitgym.seeding.validation_seeds`), deterministically; the weights that did best are kept, and a run folder
    stands for them.  The learning does not depend on it.

    Raises ``ValueError`` for settings that do not fit and for a folder in which another process trains,
    ``DependencyNotInstalled`` without the extra ``[agents]``, and :class:`TrainingInterrupted` after Ctrl-C.  A
    callback that ends the training leaves a run that is saved and not finished: it warns with
    :class:`splitgym.agents.stopped.TrainingStopped`, ``splitgym.agents.stopped.stopped(run)`` says by whom and when,
    and ``resume=True`` goes on.
    """
    resume, overwrite, progress = switch("resume", resume), switch("overwrite", overwrite), switch("progress", progress)
    if not isinstance(config, TrainConfig):
        raise ValueError(f"config must be a splitgym.TrainConfig, got {shown(config)}")
    out = file_path("out", default_folder(config) if out is None else out)
    loggers = Loggers(logger)
    need("torch", "agents")
    from splitgym.agents.watching import Watch

    watch = Watch(callbacks, config)
    if resume:
        config = resumed(load_config(out), {name: getattr(config, name) for name in FIELDS})
    else:
        refuse_taken(out, overwrite)
    with torch_threads(config.torch_threads):
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
                _learn(model, config, out, progress, watch, loggers)
        finally:
            model.env.close()
    return out


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    torch = need("torch", "agents")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def default_folder(config: TrainConfig) -> Path:
    """Where a run goes that nobody has given a folder."""
    return Path(f"runs/{config.algo}-{config.world.name}-{folder_word(config)}-s{config.seed}")


def _learn(model: Any, config: TrainConfig, out: Path, progress: bool, watch: Watch, loggers: Loggers) -> None:
    """Learn what remains of the steps, with checkpoints on the way, and save the end, or where a callback ended it."""
    from splitgym.agents.callbacks import Checkpoints, Progress, Stop, StopSwitch, Validation

    switch = StopSwitch()
    bar = Progress(config.steps) if progress and installed("tqdm", "show no progress bar") else None
    checkpoints = Checkpoints(out, int(config.checkpoint_every or 1), switch)
    validation = Validation(out, config, bar) if config.validate_every else None
    watch.put_first(*filter(None, (checkpoints, validation, bar)))
    # on-policy algorithms log once an update, the others once so many episodes
    interval = 1 if hasattr(model, "rollout_buffer") else model.n_envs
    remaining = config.steps - model.num_timesteps
    try:
        loggers.begin(model, config, out)
        with switch.armed():
            if remaining > 0:
                clear(out)
                model.learn(remaining, callback=watch, log_interval=interval, reset_num_timesteps=False)
                if validation is not None:
                    validation.validate()
                    model.logger.dump(model.num_timesteps)
            if watch.stopped_by:
                checkpoints.save()
                end = mark(out, model.num_timesteps, config.steps, watch.stopped_by)
                warnings.warn(f"{end}, {end.advice(out)}", TrainingStopped, stacklevel=3)
            else:
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
        loggers.close()
