"""Long runs: the account equals the evaluation, the debt its recursion; the drift test keeps its promises."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from rich.console import Console
from scipy import signal, stats

import splitgym
from splitgym import Stability, evaluate, load_scenario, stability
from splitgym.cli import main
from splitgym.envs.single import SplitEnv
from splitgym.evaluation.debt_growth import BLOCKS, TOLERANCE, Drift, drift, least_steps
from splitgym.show.stability import binned, bins, stability_figure
from tests.helpers import run_python
from tests.pictures import assert_words

TASKS, SEED = 2000, 3
POLICIES = ["enachi", "device", "myopic"]


@pytest.fixture(scope="module")
def runs() -> Stability:
    return stability(POLICIES, tasks=TASKS, seed=SEED)


def printed(done: Stability) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(done.table())
    return capture.get()


# ------------------------------------------------------------------ what is played
def test_a_run_is_the_evaluation_of_one_long_episode(runs) -> None:
    results = evaluate(POLICIES, episodes=1, seed=SEED, changes={"tasks.count": TASKS})
    assert runs.scenario.digest() == results.scenario.digest()
    for policy, run in runs.runs.items():
        for name in set(run.figures):
            np.testing.assert_array_equal(run.figures[name], results.figure(policy, name)[0], err_msg=name)
        assert run.ledger.correct.sum() / TASKS == run.figures["accuracy"]
        assert run.debt[-1] == run.figures["final_debt"]
        assert run.average_energy[-1] == pytest.approx(run.figures["energy"], rel=1e-12)
        assert run.ledger.tasks.tolist() == [1] * TASKS


def test_the_account_is_what_single_steps_tell(runs) -> None:
    env = SplitEnv("inference", load_scenario("default", **{"tasks.count": TASKS}), action="dict")
    policy = splitgym.make_policy("device", env)
    observation, info = env.reset(seed=SEED)
    energy_j, correct, served, over = np.zeros(TASKS), np.zeros(TASKS), [], False
    ledger = runs.runs["device"].ledger
    while not over:
        observation, _, _, over, info = env.step(policy.predict(observation)[0])
        task = info["task"]
        energy_j[task], correct[task] = info["energy_j"], info["correct"]
        assert ledger.debt_j[task + info["missed"]] == info["queue_j"]
        served.append(task)
    assert len(served) < TASKS  # some were missed
    np.testing.assert_array_equal(ledger.energy_j, energy_j)
    np.testing.assert_array_equal(ledger.correct, correct)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_debt_is_its_recursion_and_bounds_the_overspending(runs, policy) -> None:
    ledger, budget_j = runs.runs[policy].ledger, runs.scenario.budget.energy_j
    debt_j, debts_j = 0.0, []
    for spent_j in ledger.energy_j.tolist():
        debt_j = max(debt_j + spent_j - budget_j, 0.0)
        debts_j.append(debt_j)
    assert ledger.debt_j.tolist() == debts_j
    excess = np.cumsum(ledger.energy_j) - np.arange(1, TASKS + 1) * budget_j
    assert (ledger.debt_j >= excess - 1e-12).all()
    (entry,) = (e for e in runs.summary() if e["policy"] == policy)
    assert entry["energy"] <= 1.0 + entry["debt_rate"] + 1e-12
    assert (entry["max_debt"], entry["final_debt"]) == (max(debts_j) / budget_j, debts_j[-1] / budget_j)


def test_several_devices_answer_for_the_one_that_owes_most() -> None:
    env_id, policies = "SplitInferenceMultiUser-v0", ["device", "edge"]
    done = stability(policies, env_id, "default", TASKS, SEED)
    results = evaluate(policies, env_id, episodes=1, seed=SEED, changes={"frames.count": TASKS})
    for policy, run in done.runs.items():
        assert run.debt[-1] == results.figure(policy, "worst_debt")[0]
        assert run.ledger.correct.sum() / run.ledger.tasks.sum() == results.figure(policy, "accuracy")[0]
        assert run.average_energy[-1] == pytest.approx(results.figure(policy, "energy")[0], rel=1e-12)
    assert "frames" in printed(done)
    assert done.account.note in printed(done)
    assert done.account.note in stability_figure(done).get_suptitle()


def test_same_seed_same_run_whoever_else_plays(runs) -> None:
    again = stability("myopic", tasks=TASKS, seed=SEED)
    np.testing.assert_array_equal(again.runs["myopic"].debt, runs.runs["myopic"].debt)
    other = stability("myopic", tasks=TASKS, seed=SEED + 1).runs["myopic"].ledger
    assert (other.energy_j != again.runs["myopic"].ledger.energy_j).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env_id": "HardwareSplit-v0"}, r"no energy budget.*SplitInference-v0, SplitInferenceMultiUser-v0"),
        ({"env_id": "BlockPlacement-v0"}, "no energy budget"),
        ({"env_id": "ProgressiveTransmission-v0"}, "no energy budget"),
        ({"changes": {"budget.energy_j": float("inf")}}, r"budget\.energy_j"),
        ({"changes": {"budget.energy_j": 0.0}}, r"budget\.energy_j must be"),
        ({"tasks": least_steps() - 1}, f"needs tasks >= {least_steps()}, got {least_steps() - 1}"),
        ({"tasks": 2e4}, "tasks must be an integer"),
        ({"tasks": 100_000_000}, "tasks must be an integer >= 1 and <= 10000000, got 100000000"),
        ({"changes": {"tasks.count": 3000}}, "give it as tasks=3000"),
        ({"changes": {"device.battery_j": 1.0}}, "device emptied the battery after"),
        ({"policies": []}, "policies must hold 1 to 10000 registered names, .* got none"),
        ({"policies": ["device", "device"]}, "different names"),
        ({"policies": "enachy"}, "did you mean 'enachi'"),
    ],
)
def test_wrong_arguments_say_what_to_do(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        stability(**{"policies": "device", "tasks": least_steps(), **arguments})


# ------------------------------------------------------------------ the test of the drift, on series of known truth
def noise(seed: int, n: int, memory: float, runs: int = 300) -> np.ndarray:
    """Increments (runs, n) of mean 0 and variance 1, correlated by ``memory`` from step to step."""
    fresh = np.random.default_rng(seed).standard_normal((runs, n))
    return signal.lfilter([np.sqrt(1.0 - memory**2)], [1.0, -memory], fresh, axis=1)


def reflected(increments: np.ndarray) -> np.ndarray:
    """Queues (runs, n) of increments, by Skorokhod's map instead of the recursion."""
    walk = np.cumsum(increments, axis=1)
    return walk - np.minimum(np.minimum.accumulate(walk, axis=1), 0.0)


def share(debts: np.ndarray, verdict: str) -> float:
    return float(np.mean([drift(debt).verdict == verdict for debt in debts]))


def test_constant_growth_is_unstable_and_constant_debt_is_stable() -> None:
    steps = np.arange(least_steps())
    growing = drift(0.25 * steps)
    assert growing == Drift(0.25, 0.25, 0.25)
    assert growing.verdict == "unstable"
    for debt in (np.zeros(len(steps)), np.full(len(steps), 7.0), 1e4 - 0.25 * steps):
        assert drift(debt).verdict == "stable"


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_growing_queues_are_unstable(memory) -> None:
    assert share(reflected(0.1 + 0.3 * noise(1, 20_000, memory)), "unstable") == 1.0


@pytest.mark.parametrize(("memory", "slack"), [(0.0, -0.05), (0.9, -0.1)])
def test_queues_with_spare_budget_are_stable(memory, slack) -> None:
    debts = reflected(slack + 0.2 * noise(2, 20_000, memory))
    assert share(debts, "stable") == 1.0


@pytest.mark.parametrize("memory", [0.99, 0.999])
def test_debts_at_rest_around_a_level_are_never_unstable(memory) -> None:
    """Lyapunov controllers hold the debt at a level; the interval is too wide for these, as its docstring says."""
    debts = 10.0 + 3.0 * noise(3, 20_000, memory)
    assert share(debts, "unstable") == 0.0
    assert share(debts, "stable") == 1.0


def test_false_alarms_of_walks_without_drift_are_as_rare_as_the_interval_says() -> None:
    alarms = share(100.0 + np.cumsum(noise(4, 8000, 0.9, runs=800), axis=1), "unstable")
    assert 0.01 < alarms < 0.045  # 2.5 %, give or take two and a half standard errors and the memory


@pytest.mark.parametrize("truth", [0.0, 0.05])
def test_the_interval_covers_the_drift_as_often_as_it_says(truth) -> None:
    found = [drift(debt) for debt in np.cumsum(truth + noise(5, 8000, 0.9, runs=800), axis=1)]
    covered = np.mean([each.low <= truth <= each.high for each in found])
    assert 0.925 < covered < 0.975


def test_a_fitted_line_would_find_growth_where_there_is_none() -> None:
    """Why the increments are tested: block means of walks without drift have significant slopes most of the time."""
    found = []
    for walk in np.cumsum(noise(6, 8000, 0.0), axis=1):
        means = walk[4000:].reshape(BLOCKS, -1).mean(axis=1)
        fit = stats.linregress(np.arange(BLOCKS), means)
        found.append(fit.pvalue < 0.05)
    assert np.mean(found) > 0.6


def test_a_run_too_short_to_tell_is_undecided() -> None:
    debts = reflected(-0.02 + noise(7, least_steps(), 0.9, runs=100))
    assert share(debts, "undecided") > 0.9
    assert Drift(0.0, -1.0, 1.001 * TOLERANCE).verdict == "undecided"
    assert Drift(0.0, -1.0, TOLERANCE).verdict == "stable"
    with pytest.raises(ValueError, match="at least"):
        drift(np.zeros(least_steps() - 1))


def test_growth_is_that_of_the_second_half() -> None:
    debt = np.concatenate([np.linspace(0.0, 500.0, 5000), np.full(5000, 500.0)])
    assert drift(debt) == Drift(0.0, 0.0, 0.0)


# ------------------------------------------------------------------ words, files, pictures
def test_verdicts_stand_in_the_table_stable_first(runs) -> None:
    order = [entry["verdict"] for entry in runs.summary()]
    assert order == sorted(order, key=["stable", "undecided", "unstable"].index)
    verdicts = {entry["policy"]: entry["verdict"] for entry in runs.summary()}
    assert verdicts["device"] == "unstable"
    assert verdicts["myopic"] == "stable"
    text = printed(runs)
    assert all(policy in text for policy in POLICIES)
    assert f"one trace of {TASKS} tasks, seed {SEED}" in text


def test_csv_frame_and_json_hold_everything(runs, tmp_path) -> None:
    text = runs.to_csv(tmp_path / "deep" / "account.csv")
    assert text == (tmp_path / "deep" / "account.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(runs.frame()) == TASKS * len(POLICIES)
    assert list(rows[0]) == list(runs.frame()) == ["policy", "task", "tasks", "correct", "energy_j", "debt_j"]
    assert [float(r["debt_j"]) for r in rows if r["policy"] == "enachi"] == runs.runs["enachi"].ledger.debt_j.tolist()
    document = json.loads(runs.to_json(tmp_path / "all.json"))
    assert document == json.loads((tmp_path / "all.json").read_text())
    assert document["summary"] == runs.summary()
    assert (document["steps"], document["seed"], document["budget_j"]) == (TASKS, SEED, 0.004)


@pytest.mark.parametrize("log", [False, True])
def test_no_peak_is_lost(log) -> None:
    values = np.random.default_rng(8).exponential(size=12_345)
    starts = bins(len(values), log)
    (means, tops), edges = binned(values, starts), [*starts.tolist(), len(values)]
    assert starts[0] == 0
    assert 150 < len(starts) <= 300
    assert (np.diff(starts) > 0).all()
    assert tops.max() == values.max()
    for place in range(0, len(starts), 7):
        part = values[edges[place] : edges[place + 1]]
        assert tops[place] == part.max()
        assert means[place] == pytest.approx(part.mean())


@pytest.mark.parametrize("policies", [["myopic"], POLICIES])
def test_picture_has_a_line_for_each_policy_and_the_budget(policies) -> None:
    done = stability(policies, tasks=TASKS, seed=SEED)
    figure = stability_figure(done)
    assert_words(figure)
    left, right = figure.axes
    assert len(left.lines) == len(right.lines) == len(policies) + 1
    assert left.lines[-1].get_ydata()[0] == right.lines[-1].get_ydata()[0] == 1.0
    assert left.get_yscale() == ("linear" if policies == ["myopic"] else "symlog")
    starts = bins(TASKS, left.get_yscale() == "symlog")
    for debts, averages, policy in zip(left.lines, right.lines, policies, strict=False):
        np.testing.assert_array_equal(debts.get_ydata(), binned(done.runs[policy].debt, starts)[0])
        assert averages.get_ydata()[-1] == done.runs[policy].average_energy[-1]
    tops = [band.get_paths()[0].vertices[:, 1].max() for band in left.collections]
    assert tops == [done.runs[policy].debt.max() for policy in policies]


def test_command_prints_table_and_writes_files(capsys, tmp_path) -> None:
    files = ["--csv", str(tmp_path / "account.csv"), "--plot", str(tmp_path / "debt.png")]
    assert main(["stability", "device", "myopic", "--tasks", "2000", *files]) == 0
    assert "unstable" in capsys.readouterr().out
    assert len((tmp_path / "account.csv").read_text().splitlines()) == 4001
    assert (tmp_path / "debt.png").stat().st_size > 10_000
    assert main(["stability", "device", "--tasks", "2000", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["summary"] == stability("device", tasks=2000).summary()
    assert main(["stability", "all", "--env", "HardwareSplit-v0"]) == 2
    assert "has no energy budget" in capsys.readouterr().err
    assert main(["stability", "device", "--plot", str(tmp_path / "debt.bmp")]) == 2
    assert ".png, .pdf, .svg" in capsys.readouterr().err


def test_import_brings_it_when_it_is_asked_for() -> None:
    code = "import sys, splitgym; print('splitgym.evaluation' in sys.modules); print(splitgym.stability)"
    first, second = run_python(code).splitlines()
    assert first == "False"
    assert second.startswith("<function stability")
    assert {"stability", "Stability"} <= set(splitgym.__all__)
