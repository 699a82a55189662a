"""A small part of ``make fuzz``, with a fixed seed, and what its command promises."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections import Counter

import pytest

from tests.fuzz import campaign as fuzz
from tests.fuzz.actions import PER_CASE, run_actions
from tests.fuzz.kills import run_kills
from tests.helpers import ROOT


def test_actions() -> None:
    counts = run_actions(12 * PER_CASE, seed=2)
    assert counts["played"] + counts["refused"] == 12 * PER_CASE
    assert counts["refused"] > 100
    assert min(counts[shell] for shell in ("single", "vector")) > 0


def test_kills() -> None:
    """Only the search: the store's kills have a test of their own (``tests/evaluation/test_store.py``)."""
    counts = run_kills(1, seed=1, jobs=("optimize",))
    assert counts["kills"] == counts["optimize"] == 1


def test_the_same_case_is_the_same_campaign() -> None:
    assert run_actions(1, seed=5, start=3) == run_actions(1, seed=5, start=3)


# ------------------------------------------------------------------ the command
def steady(count: int, seed: int, progress=None) -> Counter[str]:
    """A campaign without a fault."""
    progress(count)
    return Counter({"things": count})


@dataclasses.dataclass
class Kind:
    """What a campaign counts of one kind."""

    read: int
    faults: list[str]


def listed(count: int, seed: int, progress=None) -> dict[str, Kind]:
    """A campaign that lists its faults."""
    progress("one", 0.5)
    return {"one": Kind(count, []), "two": Kind(count, [f"case 3 of seed {seed}: wrong"] if seed > 7 else [])}


def faulty(count: int, seed: int, progress=None) -> Counter[str]:
    """A campaign whose second share has a fault."""
    if seed > 7:
        raise AssertionError(f"case 3 of seed {seed}: wrong")
    return Counter({"things": count})


@pytest.mark.parametrize(("name", "status"), [("steady", 0), ("faulty", 1), ("listed", 1)])
def test_the_command(name, status, monkeypatch, capsys) -> None:
    """One share at a time in this process: counts in a table, exit status 1 and the way back to a fault."""
    monkeypatch.setitem(fuzz.PARTS, "actions", fuzz.Part(40, "things", f"tests.house.test_fuzz:{name}", 10))
    shares = list(fuzz.shares_of("actions", 40, 7))
    assert [share.count for share in shares] == [10] * 4
    assert len({share.seed for share in shares}) == 4
    first = shares[0].seed if status == 0 else shares[1].seed
    assert fuzz.main(["--only", "actions", "--seed", str(first), "--count", "10"]) == status
    told = capsys.readouterr().out
    if status == 0:
        assert "things 10" in told
        assert "FAULT" not in told
    else:
        assert "FAULT in actions: " in told
        assert f"case 3 of seed {first}: wrong" in told
        assert f'make fuzz ARGS="--only actions --seed {first} --count 10"' in told


def test_the_command_spreads_over_processes() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--only", "actions", "--scale", "0.0005", "--workers", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "played" in done.stdout
    assert "actions 500 of 500" in done.stderr


def test_parts_that_are_not_there_are_named(monkeypatch, capsys) -> None:
    monkeypatch.setitem(fuzz.PARTS, "files", fuzz.Part(40, "things", "tests.no_such_module:run", 10))
    assert fuzz.main(["--only", "files", "--scale", "0.1"]) == 0
    assert "files: left out, there is no tests.no_such_module" in capsys.readouterr().err


def test_unknown_parts_are_refused(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        fuzz.main(["--only", "action"])
    assert caught.value.code == 2
    assert "actions" in capsys.readouterr().err
