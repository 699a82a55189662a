"""splitgym's own training."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import splitgym
from tests.recipes import never_masked


def masks() -> str:
    """MaskablePPO, trained for a few decisions."""
    from splitgym.agents.checkpoint import load_agent

    with tempfile.TemporaryDirectory() as out:
        return never_masked(load_agent(_trained(out, algo="maskable-ppo")))


def multi_agent() -> str:
    """One policy for all devices of the multi-user environment."""
    with tempfile.TemporaryDirectory() as out:
        run = _trained(out, env_id="SplitInferenceMultiUser-v0", agents="own")
        results = splitgym.evaluate({"mine": str(run)}, "SplitInferenceMultiUser-v0", episodes=1)
    return f'`TrainConfig(agents="own")`, return {results.figure("mine", "return").mean():.1f}'


def workers() -> str:
    """Two processes evaluate a run with the figures of one."""
    with tempfile.TemporaryDirectory() as out:
        run = {"mine": str(_trained(out))}
        one, two = splitgym.evaluate(run, episodes=64), splitgym.evaluate(run, episodes=64, workers=2)
    np.testing.assert_array_equal(one.figure("mine", "return"), two.figure("mine", "return"))
    return "`evaluate(..., workers=2)`, figures equal to the bit"


def _trained(out: str, **settings: Any) -> Path:
    config = splitgym.TrainConfig(steps=1024, n_envs=32, hyper={"n_steps": 16, "batch_size": 128}, seed=1, **settings)
    return splitgym.train(config, Path(out) / "run", progress=False)
