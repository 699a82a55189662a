"""A network in parts, and what its scores say of labelled samples."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

#: Batches of inputs (b, ...) and labels (b,), such as a ``torch.utils.data.DataLoader``.
Data = Iterable[Sequence[Any]]


class Parts(Protocol):
    """A network in parts, as a captured one is: :class:`splitgym.profiling.structure.Structure`."""

    def to_cut(self, x: Any, name: str) -> Any:
        """What the device computes: the tensor at a cut (b, channels, ...), from inputs (b, ...)."""
        ...

    def from_cut(self, tensor: Any, name: str) -> Any:
        """What the server computes: scores (b, classes), from the tensor at a cut."""
        ...

    def answers(self, x: Any) -> list[Any]:
        """Scores (b, classes) of all exits in order, and of the whole network."""
        ...


@dataclasses.dataclass(frozen=True)
class HeadTail:
    """A network with one cut, given by hand: ``tail(head(x))`` are its scores."""

    head: Callable[[Any], Any]
    tail: Callable[[Any], Any]

    def to_cut(self, x: Any, name: str) -> Any:
        """The tensor at the cut; ``name`` does not count."""
        return self.head(x)

    def from_cut(self, tensor: Any, name: str) -> Any:
        """Scores from the tensor at the cut."""
        return self.tail(tensor)

    def answers(self, x: Any) -> list[Any]:
        """Scores of the whole network; there are no exits."""
        return [self.tail(self.head(x))]


def judge(scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Whether answers are right (b,), and their entropy over that of guessing (b,), from scores (b, classes)."""
    logs = scores.double().log_softmax(dim=-1)
    entropy = -(logs.exp() * logs).sum(dim=-1) / math.log(scores.shape[-1])
    return (scores.argmax(dim=-1) == labels).numpy(), entropy.clamp(0.0, 1.0).numpy()
