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
begin = time.time()
env = gymnasium.make("SplitInference-v0")
env.reset(seed=0)
env.step(env.action_space.sample())
print(begin, time.time())
"""

_STEP, _WHOLE = "make, reset, step", "interpreter, imports, make, reset, step"


def startup_rows(budget: Budget) -> list[Row]:
    """Import beyond a bare interpreter, and the first step with machine code to be compiled and with it stored.

    A first step counts from ``gym.make`` on, and from the start of the process, imports included.
    """
    bare, imported = [], []
    _wall_s("import splitgym")  # brings the files into memory
    for repeat in range(budget.repeats):
        bare.append(_wall_s("pass"))
        imported.append(_wall_s("import splitgym"))
        budget.show(0.5 * (repeat + 1) / budget.repeats)
    with tempfile.TemporaryDirectory() as folder:
        cold_s = _first_step_s(folder)
        budget.show(0.8)
        warm_s = np.median([_first_step_s(folder) for _ in range(budget.repeats)], axis=0)
    budget.show(1.0)
    beyond_s = np.array(imported) - np.array(bare)
    return [
        _row("import splitgym, warm", float(np.median(beyond_s)), 0.3, "beyond a bare interpreter; files in memory"),
        _row("first step, cold", cold_s[0], 6.0, f"{_STEP}; empty NUMBA_CACHE_DIR"),
        _row("first step, warm", warm_s[0], 0.3, f"{_STEP}; machine code stored"),
        _row("first step, cold, from process start", cold_s[1], None, f"{_WHOLE}; empty NUMBA_CACHE_DIR"),
        _row("first step, warm, from process start", warm_s[1], None, f"{_WHOLE}; machine code stored"),
    ]


def _row(name: str, value_s: float, limit_s: float | None, note: str) -> Row:
    target = None if limit_s is None else Target(limit_s, of="value", at_most=True)
    return Row(group="startup", name=name, value=value_s, unit="s", target=target, note=note)


def _wall_s(code: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begin


def _first_step_s(folder: str) -> tuple[float, float]:
    """Seconds up to the end of a first step: from ``gym.make`` on, and from the start of the process."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    command = [sys.executable, "-c", FIRST_STEP]
    started = time.time()
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    begin, end = map(float, said.split())
    return end - begin, end - started
