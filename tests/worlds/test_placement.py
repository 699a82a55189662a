"""The placement world against an independent one, and what it promises."""

from __future__ import annotations

import numpy as np
import pytest

import splitgym
from splitgym.traces.arrivals import ARRIVALS
from splitgym.worlds.placement import PlacementTrace, load_scenario
from splitgym.worlds.placement.system import parts
from splitgym.worlds.world import get_world
from tests.helpers import native, single
from tests.references import placement as reference

WORLD = get_world("placement")
#: Presets, and changes under which capacity, links and targets bind.
SETTINGS = [
    ("published", {}),
    ("default", {}),
    ("campus", {"applications.rate_max_hz": 400.0, "applications.rate_min_hz": 100.0}),
    ("campus", {"latency_mode": "expected", "networks.family": "subsets", "applications.slack_min": 1.001}),
    ("published", {"applications.rate_max_hz": 2e3, "networks.energy": "full", "applications.pinned_first_blocks": 0}),
]


def allowed(mask: np.ndarray, rng: np.random.Generator, wild: float = 0.0) -> int:
    """A random allowed move, rejection only where nothing else is; with probability ``wild`` any move."""
    if rng.random() < wild:
        return int(rng.integers(len(mask)))
    moves = np.flatnonzero(mask[:-1])
    return int(rng.choice(moves)) if len(moves) else len(mask) - 1


def model(sc, trace) -> reference.World:
    nodes, arcs, dnns = parts(sc)
    return reference.World(sc, nodes, arcs, list(dnns.values()), trace)


@pytest.mark.parametrize(("preset", "changes"), SETTINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_world_is_the_reference(preset, changes, seed):
    """Masks and outcomes of random moves, a tenth of them not allowed."""
    sc = load_scenario(preset, **{**changes, "applications.count": 25})
    trace = PlacementTrace.draw(sc, seed)
    env, twin, rng = single("placement", sc), model(sc, trace), np.random.default_rng(seed)
    env.reset(seed=seed)
    over, kinds = False, set()
    while not over:
        mask = env.action_masks()
        np.testing.assert_array_equal(mask, twin.mask())
        move = allowed(mask, rng, wild=0.03)
        wanted = twin.move(move)
        _, reward, _, over, info = env.step(np.array([move]))
        assert (info["closed"], info["accepted"]) == (wanted["closed"], wanted["accepted"])
        assert info["exit_asked"] == wanted["exit_asked"]
        assert info["rejected"] == (wanted["closed"] and not wanted["accepted"])
        for name in ("energy_j", "latency_s"):
            assert info[name] == pytest.approx(wanted[name], rel=1e-9)
        assert reward == pytest.approx(wanted["reward"], rel=1e-9, abs=1e-12)
        assert over == twin.over
        kinds.add((info["closed"], info["accepted"]))
    assert kinds == {(False, False), (True, True), (True, False)}
    np.testing.assert_array_equal(env.action_masks(), twin.mask())


def test_capacity_binds_and_comes_back():
    """Applications that never leave fill the system until nothing fits; when they leave everything is free again."""
    sc = load_scenario(
        "published", **{"applications.count": 300, "applications.rate_min_hz": 20.0, "applications.rate_max_hz": 20.0}
    )
    for holding_s, full in ((1e9, True), (1e-6, False)):
        trace = PlacementTrace.from_arrays(sc, holding_s=np.full(300, holding_s))
        env, rng = single("placement", sc), np.random.default_rng(0)
        env.reset(options={"trace": trace})
        accepted, live, over = [], [], False
        while not over:
            *_, over, info = env.step(np.array([allowed(env.action_masks(), rng)]))
            if info["closed"]:
                accepted.append(info["accepted"])
                live.append(info["live"])
        assert accepted[0]
        assert all(accepted) != full
        assert (env.rows.nature.node_free >= 0.0).all()
        # at the end no time has passed since the last application came
        assert live[:-1] == ([*np.cumsum(accepted)[:-1]] if full else [0] * 299)
        env.reset(seed=1)
        np.testing.assert_array_equal(env.rows.nature.node_free[0], env.rows.nature.nodes["capacity_op_s"])
        np.testing.assert_array_equal(env.rows.nature.arc_free[0], env.rows.nature.arcs["capacity_bit_s"])


def test_a_move_that_is_not_allowed_rejects():
    sc = load_scenario("campus", **{"applications.count": 3})
    env = single("placement", sc)
    env.reset(seed=0)
    bad = int(np.flatnonzero(~env.action_masks())[0])
    _, reward, _, truncated, info = env.step(np.array([bad]))
    assert (reward, info["rejected"], info["closed"], truncated) == (-1.0, True, True, False)
    assert (info["exit_config"], info["exit_asked"], info["node"]) == (-1, -1, bad)
    _, reward, *_, info = env.step(np.array([len(env.action_masks()) - 1]))
    assert (reward, info["rejected"], info["app"]) == (-1.0, True, 1)


def test_observation_tells_what_is_allowed():
    """Slack is positive exactly at the nodes that the mask allows; finishing energies where an exit set may close."""
    sc = load_scenario("campus", **{"applications.count": 12})
    env, rng = single("placement", sc), np.random.default_rng(3)
    sizes = [f.size for f in env.rows.fields]
    places = dict(zip([f.name for f in env.rows.fields], np.cumsum([0, *sizes[:-1]]), strict=True))
    observation, _ = env.reset(seed=3)
    n, configs, over = len(parts(sc)[0]), int(env.params.n_configs), False
    while not over:
        mask = env.action_masks()
        steps = observation[places["step_energy"] : places["step_energy"] + n]
        ends = observation[places["finish_energy"] : places["finish_energy"] + configs]
        np.testing.assert_array_equal(steps < 0.999, mask[:n])
        np.testing.assert_array_equal(ends < 0.999, mask[n : n + configs])
        observation, _, _, over, _ = env.step(np.array([allowed(mask, rng)]))


def test_targets_can_be_met_on_the_empty_system():
    sc = load_scenario("campus", **{"applications.count": 60})
    trace = PlacementTrace.draw(sc, 5)
    world = model(sc, trace)
    for k in range(60):
        nets, source = world.nets[int(trace.dnn[k])], int(trace.source[k])
        times = []
        for net in (net for net in nets if net.accuracy >= trace.accuracy[k]):
            first = world.machines.step(net, 0, source, source)
            assert first is not None
            times.append(first[1] + world.machines.fastest(net, 1, source)[0])
        slack = trace.latency_s[k] / min(times)
        assert 1.1 - 1e-9 <= slack <= 4.0 + 1e-9
        assert 0.6 * max(net.accuracy for net in nets) <= trace.accuracy[k] <= max(net.accuracy for net in nets)


@pytest.mark.parametrize("preset", WORLD.preset_names())
def test_a_replayed_episode_is_the_drawn_one(preset, tmp_path):
    sc = load_scenario(preset, **{"applications.count": 6})
    PlacementTrace.draw(sc, seed=3, episode=1).save(tmp_path / "t.npz")
    env, replay = single("placement", sc), single("placement", sc)
    env.reset(seed=3)
    first = env.reset()[0]
    trace = PlacementTrace.load(tmp_path / "t.npz")
    np.testing.assert_array_equal(first, replay.reset(options={"trace": trace})[0])
    rng = np.random.default_rng(0)
    for _ in range(20):
        move = np.array([allowed(env.action_masks(), rng)])
        a, b = env.step(move), replay.step(move)
        np.testing.assert_array_equal(a[0], b[0])
        assert a[1:4] == b[1:4]
        if a[3]:
            break


def test_rows_do_not_share_capacity():
    sc = load_scenario("published", **{"applications.count": 20, "applications.rate_max_hz": 500.0})
    envs, alone, rng = native(2, "placement", sc), single("placement", sc), np.random.default_rng(0)
    envs.reset(seed=4)
    alone.reset(seed=4)
    for _ in range(60):
        masks = envs.action_masks()
        moves = np.array([[allowed(masks[0], rng)], [len(masks[1]) - 1]])  # the other row rejects everything
        batch, one = envs.step(moves), alone.step(moves[0])
        np.testing.assert_array_equal(batch[0][0], one[0])
        if one[3]:
            break


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topology.kind": "ring"}, "topology.kind must be one of published, random, file, system, got 'ring'"),
        ({"topology.kind": "file"}, "topology.file must name an instance file"),
        ({"networks.kind": "published", "networks.names": []}, "at least one network"),
        ({"networks.kind": "published", "networks.names": ["b_alexnett"]}, "did you mean 'b_alexnet'"),
        ({"applications.slack_max": 1.0}, "applications.slack_max must be >= slack_min=1.1, got 1.0"),
        ({"applications.counts": 1}, "did you mean 'count'"),
        ({"latency_mode": "best"}, "latency_mode must be 'worst' or 'expected'"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        single("placement", load_scenario("campus", **changes))


def test_arrivals_of_a_plug_in():
    @splitgym.arrivals("hourly-for-a-test")
    def hourly(rng, n_tasks):
        return np.cumsum(rng.uniform(1.0, 2.0, n_tasks)) * 3600.0

    try:
        sc = load_scenario("default", arrivals={"model": "hourly-for-a-test", "parameters": {}})
        trace = PlacementTrace.draw(sc, 5)
        gaps_s = np.diff(trace.arrival_s)
        assert ((gaps_s >= 3600.0) & (gaps_s <= 7200.0)).all()
        env = single("placement", sc)
        env.reset(seed=5)
        np.testing.assert_array_equal(env.rows.nature.apps["arrival_s"][0], trace.arrival_s)
    finally:
        del ARRIVALS._table["hourly-for-a-test"]


def test_traces_refuse():
    with pytest.raises(ValueError, match="unknown trace array 'gain'"):
        PlacementTrace.from_arrays("default", gain=np.ones(3))
    with pytest.raises(ValueError, match=r"trace.source must hold whole numbers"):
        PlacementTrace.from_arrays("default", source=np.full(10, 0.5))
    env = single("placement", load_scenario("default"))
    with pytest.raises(ValueError, match=r"trace.dnn must be < 3 in this scenario, got 7"):
        env.reset(options={"trace": PlacementTrace.from_arrays("default", dnn=np.full(10, 7))})
