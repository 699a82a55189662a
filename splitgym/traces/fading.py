"""Small-scale fading models: power gains of the slots of one task, mean 1 [ratio].

Add your own with :func:`fading`: a function of a generator, the number of slots and the slot length.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from splitgym.physics.fading import BLOCK, FADING_PARAMS, GAUSSIAN, RECORDED, TWO_STATE
from splitgym.ranges import COHERENCE, FADE_DEPTH, PHASE, RICE
from splitgym.registry import Registry
from splitgym.traces.plugins import Model, registrar

FADING: Registry[Model] = Registry("fading model", own=True)
#: Longest coherence time in slots: beyond, 1 - r loses its digits.
MOST_MEMORY = 1e8


def fading(name: str) -> Callable[[Callable], Callable]:
    """Register a plug-in fading model.

    The decorated function is called as ``f(rng, n_slots, slot_s, **parameters)`` with a ``numpy.random.Generator``
    and returns power gains, shape (n_slots,), finite, >= 0, mean 1 in expectation [1].
    """
    return registrar(FADING, name, built_in=False)


def gaussian_params(line_of_sight: float, scatter: float, keep: float) -> np.ndarray:
    """Lowered Gaussian family: amplitudes of line of sight and scatter, AR(1) coefficient ``keep`` in [0, 1)."""
    left = BLOCK - np.arange(BLOCK, dtype=np.float64)  # slots to the next anchor
    tail = keep ** (2.0 * (left - 1.0))
    scale = 1.0 - keep ** (2.0 * left)
    over = keep**BLOCK
    return _record(
        kind=GAUSSIAN,
        line_of_sight=line_of_sight,
        scatter=scatter,
        anchor_keep=over,
        anchor_new=math.sqrt(1.0 - over * over),
        bridge_here=keep * (1.0 - tail) / scale,
        bridge_end=keep ** (left - 1.0) * (1.0 - keep * keep) / scale,
        bridge_new=np.sqrt((1.0 - keep * keep) * (1.0 - tail) / scale),
    )


def two_state_params(memory: float, bad_share: float, good_gain: float, bad_gain: float) -> np.ndarray:
    """Lowered Gilbert-Elliott chain."""
    return _record(kind=TWO_STATE, memory=memory, bad_share=bad_share, good_gain=good_gain, bad_gain=bad_gain)


def recorded_params() -> np.ndarray:
    """Parameters of a scenario whose gains always come from arrays."""
    return _record(kind=RECORDED)


def _record(**values: Any) -> np.ndarray:
    """A FADING_PARAMS record, zero but for ``values``."""
    record = np.zeros((), FADING_PARAMS)
    for name, value in values.items():
        record[name] = value
    return record


def ar1_coefficient(coherence_s: float, slot_s: float) -> float:
    """r = exp(-slot / T_c) [1]; 0 for T_c = 0, i.e. independent slots.  (ENACHI specification section 3.3)"""
    return math.exp(-slot_s / coherence_s) if coherence_s > 0.0 else 0.0


def _check_memory(coherence_s: float, slot_s: float) -> None:
    """``ValueError`` where the memory is so long that neighbouring slots cannot be told apart."""
    if coherence_s > MOST_MEMORY * slot_s:
        raise ValueError(
            f"fading.parameters.coherence_s must be <= {MOST_MEMORY:g} slots of radio.slot_s={slot_s!r} s, "
            f"got {coherence_s!r} s; use model 'static' for a channel that does not change"
        )


@registrar(FADING, "static", built_in=True)
def static(slot_s: float) -> np.ndarray:
    """No fading: gain 1 in every slot."""
    return gaussian_params(1.0, 0.0, 0.0)


@registrar(FADING, "rayleigh", built_in=True)
def rayleigh(slot_s: float) -> np.ndarray:
    """Rayleigh, independent from slot to slot: exponential gains of mean 1."""
    return gaussian_params(0.0, 1.0, 0.0)


@registrar(FADING, "gauss_markov", built_in=True, section="fading", coherence_s=COHERENCE)
def gauss_markov(slot_s: float, *, coherence_s: float = 5e-3) -> np.ndarray:
    """Rayleigh with memory: complex AR(1), r = exp(-slot / coherence_s).  (ENACHI specification section 3.3)"""
    _check_memory(coherence_s, slot_s)
    return gaussian_params(0.0, 1.0, ar1_coefficient(coherence_s, slot_s))


@registrar(FADING, "rician", built_in=True, section="fading", k_ratio=RICE, coherence_s=COHERENCE)
def rician(slot_s: float, *, k_ratio: float = 4.0, coherence_s: float = 5e-3) -> np.ndarray:
    """Rician: a line of sight ``k_ratio`` times as strong as the scatter, which has memory ``coherence_s`` [s]."""
    _check_memory(coherence_s, slot_s)
    los, scatter = math.sqrt(k_ratio / (k_ratio + 1.0)), math.sqrt(1.0 / (k_ratio + 1.0))
    return gaussian_params(los, scatter, ar1_coefficient(coherence_s, slot_s))


@registrar(
    FADING, "gilbert_elliott", built_in=True, section="fading", good_s=PHASE, bad_s=PHASE, bad_depth_db=FADE_DEPTH
)
def gilbert_elliott(
    slot_s: float, *, good_s: float = 40e-3, bad_s: float = 10e-3, bad_depth_db: float = 15.0
) -> np.ndarray:
    """Two-state link: mean stay ``good_s`` / ``bad_s`` [s], the bad state ``bad_depth_db`` [dB] below the good one."""
    to_bad, to_good = min(slot_s / good_s, 1.0), min(slot_s / bad_s, 1.0)
    if to_bad + to_good > 1.0:
        raise ValueError(
            f"fading.parameters: good_s={good_s!r} s and bad_s={bad_s!r} s are too short for slots of "
            f"radio.slot_s={slot_s!r} s; need slot_s/good_s + slot_s/bad_s <= 1"
        )
    share = to_bad / (to_bad + to_good)
    depth = 10.0 ** (-bad_depth_db / 10.0)
    good = 1.0 / (1.0 - share + share * depth)
    return two_state_params(1.0 - to_bad - to_good, share, good, good * depth)
