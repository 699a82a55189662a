"""Task arrivals as a counter-based process: the gap to the next arrival from a key and a phase."""

from __future__ import annotations

import numpy as np

from splitgym.jit import jit
from splitgym.physics.random import child, exponential, uniform

PERIODIC = 0
MODULATED = 1  # Poisson is a Markov-modulated process with one phase
RECORDED = 2
GAPS = 3  # a window of a log of gaps
COUNTS = 4  # a window of a log of counts per bin
#: What code says that branches on the kind of an arrival process and does not know it.
UNKNOWN = "arrivals of this kind are not drawn here: none of those in physics/arrivals.py"

MAX_PHASES = 8

#: Lowered arrival process.
ARRIVAL_PARAMS = np.dtype(
    [
        ("kind", "i8"),
        ("period_s", "f8"),
        ("n_phases", "i8"),
        ("rates_hz", "f8", (MAX_PHASES,)),  # arrivals per second in each phase
        ("leave_hz", "f8", (MAX_PHASES,)),  # rate of leaving each phase for the next one
        ("bin_s", "f8"),  # length of a bin of COUNTS
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
def fill_gaps(key, gaps_s, out):
    """A window of as many of ``gaps_s`` (m,) as ``out`` (n,) has instants, from a drawn one on.

    All windows are equally likely.  A log that is shorter is played in a circle, from any of its gaps.
    """
    have, wanted = gaps_s.shape[0], out.shape[0]
    begin = int(uniform(key) * (have - wanted + 1 if have >= wanted else have))
    now_s = 0.0
    for k in range(wanted):
        now_s += gaps_s[(begin + k) % have]
        out[k] = now_s


@jit
def first_bin(key, counts, wanted):
    """The drawn bin at which a window of ``wanted`` arrivals begins: any behind which the log has so many, else any."""
    behind, last = 0.0, counts.shape[0] - 1
    for b in range(counts.shape[0] - 1, -1, -1):
        behind += counts[b]
        if behind >= wanted:
            last = b
            break
    return int(uniform(key) * (last + 1))


@jit
def fill_counts(key, counts, bin_s, out):
    """Arrivals of a window of ``counts`` (m,) per bin: those of a bin are independent and uniform within it.

    They are drawn in ascending order: the smallest of c uniform numbers in (u, 1) is 1 - (1 - u) v^(1/c).
    """
    here, passed, within = first_bin(child(key, 0), counts, out.shape[0]), 0, 0.0
    left = counts[here]
    for k in range(out.shape[0]):
        while left < 1.0:
            here, passed, within = (here + 1) % counts.shape[0], passed + 1, 0.0
            left = counts[here]
        within = 1.0 - (1.0 - within) * uniform(child(key, k + 1)) ** (1.0 / left)
        left -= 1.0
        out[k] = (passed + within) * bin_s


@jit
def fill_arrivals(key, a, recorded_s, out):
    """Arrival instants [s] ascending into ``out`` (n_tasks,).

    ``recorded_s`` is what was recorded, empty for other kinds: instants (n_tasks,), gaps [s], or counts per bin.
    """
    if a.kind == RECORDED:
        for k in range(out.shape[0]):
            out[k] = recorded_s[k]
        return
    if a.kind == GAPS:
        fill_gaps(child(key, 0), recorded_s, out)
        return
    if a.kind == COUNTS:
        fill_counts(key, recorded_s, a.bin_s, out)
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
