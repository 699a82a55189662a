"""Hostile input on a large scale, on all cores: ``make fuzz`` or ``python -m tests.fuzz``.

Every part is cut into shares with seeds of their own, so that a fault can be had again alone.  A table of what was done
is printed at the end; the exit status is 1 if there was a fault, and the smallest one is told with its seed and index.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import multiprocessing
import os
import queue
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Any

Run = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Part:
    """A campaign: how much of what, the function ``module:name`` that runs it, and in how large shares.

    The function takes a number, a seed and ``progress``.  It returns counts and raises at a fault; or one object for
    each kind, with numbers and a list ``faults`` as attributes.
    """

    total: int
    unit: str
    function: str
    share: int

    def load(self) -> Run | None:
        """The function, ``None`` where its module is not there."""
        module, name = self.function.split(":")
        try:
            return getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            return None


#: The longest shares first, so that no core waits for another at the end.
PARTS = {
    "kills": Part(100, "kills", "tests.fuzz.kills:run_kills", 10),
    "actions": Part(1_000_000, "actions", "tests.fuzz.actions:run_actions", 25_000),
    "scenarios": Part(100_000, "mutated scenarios", "tests.mutations:run_scenarios", 2_500),
    "files": Part(10_000, "files of each format", "tests.fuzz.files:run_files", 500),
}
_APART = 1_000_003  # between the seeds of two shares; 1 more than a multiple of the kills' commands, which take turns
_EVERY_S = 10.0  # between two lines of progress


@dataclasses.dataclass(frozen=True)
class Share:
    """A share of a part and what came of it."""

    part: str
    place: int
    seed: int
    count: int
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    spent_s: float = 0.0
    fault: str = ""


def shares_of(part: str, total: int, seed: int) -> Iterator[Share]:
    """The shares of a part; that of the first has the seed itself."""
    size, place = PARTS[part].share, 0
    while total > 0:
        yield Share(part, place, seed + _APART * place, min(size, total))
        total, place = total - size, place + 1


def run_share(share: Share, told: Any) -> Share:
    """Run a share in this process; ``told`` is a queue of (part, place, how many are done)."""
    run, begin, last = PARTS[share.part].load(), time.perf_counter(), 0.0
    assert run is not None

    def progress(*done: Any) -> None:
        nonlocal last
        if len(done) == 1 and time.perf_counter() - last > 1.0:
            told.put((share.part, share.place, done[0]))
            last = time.perf_counter()

    counts, fault = Counter(), ""
    try:
        counts, faults = read_counts(run(share.count, share.seed, progress))
        fault = f"seed {share.seed}: {faults[0]}" if faults else ""
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    told.put((share.part, share.place, share.count))
    return dataclasses.replace(share, counts=counts, spent_s=time.perf_counter() - begin, fault=fault)


def read_counts(result: Any) -> tuple[Counter[str], list[str]]:
    """What a part returned as counts, and the faults that it lists."""
    if isinstance(result, Counter):
        return result, []
    counts, faults = Counter(), []
    for kind in result.values():
        faults += kind.faults
        for name, number in vars(kind).items():
            if isinstance(number, int):
                counts[name] += number
    counts["kinds"] = len(result)
    return counts, faults


def tell(done: dict[tuple[str, int], int], totals: dict[str, int], begin: float) -> None:
    """A line of progress on standard error."""
    parts = [
        f"{name} {min(sum(n for (part, _), n in done.items() if part == name), total):,} of {total:,}"
        for name, total in totals.items()
    ]
    print(f"[{time.perf_counter() - begin:5.0f} s] {'   '.join(parts)}", file=sys.stderr, flush=True)


def result_of(future: Future[Share], share: Share) -> Share:
    """What came of a share; a process that died is a fault, too."""
    try:
        return future.result()
    except Exception as error:
        return dataclasses.replace(share, fault=f"{type(error).__name__}: {error}")


def campaign(totals: dict[str, int], seed: int, workers: int) -> list[Share]:
    """All shares of the parts, on so many processes; those with a fault keep the others going."""
    context, begin, finished = multiprocessing.get_context("spawn"), time.perf_counter(), []
    done: dict[tuple[str, int], int] = {}
    with context.Manager() as manager, ProcessPoolExecutor(workers, mp_context=context) as pool:
        told = manager.Queue()
        pending: dict[Future[Share], Share] = {
            pool.submit(run_share, share, told): share
            for name, total in totals.items()
            for share in shares_of(name, total, seed)
        }
        while pending:
            try:
                for future in as_completed(list(pending), timeout=_EVERY_S):
                    finished.append(result_of(future, pending.pop(future)))
            except TimeoutError:
                pass
            while True:
                try:
                    part, place, count = told.get_nowait()
                    done[part, place] = count
                except queue.Empty:
                    break
            tell(done, totals, begin)
    return finished


def table(shares: list[Share], totals: dict[str, int]) -> Iterator[str]:
    """What was done, part by part."""
    yield f"{'part':<10} {'asked':>10} {'faults':>7} {'core min':>9}  done"
    for name, total in totals.items():
        own = [share for share in shares if share.part == name]
        counts: Counter[str] = sum((share.counts for share in own), Counter())
        if "kinds" in counts:
            counts["kinds"] = max(share.counts["kinds"] for share in own)
        faults, minutes = sum(bool(share.fault) for share in own), sum(share.spent_s for share in own) / 60.0
        words = ", ".join(f"{kind} {number:,}" for kind, number in sorted(counts.items()))
        yield f"{name:<10} {total:>10,} {faults:>7} {minutes:>9.1f}  {words}"


def main(arguments: list[str] | None = None) -> int:
    """Run the campaigns that were asked for; 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="seed of the first shares")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full numbers, e.g. 0.01")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run")
    parser.add_argument("--count", type=int, help="so many instead, in one share: to have a fault again")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    args = parser.parse_args(arguments)
    totals = {name: args.count or max(round(PARTS[name].total * args.scale), 1) for name in PARTS if name in args.only}
    for name in [name for name in totals if PARTS[name].load() is None]:
        print(f"{name}: left out, there is no {PARTS[name].function.split(':')[0]}", file=sys.stderr)
        del totals[name]
    begin = time.perf_counter()
    if args.count:
        shares = [run_share(Share(name, 0, args.seed, total), queue.Queue()) for name, total in totals.items()]
    else:
        shares = campaign(totals, args.seed, args.workers)
    for line in table(shares, totals):
        print(line)
    print(f"{(time.perf_counter() - begin) / 60.0:.1f} minutes on {args.workers} processes, seed {args.seed}")
    faults = sorted((share for share in shares if share.fault), key=lambda share: (share.part, share.place))
    for share in faults:
        print(f"\nFAULT in {share.part}: {share.fault}")
    if faults:
        first = faults[0]
        print(
            f'\nto have the first again: make fuzz ARGS="--only {first.part} --seed {first.seed} --count {first.count}"'
        )
    return 1 if faults else 0
