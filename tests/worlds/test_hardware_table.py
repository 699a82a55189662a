"""Hardware as a table of measured runs: what it plays, what it masks, and that policies and bounds follow."""

from __future__ import annotations

import csv
import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym import bound, clairvoyant, load_scenario
from splitgym.baselines.search import problem_of, search
from splitgym.traces import HardwareTrace
from splitgym.worlds.world import get_world
from tests.helpers import assert_same, native, rollout, sampled, single, steps_of, vector_rollout
from tests.references.measured import outcomes

ENV = "HardwareSplit-v0"
WORLD = get_world("hardware")
#: A small system: two clocks, three split layers; (1 GHz, std, layer 1, no GPU) was measured three times.
SMALL = """clock_mhz,accelerator,split,gpu,latency_ms,energy_edge_j,energy_cloud_j,accuracy
1500,off,0,true,100,0.5,60,0.60
1000,off,0,true,110,0.4,60,0.60
1000,std,1,false,220,1.0,30,0.62
1000,std,1,false,200,1.2,33,0.61
1000,std,1,false,210,0.8,27,0.63
1500,off,1,true,150,0.9,40,0.64
1500,off,2,false,900,3.0,0,0.65
"""
#: Its configurations: level, mode, split layer, GPU -> mean latency [s], energy [J], accuracy.
MEANS = {
    (0, 0, 0, 1): (0.11, 60.4, 0.60),
    (0, 1, 1, 0): (0.21, 31.0, 0.62),
    (1, 0, 0, 1): (0.1, 60.5, 0.60),
    (1, 0, 1, 1): (0.15, 40.9, 0.64),
    (1, 0, 2, 0): (0.9, 3.0, 0.65),
}


def table(folder: Path, text: str = SMALL, **changes: Any) -> Any:
    """The scenario of a table."""
    file = folder / "measured.csv"
    file.write_text(text, encoding="utf-8")
    return load_scenario(changes.pop("preset", "default"), ENV, hardware=file, **changes)


# ------------------------------------------------------------------ its own outcomes
@pytest.mark.parametrize("network", ["vgg16", "vit"])
def test_own_outcomes_give_dynasplits_choices_back(network, tmp_path):
    """Front, choices and returns are those of the profile that the table was made with, to the bit."""
    model = load_scenario("published", ENV, hardware=network)
    span = [model.hardware.threshold_min_s, model.hardware.threshold_max_s]
    played = load_scenario(
        "published", ENV, hardware={"file": str(outcomes(tmp_path, network)), "name": network, "thresholds_s": span},
    )  # fmt: skip
    assert played.hardware.status == "measured"
    problems = problem_of(WORLD, model), problem_of(WORLD, played)
    assert_same(problems[0].table, problems[1].table)
    assert_same(problems[0].values, problems[1].values)
    for method in ("exhaustive", "random"):
        fronts = [search(problem, method, seed=3) for problem in problems]
        assert_same(fronts[0].decisions, fronts[1].decisions)
        limits_s = np.geomspace(0.05, 12.0, 2000)
        assert_same(fronts[0].choose_rows(limits_s), fronts[1].choose_rows(limits_s))
    results = [splitgym.evaluate(["dynasplit", "edge_only", "cloud_only"], ENV, sc, 2) for sc in (model, played)]
    for policy, measure in itertools.product(results[0].policies, ("return", "energy", "violated", "latency_mean_s")):
        assert_same(results[0].figure(policy, measure), results[1].figure(policy, measure))


# ------------------------------------------------------------------ by hand
def test_the_mean_of_the_runs_is_played(tmp_path):
    scenario = table(tmp_path)
    env = single("hardware", scenario)
    assert scenario.hardware.clocks_hz == (1e9, 1.5e9)
    assert scenario.hardware.split_points == ("0", "1", "2")
    assert (scenario.hardware.threshold_min_s, scenario.hardware.threshold_max_s) == (0.1, 0.9)
    assert float(env.params.reference_j) == 60.5  # cloud-only at the highest clock
    assert "7 measured runs of 5 configurations" in scenario.hardware.validity
    for choice, (latency_s, energy_j, accuracy) in MEANS.items():
        env.reset(seed=0)
        info = env.step(np.array(choice))[-1]
        found = (info["clock_hz"], info["accelerator"], info["split"], int(info["gpu"]))
        assert found == ((1e9, 1.5e9)[choice[0]], *choice[1:])
        assert (info["latency_s"], info["energy_j"]) == pytest.approx((latency_s, energy_j), rel=1e-12)
        assert info["accuracy"] == pytest.approx(accuracy, rel=1e-12)


def test_an_unmeasured_choice_plays_the_nearest(tmp_path):
    """The split layer counts most, then GPU, accelerator and clock; the mask hides all of them."""
    env = single("hardware", table(tmp_path))
    nearest = {
        (0, 0, 2, 0): (1, 0, 2, 0),  # another clock
        (0, 2, 2, 1): (1, 0, 2, 0),  # nothing runs on the server, and the accelerator was never max
        (0, 2, 0, 0): (0, 0, 0, 1),  # nothing runs on the edge device, and the server's CPU was never used
        (0, 2, 1, 1): (1, 0, 1, 1),  # the GPU, rather than accelerator and clock
        (1, 2, 1, 0): (0, 1, 1, 0),
        (1, 1, 1, 0): (0, 1, 1, 0),
    }
    for choice, meant in nearest.items():
        env.reset(seed=0)
        info = env.step(np.array(choice))[-1]
        level = (1e9, 1.5e9).index(info["clock_hz"])
        assert (level, info["accelerator"], info["split"], int(info["gpu"])) == meant, choice


def test_masks_hold_measured_configurations_only(tmp_path):
    scenario = table(tmp_path)
    env, axes = single("hardware", scenario, "discrete"), single("hardware", scenario)
    levels = [tuple(row) for row in env.encoding.table]
    assert levels == [((1e9, 1.5e9)[a], b, c, d) for a, b, c, d in MEANS]
    trace = HardwareTrace.from_arrays(scenario, threshold_s=np.array([0.16, 0.05, 1.0]))
    scenario = scenario.replace(**{"requests.count": 3})
    env, axes = single("hardware", scenario, "discrete"), single("hardware", scenario)
    env.reset(options={"trace": trace})
    axes.reset(options={"trace": trace})
    assert env.action_masks().tolist() == [True, False, True, True, False]
    # clock 1.0 and 1.5 GHz; off; layers 0 and 1; GPU
    assert axes.action_masks().tolist() == [True, True, True, False, False, True, True, False, False, True]
    env.step(0)
    axes.step(np.array([0, 0, 0, 1]))
    assert env.action_masks().all()  # nothing is fast enough: all that was measured, never max
    assert axes.action_masks().tolist() == [True, True, True, True, False, True, True, True, True, True]


# ------------------------------------------------------------------ noise resamples the runs
def test_noise_plays_single_runs(tmp_path):
    """The request's uniform draw chooses among the runs of the configuration, the fastest first."""
    scenario = table(tmp_path, **{"noise.enabled": True, "requests.count": 3000})
    trace = HardwareTrace.draw(scenario, seed=5)
    runs = [(0.2, 34.2, 0.61), (0.21, 27.8, 0.63), (0.22, 31.0, 0.62)]
    env = single("hardware", scenario)
    env.reset(seed=5)
    counts = [0, 0, 0]
    for draw in trace.link_tail_draw:
        info = env.step(np.array([0, 1, 1, 0]))[-1]
        place = int(3 * draw)
        counts[place] += 1
        wanted = runs[place]
        assert (info["latency_s"], info["energy_j"], info["accuracy"]) == pytest.approx(wanted, rel=1e-12)
        assert not info["stalled"]
    assert min(counts) > 900
    held = table(tmp_path, **{"noise.enabled": True, "noise.hold": 10, "requests.count": 3000})
    draws = HardwareTrace.draw(held, seed=5).link_tail_draw
    assert_same(np.repeat(draws[::10], 10), draws)


def test_the_order_of_the_lines_decides_nothing(tmp_path):
    header, *lines = SMALL.splitlines()
    first = table(tmp_path, **{"noise.enabled": True})
    (tmp_path / "other").mkdir()
    second = table(tmp_path / "other", "\n".join([header, *lines[::-1]]), **{"noise.enabled": True})
    played = []
    for scenario in (first, second):
        env = single("hardware", scenario)
        played.append(rollout(env, sampled(env.action_space, 50, seed=1), seed=2))
    assert_same(*played)


# ------------------------------------------------------------------ policies, bounds, parity
def best_sum(scenario: Any, trace: HardwareTrace) -> float:
    """The best reward of every request over the runs that its draw chooses, in plain Python."""
    runs: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for row in csv.DictReader(SMALL.splitlines()):
        key = (row["clock_mhz"], row["accelerator"], row["split"], row["gpu"])
        energy_j = float(row["energy_edge_j"]) + float(row["energy_cloud_j"])
        runs.setdefault(key, []).append((float(row["latency_ms"]) / 1e3, energy_j))
    total = 0.0
    for threshold_s, draw in zip(trace.threshold_s, trace.link_tail_draw, strict=True):
        best = -1.0
        for group in runs.values():
            latency_s, energy_j = np.mean(group, axis=0) if draw == 1.0 else sorted(group)[int(draw * len(group))]
            best = max(best, 1.0 - energy_j / 60.5 if latency_s <= threshold_s else -1.0)
        total += best
    return total


@pytest.mark.parametrize("preset", ["default", "queueing", "switching", "noisy"])
def test_no_policy_plays_what_was_not_measured(preset, tmp_path):
    """Nor does any beat the bound, which is the plain one; without waiting and switching the clairvoyant reaches it."""
    scenario = table(tmp_path, preset=preset, **{"requests.count": 40})
    trace = HardwareTrace.draw(scenario, seed=0)
    most = bound(trace, ENV, scenario).value
    assert most == pytest.approx(best_sum(scenario, trace), rel=1e-9)
    found = clairvoyant(trace, ENV, scenario)
    assert found.value <= most + 1e-9
    if preset in ("default", "noisy"):
        assert found.value == pytest.approx(most, rel=1e-9)
    policies = splitgym.policy_names(ENV)
    assert {"random", "dynasplit", "dynasplit_aware", "cloud_only"} <= set(policies)
    for name, action in itertools.product(policies, ("multidiscrete", "discrete", "box", "dict")):
        env = single("hardware", scenario, action)
        policy = splitgym.make_policy(name, env)
        observation, _ = env.reset(seed=0)
        total, done = 0.0, False
        while not done:
            choice, _ = policy.predict(observation)
            observation, reward, _, done, info = env.step(choice)
            level = scenario.hardware.clocks_hz.index(info["clock_hz"])
            assert (level, info["accelerator"], info["split"], int(info["gpu"])) in MEANS, (name, action)
            total += float(reward)
        assert total <= most + 1e-9


def test_dynasplit_searches_measured_configurations_only(tmp_path):
    problem = problem_of(WORLD, table(tmp_path))
    assert (problem.raw, len(problem.table), problem.objectives) == (36, 5, ("latency", "accuracy", "energy"))
    front = search(problem)
    # (1 GHz, off, 0, GPU) is slower than at 1.5 GHz by as much as it saves; all but nothing is dominated
    assert sorted(front.latency_s) == pytest.approx([0.1, 0.11, 0.15, 0.21, 0.9])
    assert front.choose(0.3) == int(np.flatnonzero(front.latency_s == 0.21)[0])


@pytest.mark.parametrize("changes", [{}, {"noise.enabled": True}, {"noise.enabled": True, "noise.hold": 3}])
@pytest.mark.parametrize("preset", ["default", "queueing"])
def test_batch_and_replay_are_the_single_environment(preset, changes, tmp_path):
    """Bit for bit: observation, reward and info of every row."""
    scenario = table(tmp_path, preset=preset, **{"requests.count": 20, **changes})
    envs = native(3, "hardware", scenario)
    actions = list(itertools.islice(sampled(envs.action_space, 20, seed=1), 20))
    batch = vector_rollout(envs, actions, seed=7)
    for row in range(3):
        env, replay = single("hardware", scenario), single("hardware", scenario)
        mine = [action[row] for action in actions]
        alone = rollout(env, mine, seed=7 + row)
        trace = HardwareTrace.draw(scenario, seed=7 + row)
        again = rollout(replay, mine, seed=99, trace=trace)
        turns = list(zip(steps_of(batch), steps_of(alone), steps_of(again), strict=True))
        assert len(turns) == 20
        for of_batch, of_one, of_replay in turns:
            assert_same(of_batch[0][row], of_one[0])
            assert_same(of_one[:4], of_replay[:4])
            assert of_batch[1][row] == of_one[1]
            for key in ("latency_s", "energy_j", "accuracy", "split", "clock_hz"):
                assert of_batch[4][key][row] == of_one[4][key] == of_replay[4][key]


def test_switching_takes_the_stated_power(tmp_path):
    scenario = table(tmp_path, preset="switching", **{"hardware.wait_w": 2.5})
    env = single("hardware", scenario)
    env.reset(seed=0)
    info = env.step(np.array([0, 0, 0, 1]))[-1]
    assert (info["switched"], info["latency_reconfigure_s"]) == (True, 0.12)
    assert info["energy_reconfigure_j"] == pytest.approx(0.3, rel=1e-12)
    assert info["latency_s"] == pytest.approx(0.12 + 0.11, rel=1e-12)


# ------------------------------------------------------------------ scenarios
def test_digests_follow_the_content(tmp_path):
    """Not the name of the file; what decides counts, labels do not."""
    one = table(tmp_path)
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "renamed.csv"
    other.write_text(SMALL, encoding="utf-8")
    same = load_scenario("default", ENV, hardware=str(other))
    assert (one.digest(), one.hardware.name, same.hardware.name) == (same.digest(), "measured", "renamed")
    assert one.replace(**{"hardware.name": "x", "hardware.source": {"wait_w": "modelled: x"}}).digest() == one.digest()
    assert one.replace(**{"hardware.wait_w": 1.0}).digest() != one.digest()
    (tmp_path / "c").mkdir()
    assert table(tmp_path / "c", SMALL.replace("900", "901")).digest() != one.digest()


def test_a_scenario_travels_with_its_table(tmp_path):
    scenario = table(tmp_path, **{"hardware.wait_w": 2.0})
    kept = scenario.save(tmp_path / "away" / "mine.toml")
    (tmp_path / "measured.csv").unlink()
    moved = (tmp_path / "away").rename(tmp_path / "moved") / kept.name
    again = load_scenario(moved, ENV)
    assert again.digest() == scenario.digest()
    assert again.hardware.name == "measured"
    for copy in (again, pickle.loads(pickle.dumps(scenario))):
        played = [rollout(env, sampled(env.action_space, 5, seed=1), seed=2)
                  for env in (single("hardware", scenario), single("hardware", copy))]  # fmt: skip
        assert_same(*played)


def test_a_file_with_options(tmp_path):
    """Semicolons, decimal commas, columns of other names, units by options, percent, named layers, no knobs."""
    (tmp_path / "runs.csv").write_text(
        "# a remark\n"
        "cpu;layer;avg latency (ms);E edge [mJ];E node;top-1\n"
        "1,5;input;100,5;500;60;60\n"
        "1,5;end;900;3000;0;65,5\n",
        encoding="utf-8",
    )
    (tmp_path / "mine.toml").write_text(
        'base = "default"\nname = "mine"\n[hardware]\nfile = "runs.csv"\nsplits = ["input", "mid", "end"]\n'
        '[hardware.columns]\nclock = "cpu"\nsplit = "layer"\nlatency = "avg latency (ms)"\n'
        'energy_edge = "E edge [mJ]"\nenergy_cloud = "E node"\naccuracy = "top-1"\n'
        '[hardware.units]\nclock = "GHz"\nenergy_cloud = "J"\naccuracy = "percent"\n',
        encoding="utf-8",
    )
    scenario = load_scenario(tmp_path / "mine.toml", ENV)
    assert scenario.hardware.split_points == ("input", "mid", "end")
    assert scenario.hardware.accelerated is False
    values = problem_of(WORLD, scenario).values
    np.testing.assert_allclose(values, [[0.1005, 60.5, 0.6], [0.9, 3.0, 0.655]], rtol=1e-12)
    env = single("hardware", scenario)
    env.reset(seed=0)
    assert env.step(np.array([0, 0, 1, 1]))[-1]["split"] == 0  # layer 1: both are as near, the first is taken


def test_changes_reach_a_table(tmp_path):
    """As ``--set hardware=... --set hardware.units.energy_cloud=mJ`` does, in any order and also as a table."""
    file = tmp_path / "m.csv"
    file.write_text(SMALL.replace("energy_cloud_j", "energy_cloud"), encoding="utf-8")
    flat = load_scenario("default", ENV, **{"hardware.units.energy_cloud": "J", "hardware": str(file)})
    nested = load_scenario("default", ENV, hardware={"file": str(file), "units": {"energy_cloud": "J"}})
    assert flat.digest() == nested.digest()
    with pytest.raises(ValueError, match=r"unknown key 'hardware.unit'; did you mean 'units'"):
        load_scenario("default", ENV, **{"hardware": str(file), "hardware.unit": {}})
