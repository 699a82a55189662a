"""ENACHI against an independent implementation on traces given from outside, and the specification's vectors."""

from __future__ import annotations

import numpy as np
import pytest

from splitgym import evaluate, load_scenario, make_policy
from splitgym.baselines import enachi, kernel
from splitgym.envs.single import SplitEnv
from splitgym.jit import config, one_record, records
from splitgym.physics.dnn import answers_part, curve_of
from splitgym.physics.lyapunov import bandwidth_price_j2_hz, best_power_w, transmit_value_j2
from splitgym.traces import InferenceTrace
from splitgym.worlds.inference.kernel import effective_edge_cut
from splitgym.worlds.inference.layout import DECISION, PARAMS, VIEW
from splitgym.worlds.inference.lowering import lower
from tests.references import enachi as reference

FRAMES = 400
CUTS = ("input", "stem", "layer1", "layer2", "layer3", "layer4", "local")


def given(seed: int, deadline_s: float):
    """Scenario, trace and the reference's run of arrays drawn outside the package."""
    deadlines = {"tasks.deadline_min_s": deadline_s, "tasks.deadline_max_s": deadline_s}
    scenario = load_scenario("enachi", **{"tasks.count": FRAMES, **deadlines})
    arrays = reference.draw(seed, FRAMES)
    trace = InferenceTrace.from_arrays(scenario, **arrays)
    return scenario, trace, reference.run(*arrays.values(), deadline_s)


@pytest.mark.parametrize(("seed", "deadline_s"), [(11, 0.110), (12, 0.150), (13, 0.200), (14, 0.300)])
def test_exact_values_equal_the_reference_task_by_task(seed: int, deadline_s: float) -> None:
    scenario, trace, wanted = given(seed, deadline_s)
    env = SplitEnv("inference", scenario, "dict")
    env.reset(options={"trace": trace})
    queue_j = 0.0
    for k in range(FRAMES):
        d = enachi.decide(env.params, 2e-3, queue_j=queue_j, gain=trace.gain[k], remaining_s=deadline_s)
        action = {name: column[0] for name, column in env.encoding.encode(d.view((float, 4))).items()}
        _, _, _, _, info = env.step(action)
        assert CUTS[info["cut"]] == wanted["split"][k]
        np.testing.assert_allclose(info["power_w"], wanted["power"][k], rtol=1e-9)
        np.testing.assert_allclose(info["energy_j"], wanted["energy"][k], rtol=1e-9)
        assert (info["correct"], info["slots_used"]) == (wanted["correct"][k], wanted["slots"][k])
        np.testing.assert_allclose(info["queue_j"], wanted["queue"][k], rtol=1e-9, atol=1e-15)
        queue_j = info["queue_j"]
    assert deadline_s < 0.2 or len(set(wanted["split"])) > 1  # with time to spare the choice is not trivial


@pytest.mark.parametrize("preset", ["default", "tight-deadline", "commute"])
def test_what_is_left_out_of_the_search_is_never_the_best(preset: str) -> None:
    """The first of the greatest values over every cut, edge cut and clock, to the bit."""
    params = lower(load_scenario(preset))
    p, rng, count = one_record(params, PARAMS)[0], np.random.default_rng(0), 6 if config.DISABLE_JIT else 60
    views, weight_j2 = records(np.zeros(count, VIEW)), 2e-3 * float(params.budget_j) ** 2 / 6e-3**2
    views["queue_j"] = rng.choice([0.0, 1e-6, 0.01, 0.1, 3.0], count)
    views["gain"] = 10.0 ** rng.uniform(-13.0, -10.0, count)
    views["remaining_s"] = rng.uniform(0.02, 0.7, count)
    views["edge_load"], views["rtt_s"] = rng.uniform(0.0, 0.9, count), rng.uniform(0.0, 0.1, count)
    views["clock_hz"] = params.clocks_hz[0]
    found = records(np.zeros(count, DECISION))
    kernel.enachi_rows(views, found, weight_j2, 1.0, one_record(params, PARAMS))
    last = int(params.last_cut)
    for i in range(count):
        best, wanted = -np.inf, (0.0, last, float(params.clocks_hz[0]), 0.0)
        for cut in range(1, last + 1):
            for edge_cut in range(last, cut - 1, -1):
                for clock_hz in params.clocks_hz[: params.n_clocks].tolist():
                    whole = edge_cut == effective_edge_cut(cut, edge_cut, p) and (cut == last or answers_part(cut, p))
                    if whole and kernel.is_candidate(views[i], cut, edge_cut, clock_hz, p):
                        value, power_w = kernel.split_value(views[i], cut, edge_cut, clock_hz, weight_j2, 1.0, p)
                        if value > best:
                            best, wanted = value, (cut, edge_cut, clock_hz, power_w)
        assert found[i].tolist() == wanted


@pytest.mark.parametrize(("action", "tolerance"), [("dict", 2e-3), ("box", 2e-3), ("multidiscrete", 2e-2)])
def test_through_observations(action: str, tolerance: float) -> None:
    accuracy, energy, wanted_accuracy, wanted_energy = 0.0, 0.0, 0.0, 0.0
    for seed in range(3):
        scenario, trace, wanted = given(100 + seed, 0.110)
        env = SplitEnv("inference", scenario, action)
        policy = make_policy("enachi", env)
        observation, _ = env.reset(options={"trace": trace})
        for _ in range(FRAMES):
            observation, _, _, _, info = env.step(policy.predict(observation)[0])
            accuracy += info["correct"]
            energy += info["energy_j"]
        wanted_accuracy += wanted["correct"].sum()
        wanted_energy += wanted["energy"].sum()
    assert abs(accuracy / wanted_accuracy - 1) <= tolerance
    assert abs(energy / wanted_energy - 1) <= tolerance


@pytest.mark.parametrize(
    ("cut", "n_slots", "queue_j", "gain", "bandwidth_hz", "power_w", "value", "price"),
    [
        (1, 117, 0.05, 1e-12, 5e6, 7.728026886e-02, 6.878977030e-04, 2.839725e-11),
        (1, 117, 0.02, 3e-12, 5e6, 7.972655384e-02, 1.329133623e-03, 2.735592e-11),
        (3, 21, 0.02, 3e-12, 5e6, 0.2, 1.071230390e-03, 6.111993e-11),
        (1, 117, 0.005, 2e-11, 1e7, 1.585128632e-02, 1.606451823e-03, 5.099272e-13),
        (1, 117, 0.5, 1e-12, 5e6, 0.0, -1.455174400e-04, 0.0),
    ],
)
def test_vectors_of_section_10(cut, n_slots, queue_j, gain, bandwidth_hz, power_w, value, price) -> None:
    p = lower(load_scenario("enachi"))
    shared = (gain, bandwidth_hz, p.noise_w_hz, n_slots * 1e-3, p.cut_bits[cut], curve_of(cut, p))
    found_w = best_power_w(2e-3, queue_j, *shared, p.power_max_w)
    found = transmit_value_j2(2e-3, queue_j, found_w, *shared) - queue_j * reference.e_loc(p.cut_macs[cut])
    assert found_w == pytest.approx(power_w, rel=1e-9, abs=1e-15)
    assert found == pytest.approx(value, rel=1e-9)
    assert bandwidth_price_j2_hz(2e-3, queue_j, found_w, *shared) == pytest.approx(price, rel=1e-6, abs=1e-18)


def test_headline_of_the_published_comparison() -> None:
    results = evaluate(["enachi", "edge", "effect", "lyap_prog"], scenario="enachi", episodes=5, seed=0)

    def mean(name: str, figure: str) -> float:
        return float(results.figure(name, figure).mean())

    for other in ("edge", "effect"):
        assert mean("enachi", "accuracy") - mean(other, "accuracy") >= 0.40
        assert mean("enachi", "energy") / mean(other, "energy") - 1 <= -0.58
    assert mean("enachi", "accuracy") - mean("lyap_prog", "accuracy") >= 0.05
    assert abs(mean("enachi", "energy") / mean("lyap_prog", "energy") - 1) <= 0.02
    assert abs(mean("enachi", "energy") - 1) <= 0.02


def test_decision_function_names_its_fields() -> None:
    p = lower(load_scenario("enachi"))
    with pytest.raises(ValueError, match="gain"):
        enachi.decide(p, 2e-3, queue_j=0.0, remaining_s=0.1)
    with pytest.raises(ValueError, match="gian"):
        enachi.decide(p, 2e-3, queue_j=0.0, remaining_s=0.1, gain=1e-12, gian=1e-12)
    many = enachi.decide(p, 2e-3, queue_j=[0.0, 0.05], remaining_s=0.15, gain=1e-12)
    assert many["power_w"][1] == pytest.approx(7.728026886e-02, rel=1e-9)


def test_view_is_the_observation_table() -> None:
    env = SplitEnv("inference", "default")
    assert tuple(f.name for f in env.rows.fields) == VIEW.names
