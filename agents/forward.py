"""A trained network without the library that trained it: layers in NumPy, decisions as stable-baselines3 takes them.

The sum of a neuron is taken in one order, so a decision does not depend on what else stands in the batch.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from gymnasium import spaces

from splitgym.masks import parts_of
from splitgym.numbers import plain_array, row_sums

#: Added to what a mask forbids, by sb3-contrib.
_FORBIDDEN = np.float32(-1e8)
ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, np.float32(0.0))}


@dataclasses.dataclass(frozen=True)
class Memory:
    """A long short-term memory of one layer: what stands in front of the layers of RecurrentPPO.

    Args:
        weight_ih, weight_hh, bias_ih, bias_hh: as torch's ``LSTM`` has them, (4 h, k), (4 h, h), (4 h,) and (4 h,)
            float32 for h numbers that are remembered; in the order of the gates: input, forget, cell, output.
    """

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray
    bias_hh: np.ndarray

    @property
    def size(self) -> int:
        """How many numbers it gives."""
        return self.weight_hh.shape[-1]

    def check(self, width: int) -> None:
        """Raise ``ValueError`` unless its arrays fit each other and ``width`` observed numbers."""
        wanted = {"weight_ih": (4 * self.size, width), "weight_hh": (4 * self.size, self.size)}
        for name, array in vars(self).items():
            if array.shape != wanted.get(name, (4 * self.size,)):
                raise ValueError(f"the memory's {name} has the shape {array.shape}, and gets {width} numbers")
            _check_numbers(f"the memory's {name}", array)

    def step(self, observations: np.ndarray, state: Any, starts: np.ndarray | None) -> tuple[np.ndarray, Any]:
        """What it gives for observations (n, k), (n, h), and its new state.

        The state is stable-baselines3's: hidden and cell, each (1, n, h), ``None`` at first; rows in ``starts`` (n,)
        bool begin with zeros.
        """
        n = len(observations)
        hidden, cell = (np.zeros((n, self.size), np.float32),) * 2 if state is None else (part[0] for part in state)
        if starts is not None:
            kept = ~np.asarray(starts, np.bool_).reshape(n, 1)
            hidden, cell = hidden * kept, cell * kept
        hidden, cell = np.asarray(hidden, np.float32), np.asarray(cell, np.float32)
        gates = row_sums(observations, self.weight_ih) + self.bias_ih + row_sums(hidden, self.weight_hh) + self.bias_hh
        enter, forget, new, leave = np.split(gates, 4, axis=1)
        cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(new)
        hidden = _sigmoid(leave) * np.tanh(cell)
        return hidden, (hidden[None], cell[None])


@dataclasses.dataclass(frozen=True)
class Network:
    """Fully connected layers behind stable-baselines3's ``predict``; it decides deterministically.

    Args:
        layers: weights (outputs, inputs) and biases (outputs,) float32 of each layer.
        activation: name of what stands between two layers, one of :data:`ACTIVATIONS`.
        squashed: whether a ``Box`` is reached by tanh, as by SAC and TD3; else what is beyond its ends is cut off.
        observation_space, action_space: of one row.
        memory: what stands in front of the layers and sees the observations, if anything.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    activation: str
    squashed: bool
    observation_space: spaces.Box
    action_space: spaces.Space
    memory: Memory | None = None

    def __post_init__(self) -> None:
        width = int(np.prod(self.observation_space.shape))
        if self.memory is not None:
            self.memory.check(width)
            width = self.memory.size
        for place, (weight, bias) in enumerate(self.layers):
            if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
                raise ValueError(
                    f"layer {place} has weights {weight.shape} and biases {bias.shape}, and gets {width} numbers"
                )
            for array in (weight, bias):
                _check_numbers(f"layer {place}", array)
            width = len(bias)
        wanted = _outputs(self.action_space)
        if not self.layers or width != wanted:
            raise ValueError(f"the last layer gives {width} numbers, and {self.action_space} takes {wanted}")

    def forward(self, observations: np.ndarray) -> np.ndarray:
        """What the last layer gives for observations (n, k) at the begin of episodes: (n, outputs) float32."""
        return self._remembering(observations, None, None)[0]

    def _remembering(self, observations: np.ndarray, state: Any, starts: np.ndarray | None) -> tuple[np.ndarray, Any]:
        numbers = np.ascontiguousarray(observations, np.float32)
        if self.memory is not None:
            numbers, state = self.memory.step(numbers, state, starts)
        for place, (weight, bias) in enumerate(self.layers):
            if place:
                numbers = ACTIVATIONS[self.activation](numbers)
            numbers = row_sums(numbers, weight) + bias
        return numbers, state

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        action_masks: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Actions for a batch (n, k) or one observation (k,), and the state: the memory's, or as it came.

        ``action_masks`` (n, mask size) or (mask size,) bool.  Raises ``ValueError`` for observations of another shape,
        and with ``deterministic=False``.
        """
        if not deterministic:
            raise ValueError("an exported agent decides deterministically; load the run itself to draw its actions")
        observation = plain_array(observation, "observations")
        shape = self.observation_space.shape
        if observation.shape[-len(shape) :] != shape or observation.ndim > len(shape) + 1:
            raise ValueError(f"observations must have shape {shape} or (n, {shape[0]}), got {observation.shape}")
        alone = observation.ndim == len(shape)
        rows = observation.reshape(-1, int(np.prod(shape)))
        outputs, state = self._remembering(rows, state, episode_start)
        masks = None if action_masks is None else np.asarray(action_masks, np.bool_).reshape(len(outputs), -1)
        actions = self._decided(outputs, masks)
        return (np.asarray(actions[0]) if alone else actions), state

    def _decided(self, outputs: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        space = self.action_space
        if isinstance(space, spaces.Box):
            if self.squashed:
                return space.low + np.float32(0.5) * (np.tanh(outputs) + np.float32(1.0)) * (space.high - space.low)
            return np.clip(outputs, space.low, space.high)
        if masks is not None:
            outputs = np.where(masks, outputs, _FORBIDDEN)
        chosen = [part.argmax(axis=1) for part in parts_of(outputs, _sizes(space))]
        return chosen[0] if isinstance(space, spaces.Discrete) else np.stack(chosen, axis=1)


def _check_numbers(what: str, array: np.ndarray) -> None:
    """Raise ``ValueError`` unless an array holds finite numbers of single precision."""
    if array.dtype != np.float32:
        raise ValueError(f"{what} holds {array.dtype}, not float32")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} holds NaN or infinite numbers")


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), by tanh, which overflows nowhere."""
    return np.float32(0.5) * (np.float32(1.0) + np.tanh(np.float32(0.5) * x))


def _outputs(space: spaces.Space) -> int:
    """How many numbers decide about an action of a space."""
    return int(np.prod(space.shape or (0,))) if isinstance(space, spaces.Box) else sum(_sizes(space))


def _sizes(space: Any) -> list[int]:
    """Levels of each choice."""
    return [int(space.n)] if isinstance(space, spaces.Discrete) else space.nvec.tolist()
