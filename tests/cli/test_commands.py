"""Every command and every option of it, given nonsense: status 2, one line on standard error, nothing left behind."""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import splitgym
from splitgym.agents.config import TrainConfig
from splitgym.agents.validation import Point, write_points
from splitgym.cli import COMMANDS, main, parser, streams
from splitgym.cli.common import Outputs, agent_word, play_command, print_table, progress_bar
from splitgym.evaluation.results import Results
from splitgym.show.tables import Table
from splitgym.specs import command_line
from tests.helpers import ROOT

#: Arguments with which a command would begin its work.
RIGHT = {
    "list": [],
    "evaluate": ["device", "--episodes", "1", "--set", "tasks.count=3"],
    "bound": ["default", "--episodes", "1", "--set", "tasks.count=3"],
    "report": ["absent-store"],
    "store": ["absent-store"],
    "sweep": ["device", "--over", "tasks.hint_std=0.1", "--episodes", "1", "--set", "tasks.count=3"],
    "stability": ["device"],
    "optimize": ["--search", "random"],
    "fit": ["--samples", "1000", "--episodes", "1", "--set", "tasks.count=3"],
    "place": ["--random", "5"],
    "profile": ["absent.py:Net", "--input", "1x3x8x8"],
    "train": ["--steps", "64"],
    "tune": ["--steps", "64", "--trials", "1"],
    "curves": ["run"],
    "trace": ["import", "log.csv"],
    "export": ["absent-run"],
    "dataset": ["device", "--episodes", "1", "--set", "tasks.count=3", "--out", "d-v0"],
    "render": ["device", "--steps", "1"],
    "warmup": ["HardwareSplit-v0"],
    "bench": ["--only", "single"],
    "demo": ["--steps", "64"],
}
NUMBERS = {
    int: ("x", "1.5", "nan", "-1", "1" + "0" * 30, "9" * 5000, ""),
    float: ("x", "nan", "inf", "-1", "1e400", ""),
}
TEXTS = ("", " ", "a\0b")
#: Options whose words must be known ones; the rest of the texts are files to be written, or free.
WORDS = {
    *("env", "env_id", "scenario", "scenarios", "suite", "split", "algo", "action", "schedule", "search", "network"),
    *(
        "env_ids",
        "published",
        "app",
        "measures",
        "device",
        "policies",
        "policy",
        "instance",
        "resume",
        "changes",
        "over",
        "hyper",
        "seeds",
        "randomise",
    ),
}
#: Where an argument without a name stands, if not first.
PLACES = {("trace", "file"): 1}
WRITTEN = ("csv", "html", "plot", "report", "out", "save", "storage", "store", "study")


def parsers() -> dict[str, argparse.ArgumentParser]:
    found = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)


def options() -> list[tuple[str, argparse.Action]]:
    return [(name, a) for name, sub in parsers().items() for a in sub._actions if a.nargs != 0]


def endings(command: str, action: argparse.Action) -> list[str]:
    """Words of a file that cannot be written, in the form that the option takes."""
    ending = {"plot": ".png", "csv": ".csv", "report": ".html", "save": ".toml"}.get(action.dest, "")
    ending = ".png" if (command, action.dest) == ("render", "out") else ending
    return [f"file/x{ending}", f"/proc/absent/x{ending}"]


def run(arguments: list[str]) -> int:
    """The status of the command line, however it ends."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def assert_refused(arguments: list[str], capsys: Any, folder: Path) -> str:
    """Status 2, one short line, no traceback, and no new file."""
    before = sorted(folder.rglob("*"))
    status = run(arguments)
    captured = capsys.readouterr()
    shown = [str(word)[:40] for word in arguments]
    assert status == 2, (shown, status, captured)
    assert captured.out == "", shown
    told = captured.err.strip().splitlines()
    assert len(told) == 1, (shown, captured.err[-2000:])
    assert told[0].startswith(("splitgym ", "splitgym:")), (shown, captured.err[-2000:])
    assert len(told[0]) < 500, (shown, told)
    assert "Traceback" not in captured.err
    assert sorted(folder.rglob("*")) == before, shown
    return told[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "broken.toml").write_text("= [")
    run = TrainConfig()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(run.to_json())
    write_points(tmp_path / "run", run, [Point(1000, 3.0, 0.5)])
    (tmp_path / "log.csv").write_text("time_s,gain_db\n" + "".join(f"{i},{-90 - i % 7}\n" for i in range(400)))
    return tmp_path


@pytest.mark.parametrize(("command", "action"), options(), ids=lambda x: x if isinstance(x, str) else x.dest)
def test_an_option_refuses_nonsense(command: str, action: argparse.Action, folder: Path, capsys: Any) -> None:
    name = action.option_strings[-1] if action.option_strings else ""
    bad: list[str] = list(NUMBERS.get(action.type, ())) or [*TEXTS]  # pyright: ignore[reportArgumentType]
    bad += ["qqq", "absent.toml", "broken.toml"] if action.dest in WORDS else []
    bad += ["qqq"] if action.choices else []
    bad += endings(command, action) if action.dest in WRITTEN else []
    bad = [value for value in bad if (action.dest, value) != ("sent_dbm", "-1")]  # a power as any other
    for value in bad:
        right = [] if action.dest in ("instance", "published") else RIGHT[command]
        place = PLACES.get((command, action.dest), 0)
        given = [*right, f"{name}={value}"] if name else [*right[:place], value, *right[place + 1 :]]
        told = assert_refused([command, *given], capsys, folder)
        if value == "qqq" and action.dest != "split":
            assert "qqq" in told
    assert (folder / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["evalute"], "did you mean 'evaluate'?"),
        (["evaluate", "enachi", "--episods", "3"], "did you mean '--episodes'?"),
        (
            ["sweep", "enachi", "--over", "tasks.count=1:1000000000000"],
            "1000000000000 values, at most 10000 can be swept",
        ),
        (
            ["sweep", "enachi", "--over", "tasks.count=1:10^12"],
            "a range A:B or A:B:STEP takes whole numbers, got '1:10^12'",
        ),
        (["sweep", "enachi", "--over", f"tasks.count=1:{'9' * 5000}"], "a bound of more than 18 digits"),
        (
            ["evaluate", "dynasplit:front=a,b.json", "--env", "HardwareSplit-v0"],
            "put a value with a comma in quotes",
        ),
        (["render", "enachi", "--human", "--out", "x.png"], "--human opens a window and --out writes a file"),
        (["render", "enachi", "--out", "x.jpeg"], "--out needs a file that ends in .png, .gif"),
        (
            ["render", "device", "--out", "x.gif", "--steps", "10000000", "--set", "tasks.count=5000"],
            "--steps of a GIF must be an integer >= 1 and <= 1000, got 5000",
        ),
        (["place", "--random", "10001"], "--random must be an integer >= 3 and <= 10000, got 10001"),
        (["place", "--random", "5", "--save", "x.txt"], "--save needs a file that ends in .toml, .json"),
        (["evaluate", "enachi", "--split", "validation"], "--split is for suites"),
        (["evaluate", "enachi", "--threads", "0"], "--threads must be an integer >= 1 and <= 1024, got 0"),
        (["bench", "--seconds", "inf"], "--seconds must be a finite number"),
    ],
)
def test_what_is_told(words: list[str], told: str, folder: Path, capsys: Any) -> None:
    assert told in assert_refused(words, capsys, folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    text = parsers()[command].format_help()
    assert command == "list" or f"  splitgym {command}" in text


# ------------------------------------------------------------------ commands that are shown can be typed
def assert_typed(line: str) -> argparse.Namespace:
    """A shown command is parsed by the command's own parser; returns what it understood."""
    words = shlex.split(line, comments=True)
    assert words[0] == "splitgym", line
    args, rest = parser().parse_known_args(words[1:])
    assert rest == [], line
    return args


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_can_be_typed(command: str) -> None:
    text = re.sub(r"\\\n +", " ", parsers()[command].format_help())
    for line in re.findall(r"^  (splitgym .*)$", text, re.MULTILINE):
        assert_typed(re.split(r"   +", line)[0])  # what follows says what it is good for


@pytest.mark.parametrize(
    "name", ["plain", "with blank", "a,b", "it's", 'say "x"', "ä", "$HOME", "-x", "all", "enachi", "a:b"]
)
def test_a_pasted_path_is_that_path(name: str, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    agent = agent_word(Path(name))
    args = assert_typed(play_command(["enachi", agent], "HardwareSplit-v0", f"{name}.toml", [f"hardware={name}"]))
    assert (args.policies, args.env, args.changes) == (["enachi", agent], "HardwareSplit-v0", [f"hardware={name}"])
    assert Path(agent) == Path(name)
    assert assert_typed(command_line("store", f"./{name}", "--repair")).folder == f"./{name}"


def test_an_optimized_front_is_played_as_it_is_told(monkeypatch: Any, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["optimize", "--search", "random", "--network", "vit", "--out", "my fronts/a,b", "--quiet"]
    assert main(words) == 0
    shown = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("use it:"))
    line = shown.removeprefix("use it:").strip()
    assert assert_typed(line).changes == ["hardware=vit"]
    assert main([*shlex.split(line)[1:], "--episodes", "1", "--set", "requests.count=3"]) == 0


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path, capsys: Any) -> None:
    assert main(["report", str(tmp_path / "my store")]) == 2
    line = capsys.readouterr().err.partition("make some: ")[2]
    assert assert_typed(line).store == str(tmp_path / "my store")


# ------------------------------------------------------------------ an answer that is ready is never lost
def test_a_picture_that_fails_loses_no_table(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no\nfont")

    monkeypatch.setattr(Results, "plot", broken)
    files = ["--csv", str(tmp_path / "rows.csv"), "--plot", str(tmp_path / "x.png")]
    assert main(["evaluate", "device", "--episodes", "1", "--set", "tasks.count=3", *files]) == 2
    captured = capsys.readouterr()
    assert "device" in captured.out
    assert captured.err.strip().endswith("splitgym evaluate: not written: --plot: no font")
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 2


def test_every_part_is_tried() -> None:
    outputs, done = Outputs(), []

    def fail() -> None:
        raise OSError(28, "No space left on device")

    outputs.add("first", fail)
    outputs.add("second", done.append, 1)
    with pytest.raises(ValueError, match="not written: first: cannot write: No space left on device"):
        outputs.finish()
    assert done == [1]


def test_characters_that_an_encoding_lacks() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="splitgym")
    stream.write("3 ± 1 … é \udcff")
    stream.flush()
    assert stream.buffer.getvalue() == rb"3 +- 1 ... \xe9 \udcff"  # pyright: ignore[reportAttributeAccessIssue]
    assert streams.flushed(stream) is None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError()])
def test_a_standard_error_that_takes_nothing_is_left_alone(error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a wrong command nor a warning depends on whether it can be told."""

    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    monkeypatch.setattr(sys, "stderr", Full())
    assert main(["evaluate", "qqq"]) == 2
    assert main(["list", "--json"]) == 0


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["place", "--help"]])
def test_help_that_cannot_be_written_is_told(words: list[str], capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert main(words) == 2
    assert capfd.readouterr().err == "splitgym: standard output cannot be written: No space left on device\n"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_libraries_are_loaded_with_a_standard_error() -> None:
    """Some take its methods when they are loaded, and fail where there is none."""
    code = "import sys; sys.argv[0] = 'splitgym'; import splitgym; sys.exit(sys.stderr is None)"
    command = f'"{sys.executable}" -c "{code}" 2>&-'
    assert subprocess.run(["sh", "-c", command], cwd=ROOT, check=False).returncode == 0


def test_no_bar_and_no_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(False, 3) as progress:
        assert progress is False
    assert capsys.readouterr() == ("", "")


def test_drawings_by_characters_have_a_letter_for_each_sign() -> None:
    """What the viewers in text draw with keeps its columns where there is nothing but ASCII."""
    files = sorted((ROOT / "splitgym" / "show").rglob("*.py"))
    assert len(files) > 10
    signs = {c for file in files for c in file.read_text(encoding="utf-8") if not c.isascii()} - set("µμ…→²°≤≥Δσ±−")
    assert signs
    for sign in signs:
        assert len(sign.encode("ascii", "splitgym")) == 1, f"U+{ord(sign):04X} has no letter"


def test_tables_are_measured_as_they_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="splitgym")
    table = Table(title="t ± t")
    table.add_column("a ± b")
    table.add_column("c")
    table.add_row("1 ± 2", "3 ± 4 ± 5")
    monkeypatch.setattr(sys, "stdout", out)
    print_table(table)
    out.flush()
    lines = out.buffer.getvalue().decode().splitlines()[1:]  # pyright: ignore[reportAttributeAccessIssue]
    assert len(set(map(len, lines))) == 1, lines
    assert "3 +- 4 +- 5" in lines[3]


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a shell runs it; ``splitgym`` is the one of this interpreter."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    line = line.replace("splitgym", f"{shlex.quote(sys.executable)} -m splitgym", 1)
    return subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a shell and /dev/full")
@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("splitgym list >&-", 2, "standard output is closed"),
        ("splitgym list --json >&-", 2, "standard output is closed"),
        ("splitgym list >&- 2>&-", 2, ""),
        ("splitgym list 2>&- >/dev/null", 0, ""),
        ("splitgym evaluate qqq 2>&-", 2, ""),
        ("splitgym list <&-", 0, ""),
        ("splitgym list >/dev/full", 2, "No space left on device"),
        ("splitgym --help >/dev/full", 2, "standard output cannot be written: No space left on device"),
        ("splitgym evaluate qqq 2>/dev/full", 2, ""),
        ("splitgym list --json >/dev/full", 2, "No space left on device"),
    ],
)
def test_streams_that_take_nothing(line: str, status: int, told: str) -> None:
    done = shell(line)
    assert done.returncode == status, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == bool(told), done.stderr


@pytest.mark.parametrize(
    "setting", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_terminal_of_few_letters_shows_the_table(setting: dict[str, str]) -> None:
    done = shell("splitgym evaluate device random --episodes 2 --set tasks.count=3", **setting)
    assert done.returncode == 0, done.stderr
    assert "+-" in done.stdout
    assert "random" in done.stdout
    assert done.stdout.isascii()


def test_version_is_shown_where_nothing_else_is() -> None:
    assert shell("splitgym --version").stdout.strip() == f"splitgym {splitgym.__version__}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["place", "--instance", "."], "is a folder, not a file to read the instance from"),
        (
            [
                "evaluate",
                "fin",
                "--env",
                "BlockPlacement-v0",
                "--set",
                "topology.kind=file",
                "--set",
                "topology.file=.",
            ],
            "is a folder, not a file to read the topology.file from",
        ),
        (["report", "file"], "store must be a folder, but 'file' is a file"),
        (["report", "absent", "--out", "file/x.html"], "--out 'file/x.html' cannot be written: Not a directory"),
        (
            ["evaluate", "device", "--episodes", "1.5"],
            "--episodes must be a whole number, got '1.5'; see 'splitgym eval",
        ),
        (["bench", "--seconds", "x"], "--seconds must be a number, got 'x'; see 'splitgym bench --help'"),
    ],
)
def test_what_was_asked_for_is_named(words: list[str], told: str, folder: Path, capsys: Any) -> None:
    assert told in assert_refused(words, capsys, folder)


def test_memory_that_is_lacking_is_told_in_short(monkeypatch: Any, capsys: Any) -> None:
    """NumPy's own words end with the whole type of the array."""

    def huge() -> None:
        raise MemoryError(f"Unable to allocate 13 GiB for an array with shape (9,) and data type {['x'] * 999}")

    monkeypatch.setattr("splitgym.cli.listing.catalogue", huge)
    assert main(["list"]) == 2
    told = "not enough memory: Unable to allocate 13 GiB for an array with shape (9,); ask for less"
    assert capsys.readouterr().err == f"splitgym list: {told}\n"
