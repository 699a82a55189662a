"""The fit of a hardware profile to measured runs: its coefficients, its errors, and what it refuses."""

from __future__ import annotations

import csv
import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym import fit_hardware, load_scenario
from splitgym.profiles import HardwareProfile, load_hardware
from splitgym.worlds.hardware.measured.regression import filled_in, least_absolute, robust_spread
from tests.references import hardware as reference
from tests.references.measured import outcomes

ENV = "HardwareSplit-v0"
SECTIONS = ("edge", "link", "cloud", "power", "accuracy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("measured")


@functools.cache
def exact(folder: Path, network: str) -> Path:
    return outcomes(folder, network)


def options(file: Path, network: str, **more: Any) -> dict[str, Any]:
    """What is said of a table of the world's own outcomes, which do not tell the size of the tensors."""
    return {"file": str(file), "cut_bits": list(load_hardware(network).cut_bits), "node_idle_s": 0.0685, **more}


# ------------------------------------------------------------------ the regression
def test_outliers_pull_nothing():
    """Three of nine points are far off; the line through the six others is found to the last digits."""
    x = np.arange(1.0, 10.0)
    y = 2.0 + 0.5 * x
    y[[1, 4, 8]] *= 3.0
    found = least_absolute(np.stack([np.ones(9), x, np.zeros(9)], axis=1), y)
    np.testing.assert_allclose(found, [2.0, 0.5, 0.0], rtol=1e-9)
    assert least_absolute(np.ones((5, 1)), np.array([1.0, 2.0, 3.0, 50.0, 60.0]))[0] < 3.0  # relative: the small count
    assert least_absolute(np.zeros((2, 1)), np.ones(2)).tolist() == [0.0]


def test_small_parts_by_hand():
    np.testing.assert_allclose(filled_in(np.array([np.nan, 1.0, np.nan, np.nan, 4.0, np.nan])), [1, 1, 2, 3, 4, 4])
    assert robust_spread(np.array([-1.0, 2.0, -3.0])) == pytest.approx(2 * 1.4826)
    assert robust_spread(np.zeros(0)) == 0.0
    draws = np.random.default_rng(0).normal(0.0, 0.3, 100_000)
    assert robust_spread(draws) == pytest.approx(0.3, rel=0.02)


# ------------------------------------------------------------------ coefficients
@pytest.mark.parametrize("network", ["vgg16", "vit"])
def test_own_outcomes_give_the_coefficients_back(network, folder):
    fit, known = fit_hardware(options(exact(folder, network), network), splits=0), load_hardware(network)
    for section in SECTIONS:
        for key, value in getattr(known, section).to_dict().items():
            if key != "source":
                found = np.array(getattr(getattr(fit.profile, section), key))
                np.testing.assert_allclose(found, value, rtol=1e-7, atol=1e-15, err_msg=f"{section}.{key}")
    assert fit.notes == ()
    assert (fit.profile.status, fit.profile.name, fit.profile.accelerated) == ("fitted", network, network == "vgg16")
    assert max(e.most for e in fit.errors) < 1e-7
    assert {getattr(fit.profile.noise, key) for key in ("link_log_std", "cloud_log_std", "node_std", "edge_std_w")} == {
        0.0
    }


def test_noisy_runs_give_them_nearly(folder):
    """Stalls, tails and states of power in a fifth of the runs move the tables by a few per cent."""
    (folder / "noisy").mkdir()
    file = outcomes(folder / "noisy", "vgg16", repeats=3, **{"noise.enabled": True})
    fit, known = fit_hardware(options(file, "vgg16"), splits=2), load_hardware("vgg16")
    assert np.median(np.abs(np.array(fit.profile.cloud.gpu_s[:-1]) / known.cloud.gpu_s[:-1] - 1.0)) < 0.02
    assert np.median(np.abs(np.array(fit.profile.edge.cpu_cycles[1:]) / known.edge.cpu_cycles[1:] - 1.0)) < 0.02
    assert fit.profile.link.s_per_bit == pytest.approx(known.link.s_per_bit, rel=0.05)
    assert fit.profile.noise.link_log_std == pytest.approx(known.noise.link_log_std, rel=0.3)
    assert fit.profile.noise.cloud_log_std == pytest.approx(known.noise.cloud_log_std, rel=0.3)
    by_name = {(e.figure, e.held_out): e for e in fit.errors}
    assert set(by_name) == {(f, h) for f in ("latency", "energy") for h in (False, True)}
    runs = 3 * 917
    assert (by_name["latency", False].n, by_name["latency", True].n) == (runs, 3 * (917 - round(0.7 * 917)))
    assert by_name["latency", True].median < 0.03
    assert by_name["energy", True].median < 0.03
    assert by_name["latency", False].most > 0.3  # a stalled run


def test_errors_are_those_of_the_model(folder):
    """By the plain reference, on a table whose latencies were changed by hand."""
    with exact(folder, "vit").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows[::3]:
        row["latency_edge_s"] = repr(1.2 * float(row["latency_edge_s"]))
        row.pop("latency_s")
    file = folder / "changed.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        titles = [title for title in rows[0] if title != "latency_s"]
        lines = csv.DictWriter(stream, titles, extrasaction="ignore")
        lines.writeheader()
        lines.writerows(rows)
    fit = fit_hardware(options(file, "vit"), splits=0)
    errors = []
    for row in rows:
        config = (
            float(row["clock_hz"]),
            reference.MODES.index(row["accelerator"]),
            int(row["split"]),
            row["gpu"] == "True",
        )
        told_s = sum(float(row[f"latency_{stage}_s"]) for stage in ("edge", "transfer", "cloud"))
        errors.append(abs(reference.predict(fit.profile, config)["T"] / 1e3 / told_s - 1.0))
    (latency,) = (e for e in fit.errors if e.figure == "latency")
    assert latency.median == pytest.approx(np.median(errors), abs=1e-12)
    assert latency.mean == pytest.approx(np.mean(errors), rel=1e-9)
    assert latency.p90 == pytest.approx(np.quantile(errors, 0.9), rel=1e-9)
    assert latency.most == pytest.approx(max(errors), rel=1e-9)


@pytest.mark.parametrize(("network", "latency", "energy"), [("vgg16", 0.011, 0.02), ("vit", 0.006, 0.014)])
def test_the_public_runs_are_described_as_well_as_by_our_profiles(network, latency, energy):
    """Median errors over the development pool, never part of the project (DynaSplit specification section 8)."""
    titles = {
        "clock": "cpu-freq", "split": "layer", "accelerator": "edge-accelerator", "gpu": "server-accelerator",
        "latency": "latency", "bits": "tensor size (KB)",
        **{f"latency_{part}": f"avg latency {part} (ms)" for part in ("edge", "transfer", "cloud")},
        **{f"energy_{part}": f"avg energy {part} (J)" for part in ("edge", "cloud")},
    }  # fmt: skip
    table = {
        "file": str(reference.development_pool(network)), "columns": titles,
        "units": {"clock": "MHz", "latency": "ms", "bits": "KiB"}, "splits": load_hardware(network).split_points,
    }  # fmt: skip
    fit = fit_hardware(table, splits=3)
    print(fit)
    by_name = {(e.figure, e.held_out): e.median for e in fit.errors}
    assert by_name["latency", False] <= latency
    assert by_name["energy", False] <= energy
    assert by_name["latency", True] <= 2 * latency
    assert by_name["energy", True] <= 2 * energy


def test_what_was_not_measured_is_filled_in_and_said(folder):
    """One clock of a layer keeps its measured time; a layer, a mode, the server's CPU that never ran are noted."""
    with exact(folder, "vgg16").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    kept = [
        row
        for row in rows
        if row["accelerator"] != "std"
        and (row["gpu"] == "True" or row["split"] == "22")
        and row["split"] != "5"
        and not (row["split"] == "9" and row["accelerator"] == "off" and row["clock_hz"] != "1000000000.0")
    ]
    file = folder / "part.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.DictWriter(stream, rows[0])
        lines.writeheader()
        lines.writerows(kept)
    fit, known = fit_hardware(options(file, "vgg16"), splits=1), load_hardware("vgg16")
    told = "\n".join(fit.notes)
    for words in (
        "not measured at two clocks, at split layers 5, 9:",
        "mode max at split layer 5: between",
        "mode std of the accelerator: as the other mode",
        "time on the server's GPU at split layer 5",
        "time on the server's CPU: as",
    ):
        assert words in told, told
    edge = fit.profile.edge
    measured_s = known.edge.cpu_s[9] + known.edge.cpu_cycles[9] / 1e9
    assert edge.cpu_s[9] + edge.cpu_cycles[9] / 1e9 == pytest.approx(measured_s, rel=1e-6)
    assert edge.cpu_cycles[5] == pytest.approx(0.5 * (edge.cpu_cycles[4] + edge.cpu_cycles[6]), rel=1e-6)
    assert edge.accelerator_std_s == edge.accelerator_max_s
    assert str(fit).count("filled in: ") == len(fit.notes)


# ------------------------------------------------------------------ in a scenario, and on disk
def test_a_scenario_plays_the_fit(folder, tmp_path):
    table = options(exact(folder, "vit"), "vit")
    scenario = load_scenario("default", ENV, hardware={**table, "kind": "fitted"})
    fit = fit_hardware(table, splits=0)
    assert isinstance(scenario.hardware, HardwareProfile)
    assert scenario.hardware == fit.profile
    assert "median error of latency 0.0 %, of energy 0.0 %" in scenario.hardware.validity
    kept = fit.profile.save(tmp_path / "mine.toml")
    assert load_hardware(kept) == fit.profile
    assert load_scenario("default", ENV, hardware=str(kept)).digest() == scenario.digest()
    changed = load_scenario("default", ENV, **{"hardware": table, "hardware.kind": "fitted"})
    assert changed.digest() == scenario.digest()
    known = load_scenario("published", ENV, hardware="vit")
    span = {"threshold_min_s": known.hardware.threshold_min_s, "threshold_max_s": known.hardware.threshold_max_s}
    mine = known.replace(hardware=dataclasses.replace(fit.profile, **span))
    results = [splitgym.evaluate(["dynasplit"], ENV, sc, 1) for sc in (known, mine)]
    returns = [r.figure("dynasplit", "return")[0] for r in results]
    assert returns[0] == pytest.approx(returns[1], rel=1e-6)


def test_the_report_is_a_table(folder):
    told = str(fit_hardware(options(exact(folder, "vit"), "vit"), splits=1)).splitlines()
    assert told[0].startswith(
        "hardware profile 'vit': fitted to 273 runs of 273 configurations: median error of latency"
    )
    assert told[1].split() == ["relative", "error", "of", "runs", "median", "mean", "90", "%", "most", "R²"]
    assert [line[:18].strip() for line in told[2:]] == ["latency", "energy", "latency, held out", "energy, held out"]


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("lacking", "more", "told"),
    [
        (("latency_edge_s",), {}, "needs columns latency_edge and latency_cloud.*kind = 'table' plays it"),
        ((), {"cut_bits": []}, "needs the size of the tensors: a column bits, or hardware.cut_bits"),
        ((), {"cut_bits": [1.0, 0.0]}, "hardware.cut_bits must have 20 entries"),
        ((), {"wait_w": 1.0}, "hardware.wait_w is for kind = 'table' only"),
    ],
)
def test_a_table_that_cannot_be_fitted(lacking, more, told, folder, tmp_path):
    with exact(folder, "vit").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    file = tmp_path / "m.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.DictWriter(stream, [title for title in rows[0] if title not in lacking], extrasaction="ignore")
        lines.writeheader()
        lines.writerows(rows)
    with pytest.raises(ValueError, match=told):
        fit_hardware({**options(file, "vit"), **more})


def test_one_clock_is_too_few(folder, tmp_path):
    lines = exact(folder, "vit").read_text(encoding="utf-8").splitlines()
    file = tmp_path / "m.csv"
    file.write_text("\n".join([lines[0], *(line for line in lines if line.startswith("600000000"))]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"m.csv: kind = 'fitted' needs a split layer > 0 that ran at two clocks"):
        fit_hardware(options(file, "vit"))
    with pytest.raises(ValueError, match=r"table must be the path of a table of runs, .* got 3"):
        fit_hardware(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="splits"):
        fit_hardware(options(file, "vit"), splits=-1)
