"""The command of an installation without any extra: plain text instead of frames, and what is missing by its extra."""

from __future__ import annotations

import functools
import json
import re
import tomllib
from importlib.metadata import packages_distributions
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from splitgym.cli import COMMANDS
from splitgym.show.tables import Styled, Table
from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT, run_python

FEW = ["--set", "tasks.count=6", "--episodes", "2"]
#: Runs that need the core only.
WORK = {
    "list": ["list"],
    "a network": ["list", "--dnn", "vgg16"],
    "list as JSON": ["list", "--json"],
    "list as Markdown": ["list", "--markdown"],
    "evaluate": ["evaluate", "random", "device", "--bound", *FEW],
    "measures": ["evaluate", "device", "--measures", "return,accuracy", *FEW],
    "wide": ["evaluate", "device", "--wide", *FEW],
    "evaluate as JSON": ["evaluate", "device", "--json", *FEW],
    "evaluate as Markdown": ["evaluate", "device", "--markdown", *FEW],
    "evaluate with CSV": ["evaluate", "device", "--csv", "rows.csv", *FEW],
    "sweep": ["sweep", "random", "device", "--over", "tasks.hint_std=0,1", "--csv", "sweep.csv", *FEW],
    "bound": ["bound", "default", *FEW],
    "stability": ["stability", "device", "--tasks", "2000", "--csv", "debt.csv"],
    "optimize": ["optimize", "--network", "vgg16", "--search", "random", "--budget", "0.02", "--out", "front"],
    "place": ["place", "--random", "5", "--blocks", "4", "--exits", "2", "--out", "plan"],
    "trace": ["trace", "import", "log.csv"],
    **{f"render {world}": ["render", "--env", WORLDS[world].env_id, "--steps", "1"] for world in WORLDS},
}
#: Runs that need an extra -> which.
LACK = {
    "train": (["train", "--steps", "64", "--out", "run"], "agents"),
    "tune": (["tune", "--steps", "64", "--study", "study"], "search"),
    "demo": (["demo", "--out", "demo"], "report"),
    "profile": (["profile", "splitgym:evaluate", "--input", "1x3x8x8"], "profile"),
    "fit": (["fit", "--samples", "1000", "--out", "fit.json"], "agents"),
    "dataset": (["dataset", "random", "--episodes", "1", "--out", "minari:split/tiny-v0"], "offline"),
    "report": (["report", "store"], "report"),
    "page": (["evaluate", "device", "--report", "page.html"], "report"),
    "rates": (["bench", "--html", "rates.html"], "report"),
    "plot": (["evaluate", "device", "--plot", "plot.png"], "report"),
    "store": (["evaluate", "device", "--store", "store", *FEW], "report"),
    "window": (["render", "--human"], "report"),
    "GIF": (["render", "--out", "x.gif"], "report"),
    "nsga3": (["optimize", "--network", "vgg16"], "search"),
    "rated": (["optimize", "--network", "vgg16", "--search", "random", "--compare", "2"], "search"),
}
CODE = """
import contextlib, io, json, os, sys
absent, runs, folder = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(absent))  # as if they were not installed
os.chdir(folder)
with open("log.csv", "w") as file:
    file.write("time_s,gain_db\\n" + "".join(f"{i},{-90 - i % 7}\\n" for i in range(400)))
from splitgym.cli import main
found = {}
for name, words in runs.items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    found[name] = [status, out.getvalue(), err.getvalue()]
import splitgym
results = splitgym.evaluate(["random", "device"], episodes=2, changes={"tasks.count": 6})
found["str"] = [str(results), str(results.table()), results.to_markdown()]
try:
    results.frame()
except Exception as error:
    found["frame"] = [type(error).__name__, str(error)]
print(json.dumps(found))
"""


def optional_modules() -> list[str]:
    """Top-level modules of what is installed here and is not of the core."""
    core, found = set[str](), [*tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]]
    while found:
        need = Requirement(found.pop())
        name = canonicalize_name(need.name)
        if name not in core and (need.marker is None or need.marker.evaluate({"extra": ""})):
            core.add(name)
            found += _requires(name)
    mine = {"splitgym", "tests"}
    return sorted(
        module
        for module, names in packages_distributions().items()
        if not {canonicalize_name(name) for name in names} & core and not module.startswith("_") and module not in mine
    )


def _requires(name: str) -> list[str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Name -> exit status, standard output and standard error of every run, in one process without the extras."""
    runs = {**WORK, **{name: words for name, (words, _) in LACK.items()}}
    absent = optional_modules()
    assert {"rich", "torch", "matplotlib", "pandas", "optuna"} <= set(absent)
    given = json.dumps([absent, runs, str(tmp_path_factory.mktemp("core"))])
    return json.loads(run_python(CODE, given).splitlines()[-1])


@pytest.mark.parametrize("name", WORK)
def test_the_core_answers(name: str, found: dict[str, Any]) -> None:
    status, out, err = found[name]
    assert (status, err) == (0, "")
    assert len(out.splitlines()) > 3 or name.endswith("JSON")
    if name.endswith("JSON"):
        assert json.loads(out)
    assert not set(out) & set("┏┡┳")


@pytest.mark.parametrize("name", LACK)
def test_what_needs_more_names_its_extra_in_one_line(name: str, found: dict[str, Any]) -> None:
    status, out, err = found[name]
    assert (status, out) == (2, "")
    assert re.fullmatch(
        rf"splitgym \w+: \w+ is not installed; install it with: pip install '.*\[{LACK[name][1]}]'\n", err
    )


def test_every_command_is_tried() -> None:
    tried = {words[0] for words in [*WORK.values(), *(words for words, _ in LACK.values())]}
    # they need what another run has written; warmup prints one line
    assert tried == set(COMMANDS) - {"store", "export", "warmup", "curves"}


def test_a_comparison_without_frames(found: dict[str, Any]) -> None:
    title, empty, *rest = found["measures"][1].splitlines()
    assert title == "SplitInference-v0, scenario default, tasks.count=6: mean ± 95 % interval over 2 common traces"
    assert empty == ""
    heads, units, rule, row = rest[:4]
    assert heads.split() == ["policy", "return", "accuracy"]
    assert units.split() == ["%"]
    assert set(rule) == {"-", " "}
    assert row.split()[0] == "device"
    assert {len(line) for line in (heads, units, rule, row)} == {len(rule)}


def test_results_print_in_python(found: dict[str, Any]) -> None:
    whole, table, markdown = found["str"]
    assert whole == table
    assert "policy" in whole.splitlines()[2]
    assert markdown.splitlines()[2].startswith("| policy | return |")
    assert found["frame"] == [
        "DependencyNotInstalled",
        "pandas is not installed; install it with: pip install 'splitgym[report]'",
    ]


# ------------------------------------------------------------------ the text of a table
def table() -> Table:
    made = Table(title="above", caption="below\n* note")
    for name in ("name", "what"):
        made.add_column(name)
    made.add_column("n\nms", justify="right", no_wrap=True)
    made.add_row("a", "one two three four", "1.5")
    made.add_section()
    made.add_row(Styled("日本", "bold"), "x", "12.5")
    return made


@pytest.fixture
def without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitgym.show.tables.need", functools.partial(_missing))


def _missing(module: str, extra: str) -> Any:
    from gymnasium.error import DependencyNotInstalled

    raise DependencyNotInstalled(f"{module} {extra}")


@pytest.mark.usefixtures("without_rich")
def test_a_table_in_plain_text() -> None:
    assert str(table()).splitlines() == [
        "above",
        "",
        "name  what                   n",
        "                            ms",
        "----  ------------------  ----",
        "a     one two three four   1.5",
        "----  ------------------  ----",
        "日本  x                   12.5",
        "",
        "below",
        "* note",
    ]


class Terminal:
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("without_rich")
def test_a_terminal_without_rich_gets_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    from splitgym.show import tables

    monkeypatch.setenv("COLUMNS", "27")
    lines = tables.text(table(), Terminal()).splitlines()  # pyright: ignore[reportArgumentType]
    assert max(map(len, lines)) <= 27
    assert " ".join(" ".join(lines).split()).count("one two three") == 1
    wide = Table()
    for name in ("policy", *"abcd"):
        wide.add_column(name, no_wrap=True, justify="right")
    wide.add_row("enachi", *(f"{i}.00 ± 1.00" for i in range(4)))
    lines = tables.text(wide, Terminal()).splitlines()  # pyright: ignore[reportArgumentType]
    assert [line.split()[0] for line in lines].count("enachi") == 4
    assert max(map(len, lines)) <= 27


@pytest.mark.usefixtures("without_rich")
def test_nothing_in_a_plain_table_commands_a_terminal() -> None:
    made = Table(title="t\x1b[31m")
    made.add_column("h\x1b[0m", no_wrap=True)
    made.add_row("c\u202e")
    assert "\x1b" not in str(made)
    assert "\u202e" not in str(made)
    assert "t\\x1b[31m" in str(made)
