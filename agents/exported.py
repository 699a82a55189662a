"""A trained agent as one small file that is data alone: weights as safetensors, everything else as JSON inside it.

It is played by NumPy (:mod:`splitgym.agents.forward`), needs no torch, and whoever made it, no code of it is run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.agents.agent import Agent, SharedAgent
from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.config import TrainConfig, check_document, config_of, using
from splitgym.agents.forward import Memory, Network
from splitgym.extras import need
from splitgym.quoting import cut, shown, where
from splitgym.reading import json_of, read_bytes

SUFFIX = ".safetensors"
FORMAT = "splitgym-agent-1"
#: Entry of the file's header that holds the JSON text.
ENTRY = "splitgym"
_MOST = 2**30  # bytes of a file
_MOST_STEPS = 2**62


def load_exported(path: Path, name: str) -> Agent:
    """The agent of a file of :func:`splitgym.export_agent`, under a name.

    Raises ``ValueError`` naming the file and what is wrong: no such file, damaged or foreign, networks or a scenario
    that do not fit this version; ``DependencyNotInstalled`` without the extra ``[zoo]``.
    """
    content = read_bytes(path, "agent", _MOST)
    document, tensors = _read(content, path)
    again = "train and export it again"
    config = config_of(document, path, path.parent, again)
    steps = document.get("steps")
    with using(path):
        if type(steps) is not int or not 0 <= steps <= _MOST_STEPS:
            raise ValueError(f"steps must be a whole number, got {shown(steps)}")
        network = network_of(*_parts_of(tensors), config)
    kind = SharedAgent if config.agents else Agent
    agent = kind(network, name, str(config.action), ALGORITHMS[config.algo].masks, config)
    agent.steps = steps
    return agent


def network_of(
    layers: tuple[tuple[np.ndarray, np.ndarray], ...], memory: Memory | None, config: TrainConfig
) -> Network:
    """The network of a configuration's algorithm.  Raises ``ValueError`` for layers that do not fit its spaces."""
    algorithm = ALGORITHMS[config.algo]
    if bool(algorithm.memory) != (memory is not None):
        raise ValueError(f"{config.algo} {'needs' if algorithm.memory else 'has no'} arrays {MEMORY}.weight_ih, ...")
    return Network(layers, algorithm.activation, algorithm.squashed, *config.spaces(), memory)


# ------------------------------------------------------------------ the file
PARTS = ("weight", "bias")
#: Prefix of the arrays of a memory, which :class:`Memory` names.
MEMORY = "memory"


def _read(content: bytes, path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """JSON document and arrays of a file."""
    safetensors = need("safetensors", "zoo")
    try:
        tensors = need("safetensors.numpy", "zoo").load(content)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(cut(f"{where(path)} is not a whole safetensors file: {error}")) from error
    return document_in(content, path), tensors


def document_in(content: bytes, path: Path) -> dict[str, Any]:
    """JSON document of a file, for which its header is enough.  Raises ``ValueError`` for one that is not ours."""
    try:
        header = json_of(content[8 : 8 + int.from_bytes(content[:8], "little")], path)
    except ValueError as error:
        raise ValueError(cut(f"{where(path)} is not a whole safetensors file: {error}")) from error
    text = (header.get("__metadata__") or {}).get(ENTRY)
    if not isinstance(text, str):
        raise ValueError(f"{where(path)} is not an agent of 'splitgym export': its header has no entry {ENTRY!r}")
    with using(path):
        return check_document(json_of(text, path), FORMAT)


def _parts_of(tensors: Mapping[str, np.ndarray]) -> tuple[tuple[tuple[np.ndarray, np.ndarray], ...], Memory | None]:
    """Weights and biases of the layers in their order, and the memory in front of them, if any."""
    own = [f"{MEMORY}.{field.name}" for field in dataclasses.fields(Memory)]
    remembers = set(own) <= set(tensors)
    count = (len(tensors) - len(own) * remembers) // 2
    names = [f"{k}.{part}" for k in range(count) for part in PARTS]
    if set(names) | (set(own) if remembers else set()) != set(tensors):
        raise ValueError(f"its arrays must be 0.weight, 0.bias, 1.weight, ..., got {shown(sorted(tensors))}")
    layers = tuple((tensors[f"{k}.weight"], tensors[f"{k}.bias"]) for k in range(count))
    return layers, Memory(*(tensors[name] for name in own)) if remembers else None
