"""Pareto fronts: dominance, the choice for a deadline, and their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitgym.fronts import Front, costs_of, nondominated

HEAD: dict[str, Any] = {
    "env_id": "HardwareSplit-v0",
    "scenario": "default",
    "digest": "0f" * 32,
    "axes": ("clock_hz", "split"),
    "objectives": ("latency", "accuracy", "energy"),
    "search": "random",
    "seed": 3,
    "budget": 40,
    "evaluated": 40,
}
#: Few distinct values, so that ties are the rule.
SMALL = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.7, 1.0])
ENTRIES = st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=12)


def front_of(rows: list[tuple[float, float, float]], **changes: Any) -> Front:
    """A front of (latency, energy, accuracy); the first axis numbers the rows as given."""
    latency_s, energy_j, accuracy = np.array(rows, np.float64).reshape(-1, 3).T
    decisions = np.stack([np.arange(len(rows)), np.zeros(len(rows))], axis=1)
    columns = {"decisions": decisions, "latency_s": latency_s, "energy_j": energy_j, "accuracy": accuracy}
    return Front(**{**HEAD, **columns, **changes})


def walk(front: Front, limit_s: float) -> int:
    """The published walk: the first entry in time, else the fastest, replaced only by a strictly faster one."""
    fastest = 0
    for entry in range(len(front)):
        if front.latency_s[entry] <= limit_s:
            return entry
        if front.latency_s[entry] < front.latency_s[fastest]:
            fastest = entry
    return fastest


# ------------------------------------------------------------------ dominance
@given(st.lists(st.tuples(SMALL, SMALL, SMALL), max_size=30), st.integers(1, 3))
def test_nondominated_is_the_definition(rows, k) -> None:
    costs = np.array(rows, np.float64).reshape(-1, 3)[:, :k]
    expected = [not any((o <= c).all() and (o < c).any() for o in costs) for c in costs]
    assert nondominated(costs).tolist() == expected


def test_nondominated_of_a_large_front() -> None:
    costs = np.random.default_rng(0).random((4000, 3))
    costs[:, 2] = -costs[:, :2].sum(axis=1)
    assert nondominated(costs).all()


@pytest.mark.parametrize("costs", [np.zeros(3), np.zeros((3, 0)), np.array([[np.nan]])])
def test_nondominated_refuses(costs) -> None:
    with pytest.raises(ValueError, match=r"shape \(n, k\)"):
        nondominated(costs)


def test_costs_are_minimised() -> None:
    values = np.array([[1.0, 2.0, 0.5]])
    assert costs_of(values, ("energy", "latency", "accuracy")).tolist() == [[1.0, -0.5, 2.0]]
    assert costs_of(values, ("energy", "latency")).tolist() == [[1.0, 2.0]]


# ------------------------------------------------------------------ order and choice
@given(ENTRIES, st.booleans())
def test_order_is_energy_then_accuracy_then_as_given(rows, with_accuracy) -> None:
    front = front_of(rows, objectives=HEAD["objectives"] if with_accuracy else ("latency", "energy"))
    keys = [(e, -a if with_accuracy else 0.0, i) for i, (_, e, a) in enumerate(rows)]
    assert front.decisions[:, 0].tolist() == [float(key[-1]) for key in sorted(keys)]


@given(ENTRIES, st.lists(st.one_of(SMALL, st.floats(allow_nan=True)), max_size=8))
def test_choice_is_the_published_walk(rows, more) -> None:
    front = front_of(rows)
    limits_s = np.array([*front.latency_s, *more, 0.0, -1.0, np.inf, -np.inf, np.nan])
    expected = [walk(front, limit_s) for limit_s in limits_s]
    assert [front.choose(float(limit_s)) for limit_s in limits_s] == expected
    chosen = front.choose_rows(limits_s)
    assert chosen.dtype == np.int64
    assert chosen.tolist() == expected
    assert front.fastest() == walk(front, -1.0)
    assert front.frugal() == walk(front, np.inf) == 0


@given(ENTRIES, st.lists(SMALL, min_size=2, max_size=8))
def test_more_time_never_costs_energy_and_no_limit_is_missed_needlessly(rows, limits_s) -> None:
    front = front_of(rows)
    feasible = np.sort([limit_s for limit_s in limits_s if limit_s >= front.latency_s.min()])
    chosen = front.choose_rows(feasible)
    assert (front.latency_s[chosen] <= feasible).all()
    assert (np.diff(front.energy_j[chosen]) <= 0.0).all()


def test_limits_are_inclusive_and_the_first_fastest_wins() -> None:
    front = front_of([(0.3, 1.0, 0.6), (0.1, 2.0, 0.6), (0.1, 3.0, 0.9)])
    assert [front.choose(q) for q in (0.3, np.nextafter(0.3, 0.0), 0.1, np.nextafter(0.1, 0.0))] == [0, 1, 1, 1]


# ------------------------------------------------------------------ construction
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency_s": [-0.1]}, r"latency_s of entry 1 must be finite and >= 0, got -0.1"),
        ({"energy_j": [np.inf]}, "energy_j of entry 1 must be finite"),
        ({"accuracy": [1.2]}, "accuracy of entry 1 must be finite"),
        ({"accuracy": [np.nan]}, "accuracy of entry 1 must be finite"),
        ({"decisions": [[1.0]]}, r"decisions must have shape \(1, 2\)"),
        ({"decisions": [[1.0, np.nan]]}, "decisions of entry 1 must be finite"),
        ({"energy_j": [1.0, 2.0]}, r"energy_j must have shape \(1,\)"),
        ({"latency_s": []}, "at least one entry"),
        ({"axes": ("a", "a")}, "distinct"),
        ({"axes": ("a", "energy_j")}, "none of"),
        ({"objectives": ("latency", "speed")}, "objectives must be"),
        ({"objectives": ()}, "objectives must be"),
        ({"evaluated": 41}, "evaluated <= budget"),
    ],
)
def test_construction_refuses(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        front_of([(0.1, 1.0, 0.6)], **changes)


def test_arrays_are_copies_that_stay_as_they_are() -> None:
    latency_s = np.array([0.1])
    front = front_of([(0.1, 1.0, 0.6)], latency_s=latency_s)
    latency_s[0] = 9.0
    assert front.latency_s[0] == 0.1
    for array in (front.decisions, front.latency_s, front.energy_j, front.accuracy):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


# ------------------------------------------------------------------ files
FLOATS = st.floats(0.0, 1e300)


@pytest.mark.filterwarnings("ignore:.* is unusual:UserWarning")
@given(st.lists(st.tuples(FLOATS, FLOATS, st.one_of(st.floats(0.0, 1.0), st.just(np.nan))), min_size=1, max_size=6))
def test_round_trip_is_exact(tmp_path_factory, rows) -> None:
    front = front_of(rows, objectives=("energy", "latency"))
    again = Front.load(front.save(tmp_path_factory.mktemp("front") / "new" / "front.json"))
    for name in (*HEAD, "decisions", "latency_s", "energy_j", "accuracy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(front, name))
    assert [again.choose(q) for q in front.latency_s] == [front.choose(q) for q in front.latency_s]


@pytest.fixture
def saved(tmp_path) -> Path:
    return front_of([(0.1, 2.0, 0.6), (0.3, 1.0, 0.7)]).save(tmp_path / "front.json")


def test_a_file_is_for_people(saved) -> None:
    lines = saved.read_text().splitlines()
    assert lines[1] == ' "format": "splitgym-front-1",'
    assert '  {"clock_hz": 0.0, "split": 0.0, "latency_s": 0.1, "energy_j": 2.0, "accuracy": 0.6}' in lines
    assert [p.name for p in saved.parent.iterdir()] == ["front.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("digest"), "missing key 'digest' in the file"),
        (lambda t: t.update(buget=1), "unknown key 'buget' in the file; did you mean 'budget'"),
        (lambda t: t.update(format="front-9"), "lacks the mark"),
        (lambda t: t.update(seed="1"), "seed must be a whole number, got '1'"),
        (lambda t: t.update(seed=True), "seed must be a whole number"),
        (lambda t: t.update(axes=[1, "split"]), "axes must be a list of texts"),
        (lambda t: t.update(axes=["clock_hz"]), "unknown key 'split' in entry 1"),
        (lambda t: t.update(entries=[]), "at least one entry"),
        (lambda t: t.update(entries=[3]), "entry 1 must be a table"),
        (lambda t: t["entries"][1].pop("split"), "missing key 'split' in entry 2"),
        (lambda t: t["entries"][1].update(split=None), "split of entry 2 must be a number, got None"),
        (lambda t: t["entries"][1].update(split="9"), "split of entry 2 must be a number"),
        (lambda t: t["entries"][0].update(energy_j=10**400), "too large"),
        (
            lambda t: t["entries"][1].update(accuracy=60),
            "accuracy of entry 2 must be finite and in 0 to 1 .60 % are 0.6",
        ),
        (lambda t: t["entries"][0].update(energy_j=-1), "energy_j of entry 1 must be finite and >= 0, got -1"),
        (lambda t: t["entries"][0].update(accuracy=None), "accuracy of entry 1 must be finite"),
    ],
)
def test_foreign_files_are_refused_by_name(saved, change, message) -> None:
    table = json.loads(saved.read_text())
    change(table)
    saved.write_text(json.dumps(table))
    with pytest.raises(ValueError, match=message) as refusal:
        Front.load(saved)
    assert str(saved) in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b"3", b'{"format": NaN}', b"[" * 100_000, b"SQLite format 3\x00", b'{"a": 1e999}'],
)
def test_damaged_files_are_refused_by_name(saved, content) -> None:
    saved.write_bytes(content)
    with pytest.raises(ValueError, match=r"front\.json(, line 1| is not| must hold)"):
        Front.load(saved)


def test_latencies_in_milliseconds_are_warned_about(saved) -> None:
    table = json.loads(saved.read_text())
    for entry in table["entries"]:
        entry["latency_s"] *= 1e3
    saved.write_text(json.dumps(table))
    with pytest.warns(UserWarning, match="longest latency_s: .* s is unusual; .*in seconds: 300 ms are 0.3"):
        Front.load(saved)


def test_half_a_file_and_no_file_are_refused_by_name(saved) -> None:
    saved.write_bytes(saved.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"front\.json is not valid JSON"):
        Front.load(saved)
    with pytest.raises(ValueError, match=r"no such front file: .*nowhere\.json"):
        Front.load(saved.with_name("nowhere.json"))
    with pytest.raises(ValueError, match="is a folder"):
        Front.load(saved.parent)
