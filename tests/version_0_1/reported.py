"""What the tests of the reported faults share; like them, it imports only what version 0.1.0 had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.helpers import ROOT

#: A training of a moment.
TINY = ["--steps=64", "--n-envs=8", "--net", "4", "--hyper=n_steps=8", "--hyper=batch_size=64", "--quiet"]

#: Machine code for one small function, and where it came from.
RATE = """
import splitgym
from splitgym.jit import cache_folder
from splitgym.physics.radio import rate_bit_s
rate_bit_s(0.1, 1e-12, 5e6, 4e-21)
print(len(rate_bit_s.stats.cache_hits), cache_folder())
"""


def fresh(code: str, **environment: str | None) -> str:
    """Standard output of code in a fresh interpreter that knows no folder of its own."""
    given = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None, "HOME": "/proc/nowhere", **environment}
    env = {k: v for k, v in {**os.environ, "PYTHONPATH": str(ROOT), **given}.items() if v is not None}
    done = subprocess.run([sys.executable, "-c", code], cwd="/", env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def instants(path: Path, gap_s: float, n: int = 60) -> Path:
    """A CSV file of arrivals every ``gap_s``."""
    path.write_text("arrival_s\n" + "".join(f"{i * gap_s!r}\n" for i in range(n)))
    return path
