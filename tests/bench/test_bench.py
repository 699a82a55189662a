"""``splitgym bench`` runs with tiny budgets and prints what it documents; no rate is asserted."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym.bench import GROUPS, add_bench_arguments, others, run_bench, scaling
from splitgym.bench.measuring import Budget, Row, Target, alternate, compare
from splitgym.bench.scaling import exponent
from splitgym.policy import policy_names

KEYS = {"group", "name", "value", "unit", "peer", "peer_value", "ratio", "target", "met", "note"}
TINY = ("--seconds", "0.001", "--repeats", "1")


def bench(*arguments: str) -> int:
    """Exit status of the command."""
    parser = argparse.ArgumentParser()
    add_bench_arguments(parser)
    return run_bench(parser.parse_args([*TINY, *arguments]))


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What the command prints as JSON."""
    assert bench("--json", *arguments) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """The JSON of one whole run."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert bench("--json") == 0
    return json.loads(out.getvalue())


def test_the_whole_report(told: dict[str, Any]) -> None:
    assert set(told) == {"machine", "rows", "skipped"}
    assert set(told["machine"]) == {"processor", "cores", "load", "python", "versions"}
    assert told["skipped"] == {} or "no C compiler is found" in told["skipped"].pop("limit")
    assert {row["target"] for row in told["rows"]} - {None} == {
        ">= 0.6 x",
        ">= 0.92 x",
        ">= 1 x",
        ">= 2 x",
        ">= 6 x",
        ">= 300 x",
        "<= 5 us",
        "<= 100 us",
        "<= 120 us",
        "<= 10 us",
        "<= 5 ms",
        "<= 0.3 s",
        "<= 6 s",
        "<= 3 s",
    }
    measured = {row["name"].partition(",")[0] for row in told["rows"] if row["group"] == "policies"}
    assert measured == set(policy_names("SplitInference-v0"))


def test_exponents() -> None:
    """Twice the work at twice the cost is 1, at four times the cost 2; a constant is 0."""
    sizes = [10, 20, 40]
    assert exponent(sizes, [3.0, 6.0, 12.0]) == pytest.approx(1.0)
    assert exponent(sizes, [3.0, 12.0, 48.0]) == pytest.approx(2.0)
    assert exponent(sizes, [5.0, 5.0, 5.0]) == pytest.approx(0.0, abs=1e-12)


def test_series_grow_and_end_where_they_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each size that was reached, the peak of its memory, and a row of exponents."""
    monkeypatch.setattr(scaling, "_LONGEST", 0.0)
    jobs: list[int] = []

    def job(size: int) -> Any:
        jobs.append(size)
        return lambda: np.zeros(1000 * size)

    monkeypatch.setattr(scaling, "SERIES", (scaling.Series("zeros", "things", (1, 10, 100, 1000), job),))
    rows = scaling.scaling_rows(Budget(seconds=1e-3, repeats=1, threads=1, show=lambda share: None))
    assert [row.name for row in rows] == ["zeros, 1 thing", "zeros, 10 things", "zeros: exponent of time"]
    assert jobs == [1, 1, 1, 10]  # the first one warms up
    peaks = [float(row.note.split()[-2]) for row in rows[:2]]
    assert peaks == pytest.approx([0.008, 0.08], rel=0.1)  # MB
    assert rows[-1].note.endswith("of memory 1.00") or "of memory 0.9" in rows[-1].note


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_rows_of_every_group(group: str, told: dict[str, Any]) -> None:
    rows = [row for row in told["rows"] if row["group"] == group]
    assert rows
    assert all(row["note"] for row in rows)  # it says what is compared
    for row in rows:
        assert set(row) == KEYS
        numbers = [row[key] for key in ("value", "peer_value", "ratio") if row[key] is not None]
        assert all(math.isfinite(number) and number > 0.0 for number in numbers)
        missing = row["peer"] is not None and row["ratio"] is None
        assert missing == ("is not installed" in row["note"])
        assert (row["met"] is None) == (row["target"] is None or missing)


@pytest.mark.parametrize(("module", "peer"), [("envpool", "EnvPool CartPole-v1"), ("mobile_env", "mobile-env")])
def test_a_missing_peer_is_named_with_its_remedy(
    module: str, peer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    rows = [row for row in report(capsys, "--only", "batch")["rows"] if row["peer"] == peer]
    assert rows
    for row in rows:
        assert row["peer_value"] is row["ratio"] is row["met"] is None
        assert row["note"] == f"{peer} is not installed: pip install 'splitgym[bench]'"


@pytest.mark.skipif(importlib.util.find_spec("envpool") is None, reason="EnvPool, of the extra [bench], is missing")
def test_batch_is_compared_with_envpool(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for row in report(capsys, "--only", "batch")["rows"] if row["peer"] == "EnvPool CartPole-v1"]
    assert [row["name"] for row in rows] == ["batch of 1024, 1 thread", "batch of 1024, 2 threads"]
    assert all(row["ratio"] is not None for row in rows)
    assert [row["met"] is None for row in rows] == [True, False]  # the target is for all threads


@pytest.mark.parametrize(("library", "peer"), [("gymnax", "gymnax CartPole-v1"), ("pufferlib", "PufferLib CartPole")])
def test_a_peer_in_another_python(library: str, peer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it does not run, the row says how to install it; where it does, it is timed there in turn with us."""
    lacking = [
        row for row in report(capsys, "--only", "batch", "--peers", sys.executable)["rows"] if row["peer"] == peer
    ]
    python = tmp_path / "python"
    python.write_text(f"""#!{sys.executable}
import sys
if sys.argv[2] != "{library}":
    sys.exit(1)
print("ready", flush=True)
for _ in sys.stdin:
    print(64 * int(sys.argv[3]), flush=True)
""")
    python.chmod(0o755)
    rows = [row for row in report(capsys, "--only", "batch", "--peers", str(python))["rows"] if row["peer"] == peer]
    assert len(rows) == len(lacking) == 1
    assert rows[0]["ratio"] > 0.0
    if importlib.util.find_spec(library) is None:
        assert f"{peer} is not installed: pip install {library}" in lacking[0]["note"]
        assert lacking[0]["note"].endswith(", here or in the Python of --peers")


def test_the_script_for_other_libraries_imports_nothing_of_ours() -> None:
    text = Path(others.__file__).read_text(encoding="utf-8")
    assert re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE) == [
        *("__future__", "sys", "collections", "importlib", "typing")
    ]


def test_a_group_without_its_extra_is_skipped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    told = report(capsys, "--only", "training", "--only", "single")
    assert {row["group"] for row in told["rows"]} == {"single"}
    assert "pip install 'splitgym[agents]'" in told["skipped"]["training"]


def test_the_table_tells_machine_rates_and_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--only", "single") == 0
    text = capsys.readouterr().out
    for part in ("cores, load average", "gymnasium", "gym.make, random actions", "CartPole-v1", ">= 1 x"):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seconds", "0"), "--seconds must be a finite number >= 0.0001 and <= 3600 s, got 0.0"),
        (("--seconds", "nan"), "--seconds must be a finite number >= 0.0001 and <= 3600 s, got nan"),
        (("--repeats", "0"), "--repeats must be an integer >= 1 and <= 10000, got 0"),
        (("--peers", "nosuchpython"), "--peers needs the Python of an environment, such as .venv/bin/python, got"),
        (("--threads", "0"), "--threads must be an integer >= 1 and <= 1024, got 0"),
    ],
)
def test_impossible_budgets_are_refused(arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bench(*arguments)


# ------------------------------------------------------------------ the measure itself
def test_contenders_take_turns() -> None:
    order, shares = [], []

    def chunk(name: str) -> float:
        order.append(name)
        return 1.0

    budget = Budget(seconds=1e-12, repeats=3, threads=1, show=shares.append)
    rates = alternate({"a": lambda: chunk("a"), "b": lambda: chunk("b")}, budget)
    assert order == ["a", "b"] * 4  # one round is not measured
    assert {name: values.shape for name, values in rates.items()} == {"a": (3,), "b": (3,)}
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_ratio_is_the_median_of_pairs() -> None:
    ours, theirs = np.array([10.0, 40.0, 30.0]), np.array([10.0, 10.0, 100.0])
    row = compare("g", "n", ours, "step/s", "peer", theirs, target=Target(1.0))
    assert (row.value, row.peer_value, row.ratio, row.met) == (30.0, 10.0, 1.0, True)
    assert compare("g", "n", ours, "step/s", "peer", None, target=Target(1.0)).met is None


@pytest.mark.parametrize(
    ("target", "wanted", "met"),
    [
        (None, "", None),
        (Target(5.0), ">= 5 x", False),
        (Target(4.0), ">= 4 x", True),
        (Target(20.0, of="value", at_most=True), "<= 20 us", True),
        (Target(19.9, of="value", at_most=True), "<= 19.9 us", False),
        (Target(20_000.0, of="value"), ">= 20,000 us", False),
    ],
)
def test_targets(target: Target | None, wanted: str, met: bool | None) -> None:
    row = Row(group="g", name="n", value=20.0, unit="us", peer="p", peer_value=5.0, ratio=4.0, target=target)
    assert (row.wanted(), row.met) == (wanted, met)
