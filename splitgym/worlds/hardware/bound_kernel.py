"""Compiled part of the hardware world's bound: the best reward of every request over all configurations."""

from __future__ import annotations

from splitgym.jit import jit
from splitgym.worlds.hardware.kernel import possible, service


@jit
def best_reward(x, runs, p):
    """Best reward of a request at once and without any change of configuration; see the proof in ``bound.py``."""
    best = -p.violation_penalty
    for level in range(p.n_clocks):
        for split in range(p.last_split + 1):
            for mode in range(3):
                for gpu in range(2):
                    if not possible(level, mode, split, gpu, p):
                        continue
                    edge_s, sent_s, tail_s, edge_j, tail_j, _ = service(level, mode, split, gpu, x, runs, p)
                    if edge_s + sent_s + tail_s <= x.threshold_s:
                        energy_j = edge_j + p.infrastructure_weight * tail_j
                        best = max(best, (p.reference_j - energy_j) / p.reference_j)
    return best


@jit
def best_rewards(requests, runs, params, out):
    """:func:`best_reward` of every request (n,) into ``out`` (n,)."""
    for k in range(requests.shape[0]):
        out[k] = best_reward(requests[k], runs, params[0])
