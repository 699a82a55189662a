"""Which episodes threads of one process may play at once, and the share of the memory that they take."""

from __future__ import annotations

from typing import Any

from splitgym.digests import is_ours
from splitgym.worlds.world import World

#: Steps that are in memory at once, some 300 bytes each.
MOST_STEPS = 8_000_000
#: Steps of an episode whose trace, some hundred numbers a step, may fill the memory alone.
_LONGEST_TRACE = 200_000


def bears_company(world: World, scenario: Any) -> bool:
    """Whether episodes may be played at once: where no code of somebody else's simulates."""
    return is_ours(world) and not world.uses_plugins(scenario)


def room_of_play(world: World, scenario: Any, episodes: int) -> float:
    """The share of the memory that the steps of so many episodes take, which are measured when all are played."""
    return episodes * world.horizon(scenario) / MOST_STEPS


def room_of_trace(world: World, scenario: Any) -> float:
    """The share of the memory that one trace takes, about."""
    return world.horizon(scenario) / _LONGEST_TRACE
