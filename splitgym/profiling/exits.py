"""Early exits measured: what they answer, how often rightly, and how sure they must be."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from splitgym.extras import need
from splitgym.profiling.parts import Data, Parts, judge


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasuredExit:
    """What was measured at an early exit: it answers where its entropy over that of guessing is at most ``threshold``.

    Args:
        name: of the exit.
        threshold: chosen on the calibration data.
        answered: share of all samples that it would answer alone [1].
        accuracy: of these answers [1].
        alone: accuracy if it answered all samples [1].
        share: of the samples that the whole network gets right, those that this exit or an earlier one answers
            rightly [1]: the ``share`` of a profile.
    """

    name: str
    threshold: float
    answered: float
    accuracy: float
    alone: float
    share: float


@dataclasses.dataclass(frozen=True)
class Answers:
    """Right or not, and uncertainty (answers, samples), of the exits and of the whole network, which is the last."""

    right: np.ndarray
    uncertainty: np.ndarray
    classes: int

    @property
    def samples(self) -> int:
        return self.right.shape[1]

    @classmethod
    def of(cls, network: Parts, data: Data, name: str, exits: int) -> Answers:
        torch, right, entropy, classes = need("torch", "profile"), [], [], 0
        with torch.no_grad():
            for x, labels in data:
                scores = network.answers(x)
                if len(scores) != exits + 1:
                    raise ValueError(
                        f"exits must name the outputs before the last one, of which the network has "
                        f"{len(scores) - 1}, got {exits} names"
                    )
                classes = int(scores[-1].shape[-1])
                _check_labels(labels, classes, name)
                judged = [judge(part, labels) for part in scores]
                right.append(np.stack([r for r, _ in judged]))
                entropy.append(np.stack([h for _, h in judged]))
        if not right:
            raise ValueError(f"{name} holds no batch")
        return cls(np.concatenate(right, axis=1), np.concatenate(entropy, axis=1), classes)


def _check_labels(labels: Any, classes: int, name: str) -> None:
    if labels.ndim != 1 or labels.is_floating_point() or labels.numel() == 0:
        raise ValueError(f"{name}: labels must be whole numbers (b,), got {labels.dtype} {tuple(labels.shape)}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(f"{name}: labels must be >= 0 and < {classes}, the number of scores, got {low} to {high}")


def with_exits(answers: Answers, thresholds: Sequence[float]) -> np.ndarray:
    """Whether each sample is answered rightly where the first exit that is sure enough answers."""
    right, open_ = answers.right[-1].copy(), np.ones(answers.samples, np.bool_)
    for e, threshold in enumerate(thresholds):
        leaves = open_ & (answers.uncertainty[e] <= threshold)
        right[leaves] = answers.right[e][leaves]
        open_ &= ~leaves
    return right


def threshold_of(answers: Answers, e: int, tolerance: float) -> float:
    """The largest threshold of an exit whose answers cost at most so much accuracy; below 0: it never answers."""
    order = np.argsort(answers.uncertainty[e], kind="stable")
    lost = np.cumsum(answers.right[-1][order].astype(np.int64) - answers.right[e][order])
    values = answers.uncertainty[e][order]
    last = np.append(values[1:] > values[:-1], True)  # samples of equal uncertainty leave together
    fits = np.flatnonzero(last & (lost <= tolerance * answers.samples))
    return float(values[fits[-1]]) if len(fits) else -1.0


def measured_exits(answers: Answers, names: Sequence[str], thresholds: Sequence[float]) -> list[MeasuredExit]:
    found, taken, counted = [], np.zeros(answers.samples, np.bool_), np.zeros(answers.samples, np.bool_)
    for e, (name, threshold) in enumerate(zip(names, thresholds, strict=True)):
        leaves = answers.uncertainty[e] <= threshold
        counted |= leaves & ~taken & answers.right[e] & answers.right[-1]
        taken |= leaves
        right = answers.right[-1].sum()
        found.append(
            MeasuredExit(
                name=name,
                threshold=threshold,
                answered=float(leaves.mean()),
                accuracy=float(answers.right[e][leaves].mean()) if leaves.any() else 0.0,
                alone=float(answers.right[e].mean()),
                share=float(counted.sum() / right) if right else 0.0,
            )
        )
    return found
