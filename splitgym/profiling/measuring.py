"""A captured network measured on data, as ``splitgym.profile`` does it with ``data``."""

from __future__ import annotations

from typing import Any

from splitgym.profiling.measured import Measured, measure
from splitgym.profiling.parts import Data
from splitgym.profiling.structure import Structure


def measure_structure(structure: Structure, data: Data, **options: Any) -> Measured:
    """All cuts and exits of a captured network on labelled batches; options as for :func:`~.measured.measure`.

    Raises ``ValueError`` for a network that was captured for batches of one size, with what to do.
    """
    if not structure.captured.batched:
        raise ValueError(
            f"{structure.captured.name} was captured for batches of one size, which data cannot follow; capture it "
            "with batched=True, or measure head and tail by splitgym.profiling.measured.measure"
        )
    cuts = [cut.name for cut in structure.cuts[:-1]]
    return measure(structure, cuts, data, exits=[head.name for head in structure.heads], **options)
