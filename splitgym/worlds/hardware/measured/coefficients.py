"""What a fit finds: the model's coefficients, what was filled in, and how far the runs are from the model."""

from __future__ import annotations

import dataclasses

import numpy as np

from splitgym.worlds.hardware.measured.regression import robust_spread

#: Fields of the noise that runs show -> the most that a profile may have.
_MOST = {"link_log_std": 2.0, "cloud_log_std": 2.0, "node_std": 0.1, "edge_std_w": 0.2}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Coefficients:
    """The model's coefficients in SI units; L + 1 entries by split layer, one for each clock, or for off, std, max."""

    clocks_hz: np.ndarray
    cut_bits: np.ndarray
    pipeline: np.ndarray  # (2,) s, cycles
    cpu: np.ndarray  # (2, L + 1) s, cycles
    fetch: np.ndarray  # (2,) cycles, cycles per bit
    accelerator_s: np.ndarray  # (2, L + 1) std, max
    link: np.ndarray  # (2,) s, s per bit
    cloud_s: np.ndarray  # (2, L + 1) CPU, GPU
    head_w: np.ndarray  # (3, n_clocks)
    wait: np.ndarray  # (3, 2) W, J per cycle
    node_w: np.ndarray  # (2, 2) CPU, GPU: idle part, load
    node_idle_s: float
    accuracy: np.ndarray  # (3, L + 1), NaN where the table has none
    spread: dict[str, float]  # fields of the noise that the runs show
    accelerated: bool
    notes: tuple[str, ...]  # what was filled in


class Findings:
    """What a fit says beside its coefficients: notes, and how far runs are from the model."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.deviations: dict[str, list[np.ndarray]] = {name: [] for name in _MOST}

    def note(self, lacking: np.ndarray, what: str, begin: int = 0) -> None:
        """Note which split layers lack ``what``."""
        places = np.flatnonzero(lacking) + begin
        if len(places):
            several = "s" if len(places) > 1 else ""
            self.notes.append(f"{what} at split layer{several} {', '.join(map(str, places))}: between the neighbours")

    @property
    def spread(self) -> dict[str, float]:
        """Fields of the profile's noise: spread of the deviations, outliers left out."""
        found = {name: robust_spread(np.concatenate(parts)) for name, parts in self.deviations.items() if parts}
        return {name: min(value, _MOST[name]) if value > 1e-9 else 0.0 for name, value in found.items()}
