"""An independent ENACHI for one user, written from the specification in plain NumPy.

It shares no code with the package: constants, network table, task level, packet level, early stop and queue are
written again here, so that agreement means something.
"""

from __future__ import annotations

import numpy as np

MACS = {"stem": 118013952, "layer1": 785956864, "layer2": 1813561344, "layer3": 3277897728, "layer4": 4087136256}
TOTAL_MACS = 4089184256
SHAPE = {"stem": (64, 56), "layer1": (256, 56), "layer2": (512, 28), "layer3": (1024, 14), "layer4": (2048, 7)}
STEEPNESS = {"stem": 4.0, "layer1": 10.0, "layer2": 16.0, "layer3": 20.0, "layer4": 24.0}
SPLITS = tuple(MACS)
F_DEV, F_SRV, RHO, KAPPA = 2e9, 20e9, 8.0, 5e-30
SLOT, BANDWIDTH, P_MAX = 1e-3, 5e6, 0.2
N0 = 10 ** ((-174 + 7 - 30) / 10)
A_F, A_0 = 0.8086, 0.001
EBAR, V, EPS = 6e-3, 2e-3, 0.1
H_TH, GAMMA, SIGMA, RHO_E, C_W, FEEDBACK = 0.20, 4.0, 0.15, 0.8, 0.3, 1


def t_loc(macs: float) -> float:
    return macs / RHO / F_DEV


def e_loc(macs: float) -> float:
    return KAPPA * F_DEV**2 * macs / RHO


def slots(split: str, deadline: float) -> tuple[int, int]:
    first = int(np.ceil(t_loc(MACS[split]) / SLOT))
    last = int(np.floor((deadline - (TOTAL_MACS - MACS[split]) / (RHO * F_SRV)) / SLOT))
    return first, max(last - first, 0)


def accuracy(k: float, beta: float) -> float:
    return A_0 + (A_F - A_0) * (1 - np.exp(-k * beta)) / (1 - np.exp(-k))


def theta(k: float, a: float) -> float:
    y = (a - A_0) / (A_F - A_0)
    return max(-np.log(1 - y * (1 - np.exp(-k))) / k, 0.0)


def best_power(split: str, queue: float, gain: float, n_slots: int) -> tuple[float, float]:
    """(p*, value) of a split by section 6.2."""
    k, bits, window = STEEPNESS[split], SHAPE[split][0] * SHAPE[split][1] ** 2 * 8.0, n_slots * SLOT
    a = gain / (N0 * BANDWIDTH)
    p_full = (2 ** (bits / (window * BANDWIDTH)) - 1) / a
    if queue == 0:
        power = min(P_MAX, p_full)
    else:
        nu = k * window * BANDWIDTH / (bits * np.log(2))
        alpha = (A_F - A_0) * k / (1 - np.exp(-k))
        ratio = V * alpha * BANDWIDTH * a / (bits * np.log(2) * queue)
        power = float(np.clip((ratio ** (1 / (nu + 1)) - 1) / a, 0, min(P_MAX, p_full)))
    beta = min(1.0, window * BANDWIDTH * np.log2(1 + power * a) / bits)
    return power, V * accuracy(k, beta) - queue * (e_loc(MACS[split]) + power * window)


def decide(queue: float, gain: float, deadline: float) -> tuple[str, float]:
    """Split (or 'local' or 'none') and reference power."""
    best, choice = -np.inf, ("none", 0.0)
    for split in SPLITS:
        _, n_slots = slots(split, deadline)
        if n_slots >= 1:
            power, value = best_power(split, queue, gain, n_slots)
            if value > best:
                best, choice = value, (split, power)
    if t_loc(TOTAL_MACS) <= deadline and V * A_F - queue * e_loc(TOTAL_MACS) > best:
        choice = ("local", 0.0)
    return choice


def packet_powers(power: float, gain: float, fading: np.ndarray, bandwidth: float = BANDWIDTH) -> np.ndarray:
    """Slot powers of section 7 for all slots of the window."""
    if power <= 0:
        return np.zeros(len(fading))
    noise = N0 * bandwidth
    v_in = EPS * len(fading) * power * (power + noise / gain) * np.log(2)
    powers, queue = np.empty(len(fading)), 0.0
    for t, h in enumerate(fading):
        powers[t] = P_MAX if queue == 0 else np.clip(v_in / (queue * np.log(2)) - noise / (gain * h), 0, P_MAX)
        queue = max(queue + powers[t] - power, 0.0)
    return powers


def serve(split, power, gain, fading, u, e0, e, deadline, bandwidth=BANDWIDTH) -> tuple[float, bool, int]:
    """One task of a frame: energy, whether it is answered correctly, slots used; ``fading`` and ``e`` by slot."""
    if split == "none":
        return 0.0, bool(u <= A_0), 0
    if split == "local":
        return e_loc(TOTAL_MACS), bool(u <= A_F), 0
    k, (channels, side) = STEEPNESS[split], SHAPE[split]
    first, n_slots = slots(split, deadline)
    h = fading[first : first + n_slots]
    powers = packet_powers(power, gain, h, bandwidth)
    rates = bandwidth * np.log2(1 + powers * gain * h / (N0 * bandwidth)) if bandwidth > 0 else 0 * h
    betas = np.minimum(np.floor(channels * np.cumsum(rates * SLOT) / (channels * side**2 * 8.0)) / channels, 1)
    if u <= A_F:
        seen = theta(k, u)
    else:
        v = (u - A_F) / (1 - A_F)
        seen = theta(k, A_F * v / C_W) if v < C_W else np.inf
    noise = SIGMA * (np.sqrt(RHO_E) * e0 + np.sqrt(1 - RHO_E) * e[first : first + n_slots])
    with np.errstate(divide="ignore", invalid="ignore"):  # nothing received, or a sample below chance
        looks = np.log(betas / seen) + noise >= np.log((1 / H_TH - 1) ** (1 / GAMMA))
    used, beta = 0, 0.0
    if power > 0 and bandwidth > 0:
        used = n_slots
        if looks.any():
            used = min(used, int(np.argmax(looks)) + 1 + FEEDBACK)
        if (betas >= 1).any():
            used = min(used, int(np.argmax(betas >= 1)) + 1)
        beta = betas[used - 1]
    return e_loc(MACS[split]) + SLOT * powers[:used].sum(), bool(u <= accuracy(k, beta)), used


def run(gain, fading, u, e0, e, deadline: float) -> dict[str, np.ndarray]:
    """The frames of a trace: decisions, energies, correctness, slots used, queue after each frame."""
    queue, out = 0.0, {name: [] for name in ("split", "power", "energy", "correct", "slots", "queue")}
    for m in range(len(gain)):
        split, power = decide(queue, gain[m], deadline)
        energy, right, used = serve(split, power, gain[m], fading[m], u[m], e0[m], e[m], deadline)
        queue = max(queue + energy - EBAR, 0.0)
        for name, value in zip(out, (split, power, energy, right, used, queue), strict=True):
            out[name].append(value)
    return {name: np.array(values) for name, values in out.items()}


def draw(seed: int, frames: int, n_slots: int = 320, distance_km: float = 0.6) -> dict[str, np.ndarray]:
    """Arrays G, h, u, e0, e by section 3.3 and 5, from NumPy's generator."""
    rng = np.random.default_rng(seed)
    z = np.empty(frames)
    z[0] = rng.standard_normal()
    for m in range(1, frames):
        z[m] = 0.9 * z[m - 1] + np.sqrt(1 - 0.81) * rng.standard_normal()
    gain = 10 ** (-(128.1 + 37.6 * np.log10(distance_km)) / 10) * 10 ** (4 * z / 10)
    r = np.exp(-SLOT / 5e-3)
    w = (rng.standard_normal((frames, n_slots)) + 1j * rng.standard_normal((frames, n_slots))) / np.sqrt(2)
    x = np.empty_like(w)
    x[:, 0] = w[:, 0]
    for t in range(1, n_slots):
        x[:, t] = r * x[:, t - 1] + np.sqrt(1 - r * r) * w[:, t]
    return {
        "gain": gain,
        "fading": np.abs(x) ** 2,
        "complexity": rng.random(frames),
        "persistent": rng.standard_normal(frames),
        "noise": rng.standard_normal((frames, n_slots)),
    }
