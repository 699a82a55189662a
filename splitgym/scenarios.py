"""Scenarios of every environment by one pair of functions."""

from __future__ import annotations

from typing import Any

from splitgym.worlds.world import world_of

DEFAULT_ENV = "SplitInference-v0"


def load_scenario(scenario: Any, env_id: str = DEFAULT_ENV, **changes: Any) -> Any:
    """A scenario of ``env_id`` from a preset's name, a TOML path, a table or itself; ``changes`` are dotted paths.

    Examples: ``load_scenario("enachi", **{"tasks.count": 100})``,
    ``load_scenario("switching", "HardwareSplit-v0", hardware="vit")``.
    Raises ``ValueError`` for unknown names and keys, wrong types, and values outside their limits.
    """
    return world_of(env_id).load_scenario(scenario, **changes)


def preset_names(env_id: str = DEFAULT_ENV) -> list[str]:
    """Names of the presets of ``env_id`` that ship with the package."""
    return world_of(env_id).preset_names()
