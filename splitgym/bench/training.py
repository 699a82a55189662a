"""Rate of PPO training, beside the same algorithm on an environment that costs nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

from splitgym.agents.build import build_model
from splitgym.agents.config import TrainConfig
from splitgym.bench.measuring import Budget, Chunk, Row, Target, alternate, compare, counted
from splitgym.extras import need

PAIRS = 3  # at least


def training_rows(budget: Budget) -> list[Row]:
    """PPO as ``splitgym train`` sets it up, against itself on a free environment, iteration by iteration.

    Raises ``DependencyNotInstalled`` without the extra ``agents``.
    """
    config = TrainConfig(steps=10**12, num_threads=budget.threads)
    ours, free = build_model(config), build_model(config)
    from splitgym.bench.free import FreeVecEnv

    free.env.close()
    free.set_env(FreeVecEnv(free.n_envs, free.observation_space, free.action_space))
    torch = need("torch", "agents")
    before = torch.get_num_threads()
    torch.set_num_threads(config.torch_threads)
    budget = dataclasses.replace(budget, repeats=max(budget.repeats, PAIRS))
    try:
        rates = alternate({"ours": learning(ours), "free": learning(free)}, budget)
    finally:
        torch.set_num_threads(before)
        ours.env.close()
    name = f"PPO training, {ours.n_envs} rows, {counted(budget.threads, 'thread')}"
    note = f"rollouts of {ours.n_steps} steps, batches of {ours.batch_size}, {ours.n_epochs} epochs"
    return [
        compare(
            "training",
            name,
            rates["ours"],
            "step/s",
            "PPO on a free environment",
            rates["free"],
            target=Target(0.92),
            note=note,
        )
    ]


def learning(model: Any) -> Chunk:
    """One iteration, rollout and update, of a model."""
    from stable_baselines3.common.logger import Logger

    model.set_logger(Logger(None, []))
    steps = model.n_envs * model.n_steps

    def chunk() -> float:
        model.learn(steps, reset_num_timesteps=False)
        return steps

    return chunk
