"""rl_zoo3."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from tests.recipes import NotSupportedError


def masks() -> str:
    """It knows no algorithm that takes masks."""
    return _lacks("MaskablePPO", "masks", lambda name: "mask" in name)


def vector() -> str:
    """It makes single environments, side by side in one process or in several."""
    import inspect

    from rl_zoo3.exp_manager import ExperimentManager

    if "make_vec(" in inspect.getsource(ExperimentManager):
        raise AssertionError("rl_zoo3 makes native batches now: write the check")
    raise NotSupportedError("rl_zoo3 makes its environments one by one")


def multi_agent() -> str:
    """It knows single agents only."""
    return _lacks("an algorithm of several agents", "several agents", lambda name: "ma" in name.split("_"))


def workers() -> str:
    """Its own ``--vec-env subproc``, where every worker makes the environment by its bare id."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "rl_zoo3.train", "--algo", "ppo", "--env", "SplitInference-v0"]
        command += ["--gym-packages", "splitgym", "-conf", "splitgym.agents.rl_zoo3.ppo", "--vec-env", "subproc"]
        command += ["-n", "64", "-params", "n_envs:2", "n_steps:32", "batch_size:32", "-f", out, "--eval-freq", "-1"]
        subprocess.run([*command, "--seed", "1", "--num-threads", "1"], check=True)
    return "`--vec-env subproc`, 2 processes"


def _lacks(what: str, words: str, known: object) -> str:
    """Raise that no algorithm fits, unless one does."""
    from rl_zoo3 import ALGOS

    if any(known(name) for name in ALGOS):  # pyright: ignore[reportCallIssue]
        raise AssertionError(f"rl_zoo3 knows {what} now: write the recipe")
    raise NotSupportedError(f"rl_zoo3 has no algorithm for {words}")
