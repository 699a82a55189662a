"""What nature draws: every column of its table is filled, in environments and in traces, or is named."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from splitgym.traces.base import SLOTS
from splitgym.worlds.records import blank, columns_of, filled, grown, record_type
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, native, short


def tables(nature: Any) -> dict[str, np.ndarray]:
    """The arrays of records among those of nature."""
    return {name: array for name, array in nature._asdict().items() if array.dtype.names}


def is_blank(table: np.ndarray) -> bool:
    """Whether every float of a table is NaN, and there is one."""
    floats = [table[name] for name in table.dtype.names or () if table.dtype[name].kind == "f"]
    return bool(floats) and table.size > 0 and all(np.isnan(column).all() for column in floats)


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_nature_fills_every_column(world: str, preset: str) -> None:
    scenario = short(world, preset)
    drawn = [name for name, table in tables(WORLDS[world].nature(2, scenario)).items() if is_blank(table)]
    assert len(drawn) == 1, "what nature draws begins blank"
    envs = native(2, world, scenario)
    envs.reset(seed=0)
    for name in drawn:
        filled(tables(envs.rows.nature)[name])


COLUMNS = [
    (world, column)
    for world in WORLDS
    for column in WORLDS[world].nature(1, short(world, "default"))[2 * (world == "multiuser")].dtype.names
]


@pytest.mark.parametrize(("world", "column"), COLUMNS)
def test_a_column_that_nature_forgets_is_named(monkeypatch, world: str, column: str) -> None:
    module = importlib.import_module(f"splitgym.worlds.{world}.trace")
    (fill,) = {name for name in vars(module) if name.startswith("fill_")} - {"fill_slots"}

    def forgetful(draw: Callable[..., None]) -> Callable[..., None]:
        def forget(*args: Any) -> None:
            draw(*args)
            args[1][column] = blank(1, args[1].dtype)[column][0]

        return forget

    monkeypatch.setattr(module, fill, forgetful(getattr(module, fill)))
    with pytest.raises(RuntimeError, match=f"nature leaves '{column}' unfilled"):
        WORLDS[world].draw_trace(short(world, "default"), np.uint64(1))


@pytest.mark.parametrize("slots", ["fading", "noise"])
def test_slots_that_nature_forgets_are_named(monkeypatch, slots: str) -> None:
    module = importlib.import_module("splitgym.worlds.inference.trace")
    draw = module.draw_slots

    def forget(key: Any, fading: np.ndarray, noise: np.ndarray, params: Any) -> None:
        kept = {"fading": fading, "noise": noise}[slots].copy()
        draw(key, fading, noise, params)
        {"fading": fading, "noise": noise}[slots][:] = kept

    monkeypatch.setattr(module, "draw_slots", forget)
    with pytest.raises(ValueError, match=rf"trace\.{slots}\[0, 0\] must be a finite number .* got nan"):
        WORLDS["inference"].draw_trace(short("inference", "default"), np.uint64(1))


@pytest.mark.parametrize("world", WORLDS)
def test_a_trace_is_written_once(world: str) -> None:
    """Arrays, attributes and documentation are the fields of one class."""
    trace = WORLDS[world].trace_type
    assert tuple(field.name for field in dataclasses.fields(trace)) == tuple(trace.ARRAYS)
    assert set(trace.ARRAYS) <= set(typing.get_type_hints(trace))
    drawn = trace.draw("default" if world == "placement" else short(world, "default"), 1)
    for name, array in trace.ARRAYS.items():
        assert getattr(drawn, name).ndim == len(array.axes)
        assert f"{name}: (" in (inspect.getdoc(trace) or "")
        assert array.meaning in (inspect.getdoc(trace) or "")


@pytest.mark.parametrize("world", WORLDS)
def test_the_rest_follows_the_sizes_of_what_is_given(world: str) -> None:
    """One array cut down: every other one has its size, and the array is what was given."""
    trace = WORLDS[world].trace_type
    scenario = short(world, "default")
    whole = trace.draw(scenario, 3)
    for name, array in trace.ARRAYS.items():
        less = tuple(2 if isinstance(axis, str) and axis != SLOTS else None for axis in array.axes)
        given = getattr(whole, name)[tuple(map(slice, less))]
        made = trace.from_arrays(scenario, 3, **{name: given})
        assert (getattr(made, name) == given).all()
        sizes = dict(zip(array.axes, given.shape, strict=True))
        for other, shape in trace.ARRAYS.items():
            wanted = [sizes[axis] for axis in shape.axes if axis in sizes]
            assert [
                n for axis, n in zip(shape.axes, getattr(made, other).shape, strict=True) if axis in sizes
            ] == wanted


def test_grown_keeps_what_there_is() -> None:
    small = np.arange(6.0).reshape(2, 3)
    assert grown(small, (2, 3)) is small
    assert grown(small, (1, 2)) is small
    large = grown(small, (1, 4))
    assert large.shape == (2, 4)
    assert (large[:, :3] == small).all()
    assert np.isnan(large[:, 3]).all()


def test_blank_is_blank() -> None:
    dtype = record_type(columns_of(WORLDS["placement"].trace_type.ARRAYS))
    table = blank((2, 3), dtype)
    assert table.shape == (2, 3)
    assert table.dtype is dtype
    with pytest.raises(RuntimeError, match="nature leaves 'arrival_s' unfilled"):
        filled(table)
