"""The hardware world against the DynaSplit specification: model, workload, queue, switching, noise, masks."""

from __future__ import annotations

import csv
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import splitgym
from splitgym import evaluate, load_scenario
from splitgym.baselines.search import budget_of, problem_of, search
from splitgym.encodings import by_name
from splitgym.profiles import hardware_names, load_hardware
from splitgym.traces import HardwareTrace
from splitgym.traces.arrivals import ARRIVALS
from splitgym.worlds.hardware import published_thresholds_s
from splitgym.worlds.hardware.lowering import lower
from splitgym.worlds.world import get_world
from tests.helpers import native, rollout, sampled, single
from tests.references import hardware as reference

ENV = "HardwareSplit-v0"
WORLD = get_world("hardware")
#: Section 1: split layers, raw space, valid space, budgets at 20 % and at 80 %.
COUNTS = {
    "vgg16": (23, 966, 917, 184, 734),
    "resnet50": (41, 1722, 1673, 335, 1339),
    "mobilenetv2": (76, 3192, 3143, 629, 2515),
    "vit": (20, 840, 273, 55, 219),
}
BOUNDS_MS = {"vgg16": (90.6, 5026.8), "resnet50": (66.8, 1669.3), "mobilenetv2": (10.8, 391.0), "vit": (118.8, 10287.6)}


def scenario(preset: str = "default", **changes):
    return load_scenario(preset, ENV, **changes)


def nominal(network: str, config) -> np.ndarray:
    """Latency [s], energy [J], accuracy of one configuration."""
    return WORLD.nominal(scenario(hardware=network))(by_name(np.array([config]), WORLD.axis_table))[0]


# ------------------------------------------------------------------ section 1
def test_every_profile_is_counted():
    assert set(hardware_names()) == set(COUNTS)


@pytest.mark.parametrize("network", hardware_names())
def test_counts_and_budgets(network):
    layers, raw, valid, fifth, most = COUNTS[network]
    problem = problem_of(WORLD, scenario(hardware=network))
    assert len(load_hardware(network).split_points) == layers
    assert (problem.raw, len(problem.table)) == (raw, valid)
    assert (budget_of(problem, 0.2), budget_of(problem, 0.8)) == (fifth, most)
    assert [tuple(row) for row in problem.table] == reference.configurations(load_hardware(network))


def test_objectives_are_the_papers():
    wanted = ("latency", "accuracy", "energy"), ("latency", "energy")
    assert (load_hardware("vgg16").objectives, load_hardware("vit").objectives) == wanted
    assert {n for n in hardware_names() if load_hardware(n).status == "extrapolated"} == {"resnet50", "mobilenetv2"}


# ------------------------------------------------------------------ section 8: the model
def test_two_configurations_by_hand():
    """VGG16, from the formulas with the printed coefficients, in ms and J."""
    # 1.8 GHz, off, layer 0, GPU: x = 1/1.8; T = 4.0573 + 8.3256/1.8 + 2.2875 + 0.013919*588.025 + 74.17
    edge_ms = 4.0573 + 8.3256 / 1.8
    total_ms = edge_ms + 2.2875 + 0.013919 * 588.025 + 74.17
    edge_j = (4.4369 * edge_ms + (2.4508 + 0.4848 * 1.8) * (total_ms - edge_ms)) / 1e3
    cloud_j = (902.18 + 27.21 * (1 - 68.5 / 74.17)) * 74.17 / 1e3
    latency_s, energy_j, accuracy = nominal("vgg16", (1.8e9, 0, 0, 1))
    assert 1e3 * latency_s == pytest.approx(total_ms, rel=1e-12)
    assert energy_j == pytest.approx(edge_j + cloud_j, rel=1e-12)
    assert accuracy == 0.605
    # 0.8 GHz, std, layer 22: T = pipeline + 0.5589/0.8 + 425, all computing
    total_ms = 4.0573 + 8.3256 / 0.8 + 0.5589 / 0.8 + 425.0
    latency_s, energy_j, accuracy = nominal("vgg16", (0.8e9, 1, 22, 0))
    assert 1e3 * latency_s == pytest.approx(total_ms, rel=1e-12)
    assert energy_j == pytest.approx(5.0514 * total_ms / 1e3, rel=1e-12)
    assert accuracy == 0.603


@pytest.mark.parametrize("network", hardware_names())
def test_every_configuration_is_the_references(network):
    hw, problem = load_hardware(network), problem_of(WORLD, scenario(hardware=network))
    for config, (latency_s, energy_j, accuracy) in zip(problem.table, problem.values, strict=True):
        config = (float(config[0]), int(config[1]), int(config[2]), int(config[3]))
        wanted = reference.predict(hw, config)
        assert 1e3 * latency_s == pytest.approx(wanted["T"], rel=1e-12)
        assert energy_j == pytest.approx(wanted["Ee"] + wanted["Ec"], rel=1e-12)
        assert accuracy == pytest.approx(reference.accuracy(hw, config), nan_ok=True)


def test_check_points_of_the_calibration():
    points = reference.calibration()["check_points"]
    assert len(points) == 16
    for p in points:
        env = single("hardware", scenario(hardware=p["net"], **{"requests.count": 2}), "dict")
        env.reset(seed=0)
        levels = list(env.scenario.hardware.edge.clocks_hz)
        info = env.step(
            {
                "clock_hz": levels.index(p["f"] * 1e6),
                "accelerator": reference.MODES.index(p["tpu"]),
                "split": p["l"],
                "gpu": int(p["gpu"]),
            }
        )[-1]
        for key, name, scale in (
            ("T", "latency_s", 1e3),
            ("Te", "latency_edge_s", 1e3),
            ("Tt", "latency_transfer_s", 1e3),
            ("Tc", "latency_cloud_s", 1e3),
            ("E", "energy_j", 1.0),
            ("Ee", "energy_edge_j", 1.0),
            ("Ec", "energy_cloud_j", 1.0),
        ):
            assert scale * info[name] == pytest.approx(p[key], rel=1e-3, abs=1e-9), (p, key)


def test_coefficients_are_the_calibrations():
    """Every table of the profiles, in the units of the calibration file."""
    data = reference.calibration()
    for network, known in data["networks"].items():
        hw = load_hardware(network)
        pairs = [
            (1e3 * np.array(hw.edge.cpu_s), known["cpuA"]),
            (1e-6 * np.array(hw.edge.cpu_cycles), known["cpuB"]),
            (np.array(hw.cut_bits) / 8192, known["kb"]),
            (1e3 * np.array(hw.cloud.gpu_s), known["cloud_gpu"]),
            (1e3 * np.array(hw.cloud.cpu_s), known["cloud_cpu"]),
            (1e3 * np.array(hw.edge.accelerator_std_s), known["D_std"] or []),
            (1e3 * np.array(hw.edge.accelerator_max_s), known["D_max"] or []),
        ]
        for ours, theirs in pairs:
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        assert list(hw.split_points) == known["split_points"]


@pytest.mark.parametrize("network", ["vgg16", "vit"])
def test_measured_runs_are_described(network):
    """Median absolute error over the development pool, latency and energy (its rows are never part of the project)."""
    with reference.development_pool(network).open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) > 50
    configs = [
        (
            1e6 * float(r["cpu-freq"]),
            reference.MODES.index(r["edge-accelerator"]),
            int(r["layer"]),
            r["server-accelerator"] == "True",
        )
        for r in rows
    ]
    predicted = WORLD.nominal(scenario(hardware=network))(by_name(np.array(configs), WORLD.axis_table))
    for column, key, scale in ((0, "latency", 1e3), (1, "energy", 1.0)):
        errors = [
            abs(scale * value / float(row[key]) - 1) for value, row in zip(predicted[:, column], rows, strict=True)
        ]
        print(f"{network} {key}: median absolute error {100 * statistics.median(errors):.2f} % of {len(rows)} runs")
        assert statistics.median(errors) <= 0.025


# ------------------------------------------------------------------ section 3: workload and strategies
@pytest.mark.parametrize("network", hardware_names())
@pytest.mark.parametrize("n", [2, 50, 10_000])
def test_published_workload(network, n):
    wanted_ms = reference.published_thresholds_ms(BOUNDS_MS, n)[network]
    ours_ms = 1e3 * published_thresholds_s(network, n)
    np.testing.assert_allclose(ours_ms, wanted_ms, rtol=0, atol=1e-9)
    assert ours_ms.min() == pytest.approx(BOUNDS_MS[network][0], abs=1e-9)
    assert ours_ms.max() == pytest.approx(BOUNDS_MS[network][1], abs=1e-9)


def test_published_medians():
    """Section 3: the number of requests changes the shape."""
    assert 1e3 * np.median(published_thresholds_s("vgg16", 50)) == pytest.approx(1096, abs=0.5)
    assert 1e3 * np.median(published_thresholds_s("vgg16", 10_000)) == pytest.approx(401, abs=0.5)


def test_published_workload_refuses():
    with pytest.raises(ValueError, match="is one of vgg16, resnet50, mobilenetv2, vit, not 'mine'"):
        published_thresholds_s(load_hardware("vgg16").replace(name="mine"), 50)
    with pytest.raises(ValueError, match="requests of a workload, must be an integer >= 2"):
        published_thresholds_s("vgg16", 1)


def test_drawn_workload_is_weibull_between_the_bounds():
    for seed in range(5):
        t = HardwareTrace.draw(scenario(**{"requests.count": 5000}), seed).threshold_s
        assert (t.min(), t.max()) == (0.0906, 5.0268)
        s = (t - t.min()) / (t - t.min()).mean()  # exponential, but for its shift by the least of 5000
        for q in (0.25, 0.5, 0.9):
            assert np.quantile(s, q) == pytest.approx(-np.log(1 - q), rel=0.1)
    narrow = HardwareTrace.draw(scenario(**{"requests.count": 5000, "requests.weibull_shape": 4.0}), 0).threshold_s
    assert abs(np.quantile(narrow, 0.5) - 0.5 * (narrow.min() + narrow.max())) < 0.1 * np.ptp(narrow)


@pytest.mark.parametrize("network", ["vgg16", "vit"])
@pytest.mark.parametrize("n", [50, 1000])
def test_strategies_are_the_references(network, n):
    """All strategies on the published workload, request by request's mean, against the plain reference."""
    sc = scenario("published", hardware=network, **{"requests.count": n})
    hw, top = sc.hardware, sc.hardware.edge.clocks_hz[-1]
    entries, last = reference.front(sc.hardware), len(sc.hardware.split_points) - 1
    fixed = {
        "cloud_only": (top, 0, 0, 1),
        "edge_only": (top, 2 if hw.accelerated else 0, last, 0),
        "latency_optimal": min(entries, key=lambda e: e[1])[2],
        "energy_optimal": min(entries, key=lambda e: e[0])[2],
    }
    strategies = {name: lambda q, now, c=config: c for name, config in fixed.items()}
    strategies["dynasplit"] = lambda q, now: reference.choose(entries, q)
    results = evaluate(list(strategies), ENV, sc, episodes=1)
    trace = HardwareTrace.draw(sc, 0)
    energy = {}
    for name, decide in strategies.items():
        rows = reference.play(sc, trace, decide)
        found = {m: float(results.figure(name, m)[0]) for m in ("energy", "latency_mean_s", "violated", "return")}
        energy[name] = found["energy"]
        assert found["energy"] == pytest.approx(np.mean([r["energy_j"] for r in rows]), rel=1e-9)
        assert found["latency_mean_s"] == pytest.approx(np.mean([r["latency_s"] for r in rows]), rel=1e-9)
        assert found["violated"] == np.mean([not r["on_time"] for r in rows])
        assert found["return"] == pytest.approx(sum(r["reward"] for r in rows), rel=1e-9, abs=1e-9)
        splits = np.array([r["config"][2] for r in rows])
        assert results.figure(name, "cloud")[0] == np.mean(splits == 0)
        assert results.figure(name, "edge")[0] == np.mean(splits == last)
    assert energy["energy_optimal"] <= energy["dynasplit"] <= energy["latency_optimal"]


def test_savings_of_the_published_experiment():
    results = evaluate(["cloud_only", "dynasplit"], ENV, "published", episodes=1)
    energy = {name: results.figure(name, "energy")[0] for name in results.policies}
    assert 1 - energy["dynasplit"] / energy["cloud_only"] > 0.70


# ------------------------------------------------------------------ section 10
@pytest.mark.parametrize("network", ["vgg16", "vit"])
def test_properties_of_the_choice(network):
    problem = problem_of(WORLD, scenario(hardware=network))
    for method, seed in (("exhaustive", 0), ("random", 1), ("random", 2)):
        front = search(problem, method, seed=seed)
        limits = np.sort(np.concatenate([front.latency_s, np.geomspace(0.05, 12.0, 500)]))
        chosen = front.choose_rows(limits)
        energy, latency = front.energy_j[chosen], front.latency_s[chosen]
        met = latency <= limits
        np.testing.assert_array_equal(met, limits >= front.latency_s.min())
        assert (np.diff(energy[met]) <= 0).all()
        assert (latency[~met] == front.latency_s.min()).all()


# ------------------------------------------------------------------ the world against the reference, request by request
@pytest.mark.parametrize("preset", WORLD.preset_names())
@pytest.mark.parametrize("network", ["vgg16", "vit", "mobilenetv2"])
def test_world_is_the_reference(preset, network):
    """Random valid decisions in every preset, noise and waiting included."""
    changes = {"requests.count": 150, "hardware": network}
    for more in ({}, {"noise.enabled": True, "noise.hold": 3, "reward.infrastructure_weight": 0.3}):
        sc = scenario(preset, **changes, **more)
        configs = reference.configurations(sc.hardware)
        picks = [configs[i] for i in np.random.default_rng(1).integers(0, len(configs), 150)]
        pending, trace = iter(picks), HardwareTrace.draw(sc, 7)
        wanted = reference.play(sc, trace, lambda q, now, pending=pending: next(pending))
        env = single("hardware", sc)
        env.reset(seed=7)
        for k, (config, row) in enumerate(zip(picks, wanted, strict=True)):
            level = sc.hardware.edge.clocks_hz.index(config[0])
            _, reward, terminated, truncated, info = env.step(np.array([level, *config[1:]]))
            assert (info["clock_hz"], info["accelerator"], info["split"], int(info["gpu"])) == config
            for name in ("latency_s", "energy_j"):
                assert info[name] == pytest.approx(row[name], rel=1e-9)
            assert info["on_time"] == row["on_time"]
            assert reward == pytest.approx(row["reward"], rel=1e-9, abs=1e-12)
            assert info["cost_s"] == pytest.approx(row["violation_s"], rel=1e-6, abs=1e-12)
            assert (terminated, truncated) == (False, k == 149)
            assert info["threshold_s"] == trace.threshold_s[k]


@given(seed=st.integers(0, 1000), preset=st.sampled_from(WORLD.preset_names()))
def test_parts_add_up(seed, preset):
    sc = scenario(preset, **{"requests.count": 20, "noise.enabled": True})
    env = single("hardware", sc)
    for item in rollout(env, sampled(env.action_space, 20, seed), seed=seed)[1:-1]:
        info = item[-1]
        stages = ("wait", "reconfigure", "edge", "transfer", "cloud")
        assert sum(info[f"latency_{s}_s"] for s in stages) == pytest.approx(info["latency_s"], rel=1e-12)
        parts = sum(info[f"energy_{s}_j"] for s in ("reconfigure", "edge", "cloud"))
        assert parts == pytest.approx(info["energy_j"], rel=1e-12)
        assert info["saved_j"] == pytest.approx(float(env.params.reference_j) - info["energy_j"], rel=1e-9, abs=1e-9)
        assert info["on_time"] == (info["cost_s"] == 0.0)
        assert info["switched"] or info["latency_reconfigure_s"] == 0.0
        assert min(info[f"latency_{s}_s"] for s in stages) >= 0.0


def test_invalid_combinations_mean_valid_ones():
    env = single("hardware", scenario())
    last = len(env.scenario.hardware.split_points) - 1
    env.reset(seed=0)
    first = env.step(np.array([3, 2, 0, 1]))[-1]  # accelerator with nothing on the edge device
    assert (first["accelerator"], first["split"], first["gpu"]) == (0, 0, True)
    then = env.step(np.array([3, 1, last, 1]))[-1]  # server GPU with nothing on the server
    assert (then["accelerator"], then["split"], then["gpu"]) == (1, last, False)
    vit = single("hardware", scenario("vit"))
    vit.reset(seed=0)
    assert vit.step(np.array([3, 2, 7, 1]))[-1]["accelerator"] == 0


def test_the_threshold_is_inclusive():
    latency_s = float(nominal("vgg16", (1.8e9, 0, 0, 1))[0])
    for threshold_s, met in ((latency_s, True), (np.nextafter(latency_s, 0.0), False)):
        env = single("hardware", scenario(**{"requests.count": 2}))
        env.reset(options={"trace": HardwareTrace.from_arrays("default", threshold_s=np.full(2, threshold_s))})
        _, reward, *_, info = env.step(np.array([6, 0, 0, 1]))
        assert bool(info["on_time"]) is met
        assert reward == (0.0 if met else -1.0)


def test_switching_costs_time_and_waiting_power():
    sc = scenario("switching", **{"requests.count": 4})
    env = single("hardware", sc)
    env.reset(seed=0)
    stay = env.step(np.array([6, 0, 0, 1]))[-1]
    assert (stay["switched"], stay["latency_reconfigure_s"], stay["energy_reconfigure_j"]) == (False, 0.0, 0.0)
    clock = env.step(np.array([0, 0, 0, 1]))[-1]
    assert clock["switched"]
    assert clock["latency_reconfigure_s"] == 0.12
    assert clock["energy_reconfigure_j"] == pytest.approx((2.4508 + 0.4848 * 0.6) * 0.12, rel=1e-12)
    mode = env.step(np.array([0, 2, 5, 1]))[-1]
    assert mode["latency_reconfigure_s"] == 0.12
    assert mode["energy_reconfigure_j"] == pytest.approx((3.8784 + 0.6806 * 0.6) * 0.12, rel=1e-12)
    layer = env.step(np.array([0, 2, 9, 0]))[-1]
    assert not layer["switched"]


def test_a_slow_answer_makes_the_next_request_wait():
    sc = scenario("queueing", **{"requests.count": 3, "switching.reconfigure_s": 0.0})
    trace = HardwareTrace.from_arrays(sc, arrival_s=np.array([1.0, 1.5, 9.0]), threshold_s=np.array([5.0, 5.0, 5.0]))
    env = single("hardware", sc)
    env.reset(options={"trace": trace})
    slow = np.array([0, 0, 22, 0])  # 4.9 s on the slowest clock
    first = env.step(slow)[-1]
    assert first["latency_wait_s"] == 0.0
    second = env.step(np.array([6, 2, 22, 0]))[-1]
    assert second["latency_wait_s"] == pytest.approx(first["latency_s"] - 0.5, rel=1e-12)
    assert second["latency_s"] == pytest.approx(second["latency_wait_s"] + second["latency_edge_s"], rel=1e-12)
    assert env.step(slow)[-1]["latency_wait_s"] == 0.0


def test_backlog_counts_who_has_arrived():
    sc = scenario("queueing", **{"requests.count": 30})
    env = single("hardware", sc)
    names = [f.name for f in env.rows.fields]
    trace = HardwareTrace.from_arrays(sc, arrival_s=np.zeros(30))
    observation, _ = env.reset(options={"trace": trace})
    seen = []
    for _ in range(29):
        number = float(observation[names.index("backlog")])
        seen.append(round(3.0 * number / (1.0 - number)))
        observation = env.step(np.array([6, 2, 22, 0]))[0]
    assert seen == [min(16, left) for left in range(29, 0, -1)]


# ------------------------------------------------------------------ noise
def test_noise_has_the_calibrated_shares():
    trace = HardwareTrace.draw(scenario("noisy", **{"requests.count": 40_000}), 0)
    noise = load_hardware("vgg16").noise
    assert trace.stalled.mean() == pytest.approx(noise.stall_share, abs=0.01)
    assert np.log(trace.link_factor).std() == pytest.approx(noise.link_log_std, rel=0.03)
    assert np.log(trace.cloud_factor).std() == pytest.approx(noise.cloud_log_std, rel=0.03)
    assert np.median(trace.link_tail_s) == pytest.approx(noise.link_tail_s, rel=0.05)
    assert trace.link_tail_s.max() == noise.link_tail_max_s
    assert (trace.link_tail_draw < 0.08).mean() == pytest.approx(0.08, abs=0.01)
    high = trace.node_factor.mean() - 1.0
    assert high == pytest.approx(noise.node_high_share * (noise.node_high_factor - 1), abs=3e-4)
    assert trace.edge_offset_w.mean() == pytest.approx(-noise.edge_low_share * noise.edge_low_w, abs=2e-3)


def test_runs_share_a_draw():
    trace = HardwareTrace.draw(scenario("noisy", **{"requests.count": 12, "noise.hold": 4}), 0)
    for name in ("stalled", "link_factor", "cloud_factor", "node_factor", "edge_offset_w", "link_tail_s"):
        column = getattr(trace, name).reshape(3, 4)
        assert (column == column[:, :1]).all()
    assert len(set(trace.link_factor)) == 3


def test_stalls_round_up_to_the_lattice():
    sc = scenario(**{"requests.count": 2})
    for action, nominal_ms, stalled_ms in (
        ([6, 0, 0, 1], 8.6826, 10.55),
        ([0, 0, 0, 1], 17.9333, 20.92),
        ([4, 2, 17, 1], None, 82.33),
        ([6, 2, 22, 0], 426.4931, 82.33 + 6 * 60.07),
    ):
        found = []
        for stalled in (0.0, 1.0):
            env = single("hardware", sc)
            env.reset(options={"trace": HardwareTrace.from_arrays(sc, stalled=np.full(2, stalled))})
            found.append(env.step(np.array(action))[-1])
        assert [info["stalled"] for info in found] == [False, True]
        if nominal_ms is not None:
            assert 1e3 * found[0]["latency_edge_s"] == pytest.approx(nominal_ms, abs=1e-3)
        assert 1e3 * found[1]["latency_edge_s"] == pytest.approx(stalled_ms, abs=1e-9)
        extra_s = found[1]["latency_edge_s"] - found[0]["latency_edge_s"]
        name = reference.MODES[action[1]]
        power, clock = sc.hardware.power, sc.hardware.edge.clocks_hz[action[0]]
        wait_w = getattr(power, f"wait_{name}_w") + getattr(power, f"wait_{name}_j_per_cycle") * clock
        assert found[1]["energy_edge_j"] - found[0]["energy_edge_j"] == pytest.approx(wait_w * extra_s, rel=1e-9)


def test_large_tensors_are_delayed_more_often():
    sc = scenario(**{"requests.count": 2})
    trace = HardwareTrace.from_arrays(sc, link_tail_draw=np.full(2, 0.12), link_tail_s=np.full(2, 0.05))
    for split, delayed in ((1, True), (2, True), (3, False), (0, False)):
        env, calm = single("hardware", sc), single("hardware", sc)
        env.reset(options={"trace": trace})
        calm.reset(seed=0)
        action = np.array([6, 0, split, 1])
        gap = env.step(action)[-1]["latency_transfer_s"] - calm.step(action)[-1]["latency_transfer_s"]
        assert gap == pytest.approx(0.05 if delayed else 0.0, abs=1e-12)


# ------------------------------------------------------------------ masks
@pytest.mark.parametrize(
    ("preset", "network"),
    [("default", "vgg16"), ("vit", "vit"), ("switching", "vgg16"), ("queueing", "vgg16"), ("queueing", "vit")],
)
def test_masks_are_exact(preset, network):
    """A value is allowed iff some valid configuration with it nominally meets the threshold; else all valid ones."""
    sc = scenario(preset, hardware=network, **{"requests.count": 40})
    env, table = single("hardware", sc), single("hardware", sc, "discrete")
    hw, configs = sc.hardware, reference.configurations(sc.hardware)
    times_s = {c: reference.predict(hw, c)["T"] / 1e3 for c in configs}
    env.reset(seed=2)
    table.reset(seed=2)
    assert [tuple(row) for row in table.encoding.table] == configs
    partial = 0
    for action in sampled(table.action_space, 39, seed=4):
        state = env.rows.states[0]
        force, remaining_s = (float(state["clock_hz"]), int(state["accelerator"])), float(state["remaining_s"])
        delay = sc.switching.reconfigure_s
        good = [c for c in configs if times_s[c] + delay * (c[:2] != force) <= remaining_s] or configs
        want = np.concatenate([np.isin(axis.levels, [c[j] for c in good]) for j, axis in enumerate(env.rows.axes)])
        np.testing.assert_array_equal(env.action_masks(), want)
        np.testing.assert_array_equal(
            table.action_masks(), np.isin(np.arange(len(configs)), [configs.index(c) for c in good])
        )
        partial += len(good) < len(configs)
        config = configs[action]
        env.step(np.array([hw.edge.clocks_hz.index(config[0]), *config[1:]]))
        table.step(action)
    assert partial > 3


# ------------------------------------------------------------------ traces
@pytest.mark.parametrize("preset", WORLD.preset_names())
def test_a_replayed_episode_is_the_drawn_one(preset, tmp_path):
    sc = scenario(preset, **{"requests.count": 15})
    HardwareTrace.draw(sc, seed=3, episode=1).save(tmp_path / "t.npz")
    trace = HardwareTrace.load(tmp_path / "t.npz")
    env, replay = single("hardware", sc), single("hardware", sc)
    env.reset(seed=3)
    first = env.reset()[0]
    np.testing.assert_array_equal(first, replay.reset(options={"trace": trace})[0])
    for action in sampled(env.action_space, 15, 0):
        a, b = env.step(action), replay.step(action)
        np.testing.assert_array_equal(a[0], b[0])
        assert a[1:4] == b[1:4]


def test_traces_refuse():
    with pytest.raises(ValueError, match="unknown trace array 'gain'"):
        HardwareTrace.from_arrays("default", gain=np.ones(3))
    with pytest.raises(ValueError, match=r"trace.threshold_s\[1\] must be a finite number >= 1e-06 and"):
        HardwareTrace.from_arrays("default", threshold_s=np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="ascending"):
        HardwareTrace.from_arrays("default", arrival_s=np.array([2.0, 1.0]))
    env = single("hardware", scenario())
    with pytest.raises(ValueError, match="the trace has 3 requests, the scenario 50"):
        env.reset(options={"trace": HardwareTrace.from_arrays("default", threshold_s=np.ones(3))})
    with pytest.raises(ValueError, match="must be a HardwareTrace, got InferenceTrace"):
        env.reset(options={"trace": get_world("inference").draw_trace(load_scenario("enachi"), np.uint64(1))})


def test_every_policy_meets_the_same_requests():
    sc = scenario("switching", **{"requests.count": 30})
    envs = native(4, "hardware", sc)
    thresholds = []
    for seed in (1, 2):
        envs.reset(seed=11)
        thresholds.append([envs.step(a)[-1]["threshold_s"] for a in sampled(envs.action_space, 30, seed)])
    np.testing.assert_array_equal(*thresholds)


# ------------------------------------------------------------------ scenarios and profiles
@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("hardware", "vgg61", "unknown hardware profile 'vgg61'; did you mean 'vgg16'"),
        ("requests.workload", "poisson", "requests.workload must be 'weibull' or 'published'"),
        ("requests.count", 1, r"requests.count must be a finite number >= 2 and <= .* request"),
        (
            "switching.reconfigure_s",
            -1.0,
            r"switching.reconfigure_s must be a finite number >= 0 and <= 10000 s, got -1",
        ),
        ("reward.penalty", 1.0, "did you mean 'violation_penalty'"),
        ("hardware.status", "guessed", "hardware.status must be 'fitted' or 'extrapolated'"),
        (
            "hardware.cut_bits",
            [1e9],
            "hardware.cut_bits must have 23 entries, one for each of hardware.split_points, got 1",
        ),
        (
            "hardware.edge.clocks_hz",
            [1e9],
            "head_off_w must have 1 entries, one for each of hardware.edge.clocks_hz",
        ),
        ("hardware.objectives", ["energy", "latency"], "hardware.objectives must be some of"),
        ("hardware.threshold_max_s", 0.01, "hardware.threshold_max_s must be > threshold_min_s=0.0906 s"),
        ("hardware.edge.clocks_hz", [2e9, 1e9], "strictly ascending"),
        ("noise.enabled", 1, "noise.enabled must be true or false"),
        ("arrivals.model", "poison", "did you mean 'poisson'"),
    ],
)
def test_refuses(path, value, message):
    with pytest.raises(ValueError, match=message):
        scenario(**{path: value})


def test_scenarios_of_the_other_world_are_refused():
    with pytest.raises(ValueError, match="belongs to another world than 'hardware'"):
        single("hardware", load_scenario("enachi"))


def test_reference_energy_is_cloud_only():
    wanted = reference.predict(load_hardware("vgg16"), (1.8e9, 0, 0, 1))
    assert float(lower(scenario()).reference_j) == pytest.approx(wanted["Ee"] + wanted["Ec"], rel=1e-12)
    weightless = scenario(**{"reward.infrastructure_weight": 0.0})
    assert float(lower(weightless).reference_j) == pytest.approx(wanted["Ee"], rel=1e-12)


def test_plug_in_arrivals_reach_the_queue():
    @splitgym.arrivals("steady-for-a-test")
    def steady(rng, n_tasks, *, gap_s: float = 0.2):
        """One every ``gap_s``."""
        return gap_s * np.arange(n_tasks)

    try:
        sc = scenario(
            "queueing",
            **{"arrivals": {"model": "steady-for-a-test", "parameters": {"gap_s": 0.05}}, "requests.count": 6},
        )
        np.testing.assert_array_equal(HardwareTrace.draw(sc, 0).arrival_s, 0.05 * np.arange(6))
        env, envs = single("hardware", sc), native(2, "hardware", sc)
        env.reset(seed=0)
        envs.reset(seed=0)
        waits = []
        for _ in range(6):
            info = env.step(np.array([6, 0, 0, 1]))[-1]
            assert envs.step(np.tile([6, 0, 0, 1], (2, 1)))[-1]["latency_wait_s"][0] == info["latency_wait_s"]
            waits.append(info["latency_wait_s"])
        served_s = nominal("vgg16", (1.8e9, 0, 0, 1))[0]
        assert waits == pytest.approx([k * (served_s - 0.05) for k in range(6)])
    finally:
        del ARRIVALS._table["steady-for-a-test"]
