"""Stable-Baselines3."""

from __future__ import annotations

from tests.recipes import recipe
from tests.recipes.with_sb3 import in_workers, on_devices, without_masks


def masks() -> str:
    """PPO takes none; MaskablePPO is contrib's."""
    from stable_baselines3 import PPO

    return without_masks(PPO)


def vector() -> str:
    """The native batch trains the same model, to the bit, as 32 single environments."""
    import torch
    from stable_baselines3 import PPO

    torch.set_num_threads(1)
    weights = []
    for native in (False, True):
        envs = recipe("sb3_ppo").environments(native, False)
        model = PPO("MlpPolicy", envs, n_steps=16, batch_size=128, seed=1, device="cpu")
        envs.seed(2**32)
        weights.append(torch.nn.utils.parameters_to_vector(model.learn(1024).policy.parameters()))
    assert torch.equal(*weights), "the native batch trained another model than 32 environments"
    return "`sb3_ppo.py --native`, the model equal to the bit"


def multi_agent() -> str:
    """PPO of all devices."""
    from stable_baselines3 import PPO

    return on_devices(PPO)


def workers() -> str:
    """PPO on environments of other processes."""
    from stable_baselines3 import PPO

    return in_workers(PPO)
