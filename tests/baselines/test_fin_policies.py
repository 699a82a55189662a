"""FIN and its competitors as policies: what they plan is what they play, on both worlds."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from splitgym import evaluate, load_scenario, make_policy
from splitgym.baselines.fin_inference import TaskPlanner
from splitgym.jit import one_record, records
from splitgym.placement.exact import optimum
from splitgym.placement.fin import solve_fin
from splitgym.placement.plan import Plan
from splitgym.policy import POLICIES
from splitgym.profiles import profile_names
from splitgym.worlds.inference.layout import DECISION, VIEW
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.inference.scenario import preset_names
from tests.helpers import single
from tests.references import enachi as ref

ENV = "BlockPlacement-v0"


# ------------------------------------------------------------------ BlockPlacement-v0
@pytest.mark.parametrize("name", ["fin", "optimum", "mcp", "least_latency"])
@pytest.mark.parametrize("preset", ["published", "campus"])
def test_every_plan_is_accepted(name: str, preset: str) -> None:
    """An application is rejected only by the policy's own choice, before a block is placed."""
    scenario = load_scenario(preset, ENV, **{"applications.count": 25})
    if name == "mcp":  # it does not know the latency target
        scenario = scenario.replace(**{"applications.slack_min": 50.0, "applications.slack_max": 60.0})
    env = single("placement", scenario, "dict")
    policy = make_policy(name, env)
    observation, _ = env.reset(seed=1)
    over, accepted = False, 0
    while not over:
        placed, mask = int(env.rows.states["placed"][0]), env.action_masks()
        action = policy.predict(observation)[0]
        observation, _, _, over, info = env.step(action)
        assert mask[int(action)]
        assert not info["rejected"] or placed == 0
        accepted += info["accepted"]
    assert accepted >= 20


def test_the_first_application_gets_the_exact_optimum() -> None:
    """On the empty system, where the policy's observation is the whole truth."""
    scenario = load_scenario("campus", ENV)
    for seed in range(12):
        found = {}
        for name in ("optimum", "fin", "least_energy", "least_latency"):
            env = single("placement", scenario, "dict")
            policy = make_policy(name, env)
            observation, _ = env.reset(seed=seed)
            app = env.rows.nature.apps[0, 0]
            info = {"closed": False}
            while not info["closed"]:
                observation, *_, info = env.step(policy.predict(observation)[0])
            found[name] = info
        instance = policy._instance(
            list(policy._dnns)[int(app["dnn"])],
            int(app["source"]),
            float(app["latency_s"]),
            float(app["accuracy"]),
            float(app["rate_hz"]),
        )
        best = optimum(instance)
        assert isinstance(best, Plan)
        assert found["optimum"]["energy_j"] == pytest.approx(best.energy_j, rel=1e-9)
        assert found["optimum"]["latency_s"] == pytest.approx(best.latency_s, rel=1e-9)
        assert found["fin"]["energy_j"] >= best.energy_j * (1 - 1e-9)
        assert found["least_latency"]["saved"] == pytest.approx(0.0, abs=1e-9)
        if found["least_energy"]["accepted"]:
            assert found["least_energy"]["energy_j"] == pytest.approx(best.energy_j, rel=1e-9)


def test_parameters_reach_the_solver() -> None:
    names = ["fin:gamma=5,shortcuts=false", "fin:gamma=5,rounding=carry,shortcuts=false", "fin", "mcp:acc_filter=false"]
    results = evaluate(names, ENV, "default", episodes=3)
    rejected = {name: results.figure(name, "rejected").mean() for name in names}
    assert rejected[names[0]] > rejected["fin"]
    assert rejected[names[1]] <= rejected[names[0]]
    with pytest.raises(ValueError, match="rounding"):
        evaluate("fin:rounding=down", ENV, "default", episodes=1)


# ------------------------------------------------------------------ SplitInference-v0
def view_of(**values: float) -> np.record:
    view = np.zeros(1, VIEW).view(np.recarray)
    for name, value in values.items():
        view[name] = value
    return view[0]


def decided(scenario: Any, view: np.record, **options: Any) -> np.record:
    """The policy's decision about one view."""
    decisions = records(np.zeros(1, DECISION))
    make_policy("fin", single("inference", scenario, "dict"), **options).decide(one_record(view, VIEW), decisions)
    return decisions[0]


def read_plan(planner: TaskPlanner, view: np.record, plan: Any) -> tuple[float, ...]:
    """Cut, edge cut, clock [Hz] and power [W] of a plan by the names of its nodes; without one: nothing is done."""
    last = int(planner.params.last_cut)
    if not isinstance(plan, Plan):
        return 0.0, last, float(view.clock_hz), 0.0
    device = next(name for name in plan.placement if name.startswith("device"))
    cut = plan.placement[1:].count(device)
    clock_hz = planner.clocks_hz[int(device.removeprefix("device"))]
    return cut, cut + plan.placement.count("edge"), clock_hz, planner.power_w if cut < last else 0.0


def random_views(planner: TaskPlanner, count: int) -> np.ndarray:
    """What may be observed and more: hopeless and splendid links, no time and plenty of it, any present clock."""
    rng, views = np.random.default_rng(0), np.zeros(count, VIEW)
    views["gain"] = 10.0 ** rng.uniform(-15.0, -8.0, count)
    views["remaining_s"] = rng.choice([0.0, 0.05, 0.2, 0.3, 0.7, 5.0], count) * rng.uniform(0.5, 1.0, count)
    views["edge_load"] = rng.choice([0.0, 0.4, 0.95, 0.999], count)
    views["rtt_s"] = rng.uniform(0.0, 0.1, count)
    views["clock_hz"] = rng.choice(planner.clocks_hz, count)
    return views


WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"gamma": 7},
    {"gamma": 40, "rounding": "carry"},
    {"gamma": 30, "shortcuts": False},
    {"gamma": 9, "rounding": "carry", "shortcuts": False},
)


@pytest.mark.parametrize("dnn", ["", *profile_names()])
@pytest.mark.parametrize("preset", preset_names())
def test_the_compiled_policy_decides_as_the_general_solver(preset: str, dnn: str) -> None:
    """To the bit, one row at a time and all at once; the general solver plans on the same graph as plain objects."""
    scenario = load_scenario(preset, **({"dnn": dnn} if dnn else {}))
    planner = TaskPlanner(scenario, lower(scenario))
    views = random_views(planner, 6)
    env = single("inference", scenario, "dict")
    for options in WAYS:
        policy = make_policy("fin", env, **options)
        together, alone = (records(np.zeros(len(views), DECISION)) for _ in range(2))
        policy.decide(records(views), together)
        for i, view in enumerate(views.view(np.recarray)):
            policy.decide(records(views[i : i + 1]), alone[i : i + 1])
            expected = read_plan(planner, view, solve_fin(planner.instance(view), **options))
            assert together[i].tolist() == alone[i].tolist() == expected


def test_the_graph_of_a_task_by_hand() -> None:
    """Preset enachi (one clock, no exits, no cloud): least energy over all cuts that meet the time, at 0.1 W."""
    scenario = load_scenario("enachi")
    planner = TaskPlanner(scenario, lower(scenario))
    for gain, remaining_s in itertools.product((3e-13, 1e-12, 1e-11, 1e-10), (0.05, 0.15, 0.25, 0.3)):
        view = view_of(gain=gain, remaining_s=remaining_s, clock_hz=2e9)
        rate = ref.BANDWIDTH * math.log2(1 + 0.1 * gain / (ref.N0 * ref.BANDWIDTH))
        ways = [(ref.t_loc(ref.TOTAL_MACS), ref.e_loc(ref.TOTAL_MACS), 6)]
        bits = [150528 * 8, 200704 * 8, 802816 * 8, 401408 * 8, 200704 * 8, 100352 * 8]
        macs = [0.0, *(ref.MACS[split] for split in ref.SPLITS)]
        for cut, (size, done) in enumerate(zip(bits, macs, strict=False)):
            time_s = ref.t_loc(done) + size / rate + 1e-3 + (ref.TOTAL_MACS - done) / (8 * 20e9)
            ways.append((time_s, ref.e_loc(done) + 0.1 * size / rate, cut))
        fits = [(energy_j, cut) for time_s, energy_j, cut in ways if time_s <= remaining_s]
        plan = solve_fin(planner.instance(view), gamma=20_000)
        decision = decided(scenario, view, gamma=20_000)
        if not fits:
            assert not isinstance(plan, Plan)
            assert (decision["cut"], decision["power_w"]) == (0, 0.0)
            continue
        assert isinstance(plan, Plan)
        assert plan.energy_j == pytest.approx(min(fits)[0], rel=1e-3)
        assert decision["cut"] == min(fits)[1]
        assert decision["edge_cut"] == 6
        assert decision["power_w"] == (0.1 if decision["cut"] < 6 else 0.0)


def test_clocks_and_the_cloud_are_used() -> None:
    """Preset default: relaxed tasks take a slow clock, and the decisions of an episode are not all alike."""
    scenario = load_scenario("default")
    planner = TaskPlanner(scenario, lower(scenario))
    relaxed = view_of(gain=1e-13, remaining_s=0.65, clock_hz=2e9, edge_load=0.4, rtt_s=0.035)
    urgent = view_of(gain=1e-13, remaining_s=0.30, clock_hz=2e9, edge_load=0.4, rtt_s=0.035)
    busy = view_of(gain=1e-9, remaining_s=0.11, clock_hz=2e9, edge_load=0.9, rtt_s=0.01)
    decisions = []
    for view in (relaxed, urgent, busy):
        assert isinstance(solve_fin(planner.instance(view)), Plan)
        decisions.append(decided(scenario, view))
    assert [d["clock_hz"] for d in decisions[:2]] == [0.8e9, 2e9]
    assert decisions[0]["cut"] == decisions[1]["cut"] == 6
    assert decisions[2]["edge_cut"] < 6  # the loaded edge passes it on


def test_exits_count_in_expectation() -> None:
    """The planner's energy of the local plan is the mean over the samples."""
    scenario = load_scenario("default")
    planner = TaskPlanner(scenario, lower(scenario))
    view = view_of(gain=1e-14, remaining_s=0.65, clock_hz=0.8e9, edge_load=0.0, rtt_s=0.035)
    plan = solve_fin(planner.instance(view))
    assert isinstance(plan, Plan)
    full = scenario.dnn.accuracy_full
    totals = np.cumsum([b.macs for b in scenario.dnn.blocks])
    at = {b.name: i for i, b in enumerate(scenario.dnn.blocks)}
    heads = np.cumsum([e.macs for e in scenario.dnn.exits])
    paths = [totals[at[e.after]] + heads[i] for i, e in enumerate(scenario.dnn.exits)] + [totals[-1] + heads[-1]]
    shares = np.diff([0.0, *(e.share * full for e in scenario.dnn.exits), 1.0])
    assert plan.energy_j == pytest.approx(5e-30 * 0.8e9**2 * (shares @ paths) / 8, rel=1e-9)


def test_fin_beats_its_relatives_on_the_default_world() -> None:
    results = evaluate(["fin", "effect", "dynasplit"], scenario="default", episodes=3)
    returns = {name: results.figure(name, "return").mean() for name in results.policies}
    assert returns["fin"] > max(returns["effect"], returns["dynasplit"])


def test_worlds_of_fin() -> None:
    assert POLICIES["fin"].worlds == ("inference", "placement")
    with pytest.raises(ValueError, match="policy 'optimum' plays BlockPlacement-v0, not SplitInference-v0"):
        evaluate("optimum")
