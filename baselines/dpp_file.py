"""Arrays in the files of fits: base64 of little-endian floats, so that every number is what it was."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from splitgym.quoting import shown


def packed(array: np.ndarray) -> dict[str, Any]:
    """A float array as a table of its shape and its data."""
    kind = array.dtype.newbyteorder("<")
    return {"shape": list(array.shape), "data": base64.b64encode(array.astype(kind).tobytes()).decode()}


def unpacked(name: str, given: Any) -> np.ndarray:
    """The array of such a table, float64 for decisions and else float32; ``ValueError`` that says what is wrong."""
    kind = np.dtype("<f8" if name == "decisions" else "<f4")
    if not isinstance(given, dict) or sorted(given) != ["data", "shape"] or not isinstance(given["data"], str):
        raise ValueError(f"array {shown(name)} must be a table with shape and data, got {shown(given)}")
    shape = given["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape) or len(shape) > 2:
        raise ValueError(f"shape of array {shown(name)} must be one or two whole numbers, got {shown(shape)}")
    try:
        data = base64.b64decode(given["data"], validate=True)
        return np.frombuffer(data, kind).reshape(shape).astype(kind.newbyteorder("="))
    except ValueError as error:
        raise ValueError(f"array {shown(name)} is damaged: {error}") from error
