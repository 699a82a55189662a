"""The shells around any world, and the registration of the environment ids."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from splitgym.extras import need
from splitgym.plugins import look, note
from splitgym.quoting import shown
from splitgym.worlds.shipped import SHIPPED, Shipped

if TYPE_CHECKING:
    from splitgym.envs.parallel import SplitParallelEnv
    from splitgym.worlds.world import World


def register_envs() -> None:
    """Register the Gymnasium ids of every world, see ``World.ids``, those of installed plug-ins too; safe to repeat."""
    for name, shipped in SHIPPED.items():
        _register(name, shipped)
    look()
    module = sys.modules.get("splitgym.worlds.world")  # without it nobody has registered another one
    for name, world in module.known_worlds().items() if module else ():
        _register(name, world)


def _register(name: str, world: World | Shipped) -> None:
    for env_id, fixed in world.ids.items():
        if env_id not in gym.registry:
            gym.register(
                id=env_id,
                entry_point=f"splitgym.envs.named:{world.class_name}",
                vector_entry_point="splitgym.envs.vector:SplitVectorEnv",
                kwargs={"world": name, **fixed},
                disable_env_checker="reward" in fixed,  # it warns of rewards that are vectors
            )


def register_world(world: World) -> World:
    """Make a world of one's own known: its environment ids for ``gym.make``, its name for everything else; returns it.

    Raises ``ValueError`` for a name or an environment id that is taken, and for anything but a :class:`World`.
    """
    from splitgym.worlds.world import WORLDS, World

    if not isinstance(world, World):
        raise ValueError(f"a world must be a splitgym.worlds.world.World, got {shown(world)}")
    for env_id in world.ids:
        if env_id in gym.registry:
            raise ValueError(f"environment id {shown(env_id)} is taken; give world {shown(world.name)} another one")
    WORLDS.add(world.name, world)
    _register(world.name, world)
    note(f"environment {shown(world.env_id)}", lambda: [gym.registry.pop(env_id, None) for env_id in world.ids])
    return world


def parallel_env(scenario: Any = "default", **kwargs: Any) -> SplitParallelEnv:
    """``SplitInferenceMultiUser-v0`` as a PettingZoo parallel environment, one agent for each device.

    Arguments: see :class:`splitgym.envs.parallel.SplitParallelEnv`.  Raises ``DependencyNotInstalled`` without
    PettingZoo (the extra ``marl``), ``ValueError`` for what the scenario or the arguments do not allow.
    """
    need("pettingzoo", "marl")
    from splitgym.envs.parallel import SplitParallelEnv

    return SplitParallelEnv(scenario, **kwargs)
