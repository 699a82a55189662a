"""What commands print as tables: nothing wrapped or cut, six columns that fit, one Markdown, one order of worlds."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import Any

import pytest

from splitgym import TrainConfig, evaluate, policy_names
from splitgym.agents.validation import Point, write_points
from splitgym.bench import measuring
from splitgym.cli import COMMANDS, common, main, parser
from splitgym.show import tables
from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT, short

ENVS = [WORLDS[world].env_id for world in WORLDS]
FEW = ["--set", "tasks.count=6", "--episodes", "2"]
#: Command -> a short run of it that prints a table.
RUNS = {
    "list": ["list"],
    "evaluate": ["evaluate", "random", "device", "--bound", "--wide", *FEW],
    "suite": ["evaluate", "device", "--suite", "{folder}/tiny.toml"],
    "bound": ["bound", "default", "bursty", *FEW],
    "sweep": ["sweep", "random", "device", "--over", "tasks.hint_std=0,1", *FEW],
    "stability": ["stability", "device", "--tasks", "2000"],
    "store": ["store", "{folder}/store"],
    "optimize": ["optimize", "--network", "vgg16", "--search", "random", "--budget", "0.02", "--out", "{folder}/front"],
    "fit": ["fit", "--samples", "1000", "--episodes", "1", "--set", "tasks.count=6", "--out", "{folder}/fit.json"],
    "place": ["place", "--random", "5", "--blocks", "4", "--exits", "2", "--out", "{folder}/plan"],
    "profile": ["profile", "{folder}/net.py:Net", "--input", "1x3x8x8"],
    "tune": [
        *(
            "tune",
            "--steps",
            "64",
            "--n-envs",
            "8",
            "--set",
            "tasks.count=6",
            "--over",
            "gamma",
            "--hyper",
            "n_steps=8",
        ),
        *("--trials", "1", "--validation-episodes", "1", "--reports", "1", "--quiet", "--study", "{folder}/study"),
    ],
    "curves": ["curves", "{folder}/run"],
    "bench": ["bench", "--only", "batch"],
}
NET = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
"""
SUITE = """
name = "tiny"
environment = "SplitInference-v0"
seeds = { validation = { first = 10, episodes = 1 }, test = { first = 50, episodes = 1 } }
train = [{ name = "default" }]
validation = [{ name = "plain", changes = { "tasks.count" = 8 } }]
[[test]]
name = "far | away"
shift = "channel"
changes = { "tasks.count" = 8, "radio.distance_m" = 900.0 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite and a store for the commands."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "tiny.toml").write_text(SUITE)
    (folder / "net.py").write_text(NET)
    evaluate("device", scenario=short("inference", "default"), episodes=1, store=folder / "store")
    config = TrainConfig(scenario=short("inference", "default"))
    (folder / "run").mkdir()
    (folder / "run" / "config.json").write_text(config.to_json())
    write_points(folder / "run", config, [Point(1000, 3.0, 0.5), Point(2000, 4.0, math.nan)])
    return folder


@pytest.fixture
def printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a run of a command gives to the printer; benchmarks are not run."""
    given: list[Any] = []
    whole = common.text_of
    monkeypatch.setattr(common, "text_of", lambda table, *more: given.append(table) or whole(table, *more))
    peer: dict[str, Any] = {"peer": "EnvPool", "peer_value": 1e5, "ratio": 12.3, "note": "a long note " * 9}
    rows = [measuring.Row(group="batch", name="one environment of many", value=1234567.0, unit="steps/s", **peer)]
    rows.append(measuring.Row(group="batch", name="another", value=0.123, unit="ms"))
    monkeypatch.setattr("splitgym.bench.measure", lambda *_: rows)
    monkeypatch.delenv("COLUMNS", raising=False)
    return given


def run(name: str, folder: Path, *more: str) -> None:
    assert main([word.format(folder=folder) for word in [*RUNS[name], *more]]) == 0


def plain(text: str) -> list[str]:
    """Lines without colours and frames, their words one blank apart."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [" ".join(re.sub(r"[┃│┏┓┡┩└┘━─┳╇┴├┼┤]", " ", line).split()) for line in text.splitlines()]


def grids(given: list[Any]) -> list[Any]:
    many = [table for one in given for table in getattr(one, "tables", [one])]
    return [table for table in many if isinstance(table, tables.Table)]


# ------------------------------------------------------------------ nothing wraps, nothing is cut
@pytest.mark.parametrize("name", RUNS)
def test_a_pipe_gets_every_row_on_one_line(name: str, printed: list[Any], folder: Path, capsys: Any) -> None:
    run(name, folder)
    lines, found = plain(capsys.readouterr().out), grids(printed)
    assert found
    for table in found:
        for cells in zip(*(column.cells for column in table.columns), strict=True):
            assert " ".join(" ".join(map(str, cells)).split()) in lines


@pytest.mark.parametrize("width", [100, 60])
@pytest.mark.parametrize("name", RUNS)
def test_a_terminal_gets_every_figure_whole(
    name: str, width: int, printed: list[Any], folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    run(name, folder)
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    framed = [line for line in out.splitlines() if line and line[0] in "┏┃┡│└"]
    assert all(len(line) <= width for line in framed)
    text = "\n".join(plain(out))
    for table in printed:
        columns = table.columns if isinstance(table, tables.Table) else []  # a sweep leaves out its intervals
        for column in columns:
            for cell in column.cells:
                words = [" ".join(str(cell).split())] if column.no_wrap else str(cell).split()
                assert all(word in text for word in words), words


def test_a_folded_table_names_its_rows_in_every_part(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tables.Table(title="above", caption="below")
    for name in ("policy", *"abcdefgh"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_row("enachi", *(f"{i}.00 ± {i}.00" for i in range(8)))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    common.print_table(table)
    out = capsys.readouterr().out
    rows = [line for line in plain(out) if "enachi" in line]
    assert rows == ["enachi 0.00 ± 0.00 1.00 ± 1.00 2.00 ± 2.00", "enachi 3.00 ± 3.00 4.00 ± 4.00 5.00 ± 5.00",
                    "enachi 6.00 ± 6.00 7.00 ± 7.00"]  # fmt: skip
    assert out.count("above") == out.count("below") == 1
    assert out.index("above") < out.index("enachi") < out.index("below")


# ------------------------------------------------------------------ Markdown
@pytest.mark.parametrize("name", RUNS)
def test_markdown_holds_every_cell(name: str, printed: list[Any], folder: Path, capsys: Any) -> None:
    run(name, folder, "--markdown")
    assert printed == []
    blocks = re.findall(r"^\|(?:.*\n\|)*.*$", capsys.readouterr().out, re.MULTILINE)
    assert blocks
    for block in blocks:
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()]
        assert len({len(row) for row in rows}) == 1
        assert all(mark in (" :--- ", " ---: ") for mark in rows[1])
        assert len(rows) > 2


def test_every_command_with_a_table_has_markdown_and_is_tried() -> None:
    found = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    have = {name for name, sub in found.choices.items() if any("--markdown" in a.option_strings for a in sub._actions)}
    # a demo trains for minutes and prints what evaluate prints; a data set is written once (tests/offline)
    assert have == {*RUNS, "demo", "dataset"} - {"suite"}
    for name, (module, *_) in COMMANDS.items():
        parts = module.split(".")
        file = ROOT / "splitgym" / Path(*parts).with_suffix(".py")
        source = (file if file.is_file() else ROOT / "splitgym" / parts[0] / "__init__.py").read_text(encoding="utf-8")
        assert ("print_table" in source) == (name in have), name


# ------------------------------------------------------------------ what a comparison shows
@pytest.mark.parametrize("world", WORLDS)
def test_a_comparison_is_six_columns_that_fit(world: str) -> None:
    env_id = WORLDS[world].env_id
    results = evaluate(policy_names(env_id), env_id, short(world, "default"), 3)
    plane = WORLDS[world].plane
    assert results.columns() == ["return", "difference", plane.y, plane.x, "decision_s"]
    assert max(map(len, str(results).splitlines())) <= 100
    assert results.columns(wide=True) == [*(m.name for m in results.measures), "difference", "wins"]


def test_columns_with_bounds() -> None:
    few = short("inference", "default")
    results = evaluate(["random", "enachi"], scenario=few, episodes=3, bound=True)
    assert results.columns() == ["return", "gap", "score", "accuracy", "energy"]
    assert results.columns(wide=True)[-3:] == ["difference", "wins", "score"]
    assert evaluate("enachi", scenario=few, episodes=2, bound=True).columns()[1:3] == ["gap", "difference"]
    assert results.columns(["wins", "gap", "wins"]) == ["wins", "gap"]
    heads = [str(column.header) for column in results.table(["latency_p95_s", "wins"]).columns]
    assert heads == ["policy", "latency p95\nms", "wins\nof 3"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--measures", "retrun,accuracy"], "unknown measure 'retrun'; did you mean 'return'? (known: return, acc"),
        (["--measures", "return", "gap"], "the measure 'gap' needs the bound of every trace: add bound=True (--bound)"),
        (["--measures", "return", "--wide"], "not allowed with argument"),
        (["--json", "--markdown"], "not allowed with argument"),
        (["--suite", "robustness", "--wide"], "--wide is not for suites"),
        (["--suite", "robustness", "--measures", "return"], "--measures is not for suites"),
    ],
)
def test_columns_that_are_none_are_refused_before_anything_is_played(
    words: list[str], said: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splitgym.evaluation.plans.play", None)
    try:
        status = main(["evaluate", "random", *words])
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert said in capsys.readouterr().err


def test_measures_are_chosen_with_commas_or_blanks(capsys: Any) -> None:
    outputs = []
    for words in (["accuracy,missed", "wins"], ["accuracy", "missed,wins"]):
        assert main(["evaluate", "device", *FEW, "--measures", *words]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert "accuracy missed wins" in plain(outputs[0])


# ------------------------------------------------------------------ one order of environments
def test_worlds_stand_in_the_order_of_the_readme(capsys: Any) -> None:
    shown = re.findall(r"^\| \[?`(\w+-v\d)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert shown[: len(ENVS)] == ENVS
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for head in (" *", "scenarios of ", "policies of "):
        assert re.findall(rf"^{head}(\w+-v\d)", out, re.MULTILINE) == ENVS
    assert main(["evaluate", "random", "--env", "SplitInferense"]) == 2
    assert f"(known: {', '.join(ENVS)})" in capsys.readouterr().err


def test_notes_are_no_items_of_a_list() -> None:
    """A line of Markdown that begins with a mark is a list, heading or quotation."""
    assert tables.lines("* trained agent\n- a\n+ b\n# c\n> d\ne * f") == (
        "\\* trained agent\n\\- a\n\\+ b\n\\# c\n\\> d\ne * f"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "random", "--markdown"),
        ("bound", "default", "--env", "HardwareSplit-v0", "--markdown"),
        ("sweep", "random", "--over", "hardware=vgg16,vit", "--env", "HardwareSplit-v0", "--markdown"),
    ],
    ids=lambda words: words[0],
)
def test_one_trace_has_no_interval(words: tuple[str, ...], capsys: Any) -> None:
    for episodes, said in ((1, "one trace"), (2, "interval over 2 ")):
        assert main([*words, "--episodes", str(episodes)]) == 0
        title = capsys.readouterr().out.splitlines()[0]
        assert said in title
        assert ("interval" in title) == (episodes > 1)
