"""The folder of a run before the training begins: free, or emptied of an old run and of nothing else."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from splitgym.agents.checkpoint import BEST_FILE, CHECKPOINTS, MODEL_FILE, VALIDATION_FILE
from splitgym.agents.config import CONFIG_FILE, TrainConfig
from splitgym.agents.settings import drawn_words
from splitgym.agents.stopped import STOPPED_FILE
from splitgym.cli.common import check_output
from splitgym.files import refuse_link, write_atomically
from splitgym.named_files import KEPT, keep_files
from splitgym.specs import command_line

TENSORBOARD = "tensorboard"
#: Files of curves, without ending; those of a training that went on end in the step at which it did.
CURVES = "progress"
_CURVE_FILES = [f"{CURVES}{part}.{end}" for part in ("", "-" + 12 * "[0-9]") for end in ("csv", "json")]
#: The setting of a run that is no preset, to evaluate its agent in; written when the training has ended.
SCENARIO_FILE = "scenario.toml"


def refuse_taken(out: Path, overwrite: bool) -> None:
    """Raise ``ValueError`` for a folder that holds something else than a run, or a run that is not to be lost."""
    if os.path.exists(out) and not os.path.isdir(out):
        raise ValueError(f"{str(out)!r} is a file; give a folder for the run")
    check_output("out", out / CONFIG_FILE)
    named = (CONFIG_FILE, MODEL_FILE, BEST_FILE, VALIDATION_FILE, CHECKPOINTS, TENSORBOARD)
    there = [name for name in named if os.path.lexists(out / name)]
    if there and not _is_run(out):
        raise ValueError(
            f"{str(out)!r} holds {', '.join(there)}, which 'splitgym train' did not write, so nothing there is "
            "touched; choose another folder (--out)"
        )
    if there and not overwrite:
        raise ValueError(
            f"{str(out)!r} holds a run already: throw it away (--overwrite), choose another folder (--out), or go on "
            f"with it: {command_line('train', '--resume', out)}"
        )


def refuse_links(out: Path) -> None:
    """Raise ``ValueError`` for a link among the folders of a run, through which a training would write elsewhere."""
    for name in (CHECKPOINTS, TENSORBOARD, KEPT):
        refuse_link(out / name, "run")


def begin(out: Path, config: TrainConfig) -> None:
    """Throw away an old run, if any, and write the configuration of the new one."""
    text = config.to_json().encode()
    refuse_link(out / KEPT, "run")  # links in place of the others are removed
    curves = [file.name for pattern in _CURVE_FILES for file in out.glob(pattern)]
    single = (MODEL_FILE, BEST_FILE, VALIDATION_FILE, SCENARIO_FILE, STOPPED_FILE)
    for name in (*single, CHECKPOINTS, TENSORBOARD, *curves):
        if (out / name).is_dir() and not (out / name).is_symlink():
            _empty(out / name)
        else:
            (out / name).unlink(missing_ok=True)  # of a link the link, not what it leads to
    for scenario in config.scenarios:
        keep_files(scenario.to_dict(), out)
    write_atomically(out / CONFIG_FILE, text, inside=out)


def setting_word(config: TrainConfig, out: Path) -> str:
    """A word by which a setting is found: a preset's name, or a file that is written into the folder."""
    return _word(config, config.scenario, out / SCENARIO_FILE)


def setting_words(config: TrainConfig, out: Path) -> list[str]:
    """Options of a command for what a training is played in; other scenarios than presets go into files in ``out``."""
    files = [out / (f"{k}-{SCENARIO_FILE}" if k else SCENARIO_FILE) for k in range(len(config.scenarios))]
    words = [_word(config, scenario, file) for scenario, file in zip(config.scenarios, files, strict=True)]
    return [*(part for word in words for part in ("--scenario", word)), *drawn_words(config)]


def _word(config: TrainConfig, scenario: Any, file: Path) -> str:
    """The name of a scenario if it is a preset, else the file, into which it is written."""
    world = config.world
    if scenario.name in world.preset_names() and world.load_scenario(scenario.name) == scenario:
        return scenario.name
    return str(scenario.save(file))


def _empty(folder: Path) -> None:
    """Remove what trainings write into a folder, and the folder if that was all."""
    for pattern in ("step_*.zip", "events.out.tfevents.*", ".*.part"):
        for file in folder.glob(pattern):
            file.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run of ``splitgym train``, of this version or another."""
    try:
        return str(json.loads((folder / CONFIG_FILE).read_bytes())["format"]).startswith("splitgym-run-")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
