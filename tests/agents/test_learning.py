"""Learning curves: runs that differ in the seed only are one, in a band, beside what others reach on the same seeds."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym import cli
from splitgym.agents import trained
from splitgym.agents.learning import learning_curves
from splitgym.agents.seeds import write_seeds
from splitgym.agents.validation import Point, tables_of, write_points
from splitgym.seeding import FIRST_VALIDATION_SEED
from splitgym.show.learning import learning_figure
from tests.agents.test_agents import tiny
from tests.helpers import short

FEW: dict[str, Any] = {"validation_episodes": 3}


def run(folder: Path, means: dict[int, float], **changes: Any) -> Path:
    """The folder of a training that has reached these means, by steps."""
    config = tiny(**{**FEW, **changes})
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config.to_json())
    write_points(folder, config, [Point(steps, mean, 0.25) for steps, mean in means.items()])
    return folder


def test_seeds_are_one_curve_by_their_interquartile_mean(tmp_path: Path) -> None:
    ends = [1.0, 2.0, 3.0, 4.0, 90.0]
    runs = [run(tmp_path / f"mine-s{seed}", {10: 0.0, 20: end}, seed=seed) for seed, end in enumerate(ends)]
    (curve,) = learning_curves(runs).curves
    assert curve.name == "mine"
    assert list(curve.points) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(curve.returns, [[0.0, end] for end in ends])
    np.testing.assert_array_equal(curve.middle, [0.0, 3.0])  # the outlier is cut off
    np.testing.assert_array_equal(curve.band, [[0.0, 1.0], [0.0, 90.0]])


def test_a_single_run_has_the_interval_of_its_episodes(tmp_path: Path) -> None:
    (curve,) = learning_curves(run(tmp_path / "mine", {10: 1.0, 20: 2.0})).curves
    np.testing.assert_array_equal(curve.band, [[0.75, 1.75], [1.25, 2.25]])
    config = tiny(**FEW)
    write_points(tmp_path / "mine", config, [Point(10, 1.0, math.nan)])  # of a single episode
    (curve,) = learning_curves(tmp_path / "mine").curves
    np.testing.assert_array_equal(curve.band, [[1.0], [1.0]])


def test_settings_part_curves_and_threads_do_not(tmp_path: Path) -> None:
    other = short("inference", "bursty", **{"tasks.count": 9})
    runs = [
        run(tmp_path / "a", {10: 1.0}, num_threads=1),
        run(tmp_path / "b", {10: 2.0}, seed=1, num_threads=4, checkpoint_every=7),
        run(tmp_path / "c", {10: 3.0}, gamma=0.5),
        run(tmp_path / "d", {10: 4.0}, seed=1, scenario=other),
        run(tmp_path / "e" / "a", {10: 5.0}),  # the settings and the seed of the first
    ]
    found = learning_curves(runs)
    assert [(curve.name, list(curve.points)) for curve in found.curves] == [
        ("a", [0, 1]),
        ("c", [0]),
        ("d", [1]),
        ("a'", [0]),
    ]
    assert [[c.name for c in curves] for curves in found.settings().values()] == [["a", "c", "a'"], ["d"]]
    assert len(learning_figure(found).axes) == 2


def test_names_and_folders_of_several_seeds(tmp_path: Path) -> None:
    folder = tmp_path / "five"
    folder.mkdir()
    write_seeds(folder, [0, 7, 9])
    run(folder / "s0", {10: 1.0, 20: 4.0})
    run(folder / "s7", {10: 3.0, 20: 5.0, 30: 6.0}, seed=7)  # the third has not begun, the first has not come to 30
    (curve,) = learning_curves(folder).curves
    assert (curve.name, list(curve.points), curve.steps.tolist()) == ("five", [0, 7], [10, 20])
    np.testing.assert_array_equal(curve.middle, [2.0, 4.5])
    named = learning_curves({"one": folder / "s0", "other": [folder / "s7"]})
    assert [c.name for c in named.curves] == ["one", "other"]


def test_who_plays_beside_meets_the_same_episodes(tmp_path: Path) -> None:
    folder = run(tmp_path / "mine", {10: 1.0})
    found = learning_curves(folder, policies=["device", "random"], bound=True)
    ((setting, levels),) = found.levels.items()
    assert [level.name for level in levels] == ["device", "random", "clairvoyant bound"]
    config = found.curves[0].config
    expected = splitgym.evaluate("device", scenario=config.scenario, episodes=3, seed=FIRST_VALIDATION_SEED, bound=True)
    assert (levels[0].mean, levels[0].interval) == expected.interval("device", "return")
    assert expected.bounds is not None
    assert levels[2].mean == expected.bounds.mean()
    assert setting.episodes == 3
    labels = [text.get_text() for text in learning_figure(found).axes[0].get_legend().get_texts()]
    assert labels == ["mine", "device", "random", "clairvoyant bound"]
    assert "device" in str(found.table())


def test_rows_and_document(tmp_path: Path) -> None:
    runs = [run(tmp_path / f"m{seed}", {10: 1.0, 20: 2.0 + seed}, seed=seed) for seed in range(2)]
    found = learning_curves(runs, policies="device")
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [(r["training_seed"], r["steps"], r["return"]) for r in rows] == [
        ("0", "10", "1.0"),
        ("0", "20", "2.0"),
        ("1", "10", "1.0"),
        ("1", "20", "3.0"),
    ]
    document = json.loads(found.to_json())
    (entry,) = document["summary"]
    assert (entry["return"], entry["lowest"], entry["highest"], entry["steps"]) == (2.5, 2.0, 3.0, 20)
    assert [level["name"] for level in document["levels"]] == ["device"]


def test_an_agent_of_the_zoo_brings_the_curves_it_was_chosen_by(monkeypatch: pytest.MonkeyPatch) -> None:
    document = trained.zoo_document("enachi")
    kept = {"0": tables_of([Point(10, 1.0, 0.5)]), "2": tables_of([Point(10, 3.0, math.nan)])}
    document["zoo"]["curves"] = kept
    monkeypatch.setattr(trained, "zoo_document", lambda name: document)
    (curve,) = learning_curves("zoo:enachi").curves
    assert (curve.name, list(curve.points), curve.middle.tolist()) == ("zoo:enachi", [0, 2], [2.0])
    assert curve.config.scenario == splitgym.load_scenario("enachi")
    del document["zoo"]["curves"]
    with pytest.raises(ValueError, match=r"zoo:enachi keeps no learning curve; .*make agents"):
        learning_curves("zoo:enachi")


def test_what_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no validations to draw; they come with --validate-every"):
        learning_curves(run(tmp_path / "none", {}))
    with pytest.raises(ValueError, match="is not a run of 'splitgym train'"):
        learning_curves(tmp_path)
    with pytest.raises(ValueError, match="did you mean 'device'"):
        learning_curves(run(tmp_path / "mine", {10: 1.0}), policies="devise")
    runs = [run(tmp_path / f"a{seed}", {10 + seed: 1.0}, seed=seed) for seed in range(2)]
    with pytest.raises(ValueError, match="never validated after the same number of steps"):
        learning_curves(runs)


def test_trainings_in_many_scenarios_are_a_setting_of_their_own(tmp_path: Path) -> None:
    drawn = {"radio.distance_m": "300:900"}
    runs = [run(tmp_path / f"a-s{seed}", {10: 1.0}, seed=seed, randomise=drawn) for seed in range(2)]
    found = learning_curves([*runs, run(tmp_path / "b", {10: 1.0})])
    assert [[curve.name for curve in curves] for curves in found.settings().values()] == [["a"], ["b"]]
    with pytest.raises(ValueError, match="'a' was validated in many scenarios; leave policies and bound out"):
        learning_curves(runs, policies="device")


def test_a_training_brings_its_curve(tmp_path: Path) -> None:
    config = tiny(steps=256, validate_every=128, **FEW)
    folder = splitgym.train_seeds(config, "0:2", tmp_path / "two", progress=False)
    (curve,) = learning_curves(folder).curves
    assert curve.steps.tolist() == [128, 256]
    assert curve.returns.shape == (2, 2)
    assert dataclasses.replace(curve.config, seed=0) == config


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(tmp_path / "mine", {10: 1.0, 20: 2.0})
    csv_file, picture = tmp_path / "x.csv", tmp_path / "x.png"
    words = ["curves", str(folder), "--policies", "device", "--csv", str(csv_file), "--plot", str(picture)]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "mine" in out
    assert "device" in out
    assert len(csv_file.read_text().splitlines()) == 3
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert cli.main(["curves", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"][0]["return"] == 2.0
