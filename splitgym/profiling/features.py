"""Accuracy of a cut against the share of its features that arrives.

A *channel* is a slice along the first axis of a cut's tensor.  Channels are sent in the order of their importance; the
server puts, in the place of each that is missing, the channel's mean over the calibration data (or zero), and finishes
the network with that.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from splitgym.extras import need
from splitgym.profiling.parts import Data, Parts, judge
from splitgym.profiling.uncertainty import StopModel, stop_model


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasuredCut:
    """What was measured at a cut.

    Args:
        name: of the cut.
        order: channels, the most important first.
        shares: share of the channels received (n,), ascending from 0 to 1.
        accuracies: accuracy with each [1].
        uncertainties: mean of the server's entropy with each, over that of guessing [1].
        stop: the uncertainty that early stopping reads, see :class:`splitgym.profiling.uncertainty.StopModel`.
    """

    name: str
    order: tuple[int, ...]
    shares: tuple[float, ...]
    accuracies: tuple[float, ...]
    uncertainties: tuple[float, ...]
    stop: StopModel

    def accuracy_at(self, share: float) -> float:
        """Accuracy [1] with a share of the features, linear between the measured ones."""
        return float(np.interp(share, self.shares, self.accuracies))


def channel_counts(channels: int, points: int) -> list[int]:
    """Numbers of channels to measure at, 0 and all among them: close together where they are few."""
    if channels < points:
        return list(range(channels + 1))
    return sorted({0, channels, *(round(channels * (i / (points - 1)) ** 2) for i in range(points))})


def measured_cut(
    network: Parts, name: str, data: Data, calibration: Data, importance: str, fill: str, points: int
) -> MeasuredCut:
    torch = need("torch", "profile")
    scores, means = channel_scores(network, name, calibration, importance)
    order = torch.argsort(scores, descending=True, stable=True)
    rank = torch.argsort(order)
    counts = channel_counts(len(order), points)
    right, entropy = [], []
    with torch.no_grad():
        for x, labels in data:
            tensor = network.to_cut(x, name)
            shape = (1, -1, *([1] * (tensor.dim() - 2)))
            empty = (means if fill == "mean" else torch.zeros_like(means)).to(tensor.dtype).reshape(shape)
            filled = [torch.where((rank < count).reshape(shape), tensor, empty) for count in counts]
            judged = [judge(network.from_cut(part, name), labels) for part in filled]
            right.append(np.stack([r for r, _ in judged]))
            entropy.append(np.stack([h for _, h in judged]))
    rights, entropies = np.concatenate(right, axis=1), np.concatenate(entropy, axis=1)
    shares = np.array(counts) / len(order)
    return MeasuredCut(
        name=name,
        order=tuple(order.tolist()),
        shares=tuple(shares.tolist()),
        accuracies=tuple(rights.mean(axis=1).tolist()),
        uncertainties=tuple(entropies.mean(axis=1).tolist()),
        stop=stop_model(shares, rights, entropies),
    )


def channel_scores(network: Parts, name: str, data: Data, importance: str = "taylor") -> tuple[Any, Any]:
    """Importance (C,) of a cut's channels on labelled batches, and their means (C,)."""
    torch = need("torch", "profile")
    loss = need("torch.nn.functional", "profile").cross_entropy
    total, means, samples = 0.0, 0.0, 0
    for x, labels in data:
        with torch.no_grad():
            tensor = network.to_cut(x, name)
        if tensor.dim() < 2:
            raise ValueError(f"the tensor at the cut {name!r} must be (b, channels, ...), got {tuple(tensor.shape)}")
        sums = tensor.abs()
        if importance == "taylor":
            tensor = tensor.detach().requires_grad_()
            error = loss(network.from_cut(tensor, name), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(error, tensor)
            sums, tensor = tensor.detach() * gradient, tensor.detach()
        inner = sums.double().flatten(2).sum(dim=2) if sums.dim() > 2 else sums.double()
        total = total + inner.abs().sum(dim=0)
        means = means + (tensor.double().flatten(2).mean(dim=2) if tensor.dim() > 2 else tensor.double()).sum(dim=0)
        samples += len(labels)
    if not samples:
        raise ValueError("calibration holds no batch")
    return total / samples, means / samples
