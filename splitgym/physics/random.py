"""Counter-based randomness: every draw is a pure function of a key and an index.

splitmix64 finaliser (Steele, Lea and Flood, OOPSLA 2014) as the hash, Box-Muller for normals.  Nothing is
stored between draws, so any task and any slot can be evaluated alone, in any order, on any thread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from splitgym.jit import jit
from splitgym.physics.logarithm import small_float

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S11 = np.uint64(11)
_S27 = np.uint64(27)
_S30 = np.uint64(30)
_S31 = np.uint64(31)
_ONE = np.uint64(1)
_S24 = np.uint64(24)
_S54 = np.uint64(54)
_S14 = np.uint64(14)
_CELL = np.uint64(1023)
_LOW30 = np.uint64((1 << 30) - 1)
_LOW14 = np.uint64((1 << 14) - 1)
_ULP = 2.0**-53

# Tables of :func:`normal_pair`, at the centres of 1024 cells of the unit interval; small enough for the L1 cache.
_CENTRE = (np.arange(1024) + 0.5) / 1024.0
_SIN = np.sin(2.0 * np.pi * _CENTRE)
_COS = np.roll(_SIN, -256)  # a quarter turn ahead
_MINUS_LOG = -np.log(_CENTRE)
_PER_CELL = 1.0 / (np.arange(1024) + 0.5)
_SERIES_FROM = np.uint64(16)  # cells below take the logarithm itself
_SERIES_FROM_WORD = _SERIES_FROM << _S54
_TURN = 2.0 * math.pi / 1024.0

# ------------------------------------------------------------------ streams
# Every index of a child by its purpose, in one list.  A key may also have numbered children 0, 1, 2, ..., one for each
# of its tasks, slots or devices: fewer than FIRST_STREAM.
FIRST_STREAM = 1 << 40
ANCHOR_STREAM = 1 << 40  # of a fading path: its anchors, consecutive, beside its slots
ARRIVAL_STREAM = 1 << 41  # of an episode: its arrivals, beside its tasks, requests or applications
REFERENCE_STREAM = 1 << 42  # of a transmission: its reference power
NOISE_STREAM = 1 << 42  # of an episode of requests: what disturbs the hardware
PRESENCE_STREAM = 1 << 42  # of a device: in which frames it has a task
WINDOW_STREAM = 1 << 43  # of an episode or a device: which window of a channel log it plays
CONTEXT_STREAM = 1 << 44  # of an episode: the scenario that it plays, where that is drawn
#: Streams that hang below one kind of key; all of them differ, which is checked below.
STREAMS = {
    "the fading path of a task": (ANCHOR_STREAM,),
    "an episode of inference": (ARRIVAL_STREAM, WINDOW_STREAM, CONTEXT_STREAM),
    "an episode of multiuser": (CONTEXT_STREAM,),
    "an episode of placement": (ARRIVAL_STREAM, CONTEXT_STREAM),
    "an episode of transmission": (ARRIVAL_STREAM, REFERENCE_STREAM, WINDOW_STREAM, CONTEXT_STREAM),
    "an episode of hardware": (ARRIVAL_STREAM, NOISE_STREAM, CONTEXT_STREAM),
    "a device of multiuser": (ARRIVAL_STREAM, PRESENCE_STREAM, WINDOW_STREAM),
}
# of a task
COMPLEXITY, ERRORS, SLOW, BACKHAUL, DEADLINE, JITTER, FADING, SLOT_NOISE = range(8)
# of what disturbs a request
STALL, SPEED, TAIL, TAIL_SIZE, NODE_STATE, POWER, EDGE_STATE = range(7)
# of an application
SOURCE, DNN, SLACK, ACCURACY, RATE, HOLDING = range(6)
# of a plug-in's generator, numpy.random.default_rng([key, stream, ...])
PLUGIN_ARRIVALS, PLUGIN_FADING = 1, 2


def check_streams(streams: Mapping[str, Sequence[int]]) -> None:
    """``ValueError`` where two streams below one kind of key are the same, or one is that of a numbered child."""
    for key, indices in streams.items():
        if len(set(indices)) < len(indices) or min(indices) < FIRST_STREAM:
            raise ValueError(f"physics/random.py: streams of {key} must differ and be >= 2^40, got {indices}")


check_streams(STREAMS)

#: No standard normal of :func:`normal_pair` exceeds this: sqrt(-2 log(2^-41)) = 7.54.
NORMAL_MAX = 7.55


@jit
def mix(word):
    """Finaliser of splitmix64: uint64 -> uint64, bijective."""
    word = (word ^ (word >> _S30)) * _M1
    word = (word ^ (word >> _S27)) * _M2
    return word ^ (word >> _S31)


@jit
def child(key, index):
    """Key (uint64) of the ``index``-th (int >= 0) stream or draw below ``key`` (uint64)."""
    return mix(key + (np.uint64(index) + _ONE) * GOLDEN)


@jit
def fill_children(keys, indices, out):
    """:func:`child` of every key (n,) by its index (n,) into ``out`` (n,)."""
    for i in range(out.shape[0]):
        out[i] = child(keys[i], indices[i])


@jit
def uniform(key):
    """Uniform in the open interval (0, 1), 53 bits [1]."""
    return (np.float64(key >> _S11) + 0.5) * _ULP


@jit
def exponential(key):
    """Standard exponential, mean 1 [1]."""
    return -math.log(uniform(key))


@jit
def _series_exponent(key):
    """Standard exponential from the upper 40 bits of ``key`` by table and series; wrong in the first cells."""
    cell = key >> _S54
    x = (small_float((key >> _S24) & _LOW30) + 0.5) * 2.0**-30 - 0.5
    x *= _PER_CELL[cell]
    return _MINUS_LOG[cell] - x * (1.0 - x * (0.5 - x * (1.0 / 3.0 - x * (0.25 - x * 0.2))))


@jit
def _polar(key, exponent):
    """Point of radius sqrt(2 exponent) at the angle given by the lower 24 bits of ``key``."""
    radius = math.sqrt(2.0 * exponent)
    turn = (key >> _S14) & _CELL
    sine, cosine = _SIN[turn], _COS[turn]
    d = (small_float(key & _LOW14) + 0.5 - 8192.0) * (_TURN / 16384.0)
    square = d * d
    across, along = d * (1.0 - square * (1.0 / 6.0)), 1.0 - square * (0.5 - square * (1.0 / 24.0))
    return radius * (cosine * along - sine * across), radius * (sine * along + cosine * across)


@jit
def _exact_exponent(key):
    """Standard exponential from the upper 40 bits of ``key`` by the logarithm itself."""
    inside = (np.float64((key >> _S24) & _LOW30) + 0.5) * 2.0**-30
    return -math.log((np.float64(key >> _S54) + inside) / 1024.0)


@jit
def normal_pair(key):
    """Two independent standard normals [1] by Box-Muller, 40 bits of radius and 24 bits of angle.

    Logarithm, sine and cosine come from tables with a short series (absolute error below 1e-9): the exact functions
    would take most of a slot's time.
    """
    return _polar(key, _exact_exponent(key) if key < _SERIES_FROM_WORD else _series_exponent(key))


@jit
def fill_normal_pairs(key, first, pairs):
    """:func:`normal_pair` of the children first, first + 1, ... of ``key`` into ``pairs`` (2, n).

    The same numbers; the loop without the rare branch is one that a compiler can vectorise.
    """
    n = pairs.shape[1]
    rare = 0
    for j in range(n):
        word = child(key, first + j)
        pairs[0, j], pairs[1, j] = _polar(word, _series_exponent(word))
        rare += 1 if word < _SERIES_FROM_WORD else 0
    for j in range(n if rare > 0 else 0):
        word = child(key, first + j)
        if word < _SERIES_FROM_WORD:
            pairs[0, j], pairs[1, j] = normal_pair(word)


@jit
def word_before(key, first):
    """What to add GOLDEN to, j + 1 times, and :func:`mix`: the ``first + j``-th child of ``key``."""
    return key + np.uint64(first) * GOLDEN


@jit
def fill_normals(words, count, even, odd):
    """:func:`normal_pair` of the first ``count`` keys ``words`` into ``even`` and ``odd``, arrays as long.

    The same numbers, in loops that a compiler can vectorise.
    """
    rare = 0
    for j in range(count):
        even[j] = _series_exponent(words[j])
        rare += 1 if words[j] < _SERIES_FROM_WORD else 0
    for j in range(count if rare > 0 else 0):
        if words[j] < _SERIES_FROM_WORD:
            even[j] = _exact_exponent(words[j])
    for j in range(count):
        even[j], odd[j] = _polar(words[j], even[j])
