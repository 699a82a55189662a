"""Records that a kernel reads: every column has a value, and every copy is one."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from typing import Any

import numpy as np
import pytest

from splitgym.worlds.records import Column, fill_record, kept_record
from splitgym.worlds.world import WORLDS


@dataclasses.dataclass(frozen=True)
class Radio:
    slot_s: float = 1e-3
    levels_w: tuple[float, ...] = (0.1, 0.2)


@dataclasses.dataclass(frozen=True)
class Setting:
    radio: Radio = dataclasses.field(default_factory=Radio)


TABLE = (
    Column("slot_s", "f8", source="radio.slot_s"),
    Column("levels_w", "f8", "powers", (3,), source="radio.levels_w"),
    Column("count", "i8", "how many"),
)


def test_copies_come_from_the_scenario() -> None:
    record = fill_record(TABLE, Setting(), count=7)
    assert (record.slot_s, record.levels_w.tolist(), record["count"]) == (1e-3, [0.1, 0.2, 0.0], 7)


def test_a_record_is_lowered_once_and_given_as_a_copy() -> None:
    lowered: list[Setting] = []

    @kept_record
    def lower(setting: Setting) -> np.record:
        lowered.append(setting)
        return fill_record(TABLE, setting, count=7)

    settings = [Setting(Radio(float(n))) for n in range(40)]
    for setting in (*settings, *settings[-2:]):
        record = lower(setting)
        assert record.slot_s == setting.radio.slot_s
        record.slot_s = -1.0
        record["levels_w"][:] = -1.0
    assert lowered == settings
    assert lower(settings[-1]).levels_w.tolist() == [0.1, 0.2, 0.0]


@pytest.mark.parametrize(
    ("columns", "derived", "words"),
    [
        ((Column("slot_s", "f8", source="radio.slots_s"),), {}, "slot_s: .*'radio.slots_s' is no value of Setting;"),
        ((Column("slot_s", "f8", source="radios.slot_s"),), {}, "slot_s: .* no value of Setting; did you mean 'radio'"),
        ((Column("slot_s", "f8", source="radio.slot_s.x"),), {}, "slot_s: its source 'radio.slot_s.x' is no value"),
        (TABLE, {}, "^count has no value"),
        (TABLE, {"count": 1, "slot_s": 2.0}, "^slot_s has a source, and lower"),
        (TABLE, {"count": 1, "other": 2.0}, "^other is no column of the record"),
    ],
)  # fmt: skip
def test_a_column_without_one_value_is_named(columns: Any, derived: dict[str, float], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        fill_record(columns, Setting(), **derived)


def test_a_table_too_long_is_named() -> None:
    with pytest.raises(ValueError, match=r"levels_w: shape \(4,\) is larger than the kernel's table \(3,\)"):
        fill_record(TABLE, Setting(Radio(levels_w=(1.0,) * 4)), count=1)


@pytest.mark.parametrize("world", WORLDS)
def test_every_source_is_where_it_says(world: str) -> None:
    """The lowered record holds what stands at the dotted path, for every column that names one."""
    scenario = WORLDS[world].load_scenario("default")
    params = WORLDS[world].lower(scenario)
    columns = importlib.import_module(f"splitgym.worlds.{world}.layout").PARAMS_TABLE
    assert tuple(column.name for column in columns) == WORLDS[world].params.names
    copies = [column for column in columns if column.source]
    assert copies
    for column in copies:
        wanted = np.asarray(functools.reduce(getattr, column.source.split("."), scenario))
        stored = np.asarray(params[column.name])
        assert (stored[tuple(slice(0, size) for size in wanted.shape)] == wanted).all(), column.name
    assert all(column.meaning or column.source for column in columns)
