"""Scenarios of every environment by one pair of functions, and their classes, such as ``InferenceScenario``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from splitgym.lazily import named_type
from splitgym.worlds.presets import BY_WORLD
from splitgym.worlds.world import WORLDS, world_of

if TYPE_CHECKING:  # at run time those of all registered worlds are here
    from splitgym.worlds.hardware.scenario import HardwareScenario as HardwareScenario
    from splitgym.worlds.inference.scenario import InferenceScenario as InferenceScenario
    from splitgym.worlds.multiuser.scenario import MultiUserScenario as MultiUserScenario
    from splitgym.worlds.placement.scenario import PlacementScenario as PlacementScenario
    from splitgym.worlds.transmission.scenario import TransmissionScenario as TransmissionScenario

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


def _types() -> list[type]:
    return [BY_WORLD[name].cls for name in WORLDS if name in BY_WORLD]


def __getattr__(name: str) -> Any:
    return named_type(__name__, name, _types, ("load_scenario", "preset_names"))


def __dir__() -> list[str]:
    return sorted({*globals(), *(cls.__name__ for cls in _types())})
