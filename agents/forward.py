"""A trained network without the library that trained it: layers in NumPy, decisions as stable-baselines3 takes them.

The sum of a neuron is taken in one order, so a decision does not depend on what else stands in the batch.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from gymnasium import spaces

from splitgym.masks import parts_of
from splitgym.numbers import plain_array

#: Added to what a mask forbids, by sb3-contrib.
_FORBIDDEN = np.float32(-1e8)
_PRODUCTS = 4_000_000  # held at once
ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, np.float32(0.0))}


@dataclasses.dataclass(frozen=True)
class Network:
    """Fully connected layers behind stable-baselines3's ``predict``; it decides deterministically.

    Args:
        layers: weights (outputs, inputs) and biases (outputs,) float32 of each layer.
        activation: name of what stands between two layers, one of :data:`ACTIVATIONS`.
        squashed: whether a ``Box`` is reached by tanh, as by SAC and TD3; else what is beyond its ends is cut off.
        observation_space, action_space: of one row.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    activation: str
    squashed: bool
    observation_space: spaces.Box
    action_space: spaces.Space

    def __post_init__(self) -> None:
        width = int(np.prod(self.observation_space.shape))
        for place, (weight, bias) in enumerate(self.layers):
            if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
                raise ValueError(
                    f"layer {place} has weights {weight.shape} and biases {bias.shape}, and gets {width} numbers"
                )
            if weight.dtype != np.float32 or bias.dtype != np.float32:
                raise ValueError(f"layer {place} holds {weight.dtype} and {bias.dtype}, not float32")
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise ValueError(f"layer {place} holds NaN or infinite numbers")
            width = len(bias)
        wanted = _outputs(self.action_space)
        if not self.layers or width != wanted:
            raise ValueError(f"the last layer gives {width} numbers, and {self.action_space} takes {wanted}")

    def forward(self, observations: np.ndarray) -> np.ndarray:
        """What the last layer gives for observations (n, k): (n, outputs) float32."""
        numbers = np.ascontiguousarray(observations, np.float32)
        for place, (weight, bias) in enumerate(self.layers):
            if place:
                numbers = ACTIVATIONS[self.activation](numbers)
            numbers = _sums(numbers, weight) + bias
        return numbers

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        action_masks: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Actions for a batch (n, k) or one observation (k,), and the state as it came.

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
        outputs = self.forward(observation.reshape(-1, int(np.prod(shape))))
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


def _outputs(space: spaces.Space) -> int:
    """How many numbers decide about an action of a space."""
    return int(np.prod(space.shape or (0,))) if isinstance(space, spaces.Box) else sum(_sizes(space))


def _sizes(space: Any) -> list[int]:
    """Levels of each choice."""
    return [int(space.n)] if isinstance(space, spaces.Discrete) else space.nvec.tolist()


def _sums(numbers: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``numbers @ weight.T``, each sum in the same order whatever the number of rows, as BLAS does not promise."""
    rows = max(_PRODUCTS // max(weight.size, 1), 1)
    parts = [(numbers[first : first + rows, None, :] * weight).sum(axis=-1) for first in range(0, len(numbers), rows)]
    return np.concatenate(parts) if parts else np.zeros((0, len(weight)), np.float32)
