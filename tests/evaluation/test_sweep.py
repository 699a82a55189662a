"""Sweeps: values move together, each equals an evaluation, nothing is lost, tables and pictures can be read."""

from __future__ import annotations

import csv
import itertools
import json
import math

import numpy as np
import pytest
from rich.console import Console

import splitgym
from splitgym import Sweep, evaluate, load_scenario, policy_names, sweep
from splitgym.cli import main
from splitgym.cli.sweeping import over_of
from splitgym.evaluation.labels import label
from splitgym.evaluation.rollout import play
from splitgym.evaluation.statistics import mean_interval
from splitgym.show.palette import SERIES
from splitgym.show.sweep_figure import sweep_figure
from splitgym.show.sweep_words import unit_of
from tests.helpers import run_python
from tests.pictures import assert_words

SHORT = {"tasks.count": 12}
DEADLINES = {"tasks.deadline_min_s": [0.1, 0.2, 0.3], "tasks.deadline_max_s": (0.1, 0.2, 0.3)}
ARGUMENTS = ["sweep", "device", "enachi", "--scenario", "enachi", "--episodes", "2", "--set", "tasks.count=8"]
OVER = ["--over", "tasks.deadline_min_s,tasks.deadline_max_s=0.1,0.2,0.3"]


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return sweep(["enachi", "random", "device"], "SplitInference-v0", "enachi", DEADLINES, 3, 7, changes=SHORT)


def small(**over: list) -> Sweep:
    return sweep(["edge", "device"], over=over or {"tasks.hint_std": [0.0]}, episodes=2, changes={"tasks.count": 5})


def figure_of(swept: Sweep, *measures: str):
    return sweep_figure(swept, swept.measures(measures or None))


def printed(swept: Sweep, width: int, *measures: str) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(swept.table(measures or None))
    return capture.get()


# ------------------------------------------------------------------ what is played
def test_every_value_equals_an_evaluation(swept) -> None:
    assert swept.values == [0.1, 0.2, 0.3]
    for value, results in zip(swept.values, swept.results, strict=True):
        changes = {**SHORT, "tasks.deadline_min_s": value, "tasks.deadline_max_s": value}
        alone = evaluate(swept.policies, scenario="enachi", episodes=3, seed=7, changes=changes)
        assert results.scenario.digest() == alone.scenario.digest() == load_scenario("enachi", **changes).digest()
        for policy, measure in itertools.product(alone.policies, alone.measures):
            if measure.name != "decision_s":  # a time that was measured
                mine, wanted = (r.figure(policy, measure.name) for r in (results, alone))
                np.testing.assert_array_equal(mine, wanted, err_msg=measure.name, strict=True)


def test_values_matter_and_means_are_those_of_the_figures(swept) -> None:
    means, halves = swept.means("enachi", "energy")
    for place, results in enumerate(swept.results):
        assert (means[place], halves[place]) == mean_interval(results.figure("enachi", "energy"))
    assert len(set(swept.means("device", "accuracy")[0])) > 1


def test_other_worlds_and_words_are_swept() -> None:
    over = {"hardware": ["vgg16", "resnet50"], "requests.count": [3, 4]}
    swept = sweep("random", "HardwareSplit-v0", over=over, episodes=2)
    assert [r.scenario.hardware.name for r in swept.results] == ["vgg16", "resnet50"]
    assert [r.scenario.requests.count for r in swept.results] == [3, 4]
    assert {(row["hardware"], row["requests.count"]) for row in swept.rows()} == {("vgg16", 3), ("resnet50", 4)}
    assert swept.caveats == [swept.results[1].scenario.caveat]
    assert swept.caveats[0] in printed(swept, 200)


def test_numbers_of_numpy_are_plain_numbers() -> None:
    swept = small(**{"tasks.hint_std": np.linspace(0.0, 0.5, 2)})  # type: ignore[arg-type]
    assert [type(value) for value in swept.values] == [float, float]
    assert json.loads(swept.to_json())["over"] == {"tasks.hint_std": [0.0, 0.5]}


def test_import_brings_it_when_it_is_asked_for() -> None:
    code = "import sys, splitgym; print('splitgym.evaluation' in sys.modules); splitgym.Sweep; print(splitgym.sweep)"
    first, second = run_python(code).splitlines()
    assert first == "False"
    assert second.startswith("<function sweep")
    assert {"sweep", "Sweep"} <= set(splitgym.__all__)


# ------------------------------------------------------------------ rows and files
def test_rows_are_tidy(swept) -> None:
    rows = swept.rows()
    assert len(rows) == 3 * 3 * 3
    assert list(rows[0])[:6] == ["policy", "environment", "scenario", *DEADLINES, "seed"]
    assert {row["tasks.deadline_min_s"] for row in rows} == {0.1, 0.2, 0.3}
    assert all(row["tasks.deadline_min_s"] == row["tasks.deadline_max_s"] for row in rows)
    means = swept.frame().groupby(["policy", "tasks.deadline_max_s"])["accuracy"].mean()
    np.testing.assert_allclose(means["enachi"], swept.means("enachi", "accuracy")[0], rtol=1e-12)


def test_csv_and_json_hold_every_row(swept, tmp_path) -> None:
    text = swept.to_csv(tmp_path / "deep" / "rows.csv")
    with (tmp_path / "deep" / "rows.csv").open(encoding="utf-8") as stream:
        read = list(csv.DictReader(stream))
    assert text == (tmp_path / "deep" / "rows.csv").read_text()
    assert [{k: str(v) for k, v in row.items()} for row in swept.rows()] == read
    document = json.loads(swept.to_json(tmp_path / "all.json"))
    assert document == json.loads((tmp_path / "all.json").read_text())
    for row, wanted in zip(document["rows"], swept.rows(), strict=True):
        assert row == {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in wanted.items()}
    assert document["over"] == {key: list(values) for key, values in DEADLINES.items()}
    assert [entry["value"]["tasks.deadline_min_s"] for entry in document["values"]] == swept.values
    assert [entry["scenario_digest"] for entry in document["values"]] == [s.digest() for s in swept.settings]


# ------------------------------------------------------------------ mistakes
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"over": {}}, "at least one key"),
        ({"over": {"tasks.count": []}}, "must hold 1 to 10000 values, got none"),
        ({"over": {"tasks.count": [1, 2], "tasks.hint_std": [0.1]}}, "'tasks.count': 2, 'tasks.hint_std': 1"),
        ({"over": {"tasks.count": "12"}}, "must be a list of values, got '12'"),
        ({"over": {"tasks.count": 12}}, "must be a list of values, got 12"),
        ({"over": {"tasks.count": [5, 6, 5]}}, "tasks.count = 5 is given twice"),
        ({"over": {"tasks.count": [5]}, "changes": {"tasks.count": 9}}, "swept and also changed to 9"),
        ({"over": {"tasks.cuont": [5]}}, "did you mean 'count'"),
        ({"over": {"tasks.count": [5, -1]}}, "tasks.count must be"),
        ({"policies": "enachy"}, "did you mean 'enachi'"),
        ({"policies": []}, "policies must hold 1 to 10000 registered names, .* got none"),
        ({"policies": "dynasplit_aware"}, "plays HardwareSplit-v0, not SplitInference-v0"),
        ({"env_id": "SplitInference-v1"}, "did you mean 'SplitInference-v0'"),
        ({"scenario": "enachy"}, "did you mean 'enachi'"),
    ],
)
def test_wrong_arguments_say_what_to_do(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        sweep(**{"policies": "device", "over": {"tasks.count": [5]}, "episodes": 1, **arguments})


def test_all_values_are_checked_before_the_first_is_played() -> None:
    with pytest.raises(ValueError, match=r"tasks\.count must be"):
        sweep("device", over={"tasks.count": [5, 0]}, progress=lambda name, share: pytest.fail("played"))


def test_what_a_policy_refuses_names_the_value(monkeypatch) -> None:
    class Choosy(splitgym.Policy):
        """Plays five tasks, not six."""

        name = "choosy"

        def __init__(self, env, *, seed: int = 0) -> None:
            super().__init__(env, seed=seed)
            if self.scenario.tasks.count != 5:
                raise ValueError("choosy needs five tasks")

        def decide(self, views, decisions) -> None:
            decisions["cut"] = decisions["edge_cut"] = self.params.last_cut
            decisions["clock_hz"] = self.scenario.device.clocks_hz[0]

    monkeypatch.setitem(splitgym.policy.POLICIES._table, "choosy", Choosy)
    with pytest.raises(ValueError, match=r"choosy needs five tasks \(at tasks.count = 6\)"):
        sweep("choosy", over={"tasks.count": [5, 6]}, episodes=1)


def test_misspelt_measures_name_the_nearest(swept) -> None:
    with pytest.raises(ValueError, match="'acuracy'; did you mean 'accuracy'"):
        swept.measures(["acuracy"])
    with pytest.raises(ValueError, match="measures must hold 1 to 10000 names, got none"):
        swept.measures([])
    assert [m.name for m in swept.measures()] == ["accuracy", "energy"]


# ------------------------------------------------------------------ interrupted
def test_progress_names_every_value_and_policy() -> None:
    seen: dict[str, float] = {}
    sweep(["device", "edge"], over={"tasks.count": [4, 5]}, episodes=1, progress=seen.__setitem__)
    done = {f"{count}: {policy}": 1.0 for count in (4, 5) for policy in ("device", "edge")}
    assert seen == done | {name.replace(": ", ": preparing "): 0.0 for name in done}


def test_an_interrupted_sweep_leaves_finished_values(tmp_path) -> None:
    def interrupted(name: str, share: float) -> None:
        if name == "0.3: edge":
            raise KeyboardInterrupt

    file = tmp_path / "rows.csv"
    with pytest.raises(KeyboardInterrupt):
        sweep(
            *(["device", "edge"], "SplitInference-v0", "enachi", DEADLINES, 2),
            changes={"tasks.count": 5},
            progress=interrupted,
            each=lambda done: done.to_csv(file),
            workers=1,
        )
    with file.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["tasks.deadline_min_s"] for row in rows] == ["0.1"] * 4 + ["0.2"] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_an_interrupted_command_says_what_is_kept(tmp_path, monkeypatch, capsys) -> None:
    calls = itertools.count()

    def interrupted(*arguments, **options):
        if next(calls) == 4:  # two policies at each value
            raise KeyboardInterrupt
        return play(*arguments, **options)

    monkeypatch.setattr("splitgym.evaluation.plans.play", interrupted)
    file = tmp_path / "rows.csv"
    assert main([*ARGUMENTS, *OVER, "--csv", str(file), "--workers", "1"]) == 130
    assert f"the first 2 of 3 values are kept in {file}" in " ".join(capsys.readouterr().err.split())
    assert len(file.read_text().splitlines()) == 1 + 2 * 2 * 2


# ------------------------------------------------------------------ table
def test_tables_hold_every_mean(swept) -> None:
    text = printed(swept, 200, "accuracy", "final_debt")
    assert "accuracy [%]: share of all tasks answered correctly in time" in text
    assert "final debt [budgets]" in text
    assert "tasks.deadline_max_s [s]" in text
    for policy in swept.policies:
        assert policy in text
        for mean, half in zip(*swept.means(policy, "accuracy"), strict=True):
            assert f"{100 * mean:.1f} ± {100 * half:.1f}" in text


def test_tables_are_never_cut() -> None:
    swept = sweep(policy_names("SplitInference-v0")[:6], over={"tasks.count": [4, 5]}, episodes=2)
    tables = {}
    for width in (40, 60, 80, 120, 300):
        text = printed(swept, width)
        assert "…" not in text
        assert max(len(line) for line in text.splitlines()) <= width
        for policy in swept.policies:
            assert text.count(f" {policy} ") == 2
        tables[width] = text.count("┏"), " ± " in text.partition("at each value")[2]
    assert tables[300] == (2, True)  # a table for each measure
    assert tables[40][0] > tables[60][0] > 2


def test_agents_are_marked() -> None:
    class Agent:
        """Plays device-only, but is an object, hence an agent."""

        name, action = "mine", "multidiscrete"

        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            return np.tile([6, 6, 3, 0], (len(observation), 1)), state

    swept = sweep([Agent(), "device"], over={"tasks.count": [4, 5]}, episodes=2)
    assert "mine*" in printed(swept, 120)
    assert "* trained agent" in printed(swept, 120)
    legend = figure_of(swept).legends[0]
    assert {text.get_text() for text in legend.get_texts()} >= {"mine*", "device"}
    assert legend.get_title().get_text() == "* trained agent"


# ------------------------------------------------------------------ picture
def assert_units(figure) -> None:
    for axes in (axes for axes in figure.axes if axes.get_visible()):
        assert axes.get_xlabel()
        assert axes.get_ylabel().replace("\n", " ").endswith("]")
        assert axes.get_title(loc="left")


def test_picture_shows_every_policy_with_its_interval(swept) -> None:
    figure = figure_of(swept)
    assert_words(figure)
    assert_units(figure)
    accuracy, energy = figure.axes
    assert accuracy.get_xlabel().replace("\n", " ") == "tasks.deadline_min_s and tasks.deadline_max_s [s]"
    lines = [line for line in energy.lines if len(line.get_xdata()) == 3]
    for policy, line in zip(swept.policies, lines, strict=True):
        np.testing.assert_allclose(line.get_ydata(), swept.means(policy, "energy")[0], rtol=1e-12)
    assert len(energy.collections) == 3
    budget = [line for line in energy.lines if list(line.get_ydata()) == [1.0, 1.0]]
    assert len(budget) == 1
    assert energy.get_ylim()[0] < 1.0 < energy.get_ylim()[1]
    assert not [line for line in accuracy.lines if line.get_linestyle() == "--"]
    assert swept.setting in figure._suptitle.get_text()


def test_legend_stands_outside_and_names_the_line_where_it_is_drawn(swept) -> None:
    for measures, named in (((), True), (("accuracy", "missed", "on_time", "return"), False)):
        figure = figure_of(swept, *measures)
        assert_words(figure)
        box = figure.legends[0].get_window_extent()
        assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        assert sorted(set(swept.policies) & set(names)) == sorted(swept.policies)
        assert ("line: 1 x budget" in names) is named


def test_twelve_policies_look_different() -> None:
    names = policy_names("SplitInference-v0")
    swept = sweep(names, over={"tasks.count": [3, 4]}, episodes=1)
    figure = figure_of(swept)
    assert_words(figure)
    looks = {(h.get_color(), h.get_marker()) for h in figure.legends[0].legend_handles if h.get_marker() != "None"}
    assert len(looks) == len(names) >= 12
    assert {colour for colour, _ in looks} == set(SERIES)


@pytest.mark.parametrize(
    ("over", "scales"),
    [
        ({"tasks.count": range(2, 22)}, ("linear", "linear")),
        ({"radio.bandwidth_hz": [1e5, 1e6, 3e7]}, ("log", "linear")),
        ({"budget.energy_j": [1e-5, 1e-3, 1e-1]}, ("log", "log")),
        ({"cloud.enabled": [True, False]}, ("linear", "linear")),
        ({"tasks.count": [9]}, ("linear", "linear")),
        ({"arrivals.parameters.mean_s": [0.5, 0.4], "tasks.count": [3, 4]}, ("linear", "linear")),
        ({"device.clocks_hz": [[c * 1e8, 1e9] for c in range(1, 9)]}, ("linear", "linear")),
    ],
)
def test_pictures_of_all_kinds_of_values(over, scales) -> None:
    swept = sweep(["edge", "device"], over=over, episodes=2, changes=None if "tasks.count" in over else SHORT)
    figure = figure_of(swept, "energy")
    assert_words(figure)
    assert_units(figure)
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == scales


def test_measures_without_a_figure_leave_a_gap() -> None:
    swept = sweep(["device"], scenario="enachi", over=DEADLINES, episodes=2, changes={"tasks.count": 4})
    assert np.isnan(swept.means("device", "latency_p95_s")[0][0])
    assert_words(figure_of(swept, "latency_p95_s"))
    assert " - " in printed(swept, 120, "latency_p95_s")


def test_a_policy_without_any_figure_leaves_the_others(monkeypatch) -> None:
    swept = small(**{"tasks.hint_std": [0.0, 0.5]})
    curves = {"edge": ([1e-3, 1.0], [1e-2, 0.1]), "device": ([np.nan, np.nan], [np.nan, np.nan])}
    monkeypatch.setattr(swept, "means", lambda policy, measure: tuple(map(np.array, curves[policy])))
    figure = figure_of(swept, "energy")
    assert_words(figure)
    assert figure.axes[0].get_yscale() == "log"
    assert " - " in printed(swept, 120, "energy")


def test_wide_intervals_do_not_flatten_the_lines() -> None:
    swept = sweep(["edge", "device"], over={"tasks.count": [2, 3]}, episodes=2)
    low, high = figure_of(swept, "accuracy").axes[0].get_ylim()
    assert -20.0 < low < high < 120.0


def test_units_and_labels() -> None:
    scenario = load_scenario("default")
    assert unit_of(scenario, "radio.bandwidth_hz") == "Hz"
    assert [unit_of(scenario, key) for key in ("dnn", "tasks.hint_std", "arrivals.parameters.mean_s")] == [""] * 3
    assert [label(value) for value in (True, 3, 0.125, "x", [1, 0.5], {"a": 1})] == [
        *("true", "3", "0.125", "x", "[1, 0.5]", "a 1")
    ]


# ------------------------------------------------------------------ command line
def test_over_reads_lists_and_ranges() -> None:
    assert over_of(["a.b,a.c=1,0.5,1e-3"]) == {"a.b": [1, 0.5, 1e-3], "a.c": [1, 0.5, 1e-3]}
    assert over_of(["a=1:4", "b=2:9:3"]) == {"a": [1, 2, 3, 4], "b": [2, 5, 8]}
    assert over_of(["a=1:3,10,20:21"]) == {"a": [1, 2, 3, 10, 20, 21]}
    assert over_of(["a=-1:1"]) == {"a": [-1, 0, 1]}
    assert over_of(["a=10:20:05"]) == {"a": [10, 15, 20]}  # no time of day
    assert over_of(["a=vgg16, vit", 'b="x,y",true']) == {"a": ["vgg16", "vit"], "b": ["x,y", True]}
    assert over_of(["a=[1, 2],[3]"]) == {"a": [[1, 2], [3]]}
    assert over_of(["a={m = 1, n = 2}"]) == {"a": [{"m": 1, "n": 2}]}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--over", "tasks.count"], "--over needs KEY[,KEY...]=VALUES, got 'tasks.count'"),
        (["--over", "tasks.count="], "--over needs KEY"),
        (["--over", "=3"], "--over needs KEY"),
        (["--over", "tasks.count=5:1"], "the range '5:1' holds nothing"),
        (["--over", "tasks.count=1:5:0"], "STEP >= 1"),
        (
            ["--over", "tasks.hint_std=0.1:0.5:0.1"],
            "a range A:B or A:B:STEP takes whole numbers, got '0.1:0.5:0.1'; list the values",
        ),
        (["--over", "radio.slots=1"], "did you mean 'slot_s'"),
        (["--over", "tasks.hint_std,tasks.hint_std=1"], "names 'tasks.hint_std' twice"),
        (["--over", "tasks.hint_std=0,1", "--over", "tasks.next_arrival_known=true"], "equally many values"),
        (["--over", "tasks.hint_std=0", "--measures", "acuracy"], "did you mean 'accuracy'"),
        (["--over", "tasks.hint_std=0", "--plot", "x.gif"], "--plot needs a file that ends in .png"),
        (["--over", "tasks.hint_std=0", "--csv", "."], "--csv needs a file, got the folder"),
        (["enachy", "--over", "tasks.hint_std=0"], "did you mean 'enachi'"),
    ],
)
def test_mistakes_end_with_status_2_and_a_remedy(extra, message, capsys) -> None:
    assert main(["sweep", "device", *extra, "--episodes", "1", "--set", "tasks.count=4"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_command_prints_and_writes(tmp_path, capsys) -> None:
    files = ["--csv", str(tmp_path / "a" / "rows.csv"), "--plot", str(tmp_path / "b" / "plot.png")]
    assert main([*ARGUMENTS, *OVER, *files, "--measures", "energy", "final_debt"]) == 0
    out = capsys.readouterr().out
    assert "energy [x budget]" in out
    assert "final debt" in out
    assert "accuracy" not in out
    assert len((tmp_path / "a" / "rows.csv").read_text().splitlines()) == 1 + 3 * 2 * 2
    assert (tmp_path / "b" / "plot.png").read_bytes()[:4] == b"\x89PNG"
    assert main([*ARGUMENTS, *OVER, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["changes"] == {"tasks.count": 8}
    assert len(document["rows"]) == 12


def test_all_means_all_baselines(capsys) -> None:
    setting = ["--env", "HardwareSplit-v0", "--set", "requests.count=3", "--episodes", "1", "--json"]
    assert main(["sweep", "all", "random", *setting, "--over", "hardware=vgg16"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["policy"] for row in rows] == policy_names("HardwareSplit-v0")
