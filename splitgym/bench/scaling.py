"""Cost as the work grows: time and peak memory against rows, users, tasks, gamma and nodes, with fitted exponents."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from splitgym.bench import peers
from splitgym.bench.measuring import Budget, Row, median_s
from splitgym.placement.fin import solve_fin
from splitgym.placement.generate import random_instance
from splitgym.worlds.world import world_of

#: A series ends where a call takes so many times the seconds of a measurement.
_LONGEST = 20.0
_MB = 1e6
#: What is done again and again at one size; made anew for each size.
Job = Callable[[], Any]


class Series(NamedTuple):
    """Something that grows: what is done, in words; what is counted, its sizes, and the job of a size."""

    name: str
    counted: str
    sizes: tuple[int, ...]
    job: Callable[[int], Job]


class Point(NamedTuple):
    """One size: time of a call [s], peak memory from before it was set up to after its first call [B]."""

    size: int
    time_s: float
    peak_b: float


def scaling_rows(budget: Budget) -> list[Row]:
    """Every series: a row for each size, and one with the exponents of time and memory."""
    rows: list[Row] = []
    for place, series in enumerate(SERIES):
        points: list[Point] = []
        for count, size in enumerate(series.sizes):
            points.append(_point(series, size, budget))
            budget.show((place + (count + 1) / len(series.sizes)) / len(SERIES))
            if len(points) > 1 and points[-1].time_s > _LONGEST * budget.seconds:
                break
        rows += [_row(series, point) for point in points] + [_exponent_row(series, points)]
    budget.show(1.0)
    return rows


def exponent(sizes: Any, values: Any) -> float:
    """Slope of log(value) against log(size) by least squares: 1 where twice the work costs twice as much."""
    return float(np.polyfit(np.log(np.asarray(sizes, float)), np.log(np.asarray(values, float)), 1)[0])


def _point(series: Series, size: int, budget: Budget) -> Point:
    """The first job is set up and called for its memory, a second one for its time: tracing slows a call down."""
    series.job(series.sizes[0])()  # so that nothing is compiled or imported while memory is counted
    tracemalloc.start()
    try:
        job = series.job(size)
        job()
        peak_b = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    begin = time.perf_counter()
    job()
    once_s = time.perf_counter() - begin
    again = max(1, min(10_000, round(budget.seconds / budget.repeats / max(once_s, 1e-9))))
    time_s = median_s(lambda: [job() for _ in range(again)], budget) / again
    return Point(size, time_s, float(peak_b))


def _row(series: Series, point: Point) -> Row:
    size = f"{point.size:,} {series.counted if point.size > 1 else series.counted[:-1]}"
    note = f"{1e6 * point.time_s / point.size:.3g} us each, peak {point.peak_b / _MB:.3g} MB"
    return Row(group="scaling", name=f"{series.name}, {size}", value=1e3 * point.time_s, unit="ms", note=note)


def _exponent_row(series: Series, points: list[Point]) -> Row:
    sizes, times, peaks = ([point[i] for point in points] for i in range(3))
    last, memory = exponent(sizes[-2:], times[-2:]), exponent(sizes, peaks)
    return Row(
        group="scaling",
        name=f"{series.name}: exponent of time",
        value=max(exponent(sizes, times), 1e-3),
        unit="",
        note=f"time ~ {series.counted}^this; {last:.2f} at the last two sizes; of memory {memory:.2f}",
    )


# -------------------------------------------------------------------- the series
def _stepping(env_id: str, n: int, scenario: Any = "default", **changes: Any) -> Job:
    world = world_of(env_id)
    return peers.ours(env_id, n, 4, scenario=world.load_scenario(scenario, **changes))


def _episode(tasks: int) -> Job:
    """One episode of so many tasks, from reset to its end."""
    scenario = world_of("SplitInference-v0").load_scenario("default", **{"tasks.count": tasks})
    env = gym.make_vec("SplitInference-v0", num_envs=1, scenario=scenario)
    actions = peers.sampled(env.action_space, 4)

    def play() -> None:
        env.reset(seed=0)
        for step in range(tasks):
            ended = env.step(actions[step % len(actions)])[2:4]
            if ended[0][0] or ended[1][0]:
                return

    return play


def _fin(nodes: int, gamma: int) -> Job:
    instance = random_instance(nodes, blocks=8, exits=4, seed=0)
    return lambda: solve_fin(instance, gamma=gamma, shortcuts=False)


SERIES = (
    Series(
        "step of a batch of SplitInference-v0",
        "rows",
        (1, 16, 256, 4096, 65_536),
        lambda n: _stepping("SplitInference-v0", n),
    ),
    Series(
        "frame of SplitInferenceMultiUser-v0",
        "users",
        (1, 5, 20, 100, 500),
        lambda n: _stepping("SplitInferenceMultiUser-v0", 1, "enachi", **{"users.count": n, "frames.count": 200}),
    ),
    Series("episode of SplitInference-v0", "tasks", (100, 1000, 10_000, 100_000), _episode),
    Series("FIN on 80 nodes", "levels of gamma", (10, 200, 2000, 20_000), lambda gamma: _fin(80, gamma)),
    Series("FIN, gamma 200", "nodes", (10, 30, 100, 300, 1000), lambda nodes: _fin(nodes, 200)),
)
