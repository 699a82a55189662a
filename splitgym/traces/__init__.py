"""Traces: what nature does in an episode.  A class for every environment, such as ``InferenceTrace``.

The models that draw them are in :mod:`splitgym.traces.fading` and :mod:`splitgym.traces.arrivals`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from splitgym.lazily import named_type

if TYPE_CHECKING:  # at run time those of all registered worlds are here
    from splitgym.worlds.hardware.trace import HardwareTrace as HardwareTrace
    from splitgym.worlds.inference.trace import InferenceTrace as InferenceTrace
    from splitgym.worlds.multiuser.trace import MultiUserTrace as MultiUserTrace
    from splitgym.worlds.placement.trace import PlacementTrace as PlacementTrace
    from splitgym.worlds.transmission.trace import TransmissionTrace as TransmissionTrace


def _types() -> list[type]:
    from splitgym.worlds.world import WORLDS

    return [WORLDS[name].trace_type for name in WORLDS]


def __getattr__(name: str) -> Any:
    return named_type(__name__, name, _types)


def __dir__() -> list[str]:
    return sorted({*globals(), *(cls.__name__ for cls in _types())})
