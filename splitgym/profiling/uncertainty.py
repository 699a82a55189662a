"""The uncertainty that early stopping reads, from a network's entropies (ENACHI specification, sections 5.2 and 5.3).

The model: H = 1 / (1 + (beta / theta)^gamma) with an error of log(beta / theta), so that the logit of 1 - H is
gamma (log(beta / theta) + noise).  A network's entropy is another scale of the same thing; the server shifts its logit
so that it is one half, on average, where answers become right.
"""

from __future__ import annotations

import dataclasses

import numpy as np

_EDGE = 1e-6  # an entropy nearer to 0 or 1 counts as this near


@dataclasses.dataclass(frozen=True, kw_only=True)
class StopModel:
    """What the early stop of a scenario needs to know, fitted to a cut; NaN where there was too little to fit.

    Args:
        exponent: gamma of the uncertainty.
        noise_std: of the error of log(beta / theta).
        persistence: part of its variance that stays with a sample.
        confidently_wrong: share of the wrong samples whose uncertainty with all features is below one half.
        offset: what the server subtracts from the logit of 1 - entropy.
        explained: share of the logits' variance that the line explains (R^2).
    """

    exponent: float
    noise_std: float
    persistence: float
    confidently_wrong: float
    offset: float
    explained: float


def turning_shares(shares: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least share from which on a sample is right whatever more arrives (samples,); inf: wrong with everything.

    ``shares`` (n,) ascending, ``right`` (n, samples).
    """
    stays = np.logical_and.accumulate(right[::-1], axis=0)[::-1]
    return np.where(stays[-1], shares[np.argmax(stays, axis=0)], np.inf)


def stop_model(shares: np.ndarray, right: np.ndarray, entropy: np.ndarray) -> StopModel:
    """Fit the model of the uncertainty by least squares.

    Args:
        shares: of the features (n,), ascending to 1.
        right, entropy: whether a sample is answered rightly, and its entropy over that of guessing (n, samples).
    """
    theta = turning_shares(shares, right)
    told = np.flatnonzero(shares > 0.0)
    known = np.flatnonzero(np.isfinite(theta) & (theta > 0.0))
    held = np.clip(entropy, _EDGE, 1.0 - _EDGE)
    logit = np.log((1.0 - held) / held)[np.ix_(told, known)]
    x = np.log(shares[told, None] / theta[None, known])
    wrong = ~right[-1]
    if x.size < 3 or float(x.std()) == 0.0:
        return StopModel(
            exponent=np.nan, noise_std=np.nan, persistence=np.nan, confidently_wrong=np.nan, offset=np.nan,
            explained=np.nan,
        )  # fmt: skip
    slope, offset = np.polyfit(x.ravel(), logit.ravel(), 1)
    left = logit - slope * x - offset
    total = float(left.var())
    last = np.log((1.0 - held[-1]) / held[-1]) - offset
    return StopModel(
        exponent=float(slope),
        noise_std=float(np.sqrt(total) / slope) if slope > 0.0 else float("inf"),
        persistence=float(left.mean(axis=0).var() / total) if total > 0.0 else 0.0,
        confidently_wrong=float((last[wrong] > 0.0).mean()) if wrong.any() else 0.0,
        offset=float(offset),
        explained=1.0 - total / float(logit.var()),
    )
