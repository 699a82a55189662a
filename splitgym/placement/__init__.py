"""Placing early-exit networks over device, edge and cloud: instances, FIN, exact optima, competitors.

Source: Singhal et al., "Resource-aware Deployment of Dynamic DNNs over Multi-tiered Interconnected Systems",
INFOCOM 2024, arXiv 2404.08060.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # at run time when somebody asks: worlds import parts of this package
    from splitgym.placement.graph_apps import graph_instance
    from splitgym.placement.graph_map import GraphMap
    from splitgym.placement.graph_topology import load_topology
    from splitgym.placement.profiled import network_from

__all__ = ["GraphMap", "graph_instance", "load_topology", "network_from"]

_MODULES = {
    "GraphMap": "graph_map",
    "graph_instance": "graph_apps",
    "load_topology": "graph_topology",
    "network_from": "profiled",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
