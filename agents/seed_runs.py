"""Training with several seeds: :func:`splitgym.train_seeds`."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from splitgym.agents.checkpoint import MODEL_FILE, steps_of
from splitgym.agents.config import TrainConfig, load_config, resumed
from splitgym.agents.folder import CONFIG_FILE, refuse_taken
from splitgym.agents.seeds import SEEDS_FILE, holds_seeds, read_seeds, run_of, training_seeds, write_seeds
from splitgym.agents.stopped import stopped
from splitgym.agents.training import FIELDS, TrainingInterrupted, default_folder, train
from splitgym.checks import file_path, switch
from splitgym.quoting import shown
from splitgym.specs import command_line


def train_seeds(
    config: TrainConfig,
    seeds: Any = range(5),
    out: str | Path | None = None,
    *,
    callbacks: Any = (),
    logger: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Train one agent for each of several training seeds; returns their folder, which counts as one policy.

    Args:
        config: what to train; its ``seed`` gives way to each of ``seeds``.
        seeds: training seeds: whole numbers, a range, or a text such as ``"0:5"`` or ``"1,3,8"``.
        out: folder with ``seeds.json`` and one run, ``s0``, ``s1``, ..., for each seed; by default
            ``runs/ALGO-WORLD-SCENARIO``.
        callbacks, logger, progress: as for :func:`splitgym.train`, for every run.  A callback that keeps something from
            one training to the next should be given as a class or function that makes it.
        resume: go on with the folder: finished runs are left alone, others go on or begin.  More seeds than it had are
            added.
        overwrite: throw away the runs that ``out`` holds.

    Where the folder is evaluated, every figure of an episode is the interquartile mean over the training seeds.

    Raises as :func:`splitgym.train`, and ``ValueError`` for no seeds, a seed twice, and a folder that holds something
    else, or runs of seeds that are not among those given.
    """
    resume, overwrite = switch("resume", resume), switch("overwrite", overwrite)
    if not isinstance(config, TrainConfig):
        raise ValueError(f"config must be a splitgym.TrainConfig, got {shown(config)}")
    wanted = training_seeds(seeds)
    out = file_path("out", default_seeds_folder(config) if out is None else out)
    if resume:
        _check_begun(out, wanted)
    else:
        _check_free(out, wanted, overwrite)
    out.mkdir(parents=True, exist_ok=True)
    options = {"callbacks": callbacks, "logger": logger, "progress": progress}
    write_seeds(out, wanted)
    for seed in wanted:
        _one(dataclasses.replace(config, seed=seed), out, resume, {**options, "overwrite": overwrite})
    return out


def default_seeds_folder(config: TrainConfig) -> Path:
    """Where runs of several seeds go that nobody has given a folder."""
    run = default_folder(config)
    return run.with_name(run.name.removesuffix(f"-s{config.seed}"))


def begun_run(folder: Path) -> Path:
    """A run of a folder that has begun, whose settings are those of all; the first if none has."""
    runs = [run_of(folder, seed) for seed in read_seeds(folder)]
    return next((run for run in runs if (run / CONFIG_FILE).is_file()), runs[0])


def _one(config: TrainConfig, out: Path, resume: bool, options: dict[str, Any]) -> None:
    run = run_of(out, config.seed)
    begun = resume and (run / CONFIG_FILE).is_file()
    if begun and _finished(run, config):
        return
    try:
        train(config, run, resume=begun, **{**options, "overwrite": options["overwrite"] and not begun})
    except TrainingInterrupted as pressed:
        told = str(pressed).partition(";")[0]
        raise TrainingInterrupted(
            f"seed {config.seed}: {told}; go on with: {command_line('train', '--resume', out)}"
        ) from None


def _finished(run: Path, config: TrainConfig) -> bool:
    """Whether a run is at its end; ``ValueError`` if it was begun with other settings."""
    resumed(load_config(run), {name: getattr(config, name) for name in FIELDS})
    end = run / MODEL_FILE
    return stopped(run) is None and end.is_file() and (steps_of(end) or 0) >= config.steps


def _check_begun(out: Path, wanted: tuple[int, ...]) -> None:
    left = set(read_seeds(out)) - set(wanted)
    if left:
        raise ValueError(
            f"{str(out)!r} holds runs of the seeds {shown(sorted(left))}, too; give all its seeds, and more if you like"
        )


def _check_free(out: Path, wanted: tuple[int, ...], overwrite: bool) -> None:
    """Raise ``ValueError`` before anything is written where a run or something else is in the way."""
    begun = holds_seeds(out) and (begun_run(out) / CONFIG_FILE).is_file()  # else it was killed before its first run
    if begun and not overwrite:
        raise ValueError(
            f"{str(out)!r} holds runs of several seeds already: throw them away (--overwrite), choose another folder "
            f"(--out), or go on with them: {command_line('train', '--resume', out)}"
        )
    if os.path.lexists(out / CONFIG_FILE):
        raise ValueError(f"{str(out)!r} is the run of one seed; choose another folder for {SEEDS_FILE} and its runs")
    if begun:
        _check_begun(out, wanted)  # runs of other seeds would be left over
    for seed in wanted:
        refuse_taken(run_of(out, seed), overwrite)
