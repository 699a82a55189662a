"""The offline searches: what they evaluate, what they find, how they go on after an interruption."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from splitgym.baselines.search import (
    SEARCHES,
    Problem,
    budget_of,
    compare_searches,
    energy_ratio,
    hypervolume_ratio,
    problem_of,
    search,
)
from splitgym.cli import main
from splitgym.encodings import Axis
from splitgym.fronts import costs_of, nondominated
from splitgym.show.front import front_figure, words_box
from splitgym.worlds.world import world_of

AXES = (
    Axis(name="clock_hz", unit="Hz", levels=(6e8, 8e8, 1.0e9, 1.2e9, 1.4e9, 1.6e9, 1.8e9), meaning="clock"),
    Axis(name="mode", unit="1", levels=(0, 1, 2), meaning="accelerator"),
    Axis(name="split", unit="1", levels=(0, 1, 2, 3, 4), meaning="split layer"),
    Axis(name="gpu", unit="1", levels=(0, 1), meaning="server GPU"),
)
NETWORKS = ("vgg16", "resnet50", "mobilenetv2", "vit")


class Counter:
    """A model of 7 x 3 x 5 x 2 decisions that writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, ...]] = []

    def __call__(self, decisions: np.ndarray) -> np.ndarray:
        self.asked += map(tuple, decisions.tolist())
        clock_ghz, mode, split, gpu = decisions.T * np.array([[1e-9], [1.0], [1.0], [1.0]])
        latency_s = (0.01 + 0.3 * split / clock_ghz / (1 + 4 * mode)) + (4 - split) * (0.05 - 0.03 * gpu)
        energy_j = split * (1.0 + clock_ghz**2) / (1 + mode) + (4 - split) * (9.0 + 2.0 * gpu)
        accuracy = 0.6 + 0.001 * ((3 * split + mode) % 5)
        return np.stack([latency_s, energy_j, accuracy], axis=1)


def small(objectives: tuple[str, ...] = ("latency", "accuracy", "energy")) -> tuple[Problem, Counter]:
    """A problem with the published kind of invalid combinations, and its counter."""
    grid = np.array(list(itertools.product(*(axis.levels for axis in AXES))), np.float64)
    invalid = ((grid[:, 2] == 0) & (grid[:, 1] > 0)) | ((grid[:, 2] == 4) & (grid[:, 3] > 0))
    counter = Counter()
    head = {"env_id": "Fake-v0", "scenario": "small", "digest": "ab" * 32}
    return Problem(
        **head,
        axes=AXES,
        objectives=objectives,
        table=grid[~invalid],
        evaluate=counter,
        limits=lambda: np.array([0.1, 0.5]),
    ), counter


def hardware(network: str) -> Problem:
    world = world_of("HardwareSplit-v0")
    return problem_of(world, world.load_scenario("default", hardware=network))


# ------------------------------------------------------------------ problem and budget
@pytest.mark.parametrize(
    ("network", "raw", "valid", "fifth", "most"),
    [
        ("vgg16", 966, 917, 184, 734),
        ("resnet50", 1722, 1673, 335, 1339),
        ("mobilenetv2", 3192, 3143, 629, 2515),
        ("vit", 840, 273, 55, 219),
    ],
)
def test_published_spaces_and_budgets(network, raw, valid, fifth, most) -> None:
    problem = hardware(network)
    assert (problem.raw, len(problem.table)) == (raw, valid)
    assert (budget_of(problem, 0.2), budget_of(problem, 0.8), budget_of(problem, 1.0)) == (fifth, most, valid)


def test_a_share_is_the_decimal_that_was_written() -> None:
    problem, _ = small()
    for n, share, budget in ((15, 0.2, 3), (10, 0.7, 7), (100, 0.07, 7), (100, 0.29, 29), (7, 1e-9, 1), (7, 1, 7)):
        shorter = dataclasses.replace(problem, table=problem.table[:1].repeat(n, axis=0))
        assert budget_of(shorter, share) == budget
    for share in (0.0, -0.1, 1.0001, float("nan")):
        with pytest.raises(ValueError, match=r"share in \(0, 1\]"):
            budget_of(problem, share)


# ------------------------------------------------------------------ the searches
@pytest.mark.parametrize("objectives", [("latency", "accuracy", "energy"), ("latency", "energy")])
@pytest.mark.parametrize("method", list(SEARCHES))
def test_searches_find_the_nondominated_of_what_they_evaluate(method, objectives) -> None:
    problem, counter = small(objectives)
    calls: list[tuple[int, int]] = []
    front = search(problem, method, budget=0.25, seed=5, progress=lambda *call: calls.append(call))
    allowed = len(problem.table) if method == "exhaustive" else budget_of(problem, 0.25)
    valid = set(map(tuple, problem.table.tolist()))
    assert (front.budget, front.evaluated, len(counter.asked)) == (allowed, allowed, allowed)
    assert len(set(counter.asked)) == allowed, "nothing twice"
    assert set(counter.asked) <= valid, "nothing invalid"
    assert calls[-1] == (allowed, allowed)
    asked = np.array(counter.asked)
    values = Counter()(asked)
    best = nondominated(costs_of(values, objectives))
    assert set(map(tuple, front.decisions.tolist())) == set(map(tuple, asked[best].tolist()))
    np.testing.assert_array_equal(front.values, Counter()(front.decisions))
    assert (front.search, front.seed, front.axes) == (method, 5, tuple(axis.name for axis in AXES))


@pytest.mark.parametrize("method", ["random", "nsga3"])
def test_seeds_decide(method) -> None:
    problem, _ = small()
    one, same, other = (search(problem, method, seed=seed).to_dict()["entries"] for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_searches_refuse() -> None:
    problem, _ = small()
    for arguments, message in (
        ({"method": "nsga"}, "did you mean 'nsga3'"),
        ({"method": "random", "budget": 1.5}, "share in"),
        ({"method": "nsga3", "seed": -1}, "seed of a search"),
        ({"method": "random", "storage": "x.sqlite"}, "only 'nsga3' has a storage"),
    ):
        with pytest.raises(ValueError, match=message):
            search(problem, **arguments)
    broken = dataclasses.replace(problem, evaluate=lambda decisions: np.full((len(decisions), 3), np.nan))
    for method in SEARCHES:
        with pytest.raises(ValueError, match=r"finite|numbers \(no NaN\)"):
            search(broken, method)


def test_nsga3_says_when_it_gives_up() -> None:
    problem, _ = small()
    lonely = dataclasses.replace(problem, table=problem.table[:2])  # 2 of 210 combinations are valid
    missing = dataclasses.replace(
        lonely, table=np.concatenate([lonely.table, [[1.0, 0.0, 0.0, 0.0]]])
    )  # never suggested
    with pytest.warns(RuntimeWarning, match="2 of 3 evaluations"):
        front = search(missing, "nsga3", budget=1.0)
    assert (front.evaluated, front.budget) == (2, 3)


def test_nsga3_leaves_optuna_as_loud_as_it_was() -> None:
    optuna = pytest.importorskip("optuna")
    level = optuna.logging.get_verbosity()
    problem, _ = small()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(problem, "nsga3", budget=0.05)
    assert optuna.logging.get_verbosity() == level


# ------------------------------------------------------------------ storage
def test_an_interrupted_search_goes_on(tmp_path) -> None:
    problem, counter = small()
    storage, allowed = tmp_path / "new" / "search.sqlite", budget_of(problem, 0.2)

    def interrupt(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(problem, "nsga3", storage=storage, progress=interrupt)
    assert len(counter.asked) == allowed // 2
    front = search(problem, "nsga3", storage=storage)
    assert (front.evaluated, len(counter.asked), len(set(counter.asked))) == (allowed, allowed, allowed)
    again = search(problem, "nsga3", storage=storage)
    assert len(counter.asked) == allowed, "nothing is evaluated again"
    assert again.to_dict() == front.to_dict()
    more = search(problem, "nsga3", budget=0.3, storage=storage)
    assert len(counter.asked) == len(set(counter.asked)) == more.evaluated == budget_of(problem, 0.3)
    assert search(problem, "nsga3", storage=storage).to_dict() == front.to_dict(), "a smaller budget is its beginning"
    search(problem, "nsga3", budget=0.05, seed=1, storage=storage)
    assert len(counter.asked) == more.evaluated + budget_of(problem, 0.05), "another seed is another study"


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal; a job in the background begins with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_waits_for_the_end_of_a_trial() -> None:
    problem, counter = small()
    evaluated: list[int] = []

    def pressed(decisions: np.ndarray) -> np.ndarray:
        if len(counter.asked) == 3:
            signal.raise_signal(signal.SIGINT)
        values = counter(decisions)
        evaluated.append(len(values))
        return values

    with pytest.raises(KeyboardInterrupt):
        search(dataclasses.replace(problem, evaluate=pressed), "nsga3")
    assert len(evaluated) == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


VICTIM = """
import importlib.util, os, signal, sys
spec = importlib.util.spec_from_file_location("victim", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
sys.modules["victim"] = tests
spec.loader.exec_module(tests)
problem, counter = tests.small()
evaluate = problem.evaluate
def killed(decisions):
    if len(counter.asked) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluate(decisions)
tests.search(tests.dataclasses.replace(problem, evaluate=killed), "nsga3", storage=sys.argv[2])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_search_goes_on(tmp_path) -> None:
    storage = tmp_path / "search.sqlite"
    command = [sys.executable, "-c", VICTIM, __file__, str(storage)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    problem, counter = small()
    front = search(problem, "nsga3", storage=storage)
    assert front.evaluated == budget_of(problem, 0.2) == len(counter.asked) + 5


def test_a_file_that_is_no_storage_is_named(tmp_path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("years of work " * 100)
    problem, _ = small()
    with pytest.raises(ValueError, match=r"notes\.txt' cannot be used as the storage"):
        search(problem, "nsga3", storage=file)
    assert file.read_text() == "years of work " * 100


# ------------------------------------------------------------------ hypervolume
def test_hypervolume_by_hand() -> None:
    problem, _ = small(("latency", "energy"))
    costs = np.array([[0.0, 10.0, 0.5], [1.0, 5.0, 0.5], [2.0, 0.0, 0.5]])  # unit box: (0, 1), (.5, .5), (1, 0)
    problem = dataclasses.replace(problem, table=problem.table[:3], evaluate=lambda decisions: costs[: len(decisions)])
    assert hypervolume_ratio(search(problem), problem) == 1.0  # 0.25 of 0.25
    middle = dataclasses.replace(problem, table=problem.table[1:2], evaluate=lambda decisions: costs[1:2])
    assert hypervolume_ratio(search(middle), problem) == pytest.approx(1.0)
    ends = dataclasses.replace(problem, table=problem.table[:2], evaluate=lambda decisions: costs[[0, 2]])
    assert hypervolume_ratio(search(ends), problem) == 0.0
    costs[1] = 0.5, 7.5, 0.5  # now (.25, .75), worth 3/16, beside (.5, .5)
    four = np.concatenate([costs, [[1.0, 5.0, 0.5]]])
    problem = dataclasses.replace(problem, table=np.zeros((4, 4)), evaluate=lambda decisions: four)
    one = dataclasses.replace(problem, table=np.zeros((1, 4)), evaluate=lambda decisions: four[1:2])
    assert hypervolume_ratio(search(one), problem) == pytest.approx((3 / 16) / (1 / 4 + 1 / 16))


def test_hypervolume_wants_fronts_of_its_problem() -> None:
    problem, _ = small()
    assert hypervolume_ratio(search(problem), problem) == pytest.approx(1.0)
    other = dataclasses.replace(problem, digest="cd" * 32)
    with pytest.raises(ValueError, match="the front is of scenario"):
        hypervolume_ratio(search(problem), other)


def test_both_searches_come_close_and_neither_is_better() -> None:
    """The published reading: at a fifth of the space NSGA-III and random search cannot be told apart."""
    calls: list[tuple[int, int]] = []
    ratings = compare_searches(hardware("vit"), seeds=range(20), progress=lambda *call: calls.append(call))
    assert calls[-1] == (40, 40)
    for rows in ratings.values():
        assert {method: len(row) for method, row in rows.items()} == {"nsga3": 20, "random": 20}
    for ratio in ratings["hypervolume"].values():
        assert 0.86 < ratio.mean() < 0.97
        assert ratio.max() <= 1.0 + 1e-9
    for ratio in ratings["energy"].values():
        assert ratio.min() > 1.0


def test_energy_ratio_by_hand() -> None:
    """The front of vit cut down to its two ends: each limit takes the frugal one if it can, else the fast one."""
    problem = hardware("vit")
    whole = search(problem)
    ends = [whole.frugal(), whole.fastest()]
    cut = {name: getattr(whole, name)[ends] for name in ("decisions", "latency_s", "energy_j", "accuracy")}
    front = dataclasses.replace(whole, **cut)
    wanted = kept = 0.0
    for limit_s in problem.limits_s:
        fits = [i for i in range(len(whole)) if whole.latency_s[i] <= limit_s] or [whole.fastest()]
        wanted += min(whole.energy_j[i] for i in fits)
        kept += whole.energy_j[ends[0] if whole.latency_s[ends[0]] <= limit_s else ends[1]]
    assert energy_ratio(front, problem) == pytest.approx(kept / wanted, rel=1e-12)
    assert energy_ratio(whole, problem) == 1.0


# ------------------------------------------------------------------ picture and command
@pytest.mark.parametrize("method", ["exhaustive", "random"])
@pytest.mark.parametrize("network", NETWORKS)
def test_picture_names_the_ends_within_the_frame(network, method) -> None:
    problem = hardware(network)
    front = search(problem, method)
    figure = front_figure(problem.values, front, "a title")
    axes = figure.axes[0]
    assert len(figure.axes) == (2 if network == "vgg16" else 1)  # colour bar
    notes = [text for text in axes.texts if "J" in text.get_text()]
    assert len(notes) == (1 if front.fastest() == front.frugal() else 2)
    boxes = [words_box(note) for note in notes]
    frame = axes.get_window_extent()
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_optimize_writes_and_prints(tmp_path, capsys) -> None:
    out = tmp_path / "results" / "front"
    arguments = ["optimize", "--network", "vit", "--budget", "0.05", "--out", str(out), "--quiet"]
    assert main([*arguments, "--compare", "2"]) == 0
    text = capsys.readouterr().out
    assert "most frugal" in text
    assert "front's, larger is better; 2 seeds\n  nsga3   mean" in text
    assert f"splitgym evaluate dynasplit:front={out}.json --env HardwareSplit-v0 --set hardware=vit" in text
    assert {path.name for path in out.parent.iterdir()} == {"front.json", "front.png", "front.sqlite"}
    assert main([*arguments, "--search", "random", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["valid"], document["evaluated"], document["raw"]) == (273, 14, 840)
    assert document["files"]["storage"] is None


def test_optimize_says_how_to_go_on(tmp_path, capsys, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("splitgym.cli.optimizing.search", interrupted)
    assert main(["optimize", "--out", str(tmp_path / "front"), "--quiet"]) == 130
    assert "front.sqlite; to go on, repeat the command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--search", "nsga"], "did you mean 'nsga3'"),
        (["--network", "vgg"], "did you mean 'vgg16'"),
        (["--network", "vit", "--env", "SplitInference-v0"], "have no key 'hardware'"),
        (["--env", "HardwareSplit"], "unknown environment"),
        (["--budget", "2"], "share in (0, 1]"),
        (["--compare", "-1"], "--compare must be an integer >= 0 and <= 10000, got -1"),
    ],
)
def test_optimize_refuses_with_a_remedy(arguments, message, tmp_path, capsys) -> None:
    assert main(["optimize", "--out", str(tmp_path / "front"), "--quiet", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
