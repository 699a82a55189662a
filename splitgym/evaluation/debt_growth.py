"""Does a queue grow?  Its drift over a long run, with an interval that autocorrelation does not make too narrow.

A debt Q is as far as can be from independent samples: every value contains the one before.  A straight line fitted to
it, even to means of blocks, finds a "significant" slope in most random walks without any drift (Granger and Newbold,
Spurious regressions in econometrics, J. Econometrics 2, 1974).  Its increments are better behaved, so the test is one
of batch means on the increments: the run is cut into consecutive blocks, each block gives its growth per task, and the
mean of these has a Student interval (Schmeiser, Batch size effects in the analysis of simulation output, Operations
Research 30, 1982, who finds 10 to 30 batches enough whatever the length of the run).

* A queue that grows is a random walk with drift.  The growths of blocks that are much longer than the memory of
  channel and arrivals are then nearly independent, and the interval covers the drift as often as it says.  (A device
  that moves to and fro remembers longer, 150 tasks a round in ``commute``: give it 10,000 tasks or more.)
* A queue at rest has growths that cancel from block to block.  Their spread overstates the doubt, so the
  interval is too wide, by about the square root of the number of blocks, and never too narrow.

Growth is taken from block end to block end, not between means of blocks, which share tasks and would be correlated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from splitgym.evaluation.statistics import mean_interval

BLOCKS = 20
#: Fewest tasks of a block: shadowing that keeps 0.9 from task to task has forgotten all but 1 % after 44.
LEAST_BLOCK = 50
#: Growth [budgets per task] that still counts as none: in the long run energy exceeds the budget by no more than 1 %.
TOLERANCE = 0.01

STABLE, UNSTABLE, UNDECIDED = "stable", "unstable", "undecided"


class Drift(NamedTuple):
    """Growth of a debt [budgets per task] and the ends of its 95 % interval."""

    slope: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``unstable``, ``stable`` or ``undecided``.

        * ``unstable``: the whole interval lies above zero.  A queue at rest meets this in at most 2.5 % of all runs.
        * ``stable``: it does not, and it ends below ``TOLERANCE``: not only was no growth found, any growth that could
          have been overlooked is too small to matter.  Without this second condition every short or noisy run would
          pass for a stable one.
        * ``undecided``: neither; a longer run decides.
        """
        if self.low > 0.0:
            return UNSTABLE
        return STABLE if self.high <= TOLERANCE else UNDECIDED


def least_steps() -> int:
    """Fewest steps of a run whose second half can be tested."""
    return 2 * BLOCKS * LEAST_BLOCK


def drift(debt: np.ndarray) -> Drift:
    """Growth of a debt over the second half of a run; the first half is left out, so that the start is forgotten.

    Args:
        debt: (n,) debt after every step, in budgets of one task.

    Returns:
        The slope, which is the growth over the second half per task, and its 95 % interval.  It speaks of that half
        only: a queue that is still on its way to rest there grows, and a longer run decides.

    Raises:
        ValueError: fewer than :func:`least_steps` steps.
    """
    debt = np.asarray(debt, np.float64)
    if len(debt) < least_steps():
        raise ValueError(f"the drift of a debt needs at least {least_steps()} steps, got {len(debt)}")
    block = len(debt) // 2 // BLOCKS
    ends = debt[len(debt) - 1 - block * np.arange(BLOCKS, -1, -1)]
    slope, half = mean_interval(np.diff(ends) / block)
    return Drift(slope, slope - half, slope + half)
