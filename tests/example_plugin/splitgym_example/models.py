"""A fading model and a policy."""

from __future__ import annotations

import numpy as np

import splitgym


@splitgym.fading("two_ray")
def two_ray(rng, n_slots, slot_s, *, depth: float = 0.8):
    """A direct ray and a reflected one whose phase turns evenly: gains around 1."""
    phase = 2.0 * np.pi * (rng.random() + np.arange(n_slots) * 7.3 * slot_s)
    return 1.0 + depth * np.cos(phase)


@splitgym.register_policy
class HalfPower(splitgym.Policy):
    """Behind the stem, half of the transmit power, whatever happens."""

    name = "half_power"
    summary = "the stem on the device, half of the power"

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        decisions["cut"], decisions["edge_cut"] = 1, self.params.last_cut
        decisions["clock_hz"] = self.params.clocks_hz[self.params.n_clocks - 1]
        decisions["power_w"] = 0.5 * self.params.power_max_w
