"""Optuna: it tunes what another library trains; several processes share a study."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import optuna

from tests.recipes import RECIPES, NotSupportedError


def workers() -> str:
    """Two processes of the recipe share one study in an SQLite file, begun by a third."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--steps", "2048", "--seed", "1", "--out", folder, "--episodes", "1", "--trials"]
        command = [sys.executable, str(RECIPES / "optuna_ppo.py"), *options]
        subprocess.run([*command, "1"], check=True, capture_output=True)
        running = [subprocess.Popen([*command, "5"], stdout=subprocess.DEVNULL) for _ in range(2)]
        statuses = [process.wait() for process in running]
        assert statuses == [0, 0], "a process failed"
        study = optuna.load_study(study_name="ppo-2048-1", storage=f"sqlite:///{Path(folder) / 'study.db'}")
        ended = [trial for trial in study.trials if trial.state.is_finished()]
        assert 5 <= len(ended) <= 6, f"{len(ended)} trials of 5"
    return "two processes shared a study"


def masks() -> NoReturn:
    """Nothing that decides is in it."""
    raise NotSupportedError(_beside("agent"))


def multi_agent() -> NoReturn:
    """Nothing that trains agents is in it."""
    raise NotSupportedError(_beside("env"))


def _beside(word: str) -> str:
    assert not [name for name in dir(optuna) if word in name.lower()], f"there is something with {word} now: show it"
    return "tunes what another library trains"
