"""The shells around any world, and the registration of the environment ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym

import splitgym.worlds.shipped  # noqa: F401  (they register themselves)
from splitgym.extras import need
from splitgym.worlds.world import WORLDS

if TYPE_CHECKING:
    from splitgym.envs.parallel import SplitParallelEnv


def register_envs() -> None:
    """Register one Gymnasium id for every world; safe to call again."""
    for name in WORLDS:
        world = WORLDS[name]
        if world.env_id not in gym.registry:
            gym.register(
                id=world.env_id,
                entry_point=f"splitgym.envs.named:{world.class_name}",
                vector_entry_point="splitgym.envs.vector:SplitVectorEnv",
                kwargs={"world": name},
            )


def parallel_env(scenario: Any = "default", **kwargs: Any) -> SplitParallelEnv:
    """``SplitInferenceMultiUser-v0`` as a PettingZoo parallel environment, one agent for each device.

    Arguments: see :class:`splitgym.envs.parallel.SplitParallelEnv`.  Raises ``DependencyNotInstalled`` without
    PettingZoo (the extra ``marl``), ``ValueError`` for what the scenario or the arguments do not allow.
    """
    need("pettingzoo", "marl")
    from splitgym.envs.parallel import SplitParallelEnv

    return SplitParallelEnv(scenario, **kwargs)
