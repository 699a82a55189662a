"""SBX."""

from __future__ import annotations

from tests.recipes.with_sb3 import in_workers, on_devices, without_masks


def masks() -> str:
    """PPO takes none."""
    from sbx import PPO

    return without_masks(PPO)


def multi_agent() -> str:
    """PPO of all devices."""
    from sbx import PPO

    return on_devices(PPO)


def workers() -> str:
    """PPO on environments of other processes."""
    from sbx import PPO

    return in_workers(PPO)
