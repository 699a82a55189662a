"""What a world shows is written once, by name: nothing is forgotten, nothing is written where it has no place."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import gymnasium as gym
import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from splitgym import interrupt
from splitgym.envs import parallel_env
from splitgym.fields import SQUASH, UNIT
from splitgym.jit import config, one_record
from splitgym.physics.codec import fitting, nothing_yet, put, show
from splitgym.policy import rows_of
from splitgym.worlds.observation import ObservationTable, Observed, places, wrong_number
from splitgym.worlds.records import record_type
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, native, run_python, sampled, short, single

FORGOTTEN = Observed(name="forgotten", unit="1", kind=UNIT, meaning="a line in the table, none in the kernel")
FEW = Observed(name="few", unit="1", kind=SQUASH, meaning="a vector that the kernel does not fill", size=lambda c: 3)
NOT_WRITTEN = "the kernel of the {} world has not written the observation field '{}'"


def lengthen(monkeypatch: pytest.MonkeyPatch, world: str, entry: Observed, first: bool = False) -> None:
    """Add an entry to the table of a world, of which its kernel knows nothing."""
    table = WORLDS[world].observation_table
    monkeypatch.setattr(table, "entries", (entry, *table.entries) if first else (*table.entries, entry))


def smallest(world: str) -> Any:
    """The default scenario with two tasks, requests, frames or applications."""
    counts = {"tasks": "tasks", "requests": "requests", "frames": "frames", "applications": "applications"}
    scenario = WORLDS[world].load_scenario("default")
    return scenario.replace(**{f"{name}.count": 2 for name in counts if hasattr(scenario, name)})


def play(world: str, kind: str) -> None:
    """Make an environment as users do, and reset it."""
    scenario, env_id = smallest(world), WORLDS[world].env_id
    if kind == "parallel":
        parallel_env(scenario).reset(seed=0)
    elif kind in ("single", "aside"):
        env = gym.make(env_id, scenario=scenario)
        if kind == "aside":  # as where a step takes long
            rows_of(env)._brief = False
        env.reset(seed=0)
    else:
        threads = 3 if kind == "threads" else 1
        gym.make_vec(env_id, 5, "vector_entry_point", scenario=scenario, num_threads=threads).reset(seed=0)


KINDS = [(world, kind) for world in WORLDS for kind in ("single", "batch", "threads", "aside")]
KINDS += [("multiuser", "parallel")]


# ------------------------------------------------------------------ a line forgotten
@pytest.mark.parametrize(("world", "kind"), KINDS)
@pytest.mark.parametrize("first", [False, True])
def test_a_number_that_the_kernel_does_not_write_fails_at_the_first_reset(world, kind, first, monkeypatch):
    lengthen(monkeypatch, world, FORGOTTEN, first)
    monkeypatch.setattr(interrupt, "_PATIENT", 0 if kind == "aside" else interrupt._PATIENT)
    with pytest.raises(RuntimeError, match=NOT_WRITTEN.format(world, "forgotten")):
        play(world, kind)


@pytest.mark.parametrize("world", WORLDS)
def test_a_vector_that_the_kernel_does_not_write_names_the_place(world, monkeypatch):
    lengthen(monkeypatch, world, FEW)
    with pytest.raises(RuntimeError, match=NOT_WRITTEN.format(world, "few") + " at place 0 of 0..2"):
        play(world, "single")


def test_what_works_in_one_row_cannot_hide_the_row_in_which_it_does_not(monkeypatch):
    envs = native(4, "inference", smallest("inference"), num_threads=2)
    envs.reset(seed=0)
    kernel, calls = envs.world.turn_rows, []

    def spoilt(low: int, high: int, *rest: Any) -> int:
        calls.append(kernel(low, high, *rest))
        return 3 if low <= 3 < high else -1

    monkeypatch.setattr(envs.rows, "world", dataclasses.replace(envs.world, turn_rows=spoilt))
    with pytest.raises(RuntimeError, match="'gain'"):
        envs.step(envs.action_space.sample())
    assert len(calls) == 2
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(envs.action_space.sample())


def test_forgotten_numbers_fail_without_a_compiler_too():
    code = """
import gymnasium as gym
from splitgym.fields import UNIT
from splitgym.worlds.observation import Observed
from splitgym.worlds.world import WORLDS
table = WORLDS["transmission"].observation_table
table.entries += (Observed(name="forgotten", unit="1", kind=UNIT, meaning="nothing"),)
try:
    gym.make("ProgressiveTransmission-v0").reset(seed=0)
except RuntimeError as error:
    print(error)
"""
    assert NOT_WRITTEN.format("transmission", "forgotten") in run_python(code, NUMBA_DISABLE_JIT="1")


# ------------------------------------------------------------------ a line too many
TABLE = ObservationTable(
    Observed(name="one", unit="1", kind=UNIT, meaning="a number"),
    Observed(name="many", unit="1", kind=UNIT, meaning="a vector", size=lambda c: c),
    Observed(name="other", unit="1", kind=UNIT, meaning="a vector", size=lambda c: c),
    most=16,
)
PARAMS = record_type(TABLE.columns())


def lowered(size: int) -> Any:
    """The record of the small table."""
    record = np.zeros((), PARAMS)
    for name, value in TABLE.params(size).items():
        target = record[name]
        if target.shape:
            target[: len(value)] = value
        else:
            record[name] = value
    return one_record(record, PARAMS)[0]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("size", [0, 1, 2, 5])
@pytest.mark.parametrize("extra", ["before", "behind"])
@pytest.mark.parametrize("name", ["many", "other"])
def test_a_vector_is_never_written_beyond_its_size(name, extra, size):
    p, n = lowered(size), 1 + 2 * size
    values, out = nothing_yet(n), np.zeros(n, np.float32)
    values[p["at"]["one"]] = 0.25
    for k in range(size):
        put(values, p["at"]["many"], k, 0.5)
        put(values, p["at"]["other"], k, 0.75)
    kept = values[:n].copy()
    put(values, p["at"][name], -1 if extra == "before" else size, 0.0)
    np.testing.assert_array_equal(values[:n], kept)
    number = show(values, out, p)
    fields = TABLE.fields(size)
    assert f"writes beyond the observation field '{name}', which has {size}" in str(wrong_number("w", fields, number))
    np.testing.assert_array_equal(out, np.float32([0.25] + size * [0.5] + size * [0.75]))
    assert np.isnan(values).all()  # nothing of this row is left for the next one


@pytest.mark.parametrize("more", [0, 1, 3])
def test_more_numbers_than_a_vector_takes_are_told(more):
    p, size = lowered(2), 2
    values, out = nothing_yet(5), np.zeros(5, np.float32)
    for name in ("many", "other"):
        count = fitting(values, p["at"][name], size + more * (name == "many"))
        assert count == size
        values[p["at"][name]["first"] :][:count] = 0.5
    values[p["at"]["one"]] = 0.25
    number = show(values, out, p)
    assert number == -1 if more == 0 else "'many', which has 2" in str(wrong_number("w", TABLE.fields(size), number))


def test_a_name_that_the_table_has_not_cannot_be_compiled():
    if config.DISABLE_JIT:
        pytest.skip("the name is looked up when the line runs")

    @numba.njit
    def observe(values, p):
        values[p.at.another] = 1.0

    with pytest.raises((TypingError, KeyError), match="another"):
        observe(nothing_yet(3), lowered(1))


@pytest.mark.parametrize(
    ("spoilt", "place"),
    [
        (0, "'one'"),
        (1, "'many' at place 0 of 0..1"),
        (2, "'many' at place 1"),
        (3, "'other' at place 0"),
        (4, "'other'"),
    ],
)
def test_any_number_that_is_nan_is_found_at_its_place(spoilt, place):
    p = lowered(2)
    values, out = nothing_yet(5), np.zeros(5, np.float32)
    values[:5] = 0.5
    values[spoilt] = math.nan
    assert show(values, out, p) == spoilt
    assert f"observation field {place}" in str(wrong_number("w", TABLE.fields(2), spoilt))


def test_two_entries_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two observed quantities are called one"):
        ObservationTable(TABLE.entries[0], TABLE.entries[0], most=4)


# ------------------------------------------------------------------ what follows from the table
@pytest.mark.parametrize(("world", "preset"), CASES)
def test_record_places_and_fields_are_one_table(world, preset):
    scenario, table = short(world, preset), WORLDS[world].observation_table
    fields, view, params = WORLDS[world].fields(scenario), WORLDS[world].view(scenario), WORLDS[world].lower(scenario)
    assert view is WORLDS[world].view(scenario)  # one object, or Numba compares field by field
    assert tuple(f.name for f in fields) == view.names == table.at.names
    assert params.n_fields == sum(f.size for f in fields) == view.itemsize // 8
    for name, place in places(fields).items():
        offset, width = (view.fields or {})[name][1] // 8, view[name].itemsize // 8  # pyright: ignore[reportArgumentType]
        assert (place.start, place.stop) == (offset, offset + width)
        at = params["at"][name]
        assert tuple(at)[:2] == (offset, width) if view[name].shape else at == offset


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_everything_observed_is_finite_and_within_the_space(world, preset):
    envs = native(3, world, short(world, preset))
    observations, _ = envs.reset(seed=5)
    for action in [None, *sampled(envs.action_space, 30, seed=6)]:
        if action is not None:
            observations = envs.step(action)[0]
        assert np.isfinite(observations).all()
        assert envs.observation_space.contains(observations)
    alone = single(world, short(world, preset))
    assert np.isfinite(alone.reset(seed=5)[0]).all()
