"""d3rlpy: offline algorithms; what decides lies in the data."""

from __future__ import annotations

import inspect
import pkgutil
from typing import NoReturn

import d3rlpy
import gymnasium as gym
from d3rlpy.algos.qlearning.base import QLearningAlgoBase

from tests.recipes import NotSupportedError


def masks() -> NoReturn:
    """No algorithm takes a mask where it decides."""
    names = inspect.signature(QLearningAlgoBase.predict).parameters
    assert not [name for name in names if "mask" in name], "predict takes masks now: show it"
    raise NotSupportedError("`predict` takes observations only")


def vector() -> NoReturn:
    """It refuses an environment of several rows."""
    learner = d3rlpy.algos.DQNConfig().create(device="cpu")
    try:
        learner.build_with_env(gym.make_vec("splitgym:SplitInferenceDiscrete-v0", 4))  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise NotSupportedError(f"`build_with_env` refuses a batch: {str(error)[:60]}") from error
    raise AssertionError("it takes a batch now: show it")


def multi_agent() -> NoReturn:
    """No module is for several agents."""
    modules = [module.name for module in pkgutil.walk_packages(d3rlpy.__path__, "d3rlpy.")]
    assert not [name for name in modules if "agent" in name], "there is something for several agents now: show it"
    raise NotSupportedError("one agent only")


def workers() -> NoReturn:
    """Its online training steps one environment in its own process."""
    names = inspect.signature(QLearningAlgoBase.fit_online).parameters
    assert not [name for name in names if "worker" in name or "num_" in name], "it takes workers now: show it"
    raise NotSupportedError("offline; `fit_online` has one environment")
