"""morl-baselines."""

from __future__ import annotations

import inspect
import pkgutil
from pathlib import Path
from typing import NoReturn

import gymnasium as gym
import morl_baselines
from morl_baselines.common.morl_algorithm import MOPolicy
from morl_baselines.multi_policy.capql.capql import CAPQL

from tests.recipes import NotSupportedError


def masks() -> NoReturn:
    """No algorithm takes a mask where it decides."""
    names = inspect.signature(MOPolicy.eval).parameters
    assert not [name for name in names if "mask" in name], "eval takes masks now: show it"
    raise NotSupportedError("`eval` takes observation and weights only")


def vector() -> NoReturn:
    """CAPQL refuses an environment of several rows."""
    batch = gym.make_vec("splitgym:mo-split-inference-v0", 4, action="box")
    try:
        CAPQL(batch, log=False, device="cpu", buffer_size=1000).train(300, eval_env=batch, ref_point=None)  # pyright: ignore[reportArgumentType]
    except Exception as error:
        raise NotSupportedError(f"CAPQL plays one episode at a time ({type(error).__name__} on a batch)") from error
    raise AssertionError("it takes a batch now: show it")


def multi_agent() -> NoReturn:
    """Nothing in it reads PettingZoo's environments."""
    sources = [path.read_text(encoding="utf-8") for path in Path(morl_baselines.__path__[0]).rglob("*.py")]
    assert not [text for text in sources if "pettingzoo" in text.lower()], "it knows PettingZoo now: show it"
    raise NotSupportedError("one agent only")


def workers() -> NoReturn:
    """Nothing in it makes environments in other processes."""
    names = [module.name for module in pkgutil.walk_packages(morl_baselines.__path__, "morl_baselines.")]
    assert not [name for name in names if "worker" in name or "subproc" in name], "it has workers now: show it"
    raise NotSupportedError("one process")
