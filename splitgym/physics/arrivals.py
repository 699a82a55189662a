"""Task arrivals as a counter-based process: the gap to the next arrival from a key and a phase."""

from __future__ import annotations

import numpy as np

from splitgym.jit import jit
from splitgym.physics.random import child, exponential, uniform

PERIODIC = 0
MODULATED = 1  # Poisson is a Markov-modulated process with one phase
RECORDED = 2
#: What code says that branches on the kind of an arrival process and does not know it.
UNKNOWN = "arrivals of this kind are not drawn here: none of PERIODIC, MODULATED and RECORDED (physics/arrivals.py)"

MAX_PHASES = 8

#: Lowered arrival process.
ARRIVAL_PARAMS = np.dtype(
    [
        ("kind", "i8"),
        ("period_s", "f8"),
        ("n_phases", "i8"),
        ("rates_hz", "f8", (MAX_PHASES,)),  # arrivals per second in each phase
        ("leave_hz", "f8", (MAX_PHASES,)),  # rate of leaving each phase for the next one
    ],
    align=True,
)


@jit
def first_phase(key, a):
    """Phase drawn from the stationary law: shares proportional to the mean stay 1 / leave rate."""
    total = 0.0
    for j in range(a.n_phases):
        total += 1.0 / a.leave_hz[j]
    left = uniform(key) * total
    for j in range(a.n_phases - 1):
        left -= 1.0 / a.leave_hz[j]
        if left < 0.0:
            return j
    return a.n_phases - 1


@jit
def next_gap(key, phase, a):
    """Gap to the next arrival [s] and the phase at that arrival: competing exponentials of arrival and change."""
    gap_s = 0.0
    draw = 0
    while True:
        leave_hz = a.leave_hz[phase] if a.n_phases > 1 else 0.0
        total_hz = a.rates_hz[phase] + leave_hz
        gap_s += exponential(child(key, draw)) / total_hz
        if uniform(child(key, draw + 1)) * total_hz < a.rates_hz[phase]:
            return gap_s, phase
        phase = (phase + 1) % a.n_phases
        draw += 2


@jit
def fill_arrivals(key, a, recorded_s, out):
    """Arrival instants [s] ascending into ``out`` (n_tasks,); ``recorded_s`` (n_tasks,) is read for RECORDED only."""
    if a.kind == RECORDED:
        for k in range(out.shape[0]):
            out[k] = recorded_s[k]
        return
    if a.kind not in (PERIODIC, MODULATED):
        raise ValueError(UNKNOWN)
    phase = first_phase(child(key, 0), a)
    now_s = 0.0
    for k in range(out.shape[0]):
        if a.kind == PERIODIC:
            out[k] = k * a.period_s
        else:
            gap_s, phase = next_gap(child(key, k + 1), phase, a)
            now_s += gap_s
            out[k] = now_s
