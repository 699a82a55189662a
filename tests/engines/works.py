"""What the workers of tests do; a module, so that they find it."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

KILLER = Path(__file__).with_name("killer.py")
SUITE = """
name = "tiny"
title = "Two cases"
environment = "SplitInference-v0"
[seeds]
validation = { start = 0, count = 2 }
test = { start = 2, count = 2 }
[[cases]]
name = "plain"
scenario = "default"
changes = { "tasks.count" = 9 }
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
