"""From a run to one file that is data alone, see :mod:`splitgym.agents.exported`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.agents.agent import Agent
from splitgym.agents.algorithms import ALGORITHMS, Algorithm
from splitgym.agents.checkpoint import load_agent, model_file
from splitgym.agents.config import TrainConfig
from splitgym.agents.exported import ENTRY, FORMAT, MEMORY, PARTS, SUFFIX, network_of
from splitgym.agents.forward import Memory
from splitgym.checks import file_path
from splitgym.extras import need
from splitgym.files import write_atomically
from splitgym.jit import sources_digest
from splitgym.named_files import named_files
from splitgym.quoting import shown, where
from splitgym.reading import has_suffix
from splitgym.specs import command_line


def export_agent(run: str | Path, out: str | Path | None = None) -> Path:
    """Write the agent of a run as one file that :func:`splitgym.load_agent` plays without torch.

    Args:
        run: run folder of ``splitgym train`` (its end, or else its newest checkpoint), or a zip file in one.
        out: the file, whose name ends in ``.safetensors``; by default that of the run in the current folder.

    Returns the file.  Raises ``ValueError`` for a path without a whole model of ours, for what is exported already, for
    networks that are not known here (state-dependent exploration of SAC and TQC), a scenario that names files, and a
    name with another ending; ``DependencyNotInstalled`` without the extra ``[agents]``.
    """
    file = model_file(run)
    if has_suffix(file, SUFFIX):
        raise ValueError(f"{shown(str(run))} is exported already: {where(file)} is the file; copy it")
    agent = load_agent(file)
    target = file_path("out", f"{agent.name.replace('/', '-')}{SUFFIX}" if out is None else out)
    if not has_suffix(target, SUFFIX):
        raise ValueError(f"out must end in {SUFFIX}, got {shown(str(target))}")
    write_atomically(target, packed(agent))
    return target


def packed(agent: Agent, **told: Any) -> bytes:
    """The file of an agent of a run, whose document has the entries ``told`` too; refuses as :func:`export_agent`."""
    config = agent.config
    assert config is not None
    _refuse_hyper(config)
    for scenario in config.scenarios:
        if named_files(scenario.to_dict()):
            raise ValueError(
                f"scenario {scenario.name!r} names files, which one file cannot carry; share the run's folder"
            )
    algorithm, weights = ALGORITHMS[config.algo], agent.policy.state_dict()
    layers, memory = _acting(weights, algorithm), _memory(weights, algorithm)
    network_of(layers, memory, config)  # says what does not fit
    learnt = {"steps": agent.steps, "stopped": agent.stopped, "code": sources_digest()}
    return _bytes(layers, memory, {**config.document(), "format": FORMAT, **learnt, **told})


def _bytes(
    layers: tuple[tuple[np.ndarray, np.ndarray], ...], memory: Memory | None, document: Mapping[str, Any]
) -> bytes:
    tensors = {f"{k}.{part}": array for k, pair in enumerate(layers) for part, array in zip(PARTS, pair, strict=True)}
    tensors |= {} if memory is None else {f"{MEMORY}.{part}": array for part, array in vars(memory).items()}
    text = json.dumps(document, sort_keys=True)
    return need("safetensors.numpy", "zoo").save(tensors, metadata={ENTRY: text})


def _acting(weights: Mapping[str, Any], algorithm: Algorithm) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Layers that decide, from the state dictionary of a policy."""
    found = []
    for prefix in algorithm.acting:
        numbered = [name for name in weights if name.startswith(f"{prefix}.") and name.endswith(".weight")]
        own = sorted(numbered, key=lambda name: [int(part) for part in name.split(".") if part.isdigit()])
        if not own and prefix == algorithm.acting[-1]:
            raise ValueError(f"the networks of {algorithm.cls} have no layer {prefix!r}")
        found += [name.removesuffix(".weight") for name in own]
    pairs = [(weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in found]
    return tuple((weight.cpu().numpy().copy(), bias.cpu().numpy().copy()) for weight, bias in pairs)


def _memory(weights: Mapping[str, Any], algorithm: Algorithm) -> Memory | None:
    """The LSTM in front of the layers that decide, if there is one; it has one layer."""
    if not algorithm.memory:
        return None
    names = [field.name for field in dataclasses.fields(Memory)]
    return Memory(*(weights[f"{algorithm.memory}.{name}_l0"].cpu().numpy().copy() for name in names))


def _refuse_hyper(config: TrainConfig) -> None:
    """Raise ``ValueError`` for settings with which the networks have parts that are not known here."""
    algorithm = ALGORITHMS[config.algo]
    if algorithm.squashed and config.hyper.get("use_sde"):
        told = command_line("train", "--algo", config.algo)
        raise ValueError(
            f"{algorithm.cls} with use_sde cannot be exported, its last layer is another one; train without: {told}"
        )
