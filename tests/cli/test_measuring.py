"""``splitgym optimize`` with a table of measured runs: what it says, writes, draws and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym import load_scenario
from splitgym.baselines.search import problem_of, search
from splitgym.cli import main
from splitgym.fronts import Front
from splitgym.profiles import load_hardware
from splitgym.show.front import front_figure
from splitgym.worlds.hardware.table import run_values
from splitgym.worlds.world import get_world
from tests.references.measured import outcomes

TABLE = """clock_mhz,accelerator,split,gpu,latency_ms,energy_edge_j,energy_cloud_j,note
1500,off,0,true,100,0.5,60,a
1500,off,0,true,120,0.5,62,a
1000,off,0,true,110,0.4,60,b
1500,off,1,true,150,0.9,40,c
1500,off,2,false,900,3.0,0,d
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def optimize(*words: str) -> int:
    return main(["optimize", "--search", "exhaustive", "--quiet", "--out", "front", *words])


def test_a_table_is_searched_as_it_was_measured(folder: Path, capsys: Any) -> None:
    assert optimize("--network", "mine.csv") == 0
    told = capsys.readouterr().out
    assert "mine: 5 measured runs of 4 configurations, 1 to 2 of each; 2 clocks, 3 split layers" in told
    assert "read: clock_mhz, accelerator, split, gpu, latency_ms, energy_edge_j, energy_cloud_j\n" in told
    assert "not read: note" in told
    assert "no columns for the stages" in told
    assert (
        "use it:  splitgym evaluate dynasplit:front=front.json --env HardwareSplit-v0 --set hardware=mine.csv" in told
    )
    front = Front.load("front.json")
    # the mean of two runs at 1.5 GHz is as slow as the one at 1 GHz, and dearer
    assert front.latency_s.tolist() == [0.9, 0.15, 0.11]
    assert (folder / "front.png").stat().st_size > 10_000
    words = ["evaluate", "dynasplit:front=front.json", "--env", "HardwareSplit-v0", "--set", "hardware=mine.csv"]
    assert main([*words, "--episodes", "1", "--json"]) == 0


def test_options_say_how_it_is_read(folder: Path, capsys: Any) -> None:
    text = TABLE.replace("clock_mhz", "cpu").replace("energy_cloud_j", "server")
    (folder / "mine.csv").write_text(text, encoding="utf-8")
    sets = [f"hardware.{key}" for key in ("columns.clock=cpu", "units.clock=MHz", "columns.energy_cloud=server")]
    words = [word for key in [*sets, "hardware.units.energy_cloud=J"] for word in ("--set", key)]
    assert optimize("--network", "mine.csv", "--json", *words) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["valid"], content["measured"]["runs"]) == (4, 5)
    assert content["measured"]["columns"]["clock"] == "cpu"
    assert content["measured"]["ignored"] == ["note"]
    assert "fit" not in content


def test_fit_writes_a_profile_and_says_how_good_it_is(folder: Path, capsys: Any) -> None:
    outcomes(folder, "vit")
    bits = f"hardware.cut_bits={list(load_hardware('vit').cut_bits)}"
    assert optimize("--network", "vit.csv", "--fit", "fitted.toml", "--set", bits) == 0
    told = capsys.readouterr().out
    assert "hardware profile 'vit': fitted to 273 runs of 273 configurations" in told
    assert "latency, held out" in told
    assert "profile: fitted.toml" in told
    assert "--set hardware=fitted.toml" in told
    assert "cut_bits" not in told.split("use it:")[1]
    profile = load_hardware("fitted.toml")
    np.testing.assert_allclose(profile.edge.cpu_cycles, load_hardware("vit").edge.cpu_cycles, rtol=1e-7)
    assert (
        Front.load("front.json").digest == load_scenario("default", "HardwareSplit-v0", hardware="fitted.toml").digest()
    )
    assert optimize("--network", "vit.csv", "--fit", "fitted.toml", "--set", bits, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["files"]["profile"] == "fitted.toml"
    assert {(e["figure"], e["held_out"]) for e in content["fit"]["errors"]} == {
        (figure, held) for figure in ("latency", "energy") for held in (False, True)
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--network", "vit", "--fit", "a.toml"],
            "--fit needs a table of measured runs: give it as --network FILE.csv",
        ),
        (["--network", "mine.csv", "--fit", "a.txt"], "--fit needs a file that ends in .toml, got 'a.txt'"),
        (["--network", "mine.csv", "--fit", "a.toml"], "needs columns latency_edge and latency_cloud"),
        (["--network", "absent.csv"], "hardware.file: no such file: 'absent.csv'"),
        (
            ["--network", "mine.csv", "--set", "hardware.units.latency=years"],
            "hardware.units.latency must be ms or s or us",
        ),
    ],
)
def test_what_is_refused(words: list[str], told: str, folder: Path, capsys: Any) -> None:
    assert optimize(*words) != 0
    assert told in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["mine.csv"]


def test_the_picture_shows_every_run(folder: Path) -> None:
    """As one more cloud of points, at the latencies and charged energies of the table."""
    scenario = load_scenario("default", "HardwareSplit-v0", hardware="mine.csv")
    problem = problem_of(get_world("hardware"), scenario)
    values = run_values(scenario.hardware, 0.5)
    np.testing.assert_allclose(values[:, 1], [30.5, 31.5, 30.4, 20.9, 3.0])
    for runs, clouds in ((None, 2), (values, 3)):
        axes = front_figure(problem.values, search(problem), "x", runs).axes[0]
        points = [np.asarray(c.get_offsets()) for c in axes.collections]
        assert len(points) == clouds
    np.testing.assert_allclose(sorted(points[1].tolist()), sorted((values[:, :2] * (1e3, 1.0)).tolist()))
    assert "x: 5 measured runs" in "".join(text.get_text() for text in axes.texts)
