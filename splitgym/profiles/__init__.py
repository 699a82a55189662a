"""Profiles: what is known of a network (``DnnProfile``), and of calibrated machines (``HardwareProfile``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from splitgym.profiles.dnn import DnnProfile, load_profile, profile_names

if TYPE_CHECKING:
    from splitgym.worlds.hardware.profile import HardwareProfile, hardware_names, load_hardware

__all__ = ["DnnProfile", "HardwareProfile", "hardware_names", "load_hardware", "load_profile", "profile_names"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # of machines: they belong to a world, and worlds rest on the profiles of networks
        from splitgym.worlds.hardware import profile

        return getattr(profile, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
