"""The published workload: latency thresholds of requests (DynaSplit s3.4)."""

from __future__ import annotations

import numpy as np

from splitgym.checks import whole_number
from splitgym.ranges import MOST_TASKS
from splitgym.worlds.hardware.profile import HardwareProfile, load_hardware
from splitgym.worlds.hardware.table import MeasuredHardware

SEED = 123456789  # of the published experiments
ORDER = ("vgg16", "resnet50", "mobilenetv2", "vit")  # in which they draw from one generator


def scaled_thresholds_s(samples: np.ndarray, low_s: float, high_s: float) -> np.ndarray:
    """Thresholds [s]: samples (n,) mapped linearly, the smallest to ``low_s`` and the largest to ``high_s``."""
    slope = (high_s - low_s) / (samples.max() - samples.min())
    return slope * samples + (low_s - slope * samples.min())


def published_thresholds_s(profile: HardwareProfile | MeasuredHardware | str, n: int, seed: int = SEED) -> np.ndarray:
    """Thresholds (n,) [s] of the published workload of a network: Weibull with shape 1 from one NumPy generator.

    The extremes of the *sample* are mapped to the bounds, so ``n`` changes the shape.

    Raises ``ValueError`` for a network without a published workload, and for fewer than 2 requests.
    """
    profile = load_hardware(profile) if isinstance(profile, str) else profile
    if profile.name not in ORDER:
        raise ValueError(f"the published workload is one of {', '.join(ORDER)}, not {profile.name!r}")
    whole_number("n, the requests of a workload,", n, 2, MOST_TASKS)
    rng = np.random.default_rng(seed)
    samples = [rng.weibull(1.0, n) for _ in ORDER[: ORDER.index(profile.name) + 1]]
    return scaled_thresholds_s(samples[-1], profile.threshold_min_s, profile.threshold_max_s)
