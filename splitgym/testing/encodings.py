"""What is asked of an action encoding."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from splitgym.encodings import Axis, Encoding
from splitgym.envs.single import SplitEnv
from splitgym.policy import limits_of, one_of
from splitgym.quoting import shown
from splitgym.testing.comparing import difference, require
from splitgym.testing.playing import sampled
from splitgym.worlds.world import world_of

#: Relative rounding of a continuous axis that is written as float32.
_ROUNDING = 1e-5


def check_encoding(
    name: str, env_id: str = "SplitInference-v0", scenario: Any = "default", *, samples: int = 40
) -> None:
    """Check an action encoding in an environment.

    Every sample of its space must decode to values within the axes, encode back to an action of the space that decodes
    to the same values, alone as in a batch; every level of every axis must be reachable unless the space lists whole
    decisions; an action must not be changed, and anything else refused with ``ValueError`` before a value is written.
    Raises ``AssertionError`` where this fails, with what to do.
    """
    world = world_of(env_id)
    env = SplitEnv(world.name, scenario, name)
    what, encoding = f"encoding {shown(name)} in {env_id}", env.encoding
    batch = encoding.batch(samples)
    given = sampled(batch, 1, 7)[0]
    values = _decoded(what, encoding, given, samples)
    least, most = limits_of(encoding.axes)
    require(((values >= least) & (values <= most)).all(), f"{what} decodes samples to values outside the axes")
    again = encoding.encode(values)
    require(batch.contains(again), f"{what}: encode() gives what is not in the space {batch}: {shown(again)}")
    found = _far(encoding, _decoded(what, encoding, again, samples), values)
    require(not found, f"{what}: decode(encode(values)) are other values{found}")
    for row in range(3):
        alone = np.zeros((1, encoding.width))
        encoding.decode(encoding.one(one_of(given, row)), alone)
        found = difference(alone[0], values[row])
        require(not found, f"{what} decodes a single action otherwise than in a batch: {found}")
    if not len(encoding.table):
        _check_levels(what, encoding)
    _check_refusals(what, encoding)
    require(encoding.mask_size > 0, f"{what}: mask_size must be > 0")


def _columns(encoding: Encoding) -> list[Axis]:
    """The axis of every number of a decision."""
    return [axis for axis in encoding.axes for _ in range(axis.width)]


def _decoded(what: str, encoding: Encoding, actions: Any, n: int) -> np.ndarray:
    kept = {k: v.copy() for k, v in actions.items()} if isinstance(actions, dict) else actions.copy()
    values = np.full((n, encoding.width), np.nan)
    encoding.decode(actions, values)
    require(not np.isnan(values).any(), f"{what}: decode() must fill every value; some are left as they were")
    require(not difference(dict(actions) if isinstance(actions, dict) else actions, kept),
            f"{what}: decode() changes the actions that it is given; work on a copy")  # fmt: skip
    return values


def _far(encoding: Encoding, got: np.ndarray, wanted: np.ndarray) -> str:
    """Where values differ by more than the rounding of a continuous axis; empty: nowhere."""
    for j, axis in enumerate(_columns(encoding)):
        near = _ROUNDING * np.abs(wanted[:, j]) + 1e-9 * axis.top if axis.top > 0.0 else 0.0
        far = ~(np.abs(got[:, j] - wanted[:, j]) <= near)
        if far.any():
            row = int(np.argmax(far))
            return f": {axis.name} of row {row} is {got[row, j]!r}, not {wanted[row, j]!r}"
    return ""


def _check_levels(what: str, encoding: Encoding) -> None:
    """Every level of an axis comes back from encode and decode."""
    for j, axis in enumerate(_columns(encoding)):
        values = np.tile([a.levels[0] for a in _columns(encoding)], (len(axis.levels), 1)).astype(np.float64)
        values[:, j] = axis.levels
        found = _far(encoding, _decoded(what, encoding, encoding.encode(values), len(values)), values)
        require(not found, f"{what} cannot reach every level of {axis.name}{found}")


def _check_refusals(what: str, encoding: Encoding) -> None:
    """Anything but an action is refused, and nothing is written of a batch that holds one wrong row."""
    wrong: list[Any] = [None, "no action", np.zeros((2, 1, 1)), _spoilt(encoding)]
    if isinstance(encoding.space, spaces.Box):
        wrong.append(np.full((2, *(encoding.space.shape or ())), np.nan, np.float32))
    for actions in wrong:
        values = np.full((2, encoding.width), np.inf)
        try:
            encoding.decode(actions, values)
        except (ValueError, TypeError):
            require(np.isinf(values).all(), f"{what}: decode() writes values before it refuses a row; check all first")
            continue
        require(False, f"{what}: decode() accepts {shown(actions)}; raise ValueError for what is not in the space")


def _spoilt(encoding: Encoding) -> Any:
    """Two actions, the second of them far outside of the space, in its last entry."""
    actions = sampled(encoding.batch(2), 1, 7)[0]
    entry = actions[list(actions)[-1]] if isinstance(actions, dict) else actions
    if not isinstance(entry, np.ndarray):
        return None  # a space that is made of others: nothing is known about it
    entry[-1] = np.iinfo(np.int32).max if entry.dtype.kind == "i" else 1e30
    return actions
