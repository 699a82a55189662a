"""How rates are measured: contenders take turns in one run, and only medians and paired ratios are reported."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

#: Does some work and returns how much, in the unit of the rate.
Chunk = Callable[[], float]

_SLOW_S = 1.0  # a call that takes longer is measured once

HINT = "pip install 'splitgym[bench]'"


class NotMeasured(RuntimeError):
    """What is to be measured cannot be measured here; the message says why, and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """What a group of measurements may use: seconds each, repeats, threads; ``show(share)`` takes its progress.

    ``python`` is an interpreter that may have other libraries than this one.
    """

    seconds: float
    repeats: int
    threads: int
    show: Callable[[float], object]
    python: str = sys.executable


@dataclasses.dataclass(frozen=True)
class Target:
    """A limit on a row's ratio to its peer or on its own value."""

    limit: float
    of: Literal["ratio", "value"] = "ratio"
    at_most: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        group, name: what was measured.
        value, unit: median over the repeats.
        peer, peer_value: what it is compared with, and its median in the same unit; None: nothing, or not installed.
        ratio: median over the repeats of value / peer_value.
        target: what the project wants; None: shown for information.
        note: one line for people.
    """

    group: str
    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    target: Target | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or without its peer."""
        seen = self.target and getattr(self, self.target.of)
        if self.target is None or seen is None:
            return None
        return bool(seen <= self.target.limit if self.target.at_most else seen >= self.target.limit)

    def wanted(self) -> str:
        """The target in words, '' if there is none."""
        if self.target is None:
            return ""
        unit = "x" if self.target.of == "ratio" else self.unit
        return f"{'<=' if self.target.at_most else '>='} {self.target.limit:,g} {unit}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values under the names of the attributes; ``target`` in words, and ``met``."""
        return {**dataclasses.asdict(self), "target": self.wanted() or None, "met": self.met}


def counted(count: int, thing: str) -> str:
    """'1 thread', '2 threads'."""
    return f"{count} {thing}" + "s" * (count > 1)


def rate(chunk: Chunk, seconds: float) -> float:
    """Work per second [unit/s] over at least ``seconds`` and at least one chunk."""
    done, begin = 0.0, time.perf_counter()
    while True:
        done += chunk()
        elapsed = time.perf_counter() - begin
        if elapsed >= seconds:
            return done / elapsed


def alternate(chunks: Mapping[str, Chunk], budget: Budget) -> dict[str, np.ndarray]:
    """Rates (repeats,) [unit/s] of every chunk, taken in turn: A B C, A B C, ...  Each runs once unmeasured first."""
    rates = {name: np.zeros(budget.repeats) for name in chunks}
    for chunk in chunks.values():
        chunk()
    for repeat in range(budget.repeats):
        for place, (name, chunk) in enumerate(chunks.items()):
            rates[name][repeat] = rate(chunk, budget.seconds)
            budget.show((repeat + (place + 1) / len(chunks)) / budget.repeats)
    return rates


def median_s(job: Callable[[], Any], budget: Budget) -> float:
    """Median time of a call [s] after one that does not count; slow ones run once more at most."""
    job()
    times = []
    while len(times) < budget.repeats:
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
        if times[0] > _SLOW_S:
            break
    return float(np.median(times))


def compare(
    group: str,
    name: str,
    ours: np.ndarray,
    unit: str,
    peer: str,
    theirs: np.ndarray | None,
    *,
    target: Target | None,
    note: str = "",
    hint: str = HINT,
) -> Row:
    """A row of rates (repeats,) against a peer's of the same repeats.

    ``theirs`` is None where the peer is not installed: the note then gives ``hint``, the way to install it.
    """
    row = Row(group=group, name=name, value=float(np.median(ours)), unit=unit, peer=peer, target=target, note=note)
    if theirs is None:
        return dataclasses.replace(row, note=f"{peer} is not installed: {hint}")
    ratio = float(np.median(ours / theirs))
    return dataclasses.replace(row, peer_value=float(np.median(theirs)), ratio=ratio)
