"""What Stable-Baselines3, its contrib and SBX share."""

from __future__ import annotations

from typing import Any

ID = "splitgym:SplitInference-v0"


def in_workers(algorithm: Any, policy: str = "MlpPolicy", **hyper: Any) -> str:
    """Train on two environments that other processes make."""
    import torch
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import SubprocVecEnv

    torch.set_num_threads(1)
    envs = make_vec_env(ID, 2, seed=2**32, vec_env_cls=SubprocVecEnv, vec_env_kwargs={"start_method": "spawn"})
    try:
        algorithm(policy, envs, n_steps=32, batch_size=32, seed=1, device="cpu", **hyper).learn(64)
    finally:
        envs.close()
    return "SubprocVecEnv of 2 processes"


def on_devices(algorithm: Any, **hyper: Any) -> str:
    """Train one policy for all devices by SuperSuit, and evaluate it."""
    import supersuit
    import torch

    import splitgym

    torch.set_num_threads(1)
    env = supersuit.pettingzoo_env_to_vec_env_v1(splitgym.parallel_env())
    envs = supersuit.concat_vec_envs_v1(env, 2, num_cpus=0, base_class="stable_baselines3")
    model = algorithm("MlpPolicy", envs, n_steps=16, batch_size=32, device="cpu", **hyper)  # SuperSuit takes no seed
    model.learn(200)
    results = splitgym.evaluate([splitgym.per_device(model)], "SplitInferenceMultiUser-v0", episodes=1)
    return f"one policy for all devices by SuperSuit, return {results.figure(results.policies[0], 'return').mean():.1f}"


def without_masks(algorithm: Any) -> str:
    """Raise that an algorithm takes no masks, unless its ``predict`` does."""
    import inspect

    from tests.recipes import NotSupportedError

    if "action_masks" in inspect.signature(algorithm.predict).parameters:
        raise AssertionError(f"{algorithm.__name__}.predict takes action_masks now: write the recipe")
    raise NotSupportedError(f"{algorithm.__module__.partition('.')[0]}'s PPO.predict takes no action_masks")
