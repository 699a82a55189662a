"""How long each block of a network takes on this machine, and what energy where a counter of it can be read."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

from splitgym.extras import need
from splitgym.profiles.dnn import DnnProfile
from splitgym.profiling import rapl
from splitgym.profiling.structure import Structure

#: Runs of a block before it is timed, and timed ones, of which the median counts.
WARM_UPS, REPEATS = 3, 15
#: A block runs for so long while its energy is counted [s]; counters tick about once a millisecond.
COUNTED_S = 0.25
#: What the file says where there is no counter.
UNCOUNTED = (
    "modelled: not in this file, no counter of this machine can be read; a scenario's device has kappa f^2 a cycle"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockTimes:
    """Time of every block [s] in order, the threads of PyTorch that ran it, and its energy [J]; empty: not counted."""

    seconds: dict[str, float]
    threads: int
    joules: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def words(self) -> str:
        """How it was timed."""
        threads = f"{self.threads} threads" if self.threads > 1 else "1 thread"
        return f"{threads} of PyTorch, median of {REPEATS} runs after {WARM_UPS}"

    def macs_per_cycle(self, structure: Structure, clock_hz: float) -> float:
        """Multiply-adds of the whole network in a cycle of a clock [MAC/cycle], ``device.macs_per_cycle``."""
        return sum(cut.macs for cut in structure.cuts) / sum(self.seconds.values()) / clock_hz


def block_times(structure: Structure, example: Any) -> BlockTimes:
    """Time every block on one sample, from the tensor before it to its own: warm-up, then the median of several runs.

    Where a counter of energy can be read, each block's energy is the mean over a quarter of a second.
    Raises ``ValueError`` for a network whose weights have no content.
    """
    torch = need("torch", "profile")
    if example.device.type == "meta":
        raise ValueError("a network on the device 'meta' cannot be timed: it has no weights")
    run, name, x = structure.captured.run, structure.captured.input.name, example[:1]
    found, joules, counters = dict[str, float](), dict[str, float](), rapl.counters()
    with torch.no_grad():
        for cut in structure.cuts:
            spans, tensor, before = list[float](), x, {name: x}
            for _ in range(WARM_UPS + REPEATS):
                begin = time.perf_counter()
                (tensor,) = run(before, [cut.step])
                spans.append(time.perf_counter() - begin)
            found[cut.name] = statistics.median(spans[WARM_UPS:])
            if counters:
                joules[cut.name] = _energy_j(counters, run, before, cut.step)
            name, x = cut.step, tensor
    return BlockTimes(seconds=found, threads=torch.get_num_threads(), joules=joules)


def _energy_j(counters: list[rapl.Counter], run: Callable[..., Any], before: dict[str, Any], step: str) -> float:
    """Energy of one run [J], the mean of as many as fit into ``COUNTED_S``."""
    runs, end = 0, time.perf_counter() + COUNTED_S
    for counter in counters:
        counter.start()
    while runs == 0 or time.perf_counter() < end:
        run(before, [step])
        runs += 1
    return sum(counter.spent_j() for counter in counters) / runs


def with_times(profile: DnnProfile, times: BlockTimes) -> DnnProfile:
    """A profile of the same blocks with their times, and their energies where these were counted; it says which."""
    blocks = tuple(
        block.replace(time_s=times.seconds[block.name], energy_j=times.joules.get(block.name))
        for block in profile.blocks
    )
    energy = f"measured: {rapl.WORDS}, mean over {COUNTED_S:g} s" if times.joules else UNCOUNTED
    source = {"blocks.time_s": f"measured: on one machine, {times.words}", "blocks.energy_j": energy}
    return profile.replace(blocks=blocks, source={**profile.source, **source})
