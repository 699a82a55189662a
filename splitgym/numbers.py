"""Arrays of numbers from outside: what NumPy would silently make of something else is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.quoting import cut

_PRODUCTS = 4_000_000  # held at once
_KINDS = {"f": "floats", "i": "integers", "u": "integers", "b": "booleans"}


def plain_array(values: Any, name: str, kinds: str = "fiub") -> np.ndarray:
    """``values`` as an array of the kinds of numbers ``kinds``; ``name`` is their name in messages.

    Raises ``ValueError`` for masked entries, for what cannot be made an array, and for other kinds.
    """
    array = as_array(values, name)
    if array.dtype.kind not in kinds:
        wanted = " or ".join(dict.fromkeys(_KINDS[kind] for kind in kinds))
        raise ValueError(f"{name} must be {wanted}, got an array of {cut(str(array.dtype), 60)}")
    return array


def as_array(values: Any, name: str) -> np.ndarray:
    """``values`` as an array of any kind.  Raises ``ValueError`` for masked entries and for what cannot be made one."""
    if type(values) is np.ndarray:
        return values
    try:
        masked = _masked(values, 3)
        array = np.asarray(values) if not masked else np.zeros(0)
    except Exception as error:  # whatever the conversions of lists, tensors and foreign objects raise
        raise ValueError(cut(f"{name} cannot be made an array: {' '.join(str(error).split())}", 200)) from None
    if masked:
        raise ValueError(f"{name} hold masked entries, which have no value; fill them: values.filled(...)")
    return array


def behaved(array: np.ndarray, dtype: type | np.dtype) -> np.ndarray:
    """``array`` as one of ``dtype`` that is contiguous, aligned and writeable: for others, code is compiled anew."""
    if array.dtype == dtype and array.flags.carray:
        return array
    return np.array(array, dtype, order="C")


def row_sums(numbers: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``numbers @ weight.T``, each sum in the same order whatever the number of rows, as BLAS does not promise."""
    rows = max(_PRODUCTS // max(weight.size, 1), 1)
    parts = [(numbers[first : first + rows, None, :] * weight).sum(axis=-1) for first in range(0, len(numbers), rows)]
    return np.concatenate(parts) if parts else np.zeros((0, len(weight)), np.float32)


def _masked(values: Any, depth: int) -> bool:
    """Whether an array, or one in a list, has masked entries, whose mask NumPy would drop."""
    if isinstance(values, np.ma.MaskedArray):
        return bool(np.ma.is_masked(values))
    return depth > 0 and isinstance(values, (list, tuple)) and any(_masked(value, depth - 1) for value in values)
