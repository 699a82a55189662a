"""The multi-user world: against independent models, and laws that every frame obeys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitgym import evaluate, load_scenario, make_policy
from splitgym.baselines import enachi
from splitgym.envs.single import SplitEnv
from splitgym.profiles import load_profile
from splitgym.traces import InferenceTrace, MultiUserTrace
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.multiuser.scenario import load_scenario as load_users
from splitgym.worlds.multiuser.scenario import preset_names
from tests.helpers import assert_same, native, sampled, single
from tests.references import enachi as enachi_reference
from tests.references import inference as world_reference
from tests.references import multiuser as multiuser_reference
from tests.references.curves import tabulated

CUTS = ("input", "stem", "layer1", "layer2", "layer3", "layer4", "local")
LOCAL = 6
#: Arrays that the traces of both worlds have, here with a first axis for the device.
OWN = ("deadline_s", "gain", "complexity", "hint", "persistent", "fading", "noise")


def users(preset: str = "enachi", n: int = 3, frames: int = 20, **changes):
    """A preset with so many devices and frames."""
    return load_users(preset, **{"users.count": n, "frames.count": frames, **changes})


def central(env: SplitEnv, decisions) -> dict:
    """The dict action of decisions (N, 4): cut, clock [Hz], power [W], weight."""
    values = np.asarray(decisions, np.float64).T.reshape(1, -1)
    return {name: part[0] for name, part in env.encoding.encode(values).items()}


def play(scenario, decisions, trace=None, seed=0, **options) -> list[dict]:
    """Infos of an episode under decisions (M, N, 4)."""
    env = SplitEnv("multiuser", scenario, "dict")
    env.reset(seed=seed, options=options | ({} if trace is None else {"trace": trace}))
    return [env.step(central(env, frame))[4] for frame in decisions]


def random_decisions(scenario, seed: int) -> np.ndarray:
    """(M, N, 4) decisions, the extremes included."""
    rng, shape = np.random.default_rng(seed), (scenario.frames.count, scenario.users.count)
    power_w = scenario.radio.power_max_w * rng.random(shape) ** 3 * (rng.random(shape) > 0.05)
    weights = rng.random(shape) * (rng.random(shape) > 0.2) * (rng.random((shape[0], 1)) > 0.1)
    clocks = rng.choice(scenario.device.clocks_hz, shape)
    return np.stack([rng.integers(0, 7, shape), clocks, power_w, weights], axis=2)


# ------------------------------------------------------------------ against the plain-Python world
OPTIONS = [{}, {"packet_control": "constant"}, {"early_stop": False}, {"progressive": False}]
VARIANTS = {
    "enachi": {"frames.deadline_min_s": 0.03, "frames.deadline_max_s": 0.29},
    "default": {"early_exits": True, "device.reconfigure_s": 4e-3, "budget.infrastructure_weight": 0.05},
    "tables": {"dnn": tabulated(load_profile("resnet50"), "concave", "waves"), "frames.deadline_max_s": 0.29},
    "congested": {"edge.workers": 1, "edge.clock_hz": 12e9, "frames.presence": 0.9, "frames.deadline_min_s": 0.25},
}


def serve_in_order(scenario, tails) -> dict[int, float]:
    """Waits at the edge of tails (device, arrival, length, deadline); infinite for those that would be late."""
    free, waits = [0.0] * scenario.edge.workers, {}
    for n, at_s, tail_s, deadline_s in sorted(tails, key=lambda t: (t[1], t[0])):
        worker = free.index(min(free))
        begin_s = max(at_s, free[worker])
        late = begin_s > at_s and begin_s + tail_s > deadline_s
        waits[n] = math.inf if late else begin_s - at_s
        if not late:
            free[worker] = begin_s + tail_s
    return waits


def reference_frame(scenario, net, trace, m: int, decisions, clocks, options) -> list[dict | None]:
    """Outcomes of one frame by the plain-Python world, None for devices without a task."""
    here = [n for n in range(trace.n_users) if trace.present[n, m]]
    total, out = sum(decisions[n][3] for n in here), [None] * trace.n_users
    for n in here:
        share = decisions[n][3] / total if total > 0 else 1 / len(here)
        one = scenario.one_device()
        names = ("deadline_s", "gain", "complexity", "persistent", "fading", "noise")
        task = {name: getattr(trace, name)[n, m] for name in names}
        task |= {"edge_load": trace.edge_load[m], "rtt_s": one.cloud.rtt_s, "jitter_s": 0.0}
        cut, clock, power, _ = decisions[n]
        if share == 0.0:  # nothing can be sent, and nothing is
            power, share = 0.0, 1.0
        one = one.replace(**{"radio.bandwidth_hz": share * scenario.radio.bandwidth_hz})
        decision = (int(cut), LOCAL, clock, power)
        with_reserve = {"reserve_s": scenario.edge.reserve_s}
        out[n] = world_reference.serve(one, net, decision, task, task["deadline_s"], clocks[n], options, **with_reserve)
    return out


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("preset", VARIANTS)
def test_independent_world_agrees_device_by_device(preset: str, options: dict) -> None:
    scenario = users("default" if preset == "tables" else preset, 4, 120, **VARIANTS[preset])
    trace = MultiUserTrace.draw(scenario, seed=3)
    decisions = random_decisions(scenario, 7)
    infos = play(scenario, decisions, trace, **options)
    net, price = world_reference.Network(scenario.one_device()), scenario.budget.debt_price
    queues, clocks, budget_j = [0.0] * 4, [max(scenario.device.clocks_hz)] * 4, scenario.budget.energy_j
    seen = {"late": 0, "waited": 0, "absent": 0, "correct": 0, "exits": 0}
    for m, info in enumerate(infos):
        wanted = reference_frame(scenario, net, trace, m, decisions[m], clocks, {**world_reference.OPTIONS, **options})
        waits = {}
        if scenario.edge.workers:
            tails = [
                (n, w["busy"], w["latency"] - w["busy"], trace.deadline_s[n, m])
                for n, w in enumerate(wanted)
                if w and w["latency"] > w["busy"] and w["bits"] > 0
            ]
            waits = serve_in_order(scenario, tails)
        for n, w in enumerate(wanted):
            assert info["device_present"][n] == (w is not None)
            if w is None:
                seen["absent"] += 1
                assert info["device_queue_j"][n] == pytest.approx(queues[n], rel=1e-9, abs=1e-14)
                assert info["device_reward"][n] == 0.0
                continue
            late = waits.get(n, 0.0) == math.inf
            correct = w["correct"] and not late
            energy_j = w["compute"] + w["radio"] + scenario.budget.infrastructure_weight * (0.0 if late else w["edge"])
            after_j = max(queues[n] + energy_j - budget_j, 0.0)
            np.testing.assert_allclose(info["device_energy_j"][n], energy_j, rtol=1e-9, atol=1e-15)
            np.testing.assert_allclose(info["device_queue_j"][n], after_j, rtol=1e-9, atol=1e-14)
            np.testing.assert_allclose(info["device_feature_ratio"][n], w["beta"], rtol=1e-12)
            assert info["device_correct"][n] == correct
            assert info["device_on_time"][n] == (w["on_time"] and not late)
            assert info["device_slots_used"][n] == w["slots"]
            waited_s = max(trace.deadline_s[n, m] - w["busy"], 0.0) if late else waits.get(n, 0.0)
            np.testing.assert_allclose(info["device_edge_wait_s"][n], waited_s, atol=1e-12)
            parts = ("latency_device_s", "latency_uplink_s", "edge_wait_s", "latency_edge_s")
            total_s = sum(info[f"device_{part}"][n] for part in parts)
            np.testing.assert_allclose(info["device_latency_s"][n], total_s, rtol=1e-12)
            reward = float(correct) - price * (after_j - queues[n]) / budget_j
            np.testing.assert_allclose(info["device_reward"][n], reward, rtol=1e-9, atol=1e-12)
            queues[n], clocks[n] = after_j, decisions[m][n][1]
            seen["late"] += late
            seen["waited"] += 0.0 < waits.get(n, 0.0) < math.inf
            seen["correct"] += correct
            seen["exits"] += w["exit"] >= 0
    assert seen["correct"] > 3
    if preset == "congested" and options.get("progressive", True):
        assert seen["late"] > 3
        assert seen["waited"] > 3
        assert seen["absent"] > 3
    if preset == "default":
        assert seen["exits"] > 5


# ------------------------------------------------------------------ one formula
@pytest.mark.parametrize("name", ["enachi", "effect", "progftx", "device", "lyap"])
def test_one_device_is_the_single_world_bit_for_bit(name: str) -> None:
    scenario = users(n=1, frames=200)
    trace = MultiUserTrace.draw(scenario, seed=5)
    shared = {name: getattr(trace, name)[0] for name in OWN}
    alone = scenario.one_device()
    same = InferenceTrace.from_arrays(alone, **shared, edge_load=trace.edge_load)
    ours = evaluate(name, "SplitInferenceMultiUser-v0", scenario, 1, traces=[trace])
    theirs = evaluate(name, "SplitInference-v0", alone, 1, traces=[same])
    for figure in ("return", "accuracy", "energy", "final_debt", "on_time"):
        np.testing.assert_array_equal(ours.figure(name, figure), theirs.figure(name, figure))


@pytest.mark.parametrize("name", ["effect", "progftx", "static", "edge", "lyap", "myopic", "device"])
def test_equal_shares_are_single_devices_with_a_part_of_the_band(name: str) -> None:
    scenario = users(n=3, frames=60)
    trace = MultiUserTrace.draw(scenario, seed=6)
    env = SplitEnv("multiuser", scenario, "dict")
    policy = make_policy(name, env)
    observation, _ = env.reset(options={"trace": trace, **policy.options_for("multiuser")})
    infos = []
    for _ in range(60):
        observation, _, _, _, info = env.step(policy.predict(observation)[0])
        infos.append(info)
    np.testing.assert_array_equal([i["device_bandwidth_hz"] for i in infos], np.full((60, 3), 10e6 / 3))
    one = scenario.one_device().replace(**{"radio.bandwidth_hz": 10e6 / 3})
    for n in range(3):
        arrays = {name: getattr(trace, name)[n] for name in OWN}
        own = InferenceTrace.from_arrays(one, **arrays, edge_load=trace.edge_load)
        results = evaluate(name, "SplitInference-v0", one, 1, traces=[own])
        correct = sum(int(i["device_correct"][n]) for i in infos)
        assert correct == round(results.figure(name, "accuracy")[0] * 60)
        energy = sum(float(i["device_energy_j"][n]) for i in infos)
        # observations of one device and of three round the gain over different ranges
        assert energy == pytest.approx(results.figure(name, "energy")[0] * 60 * scenario.budget.energy_j, rel=1e-4)


# ------------------------------------------------------------------ ENACHI on traces given from outside
def outside(seed: int, n: int, frames: int, deadline_s: float):
    """Scenario and trace of arrays drawn outside the package, distances of ENACHI (s3.3)."""
    distances = np.linspace(0.6, 1.2, n) * 0.6 if n > 1 else [0.6]
    parts = [enachi_reference.draw(100 * seed + i, frames, distance_km=d) for i, d in enumerate(distances)]
    arrays = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    deadlines = {"frames.deadline_min_s": deadline_s, "frames.deadline_max_s": deadline_s}
    scenario = users(n=n, frames=frames, **deadlines)
    return scenario, MultiUserTrace.from_arrays(scenario, **arrays)


@pytest.mark.parametrize(
    ("seed", "n", "frames", "deadline_s"), [(1, 1, 150, 0.2), (2, 2, 150, 0.15), (3, 2, 100, 0.3), (4, 3, 40, 0.2)]
)
def test_exact_values_equal_the_reference_task_by_task(seed: int, n: int, frames: int, deadline_s: float) -> None:
    scenario, trace = outside(seed, n, frames, deadline_s)
    env = SplitEnv("multiuser", scenario, "dict")
    env.reset(options={"trace": trace})
    queues = np.zeros(n)
    for m in range(frames):
        d, bandwidths = enachi.decide_users(
            env.params, 2e-3, queue_j=queues, gain=trace.gain[:, m], remaining_s=deadline_s
        )
        splits, shares, powers, _ = multiuser_reference.solve(queues, trace.gain[:, m], deadline_s, 10e6)
        assert tuple(CUTS[int(cut)] for cut in d["cut"]) == splits
        np.testing.assert_allclose(bandwidths, shares, rtol=1e-6, atol=1e-3)
        np.testing.assert_allclose(d["power_w"], powers, rtol=1e-6, atol=1e-12)
        decisions = np.stack([d["cut"], d["clock_hz"], d["power_w"], bandwidths / 10e6], axis=1)
        info = env.step(central(env, decisions))[4]
        for i in range(n):
            energy, right, used = enachi_reference.serve(
                splits[i], powers[i], trace.gain[i, m], trace.fading[i, m], trace.complexity[i, m],
                trace.persistent[i, m], trace.noise[i, m], deadline_s, shares[i],
            )  # fmt: skip
            assert (info["device_correct"][i], info["device_slots_used"][i]) == (right, used)
            np.testing.assert_allclose(info["device_energy_j"][i], energy, rtol=1e-6)
            queues[i] = max(queues[i] + energy - enachi_reference.EBAR, 0.0)
        np.testing.assert_allclose(info["device_queue_j"], queues, rtol=1e-5, atol=1e-9)
        queues = info["device_queue_j"].copy()


def test_policy_decides_as_the_exact_function() -> None:
    scenario, trace = outside(9, 5, 40, 0.2)
    env = SplitEnv("multiuser", scenario, "dict")
    policy = make_policy("enachi", env)
    observation, info = env.reset(options={"trace": trace})
    queues = info["device_queue_j"]
    for m in range(40):
        action = policy.predict(observation)[0]
        d, bandwidths = enachi.decide_users(env.params, 2e-3, queue_j=queues, gain=trace.gain[:, m], remaining_s=0.2)
        np.testing.assert_array_equal(action["cut"], d["cut"])
        np.testing.assert_allclose(action["share"], bandwidths / 10e6, rtol=2e-3, atol=1e-6)
        np.testing.assert_allclose(action["power_w"], d["power_w"], rtol=2e-3, atol=1e-6)
        observation, _, _, _, info = env.step(action)
        queues = info["device_queue_j"]


def test_energy_stays_at_the_budget_and_others_do_not() -> None:
    for n in (2, 8):
        results = evaluate(
            ["enachi", "progftx", "effect"],
            "SplitInferenceMultiUser-v0",
            "enachi",
            2,
            changes={"users.count": n, "frames.count": 400},
        )
        assert results.figure("enachi", "energy").mean() < 1.08
        assert results.figure("progftx", "energy").mean() > 1.2
        assert results.figure("effect", "energy").mean() > 1.5
        assert results.figure("enachi", "return").mean() > results.figure("progftx", "return").mean()


def test_permuting_the_devices_permutes_the_answer() -> None:
    rng = np.random.default_rng(0)
    params = SplitEnv("multiuser", users()).params
    for _ in range(20):
        n = int(rng.integers(2, 9))
        queue_j, gain, order = rng.uniform(0, 0.1, n), 10 ** rng.uniform(-12.5, -11, n), rng.permutation(n)
        d, w = enachi.decide_users(params, 2e-3, queue_j=queue_j, gain=gain, remaining_s=0.2)
        d2, w2 = enachi.decide_users(params, 2e-3, queue_j=queue_j[order], gain=gain[order], remaining_s=0.2)
        np.testing.assert_array_equal(d2["cut"], d["cut"][order])
        np.testing.assert_allclose(w2, w[order], rtol=1e-7, atol=1e-3)
        np.testing.assert_allclose(d2["power_w"], d["power_w"][order], rtol=1e-7, atol=1e-12)


# ------------------------------------------------------------------ conservation
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from(preset_names()),
    seed=st.integers(0, 2**32),
    n=st.integers(1, 7),
    presence=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_no_bandwidth_is_created(preset: str, seed: int, n: int, presence: float) -> None:
    scenario = users(preset, n, 6, **{"frames.presence": presence})
    decisions = random_decisions(scenario, seed % 2**31)
    for info, frame in zip(play(scenario, decisions, seed=seed), decisions, strict=True):
        here, share = info["device_present"], info["device_share"]
        assert (share >= 0.0).all()
        assert (share[~here] == 0.0).all()
        if here.any():
            assert share.sum() == pytest.approx(1.0, rel=1e-12)
            weights = np.where(here, frame[:, 3], 0.0)
            wanted = weights / weights.sum() if weights.sum() > 0 else here / here.sum()
            np.testing.assert_allclose(share, wanted, rtol=1e-12)
        assert info["bandwidth_hz"] <= scenario.radio.bandwidth_hz * (1 + 1e-12)
        np.testing.assert_allclose(info["device_bandwidth_hz"], share * scenario.radio.bandwidth_hz, rtol=1e-12)
        for total, each in (
            ("energy_j", "energy_j"),
            ("queue_j", "queue_j"),
            ("cost_j", "cost_j"),
        ):
            assert info[total] == pytest.approx(info[f"device_{each}"].sum(), rel=1e-9, abs=1e-15)
        assert info["tasks"] == here.sum()
        assert info["correct"] == info["device_correct"].sum() <= info["on_time"] == info["device_on_time"].sum()
        assert not (info["device_correct"] & ~here).any()
        sent = info["device_slots_used"] > 0
        assert (info["device_bandwidth_hz"][sent] > 0.0).all()
        assert (info["device_bits"] <= info["device_capacity_bits"] * (1 + 1e-12)).all()


def test_nothing_is_sent_without_bandwidth() -> None:
    scenario = users(n=2, frames=1)
    stem = [[1, 2e9, 0.1, 0.0], [1, 2e9, 0.1, 0.5]]
    (info,) = play(scenario, [stem])
    assert info["device_share"].tolist() == [0.0, 1.0]
    assert info["device_energy_radio_j"][0] == 0.0
    assert info["device_energy_radio_j"][1] > 0.0
    (info,) = play(scenario, [[[1, 2e9, 0.1, 0.0]] * 2])
    assert info["device_share"].tolist() == [0.5, 0.5]


def test_queue_identity_and_energy_bound_of_every_device() -> None:
    scenario = users("default", 4, 150)
    infos = play(scenario, random_decisions(scenario, 1))
    queue, budget = np.zeros(4), scenario.budget.energy_j
    for info in infos:
        here = info["device_present"]
        queue = np.where(here, np.maximum(queue + info["device_energy_j"] - budget, 0.0), queue)
        np.testing.assert_array_equal(info["device_queue_j"], queue)
    spent = sum(info["device_energy_j"] for info in infos)
    tasks = sum(info["device_present"].astype(int) for info in infos)
    assert (spent <= tasks * budget + queue + 1e-12).all()


def test_more_workers_never_wait_longer() -> None:
    waits = []
    for workers in (1, 2, 4, 0):
        scenario = users("congested", 6, 60, **{"edge.workers": workers, "frames.presence": 1.0})
        stem = np.tile([1, 2e9, 0.05, 1.0], (60, 6, 1))
        waits.append(sum(i["edge_wait_s"] for i in play(scenario, stem, early_stop=False)))
    assert waits[0] > waits[1] > waits[2] >= waits[3] == 0.0


# ------------------------------------------------------------------ traces
def test_replay_is_the_seeded_episode() -> None:
    for preset in preset_names():
        scenario = users(preset, 3, 15)
        decisions = random_decisions(scenario, 2)
        drawn = play(scenario, decisions, seed=11)
        again = play(scenario, decisions, MultiUserTrace.draw(scenario, seed=11), seed=4)
        for a, b in zip(drawn, again, strict=True):
            assert_same(a, b)


def test_devices_are_at_the_distances_of_the_specification() -> None:
    scenario = users(n=20, frames=400, **{"radio.shadowing_db": 0.0})
    trace = MultiUserTrace.draw(scenario)
    loss_db = 128.1 + 37.6 * np.log10(np.linspace(0.6, 1.2, 20) * 0.6)
    np.testing.assert_allclose(-10 * np.log10(trace.gain[:, 0]), loss_db, rtol=1e-12)
    alone = MultiUserTrace.draw(users(n=1, frames=1, **{"radio.shadowing_db": 0.0}))
    assert -10 * np.log10(alone.gain[0, 0]) == pytest.approx(128.1 + 37.6 * np.log10(0.6), rel=1e-12)


def test_devices_are_independent_and_tasks_come_as_often_as_said() -> None:
    trace = MultiUserTrace.draw(users("default", 4, 3000))
    assert abs(trace.present.mean() - 0.8) < 0.02
    shadow = np.log(trace.gain)
    for values in (trace.complexity, trace.persistent, trace.fading[:, :, 0]):
        assert abs(np.corrcoef(values) - np.eye(4)).max() < 0.08
    assert abs(np.corrcoef(np.diff(shadow, axis=1)) - np.eye(4)).max() < 0.08
    assert 0.85 < np.corrcoef(shadow[0, 1:], shadow[0, :-1])[0, 1] < 0.95


def test_traces_travel(tmp_path) -> None:
    trace = MultiUserTrace.draw(users("default", 2, 5), seed=3)
    trace.save(tmp_path / "t.npz")
    back = MultiUserTrace.load(tmp_path / "t.npz")
    for name in MultiUserTrace.ARRAYS:
        np.testing.assert_array_equal(getattr(back, name), getattr(trace, name))
    with pytest.raises(ValueError, match="not a trace of this world"):
        InferenceTrace.load(tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"gian": np.ones((2, 3))}, "unknown trace array 'gian'"),
        ({"gain": np.ones((2, 3)), "complexity": np.zeros((3, 3))}, "shape"),
        ({"gain": -np.ones((2, 3))}, r"trace.gain\[0, 0\]"),
        ({"present": np.full((2, 3), 0.5)}, "0 or 1"),
        ({"edge_load": np.full(3, 2.0)}, "edge_load"),
    ],
)
def test_wrong_arrays_are_named(arrays, message) -> None:
    with pytest.raises(ValueError, match=message):
        MultiUserTrace.from_arrays(users("default", 2, 3), **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"users.count": 2}, "2 devices"), ({"frames.count": 3}, "3 frames"), ({"frames.deadline_max_s": 0.3}, None)],
)
def test_traces_must_fit(change, message) -> None:
    scenario = users("default", 3, 4)
    trace = MultiUserTrace.draw(users("default", n=3, frames=4).replace(**change))
    env = single("multiuser", scenario)
    if message is None:  # a longer deadline is fine while it fits the frame
        env.reset(options={"trace": trace})
        return
    with pytest.raises(ValueError, match=message):
        env.reset(options={"trace": trace})


def test_plugin_fading_is_drawn_per_device() -> None:
    scenario = load_users("enachi", **{"users.count": 2, "frames.count": 3, "fading.model": "rayleigh"})
    trace = MultiUserTrace.draw(scenario)
    assert not np.array_equal(trace.fading[0], trace.fading[1])


# ------------------------------------------------------------------ scenarios
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users.count": 0}, "users.count"),
        ({"users.count": 501}, "users.count"),
        ({"users.cuont": 3}, "did you mean"),
        ({"frames.deadline_max_s": 0.31}, "deadline_max_s <= length_s"),
        ({"frames.presence": 1.1}, "presence"),
        ({"radio.share_levels": [0.0]}, "share_levels"),
        ({"radio.share_levels": [0.5, 0.5]}, "ascending"),
        ({"device.battery_j": 5.0}, "battery"),
        ({"edge.workers": -1}, "workers"),
        ({"cloud.enabled": True}, "cloud"),
    ],
)
def test_bad_scenarios_are_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        load_users("default", **change)


def test_toml_round_trip() -> None:
    for preset in preset_names():
        scenario = load_users(preset)
        import tomllib

        assert load_users(tomllib.loads(scenario.to_toml())) == scenario


def test_one_hundred_devices() -> None:
    scenario = users("default", 100, 3)
    envs = native(2, "multiuser", scenario)
    policy = make_policy("enachi", envs)
    observations, _ = envs.reset(seed=0)
    for _ in range(3):
        observations, rewards, _, _, infos = envs.step(policy.predict(observations)[0])
        assert infos["device_share"].shape == (2, 100)
        np.testing.assert_allclose(infos["device_share"].sum(axis=1), 1.0, rtol=1e-6)
        assert np.isfinite(rewards).all()


def test_discrete_is_one_decision_for_all() -> None:
    env = single("multiuser", users("default", 3, 5), "discrete")
    env.reset(seed=0)
    for action in sampled(env.action_space, 5, seed=1):
        info = env.step(action)[4]
        here = info["device_present"]
        assert len(set(info["device_cut"][here])) <= 1
        assert len(set(info["device_share"][here])) <= 1


def test_exact_function_names_its_fields() -> None:
    params = SplitEnv("multiuser", users()).params
    with pytest.raises(ValueError, match="gain"):
        enachi.decide_users(params, 2e-3, queue_j=[0.0, 0.1], remaining_s=0.1)


def test_a_task_that_nobody_can_answer_takes_no_bandwidth() -> None:
    params = SplitEnv("multiuser", users()).params
    d, w = enachi.decide_users(params, 2e-3, queue_j=0.01, gain=1e-12, remaining_s=[0.2, 0.02])
    assert w.tolist() == [10e6, 0.0]
    assert (d["cut"][1], d["power_w"][1]) == (0, 0.0)


def test_scenario_of_one_device_is_the_published_one() -> None:
    one, published = load_users("enachi").one_device(), load_scenario("enachi")
    deadlines = {"tasks.deadline_min_s": 0.2, "tasks.deadline_max_s": 0.2, "radio.bandwidth_hz": 10e6}
    assert one.digest() == published.replace(**deadlines).digest()


def test_observations_tell_the_trace() -> None:
    scenario = users("default", 3, 8)
    trace = MultiUserTrace.draw(scenario, seed=4)
    env = SplitEnv("multiuser", scenario, "dict")
    policy = make_policy("myopic", env)
    observation, info = env.reset(options={"trace": trace})
    for m in range(8):
        view, here = policy.decode(observation[None])[0], trace.present[:, m]
        before = trace.gain[:, max(m - 1, 0)]
        for name, wanted in {
            "present": here,
            "remaining_s": here * trace.deadline_s[:, m],
            "gain": trace.gain[:, m],
            "gain_trend": trace.gain[:, m] / before,
            "hint": here * trace.hint[:, m],
            "edge_load": trace.edge_load[m],
            "queue_j": info["device_queue_j"],
        }.items():
            np.testing.assert_allclose(view[name], wanted, rtol=1e-4, atol=1e-7, err_msg=f"{name} of frame {m}")
        observation, _, _, _, info = env.step(policy.predict(observation)[0])


def test_ties_at_the_edge_go_to_the_smaller_device() -> None:
    scenario = users("congested", 3, 1, **{"frames.presence": 1.0, "radio.shadowing_db": 0.0, "users.far_factor": 0.6})
    trace = MultiUserTrace.draw(scenario)
    same = {name: np.repeat(getattr(trace, name)[:1], 3, axis=0) for name in OWN}
    twins = MultiUserTrace.from_arrays(scenario, **same, edge_load=trace.edge_load)
    (info,) = play(scenario, [[[1, 2e9, 0.05, 1.0]] * 3], twins)
    assert len(set(info["device_latency_uplink_s"])) == 1
    waits = info["device_edge_wait_s"]
    assert waits[0] == 0.0 < waits[1] <= waits[2]
    assert info["device_on_time"][0]


def test_exits_and_clocks_count_for_one_of_several_as_for_one_alone() -> None:
    """One user of P1.1 for several is P1.1 for one, with exits and clocks that the specification does not have."""
    scenario = users("default", 1, 1, early_exits=True)
    params, alone = SplitEnv("multiuser", scenario).params, lower(scenario.one_device())
    rng, silent = np.random.default_rng(0), 0
    for _ in range(300):
        state = {
            "queue_j": rng.choice([0.0, 10 ** rng.uniform(-4, -0.5)], p=[0.1, 0.9]),
            "gain": 10 ** rng.uniform(-14, -11),
            "remaining_s": rng.uniform(0.02, 0.3),
            "edge_load": rng.uniform(0.0, 0.8),
        }
        (one,), (many,) = enachi.decide(alone, 2e-3, **state), enachi.decide_users(params, 2e-3, **state)[0]
        assert (many["cut"], many["clock_hz"]) == (one["cut"], one["clock_hz"])
        assert many["power_w"] == pytest.approx(one["power_w"], rel=1e-9)
        silent += 0 < one["cut"] < LOCAL and one["power_w"] == 0.0
    assert silent > 5


def test_everything_is_allowed_where_nothing_can_finish() -> None:
    tight = {"frames.deadline_min_s": 0.001, "frames.deadline_max_s": 0.001}
    for preset in ("default", "enachi"):
        for action in ("multidiscrete", "discrete"):
            env = single("multiuser", users(preset, 3, 2, **tight), action)
            env.reset(seed=0)
            assert env.action_masks().all()
