"""The policies, and the properties of ENACHI (s9)."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import splitgym
from splitgym import evaluate, load_scenario, make_policy, policy_names
from splitgym.envs.single import SplitEnv
from splitgym.envs.vector import SplitVectorEnv
from splitgym.physics.dnn import curve_of
from splitgym.physics.lyapunov import best_power_w, transmit_value_j2
from splitgym.physics.radio import tracking_power_w, tracking_queue_w, tracking_weight
from splitgym.policy import POLICIES, Policy
from splitgym.traces import InferenceTrace
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.world import WORLDS
from tests.helpers import short
from tests.references import enachi as reference
from tests.references.oracle import oracle

P = lower(load_scenario("enachi"))
quick = settings(max_examples=60, deadline=None, derandomize=True)


# ------------------------------------------------------------------ the interface (more: tests/testing/test_kit.py)
@pytest.mark.parametrize("world", WORLDS)
def test_random_takes_every_level_equally_often(world: str) -> None:
    """Chi-square over the levels of every axis, and no two seeds alike."""
    env = SplitVectorEnv(64, world, short(world, "default"), "dict")
    observations, _ = env.reset(seed=3)
    rng = np.random.default_rng(0)
    many = np.repeat(observations, 40, axis=0) * rng.uniform(0.5, 1.0, (2560, 1)).astype(np.float32)
    drawn, other = (make_policy("random", env, seed=seed).predict(many)[0] for seed in (0, 1))
    if env.rows.encoding.alone:  # no dictionary
        [axis] = env.rows.axes
        drawn, other = {axis.name: drawn}, {axis.name: other}
    for axis in env.rows.axes:
        columns = np.asarray(drawn[axis.name]).reshape(2560, -1)
        for column in columns.T:
            counts = np.unique(column, return_counts=True)[1]
            assert len(counts) == len(axis.levels)
            assert len(counts) == 1 or chisquare(counts).pvalue > 1e-4, axis.name
        assert len(axis.levels) == 1 or (drawn[axis.name] != other[axis.name]).any()


def test_stable_baselines_evaluates_a_baseline() -> None:
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    short = load_scenario("default", **{"tasks.count": 10})
    venv = make_vec_env("SplitInference-v0", 2, env_kwargs={"scenario": short}, seed=0)
    mean, _ = evaluate_policy(make_policy("enachi", venv), venv, n_eval_episodes=4)
    assert 0.0 < mean <= 10.0


def test_registration() -> None:
    class Mine(Policy):
        """Everything local."""

        name = "mine-for-a-test"

        def decide(self, views, decisions):
            decisions["cut"] = self.params.last_cut
            decisions["edge_cut"] = self.params.last_cut
            decisions["clock_hz"] = 2e9

    splitgym.register_policy(Mine)
    try:
        with pytest.raises(ValueError, match="already registered"):
            splitgym.register_policy(Mine)
        results = evaluate(["mine-for-a-test", "device"], scenario="enachi", episodes=1)
        assert np.array_equal(results.figure("mine-for-a-test", "energy"), results.figure("device", "energy"))
    finally:
        del POLICIES._table["mine-for-a-test"]
    with pytest.raises(ValueError, match="did you mean 'enachi'"):
        make_policy("enachy", gym.make("SplitInference-v0"))
    with pytest.raises(TypeError, match="need an environment of splitgym"):
        make_policy("enachi", object())
    with pytest.raises(ValueError, match="weight_j2"):
        make_policy("enachi", gym.make("SplitInference-v0"), weight_j2=-1.0)


# ------------------------------------------------------------------ section 9: trajectories of ENACHI
def frames(count: int, seed: int = 0, deadline_s: float = 0.110, weight_j2: float = 2e-3, name: str = "enachi"):
    """Per-task (energy, queue, correct, accuracy) of a Lyapunov policy on preset enachi, and its trace."""
    changes = {"tasks.count": count, "tasks.deadline_min_s": deadline_s, "tasks.deadline_max_s": deadline_s}
    scenario = load_scenario("enachi", **changes)
    env = SplitEnv("inference", scenario, "dict", POLICIES[name].episode_options)
    policy = make_policy(name, env, weight_j2=weight_j2)
    observation, _ = env.reset(seed=seed)
    rows = []
    for _ in range(count):
        observation, _, _, _, info = env.step(policy.predict(observation)[0])
        rows.append((info["energy_j"], info["queue_j"], info["correct"], info["accuracy"]))
    return np.array(rows, float).T, InferenceTrace.draw(scenario, seed)


def test_property_1_queue_identity_and_energy_bound() -> None:
    (energy, queue, _, _), _ = frames(400)
    expected = 0.0
    for spent, found in zip(energy, queue, strict=True):
        expected = max(expected + spent - P.budget_j, 0.0)
        assert found == expected
    assert energy.mean() <= P.budget_j + queue[-1] / len(queue) + 1e-15


@pytest.mark.parametrize("weight_j2", [2e-3, 1e-2, 5e-2])
def test_property_2_queue_bound(weight_j2: float) -> None:
    (energy, queue, _, _), trace = frames(600, weight_j2=weight_j2)
    least_j = reference.e_loc(reference.MACS["stem"])
    rho = P.tolerance * max(1.0, trace.fading.max())
    most_j = least_j + P.power_max_w * 77 * P.slot_s  # 77 slots at the stem, 110 ms
    margin = P.budget_j - least_j - P.power_max_w * P.slot_s
    gain = P.accuracy_full - P.accuracy_chance
    assert energy.max() <= most_j + 1e-12
    assert queue.max() <= weight_j2 * gain * (1.0 + rho) / margin + most_j - P.budget_j


def test_property_3_accuracy_grows_with_the_weight() -> None:
    reached = []
    for weight_j2 in (5e-5, 5e-4, 2e-3):
        (_, queue, _, accuracy), _ = frames(1500, weight_j2=weight_j2)
        assert len(queue) >= 50 * queue[-1] / P.budget_j  # else the unpaid queue inflates accuracy
        reached.append(accuracy.mean())
    assert reached == sorted(reached)
    assert reached[-1] > reached[0]


def test_property_8_early_stopping_never_costs_energy() -> None:
    scenario = load_scenario("enachi", **{"tasks.count": 200})
    policy = make_policy("progftx", SplitEnv("inference", scenario, "dict"))
    runs = []
    for early in (True, False):
        env = SplitEnv("inference", scenario, "dict", {"packet_control": "constant", "early_stop": early})
        observation, _ = env.reset(seed=5)
        rows = []
        for _ in range(200):
            observation, _, _, _, info = env.step(policy.predict(observation)[0])
            rows.append((info["energy_j"], info["correct"]))
        runs.append(np.array(rows, float).T)
    (stopped_j, stopped_right), (whole_j, whole_right) = runs
    assert (stopped_j <= whole_j).all()
    assert stopped_j.sum() < whole_j.sum()
    assert (stopped_right <= whole_right).all()  # only false stops change an answer
    assert whole_right.mean() - stopped_right.mean() < 0.05


def test_property_9_oracle_is_above() -> None:
    scenario = load_scenario("enachi", **{"tasks.count": 150})
    # the raw input, which these may send, is outside the genie's choices
    names = [n for n in policy_names("SplitInference-v0") if n not in ("edge", "dynasplit", "fin")]
    results = evaluate(names, scenario=scenario, episodes=1, seed=7)
    trace = InferenceTrace.draw(scenario, 7)
    within, unlimited = oracle(trace.gain, trace.fading, trace.complexity, 0.110, P.budget_j)
    for name in names:
        reached, energy = results.figure(name, "accuracy")[0], results.figure(name, "energy")[0]
        assert reached <= unlimited
        assert energy > 1.0 or reached <= within
    assert within > results.figure("enachi", "accuracy")[0]


def test_property_10_extreme_deadlines() -> None:
    (energy, _, correct, accuracy), _ = frames(60, deadline_s=0.020)
    assert (accuracy == 0.0).all()  # no answer, not even by chance
    assert not correct.any()
    assert (energy == 0.0).all()
    relaxed = {"tasks.count": 4000, "tasks.deadline_min_s": 0.256, "tasks.deadline_max_s": 0.256}
    device = evaluate("device", scenario="enachi", changes=relaxed, episodes=1)
    assert device.figure("device", "energy")[0] * P.budget_j == pytest.approx(10.222960640e-3, rel=1e-9)
    assert abs(device.figure("device", "accuracy")[0] - P.accuracy_full) < 0.02


# ------------------------------------------------------------------ section 9: one slot, one decision
powers = st.floats(1e-3, 0.2)
gains = st.floats(1e-14, 1e-10)


@quick
@given(mean_w=powers, gain=gains, seed=st.integers(0, 10_000), count=st.integers(5, 250))
def test_property_4_tracking(mean_w: float, gain: float, seed: int, count: int) -> None:
    fading = np.random.default_rng(seed).exponential(size=count)
    weight = tracking_weight(mean_w, count, gain, P.bandwidth_hz, P.noise_w_hz, P.tolerance)
    noise_w = P.noise_w_hz * P.bandwidth_hz
    bound = weight / (math.log(2) * (mean_w + noise_w / (gain * fading.max()))) + P.power_max_w - mean_w
    queue, excess = 0.0, 0.0
    for h in fading:
        power_w = tracking_power_w(weight, queue, gain * h, P.bandwidth_hz, P.noise_w_hz, P.power_max_w)
        queue = tracking_queue_w(queue, power_w, mean_w)
        excess += power_w - mean_w
        assert excess <= queue * (1 + 1e-12) + 1e-12
        assert queue <= bound * (1 + 1e-12)


@quick
@given(weight=st.floats(1e-4, 1.0), queue=st.floats(1e-6, 5.0), gain=gains, factor=st.floats(1.0, 10.0))
def test_property_5_packet_monotonicity(weight: float, queue: float, gain: float, factor: float) -> None:
    def power(q: float, g: float) -> float:
        return tracking_power_w(weight, q, g, P.bandwidth_hz, P.noise_w_hz, P.power_max_w)

    assert power(queue, gain * factor) >= power(queue, gain)
    assert power(queue * factor, gain) <= power(queue, gain)
    threshold = weight * gain / (P.noise_w_hz * P.bandwidth_hz * math.log(2))
    assert power(threshold * (1 + 1e-9), gain) == 0.0
    assert power(threshold * (1 - 1e-6), gain) > 0.0
    assert power(0.0, gain) == P.power_max_w


def optimum(weight=2e-3, queue=0.02, gain=1e-12, bandwidth=5e6, deadline=0.2, power_max=0.2):
    """(value, surrogate energy, surrogate accuracy) of P1.1 by the package's closed form over all splits."""
    best = (-math.inf, 0.0, 0.0)
    for cut, split in enumerate(reference.SPLITS, 1):
        _, count = reference.slots(split, deadline)
        if count < 1:
            continue
        shared = (gain, bandwidth, P.noise_w_hz, count * P.slot_s, P.cut_bits[cut], curve_of(cut, P))
        power_w = best_power_w(weight, queue, *shared, power_max)
        own_j = reference.e_loc(reference.MACS[split])
        value = transmit_value_j2(weight, queue, power_w, *shared) - queue * own_j
        energy = own_j + power_w * count * P.slot_s
        if value > best[0]:
            best = (value, energy, (value + queue * energy) / weight)
    return best


@quick
@given(
    queue=st.floats(1e-4, 0.2), gain=st.floats(1e-13, 1e-11), factor=st.floats(1.01, 5.0), deadline=st.floats(0.1, 0.3)
)
def test_property_6_task_monotonicity(queue: float, gain: float, factor: float, deadline: float) -> None:
    base = optimum(queue=queue, gain=gain, deadline=deadline)
    slack = 1e-12
    assert optimum(queue=queue * factor, gain=gain, deadline=deadline)[1] <= base[1] * (1 + 1e-9)
    assert optimum(weight=2e-3 * factor, queue=queue, gain=gain, deadline=deadline)[2] >= base[2] - 1e-9
    assert optimum(queue=queue, gain=gain * factor, deadline=deadline)[0] >= base[0] - slack
    assert optimum(queue=queue, gain=gain, bandwidth=5e6 * factor, deadline=deadline)[0] >= base[0] - slack
    assert optimum(queue=queue, gain=gain, deadline=deadline * factor)[0] >= base[0] - slack
    assert optimum(queue=queue, gain=gain, deadline=deadline, power_max=0.2 * factor)[0] >= base[0] - slack
