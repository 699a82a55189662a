"""``splitgym bench --only limit``: the same model in C has our outcomes in every preset, and wrong C is not timed."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym.bench import c_code, limit
from splitgym.bench.c_code import build, compiler, header
from splitgym.bench.limit import FAST, SOURCE, Reference, Turns, compiled, difference, limit_rows
from splitgym.bench.measuring import Budget, NotMeasured
from splitgym.worlds.world import get_world
from tests.helpers import run_python

BUDGET = Budget(seconds=1e-3, repeats=1, threads=2, show=lambda share: None)
PLAIN = ("-O0",)


@pytest.fixture(scope="module")
def no_c() -> str:
    """Why no C is compiled here; '': it is."""
    try:
        compiler()
    except NotMeasured as error:
        return str(error)
    return ""


@pytest.fixture(autouse=True)
def _skipped_without_a_compiler(request: pytest.FixtureRequest, no_c: str) -> None:
    if no_c and "without_a_compiler" not in request.node.name:
        pytest.skip(no_c)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


@pytest.fixture(scope="module")
def code(folder: Path, no_c: str) -> Any:
    return None if no_c else compiled(folder / "plain", PLAIN)


@pytest.fixture(scope="module")
def turns() -> Turns:
    return Turns("default", n=256, count=8)


LOADED = """
import pathlib, sys
from splitgym.bench.limit import FAST, compiled
least = 5e-324
compiled(pathlib.Path(sys.argv[1]) / "fast", FAST)
print(least * 1.0 == least, 1e-308 / 4.0 > 0.0)
"""


def test_a_library_leaves_the_numbers_of_the_process_alone(tmp_path: Path) -> None:
    """What fast mathematics switches on when it is linked in: subnormal numbers would be zero from then on."""
    assert run_python(LOADED, str(tmp_path)) == "True True\n"


@pytest.mark.parametrize("preset", get_world("inference").preset_names())
def test_c_has_our_outcomes(preset: str, code: Any) -> None:
    """Bits, energies, rewards and slots of a batch that is larger than the lanes, turn after turn."""
    turns = Turns(preset, n=256, count=8)
    assert sum(turns.slots()) > 500  # something was sent
    assert difference(turns, Reference(turns, code).step) == ""


def test_c_ends_episodes_with_us(code: Any) -> None:
    """Rows that have come to their end stay as they are."""
    turns = Turns("digits", n=4, count=220)
    assert turns.after[-1]["state"]["finished"].all()
    assert difference(turns, Reference(turns, code).step) == ""


def test_a_part_of_the_rows(turns: Turns, code: Any) -> None:
    """Two threads share the rows: those of the others are left alone."""
    reference, rows = Reference(turns, code), turns.before[0].copy()
    reference.step(10, 90, rows)
    assert (rows["outcome"]["slots_used"][10:90] == turns.after[0]["outcome"]["slots_used"][10:90]).all()
    assert (rows[:10] == turns.before[0][:10]).all()
    assert (rows[90:] == turns.before[0][90:]).all()


MUTATIONS = {
    "another hash": ("word >> 27", "word >> 28"),
    "angle": ("- SINE[turn] * across", "+ SINE[turn] * across"),
    "rare radius": ("cell < 16 ?", "cell < 0 ?"),
    "the next anchor": ("ANCHOR_STREAM + t->slot[i] / BLOCK + 1", "ANCHOR_STREAM + t->slot[i] / BLOCK"),
    "bridge": ("+ b * t->end_re[i]", "+ a * t->end_re[i]"),
    "power queue": ("t->queue_w[i] + power_w - t->power_w[i]", "t->queue_w[i] + power_w"),
    "water level": ("pbar * (pbar + noise_w / x->gain)", "pbar * pbar"),
    "no early stop": ("log(ratio / job->theta) + error >=", "log(ratio / job->theta) - error >="),
    "feedback": (" + p->feedback_slots", ""),
    "slots": ("(int64_t)floor(end_s / slot_s) - *first", "(int64_t)ceil(end_s / slot_s) - *first"),
    "exits": ("p->exit_cut[e] <= o->cut &&", "p->exit_cut[e] < o->cut &&"),
    "missed tasks": ("if (s->wait_s <= 0.0 || (", "if (s->wait_s >= 0.0 || ("),
    "price": ("0.0 - p->debt_price *", "0.0 + p->debt_price *"),
    "refill": ("begun < count) load(t, i, &jobs[begun++], p)", "begun < count) load(t, i, &jobs[++begun % count], p)"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_wrong_c_is_found(name: str, turns: Turns, folder: Path) -> None:
    before, after = MUTATIONS[name]
    text = SOURCE.read_text(encoding="utf-8")
    assert text.count(before) == 1
    place = folder / name.replace(" ", "-")
    source = folder / f"{place.name}.c"
    source.write_text(text.replace(before, after), encoding="utf-8")
    preset = "bursty" if name == "missed tasks" else "default"
    met = Turns(preset, n=256, count=8) if preset != "default" else turns
    assert " here, " in difference(met, Reference(met, compiled(place, PLAIN, source)).step)


def test_wrong_c_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "limit.c"
    source.write_text(SOURCE.read_text(encoding="utf-8").replace("* p->slot_s;", "* 1.001 * p->slot_s;"), "utf-8")
    monkeypatch.setattr(compiled, "__defaults__", (PLAIN, source))
    with pytest.raises(NotMeasured, match=r"not timed, since its outcomes are not ours to 1e-09: bits of row \d+"):
        limit_rows(BUDGET)


def test_rows_say_what_they_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "instructions", lambda folder: [])
    rows = limit_rows(BUDGET)
    beside = [row for row in rows if row.peer]
    assert {row.name for row in beside} == {"kernel of the batch, 1 thread", "kernel of the batch, 2 threads"}
    assert {row.peer for row in beside} >= {"C (limit.c), -O3"}
    assert all("equal to 1e-09" in row.note and row.wanted() == ">= 0.6 x" for row in beside)
    assert all(row.note == "instructions are not counted without valgrind" for row in rows if not row.peer)


def test_only_results_that_stay_equal_are_timed_with_fast_math(turns: Turns, folder: Path) -> None:
    """What the note of a row says where they do not."""
    fast = compiled(folder / "fast", FAST)
    assert difference(turns, Reference(turns, fast).step) == ""
    names = iter(("", "reward of row 0 in turn 0: 1.0 here, 2.0 in C"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limit, "difference", lambda *_: next(names))
        patch.setattr(limit, "instructions", lambda folder: [])
        rows = [row for row in limit_rows(BUDGET) if row.peer]
    assert {row.peer for row in rows} == {"C (limit.c), -O3"}
    assert all("-ffast-math is not timed: reward of row 0" in row.note for row in rows)


def test_nan_is_a_difference(turns: Turns) -> None:
    def step(low: int, high: int, rows: np.ndarray) -> None:
        rows["outcome"] = turns.after[0]["outcome"]
        rows["outcome"]["reward"][3] = np.nan

    assert difference(turns, step).startswith("reward of row 3 in turn 0: ")


def test_fading_that_the_c_does_not_know_is_refused() -> None:
    from splitgym.worlds.inference import load_scenario

    still = load_scenario("default", **{"fading.model": "static", "fading.parameters": {}})
    with pytest.raises(NotMeasured, match="moving Gaussian fading only"):
        Turns(still)  # pyright: ignore[reportArgumentType]


def test_counted_instructions(folder: Path, code: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part takes a few; all of a slot takes more than its parts."""
    counts = limit.instructions(folder / "plain")
    if not counts:
        pytest.skip("valgrind is not installed, or cannot run what this processor's own instructions make")
    assert all(1.0 < count < 1000.0 for count in counts)
    assert counts[-1] > sum(counts[:-1]) * 0.8
    monkeypatch.setenv("PATH", "")
    assert limit.instructions(folder / "plain") == []


# ------------------------------------------------------------------ compiling
def test_records_are_c_structs_of_the_same_layout(tmp_path: Path) -> None:
    inner = np.dtype([("a", "?"), ("b", "f8", (2, 3))], align=True)
    dtype = np.dtype(
        [("flag", "?"), ("inner", inner), ("word", "u8"), ("small", "f4"), ("many", "i8", (4,))], align=True
    )
    (tmp_path / "records.h").write_text(header({"thing": dtype}))
    source = tmp_path / "x.c"
    source.write_text('#include "records.h"\nint main(void) { return 0; }\n')
    subprocess.run([str(build(source, tmp_path / "x", []))], check=True)
    packed = np.dtype([("flag", "?"), ("word", "u8")])
    (tmp_path / "records.h").write_text(header({"thing": packed}))
    with pytest.raises(NotMeasured, match=r"does not compile x\.c: .*size of thing"):
        build(source, tmp_path / "x", [])


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(NotMeasured, match=r"no C compiler is found \(tried cc, gcc, clang\): install one"):
        c_code.compiler()
    monkeypatch.setenv("CC", "nosuchcc -m64")
    with pytest.raises(NotMeasured, match=r"\(tried CC=nosuchcc -m64\)"):
        limit_rows(dataclasses.replace(BUDGET, threads=1))
