"""How near the batch comes to plain C: the same tasks by ``limit.c``, which is compiled on the spot.

It is timed only where its outcomes are ours; the transmissions of a batch are what it is there for.
"""

from __future__ import annotations

import ctypes
import itertools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from splitgym.bench import peers
from splitgym.bench.c_code import address, build, build_library, header
from splitgym.bench.measuring import Budget, Chunk, NotMeasured, Row, Target, alternate, compare, counted
from splitgym.encodings import by_column
from splitgym.files import write_atomically
from splitgym.jit import one_record, records
from splitgym.physics.fading import GAUSSIAN
from splitgym.seeding import episode_key, seed_key
from splitgym.worlds.inference.layout import TASK
from splitgym.worlds.world import World, get_world, row_dtype

SOURCE = Path(__file__).with_name("limit.c")
PEER, PEER_FAST = "C (limit.c), -O3", "C (limit.c), -O3 -ffast-math"
SCENARIO, N, TURNS = "default", 1024, 16
#: What an optimising compiler may do without a change of any result; then that with changes of last places.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
FAST = ("-O3", "-march=native", "-ffast-math")
TOLERANCE = 1e-9
#: What must be equal: figure of the outcome -> least size that a relative difference refers to, in its unit.
FIGURES = {"bits": 0.0, "energy_j": 0.0, "reward": 1.0, "slots_used": 0.0}
PARTS = ("hash", "pair of normals", "logarithm of a rate", "power by water-filling", "all of it")  # of repeat_part
_NUMBERS, _ROUNDS = 1024, 64  # of repeat_part

#: Serves rows low..high: (low, high, rows).
Step = Callable[[int, int, np.ndarray], object]


class Turns:
    """Turns of a batch by seeded random actions: the rows before and after each, by our kernel.

    Args:
        scenario: of SplitInference-v0.
        n: rows, which play the seeds 0, 1, ...
        count: turns.

    Raises ``NotMeasured`` for a scenario that the C does not know.
    """

    def __init__(self, scenario: str, n: int = N, count: int = TURNS) -> None:
        self.world: World = get_world("inference")
        setting = self.world.load_scenario(scenario)
        self.params = one_record(self.world.lower(setting), self.world.params)
        fading = self.params["fading"][0]
        if self.world.uses_plugins(setting) or fading["kind"] != GAUSSIAN or fading["scatter"] == 0.0:
            raise NotMeasured(f"limit.c knows moving Gaussian fading only, not that of the scenario {scenario!r}")
        encoding = self.world.encoding("multidiscrete", setting)
        self.n, self.nature = n, self.world.nature(n, setting)
        seen = np.zeros((n, int(self.params["n_fields"][0])), np.float32)
        masks = np.zeros((n, encoding.mask_size), np.bool_)
        logs = np.zeros((n, 0, self.world.log_shape(setting)[1]))
        self._shown = (seen, masks, logs, records(np.zeros(0, self.world.decision)))
        rows = self._begun()
        self.before, self.after = list[np.ndarray](), list[np.ndarray]()
        for actions in peers.sampled(encoding.batch(n), count):
            encoding.decode(actions, by_column(rows["decision"], encoding.width))
            rows["live"] = ~(rows["state"]["finished"] | rows["state"]["depleted"])
            self.before.append(rows.copy())
            self.step(0, n, rows)
            self.after.append(rows.copy())

    def step(self, low: int, high: int, rows: np.ndarray) -> int:
        """Our kernel's turn: the service, and what is seen after it."""
        return self.world.loop(self.n)(low, high, rows, *self._shown, self.params, *self.nature)

    def slots(self) -> list[int]:
        """Radio slots of each turn."""
        return [int(rows["outcome"]["slots_used"][rows["live"]].sum()) for rows in self.after]

    def _begun(self) -> np.ndarray:
        rows = records(np.zeros(self.n, row_dtype(self.world)))
        rows["key"] = [episode_key(seed_key(seed), 0) for seed in range(self.n)]
        for option in self.world.options.values():
            option.apply(rows["state"], np.arange(self.n), option.choices[0])
        rows["fresh"] = True
        self.step(0, self.n, rows)
        rows["fresh"] = False
        return rows


def compiled(folder: Path, flags: Sequence[str] = FLAGS, source: Path = SOURCE) -> ctypes.CDLL:
    """``limit.c`` as a library in a new folder; ``NotMeasured`` as by :func:`~splitgym.bench.c_code.build_library`."""
    world = get_world("inference")
    types = {"row": row_dtype(world), "task": TASK, "params": world.params}
    folder.mkdir()
    write_atomically(folder / "records.h", header(types).encode())
    return ctypes.CDLL(str(build_library(source, folder / "limit.so", flags)))


class Reference:
    """The C for the tasks of some turns."""

    def __init__(self, turns: Turns, code: ctypes.CDLL) -> None:
        self.tasks, self.params, self._code = np.ascontiguousarray(turns.nature.tasks), turns.params, code

    def step(self, low: int, high: int, rows: np.ndarray) -> None:
        """The service of rows low..high."""
        code = self._code.step_rows
        if code(ctypes.c_int64(low), ctypes.c_int64(high), *map(address, (rows, self.tasks, self.params))):
            raise MemoryError(f"no memory for {high - low} tasks in limit.c")

    def part(self, place: int) -> Chunk:
        """A part of a slot over and over; counts how often."""

        def chunk() -> float:
            self._code.repeat_part(place, ctypes.c_int64(_ROUNDS), address(self.params))
            return _NUMBERS * _ROUNDS

        return chunk


def difference(turns: Turns, reference: Step) -> str:
    """Where a reference that goes on alone from the first turn first differs from us, in words; '': nowhere."""
    rows = turns.before[0].copy()
    for place, (before, after) in enumerate(zip(turns.before, turns.after, strict=True)):
        rows["decision"], rows["live"] = before["decision"], before["live"]
        reference(0, turns.n, rows)
        for figure, least in FIGURES.items():
            ours, theirs = (side["outcome"][figure].astype(np.float64) for side in (after, rows))
            size = np.maximum(np.maximum(np.abs(ours), np.abs(theirs)), least)
            wrong = np.flatnonzero(before["live"] & ~(np.abs(ours - theirs) <= TOLERANCE * size))
            if len(wrong):
                row = wrong[0]
                return f"{figure} of row {row} in turn {place}: {ours[row]!r} here, {theirs[row]!r} in C"
    return ""


# ------------------------------------------------------------------ rates
def limit_rows(budget: Budget) -> list[Row]:
    """Slots of our kernel beside those of C, with one thread and with ``budget.threads``; then what a slot costs in C.

    Raises ``NotMeasured`` without a C compiler, and where the C has other outcomes than we.
    """
    turns, threads = Turns(SCENARIO), sorted({1, budget.threads})
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max(threads)) as pool:
        steps: dict[str, Step] = {"ours": turns.step}
        notes = list[str]()
        strict, fast = compiled(Path(folder, "strict")), compiled(Path(folder, "fast"), FAST)
        for name, code in ((PEER, strict), (PEER_FAST, fast)):
            reference = Reference(turns, code)
            wrong = difference(turns, reference.step)
            if wrong and code is strict:
                raise NotMeasured(f"not timed, since its outcomes are not ours to {TOLERANCE:g}: {wrong}")
            if wrong:
                notes.append(f"; {name} is not timed: {wrong}")
            else:
                steps[name] = reference.step
        chunks = {f"{name}, {t}": _stepping(turns, step, t, pool) for name, step in steps.items() for t in threads}
        rates = alternate(chunks, budget)
        parts = _part_rows(Reference(turns, strict), Path(folder, "strict"), budget)
    note = f"{SCENARIO}, random actions, the same tasks, outcomes equal to {TOLERANCE:g}; only ours shows observations"
    note += "".join(notes)
    rows = [
        compare(
            "limit",
            f"kernel of the batch, {counted(t, 'thread')}",
            rates[f"ours, {t}"],
            "slot/s",
            name,
            rates[f"{name}, {t}"],
            target=Target(0.6),
            note=note,
        )
        for t in threads
        for name in steps
        if name != "ours"
    ]
    return rows + parts


def _stepping(turns: Turns, step: Step, threads: int, pool: ThreadPoolExecutor) -> Chunk:
    """One turn after the other, each from the rows before it; counts slots."""
    work = records(np.zeros_like(turns.before[0]))
    raw, edges = work.view(np.uint8), [turns.n * t // threads for t in range(threads + 1)]
    rounds = itertools.cycle(zip([rows.view(np.uint8) for rows in turns.before], turns.slots(), strict=True))

    def chunk() -> float:
        raw[:], slots = next(rounds)
        others = [pool.submit(step, low, high, work) for low, high in itertools.pairwise(edges[1:])]
        step(edges[0], edges[1], work)
        for other in others:
            other.result()
        return slots

    return chunk


def _part_rows(reference: Reference, folder: Path, budget: Budget) -> list[Row]:
    """What the parts of a slot cost in C [ns], with instructions where valgrind can count them."""
    rates = alternate({name: reference.part(place) for place, name in enumerate(PARTS)}, budget)
    counts = instructions(folder)
    return [
        Row(
            group="limit",
            name=f"a slot in C: {name}",
            value=float(np.median(1e9 / rates[name])),
            unit="ns",
            note=f"{counts[place]:.1f} instructions" if counts else "instructions are not counted without valgrind",
        )
        for place, name in enumerate(PARTS)
    ]


def instructions(folder: Path) -> list[float]:
    """Instructions of each part of a slot, by valgrind's callgrind; empty where that is not installed or fails.

    ``folder`` holds the header.  Several slots share an instruction, so a count need not be whole.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return []
    program = build(SOURCE, folder / "limit", [*FLAGS, "-DCOUNTED"])

    def collected(part: int, rounds: int) -> int:
        counter = [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder / 'callgrind.out'}"]
        run = subprocess.run(
            [*counter, str(program), str(part), str(rounds)], capture_output=True, text=True, check=False
        )
        found = re.search(r"Collected : (\d+)", run.stderr)
        return int(found[1]) if found else -1

    nothing, totals = collected(0, 0), [collected(part, _ROUNDS) for part in range(len(PARTS))]
    if min(nothing, *totals) < 0:
        return []
    return [(total - nothing) / (_NUMBERS * _ROUNDS) for total in totals]
