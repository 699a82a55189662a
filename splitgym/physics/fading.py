"""Small-scale fading as a random-access path: the power gain of any slot of any task, without the slots before.

Two families, mean gain 1 each:

* Gaussian: h = |los + scatter x_t|^2 with x_t a complex AR(1), x_{t+1} = r x_t + sqrt(1-r^2) w.  Anchors every
  ``BLOCK`` slots follow the AR(1) with r^BLOCK; between two anchors the slots are drawn from the exact conditional
  law (a bridge), so a path may be entered anywhere at the price of a few anchors.  r = 0: i.i.d. (Rayleigh or,
  with a line of sight, Rician); scatter = 0: static.
* Gilbert-Elliott: a two-state Markov chain written as "keep the state with probability ``memory``, else draw it
  afresh from the stationary law", so that looking back to the last fresh draw is enough.
"""

from __future__ import annotations

import math

import numpy as np

from splitgym.jit import jit
from splitgym.physics.random import (
    ANCHOR_STREAM,
    GOLDEN,
    child,
    fill_normal_pairs,
    mix,
    normal_pair,
    uniform,
    word_before,
)

BLOCK = 16
GAUSSIAN = 0
TWO_STATE = 1
RECORDED = 2
#: What code says that branches on the kind of a fading law and does not know it.
UNKNOWN = "a fading law of another kind: neither GAUSSIAN nor TWO_STATE nor RECORDED (physics/fading.py)"

_HALF_ROOT = math.sqrt(0.5)

#: Lowered fading model; all values dimensionless.
FADING_PARAMS = np.dtype(
    [
        ("kind", "i8"),
        ("line_of_sight", "f8"),
        ("scatter", "f8"),
        ("anchor_keep", "f8"),  # r^BLOCK
        ("anchor_new", "f8"),  # sqrt(1 - r^(2 BLOCK))
        ("bridge_here", "f8", (BLOCK,)),  # weight of the present slot
        ("bridge_end", "f8", (BLOCK,)),  # weight of the next anchor
        ("bridge_new", "f8", (BLOCK,)),  # standard deviation of the innovation
        ("memory", "f8"),  # two-state: 1 - p(good->bad) - p(bad->good)
        ("bad_share", "f8"),  # two-state: stationary probability of the bad state
        ("good_gain", "f8"),
        ("bad_gain", "f8"),
    ],
    align=True,
)


@jit
def _complex_normal(key, index):
    re, im = normal_pair(child(key, index))
    return _HALF_ROOT * re, _HALF_ROOT * im


@jit
def _next_anchor(here, normal, f):
    """One part of the anchor after ``here``; ``normal`` is its part of a complex normal.  Variance 1/2."""
    return f.anchor_keep * here + f.anchor_new * normal


@jit
def _next_slot(here, end, normal, towards_here, towards_end, new):
    """One part of the path a slot later, on the bridge to the anchor ``end``; ``normal`` as in :func:`_next_anchor`."""
    return towards_here * here + (towards_end * end + new * normal)


@jit
def _power_gain(re, im, line_of_sight, scatter):
    """h [1] of a point of the path."""
    in_phase, quadrature = line_of_sight + scatter * re, scatter * im
    return in_phase * in_phase + quadrature * quadrature


@jit
def _is_bad(key, slot, f):
    """State of the two-state chain in ``slot``: looks back to the last fresh draw (slot 0 always is one)."""
    while True:
        draw = uniform(child(key, slot))
        if slot == 0:
            return draw < f.bad_share
        if draw >= f.memory:
            return (draw - f.memory) < f.bad_share * (1.0 - f.memory)
        slot -= 1


@jit
def fading_enter(key, block, f):
    """State (two floats) of the path at the first slot of ``block`` (int >= 0), for :func:`fading_block`."""
    if f.kind == TWO_STATE:
        return (1.0 if _is_bad(key, block * BLOCK, f) else 0.0), 0.0
    if f.kind == RECORDED:
        return math.nan, math.nan
    if f.kind != GAUSSIAN:
        raise ValueError(UNKNOWN)
    if f.scatter == 0.0:
        return 0.0, 0.0
    re, im = _complex_normal(key, ANCHOR_STREAM)
    for index in range(block):
        new_re, new_im = _complex_normal(key, ANCHOR_STREAM + index + 1)
        re, im = _next_anchor(re, new_re, f), _next_anchor(im, new_im, f)
    return re, im


@jit
def _gaussian_block(key, block, re, im, f, gains, pairs):
    new_re, new_im = _complex_normal(key, ANCHOR_STREAM + block + 1)
    end_re, end_im = _next_anchor(re, new_re, f), _next_anchor(im, new_im, f)
    fill_normal_pairs(key, block * BLOCK + 1, pairs)
    for here in range(BLOCK):
        gains[here] = _power_gain(re, im, f.line_of_sight, f.scatter)
        a, b, c = f.bridge_here[here], f.bridge_end[here], f.bridge_new[here]
        re = _next_slot(re, end_re, _HALF_ROOT * pairs[0, here], a, b, c)
        im = _next_slot(im, end_im, _HALF_ROOT * pairs[1, here], a, b, c)
    return end_re, end_im


@jit
def _two_state_block(key, block, bad, f, gains):
    for here in range(BLOCK):
        gains[here] = f.bad_gain if bad > 0.5 else f.good_gain
        draw = uniform(child(key, block * BLOCK + here + 1))
        if draw >= f.memory:
            bad = 1.0 if (draw - f.memory) < f.bad_share * (1.0 - f.memory) else 0.0
    return bad, 0.0


@jit
def fading_block(key, block, re, im, f, gains, pairs):
    """Power gains h of the slots of ``block`` into ``gains`` (BLOCK,); returns the state at the next block.

    ``pairs`` (2, BLOCK) is scratch.
    """
    if f.kind == TWO_STATE:
        return _two_state_block(key, block, re, f, gains)
    if f.kind == RECORDED:  # the gains come from elsewhere: NaN until they are there
        gains[:] = math.nan
        return math.nan, math.nan
    if f.kind != GAUSSIAN:
        raise ValueError(UNKNOWN)
    if f.scatter == 0.0:
        gains[:] = f.line_of_sight * f.line_of_sight
        return 0.0, 0.0
    return _gaussian_block(key, block, re, im, f, gains, pairs)


# ------------------------------------------------------------------ many paths side by side
# Numbers of a block of every path lie slot by slot: that of slot j of path l of ``width`` is number j * width + l.
@jit
def fill_words(keys, slots, width, words):
    """Keys of the normals of a block of each path into ``words``, (BLOCK + 1) * width: of its slots, then its anchor's.

    ``slots`` (any,) int64 are the first ones of the blocks.
    """
    end = BLOCK * width
    for lane in range(width):
        words[end + lane] = word_before(keys[lane], slots[lane] + 1)
    for here in range(BLOCK):
        ahead, at = np.uint64(here + 1) * GOLDEN, here * width
        for lane in range(width):
            words[at + lane] = mix(words[end + lane] + ahead)
    for lane in range(width):
        words[end + lane] = child(keys[lane], ANCHOR_STREAM + slots[lane] // BLOCK + 1)


@jit
def gaussian_blocks(path, width, f, even, odd, gains):
    """:func:`fading_block` of a Gaussian law for ``width`` paths: moves ``path`` (2, any), fills ``gains``.

    ``even`` and ``odd`` are the normals of the keys of :func:`fill_words`.
    """
    los, scatter, end = f.line_of_sight, f.scatter, BLOCK * width
    for lane in range(width):  # the anchor at the end of the block takes the place of the normals that make it
        even[end + lane] = _next_anchor(path[0, lane], _HALF_ROOT * even[end + lane], f)
        odd[end + lane] = _next_anchor(path[1, lane], _HALF_ROOT * odd[end + lane], f)
    for here in range(BLOCK):
        a, b, c = f.bridge_here[here], f.bridge_end[here], f.bridge_new[here]
        at = here * width
        for lane in range(width):
            re, im = path[0, lane], path[1, lane]
            gains[at + lane] = _power_gain(re, im, los, scatter)
            path[0, lane] = _next_slot(re, even[end + lane], _HALF_ROOT * even[at + lane], a, b, c)
            path[1, lane] = _next_slot(im, odd[end + lane], _HALF_ROOT * odd[at + lane], a, b, c)
    for lane in range(width):
        path[0, lane], path[1, lane] = even[end + lane], odd[end + lane]
