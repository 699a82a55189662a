"""Evaluation: common traces, figures, intervals, files; hand-computed where it counts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from splitgym import evaluate, load_scenario, make_policy
from splitgym.envs.single import SplitEnv
from splitgym.evaluation.statistics import mean_interval
from splitgym.policy import POLICIES
from splitgym.traces import InferenceTrace

SHORT = {"tasks.count": 30}


@pytest.fixture(scope="module")
def results():
    return evaluate(["random", "enachi", "device"], scenario="bursty", changes=SHORT, episodes=4, seed=11)


def test_mean_interval_by_hand() -> None:
    mean, half = mean_interval(np.array([1.0, 2.0, 3.0, np.nan]))
    assert mean == 2.0
    quantile = 0.95 / math.sqrt(0.04875)  # t(0.975, 2 degrees of freedom) in closed form
    assert half == pytest.approx(quantile / math.sqrt(3), rel=1e-10)  # scipy's own error
    assert math.isnan(mean_interval(np.array([5.0]))[1])
    assert math.isnan(mean_interval(np.array([np.nan]))[0])


@pytest.mark.parametrize("name", ["enachi", "device", "lyap_prog"])
def test_figures_equal_a_single_environment(name: str) -> None:
    results = evaluate(name, scenario="bursty", changes=SHORT, episodes=3, seed=5)
    scenario = load_scenario("bursty", **SHORT)
    for episode in range(3):
        env = SplitEnv("inference", scenario, "dict", POLICIES[name].episode_options)
        policy, (observation, _) = make_policy(name, env), env.reset(seed=5 + episode)
        infos, rewards, over = [], [], False
        while not over:
            observation, reward, terminated, over, info = env.step(policy.predict(observation)[0])
            assert not terminated
            infos.append(info)
            rewards.append(reward)
        on_time = [i["latency_s"] for i in infos if i["on_time"]]
        wanted = {
            "return": sum(rewards),
            "accuracy": sum(i["correct"] for i in infos) / 30,
            "energy": sum(i["energy_j"] for i in infos) / 30 / 4e-3,
            "final_debt": infos[-1]["queue_j"] / 4e-3,
            "on_time": len(on_time) / 30,
            "missed": infos[-1]["missed_total"] / 30,
            "latency_p50_s": np.percentile(on_time, 50),
            "latency_p95_s": np.percentile(on_time, 95),
        }
        for figure, value in wanted.items():
            assert results.figure(name, figure)[episode] == pytest.approx(value, rel=1e-12), figure


def test_policies_do_not_disturb_each_other(results) -> None:
    alone = evaluate("enachi", scenario="bursty", changes=SHORT, episodes=4, seed=11)
    for figure in ("return", "energy", "latency_p95_s"):
        np.testing.assert_array_equal(alone.figure("enachi", figure), results.figure("enachi", figure))
    threads = evaluate("random", scenario="bursty", changes=SHORT, episodes=4, seed=11, num_threads=3)
    np.testing.assert_array_equal(threads.figure("random", "return"), results.figure("random", "return"))


def test_summary_pairs_the_traces(results) -> None:
    assert results.best_baseline() == "enachi"
    table = {entry["policy"]: entry for entry in results.summary()}
    assert results.summary()[0]["policy"] == "enachi"
    gaps = results.figure("random", "return") - results.figure("enachi", "return")
    assert table["random"]["difference"] == pytest.approx(gaps.mean(), rel=1e-12)
    assert table["random"]["difference_interval"] == pytest.approx(mean_interval(gaps)[1], rel=1e-12)
    assert table["random"]["wins"] == (gaps > 0).sum()
    column = next(c for c in results.table(["wins"]).columns if "wins" in str(c.header))
    assert list(column.cells) == ["", *(f"{e['wins']}" for e in results.summary()[1:])]
    assert "of 4" in str(column.header)


def test_agents_are_never_the_best_baseline() -> None:
    class Agent:
        """Plays device-only, but is an object, hence an agent."""

        name, action = "agent", "multidiscrete"

        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            return np.tile([6, 6, 3, 0], (len(observation), 1)), state

    results = evaluate(["random", Agent()], scenario="default", changes=SHORT, episodes=3)
    assert results.best_baseline() == "random"
    assert results.summary()[0]["policy"] == "agent"
    assert results.summary()[0]["difference"] > 0


def test_recorded_traces_are_replayed() -> None:
    scenario = load_scenario("default", **SHORT)
    traces = [InferenceTrace.draw(scenario, seed) for seed in (3, 4)]
    drawn = evaluate("enachi", scenario=scenario, episodes=2, seed=3)
    replayed = evaluate("enachi", scenario=scenario, episodes=2, seed=99, traces=traces)
    np.testing.assert_array_equal(drawn.figure("enachi", "return"), replayed.figure("enachi", "return"))


def test_more_traces_than_are_played_side_by_side() -> None:
    scenario = load_scenario("default", **{"tasks.count": 5})
    traces = [InferenceTrace.draw(scenario, seed) for seed in range(40)]
    drawn = evaluate(["random", "enachi"], scenario=scenario, episodes=40, bound=True)
    replayed = evaluate(["random", "enachi"], scenario=scenario, episodes=40, traces=traces, bound=True)
    np.testing.assert_array_equal(drawn.bounds, replayed.bounds)
    for policy in drawn.policies:
        np.testing.assert_array_equal(drawn.figure(policy, "return"), replayed.figure(policy, "return"))


def test_files(results, tmp_path) -> None:
    text = results.to_csv(tmp_path / "deep" / "rows.csv")
    lines = (tmp_path / "deep" / "rows.csv").read_text().splitlines()
    assert text.splitlines() == lines
    assert len(lines) == 1 + 3 * 4
    assert lines[0].startswith("policy,environment,scenario,seed,return,")
    document = json.loads(results.to_json(tmp_path / "all.json"))
    assert document["best_baseline"] == "enachi"
    assert len(document["rows"]) == 12
    assert document["scenario_digest"] == load_scenario("bursty", **SHORT).digest()
    picture = results.plot(tmp_path / "plots" / "comparison.png")
    assert picture.read_bytes()[:4] == b"\x89PNG"
    frame = results.frame()
    assert frame.groupby("policy")["return"].mean()["enachi"] == pytest.approx(
        results.figure("enachi", "return").mean()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policies": []}, "policies must hold 1 to 10000 registered names, .* got none"),
        ({"policies": "enachi", "episodes": 0}, "episodes must be an integer >= 1 and <= 10000000, got 0"),
        ({"policies": ["enachi", "enachi"]}, "different names"),
        ({"policies": "enachy"}, "did you mean 'enachi'"),
        ({"policies": "enachi", "scenario": "defualt"}, "did you mean 'default'"),
        ({"policies": "enachi", "env_id": "SplitInference-v1"}, "did you mean 'SplitInference-v0'"),
        ({"policies": "enachi", "seed": -1}, "integer >= 0"),
        ({"policies": "enachi", "traces": []}, "one for each of 20 episodes"),
        ({"policies": "no/such/run"}, "no/such/run"),
    ],
)
def test_wrong_arguments_say_what_to_do(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(**arguments)


def test_an_object_without_predict_is_refused() -> None:
    with pytest.raises(TypeError, match="predict"):
        evaluate([object()])
