"""PyTorch alone, by the script in the manner of CleanRL."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from tests.recipes import NotSupportedError, never_masked, recipe

ID = "splitgym:SplitInference-v0"


def script(envs: int) -> Any:
    """The recipe with fewer environments."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    found = recipe("cleanrl_ppo")
    found.train.__globals__["ENVS"] = envs
    return found


def masks() -> str:
    """``--masks``, trained for a few decisions."""
    import splitgym

    found = script(32)
    envs = gym.make_vec(ID, 32, autoreset_mode="SameStep")
    agent = found.Agent(envs)
    found.train(agent, envs, 2048, 1, True)
    return never_masked(splitgym.policy_from(agent.best, action="multidiscrete", uses_masks=True))


def multi_agent() -> str:
    """The script has one agent."""
    if hasattr(recipe("cleanrl_ppo"), "Agents"):
        raise AssertionError("the script has several agents now: train them here")
    raise NotSupportedError("the script has one agent and no way for more")


def workers() -> str:
    """Gymnasium's ``AsyncVectorEnv``."""
    found = script(2)
    mode = gym.vector.AutoresetMode.SAME_STEP
    keywords = {"autoreset_mode": mode, "context": "spawn"}
    envs = gym.make_vec(ID, 2, vectorization_mode="async", vector_kwargs=keywords)
    try:
        found.train(found.Agent(envs), envs, 256, 1, False)
    finally:
        envs.close()
    return "AsyncVectorEnv of 2 processes"
