"""What an evaluation gains by more workers, and what a task and a line of a store cost beside it."""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

import numpy as np

from splitgym.bench.measuring import Budget, Row, counted
from splitgym.engines import Engine, engine
from splitgym.engines.parcels import packed
from splitgym.evaluation import Results, evaluate
from splitgym.evaluation.plans import BLOCK, Playing
from splitgym.evaluation.policies import contender
from splitgym.evaluation.results import DECISION
from splitgym.evaluation.store import Store, kept_figures
from splitgym.worlds.world import world_of

ENV_ID = "SplitInference-v0"
POLICIES = ("random", "device", "edge", "static", "effect", "progftx", "myopic", "lyap", "lyap_prog", "enachi")
PRESETS = ("default", "enachi", "tight-deadline", "bursty", "commute")
WORKERS, MOST_EPISODES = (1, 2, 4), 100


def worker_rows(budget: Budget) -> list[Row]:
    """Ten policies in five presets by 1, 2 and 4 workers, and the digests of their figures; then what a task costs.

    The workers are there before the clock starts, and have played one episode of each policy.
    """
    episodes = min(MOST_EPISODES, max(2, round(budget.seconds / 0.003)))  # all of them at the usual 0.3 s
    taken, digests = dict[int, float](), dict[int, str]()
    for place, count in enumerate(WORKERS):
        with engine(count) as workers:
            _played(workers, 1)
            begin = time.perf_counter()
            found = _played(workers, episodes)
            taken[count] = time.perf_counter() - begin
        digests[count] = _digest(found)
        budget.show((place + 1) / (len(WORKERS) + 1))
    rows = [_row(count, taken, digests, episodes) for count in WORKERS]
    rows += _task_rows()
    budget.show(1.0)
    return rows


def _played(workers: Engine, episodes: int) -> list[Results]:
    return [evaluate(POLICIES, ENV_ID, preset, episodes, workers=workers, progress=False) for preset in PRESETS]


def _digest(found: list[Results]) -> str:
    """12 hex digits over all figures but the time to decide, which the machine takes."""
    total = hashlib.sha256()
    for results in found:
        for policy in results.policies:
            for measure in results.measures:
                if measure != DECISION:
                    total.update(np.ascontiguousarray(results.figure(policy, measure.name)).tobytes())
    return total.hexdigest()[:12]


def _row(count: int, taken: dict[int, float], digests: dict[int, str], episodes: int) -> Row:
    size = f"{len(POLICIES)} policies x {len(PRESETS)} presets x {episodes} episodes"
    alone = WORKERS[0]
    same = "equal to" if digests[count] == digests[alone] else "OTHER THAN"
    return Row(
        group="workers",
        name=f"evaluate by {counted(count, 'worker')}, {size}",
        value=taken[count],
        unit="s",
        peer=f"{counted(alone, 'worker')}",
        peer_value=taken[alone],
        ratio=taken[alone] / taken[count],
        note=f"ratio: how much faster; figures {digests[count]}, {same} those of one",
    )


def _task_rows() -> list[Row]:
    """Bytes that are sent for a task, and lines that a store takes in a second, block by block."""
    world = world_of(ENV_ID)
    setting = world.load_scenario("default")
    work = Playing(contender("enachi"), world, setting, 1)
    sent = len(packed(work, "")) + len(packed((range(BLOCK), None), ""))
    figures = work(range(BLOCK), None, None)
    back = len(packed(figures, ""))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "store"))
        shelf = kept_figures(store, world, store.keep_setting(world, setting, {}), contender("enachi"))
        begin, blocks = time.perf_counter(), 20
        for place in range(blocks):
            shelf.add(range(place * BLOCK, (place + 1) * BLOCK), figures)
        lines = blocks * BLOCK / (time.perf_counter() - begin)
    note = f"a block of {BLOCK} episodes of enachi"
    return [
        Row(group="workers", name="sent to a worker for a task", value=float(sent), unit="B", note=note),
        Row(group="workers", name="sent back for a task", value=float(back), unit="B", note=note),
        Row(group="workers", name="lines that a store takes", value=lines, unit="1/s", note="by blocks, each synced"),
    ]
