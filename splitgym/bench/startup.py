"""What a fresh interpreter needs to import the package and to take a first step."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from splitgym.bench.measuring import Budget, Row, Target

FIRST_STEP = """
import time
import gymnasium, splitgym
begin = time.perf_counter()
env = gymnasium.make("SplitInference-v0")
env.reset(seed=0)
env.step(env.action_space.sample())
print(time.perf_counter() - begin)
"""


def startup_rows(budget: Budget) -> list[Row]:
    """Import beyond a bare interpreter, and the first step with machine code to be compiled and with it stored."""
    bare, imported = [], []
    _wall_s("import splitgym")  # brings the files into memory
    for repeat in range(budget.repeats):
        bare.append(_wall_s("pass"))
        imported.append(_wall_s("import splitgym"))
        budget.show(0.5 * (repeat + 1) / budget.repeats)
    with tempfile.TemporaryDirectory() as folder:
        cold_s = _first_step_s(folder)
        budget.show(0.8)
        warm_s = [_first_step_s(folder) for _ in range(budget.repeats)]
    budget.show(1.0)
    beyond_s = np.array(imported) - np.array(bare)
    return [
        _row("import splitgym, warm", float(np.median(beyond_s)), 0.5, "beyond a bare interpreter"),
        _row("first step, cold", cold_s, 10.0, "make, reset, step; empty NUMBA_CACHE_DIR"),
        _row("first step, warm", float(np.median(warm_s)), 0.5, "make, reset, step; machine code stored"),
    ]


def _row(name: str, value_s: float, limit_s: float, note: str) -> Row:
    target = Target(limit_s, of="value", at_most=True)
    return Row(group="startup", name=name, value=value_s, unit="s", target=target, note=note)


def _wall_s(code: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begin


def _first_step_s(folder: str) -> float:
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    command = [sys.executable, "-c", FIRST_STEP]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
