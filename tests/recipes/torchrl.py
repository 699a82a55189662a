"""TorchRL."""

from __future__ import annotations

import torch
from torchrl.envs import GymEnv, ParallelEnv
from torchrl.envs.utils import check_env_specs

from tests.recipes import never_masked, recipe


def masks() -> str:
    """TorchRL's masked distribution, trained for a batch with the masks that an info reader takes."""
    made = recipe("torchrl_ppo")
    torch.set_num_threads(1)
    torch.manual_seed(1)
    env = made.make_env()
    actor, critic = made.networks(env)
    made.train(env, actor, critic, 1)
    return f"`MaskedCategorical`: {never_masked(made.policy(actor), action='discrete')}"


def make_single() -> GymEnv:
    """Made in the process of a worker."""
    return GymEnv("splitgym:SplitInference-v0", categorical_action_encoding=True)


def workers() -> str:
    """Two processes with an environment each, by the id that imports the package."""
    env = ParallelEnv(2, make_single, mp_start_method="spawn")
    try:
        check_env_specs(env)
        rewards = env.rollout(50)["next", "reward"]
    finally:
        env.close()
    if tuple(rewards.shape) != (2, 50, 1):
        raise AssertionError(f"rewards of shape {tuple(rewards.shape)}")
    return "`ParallelEnv` of two processes, `check_env_specs` and a rollout"
