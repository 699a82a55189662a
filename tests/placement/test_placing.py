"""Savings (FIN s7), the comparison of solvers, pictures of plans, and ``splitgym place``."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym.cli import main
from splitgym.cli.placing_tables import compact
from splitgym.placement.contest import compare_solvers, judge, least_power_w
from splitgym.placement.exact import least_latency, optimum, optimum_all
from splitgym.placement.generate import hard_instance, random_instance
from splitgym.placement.plan import Plan
from splitgym.placement.published import published_instance
from splitgym.placement.savings import Savings, study_savings
from splitgym.placement.steps import steps_of
from splitgym.show.plan import plan_figure

#: Network, energy mode, latency mode -> saving of the optimum against the published MCP (mean, of sums) and MCP-sum
#: (mean), and per gamma FIN edge / optimum (mean), share equal, cells without a plan.  Section 7.
SECTION_7: dict[tuple[str, str, str], tuple[Any, float, dict[int, tuple[float, float, int]]]] = {
    ("b_alexnet", "full", "worst"): (
        (0.787, 0.883),
        0.853,
        {10: (1.066, 0.91, 2), 30: (1.005, 0.99, 0), 100: (1.0003, 0.99, 0)},
    ),
    ("b_alexnet", "expected", "worst"): (
        (0.688, 0.759),
        0.688,
        {10: (1.043, 0.91, 2), 30: (1.005, 0.99, 0), 100: (1.0, 1.0, 0)},
    ),
    ("b_alexnet", "expected", "expected"): (
        (0.694, 0.767),
        0.698,
        {10: (1.0, 1.0, 2), 30: (1.002, 0.99, 0), 100: (1.0, 1.0, 0)},
    ),
    ("b_resnet", "full", "worst"): (None, 0.695, {10: (1.11, 0.81, 0), 30: (1.006, 0.96, 0), 100: (1.0, 1.0, 0)}),
    ("b_resnet", "expected", "worst"): (None, 0.691, {10: (1.10, 0.81, 0), 30: (1.004, 0.96, 0), 100: (1.0, 1.0, 0)}),
    ("b_lenet", "full", "worst"): (None, 0.704, {10: (1.32, 0.82, 12), 30: (1.03, 0.95, 0), 100: (1.0, 1.0, 0)}),
    ("b_lenet", "expected", "worst"): (None, 0.233, {10: (1.04, 0.82, 12), 30: (1.002, 0.95, 0), 100: (1.0, 1.0, 0)}),
}
DIGITS = {10: 0.006, 30: 0.003, 100: 0.00006}


@pytest.fixture(scope="module", params=SECTION_7, ids="-".join)
def study(request: Any) -> tuple[tuple[str, str, str], Savings]:
    return request.param, study_savings(*request.param)


def test_savings_are_those_of_section_7(study: tuple[tuple[str, str, str], Savings]) -> None:
    setting, savings = study
    published, mcp_sum, fin = SECTION_7[setting]
    assert savings.cells == {"b_alexnet": 208, "b_resnet": 187, "b_lenet": 80}[setting[0]]
    assert savings.saving("optimum", "mcp sum")[0] == pytest.approx(mcp_sum, abs=6e-4)
    assert all(savings.saving("optimum", rival)[2] == savings.cells for rival in savings.rivals_j)
    if published:
        mean, of_sums, _ = savings.saving("optimum", "published mcp")
        assert mean > 0.65
        assert (mean, of_sums) == pytest.approx(published, abs=6e-4)
    for gamma, (mean, equal, missing) in fin.items():
        ours = savings.ratio(f"fin edge {gamma}")
        assert ours[0] == pytest.approx(mean, abs=DIGITS[gamma])
        assert ours[2] == pytest.approx(equal, abs=6e-3)
        assert ours[3] == missing


def test_fin_equals_the_optimum(study: tuple[tuple[str, str, str], Savings]) -> None:
    _, savings = study
    assert savings.ratio("fin edge 100")[2] >= 0.99
    assert savings.ratio("fin edge 100, shortcuts")[3] == 0
    for gamma in (10, 30, 100):
        assert savings.ratio(f"fin carry {gamma}")[1:] == pytest.approx((1.0, 1.0, 0), abs=1e-9)
    for name, energy_j in savings.energy_j.items():
        found = np.isfinite(energy_j)
        assert (energy_j[found] >= savings.energy_j["optimum"][found] * (1.0 - 1e-9)).all(), name


@pytest.mark.parametrize(
    ("latency_ms", "blocks", "energy_mj"),
    [
        (2.25, "dcccc", 139.50),
        (2.5, "dcccc", 139.50),
        (3.0, "ddeee", 89.91),
        (4.0, "dddcc", 85.60),
        (5.0, "dddcc", 85.60),
        (5.5, "ddddc", 64.09),
        (6.0, "ddddc", 64.09),
        (6.6, "ddddd", 39.38),
    ],
)
def test_optima_of_section_7(latency_ms: float, blocks: str, energy_mj: float) -> None:
    plan = optimum(published_instance("b_alexnet", "full", latency_s=1e-3 * latency_ms, accuracy=0.8))
    assert isinstance(plan, Plan)
    assert plan.placement == tuple(f"{letter}0" for letter in blocks)
    assert 1e3 * plan.energy_j == pytest.approx(energy_mj, abs=5e-3)


def test_least_latency_of_section_7() -> None:
    fastest = least_latency(published_instance("b_alexnet", "full", accuracy=0.8))
    assert isinstance(fastest, Plan)
    assert 1e3 * fastest.latency_s == pytest.approx(2.216, abs=5e-4)


# ------------------------------------------------------------------ all solvers on one instance
@pytest.mark.parametrize("apps", [1, 3])
def test_solvers_agree(apps: int) -> None:
    for seed in range(4):
        instance = random_instance(8, blocks=5, exits=3, apps=apps, seed=seed)
        results = {result.method: result for result in compare_solvers(instance, gamma=50)}
        least_w = least_power_w(instance, list(results.values()))
        assert least_w is not None
        exact = [result for result in results.values() if result.exact]
        assert [r.power_w(instance) for r in exact] == pytest.approx([least_w] * len(exact), rel=1e-9)
        for result in results.values():
            assert not result.refusal
            assert list(result.violations) == judge(instance, result.plans)
            if result.feasible:
                assert result.power_w(instance) >= least_w * (1.0 - 1e-9)
            if result.method.startswith("fin"):
                assert not result.violations


def test_steps_sum_to_the_plan() -> None:
    for seed, mode in itertools.product(range(5), ("worst", "expected")):
        instance = random_instance(12, seed=seed, latency_mode=mode)
        plan = optimum(instance)
        assert isinstance(plan, Plan)
        steps = steps_of(instance, plan)
        assert tuple(step.node.id for step in steps) == plan.placement
        assert sum(step.compute_j for step in steps) == pytest.approx(plan.compute_j, rel=1e-12)
        assert sum(step.comm_j for step in steps) == pytest.approx(plan.comm_j, rel=1e-12)
        assert sum(step.compute_s + step.comm_s for step in steps) == pytest.approx(plan.latency_s, rel=1e-12)


# ------------------------------------------------------------------ pictures
@pytest.mark.parametrize("n_nodes", [3, 20, 200])
def test_pictures(n_nodes: int, tmp_path: Path) -> None:
    instance = random_instance(n_nodes, seed=2)
    plan = optimum(instance)
    assert isinstance(plan, Plan)
    figure = plan_figure(instance, [plan], "title", ["note"])
    words = [text.get_text() for text in figure.axes[0].texts]
    assert {"title", "note", "mobile", "edge", "cloud", *map(str, range(1, len(plan.placement) + 1))} <= set(words)
    figure.savefig(tmp_path / "plan.png", dpi=40)
    assert (tmp_path / "plan.png").stat().st_size > 3000


def test_pictures_of_any_shape() -> None:
    hard = hard_instance(5)
    plan = optimum(hard)
    assert isinstance(plan, Plan)
    assert plan_figure(hard, [plan], "two tiers, free arcs").axes
    assert plan_figure(hard, [], "no plan").axes
    several = random_instance(8, blocks=4, exits=2, apps=5, seed=1)
    plans = [plan for plan in optimum_all(several) if isinstance(plan, Plan)]
    assert plan_figure(several, plans, "five applications").axes
    assert compact(("m0", "m0", "e1", "c0", "c0", "c0")) == "m0:1-2 e1:3 c0:4-6"


# ------------------------------------------------------------------ command
def place(*arguments: str) -> int:
    return main(["place", *arguments, "--quiet"])


def test_place_random_and_again_from_its_file(capsys: Any, tmp_path: Path) -> None:
    out, file = str(tmp_path / "place"), str(tmp_path / "mine.toml")
    assert place("--random", "8", "--seed", "3", "--out", out, "--save", file) == 0
    printed = capsys.readouterr().out
    for word in ("fin edge", "fin carry", "labels", "milp", "mcp sum, accurate", "least energy", "optimal", "0 %"):
        assert word in printed
    assert f"picture: {out}.png" in printed
    assert (tmp_path / "place.png").stat().st_size > 10_000
    assert place("--instance", file, "--out", out, "--json", "--rounding", "carry", "--gamma", "20") == 0
    content = json.loads(capsys.readouterr().out)
    methods = {row["method"]: row for row in content["results"]}
    assert "fin edge" not in methods
    assert methods["labels"]["power_w"] == pytest.approx(content["optimum_w"], rel=1e-9)
    assert methods["fin carry"]["gap"] >= -1e-9
    assert content["files"]["picture"] == f"{out}.png"


def test_place_several_applications(capsys: Any, tmp_path: Path) -> None:
    out, file = str(tmp_path / "place.png"), str(tmp_path / "mine.json")
    drawn = ("--random", "8", "--apps", "2", "--blocks", "4", "--exits", "2", "--out", out)
    assert place(*drawn, "--save", file) == 0
    printed = capsys.readouterr().out
    assert "best order" in printed
    assert "labels" not in printed
    assert (tmp_path / "place.png").exists()
    assert place("--instance", file, "--app", "a1", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "application a1" in printed
    assert "labels" in printed


def test_place_without_a_plan(capsys: Any, tmp_path: Path) -> None:
    file = tmp_path / "late.json"
    file.write_text(published_instance("b_alexnet", "full", latency_s=0.0022).to_json())
    assert place("--instance", str(file), "--out", str(tmp_path / "place")) == 0
    printed = capsys.readouterr().out
    assert "none: the fastest is too slow (2.216 ms)" in printed
    assert "breaks latency" in printed
    assert (tmp_path / "place.png").exists()


def test_place_published(capsys: Any) -> None:
    assert place("--published", "b_lenet", "--energy", "expected") == 0
    printed = capsys.readouterr().out
    assert "80 of 80 cells" in printed
    assert "published mcp" not in printed
    assert place("--published", "b_lenet", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["methods"][0]["saving"]["mcp sum"]["mean"] == pytest.approx(0.704, abs=6e-4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"tier"', '"teir"', "unknown key 'nodes[0].teir'; did you mean 'tier'?"),
        ('"to": "e0"', '"to": "e9"', "arcs[0].to: unknown node 'e9'"),
        (
            '"speed_ops_s": 11',
            '"speed_ops_s": -11',
            "nodes[0].speed_ops_s must be a finite number >= 1 and <= 1e+18 op/s",
        ),
        ('"latency_s": 0.005', '"latency_s": 0', "apps[0].latency_s must be a finite number >= 1e-09 and <= 1e+16 s"),
        ('"after_block": 5', '"after_block": 4', "dnns.b_alexnet.exits must be in ascending order"),
        ("fin-instance/1", "fin-instance/2", "format 'fin-instance/2' is not 'fin-instance/1'"),
        ("}", "", "is not valid JSON"),
    ],
)
def test_place_names_the_fault(old: str, new: str, message: str, capsys: Any, tmp_path: Path) -> None:
    text = published_instance("b_alexnet", "full").to_json()
    assert old in text
    file = tmp_path / "bad.json"
    file.write_text(text.replace(old, new, 1))
    assert place("--instance", str(file), "--out", str(tmp_path / "place")) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--instance", "absent.toml"], "no such instance file: 'absent.toml'"),
        (["--random", "2"], "--random must be an integer >= 3"),
        (["--random", "5", "--gamma", "0"], "--gamma must be an integer >= 1 and <= 1000000, got 0"),
        (["--random", "5", "--app", "a7"], "unknown app 'a7'"),
        (["--random", "5", "--exits", "9"], "exits must be an integer >= 1 and <= 8, got 9"),
        (["--random", "5", "--save", "mine.yaml"], "--save needs a file that ends in .toml, .json, got 'mine.yaml'"),
        (["--published", "alexnet"], "did you mean 'b_alexnet'"),
        (
            ["--published", "b_alexnet", "--app", "a0"],
            "--app a0 is not for --published, only for --instance or --random or --graph; leave it out",
        ),
    ],
)
def test_place_refuses(arguments: list[str], message: str, capsys: Any, tmp_path: Path) -> None:
    assert place(*arguments, "--out", str(tmp_path / "place")) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "place.png").exists()


@pytest.mark.parametrize(
    ("what", "options"),
    [
        (
            ("--instance", "mine.toml"),
            ("seed", "blocks", "exits", "apps", "tightness", "family", "latency-mode", "energy"),
        ),
        (("--published", "b_lenet"), ("seed", "blocks", "exits", "apps", "tightness", "family", "app", "save", "out")),
        (("--random", "4"), ("energy",)),
    ],
)
def test_no_option_is_passed_over(what, options, tmp_path, monkeypatch, capsys) -> None:
    """An option that does not count beside the others is refused, before anything is solved or written."""
    monkeypatch.chdir(tmp_path)
    values = {
        "family": "prefix",
        "latency-mode": "expected",
        "energy": "expected",
        "tightness": "0.4",
        "save": "x.toml",
    }
    for option in options:
        assert place(*what, f"--{option}", values.get(option, "3")) == 2
        assert f"--{option} {values.get(option, '3')} is not for {what[0]}, only for --" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
