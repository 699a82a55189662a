"""How long each block of a network takes on this machine."""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import Any

from splitgym.extras import need
from splitgym.profiling.structure import Structure

#: Runs of a block before it is timed, and timed ones, of which the median counts.
WARM_UPS, REPEATS = 3, 15


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockTimes:
    """Time of every block [s] in order, and the threads of PyTorch that ran it."""

    seconds: dict[str, float]
    threads: int

    def macs_per_cycle(self, structure: Structure, clock_hz: float) -> float:
        """Multiply-adds of the whole network in a cycle of a clock [MAC/cycle], ``device.macs_per_cycle``."""
        return sum(cut.macs for cut in structure.cuts) / sum(self.seconds.values()) / clock_hz


def block_times(structure: Structure, example: Any) -> BlockTimes:
    """Time every block on one sample, from the tensor before it to its own: warm-up, then the median of several runs.

    Raises ``ValueError`` for a network whose weights have no content.
    """
    torch = need("torch", "profile")
    if example.device.type == "meta":
        raise ValueError("a network on the device 'meta' cannot be timed: it has no weights")
    run, found, name, x = structure.captured.run, dict[str, float](), structure.captured.input.name, example[:1]
    with torch.no_grad():
        for cut in structure.cuts:
            spans, tensor = list[float](), x
            for _ in range(WARM_UPS + REPEATS):
                begin = time.perf_counter()
                (tensor,) = run({name: x}, [cut.step])
                spans.append(time.perf_counter() - begin)
            found[cut.name] = statistics.median(spans[WARM_UPS:])
            name, x = cut.step, tensor
    return BlockTimes(seconds=found, threads=torch.get_num_threads())
