"""Several training seeds: one run each, resumable, and one policy where they are evaluated."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym.agents.checkpoint import load_agent
from splitgym.agents.config import load_config
from splitgym.agents.seed_runs import train_seeds
from splitgym.agents.seeds import read_seeds, training_seeds, write_seeds
from splitgym.agents.training import TrainingInterrupted, train
from splitgym.cli import main
from splitgym.evaluation.statistics import interquartile_mean, over_seeds, seeds_interval
from splitgym.evaluation.store import Store
from splitgym.show.report.replay import Replay
from tests.agents.test_agents import SCENARIO, Press, tiny
from tests.evaluation.test_suites import TINY


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_seeds(tiny(), "0:3", tmp_path_factory.mktemp("runs") / "three", progress=False)


def test_each_run_is_that_of_its_seed_alone(study: Path, tmp_path: Path) -> None:
    assert read_seeds(study) == (0, 1, 2)
    assert [load_config(study / f"s{seed}").seed for seed in range(3)] == [0, 1, 2]
    alone = train(tiny(seed=2), tmp_path / "alone", progress=False)
    found = splitgym.evaluate({"a": alone, "b": study / "s2"}, scenario=SCENARIO, episodes=3)
    np.testing.assert_array_equal(found.figure("a", "return"), found.figure("b", "return"))


def test_they_are_one_policy(study: Path) -> None:
    found = splitgym.evaluate(["random", study], scenario=SCENARIO, episodes=4, bound=True)
    assert found.policies == ["random", "three"]
    each = splitgym.evaluate([study / f"s{seed}" for seed in range(3)], scenario=SCENARIO, episodes=4)
    values = np.array([each.figure(policy, "return") for policy in each.policies])
    np.testing.assert_array_equal(found.figure("three", "return"), interquartile_mean(values, axis=0))
    entry = next(e for e in found.summary() if e["policy"] == "three")
    assert (entry["training_seeds"], entry["episodes"]) == (3, 4)
    assert (entry["return"], entry["return_interval"]) == seeds_interval(values)
    assert len([row for row in found.rows() if row["policy"] == "three"]) == 12
    assert "interquartile mean over 3 training seeds" in str(found.table().caption)
    scores = found.scores("three")
    assert scores is not None
    assert scores.shape == (12,)


def test_an_interrupted_one_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "two"
    with pytest.raises(TrainingInterrupted, match=r"seed 0: stopped after 128.*--resume .*two"):
        train_seeds(tiny(), [0, 7], out, progress=False, callbacks=[Press(64)])
    train_seeds(tiny(), [0, 7], out, resume=True, progress=False)
    kept = (out / "s0" / "model.zip").read_bytes()
    assert load_agent(out / "s7").steps == 256
    train_seeds(tiny(), [0, 7, 8], out, resume=True, progress=False)  # finished ones are left alone, others added
    assert (out / "s0" / "model.zip").read_bytes() == kept
    assert read_seeds(out) == (0, 7, 8)
    with pytest.raises(ValueError, match=r"gamma=0\.5"):
        train_seeds(tiny(gamma=0.5), [0, 7, 8], out, resume=True, progress=False)
    with pytest.raises(ValueError, match=r"holds runs of the seeds \[7, 8\]"):
        train_seeds(tiny(), [0], out, resume=True, progress=False)
    with pytest.raises(ValueError, match="--overwrite"):
        train_seeds(tiny(), [0, 7, 8], out, progress=False)


def test_a_folder_whose_first_run_never_began_is_free(tmp_path: Path) -> None:
    write_seeds(tmp_path, (3, 4))  # and then its process was killed
    train_seeds(tiny(), [0], tmp_path, progress=False)
    assert read_seeds(tmp_path) == (0,)
    assert load_agent(tmp_path / "s0").steps == 256


@pytest.mark.parametrize("given", ["", "5:5", "3:1", "a:b", "1,1", "-1:3", [], [1.5], 7, "0:99999"])
def test_what_are_no_seeds(given: Any) -> None:
    with pytest.raises(ValueError, match="seeds"):
        training_seeds(given)


def test_a_single_agent_is_asked_for(study: Path) -> None:
    with pytest.raises(ValueError, match=r"several training seeds.*s0"):
        load_agent(study)


def test_the_interval_covers_seeds_and_traces() -> None:
    rng = np.random.default_rng(0)
    apart = rng.normal(size=(8, 1)) + np.zeros((8, 50))
    noisy = np.zeros((8, 1)) + rng.normal(size=(1, 50))
    assert seeds_interval(apart)[1] > 0.1
    assert seeds_interval(noisy)[1] > 0.1
    assert np.isnan(seeds_interval(apart[:1])[1])
    assert over_seeds(np.array([[1.0, np.nan], [3.0, 5.0]])).tolist() == [2.0, 5.0]


def test_results_with_several_seeds_merge(study: Path) -> None:
    alone, device = (splitgym.evaluate(p, scenario=SCENARIO, episodes=3, bound=True) for p in (study, "device"))
    whole, together = (
        device.merge(alone),
        splitgym.evaluate(["device", study], scenario=SCENARIO, episodes=3, bound=True),
    )
    kept, names = ("policy", "training_seed", "seed", "return", "gap"), ("return", "return_interval", "training_seeds")
    rows, found = ([[row[key] for key in kept] for row in results.rows()] for results in (whole, together))
    assert rows == found
    entries, found = ([[e.get(key) for key in names] for e in results.summary()] for results in (whole, together))
    assert entries == found
    assert whole.members["three"] is not alone.members["three"]
    with pytest.raises(ValueError, match="'three' is in two"):
        whole.merge(alone)


def test_a_long_run_is_one_of_each_agent(study: Path) -> None:
    setting = splitgym.load_scenario("default")
    done = splitgym.stability(["device", study], scenario=setting, tasks=2000)
    assert list(done.runs) == ["device", "three/s0", "three/s1", "three/s2"]
    one = splitgym.stability(study / "s1", scenario=setting, tasks=2000)
    np.testing.assert_array_equal(done.runs["three/s1"].debt, one.runs["s1"].debt)


def test_a_data_set_holds_episodes_of_each_agent(study: Path, tmp_path: Path) -> None:
    pytest.importorskip("minari", reason="the extra offline is not installed")
    kept = splitgym.record_dataset(["random", study], str(tmp_path / "d-v0"), scenario=SCENARIO, episodes=8)
    played = kept.storage.metadata["splitgym"]["policies"]
    told = {one["name"]: one["episodes"] for one in (json.loads(played) if isinstance(played, str) else played)}
    assert told == {"random": 2, "three/s0": 2, "three/s1": 2, "three/s2": 2}
    with pytest.raises(ValueError, match=r"shares must be 4 positive numbers.*for each seed"):
        splitgym.record_dataset(["random", study], str(tmp_path / "e-v0"), scenario=SCENARIO, episodes=8, shares=[1, 1])


def test_a_suite_scores_all_seeds(study: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    done = splitgym.evaluate_suite(["device", study], str(tmp_path / "tiny.toml"))
    assert done.policies == ["random", "device", "three"]
    assert [None if score is None else len(score) for score in done.scores("three")] == [18, 18]
    rows = done.rows()
    assert {tuple(row) for row in rows} == {tuple(rows[0])}
    done.results[1].members.clear()  # a case that the agents could not play
    assert {tuple(row) for row in done.rows()} == {tuple(rows[0])}


# --------------------------------------------------------------------- the store
def test_a_store_gives_them_back_as_one_policy(study: Path, tmp_path: Path) -> None:
    played = splitgym.evaluate(
        ["random", study, "device"], scenario=SCENARIO, episodes=3, bound=True, store=tmp_path / "kept", workers=1
    )  # a store lists policies as they ended
    (kept,) = Store(tmp_path / "kept").results()
    assert kept.policies == played.policies == ["random", "three", "device"]
    assert kept.rows() == played.rows()
    assert kept.summary() == played.summary()
    assert kept.agents == {"three"}
    assert {entry[3] for entry in Store(tmp_path / "kept").contents()} == {
        "random",
        "device",
        *(f"three/s{seed}" for seed in range(3)),
    }


def test_of_one_name_the_folder_that_was_played_last_counts(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "three")
    shutil.rmtree(tmp_path / "three" / "s1")
    write_seeds(tmp_path / "three", (0, 2))
    for policies in (study, tmp_path / "three", {"three": "device"}):
        splitgym.evaluate(policies, scenario=SCENARIO, episodes=3, store=tmp_path / "kept")
        found, (kept,) = splitgym.evaluate(policies, scenario=SCENARIO, episodes=3), Store(tmp_path / "kept").results()
        assert {policy: list(each) for policy, each in kept.members.items()} == {
            policy: list(each) for policy, each in found.members.items()
        }
        np.testing.assert_array_equal(kept.figure("three", "return"), found.figure("three", "return"))


def test_a_changed_scenario_names_the_folder(study: Path, tmp_path: Path) -> None:
    splitgym.evaluate(study, scenario=SCENARIO, episodes=2, store=tmp_path)
    (setting,) = (tmp_path / "settings").glob("*.toml")
    setting.write_text(setting.read_text().replace("count = 9", "count = 8"))
    with pytest.raises(ValueError, match=f"splitgym evaluate '?{study}'? --env"):
        Store(tmp_path).results()


def test_the_report_shows_the_agent_in_the_middle(study: Path, tmp_path: Path) -> None:
    splitgym.evaluate(["random", study], scenario=SCENARIO, episodes=3, store=tmp_path)
    (kept,) = Store(tmp_path).results()
    means = {seed: each["return"].mean() for seed, each in kept.members["three"].items()}
    middle = kept.typical_seed("three")
    assert sorted(means.values())[1] == means[middle]
    assert splitgym.evaluate(study, scenario=SCENARIO, episodes=3).typical_seed("three") == middle
    replay = Replay(kept, False)
    assert not replay.missing
    alone = splitgym.evaluate(study / f"s{middle}", scenario=SCENARIO, episodes=3)
    np.testing.assert_array_equal(
        replay.episodes["three"].outcomes["energy_j"], Replay(alone, False).episodes[f"s{middle}"].outcomes["energy_j"]
    )
    assert f"three by that of seed {middle} (of 3)" in replay.told(["three"])
    assert replay.told(["random"]) == ""


def test_a_page_says_which_agent_it_shows(study: Path, tmp_path: Path) -> None:
    for module in ("plotly", "jinja2"):
        pytest.importorskip(module, reason="the report needs the extra [report]")
    page = splitgym.evaluate(study, scenario=SCENARIO, episodes=3).to_html(tmp_path / "page.html").read_text()
    assert page.count("the agent of the median return is shown") == 3  # debt, maps and the task
    assert "Not played again" not in page


# ------------------------------------------------------------------- the command
SMALL = ["train", "--n-envs=16", "--steps=128", "--set=tasks.count=9", "--net", "8", "--hyper=n_steps=8", "--quiet"]


def test_the_command_trains_resumes_and_adds(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*SMALL, "--seeds", "3,5"]) == 0
    out = Path("runs/ppo-inference-default")
    assert read_seeds(out) == (3, 5)
    assert f"trained agents of 2 seeds in {out}" in capsys.readouterr().out
    kept = {seed: (out / f"s{seed}" / "model.zip").read_bytes() for seed in (3, 5)}
    assert main(["train", "--resume", str(out), "--quiet", "--seeds", "7,3,5"]) == 0
    assert {seed: (out / f"s{seed}" / "model.zip").read_bytes() for seed in (3, 5)} == kept
    configs = {seed: load_config(out / f"s{seed}") for seed in (3, 5, 7)}
    assert configs[7] == dataclasses.replace(configs[3], seed=7)  # with the folder's own settings
    shutil.rmtree(out / "s7")  # one that was not begun is no hindrance
    assert main(["train", "--resume", str(out), "--quiet"]) == 0
    assert load_config(out / "s7") == configs[7]
    capsys.readouterr()
    assert main(["evaluate", "device", str(out), "--set", "tasks.count=9", "--episodes", "2", "--csv", "rows.csv"]) == 0
    assert "interquartile mean over 3 training seeds" in capsys.readouterr().out
    rows = list(csv.DictReader(Path("rows.csv").read_text().splitlines()))
    assert [row["training_seed"] for row in rows] == ["", "", "7", "7", "3", "3", "5", "5"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seeds", "5:5"], "FIRST:END"),
        (["--seeds", "1,1"], "must differ"),
        (["--seeds", "0:2", "--seed", "1"], "leave out one"),
        (["--seeds", "0:2", "--out", "one"], "is the run of one seed"),
        (["--seeds", "0:2", "--resume", "one"], "holds no seeds.json"),
        (["--resume", "many", "--seed", "1"], "leave out --seed"),
        (["--resume", "many", "--seeds", "0:1"], r"holds runs of the seeds \[1\]"),
        (["--seeds", "0:2", "--out", "many"], "--resume many"),
    ],
)
def test_the_command_refuses(words: list[str], told: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for run in ("one", "many/s0", "many/s1"):
        Path(run).mkdir(parents=True)
        (Path(run) / "config.json").write_text(tiny(seed=int(run[-1] == "1")).to_json())
    write_seeds(Path("many"), (0, 1))
    before = sorted(tmp_path.rglob("*"))
    assert main(["train", *words, "--quiet"]) == 2
    assert re.search(told, capsys.readouterr().err)
    assert sorted(tmp_path.rglob("*")) == before
