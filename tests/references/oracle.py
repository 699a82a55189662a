"""A genie for one user (ENACHI specification, section 8): knows all gains and complexities; for tests only."""

from __future__ import annotations

import numpy as np

from tests.references import enachi as ref


def waterfill_energy(bits: float, gains: np.ndarray) -> float:
    """Least energy [J] that carries ``bits`` over slots of given gains under the power limit; inf if impossible."""
    noise = ref.N0 * ref.BANDWIDTH / gains

    def carried(level: float) -> tuple[float, float]:
        powers = np.clip(level - noise, 0.0, ref.P_MAX)
        rate = ref.BANDWIDTH * np.log2(1.0 + powers / noise)
        return rate.sum() * ref.SLOT, powers.sum() * ref.SLOT

    low, high = 0.0, float(noise.max() + ref.P_MAX)
    if carried(high)[0] < bits:
        return np.inf
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if carried(middle)[0] < bits else (low, middle)
    return carried(high)[1]


def cheapest(gain: float, fading: np.ndarray, u: float, deadline: float) -> float:
    """Least energy [J] to answer a sample correctly over splits and local; inf if it cannot be."""
    if u > ref.A_F:
        return np.inf
    best = ref.e_loc(ref.TOTAL_MACS) if ref.t_loc(ref.TOTAL_MACS) <= deadline else np.inf
    for split in ref.SPLITS:
        first, count = ref.slots(split, deadline)
        if count >= 1:
            channels, side = ref.SHAPE[split]
            needed = np.ceil(channels * ref.theta(ref.STEEPNESS[split], u)) * side**2 * 8.0
            spent = waterfill_energy(needed, gain * fading[first : first + count])
            best = min(best, ref.e_loc(ref.MACS[split]) + spent)
    return best


def oracle(gain, fading, u, deadline: float, budget: float) -> tuple[float, float]:
    """Accuracy within ``frames * budget`` joules, and accuracy with energy without limit."""
    costs = np.array([cheapest(*frame, deadline) for frame in zip(gain, fading, u, strict=True)])
    spent = np.cumsum(np.sort(costs))
    return float((spent <= budget * len(u)).sum()) / len(u), float(np.isfinite(costs).mean())
