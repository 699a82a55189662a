"""The inference world: against an independent plain-Python world, and laws that every episode obeys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitgym.profiles import load_profile
from splitgym.worlds.inference import InferenceTrace, load_scenario
from splitgym.worlds.inference.scenario import preset_names
from tests.helpers import sampled, single
from tests.references import inference as world_reference
from tests.references.curves import tabulated

PRESETS = preset_names()
INPUT, STEM, LAYER1, LAYER2, LAYER3, LAYER4, LOCAL = range(7)


def episode(scenario, decisions=None, seed=0, trace=None, **options):
    """Info of every step of an episode.

    ``decisions``: one (cut, edge cut, clock [Hz], power [W]) for all tasks, or a list with one each; random if absent.
    """
    env = single("inference", scenario, "dict")
    if trace is not None:
        options["trace"] = trace
    env.reset(seed=seed, options=options or None)
    count = env.scenario.tasks.count
    if decisions is None:
        rng = np.random.default_rng(seed)
        decisions = [random_decision(env.scenario, rng) for _ in range(count)]
    elif isinstance(decisions, tuple):
        decisions = [decisions] * count
    infos = []
    for decision in decisions:
        action = {name: part[0] for name, part in env.encoding.encode(np.array([decision], np.float64)).items()}
        _, reward, terminated, truncated, info = env.step(action)
        infos.append(info | {"reward": reward, "terminated": terminated, "truncated": truncated})
        if terminated or truncated:
            return infos
    raise AssertionError("the episode did not end")


def random_decision(sc, rng):
    """Any decision, the extremes of power included."""
    power_w = rng.choice([0.0, sc.radio.power_max_w, sc.radio.power_max_w * rng.random() ** 3], p=[0.05, 0.1, 0.85])
    edge_cut = rng.integers(7) if sc.cloud.enabled else LOCAL
    return int(rng.integers(7)), int(edge_cut), float(rng.choice(sc.device.clocks_hz)), float(power_w)


def column(infos, name):
    return np.array([info[name] for info in infos])


# ------------------------------------------------------------------ against the plain-Python world
NAMES = {
    "energy": "energy_j", "compute": "energy_compute_j", "radio": "energy_radio_j", "edge": "energy_edge_j",
    "cloud": "energy_cloud_j", "accuracy": "accuracy", "bits": "bits", "beta": "feature_ratio", "queue": "queue_j",
    "reward": "reward", "wait": "latency_wait_s",
}  # fmt: skip
EXACT = {
    "task": "task",
    "exit": "exit",
    "on_time": "on_time",
    "correct": "correct",
    "slots": "slots_used",
    "missed": "missed",
    "early": "stopped_early",
}
VARIANTS = {
    "enachi": {"tasks.count": 300, "tasks.deadline_min_s": 0.03, "tasks.deadline_max_s": 0.29},
    "default": {"tasks.count": 120, "device.reconfigure_s": 4e-3, "budget.infrastructure_weight": 0.05},
    "bursty": {"tasks.count": 120},
    "commute": {"tasks.count": 60, "cloud.jitter_s": 0.03},
    "tight-deadline": {
        "tasks.count": 60,
        "fading.model": "rician",
        "fading.parameters.k_ratio": 2.0,
        "early_stop.feedback_slots": 4,
    },
}
TABLES = {
    "enachi": {**VARIANTS["enachi"], "dnn": tabulated(load_profile("resnet50"), "concave", "steps")},
    "default": {**VARIANTS["default"], "dnn": tabulated(load_profile("resnet50"), "waves", "line", "concave", "steps")},
}
OPTIONS = [
    {}, {"packet_control": "constant"}, {"early_stop": False}, {"progressive": False},
    {"packet_control": "constant", "progressive": False},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    ("preset", "changes"),
    [*VARIANTS.items(), *TABLES.items()],
    ids=[*VARIANTS, *(f"{preset}, tables" for preset in TABLES)],
)
def test_independent_world_agrees_task_by_task(preset, changes, options):
    scenario = load_scenario(preset, **changes)
    trace = InferenceTrace.draw(scenario, seed=3)
    rng = np.random.default_rng(7)
    decisions = [random_decision(scenario, rng) for _ in range(scenario.tasks.count)]
    got = episode(scenario, decisions, trace=trace, **options)
    want = world_reference.play(scenario, trace, decisions, options)
    assert len(got) == len(want)
    for name, ours in EXACT.items():
        np.testing.assert_array_equal(column(got, ours), [w[name] for w in want], err_msg=name)
    for name, ours in NAMES.items():
        np.testing.assert_allclose(column(got, ours), [w[name] for w in want], rtol=1e-9, atol=1e-14, err_msg=name)
    served = column(got, "on_time")
    np.testing.assert_allclose(
        column(got, "latency_s")[served], [w["latency"] + w["wait"] for w in want if w["on_time"]], rtol=1e-9
    )


def test_reference_meets_every_branch():
    """The comparison above is worth what its episodes contain."""
    scenario = load_scenario("bursty", **VARIANTS["bursty"])
    trace = InferenceTrace.draw(scenario, seed=3)
    rng = np.random.default_rng(7)
    infos = episode(scenario, [random_decision(scenario, rng) for _ in range(120)], trace=trace)
    assert column(infos, "missed").sum() > 3
    assert set(column(infos, "exit")) == {-1, 0, 1}
    assert (column(infos, "energy_cloud_j") > 0).sum() > 5
    assert column(infos, "stopped_early").sum() > 5
    assert (column(infos, "latency_wait_s") > 0).sum() > 20
    assert 0 < column(infos, "correct").sum() < column(infos, "on_time").sum() < len(infos)


# ------------------------------------------------------------------ conservation, on every preset
@pytest.fixture(scope="module", params=PRESETS)
def random_episode(request):
    scenario = load_scenario(request.param, **{"tasks.count": 150})
    return scenario, episode(scenario, seed=5)


def test_tasks_are_served_or_missed(random_episode):
    scenario, infos = random_episode
    assert len(infos) + column(infos, "missed").sum() == scenario.tasks.count
    np.testing.assert_array_equal(np.cumsum(column(infos, "missed")), column(infos, "missed_total"))
    expected = np.cumsum(np.r_[0, 1 + column(infos, "missed")[:-1]])
    np.testing.assert_array_equal(column(infos, "task"), expected)


def test_bits_fit_the_capacity(random_episode):
    scenario, infos = random_episode
    bits, capacity, used = (column(infos, name) for name in ("bits", "capacity_bits", "slots_used"))
    assert (bits <= capacity).all()
    assert (used <= column(infos, "slots_available")).all()
    assert (bits[used == 0] == 0).all()
    sizes = np.array(
        [math.prod(s) * 8.0 for s in [scenario.dnn.input_shape, *(b.shape for b in scenario.dnn.blocks if b.cut)]]
    )
    assert (bits <= sizes[column(infos, "cut")]).all()
    ratio = column(infos, "feature_ratio")
    assert ((ratio >= 0.0) & (ratio <= 1.0)).all()
    sent = used > 0
    assert (ratio[sent] * sizes[column(infos, "cut")][sent] <= bits[sent] * (1 + 1e-12)).all()  # whole channels only
    assert (
        column(infos, "energy_radio_j") <= used * scenario.radio.slot_s * scenario.radio.power_max_w * (1 + 1e-12)
    ).all()


def test_energy_adds_up(random_episode):
    scenario, infos = random_episode
    compute, radio, edge, cloud, total = (
        column(infos, f"energy_{part}j") for part in ("compute_", "radio_", "edge_", "cloud_", "")
    )
    np.testing.assert_array_equal(total, compute + radio + scenario.budget.infrastructure_weight * (edge + cloud))
    for part in (compute, radio, edge, cloud):
        assert (part >= 0.0).all()
    np.testing.assert_array_equal(column(infos, "cost_j"), np.maximum(total - scenario.budget.energy_j, 0.0))


def test_queue_identity(random_episode):
    """Q' = [Q + E - Ebar]^+ exactly, missed tasks included; hence the bound on the mean energy."""
    scenario, infos = random_episode
    budget_j, queue_j = scenario.budget.energy_j, 0.0
    for info in infos:
        queue_j = max(queue_j + info["energy_j"] - budget_j, 0.0)
        for _ in range(info["missed"]):
            queue_j = max(queue_j - budget_j, 0.0)
        assert info["queue_j"] == queue_j
    assert column(infos, "energy_j").sum() <= scenario.tasks.count * budget_j + queue_j + 1e-12


def test_return_telescopes(random_episode):
    scenario, infos = random_episode
    debt = infos[-1]["queue_j"] / scenario.budget.energy_j
    expected = column(infos, "correct").sum() - scenario.budget.debt_price * debt
    assert column(infos, "reward").sum() == pytest.approx(expected, abs=1e-9)


def test_latency_adds_up_and_meets_the_deadline(random_episode):
    scenario, infos = random_episode
    parts = sum(column(infos, f"latency_{p}_s") for p in ("wait", "device", "uplink", "edge", "backhaul", "cloud"))
    latency, on_time = column(infos, "latency_s"), column(infos, "on_time")
    np.testing.assert_allclose(parts, latency, rtol=1e-12)
    deadline_s = InferenceTrace.draw(scenario, seed=5).deadline_s[column(infos, "task")]
    assert on_time.any()
    assert (latency[on_time] <= deadline_s[on_time] + 1e-12).all()  # slot borders are rounded numbers


def test_correct_implies_on_time(random_episode):
    _, infos = random_episode
    assert (column(infos, "on_time") | ~column(infos, "correct")).all()


def test_end_is_truncation(random_episode):
    _, infos = random_episode
    assert not column(infos, "terminated").any()
    np.testing.assert_array_equal(column(infos, "truncated"), [False] * (len(infos) - 1) + [True])


# ------------------------------------------------------------------ reward and charges
def test_infrastructure_weight_charges_edge_and_cloud():
    free, charged = (
        episode(load_scenario("default", **{"tasks.count": 30, "budget.infrastructure_weight": w})) for w in (0.0, 1.0)
    )
    infrastructure = column(free, "energy_edge_j") + column(free, "energy_cloud_j")
    assert (infrastructure > 0).sum() > 5
    np.testing.assert_allclose(column(charged, "energy_j"), column(free, "energy_j") + infrastructure, rtol=1e-12)


def test_debt_price_scales_the_penalty():
    for price in (0.0, 2.0):
        scenario = load_scenario("enachi", **{"tasks.count": 20, "budget.debt_price": price})
        infos = episode(scenario, (LOCAL, LOCAL, 2e9, 0.2), early_stop=False)
        expected = column(infos, "correct") - price * np.diff(np.r_[0.0, column(infos, "queue_j")]) / 6e-3
        np.testing.assert_allclose(column(infos, "reward"), expected, rtol=1e-12)


def test_hard_battery_ends_the_episode():
    endless = episode(load_scenario("default", **{"tasks.count": 60}), seed=2)
    spent = np.cumsum(column(endless, "energy_compute_j") + column(endless, "energy_radio_j"))
    battery_j = float(spent[25] - 1e-9)
    infos = episode(load_scenario("default", **{"tasks.count": 60, "device.battery_j": battery_j}), seed=2)
    assert len(infos) == 26  # the task during which it runs empty
    assert column(infos, "terminated").tolist() == [False] * 25 + [True]
    assert not column(infos, "truncated").any()
    assert not infos[-1]["correct"]
    for name in ("energy_j", "correct", "reward"):
        np.testing.assert_array_equal(column(infos, name)[:25], column(endless, name)[:25])
    rich = episode(load_scenario("default", **{"tasks.count": 60, "device.battery_j": float(spent[-1] + 1e-9)}), seed=2)
    assert not column(rich, "terminated").any()


def test_battery_is_observed():
    env = single("inference", load_scenario("default", **{"device.battery_j": 0.5}))
    place = [f.name for f in env.rows.fields].index("battery")
    assert env.reset(seed=0)[0][place] == 1.0
    observation, *_, info = env.step(np.array([LOCAL, LOCAL, 3, 0]))
    assert observation[place] == np.float32(1.0 - (info["energy_compute_j"] + info["energy_radio_j"]) / 0.5)
    assert single("inference", "default").reset(seed=0)[0][place] == 1.0


# ------------------------------------------------------------------ waiting, missing, clocks
def observed(env, name):
    """Observed number of a field, decoded from its SQUASH rule for counts."""
    fields = [f.name for f in env.rows.fields]
    return env.rows.seen.observations[0][fields.index(name)], env.rows.fields[fields.index(name)]


def test_bursts_make_backlog_and_misses():
    env = single("inference", "bursty")
    missed, backlog = 0, []
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(env.scenario.tasks.count):
            _, _, _, truncated, info = env.step(np.array([LOCAL, LOCAL, 0, 0]))  # slowest
            number, field = observed(env, "backlog")
            backlog.append(number * field.high / (1.0 - number))
            if truncated:
                missed += info["missed_total"]
                break
    assert missed > 20
    assert max(backlog) >= 3.0 - 1e-6
    assert min(backlog) == 0.0


def test_backlog_counts_tasks_that_have_arrived():
    scenario = load_scenario("default", **{"tasks.count": 6, "tasks.deadline_min_s": 2.0, "tasks.deadline_max_s": 2.0})
    trace = InferenceTrace.from_arrays(
        scenario, arrival_s=np.array([0.0, 0.1, 0.2, 0.25, 0.3, 9.0]), complexity=np.ones(6)
    )
    env = single("inference", scenario)
    env.reset(options={"trace": trace})
    backlog = []
    for _ in range(4):
        env.step(np.array([LOCAL, LOCAL, 3, 0]))  # about 256 ms each
        number, field = observed(env, "backlog")
        backlog.append(round(float(number * field.high / (1.0 - number)), 4))
    assert backlog == [2.0, 2.0, 1.0, 0.0]


@pytest.mark.parametrize(("deadline_s", "period_s"), [(0.11, 0.3), (0.3, 0.3), (0.02, 0.02)])
@pytest.mark.parametrize("clock_hz", [0.8e9, 2e9])
def test_frames_never_wait(deadline_s, period_s, clock_hz):
    """Periodic arrivals with D <= period are the frame model of the specification, even where work is aborted at D."""
    changes = {"tasks.deadline_min_s": deadline_s, "tasks.deadline_max_s": deadline_s, "tasks.count": 300}
    changes |= {"device.clocks_hz": [clock_hz], "arrivals.parameters.period_s": period_s}
    scenario = load_scenario("enachi", **changes)
    for infos in (episode(scenario, seed=1), episode(scenario, (LOCAL, LOCAL, clock_hz, 0.0))):
        assert len(infos) == 300
        np.testing.assert_array_equal(column(infos, "latency_wait_s"), 0.0)


def test_a_slow_decision_makes_the_next_task_wait():
    scenario = load_scenario("default", **{"tasks.count": 2, "tasks.deadline_min_s": 1.0, "tasks.deadline_max_s": 1.0})
    trace = InferenceTrace.from_arrays(scenario, arrival_s=np.array([0.0, 0.1]), complexity=np.ones(2))
    slow = episode(scenario, (LOCAL, LOCAL, 2e9, 0.0), trace=trace)
    busy_s = (4_089_184_256 + 512_000 + 1_024_000) / 8.0 / 2e9
    assert slow[1]["latency_wait_s"] == pytest.approx(busy_s - 0.1, rel=1e-9)
    assert slow[1]["latency_s"] == pytest.approx(2 * busy_s - 0.1, rel=1e-9)


def test_reconfiguration_takes_time():
    scenario = load_scenario("default", **{"tasks.count": 3, "device.reconfigure_s": 0.01})
    trace = InferenceTrace.from_arrays(scenario, arrival_s=np.array([0.0, 5.0, 10.0]), complexity=np.ones(3))
    clocks = scenario.device.clocks_hz
    infos = episode(scenario, [(STEM, LOCAL, c, 0.1) for c in (clocks[-1], clocks[0], clocks[0])], trace=trace)
    expected = [118_013_952 / 8.0 / clocks[-1], 118_013_952 / 8.0 / clocks[0] + 0.01, 118_013_952 / 8.0 / clocks[0]]
    np.testing.assert_allclose(column(infos, "latency_device_s"), expected, rtol=1e-12)


def test_clocks_trade_time_for_energy():
    scenario = load_scenario("default", **{"tasks.count": 4})
    trace = InferenceTrace.from_arrays(scenario, arrival_s=np.arange(4.0), complexity=np.ones(4))
    infos = episode(scenario, [(LAYER1, LOCAL, c, 0.1) for c in scenario.device.clocks_hz], trace=trace)
    speed = np.array(scenario.device.clocks_hz) / 0.8e9
    np.testing.assert_allclose(column(infos, "latency_device_s"), infos[0]["latency_device_s"] / speed, rtol=1e-12)
    np.testing.assert_allclose(column(infos, "energy_compute_j"), infos[0]["energy_compute_j"] * speed**2, rtol=1e-12)


def test_next_arrival_is_observed_only_if_known():
    for known in (False, True):
        scenario = load_scenario("enachi", **{"tasks.next_arrival_known": known})
        env = single("inference", scenario)
        env.reset(seed=0)
        number, field = observed(env, "next_arrival_s")
        assert number == pytest.approx(0.3 / (0.3 + field.high) if known else 0.0, rel=1e-6)


# ------------------------------------------------------------------ exits, deadline, transmission
def test_only_easy_samples_leave_early():
    scenario = load_scenario("default", **{"tasks.count": 200, "tasks.deadline_min_s": 0.6})
    trace = InferenceTrace.from_arrays(scenario, arrival_s=np.arange(200.0))
    infos = episode(scenario, (LOCAL, LOCAL, 2e9, 0.0), trace=trace)
    first, second = 0.45 * 0.8086, 0.70 * 0.8086
    u = trace.complexity
    np.testing.assert_array_equal(column(infos, "exit"), np.where(u <= first, 0, np.where(u <= second, 1, -1)))
    np.testing.assert_array_equal(column(infos, "correct"), u <= 0.8086)
    by_exit = [dict(zip(column(infos, "exit"), infos, strict=True))[e] for e in (0, 1, -1)]
    assert column(by_exit, "latency_s").tolist() == sorted(column(by_exit, "latency_s"))
    assert column(by_exit, "energy_j").tolist() == sorted(column(by_exit, "energy_j"))
    macs = np.array([1_813_561_344 + 512_000, 3_277_897_728 + 512_000 + 1_024_000, 4_089_184_256 + 512_000 + 1_024_000])
    np.testing.assert_allclose(column(by_exit, "latency_s"), macs / 8.0 / 2e9, rtol=1e-12)


def test_exits_on_the_edge_spare_the_cloud():
    scenario = load_scenario("default", **{"tasks.count": 100, "tasks.deadline_min_s": 0.6})
    trace = InferenceTrace.from_arrays(scenario, arrival_s=np.arange(100.0), gain=np.full(100, 1e-10))
    infos = episode(scenario, (STEM, LAYER3, 2e9, 0.2), trace=trace, early_stop=False)
    left, u = column(infos, "exit"), trace.complexity
    assert set(left) == {-1, 0, 1}
    np.testing.assert_array_equal(column(infos, "energy_cloud_j") == 0.0, left >= 0)
    assert (u[left == 0] <= 0.45 * 0.8086).all()
    assert column(infos, "energy_edge_j")[left == 0].max() < column(infos, "energy_edge_j")[left != 0].min()
    np.testing.assert_array_equal(column(infos, "feature_ratio"), 1.0)
    np.testing.assert_array_equal(
        column(infos, "correct")[column(infos, "on_time")], (u <= 0.8086)[column(infos, "on_time")]
    )


def test_local_work_is_aborted_at_the_deadline():
    infos = episode(load_scenario("enachi", **{"tasks.count": 50}), (LOCAL, LOCAL, 2e9, 0.2))
    np.testing.assert_array_equal(column(infos, "on_time"), False)
    np.testing.assert_array_equal(column(infos, "correct"), False)
    np.testing.assert_array_equal(column(infos, "accuracy"), 0.0)
    np.testing.assert_allclose(column(infos, "energy_j"), 5e-30 * 2e9**3 * 0.110, rtol=1e-12)  # kappa f^3 D
    np.testing.assert_allclose(column(infos, "latency_s"), 0.110, rtol=1e-12)


def test_input_is_all_or_nothing():
    scenario = load_scenario(
        "enachi", **{"tasks.count": 300, "tasks.deadline_min_s": 0.15, "tasks.deadline_max_s": 0.15}
    )
    infos = episode(scenario, (INPUT, LOCAL, 2e9, 0.2), seed=3)
    whole = column(infos, "feature_ratio") == 1.0
    assert 20 < whole.sum() < 280
    np.testing.assert_array_equal(column(infos, "on_time"), whole)
    np.testing.assert_array_equal(column(infos, "accuracy"), np.where(whole, 0.8086, 0.0))
    np.testing.assert_array_equal(column(infos, "energy_compute_j"), 0.0)
    assert (column(infos, "slots_used")[~whole] == 124).all()  # kept sending to the end
    assert (column(infos, "energy_edge_j")[~whole] == 0.0).all()


def test_not_progressive_needs_every_bit():
    scenario = load_scenario(
        "enachi", **{"tasks.count": 300, "tasks.deadline_max_s": 0.29, "tasks.deadline_min_s": 0.29}
    )
    infos = episode(scenario, (STEM, LOCAL, 2e9, 0.1), progressive=False)
    whole = column(infos, "feature_ratio") == 1.0
    assert 20 < whole.sum() < 280
    np.testing.assert_array_equal(column(infos, "on_time"), whole)
    np.testing.assert_array_equal(column(infos, "stopped_early"), False)
    assert column(infos, "slots_used")[whole].mean() < column(infos, "slots_used")[~whole].min()


def test_no_power_sends_nothing():
    for control in ("tracking", "constant"):
        infos = episode(load_scenario("enachi", **{"tasks.count": 30}), (STEM, LOCAL, 2e9, 0.0), packet_control=control)
        for name in ("bits", "capacity_bits", "slots_used", "energy_radio_j", "feature_ratio"):
            np.testing.assert_array_equal(column(infos, name), 0)
        np.testing.assert_array_equal(column(infos, "accuracy"), 0.001)


@given(cut=st.sampled_from([STEM, LAYER1, LAYER2]), power_w=st.floats(1e-3, 0.2), seed=st.integers(0, 99))
def test_early_stop_never_costs_energy(cut, power_w, seed):
    """Specification property 8, on common traces, task by task."""
    scenario = load_scenario(
        "enachi", **{"tasks.count": 40, "tasks.deadline_min_s": 0.15, "tasks.deadline_max_s": 0.15}
    )
    stop, go = (episode(scenario, (cut, LOCAL, 2e9, power_w), seed, early_stop=early) for early in (True, False))
    assert (column(stop, "energy_j") <= column(go, "energy_j")).all()
    assert (column(stop, "slots_used") <= column(go, "slots_used")).all()
    assert (column(stop, "feature_ratio") <= column(go, "feature_ratio")).all()
    same = ~column(stop, "stopped_early")
    np.testing.assert_array_equal(column(stop, "energy_j")[same], column(go, "energy_j")[same])


def test_stop_waits_for_the_feedback():
    used = []
    for delay in (0, 3):
        scenario = load_scenario("enachi", **{"tasks.count": 60, "early_stop.feedback_slots": delay})
        used.append(episode(scenario, (STEM, LOCAL, 2e9, 0.1), seed=1))
    stopped = column(used[0], "stopped_early") & (
        column(used[0], "slots_used") + 3 < column(used[0], "slots_available")
    )
    whole = column(used[1], "feature_ratio") == 1.0
    assert (stopped & ~whole).sum() > 10
    later = column(used[1], "slots_used") - column(used[0], "slots_used")
    np.testing.assert_array_equal(later[stopped & ~whole], 3)


# ------------------------------------------------------------------ the cloud
def test_cloud_helps_where_the_edge_is_loaded():
    changes = {"tasks.deadline_min_s": 0.15, "tasks.deadline_max_s": 0.15, "tasks.count": 20, "cloud.rtt_s": 0.005}
    scenario = load_scenario("default", **changes)
    trace = InferenceTrace.from_arrays(
        scenario,
        arrival_s=np.arange(20.0),
        gain=np.full(20, 1e-10),
        edge_load=np.full(20, 0.85),
        complexity=np.full(20, 0.7),
    )
    edge, cloud = (episode(scenario, (INPUT, c, 2e9, 0.2), trace=trace) for c in (LOCAL, INPUT))
    assert not column(edge, "on_time").any()
    assert column(cloud, "on_time").all()
    assert column(cloud, "correct").all()
    assert (column(cloud, "energy_edge_j") == 0.0).all()


def test_edge_load_slows_the_edge():
    scenario = load_scenario("default", **{"tasks.count": 3, "tasks.deadline_min_s": 0.6})
    trace = InferenceTrace.from_arrays(
        scenario,
        arrival_s=np.arange(3.0),
        gain=np.full(3, 1e-10),
        edge_load=np.array([0.0, 0.5, 0.75]),
        complexity=np.ones(3),
    )
    latency_s = column(episode(scenario, (STEM, LOCAL, 2e9, 0.2), trace=trace), "latency_edge_s")
    np.testing.assert_allclose(latency_s / latency_s[0], [1.0, 2.0, 4.0], rtol=1e-12)


def test_jitter_beyond_the_plan_is_late():
    scenario = load_scenario("default", **{"tasks.count": 40, "tasks.deadline_min_s": 0.3, "tasks.deadline_max_s": 0.3})
    jitter_s = np.tile([0.0, 0.0019, 0.25, 1.0], 10)  # the plan counts with 2 ms
    trace = InferenceTrace.from_arrays(
        scenario, arrival_s=np.arange(40.0) * 3.0, complexity=np.full(40, 0.5), jitter_s=jitter_s
    )
    infos = episode(scenario, (STEM, STEM, 2e9, 0.1), trace=trace, early_stop=False)
    np.testing.assert_array_equal(column(infos, "on_time"), jitter_s < 0.002)
    late = ~column(infos, "on_time")
    np.testing.assert_array_equal(column(infos, "correct")[late], False)
    np.testing.assert_array_equal(column(infos, "accuracy")[late], 0.0)
    assert (column(infos, "latency_s")[late] > 0.3).all()


def test_edge_cut_below_the_device_cut_means_equal():
    scenario = load_scenario("default", **{"tasks.count": 30})
    low, equal = (episode(scenario, (LAYER2, c, 2e9, 0.1)) for c in (INPUT, LAYER2))
    for a, b in zip(low, equal, strict=True):
        np.testing.assert_equal(a, b)
    env = single("inference", "enachi", "dict")  # no cloud: the edge does the rest
    env.reset(seed=0)
    assert env.step(sampled(env.action_space, 1, 0)[0])[-1]["edge_cut"] == LOCAL
