"""What the workers of tests do; a module, so that they find it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

KILLER = Path(__file__).with_name("killer.py")
SUITE = """
name = "tiny"
environment = "SplitInference-v0"
[seeds.validation]
first = 10
episodes = 2
[seeds.test]
first = 50
episodes = 2
[[train]]
name = "default"
[[validation]]
name = "plain"
changes = { "tasks.count" = 8 }
[[test]]
name = "plain"
changes = { "tasks.count" = 8 }
[[test]]
name = "far"
changes = { "tasks.count" = 8, "radio.distance_m" = 900 }
"""


def square(number: int, folder: Path | None, deadly: bool, _: Any) -> int:
    """The square; says in a folder that it was worked on, and dies once if asked to."""
    if folder is not None:
        with (folder / str(number)).open("a") as file:
            file.write("x")
        if deadly and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
    return number * number


def die(_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_: Any) -> None:
    raise ValueError("three is refused")


def warn(_: Any) -> None:
    warnings.warn("mind the gap", stacklevel=1)


def constant(observation: np.ndarray, level: int) -> np.ndarray:
    return np.full((len(observation), 4), level)


def python(script: str, *words: str) -> str:
    """What a script prints in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    return done.stdout
