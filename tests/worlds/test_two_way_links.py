"""BlockPlacement on networks whose links lead both ways: moves, masks, policies, the bound, pictures."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import splitgym
from splitgym.placement.branchy import BranchExit, BranchyDnn, ExitConfig, PlacedBlock
from splitgym.placement.exact import exhaustive, least_energy, least_latency, optimum
from splitgym.placement.fin import solve_fin
from splitgym.placement.instance import Instance, Node
from splitgym.placement.plan import Infeasible, Plan, Residual, evaluate
from splitgym.policy import make_policy, policy_names
from splitgym.worlds.placement import PlacementTrace, load_scenario
from splitgym.worlds.placement.system import parts
from tests.helpers import single
from tests.references import placement as reference
from tests.references.fin_instances import (
    AMPLE,
    random_arc,
    random_instance,
    tighten,
    two_tiers,
    with_app,
    with_return_arcs,
)

#: Instances by hand count in whole operations, whole bits and whole seconds.
pytestmark = pytest.mark.filterwarnings("ignore:.* is unusual:UserWarning")

TIGHT, LOOSE = True, False


def mesh(seed: int, tight: bool, tiers: tuple[int, ...] = (2, 0, 1, 0)) -> Instance:
    """Every node linked with every other one, both ways; the tiers are in no order."""
    rng, base = np.random.default_rng(seed), random_instance(2 * seed, tight=0.0)
    nodes = tuple(
        Node(
            id=f"n{k}",
            tier=tier,
            speed_ops_s=10.0 ** rng.uniform(9.5, 11.5),
            power_w=10.0 ** rng.uniform(0.5, 2.0),
            capacity_ops_s=AMPLE,
            memory_bits=AMPLE,
        )
        for k, tier in enumerate(tiers)
    )
    arcs = tuple(
        random_arc(rng, u, v, (8.5, 9.5), (-5.0, -3.5), (-10.0, -8.5)) for u, v in itertools.permutations(nodes, 2)
    )
    source = f"n{tiers.index(min(tiers))}"
    app = base.apps[0].replace(source=source)
    instance = dataclasses.replace(base, nodes=nodes, arcs=arcs, apps=(app,))
    fastest = least_latency(instance, 0, accurate=False)
    assert isinstance(fastest, Plan)
    instance = with_app(instance, latency_s=fastest.latency_s * rng.uniform(1.1, 2.5))
    return tighten(rng, instance, 1.2) if tight else instance


def returning(seed: int, tight: bool) -> Instance:
    """A random instance with half of its arcs doubled in the other direction."""
    instance = with_return_arcs(random_instance(2 * seed, tight=0.0))
    return tighten(np.random.default_rng(seed), instance, 1.2) if tight else instance


CASES = [
    (make, seed, tight) for make, count in ((mesh, 4), (returning, 6)) for seed in range(count) for tight in (0, 1)
]


@pytest.fixture(params=CASES, ids=[f"{make.__name__} {seed}{' tight' * tight}" for make, seed, tight in CASES])
def instance(request: pytest.FixtureRequest) -> Instance:
    """A network with links both ways and one application."""
    make, seed, tight = request.param
    return make(seed, bool(tight))


def scenario_of(folder: Path, instance: Instance, count: int = 1, **changes: Any) -> Any:
    """A scenario on the nodes, arcs and networks of an instance."""
    file = folder / f"network{len(list(folder.iterdir()))}.toml"
    file.write_text(instance.to_toml(), encoding="utf-8")
    own = {
        "latency_mode": instance.latency_mode,
        "topology": {"kind": "file", "file": str(file)},
        "networks": {"kind": "file"},
        "applications.count": count,
        "applications.pinned_first_blocks": instance.apps[0].pinned_first_blocks,
    }
    return load_scenario("campus", **{**own, **changes})


def trace_of(scenario: Any, instance: Instance) -> PlacementTrace:
    """The instance's application, as often as the scenario has applications; they come together and stay."""
    app, count = instance.apps[0], scenario.applications.count
    return PlacementTrace(
        arrival_s=np.arange(count) * 1e-6,
        holding_s=np.full(count, 1e6),
        source=np.full(count, float(instance.index(app.source))),
        dnn=np.full(count, float(list(instance.dnns).index(app.dnn))),
        latency_s=np.full(count, app.latency_s),
        accuracy=np.full(count, app.accuracy),
        rate_hz=np.full(count, app.rate_hz),
    )


def play(env: Any, trace: PlacementTrace, moves: list[int]) -> dict[str, Any]:
    """``info`` after some moves."""
    _, info = env.reset(options={"trace": trace})
    for move in moves:
        *_, info = env.step(np.array([move]))
    return info


def every_end(env: Any, trace: PlacementTrace, moves: list[int]) -> Iterator[dict[str, Any]]:
    """``info`` of every accepted way to place the first application by moves that the mask allows."""
    info = play(env, trace, moves)
    if info["closed"]:
        assert info["accepted"], "the mask allowed a move that rejects"
        yield info
        return
    for move in np.flatnonzero(info["action_mask"][:-1]).tolist():
        yield from every_end(env, trace, [*moves, move])


# ------------------------------------------------------------------ the world
def test_all_ways_through_the_world_are_all_feasible_plans(tmp_path, instance):
    """The best of all move sequences has the energy of the exhaustive search, and so has what ``optimum`` plays."""
    sc = scenario_of(tmp_path, instance)
    env, trace = single("placement", sc), trace_of(sc, instance)
    ends, expected = list(every_end(env, trace, [])), exhaustive(instance)
    bound = splitgym.bound(trace, "BlockPlacement-v0", sc).value
    if isinstance(expected, Infeasible):
        assert not ends
        assert bound == pytest.approx(-sc.reward.rejection_penalty)
        return
    best = max(info["saved"] for info in ends)
    assert min(info["energy_j"] for info in ends) == pytest.approx(expected.energy_j, rel=1e-9)
    assert best <= bound
    assert bound == pytest.approx(best, abs=3e-6)
    assert returns(env, trace, "optimum") == pytest.approx(best, abs=1e-5)


def test_world_is_the_reference(tmp_path, instance):
    """Masks and outcomes of random moves of several applications, some not allowed, against an independent model."""
    sc = scenario_of(tmp_path, instance, count=6)
    trace, rng = trace_of(sc, instance), np.random.default_rng(1)
    nodes, arcs, dnns = parts(sc)
    env, twin = single("placement", sc), reference.World(sc, nodes, arcs, list(dnns.values()), trace)
    env.reset(options={"trace": trace})
    over, steps = False, 0
    while not over:
        mask = env.action_masks()
        np.testing.assert_array_equal(mask, twin.mask())
        allowed = np.flatnonzero(mask[:-1])
        move = int(rng.choice(allowed)) if len(allowed) and rng.random() > 0.05 else int(rng.integers(len(mask)))
        wanted = twin.move(move)
        _, reward, _, over, info = env.step(np.array([move]))
        assert (info["closed"], info["accepted"]) == (wanted["closed"], wanted["accepted"])
        assert reward == pytest.approx(wanted["reward"], rel=1e-9, abs=1e-12)
        steps += 1
        assert steps <= env.rows.horizon


def round_trip(**device: float) -> Instance:
    """A frugal device, a fast server, links both ways; the middle block must run on the server to be in time."""
    base = two_tiers(latency_s=20.0, accuracy=0.5, pinned_first_blocks=1)
    dnn = BranchyDnn(
        input_bits=1.0,
        blocks=(
            PlacedBlock(ops=4.0, out_bits=1.0, memory_bits=1.0),
            PlacedBlock(ops=40.0, out_bits=1.0, memory_bits=1.0),
            PlacedBlock(ops=4.0, out_bits=1.0, memory_bits=1.0),
        ),
        exits=(BranchExit(after_block=3),),
        exit_configs=(ExitConfig(active=(1,), fractions=(1.0,), accuracy=0.9),),
    )
    there = base.arcs[0].replace(tx_j_bit=0.01, rx_j_bit=0.01)
    back = there.replace(from_node="e", to_node="d")
    nodes = (base.nodes[0].replace(**device), base.nodes[1])
    return dataclasses.replace(base, nodes=nodes, arcs=(there, back), dnns={"net": dnn})


def test_the_best_plan_goes_back_to_the_device(tmp_path):
    """8 + 200 + 8 J of computing and .04 J of sending; ending on the server would cost 8 + 200 + 20 J."""
    instance = round_trip()
    found = optimum(instance)
    assert isinstance(found, Plan)
    assert found.placement == ("d", "e", "d")
    assert found.energy_j == pytest.approx(216.04)
    sc = scenario_of(tmp_path, instance)
    env, trace = single("placement", sc), trace_of(sc, instance)
    info = play(env, trace, [0, 1, 0, 2])
    assert info["accepted"]
    assert info["energy_j"] == pytest.approx(216.04)
    for name in ("fin", "optimum"):
        assert returns(env, trace, name) == env.rows.outcomes["reward"][0], name
    # what it used before it came back counts: 4 + 4 op/s do not fit a device of 6 op/s, nor its memory two blocks
    for tight in ({"capacity_ops_s": 6.0}, {"memory_bits": 1.0}):
        small = scenario_of(tmp_path, round_trip(**tight))
        env = single("placement", small)
        info = play(env, trace, [0, 1])
        assert info["action_mask"].tolist() == [False, True, False, True]
        assert play(env, trace, [0, 1, 0])["rejected"]
        assert play(env, trace, [0, 1, 1, 2])["energy_j"] == pytest.approx(228.02)


def test_a_link_that_is_used_twice_carries_both(tmp_path):
    """Four blocks d e d e: 1 + 1 bit/s over the link to the server, which carries 1.5."""
    base = round_trip()
    dnn = base.dnns["net"]
    dnn = dnn.replace(blocks=(*dnn.blocks, dnn.blocks[1]), exits=(BranchExit(after_block=4),))
    there = base.arcs[0].replace(capacity_bit_s=1.5)
    for arc, fits in ((base.arcs[0], True), (there, False)):
        instance = dataclasses.replace(base, arcs=(arc, base.arcs[1]), dnns={"net": dnn})
        instance = with_app(instance, latency_s=60.0)
        sc = scenario_of(tmp_path, instance)
        info = play(single("placement", sc), trace_of(sc, instance), [0, 1, 0])
        assert bool(info["action_mask"][1]) == fits
        faults = evaluate(instance, 0, 0, ("d", "e", "d", "e"))[1]
        assert (not faults) == fits


@pytest.mark.parametrize(
    ("tiers", "sources"), [((2, 1, 0, 0), {2, 3}), ((1, 1, 1), {0, 1, 2}), ((3, 2, 2), {1, 2}), ((0, 2, 1), {0})]
)
def test_applications_arise_at_the_lowest_tier_wherever_it_stands(tmp_path, tiers, sources):
    sc = scenario_of(tmp_path, mesh(1, LOOSE, tiers), count=60)
    trace = PlacementTrace.draw(sc, 0)
    assert set(trace.source.astype(int).tolist()) == sources
    env = single("placement", sc)
    env.reset(seed=0)
    np.testing.assert_array_equal(env.rows.nature.apps["source"][0], trace.source)
    sc = sc.replace(**{"applications.count": 3})
    anywhere = PlacementTrace.from_arrays(sc, source=np.arange(3.0) % len(tiers))  # a trace may name any node
    env = single("placement", sc)
    env.reset(options={"trace": anywhere})
    with pytest.raises(ValueError, match=rf"trace.source must be < {len(tiers)} in this scenario"):
        env.reset(options={"trace": PlacementTrace.from_arrays(sc, source=np.full(3, float(len(tiers))))})


def test_gymnasium_accepts_a_mesh(tmp_path):
    check_env(single("placement", scenario_of(tmp_path, mesh(0, TIGHT), count=5)), skip_render_check=True)


# ------------------------------------------------------------------ policies and the bound
def returns(env: Any, trace: PlacementTrace, name: str) -> float:
    """Return of a policy on a trace; every rejection must be its own choice, but for a policy blind to targets."""
    policy, total, over = make_policy(name, env, seed=0), 0.0, False
    observation, info = env.reset(options={"trace": trace})
    while not over:
        mask = info["action_mask"]
        action = policy.predict(observation)[0]
        if name in ("fin", "optimum"):
            assert mask[int(np.asarray(action).item())], f"{name} chose a move that the world refuses"
        observation, reward, _, over, info = env.step(action)
        total += reward
    return total


def test_no_policy_beats_the_bound_and_none_gives_up(tmp_path, instance):
    """Applications that come together and stay, so that the capacity of cycles binds sooner or later."""
    sc = scenario_of(tmp_path, instance, count=5)
    env, trace = single("placement", sc), trace_of(sc, instance)
    bound = splitgym.bound(trace, "BlockPlacement-v0", sc).value
    for name in policy_names("BlockPlacement-v0"):
        assert returns(env, trace, name) <= bound + 1e-12, name


def test_fin_avoids_what_it_cannot_keep(instance):
    """With ``returns="avoid"`` a plan keeps every limit; no cheaper one exists; and the default refuses as before."""
    expected, left = exhaustive(instance), Residual.of(instance)
    found = solve_fin(instance, gamma=200, residual=left, returns="avoid")
    if isinstance(found, Plan):
        assert evaluate(instance, 0, found.exit_config, found.placement)[1] == []
        assert isinstance(expected, Plan)
        assert found.energy_j >= expected.energy_j * (1.0 - 1e-9)
    elif isinstance(expected, Plan):
        assert not found.exact


def test_fin_refuses_unknown_ways():
    with pytest.raises(ValueError, match="returns must be one of refuse, avoid, got 'avoidd'; did you mean 'avoid'"):
        solve_fin(round_trip(), returns="avoidd")
    with pytest.raises(ValueError, match=r"cycle (d -> e -> d|e -> d -> e)"):
        solve_fin(round_trip(capacity_ops_s=6.0))
    avoided = solve_fin(round_trip(capacity_ops_s=6.0), returns="avoid")
    assert isinstance(avoided, Plan)
    assert avoided.placement == ("d", "e", "e")


def test_extremes_on_cycles_are_those_of_all_plans(instance):
    """Least latency and least energy without a target, by trying everything."""
    free = with_app(instance, latency_s=1e12)
    for solve, figure in ((least_latency, "latency_s"), (least_energy, "energy_j")):
        found, values = solve(free, 0), []
        for config in range(len(free.dnns[free.apps[0].dnn].exit_configs)):
            if free.dnns[free.apps[0].dnn].exit_configs[config].accuracy < free.apps[0].accuracy * (1 - 1e-12):
                continue
            depth = free.dnns[free.apps[0].dnn].depth(config)
            for names in itertools.product([node.id for node in free.nodes], repeat=depth):
                plan, faults = evaluate(free, 0, config, names)
                if not faults:
                    values.append(getattr(plan, figure))
        if isinstance(found, Plan):
            assert getattr(found, figure) == pytest.approx(min(values), rel=1e-8)
        else:
            assert not values


# ------------------------------------------------------------------ pictures
def test_a_mesh_is_drawn(tmp_path):
    """Text and picture on the way; the links of a pair part, and the path goes along the one that was taken."""
    pytest.importorskip("matplotlib")
    instance = round_trip()
    sc = scenario_of(tmp_path, instance)
    for mode in ("ansi", "rgb_array"):
        env = single("placement", sc, render_mode=mode)
        env.reset(options={"trace": trace_of(sc, instance)})
        for move in (0, 1, 0, 2):
            env.step(np.array([move]))
            frame = env.render()
        assert ("accepted" in frame) if mode == "ansi" else frame.std() > 0
        env.close()


def test_links_of_a_pair_do_not_hide_each_other(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from splitgym.show.board import HEIGHT, WIDTH, Board
    from splitgym.show.placement.graph import Graph
    from splitgym.show.placement.story import Score, tell

    for tiers in ((0, 0, 0, 0), (0, 1, 2, 1)):
        sc = scenario_of(tmp_path, mesh(0, LOOSE, tiers))
        env = single("placement", sc)
        env.reset(seed=0)
        story = tell(sc, env.params, env.rows, 0, Score())
        graph = Graph(Board(Figure((WIDTH / 100, HEIGHT / 100), dpi=100)), story)
        at = {tuple(ends): k for k, ends in enumerate(story.links.tolist())}
        for (u, v), k in at.items():
            there, back = graph.curves[k][8], graph.curves[at[v, u]][8]
            assert math.dist(there, back) > 5.0, (tiers, u, v)
