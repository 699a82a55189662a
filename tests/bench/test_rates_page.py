"""``splitgym bench --html``: the rows of a run beside those kept of earlier versions, on one page."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from splitgym.bench import GROUPS
from splitgym.bench.measuring import Row, Target
from splitgym.bench.rates_page import compared, history, lines, page, version_of
from splitgym.cli import main

TITLES = {name: text for name, (_, _, text) in GROUPS.items()}


def run_of(version: str, *rows: Row) -> dict[str, Any]:
    machine = {"processor": "Some & Co", "cores": 2, "load": 0.5, "python": "3.11.7"}
    return {
        "machine": {**machine, "versions": {"splitgym": version, "torch": ""}},
        "rows": [row.to_dict() for row in rows],
        "skipped": {"training": "pip install <this>"},
    }


def row(ratio: float | None, name: str = "batch", peer: str | None = "EnvPool") -> Row:
    theirs = None if ratio is None else 1000.0
    return Row(
        group="batch", name=name, value=1234.5, unit="step/s", peer=peer, peer_value=theirs, ratio=ratio,
        target=Target(2.0) if peer else None, note="1024 rows <each>",
    )  # fmt: skip


class Cells(HTMLParser):
    """Texts of the cells of every table row, and addresses that the page would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.fetched: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside = True
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def test_ratios_of_versions_stand_side_by_side() -> None:
    """Each under its version; another peer, and a row that was not there yet, leave their cells empty."""
    earlier = [
        run_of("0.1.0", row(0.5), row(1.0, peer="another")),
        run_of("0.2.0", row(0.75), row(None, "alone", None)),
    ]
    now = run_of("0.3.0.dev0", row(2.5), row(1.5, "slow"), row(None, "alone", None), row(None, "lacking"))
    heads, *cells = Cells(page(now, TITLES, earlier)).rows
    assert heads == [
        *("measured", "rate", "beside", "peer's rate", "target", "0.1.0kept", "0.2.0kept"),
        *("0.3.0.dev0this run", "what is compared"),
    ]
    rate, note = "1,234 step/s", "1024 rows <each>"
    assert cells == [
        ["batch", rate, "EnvPool", "1,000", ">= 2 x", "0.5 x", "0.75 x", "2.5 xmet", note],
        ["slow", rate, "EnvPool", "1,000", ">= 2 x", "", "", "1.5 xmissed", note],
        ["alone", rate, "", "", "", "", rate, rate, note],
        ["lacking", rate, "EnvPool", "", ">= 2 x", "", "", "", note],
    ]


def test_the_page_tells_machines_targets_and_what_was_left_out() -> None:
    text = page(run_of("0.3.0", row(2.5), row(1.5, "slow")), TITLES, [run_of("0.1.0", row(0.5))])
    for part in (
        "Some &amp; Co",
        "of 2 targets met</dt><dd>1<",
        "pip install &lt;this&gt;",
        TITLES["batch"],
        "0.1.0, kept",
    ):
        assert part in text
    assert [link for link in Cells(text).fetched if not link.startswith("#")] == ["data:,"]


def test_alone_without_earlier_runs() -> None:
    heads = Cells(page(run_of("0.3.0", row(2.5)), TITLES, [])).rows[0]
    assert "kept" not in "".join(heads)


# ------------------------------------------------------------------ what is kept
def test_kept_runs_are_whole_and_in_order_of_their_versions() -> None:
    runs = history()
    folder = resources.files("splitgym.bench") / "history"
    assert [version_of(run) for run in runs] == ["0.1.0", "0.2.0.dev0"]
    assert {file.name for file in folder.iterdir()} == {f"{version_of(run)}.json" for run in runs}
    for run in runs:
        assert set(run) == {"machine", "rows", "skipped"}
        assert {row["group"] for row in run["rows"]} <= set(GROUPS)
        assert all(set(row) == set(Row(group="", name="", value=0.0, unit="").to_dict()) for row in run["rows"])
        places = [(row["group"], row["name"], row["peer"]) for row in run["rows"]]
        assert len(set(places)) == len(places)
    assert page(runs[-1], TITLES, runs[:-1])


def test_kept_runs_are_compared() -> None:
    """Some rows of the oldest run are still measured under the same name, beside the same peer."""
    runs = history()
    found = [line.before[0] for group in lines(runs[-1], runs[:-1]).values() for line in group]
    assert sum(map(bool, found)) > 5


@pytest.mark.parametrize(
    ("versions", "order"),
    [(["0.2.0", "0.10.0", "0.9.1"], ["0.2.0", "0.9.1", "0.10.0"]), (["1.0.0", "1.0.0.dev0"], ["1.0.0.dev0", "1.0.0"])],
)
def test_order_of_versions(
    versions: list[str], order: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "history").mkdir()
    for version in versions:
        (tmp_path / "history" / f"{version}.json").write_text(json.dumps(run_of(version)))
    monkeypatch.setattr(resources, "files", lambda package: tmp_path)
    assert [version_of(run) for run in history()] == order


def test_what_is_compared_between_versions() -> None:
    assert compared(row(2.5).to_dict()) == "2.5 x"
    assert compared(row(None).to_dict()) == ""
    assert compared(row(None, peer=None).to_dict()) == "1,234 step/s"


# ------------------------------------------------------------------ the command
@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    rows = [row(2.5), row(None, "alone", None)]
    monkeypatch.setattr("splitgym.bench.measure", lambda *_: copy.deepcopy(rows))
    return rows


@pytest.mark.parametrize("form", ["--json", "--markdown", None])
def test_the_command_writes_the_page_beside_its_answer(
    form: str | None, measured: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "page.html"
    assert main(["bench", "--only", "batch", "--html", str(file), *([form] if form else [])]) == 0
    assert measured[0].name in capsys.readouterr().out
    assert re.search(r"<th scope=\"row\">batch</th>\s*<td>1,234 step/s</td>", file.read_text(encoding="utf-8"))


def test_a_page_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("splitgym.bench.measure", lambda *_: pytest.fail("measured"))
    assert main(["bench", "--html", str(tmp_path)]) == 2
    assert "--html needs a file, got the folder" in capsys.readouterr().err
