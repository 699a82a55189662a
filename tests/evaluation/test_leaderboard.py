"""The script behind ``make leaderboard``: everybody is there, as an evaluation finds it, and a break is no loss."""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import splitgym
from splitgym.agents.zoo import zoo_document, zoo_names
from splitgym.evaluation import plans, upper_bounds
from splitgym.evaluation.upper_bounds import CLAIRVOYANT, OBSERVER
from splitgym.policy import policy_names
from splitgym.worlds.inference import induction, observer
from splitgym.worlds.world import WORLDS, World
from tests.helpers import ci_script

PRESETS = ["tight-deadline", "bursty"]
EPISODES = 3


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with few episodes and a store of its own."""
    script = ci_script("leaderboard")
    monkeypatch.setattr(script, "STORE", tmp_path / "store")
    monkeypatch.setattr(script, "EPISODES", EPISODES)
    monkeypatch.setattr(script, "SCORES", {"score": CLAIRVOYANT})
    few = ("enachi", "random", "edge", "tracking")
    monkeypatch.setattr(script, "policy_names", lambda env_id: [name for name in policy_names(env_id) if name in few])
    return script


@pytest.fixture
def world() -> World:
    """The first environment with two presets."""
    return dataclasses.replace(WORLDS["inference"], preset_names=lambda: PRESETS)


def printed(board: ModuleType, world: World, capsys: Any) -> list[list[str]]:
    """Cells of the tables, without the time to decide."""
    board.print_environment(world)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ") and ":" not in line[:4]]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [[*row[:-2], row[-1]] for row in cells]


def share_of_way(results: Any, reached: float) -> float:
    """How much of the way from the mean of ``random`` to the mean bound a return is."""
    low = results.figure("random", "return").mean()
    return (reached - low) / (results.bounds.mean() - low)


def test_everybody_is_on_it_with_the_figures_of_an_evaluation(board: ModuleType, world: World, capsys: Any) -> None:
    rows = printed(board, world, capsys)
    assert rows[0] == [
        "policy",
        "return",
        "score",
        "energy<br>x budget",
        "final debt<br>budgets",
        "trained on<br>decisions",
    ]
    names = ["enachi", "random", "edge", "zoo:bursty"]
    results = splitgym.evaluate(names, scenario="bursty", episodes=EPISODES, bound=True)
    summary = {entry["policy"]: entry for entry in results.summary()}
    mine = rows[len(rows) // 2 + 1 :]
    assert [row[0] for row in mine if row[0] in names] == list(summary)
    for row in mine:
        if entry := summary.get(row[0]):
            assert row[1].startswith(f"{entry['return']:.2f} ± ")
            mean, low, high = (
                share_of_way(results, entry["return"] + k * entry["return_interval"]) for k in (0, -1, 1)
            )
            assert row[2] == f"{mean:.3f} ({low:.3f} to {high:.3f})"
            assert row[3].startswith(f"{entry['energy']:.3f} ± ")
            assert row[4].startswith(f"{entry['final_debt']:.1f} ± ")
    trained = {row[0]: row[-1] for row in mine}
    assert trained["zoo:bursty"] == f"{zoo_document('bursty')['config']['steps']:,}"
    assert trained["enachi"] == ""
    assert "zoo:enachi" not in trained  # it has other actions


def test_what_was_broken_off_goes_on(
    board: ModuleType, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Ends with the figures of a run without a break; what is kept is not played again."""
    whole = printed(board, world, capsys)
    monkeypatch.setattr(board, "STORE", tmp_path / "broken")
    play, calls = plans.play, list[str]()

    def played(contender: Any, *args: Any, **kwargs: Any) -> Any:
        if contender.name == "edge" and len(calls) < 10 and "edge" not in calls:
            calls.append("edge")
            raise KeyboardInterrupt
        calls.append(contender.name)
        return play(contender, *args, **kwargs)

    monkeypatch.setattr(plans, "play", played)
    with pytest.raises(KeyboardInterrupt):
        board.print_environment(world)
    assert printed(board, world, capsys) == whole
    before = len(calls)
    assert printed(board, world, capsys) == whole
    assert len(calls) == before


def test_the_file_has_a_line_for_each(
    board: ModuleType, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(board, "WORLDS", {"inference": world})
    board.print_all(str(tmp_path / "board.csv"))
    best = next(line.split("|") for line in capsys.readouterr().out.splitlines() if f"| {PRESETS[1]} |" in line)
    lines = list(csv.DictReader((tmp_path / "board.csv").read_text().splitlines()))
    assert [line["scenario"] for line in lines if line["policy"] == "enachi"] == PRESETS
    assert {line["policy"] for line in lines if line["trained_steps"] != "0"} <= {f"zoo:{name}" for name in zoo_names()}
    mine = {line["policy"]: line for line in lines if line["scenario"] == "bursty"}
    agent = max((policy for policy in mine if policy.startswith("zoo:")), key=lambda p: float(mine[p]["return"]))
    for cell, policy in ((3, "enachi"), (5, agent)):
        assert best[cell].strip() == f"{policy} {float(mine[policy]['score']):.3f}"
    assert mine["zoo:bursty"]["episodes"] == str(EPISODES)
    assert all(float(line["decision_s"]) > 0 for line in lines)


def test_the_observers_score_stands_where_there_is_such_a_bound(
    board: ModuleType, world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(upper_bounds, "_observers", {})
    monkeypatch.setattr(observer, "observer", functools.partial(observer.observer, draws=8, points=3))
    monkeypatch.setattr(induction, "_PRICE_TASKS", 20)  # a rough bound is soon there
    monkeypatch.setattr(board, "SCORES", {"score": CLAIRVOYANT, "observer_score": OBSERVER})
    monkeypatch.setattr(board, "EPISODES", 1)
    found = board.standing(world, "tight-deadline")
    results = splitgym.evaluate(["random", "enachi"], scenario="tight-deadline", episodes=1, bound="observer")
    entries = {entry["policy"]: entry for entry in found.entries}
    for entry in results.summary():
        assert entries[entry["policy"]]["observer_score"] == share_of_way(results, entry["return"])
    assert "bound for observers" in found.bounds["observer_score"]
    elsewhere = board.standing(WORLDS["transmission"], "default")
    assert list(elsewhere.bounds) == ["score"]
    assert all(math.isnan(entry["observer_score"]) for entry in elsewhere.entries)
    assert "observer_score" in next(iter(board.rows_of(elsewhere)))
