"""The shells around any world, and the registration of the environment ids."""

from __future__ import annotations

import gymnasium as gym

import splitgym.worlds.hardware
import splitgym.worlds.inference
import splitgym.worlds.placement
import splitgym.worlds.transmission  # noqa: F401  (worlds register themselves)
from splitgym.worlds.world import WORLDS


def register_envs() -> None:
    """Register one Gymnasium id for every world; safe to call again."""
    for name in WORLDS:
        world = WORLDS[name]
        if world.env_id not in gym.registry:
            gym.register(
                id=world.env_id,
                entry_point="splitgym.envs.single:SplitEnv",
                vector_entry_point="splitgym.envs.vector:SplitVectorEnv",
                kwargs={"world": name},
            )
