"""Filling the record that a kernel reads."""

from __future__ import annotations

import numpy as np


def fill_record(dtype: np.dtype, **values: object) -> np.record:
    """A record of ``dtype``; a shorter table fills the front of its field.  ``ValueError`` if a table is too long."""
    record = np.zeros(1, dtype).view(np.recarray)
    assert dtype.names is not None
    if set(values) != set(dtype.names):
        raise TypeError(f"fields differ: {sorted(set(values) ^ set(dtype.names))}")
    for name, value in values.items():
        shape = dtype[name].shape
        array = np.asarray(value)
        if any(have > room for have, room in zip(array.shape, shape, strict=False)):
            raise ValueError(f"{name}: shape {array.shape} is larger than the kernel's table {shape}")
        target = record[name][0]
        if shape:
            target[tuple(slice(0, have) for have in array.shape)] = array
        else:
            record[name][0] = value
    return record[0]
