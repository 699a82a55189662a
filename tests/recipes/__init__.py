"""Checks of what each library can do with the environments; run in the library's own environment, not by pytest.

``make test-recipes`` runs ``python -m tests.recipes MODULE CAPABILITY``. A module here has a function for each
capability that no recipe shows: ``masks`` always, and of ``vector``, ``multi_agent``, ``workers`` what is left. It does
the thing by the library's own idiom and returns, in a few words, what was done; any exception is a failure. Where a
library lacks a capability, the function looks for what it lacks and raises :class:`NotSupportedError` with the reason,
so that a newer release is noticed.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np

RECIPES = Path(__file__).resolve().parent.parent.parent / "agents" / "recipes"


class NotSupportedError(Exception):
    """The library has no such capability; the text says what was looked for and is not there."""


def recipe(name: str) -> Any:
    """The names that a recipe defines, as attributes; it does not train."""
    return SimpleNamespace(**runpy.run_path(str(RECIPES / f"{name}.py"), run_name=name))


def never_masked(policy: Any, env_id: str = "SplitInference-v0", action: str = "multidiscrete") -> str:
    """Play a policy that ``splitgym.evaluate`` takes in 32 environments, 400 turns; the outcome in words.

    Raises ``AssertionError`` where it chooses a masked level, and where no level was masked, which shows nothing.
    """
    env = gym.make_vec(env_id, 32, action=action, autoreset_mode="SameStep")
    observations, _ = env.reset(seed=7)
    space: Any = env.unwrapped.single_action_space
    sizes = np.atleast_1d(getattr(space, "nvec", getattr(space, "n", 0)))
    starts, closed, state, begin = np.cumsum(sizes) - sizes, 0, None, np.ones(32, bool)
    for _ in range(400):
        masks = env.unwrapped.action_masks()
        keywords = {"state": state, "episode_start": begin, "action_masks": masks, "deterministic": False}
        actions, state = policy.predict(observations, **keywords)
        if not np.take_along_axis(masks, np.reshape(actions, (32, -1)) + starts, 1).all():
            raise AssertionError(f"chose a masked level of {env_id}")
        closed += int((~masks).sum())
        observations, _, ended, cut, _ = env.step(actions)
        begin = ended | cut
    if not closed:
        raise AssertionError("no level was masked, so nothing was shown")
    return f"no masked level in {32 * 400:,} decisions"
