"""Suites: locked seeds, shifts that are shifts, scores over all cases."""

from __future__ import annotations

import json

import numpy as np
import pytest

from splitgym import evaluate, evaluate_suite, load_suite, suite_names
from splitgym.cli import main
from splitgym.evaluation.statistics import interquartile_mean
from splitgym.policy import POLICIES, register_policy
from splitgym.seeding import FIRST_TRAINING_SEED
from splitgym.show.suite import suite_figure
from splitgym.suites import SPLITS, Suite
from splitgym.worlds.world import world_of

TINY = """
name = "tiny"
environment = "SplitInference-v0"
[seeds.validation]
first = 10
episodes = 2
[seeds.test]
first = 50
episodes = 6
[[train]]
name = "default"
[[validation]]
name = "plain"
changes = { "tasks.count" = 8 }
[[test]]
name = "plain"
changes = { "tasks.count" = 8 }
[[test]]
name = "far | away"
shift = "channel"
changes = { "tasks.count" = 8, "radio.distance_m" = 900.0 }
"""


@pytest.fixture
def tiny(tmp_path) -> str:
    (tmp_path / "tiny.toml").write_text(TINY)
    return str(tmp_path / "tiny.toml")


# ------------------------------------------------------------------ what ships
@pytest.mark.parametrize("name", suite_names())
def test_every_shift_is_one(name: str) -> None:
    suite = load_suite(name)
    world = world_of(suite.environment)

    def digests(split: str) -> dict[str, str]:
        cases = getattr(suite, split)
        return {world.load_scenario(c.scenario, **c.changes).digest(): c.shift for c in cases}

    trained = digests("train")
    for split in SPLITS:
        found = digests(split)
        assert len(found) == len(suite.cases(split))  # no case twice
        assert {d for d, shift in found.items() if shift} & set(trained) == set()
    assert suite.seeds["test"].range.stop <= FIRST_TRAINING_SEED


def test_robustness_covers_what_it_promises() -> None:
    suite = load_suite("robustness")
    wanted = {"", "channel", "load", "DNN", "device", "deadline", "tier failure"}
    shifted = {}
    for split in SPLITS:
        assert {case.shift for case in suite.cases(split)} == wanted
        shifted[split] = {case.name for case in suite.cases(split) if case.shift}
    assert not shifted["validation"] & shifted["test"]  # no shift that was tuned on is judged


@pytest.mark.parametrize("name", suite_names())
def test_seeds_are_locked(name: str) -> None:
    """Published figures stand on these seeds: a change makes them incomparable, and needs a new suite."""
    seeds = load_suite(name).seeds
    assert seeds["validation"].range == range(1_000_000, 1_000_010)
    assert seeds["test"].range == range(2_000_000, 2_000_020)


# ------------------------------------------------------------------ playing
def test_scores_are_those_of_evaluate(tiny) -> None:
    results = evaluate_suite(["enachi", "device"], tiny)
    assert results.policies == ["random", "enachi", "device"]
    strata = []
    for case, played in zip(results.cases, results.results, strict=True):
        alone = evaluate(["random", "enachi"], changes=case.changes, episodes=6, seed=50, bound=True)
        assert played.seeds("enachi").tolist() == [50, 51, 52, 53, 54, 55]
        np.testing.assert_array_equal(played.figure("enachi", "return"), alone.figure("enachi", "return"))
        zero = alone.figure("random", "return").mean()
        strata.append((alone.figure("enachi", "return") - zero) / (alone.bounds - zero))
    entry = next(e for e in results.summary() if e["policy"] == "enachi")
    assert entry["score"] == pytest.approx(float(interquartile_mean(np.concatenate(strata))))
    assert entry["score_low"] <= entry["score"] <= entry["score_high"]
    assert entry["cases"]["plain"]["score"] == pytest.approx(float(interquartile_mean(strata[0])))
    gaps = results.results[0].bounds - results.results[0].figure("enachi", "return")
    assert entry["cases"]["plain"]["gap"] == pytest.approx(gaps.mean())
    assert [e["score"] for e in results.summary()] == sorted([e["score"] for e in results.summary()], reverse=True)
    assert len(results.rows()) == 2 * 3 * 6
    assert set(results.frame()["shift"]) == {"", "channel"}


def test_splits_have_their_own_seeds(tiny, tmp_path) -> None:
    results = evaluate_suite("random", tiny, "validation", store=tmp_path / "store")
    assert results.results[0].seeds("random").tolist() == [10, 11]
    assert len(results.cases) == 1
    again = evaluate_suite("random", tiny, "validation", store=tmp_path / "store")
    assert again.rows() == results.rows()  # the decision times too, so nothing was played


class Picky:
    """An agent that is made for the plain case."""

    name, action, identity = "picky", "multidiscrete", "1"

    def __init__(self, refuses: str) -> None:
        self.refuses = refuses

    def check(self, env) -> None:
        if self.refuses == "both" or env.rows.scenario.radio.distance_m == 900.0:
            raise ValueError("other actions")

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        return np.tile([6, 6, 3, 0], (len(observation), 1)), state


def test_an_agent_that_does_not_fit_a_case_is_told(tiny) -> None:
    results = evaluate_suite(["device", Picky("far")], tiny)
    assert results.misfits == {("picky", "far | away"): "other actions"}
    last = results.summary()[-1]
    assert last["policy"] == "picky"
    assert np.isnan(last["score"])
    assert list(last["cases"]) == ["plain"]
    assert "| picky* | - |" in results.to_markdown()
    results.misfits = {("<b>`|[x](y)$", "far"): "a\\b"}  # what stands below the table is no markup either
    assert "\n&lt;b>\\`\\|[x]\\(y)\\$ cannot play 'far': a\\\\b\n" in results.to_markdown()
    results.misfits = {("picky", "far | away"): "other actions"}
    assert "cannot play 'far | away': other actions" in str(results.table().caption)
    assert json.loads(results.to_json())["misfits"][0]["policy"] == "picky"
    with pytest.raises(ValueError, match="other actions"):
        evaluate_suite(["device", Picky("both")], tiny)


def test_the_command_line(tiny, tmp_path, capsys) -> None:
    files = ["--csv", str(tmp_path / "rows.csv"), "--plot", str(tmp_path / "s.png")]
    files += ["--report", str(tmp_path / "page.html")]
    assert main(["evaluate", "enachi", "--suite", tiny, "--markdown", *files]) == 0
    assert "radio.distance_m=900" in (tmp_path / "page.html").read_text()
    out = capsys.readouterr().out
    assert r"far \| away<br>channel" in out
    assert "(seeds 50 to 55)" in out
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1 + 2 * 2 * 6
    assert main(["evaluate", "enachi", "--suite", tiny, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["split"] == "test"
    assert main(["evaluate", "all", "--suite", tiny, "--split", "validation"]) == 0
    assert "all cases" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "robusness"], "did you mean 'robustness'"),
        (["--suite", "robustness", "--split", "tests"], "did you mean 'test'"),
        (["--suite", "robustness", "--seed", "3"], "--seed 3 is not for suites"),
        (["--suite", "robustness", "--scenario", "bursty"], "brings its own scenarios and seeds"),
        (["--split", "validation"], "add --suite"),
    ],
)
def test_mistakes_are_explained(arguments, message, capsys) -> None:
    assert main(["evaluate", "enachi", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("first = 50", "first = 11", "must not share seeds"),
        ("[seeds.test]", "[seeds.tests]", "must name validation and test"),
        ('"far | away"', '"plain"', "different names"),
        ('"radio.distance_m"', '"radio.distanze_m"', "case 'far | away': unknown key"),
        ("shift =", "shifts =", "unknown key"),
        ("SplitInference-v0", "SplitInference-v1", "did you mean"),
        ("first = 10", "first = -1", "suite.seeds.validation"),
    ],
)
def test_faulty_suites_are_refused(old: str, new: str, message: str, tmp_path) -> None:
    (tmp_path / "bad.toml").write_text(TINY.replace(old, new))
    with pytest.raises(ValueError, match=message.replace("|", r"\|")):
        load_suite(tmp_path / "bad.toml")


def test_a_suite_is_itself(tiny) -> None:
    suite = load_suite(tiny)
    assert isinstance(suite, Suite)
    assert load_suite(suite) is suite
    with pytest.raises(ValueError, match="split must be one of validation, test, got"):
        suite.cases("train")


def test_the_picture_names_every_policy(tiny) -> None:
    """Matplotlib leaves out names that begin with "_" where it is to look for what a legend could name."""

    class Mine(POLICIES["random"]):
        """Under a name that Matplotlib takes for its own."""

    register_policy(Mine, name="_mine")
    figure = suite_figure(evaluate_suite("_mine", tiny))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["random", "_mine"]
