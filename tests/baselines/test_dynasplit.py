"""DynaSplit and the static baselines as policies, on both worlds that they play."""

from __future__ import annotations

import json
import math

import gymnasium as gym
import numpy as np
import pytest

from splitgym import evaluate, load_scenario, make_policy
from splitgym.baselines.dynasplit import DynaSplit, OnFront
from splitgym.baselines.search import problem_of, search
from splitgym.encodings import by_name
from splitgym.evaluation.policies import contender
from splitgym.fronts import Front
from splitgym.worlds.world import get_world
from tests.helpers import native, single
from tests.references import enachi as enachi_reference
from tests.references import hardware as hardware_reference

ENV = "HardwareSplit-v0"
HARDWARE, INFERENCE = get_world("hardware"), get_world("inference")


# ------------------------------------------------------------------ where the front comes from
def test_the_default_front_is_exhaustive() -> None:
    policy = make_policy("dynasplit", gym.make(ENV))
    wanted = hardware_reference.front(load_scenario("default", ENV).hardware)
    assert policy.front.search == "exhaustive"
    assert [tuple(row) for row in policy.front.decisions] == [config for _, _, config in wanted]
    np.testing.assert_allclose(policy.front.energy_j, [energy for energy, _, _ in wanted], rtol=1e-12)
    np.testing.assert_allclose(1e3 * policy.front.latency_s, [latency for _, latency, _ in wanted], rtol=1e-12)


def test_a_front_from_a_file_or_a_search(tmp_path) -> None:
    env = gym.make(ENV, scenario="vit")
    made = make_policy("dynasplit", env, search="random", budget=0.5, search_seed=3).front
    assert (made.search, made.seed, made.evaluated) == ("random", 3, 137)
    again = make_policy("dynasplit", env, front=made.save(tmp_path / "front.json")).front
    np.testing.assert_array_equal(again.decisions, made.decisions)
    assert make_policy("energy_optimal", env, front=again).front is again
    named = contender(f"dynasplit:front={tmp_path / 'front.json'}", "hardware")
    assert len(named.make(native(2, "hardware", "vit")).front) == len(made)


def test_strange_fronts_are_refused() -> None:
    env = gym.make(ENV)
    other = search(problem_of(INFERENCE, load_scenario("enachi")))
    with pytest.raises(
        ValueError, match=r"the front decides cut, .* of SplitInference-v0, the environment is Hardware"
    ):
        make_policy("dynasplit", env, front=other)
    with pytest.raises(ValueError, match=r"no such front file: 'nowhere\.json'"):
        make_policy("dynasplit", env, front="nowhere.json")
    slower = load_scenario("vit", ENV)
    front = search(problem_of(HARDWARE, slower))
    strange = {**{k: getattr(front, k) for k in ("env_id", "scenario", "digest", "axes", "objectives", "search")}}
    strange |= {"seed": 0, "budget": 1, "evaluated": 1, "latency_s": [1.0], "energy_j": [1.0], "accuracy": [0.5]}
    with pytest.raises(ValueError, match=r"the front uses clock_hz=5e\+08 Hz, which scenario 'default' does not have"):
        make_policy("dynasplit", env, front=Front(**strange, decisions=[[5e8, 0, 0, 1]]))
    with pytest.raises(ValueError, match="unknown search 'nsga2'; did you mean 'nsga3'"):
        make_policy("dynasplit", env, search="nsga2")
    with pytest.raises(ValueError, match="policy 'latency_optimal' plays HardwareSplit-v0, not SplitInference-v0"):
        make_policy("latency_optimal", gym.make("SplitInference-v0"))


@pytest.mark.parametrize("name", ["dynasplit", "dynasplit_aware", "latency_optimal", "energy_optimal"])
def test_what_no_search_uses_is_checked_too(name, tmp_path) -> None:
    """Nothing that is asked for is passed over in silence: not beside the exhaustive search, not beside a front."""
    env = single("hardware", "default")
    file = tmp_path / "front.json"
    make_policy(name, env).front.save(file)
    for change, message in [
        ({"budget": math.nan}, "the budget must be a finite number"),
        ({"budget": -1}, "the budget must be a finite number"),
        ({"budget": "x"}, "the budget must be a finite number"),
        ({"search_seed": -1}, "the seed of a search"),
        ({"search": "x"}, "unknown search 'x'"),
        ({"search": "x", "front": file}, "unknown search 'x'"),
        ({"budget": 2.0, "front": file}, "the budget must be a finite number"),
        ({"search": "random", "front": file}, "nothing is searched: leave out front"),
        ({"budget": 0.5, "front": file}, "nothing is searched: leave out front"),
        ({"search_seed": 1, "front": file}, "nothing is searched: leave out front"),
    ]:
        with pytest.raises(ValueError, match=message):
            make_policy(name, env, **change)
    assert make_policy(name, env, front=file, search="exhaustive", budget=0.2).front.axes


def test_a_front_of_another_scenario_may_be_used() -> None:
    front = search(problem_of(HARDWARE, load_scenario("default", ENV)))
    assert make_policy("dynasplit", gym.make(ENV, scenario="switching"), front=front).front is front


# ------------------------------------------------------------------ the choice
@pytest.mark.parametrize("action", ["multidiscrete", "box", "discrete", "dict"])
@pytest.mark.parametrize(("world", "preset"), [("hardware", "default"), ("hardware", "vit"), ("inference", "default")])
def test_the_short_cut_for_one_observation_changes_nothing(world: str, preset: str, action: str) -> None:
    envs = native(40, world, preset, action)
    policy = make_policy("dynasplit", envs)
    observations, _ = envs.reset(seed=1)
    batch = policy.predict(observations)[0]
    for i, observation in enumerate(observations):
        fast, slow = policy.predict(observation)[0], OnFront.predict(policy, observation)[0]
        for name in batch if isinstance(batch, dict) else [None]:
            parts = [x if name is None else x[name] for x in (fast, slow)]
            np.testing.assert_array_equal(parts[0], parts[1], strict=True)
            np.testing.assert_array_equal(parts[0], (batch if name is None else batch[name])[i])
    if action == "multidiscrete":  # what is returned is the caller's
        policy.predict(observations[0])[0][:] = 0
        np.testing.assert_array_equal(policy.predict(observations[0])[0], batch[0])


def test_aware_is_dynasplit_where_changes_are_free() -> None:
    results = evaluate(
        ["dynasplit", "dynasplit_aware"], ENV, "queueing", episodes=4, changes={"switching.reconfigure_s": 0}
    )
    for name in ("return", "energy", "violated", "switched"):
        np.testing.assert_array_equal(results.figure("dynasplit", name), results.figure("dynasplit_aware", name))


def test_aware_violates_only_what_no_entry_can_meet() -> None:
    scenario = load_scenario("switching", ENV)
    env = single("hardware", scenario, "dict")
    policy = make_policy("dynasplit_aware", env)
    observation, _ = env.reset(seed=4)
    missed = 0
    for _ in range(200):
        state = env.rows.states[0]
        clock, mode = (policy.front.decisions[:, j] for j in (0, 1))
        change = (clock != state["clock_hz"]) | (mode != state["accelerator"])
        possible = policy.front.latency_s + 0.12 * change <= state["remaining_s"]
        observation, *_, info = env.step(policy.predict(observation)[0])
        assert info["on_time"] == possible.any()
        missed += not info["on_time"]
        if possible.any():
            assert info["energy_j"] - info["energy_reconfigure_j"] == pytest.approx(
                policy.front.energy_j[possible].min()
            )
    assert 0 < missed < 100


# ------------------------------------------------------------------ on SplitInference-v0
def test_nominal_figures_by_hand() -> None:
    """Preset enachi: one clock, no exits, no cloud; path loss at 600 m, no shadowing, no fading."""
    scenario = load_scenario("enachi")
    decisions = np.array([[6.0, 6.0, 2e9, 0.0], [1.0, 6.0, 2e9, 0.1], [0.0, 6.0, 2e9, 0.2]])
    figures = INFERENCE.nominal(scenario)(by_name(decisions, INFERENCE.axis_table))
    ref = enachi_reference
    assert figures[0] == pytest.approx([ref.t_loc(ref.TOTAL_MACS), ref.e_loc(ref.TOTAL_MACS), 0.8086], rel=1e-9)
    gain = 10 ** (-(128.1 + 37.6 * math.log10(0.6)) / 10)
    for row, macs, bits, power in ((1, ref.MACS["stem"], 200704 * 8, 0.1), (2, 0.0, 150528 * 8, 0.2)):
        rate = ref.BANDWIDTH * math.log2(1 + power * gain / (ref.N0 * ref.BANDWIDTH))
        slots = math.ceil(bits / (rate * 1e-3))
        begin = math.ceil(ref.t_loc(macs) / 1e-3)
        tail_s = (ref.TOTAL_MACS - macs) / (8 * 20e9)
        latency_s, energy_j = (begin + slots) * 1e-3 + tail_s, ref.e_loc(macs) + power * slots * 1e-3
        assert figures[row] == pytest.approx([latency_s, energy_j, 0.8086], rel=1e-9)


def test_nominal_exits_count_in_expectation() -> None:
    """Preset default, all on the device: energy is the mean over the samples, latency that of the hardest."""
    scenario = load_scenario("default")
    exits, full = scenario.dnn.exits, scenario.dnn.accuracy_full
    totals, at = (
        np.cumsum([b.macs for b in scenario.dnn.blocks]),
        {b.name: i for i, b in enumerate(scenario.dnn.blocks)},
    )
    heads = np.cumsum([e.macs for e in exits])
    paths = [totals[at[e.after]] + heads[i] for i, e in enumerate(exits)] + [totals[-1] + heads[-1]]
    shares = np.diff([0.0, *(e.share * full for e in exits), 1.0])
    clock = 1.2e9
    energy_j = 5e-30 * clock**2 * (shares @ paths) / 8
    found = INFERENCE.nominal(scenario)(by_name(np.array([[6.0, 6.0, clock, 0.0]]), INFERENCE.axis_table))[0]
    assert found == pytest.approx([paths[-1] / (8 * clock), energy_j, full], rel=1e-9)


def test_dynasplit_keeps_its_promise_on_the_nominal_channel() -> None:
    """Where nature is nominal, a task that some entry can answer is answered."""
    calm = {"fading.model": "static", "radio.shadowing_db": 0.0, "edge.load_std": 0.0, "cloud.rtt_log_std": 0.0}
    scenario = load_scenario(
        "default", **calm, **{"cloud.jitter_s": 0.0, "tasks.count": 100, "arrivals.parameters.mean_s": 3}
    )
    env = single("inference", scenario, "dict", episode_options=DynaSplit.options_for("inference"))
    policy = make_policy("dynasplit", env)
    observation, _ = env.reset(seed=2)
    on_time = possible = 0
    over = False
    while not over:
        meets = policy.front.latency_s.min() <= env.rows.states["remaining_s"][0]
        observation, _, _, over, info = env.step(policy.predict(observation)[0])
        assert info["on_time"] or not meets
        on_time += info["on_time"]
        possible += meets
    assert on_time >= possible > 50


# ------------------------------------------------------------------ names with parameters, caveats
def test_names_carry_parameters() -> None:
    names = ["dynasplit", "dynasplit:search=random,budget=0.05,search_seed=1", "dynasplit:search=random,search_seed=2"]
    results = evaluate(names, ENV, "default", episodes=2)
    assert results.policies == names
    assert len({results.figure(name, "energy").tobytes() for name in names}) == 3


def test_extrapolated_hardware_is_marked_everywhere(tmp_path, capsys) -> None:
    from splitgym.cli import main

    fitted, guessed = (load_scenario("default", ENV, hardware=name) for name in ("vgg16", "resnet50"))
    assert fitted.caveat == ""
    assert "resnet50" in guessed.caveat
    results = evaluate("cloud_only", ENV, guessed, episodes=1)
    assert json.loads(results.to_json())["caveat"] == guessed.caveat
    assert guessed.caveat in results.table().caption
    short = ["--env", ENV, "--set", "requests.count=5", "--set", "hardware=mobilenetv2", "--episodes", "1"]
    assert main(["evaluate", "edge_only", *short]) == 0
    assert "is extrapolated: no figure here is a claim" in " ".join(capsys.readouterr().out.split())
    out = str(tmp_path / "front")
    assert main(["optimize", "--network", "resnet50", "--search", "random", "--out", out, "--quiet"]) == 0
    assert "is extrapolated: no figure here is a claim" in capsys.readouterr().out
