"""The engine under the shells: where decoded actions go."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from splitgym.encodings import by_column, decision_type
from splitgym.envs.rows import Rows
from splitgym.worlds.world import WORLDS
from tests.helpers import ENCODED, sampled, short

N = 3


def engine(world: str, action: str = "multidiscrete") -> Rows:
    return Rows(WORLDS[world], short(world, WORLDS[world].preset_names()[0]), action, N)


def decided(rows: Rows) -> np.ndarray:
    """What the kernel reads: (n,) records, or (n, N) of several devices."""
    return rows._rows["decision"] if rows.world.devices is None else rows.nature.decided


def assert_decided(rows: Rows, values: np.ndarray) -> None:
    """Every axis by its name; ``values`` (n, width) have one column for each number, axis after axis."""
    begin = 0
    for axis in rows.axes:
        columns = values[:, begin : begin + axis.width]
        wanted = columns[:, 0] if axis.size is None else columns
        np.testing.assert_array_equal(decided(rows)[axis.name], wanted, err_msg=axis.name)
        begin += axis.width


@pytest.mark.parametrize("world", WORLDS)
def test_the_record_of_a_decision_is_the_table_of_axes(world: str) -> None:
    known, rows = WORLDS[world], engine(world)
    names = tuple(choice.name for choice in known.axis_table)
    assert known.decision.names == names == tuple(axis.name for axis in rows.axes)
    assert (decided(rows).dtype.names or ())[: len(names)] == names
    assert known.decision is decision_type(known.axis_table)
    assert [axis.unit for axis in rows.axes] == [choice.unit for choice in known.axis_table]


@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_actions_are_decoded_into_the_record_of_the_row(world: str, action: str) -> None:
    rows = engine(world, action)
    for actions in sampled(rows.encoding.batch(N), 5, seed=1):
        values = np.empty((N, rows.encoding.width))
        rows.encoding.decode(actions, values)
        rows.decode(actions)
        assert_decided(rows, values)


@pytest.mark.parametrize("world", WORLDS)
def test_copies_decode_into_their_own_rows(world: str) -> None:
    rows = engine(world)
    first, second = sampled(rows.encoding.batch(N), 2, seed=3)
    rows.decode(first)
    before = decided(rows).copy()
    for other in (copy.deepcopy(rows), pickle.loads(pickle.dumps(rows))):
        assert decided(other).tobytes() == before.tobytes()
        other.decode(second)
        values = np.empty((N, rows.encoding.width))
        rows.encoding.decode(second, values)
        assert_decided(other, values)
        assert decided(rows).tobytes() == before.tobytes()
        rows.decode(first)
        assert decided(rows).tobytes() == before.tobytes()


@pytest.mark.parametrize("world", WORLDS)
def test_values_go_where_actions_go(world: str) -> None:
    rows = engine(world)
    values = np.arange(N * rows.encoding.width, dtype=np.float64).reshape(N, -1)
    rows.decide_values(values)
    assert_decided(rows, values)


def test_numbers_of_a_record_are_its_first_fields() -> None:
    records = np.zeros((2, 3), [("key", "u8"), ("of", [("a", "f8"), ("b", "f8"), ("rest", "f8")])])
    numbers = by_column(records["of"], 2)
    numbers[1, 2] = 5.0, 7.0
    assert records["of"][1, 2].tolist() == (5.0, 7.0, 0.0)
    assert (records["key"] == 0).all()
    assert np.count_nonzero(records["of"]["a"]) == 1
