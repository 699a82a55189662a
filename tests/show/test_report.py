"""The evaluation report: what stands in the page, what it needs, what odd input does to it, and a real browser."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import splitgym
from splitgym.cli import main
from splitgym.evaluation import Results, evaluate, report
from splitgym.evaluation.statistics import interquartile_mean
from splitgym.policy import Policy
from splitgym.show.palette import DARK_SERIES
from splitgym.show.report import interactive
from splitgym.show.report.figures import differences, leaderboard, profiles
from splitgym.show.report.gather import gather, label
from splitgym.show.report.labels import places
from splitgym.show.report.marks import Axis, Cells, Line, Panel, Point, Rule
from splitgym.show.report.plane import plane
from splitgym.show.report.replay import Replay
from splitgym.show.report.scales import Scale, scale_for
from splitgym.show.report.style import SYMBOLS, outline, style_of
from splitgym.show.report.tables import overall_table
from splitgym.worlds.world import WORLDS
from tests.browser import Browser, executable
from tests.helpers import short

for _module in ("plotly", "jinja2", "matplotlib"):
    pytest.importorskip(_module, reason="the report needs the extra [report]")

NAMES = ["random", "device", "enachi", "lyap"]
SCENARIO = ("leaderboard", "profiles")
KINDS = ("plane", "differences", "debt", "maps", "task")
HOSTILE = '</script><img src=x onerror="throw 1">%{x}$a_b$ {{ 7*7 }}<!--'


def played(
    world: str = "inference", preset: str = "default", policies: Any = NAMES, n: int = 3, **more: Any
) -> Results:
    """Short episodes of a world."""
    return evaluate(policies, WORLDS[world].env_id, short(world, preset), n, **{"bound": True, **more})


@pytest.fixture(scope="module")
def two() -> list[Results]:
    return [played(), played(preset="enachi")]


@pytest.fixture(scope="module")
def written(two: list[Results], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(two, tmp_path_factory.mktemp("report") / "report.html", figures=("png", "pdf"))


@pytest.fixture(scope="module")
def text(written: Path) -> str:
    return written.read_text(encoding="utf-8")


def plots_of(text: str) -> dict[str, Any]:
    """Data and layout of every plot in a page."""
    found = re.search(r'<script type="application/json" id="plots">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def without_scripts(text: str) -> str:
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


# ------------------------------------------------------------------ the page
def test_every_figure_is_in_the_page(text: str) -> None:
    keys = [*SCENARIO, *(f"{scenario}-{kind}" for scenario in ("default", "enachi") for kind in KINDS)]
    plots = plots_of(text)
    for key in keys:
        assert f'id="{key}"' in text
        assert f"{key}-0" in plots, key
    assert len(re.findall('<div class="plot"', text)) == len(plots)
    assert f"splitgym</dt><dd>{splitgym.__version__}" in text
    assert "uncalibrated" not in text


def test_the_page_needs_no_network(text: str) -> None:
    page = without_scripts(text)
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page)
    assert not re.findall(r"<(?:script|img|iframe|object|embed|base)\b", page)
    assert re.findall(r"<link[^>]*>", page) == ['<link rel="icon" href="data:,">']
    assert "@import" not in page
    assert text.count("plotly.js v") == 1


def test_same_input_same_bytes(two: list[Results], written: Path, tmp_path: Path) -> None:
    again = report(two, tmp_path / "again.html", figures=("png", "pdf"))
    assert again.read_bytes() == written.read_bytes()
    first, second = (p.with_name(f"{p.stem}-figures") for p in (written, again))
    names = sorted(p.name for p in first.iterdir())
    assert names == sorted(p.name for p in second.iterdir())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_figures_for_papers(text: str, written: Path) -> None:
    folder = written.with_name("report-figures")
    figures = {place.rpartition("-")[0] for place in plots_of(text)}
    assert {p.name for p in folder.iterdir()} == {f"{key}.{form}" for key in figures for form in ("png", "pdf")}
    assert all(p.read_bytes()[:4] in (b"\x89PNG", b"%PDF") for p in folder.iterdir())


def test_plotly_accepts_every_plot(text: str) -> None:
    from plotly import graph_objects

    for key, plot in plots_of(text).items():
        coloured = json.loads(re.sub(r'"@\w+(/[\d.]+)?"', '"#123456"', json.dumps(plot)))
        assert graph_objects.Figure(coloured["data"], coloured["layout"]) is not None, key


def test_tables_say_what_the_summary_says(two: list[Results], text: str) -> None:
    rows = re.findall(r"<tr>\n<th scope=\"row\" data-value=\"(\w+)\".*?</tr>", text, re.DOTALL)
    assert rows[4:8] == [entry["policy"] for entry in two[0].summary()]
    best = two[0].summary()[0]
    assert f"{best['return']:.2f}".replace("-", "\u2212") in text
    assert f"{best['score']:.3f}" in text


# ------------------------------------------------------------------ odd input
class Named(Policy):
    """Everything on the device, under another name."""

    name: ClassVar[str] = HOSTILE

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        decisions["cut"] = len(self.scenario.dnn.cut_names) - 1
        decisions["clock_hz"] = max(self.scenario.device.clocks_hz)


def hostile(policies: list[str], n: int = 2) -> Results:
    """Recorded figures of policies with names that nobody would choose, and a scenario of that kind."""
    results = played(policies=["device"], n=n, bound=False)
    scenario = short("inference", "default")
    object.__setattr__(scenario, "name", HOSTILE)
    odd = Results(WORLDS["inference"], scenario, changes={HOSTILE: HOSTILE})
    for i, name in enumerate(policies):
        figures = {m.name: results.figure("device", m.name) - i for m in results.measures}
        odd.add(name, range(n), figures)
    return odd


def test_scores_over_all_scenarios_are_over_all_episodes(two: list[Results]) -> None:
    book = gather(two)
    strata = []
    for results in two:
        zero = results.figure("random", "return").mean()
        strata.append((results.figure("enachi", "return") - zero) / (results.bounds - zero))
    wanted = float(interquartile_mean(np.concatenate(strata)))
    assert book.iqms["enachi"][0] == pytest.approx(wanted)
    row = next(row for row in overall_table(book).rows if row.policy == "enachi")
    assert row.cells[0].value == pytest.approx(wanted)
    points = [mark for mark in leaderboard(book).panels[0].marks if isinstance(mark, Point)]
    assert next(p.x for p in points if p.name == "enachi") == pytest.approx(wanted)


def test_names_are_escaped(tmp_path: Path) -> None:
    text = report(hostile([HOSTILE, "b"]), tmp_path / "odd.html", figures=("png",)).read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "<img" not in without_scripts(text)
    assert html.escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    assert len(re.findall("<script", text)) == len(re.findall("</script>", text)) == 3
    found = plots_of(text)
    for plot in found.values():  # the key by which the legend finds a trace is not shown
        plot["data"] = [{k: v for k, v in trace.items() if k != "meta"} for trace in plot["data"]]
    plots = json.dumps(found, ensure_ascii=False)
    assert "<img" not in plots, "Plotly reads a little HTML"
    assert "hovertemplate" not in plots, "and replaces %{x}"


def test_a_policy_as_an_object_is_not_played_again(tmp_path: Path) -> None:
    env = splitgym.envs.vector.SplitVectorEnv(1, "inference", short("inference", "default"), "dict")
    results = played(policies=[Named(env), "device"], n=1)
    replay = Replay(results, False)
    assert list(replay.episodes) == ["device"]
    assert replay.missing == {HOSTILE: "an object, which cannot be made again"}
    assert "Not played again" in report(results, tmp_path / "a.html").read_text(encoding="utf-8")


def test_another_trace_is_noticed() -> None:
    scenario = short("inference", "default")
    traces = [WORLDS["inference"].draw_trace(scenario, np.uint64(i)) for i in (5, 6)]
    results = evaluate(["device"], scenario=scenario, episodes=2, traces=traces)
    assert "its return is" in Replay(results, False).missing["device"]


def test_replay_repeats_the_evaluation(two: list[Results]) -> None:
    for results in two:
        replay = Replay(results, False)
        assert not replay.missing
        last = replay.episodes["enachi"].outcomes[-1]
        debt = results.figure("enachi", "final_debt")[0]
        assert last["queue_j"] / results.scenario.budget.energy_j == debt
        step = int(np.argmax(replay.episodes["enachi"].outcomes["bits"]))
        slots = replay.slots("enachi", step)
        assert (slots[:, 2] > 0.0).any()
        assert len(slots) == replay.episodes["enachi"].outcomes[step]["slots_used"] > 0


def test_nan_everywhere(tmp_path: Path) -> None:
    results = played(n=2, bound=False)
    odd = Results(results.world, results.scenario)
    for name in results.policies:
        figures = {m.name: results.figure(name, m.name) for m in results.measures}
        for key in ("energy", "latency_p50_s") if name == "lyap" else ("latency_p99_s",):
            figures[key][:] = np.nan
        odd.add(name, range(2), figures)
    text = report(odd, tmp_path / "nan.html", figures=("png",)).read_text(encoding="utf-8")
    assert "nan" not in re.sub(r'data-value="nan"', "", without_scripts(text)).lower()
    assert "lyap" in text


@pytest.mark.parametrize("policies", [["device"], ["random", "device"]])
@pytest.mark.parametrize("bound", [False, True])
def test_one_episode(policies: list[str], bound: bool, tmp_path: Path) -> None:
    results = played(policies=policies, n=1, bound=bound)
    text = results.to_html(tmp_path / "deep" / "one.html").read_text(encoding="utf-8")
    assert ("Only one policy was evaluated." in text) == (len(policies) == 1)
    assert ("No scores" in text) == (len(policies) == 1 or not bound)
    assert "1 trace;" in text


def test_many_policies_with_long_names(tmp_path: Path) -> None:
    odd = hostile([f"policy with a rather long name, the {i:02d}th of twelve" for i in range(12)])
    book = gather(odd)
    points = [mark for mark in plane(book, book.chapters[0]).panels[0].marks if isinstance(mark, Point)]
    assert len({(style_of(p.style).colour, style_of(p.style).marker) for p in points}) == 12
    assert report(odd, tmp_path / "many.html", figures=("png",)).stat().st_size > 1e6


@pytest.mark.parametrize("world", [w for w in WORLDS if w != "inference"])
def test_other_worlds(world: str, tmp_path: Path) -> None:
    known = WORLDS[world]
    results = played(world, known.preset_names()[0], ["random", known.showcase], 2)
    text = report([results, played(n=1)], tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"{known.env_id}: {results.scenario.name}" in text
    assert ("has no energy queue" in text) == ("queue_j" not in (known.outcome.names or ()))
    assert "does not cut a network by one channel and one queue" in text


def test_refusals(two: list[Results], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="many must hold 1 to 10000 Results of evaluations, got none"):
        report([], tmp_path / "a.html")
    with pytest.raises(ValueError, match="at least one policy"):
        report(Results(two[0].world, two[0].scenario), tmp_path / "a.html")
    with pytest.raises(ValueError, match="png, pdf, svg, not 'gif'"):
        report(two, tmp_path / "a.html", figures=("gif",))
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ the parts
def test_scale_keeps_order_and_sign() -> None:
    values = np.array([-600.0, -30.0, -1.0, 0.0, 2.0, 15.0, 31.0])
    scale = scale_for(values)
    assert scale.unit > 0.0
    assert (np.diff(scale.to(values)) > 0.0).all()
    ticks = {word: place for place, word in scale.axis("x", -700.0, 40.0).ticks}
    assert ticks["0"] == 0.0
    assert ticks["\u2212100"] == scale.to(np.array(-100.0))
    assert scale_for(np.array([3.0, 4.0, -5.0])) == Scale()


def test_labels_stand_apart() -> None:
    rng = np.random.default_rng(0)
    middle = rng.uniform(0.1, 0.9, size=(8, 2))
    points = np.stack([middle, middle - 0.02, middle + 0.02], axis=2)
    found = places(points, ["policy"] * 8, [(280.0, 260.0), (500.0, 260.0)])
    assert sum(map(bool, found)) >= 6
    same = np.full((4, 2, 3), 0.5)
    assert sum(map(bool, places(same, ["a long label"] * 4, [(300.0, 300.0)]))) >= 2
    crowd = np.full((30, 2, 3), 0.5)
    assert "" in places(crowd, ["a long label"] * 30, [(300.0, 300.0)])


def test_short_names_keep_their_end() -> None:
    assert label("enachi:eta=0.8") == "enachi:eta=0.8"
    names = [f"dynasplit:search=random,search_seed={i}" for i in range(10)]
    assert len({label(name) for name in names}) == 10
    assert {len(label(name)) for name in names} == {16}


def test_styles_have_an_outline_and_a_symbol() -> None:
    assert len({outline(i) for i in range(len(SYMBOLS))}) == len(SYMBOLS)
    styles = [style_of(i) for i in range(84)]
    assert len({(s.colour, s.marker) for s in styles}) == 84
    assert {s.colour for s in styles} == set(range(len(DARK_SERIES)))


def test_marks_become_traces_of_their_policy() -> None:
    x = np.array([0.0, 1.0])
    line = Line(name="a", style=3, x=x, y=x, words=["<b>", "c"], low=x, high=x)
    point = Point(name="b", style=9, x=1.0, y=np.nan, words="w", x_low=0.5, x_high=2.0, label="b")
    cells = Cells(x=x, y=x, codes=np.eye(2, dtype=int), colours=["#000000", "#FFFFFF"], words=[["a", "b"]] * 2)
    axis = Axis("x", 0.1, 10.0, log=True, ticks=((1.0, "one"),))
    plot = interactive.plot(Panel("", axis, Axis("y", 0.0, 1.0), (line, point, cells, Rule(1.0, True, "r"))), 300)
    band, curve, dot, heat = plot["data"]
    assert band["meta"] == curve["meta"] == "a"
    assert curve["hovertext"] == ["&lt;b&gt;", "c"]
    assert dot["y"] == [None]
    assert dot["error_x"]["array"] == [1.0]
    assert "error_y" not in dot
    assert heat["z"] == [[1, 0], [0, 1]]
    assert plot["layout"]["xaxis"]["range"] == [-1.0, 1.0]
    assert plot["layout"]["annotations"][0]["x"] == 0.0  # exponents on a logarithmic axis


def test_differences_leave_the_best_baseline_out(two: list[Results]) -> None:
    book = gather(two)
    chapter = book.chapters[0]
    names = [mark.name for mark in differences(book, chapter).panels[0].marks if isinstance(mark, Point)]
    assert sorted(names) == sorted(set(NAMES) - {chapter.results.best_baseline()})
    assert leaderboard(book).panels[0].y.ticks[0][0] == len(NAMES) - 1.0
    assert profiles(book).legend[0].name == "enachi"


# ------------------------------------------------------------------ a browser
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = executable()
    if program is None:
        pytest.skip("no Chromium on PATH (chromium, chromium-browser, google-chrome)")
    with Browser(program) as opened:
        yield opened


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
def test_in_a_browser(browser: Browser, written: Path, text: str, width: int, dark: bool) -> None:
    browser.open(written, width, dark=dark)
    assert browser.errors == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []
    count = len(plots_of(text))
    assert (
        browser.value("[...document.querySelectorAll('.plot')].filter(p => p.querySelector('.main-svg')).length")
        == count
    )
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value("document.documentElement.dataset.theme") == ("dark" if dark else "light")


def test_buttons(browser: Browser, written: Path) -> None:
    browser.open(written, 1000)
    page = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    before = browser.value(page), browser.value(ink)
    browser.value("delete document.documentElement.dataset.drawn; document.getElementById('theme').click()")
    browser.until("document.documentElement.dataset.drawn")
    assert browser.value(page) != before[0]
    assert browser.value(ink) != before[1]
    lines = "document.querySelectorAll('#default-debt .scatterlayer .trace').length"
    assert browser.value(lines) == len(NAMES)
    browser.value("document.querySelector('#default-debt button.key').click()")
    browser.until(f"{lines} === {len(NAMES) - 1}")
    first = "document.querySelectorAll('#in_default tbody th')[0].innerText.trim()"
    best = browser.value(first)
    browser.value("document.querySelectorAll('#in_default thead button')[1].click()")  # the highest return first
    assert browser.value(first) == best
    browser.value("document.querySelectorAll('#in_default thead button')[1].click()")
    assert browser.value(first) != best
    assert browser.errors == []


def test_hostile_names_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    browser.open(report(hostile([HOSTILE, "b"]), tmp_path / "odd.html"), 390)
    assert browser.errors == []
    assert browser.value("document.querySelectorAll('img, .plot foreignObject').length") == 0
    assert browser.value("document.documentElement.scrollWidth") <= 390
    assert HOSTILE in browser.value("document.querySelector('tbody th').innerText")


# ------------------------------------------------------------------ the command
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, names in (("a", ["random", "enachi"]), ("b", ["random", "device"])):
        evaluate(names, scenario=short("inference", "default"), episodes=2, bound=True, store=tmp_path / folder)
    assert main(["report", str(tmp_path / "a"), "--figures", "png"]) == 0
    out = capsys.readouterr().out
    assert str(tmp_path / "a" / "report.html") in out
    assert "other versions" not in out
    assert list((tmp_path / "a" / "report-figures").glob("*.png"))
    both = tmp_path / "pages" / "both.html"
    assert main(["report", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(both)]) == 0
    assert "enachi" in both.read_text()
    assert "device" in both.read_text()
    assert main(["report", str(tmp_path / "nothing")]) == 2
    assert f"evaluate all --bound --store {tmp_path / 'nothing'}" in capsys.readouterr().err


def test_a_page_in_a_strangers_store_leads_nowhere_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    elsewhere.mkdir()
    evaluate("device", scenario=short("inference", "default"), episodes=1, store=store)
    (store / "report-figures").symlink_to(elsewhere)
    assert main(["report", str(store), "--figures", "png"]) == 2
    assert "report-figures is a link; a report follows none" in capsys.readouterr().err
    assert not list(elsewhere.iterdir())
    assert not (store / "report.html").exists()
    os.mkfifo(store / "report.html")
    assert main(["report", str(store)]) == 2
    assert "report.html is not a file; remove it, or choose another page (--out)" in capsys.readouterr().err


def test_scenarios_named_like_parts_of_the_page(tmp_path: Path) -> None:
    """The page finds its parts by their marks: no name of a scenario is one of them."""
    names = ["plots", "notes", "a", "a-debt"]
    many = [evaluate("device", scenario=short("inference", "default").replace(name=name), episodes=1) for name in names]
    text = report(many, tmp_path / "page.html").read_text()
    page = text[: text.index('<script type="application/json"')] + '<script id="plots">'
    marks = re.findall(r'\bid="([^"]*)"', page)
    assert sorted(marks) == sorted(set(marks))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(marks)
    assert len(re.findall(r"<section ", page)) == len(names) + 2
