"""``info["action_mask"]`` in Gymnasium's form: what ``action_space.sample(mask)`` takes, of one row or of many.

Inside, a mask is one row of bool for all levels of all axes, stable-baselines3's form (``action_masks()``).  Gymnasium
wants int8: an array for ``Discrete``, a tuple of arrays for ``MultiDiscrete``, a dictionary for ``Dict`` with ``None``
for a ``Box`` in it.  A ``Box`` alone takes no mask, so there is none.  What holds for one row holds for the batch:
``envs.action_space.sample(infos["action_mask"])`` and ``envs.single_action_space.sample(infos["action_mask"][i])``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space


class RowMask(tuple):
    """Mask of a row for a ``MultiDiscrete``: a tuple of int8 arrays; as an array it is the flat form.

    Code that turns ``info`` into tensors takes it so: NumPy by ``__array__``, PyTorch by ``__dlpack__``.
    """

    __slots__ = ()

    @property
    def shape(self) -> tuple[int]:
        """Shape of the flat form."""
        return (sum(len(part) for part in self),)

    @property
    def dtype(self) -> np.dtype:
        """Type of the entries, int8."""
        return np.dtype(np.int8)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.concatenate(tuple(self), dtype=dtype)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.__array__().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.__array__().__dlpack_device__()


class RowMasks(np.ndarray):
    """Masks of n rows for a ``MultiDiscrete``: (n, sum of sizes) int8, of which row ``[i]`` is a tuple of arrays.

    It is what ``SyncVectorEnv`` would give as n tuples, without making them before they are asked for.
    """

    sizes: tuple[int, ...] = ()

    def __array_finalize__(self, obj: Any) -> None:
        self.sizes = getattr(obj, "sizes", ())

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(key, (int, np.integer)) and self.ndim == 2 and self.shape[1] == sum(self.sizes):
            return RowMask(parts_of(found.view(np.ndarray), self.sizes))
        return found

    def __reduce__(self) -> Any:
        return row_masks, (self.view(np.ndarray), self.sizes)


def row_masks(flat: np.ndarray, sizes: Sequence[int]) -> RowMasks:
    """Masks (n, sum of sizes) int8 as :class:`RowMasks`, in the same memory."""
    masks = flat.view(RowMasks)
    masks.sizes = tuple(sizes)
    return masks


def slices_of(sizes: Sequence[int]) -> tuple[slice, ...]:
    """Where a flat mask has the entries of each number."""
    ends = list(itertools.accumulate(sizes))
    return tuple(slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False))


def parts_of(flat: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, ...]:
    """A mask (..., sum of sizes) cut into one for each number, (..., size) each, in the same memory."""
    return tuple(flat[..., part] for part in slices_of(sizes))


# -------------------------------------------------------------------- from the flat form
def form(space: spaces.Space, levels: Mapping[str, int], flat: np.ndarray, present: np.ndarray | None = None) -> Any:
    """The mask of one row for an action space, or those of n rows; ``None`` where the space takes none.

    Args:
        space: of one action.
        levels: name -> entries of the mask for each axis, in their order; for a space that names the axes.
        flat: (k,) int8 that nobody else keeps; or (n, k), then laid out as ``SyncVectorEnv`` does.
        present: (n,) bool, the rows that have one; a dictionary holds it beside every entry.
    """
    if isinstance(space, spaces.Discrete):
        return flat
    if isinstance(space, spaces.MultiDiscrete):
        sizes = space.nvec.tolist()
        return RowMask(parts_of(flat, sizes)) if present is None else row_masks(flat, sizes)
    if not isinstance(space, spaces.Dict):
        return None
    own, named = dict(zip(levels, parts_of(flat, list(levels.values())), strict=True)), {}
    for name, part in space.items():
        mask = form(part, {}, own[name], present)
        if present is not None:
            mask = np.full(len(flat), None, object) if mask is None else mask
            named |= {name: mask, f"_{name}": present.copy()}
        else:
            named[name] = mask
    return named


def fits(space: spaces.Space, levels: Mapping[str, int], size: int) -> bool:
    """Whether a mask of ``size`` entries speaks of the space's choices; those of an encoding of one's own may not."""
    if isinstance(space, spaces.Discrete):
        return space.n == size
    if isinstance(space, spaces.MultiDiscrete):
        return space.nvec.ndim == 1 and int(space.nvec.sum()) == size
    if not isinstance(space, spaces.Dict) or space.keys() != levels.keys():
        return False
    return all(fits(space[name], {}, n) or isinstance(space[name], spaces.Box) for name, n in levels.items())


# -------------------------------------------------------------------- spaces of batches that take them
def action_batch(space: spaces.Space, n: int) -> spaces.Space:
    """The action space of n rows, equal to Gymnasium's, whose ``sample`` takes the masks of the rows."""
    if isinstance(space, spaces.Discrete):
        return _Choices(np.full(n, space.n, space.dtype), dtype=space.dtype, seed=deepcopy(space.np_random))
    if isinstance(space, spaces.MultiDiscrete):
        plain: Any = batch_space(space, n)
        batch = _Levels(plain.low, plain.high, dtype=plain.dtype, seed=deepcopy(space.np_random))
        batch.sizes = tuple(space.nvec.tolist())
        return batch
    if isinstance(space, spaces.Dict):
        parts = {name: action_batch(part, n) for name, part in space.items()}
        return _Named(parts, seed=deepcopy(space.np_random))
    return batch_space(space, n)


class _Choices(spaces.MultiDiscrete):
    """n times a ``Discrete``."""

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        """One index for each row; ``mask``: (n, k) int8, or a sequence of n rows."""
        if mask is None:
            return super().sample(None, probability)
        return _chosen(self.np_random, _stacked(mask, len(self.nvec))).astype(self.dtype)


class _Levels(spaces.Box):
    """n times a ``MultiDiscrete`` of ``sizes``."""

    sizes: tuple[int, ...] = ()

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        """Indices (n, k); ``mask``: :class:`RowMasks`, or a sequence of n tuples of int8 arrays."""
        if mask is None:
            return super().sample(None, probability)
        parts = parts_of(_stacked(mask, self.shape[0]), self.sizes)
        return np.stack([_chosen(self.np_random, part) for part in parts], axis=1).astype(self.dtype)


class _Named(spaces.Dict):
    """n times a ``Dict``."""

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        """A dictionary of batches; ``mask``: name -> masks of the part; what else is in it (``_name``) is no mask."""
        if mask is None:
            return super().sample(None, probability)
        known = {name: None if isinstance(part, spaces.Box) and not isinstance(part, _Levels) else mask[name]
                 for name, part in self.spaces.items()}  # fmt: skip
        return {name: part.sample(mask=known[name]) for name, part in self.spaces.items()}


def _stacked(mask: Any, n: int) -> np.ndarray:
    """The masks of n rows as one array (n, k); ``ValueError`` for another number of rows or other numbers."""
    if isinstance(mask, np.ndarray) and mask.ndim == 2:
        flat = mask.view(np.ndarray)
    else:
        flat = np.array([np.concatenate(row) if isinstance(row, tuple) else row for row in mask])
    if flat.ndim != 2 or len(flat) != n or not np.isin(flat, (0, 1)).all():
        raise ValueError(f"mask must hold 0 and 1 for each of {n} rows, as info['action_mask'] does; got {flat.shape}")
    return flat != 0


def _chosen(rng: np.random.Generator, allowed: np.ndarray) -> np.ndarray:
    """An allowed index of each row (n, k) bool, all equally likely; 0 where none is allowed, as Gymnasium does."""
    picks = rng.random(len(allowed)) * allowed.sum(axis=1)
    return np.argmax(allowed.cumsum(axis=1) > picks[:, None], axis=1)
