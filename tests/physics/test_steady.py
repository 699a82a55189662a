"""Repeated addition without the loop, and the static channel that is worked out by it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from splitgym.encodings import by_name
from splitgym.jit import one_record, records
from splitgym.physics.steady import add_up
from splitgym.worlds.inference import INFERENCE, kernel
from splitgym.worlds.inference.axes import AXES
from splitgym.worlds.inference.layout import DECISION, PARAMS, TASK
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.inference.nominal_figures import PATIENCE_S, nominal
from splitgym.worlds.world import row_dtype


def added(total: float, step: float, most: int, goal: float) -> tuple[int, float]:
    n = 0
    while total < goal and n < most:
        total += step
        n += 1
    return n, total


@given(
    st.floats(1e-3, 1e6),
    st.one_of(st.just(0.0), st.floats(0.0, 1.0), st.floats(2.0**44, 2.0**54)),
    st.integers(0, 20_000),
    st.floats(0.0, 20_000.0),
)
@example(1.0, 0.0, 20_000, 1e4)
@example(0.1, 0.0, 20_000, 1e4)
@example(1.5, 2.0**52 - 5, 100, 1000.0)  # ties, across a power of two
@example(2.5, 2.0**53 - 9, 100, 1000.0)
@example(0.5, 2.0**53, 100, 1000.0)  # never moves
def test_additions_are_those_of_the_loop(step, ratio, most, length):
    total = ratio * step
    goal = total + step * length
    assert add_up(total, step, most, goal) == added(total, step, most, goal)


@pytest.mark.parametrize(
    ("total", "step"),
    [
        (2.0**53 - 3.0, 5.0),  # the first sum behind the power of two is odd: its tie goes up, all others go down
        (2.0**53 - 5.0, 7.0),
        (2.0**53 + 2.0, 1.0),  # one tie goes up, all others change nothing
        (2.0**53 + 4.0, 1.0),
    ],
)
def test_ties_behind_a_power_of_two(total, step):
    for function in (add_up, getattr(add_up, "py_func", add_up)):
        assert function(total, step, 100, math.inf) == added(total, step, 100, math.inf)


def test_a_great_many_additions():
    count, total = add_up(0.0, 2.0**-20, 10**18, 2.0**20)  # exact all the way
    assert (count, total) == (2**40, 2.0**20)
    assert add_up(0.0, 0.0, 10**18, 1.0) == (10**18, 0.0)
    assert add_up(0.0, 1e-3, 10**12, math.inf)[0] == 10**12


SETTINGS = [
    {},
    {"radio.bandwidth_hz": 2e5},
    {"radio.distance_m": 3000.0},
    {"radio.slot_s": 3e-5},
    {"cloud.enabled": False, "radio.bandwidth_hz": 1e6},
    {"device.reconfigure_s": 0.05},
]


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_static_channel_without_the_loop_over_slots(changes):
    """A row that is watched goes slot by slot: everything that comes of its task is the same to the last bit."""
    quick, slow = (served(changes, log) for log in (0, 1))
    np.testing.assert_array_equal(quick, slow)
    assert (quick["slots_used"] > 0).any()
    assert (quick["slots_used"] < quick["slots_available"]).any() == ("radio.distance_m" not in changes)


def served(changes: dict, log: int) -> np.ndarray:
    """Outcomes of a static task under every decision of a coarse grid, all or nothing at constant power."""
    scenario = INFERENCE.load_scenario(
        "default", **{"tasks.count": 1, "fading.model": "static", "radio.shadowing_db": 0.0, **changes}
    )
    params = one_record(lower(scenario), PARAMS)
    p = params.view(np.recarray)[0]
    grid = np.array(
        [
            (cut, edge, clock, power)
            for cut in range(p.last_cut)
            for edge in range(cut, p.last_cut + 1)
            for clock in (p.clocks_hz[0], p.clocks_hz[p.n_clocks - 1])
            for power in p.power_levels_w[: p.n_powers : 5]
        ]
    )
    n = len(grid)
    rows, tasks = records(np.zeros(n, row_dtype(INFERENCE))), records(np.zeros((n, 1), TASK))
    slots = np.zeros((n, log, kernel.LOG_COLUMNS))
    masks = np.zeros((n, sum(len(axis.levels) for axis in INFERENCE.axes(scenario))), np.bool_)
    observations, table = np.zeros((n, p.n_fields), np.float32), records(np.zeros(0, DECISION))
    rest = (params, tasks, np.zeros((1, 1, 0)), np.zeros((1, 1, 0)), np.zeros(0), np.zeros((1, 2, 0)))
    for live in (False, True):
        rows["live"], rows["fresh"] = live, not live
        if live:
            tasks["arrival_s"], tasks["deadline_s"], tasks["complexity"] = 0.0, 20.0, 0.5
            rows["state"]["remaining_s"], rows["state"]["wait_s"] = 20.0, 0.0
            rows["decision"] = by_name(grid, AXES)
        kernel.turn_rows(0, n, rows, observations, masks, slots, table, *rest)
    return rows["outcome"].copy()


@pytest.mark.filterwarnings("ignore:.*unusual")
@pytest.mark.parametrize("changes", [{"radio.distance_m": 30_000.0}, {"radio.bandwidth_hz": 1.0}], ids=str)
def test_nominal_figures_of_a_channel_that_carries_next_to_nothing(changes):
    """Nothing arrives within the patience of 1000 s, a million slots for each decision."""
    scenario = INFERENCE.load_scenario("default", **changes)
    grid = np.array([[1.0, 6.0, 2e9, 0.2], [6.0, 6.0, 2e9, 0.002]])  # stem to the edge; all on the device
    latency_s, energy_j, accuracy = nominal(scenario)(by_name(grid, AXES)).T
    assert latency_s[0] == PATIENCE_S
    assert latency_s[1] < 1.0
    # the radio sends all the time but that of the blocks, which is less than all blocks take on the device
    assert 0.2 * (PATIENCE_S - 1.0) < energy_j[0] < 0.2 * PATIENCE_S + energy_j[1]
    assert accuracy[1] == pytest.approx(float(lower(scenario).accuracy_full))
