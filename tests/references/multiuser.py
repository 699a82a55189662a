"""An independent ENACHI for several users, from the specification (sections 3.3, 6.3, 6.4), in NumPy and SciPy.

It shares no code with the package: for fixed splits one price is found by Brent's method around the closed form with
the Lambert W function; splits are found by trying all vectors (a few users) or from a table of shares (many).
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import brentq
from scipy.special import lambertw

from tests.references import enachi as one
from tests.references.enachi import A_0, A_F, N0, P_MAX, SHAPE, SLOT, SPLITS, STEEPNESS, V

LOCAL = "local"
KINDS = (*SPLITS, LOCAL)


class User:
    """One split of one user: what its share of the band is worth."""

    def __init__(self, split: str, queue: float, gain: float, deadline: float) -> None:
        self.split, self.queue, self.gain = split, queue, gain
        self.macs = one.TOTAL_MACS if split == LOCAL else one.MACS[split]
        if split == LOCAL:
            self.feasible = one.t_loc(self.macs) <= deadline
            return
        self.k, (channels, side) = STEEPNESS[split], SHAPE[split]
        self.bits = channels * side**2 * 8.0
        self.window = one.slots(split, deadline)[1] * SLOT
        self.feasible = self.window > 0
        self.alpha = (A_F - A_0) * self.k / (1 - np.exp(-self.k))

    def beta(self, w: float, p: float) -> float:
        """Delivered ratio, not capped."""
        return self.window * w * np.log2(1 + p * self.gain / (N0 * w)) / self.bits

    def power(self, w: float) -> float:
        """Best power for a share (6.2)."""
        if self.split == LOCAL or w <= 0:
            return 0.0
        a = self.gain / (N0 * w)
        top = min(P_MAX, np.expm1(min(self.bits / (self.window * w) * np.log(2), 600.0)) / a)
        if self.queue == 0:
            return top
        nu = self.k * self.window * w / (self.bits * np.log(2))
        slope = V * self.alpha * w * a / (self.bits * np.log(2) * self.queue)
        return float(np.clip(np.expm1(np.log(slope) / (nu + 1)) / a, 0, top))

    def value(self, w: float) -> float:
        """V A - Q E of a share."""
        own = self.queue * one.e_loc(self.macs)
        if self.split == LOCAL:
            return V * A_F - own
        if w <= 0:
            return V * A_0 - own
        p = self.power(w)
        return V * one.accuracy(self.k, min(self.beta(w, p), 1.0)) - own - self.queue * p * self.window

    def at_full_power(self, price: float) -> float:
        """Share at a price with p = p_max: at most what delivers everything."""

        def over(log_w: float) -> float:
            w = np.exp(log_w)
            y = 1 + P_MAX * self.gain / (N0 * w)
            worth = V * self.alpha * self.window / self.bits * (np.log(y) - (y - 1) / y) / np.log(2)
            return np.log(worth) - self.k * self.beta(w, P_MAX) - np.log(price)

        low, high = np.log(1.0), np.log(1e12)
        if over(high) >= 0:
            return np.inf
        if over(low) <= 0:
            return 0.0
        w = float(np.exp(brentq(over, low, high, xtol=1e-14, rtol=1e-15)))
        if self.beta(w, P_MAX) <= 1:
            return w
        return float(np.exp(brentq(lambda x: self.beta(np.exp(x), P_MAX) - 1, low, np.log(w), xtol=1e-14)))

    def share(self, price: float) -> float:
        """Share at which the marginal value is the price (6.3)."""
        if self.split == LOCAL:
            return 0.0
        if self.queue > 0:
            c = price * self.gain / (self.queue * self.window * N0)
            z = float(np.exp(1 + lambertw((c - 1) / np.e).real)) - 1
            z -= ((1 + z) * np.log1p(z) - z - c) / np.log1p(z)  # W loses digits near -1/e
            y = 1 + z
            mu = self.queue * N0 * y * np.log(2) / self.gain
            beta = float(np.clip(np.log(V * self.alpha / (mu * self.bits)) / self.k, 0, 1))
            w = beta * self.bits / (self.window * np.log2(y))
            if (y - 1) * N0 * w / self.gain <= P_MAX:
                return w
        return self.at_full_power(price)


def allocate(users: list[User], band: float) -> np.ndarray:
    """Shares of fixed splits: one price for all; what nobody wants is handed out in proportion."""

    def asked(log_price: float) -> float:
        return sum(u.share(np.exp(log_price)) for u in users)

    low, high = -60.0, 0.0  # below: lost in rounding; nobody pays more
    price = low if asked(low) <= band else brentq(lambda x: asked(x) - band, low, high, xtol=1e-14, rtol=1e-15)
    shares = np.array([u.share(np.exp(price)) for u in users])
    return shares * band / shares.sum() if shares.sum() > 0 else shares


def solve(queues, gains, deadline: float, band: float) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, float]:
    """P1.1 over all split vectors: splits, shares, powers, value."""
    users = [[User(split, *state, deadline) for split in KINDS] for state in zip(queues, gains, strict=True)]
    kinds = [[user for user in splits if user.feasible] for splits in users]
    best = (-np.inf, (), np.zeros(0))
    for users in itertools.product(*kinds):
        shares = np.array([band]) if len(users) == 1 and users[0].split != LOCAL else allocate(list(users), band)
        value = sum(u.value(w) for u, w in zip(users, shares, strict=True))
        if value > best[0]:
            best = (value, users, shares)
    value, users, shares = best
    powers = np.array([u.power(w) for u, w in zip(users, shares, strict=True)])
    return tuple(u.split for u in users), shares, powers, value
