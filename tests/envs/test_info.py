"""Fields of ``info`` never contradict each other; ties of decisions are broken as the docstrings say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from splitgym.baselines import kernel
from splitgym.physics.lyapunov import complete_power_w
from splitgym.worlds.inference import InferenceTrace, load_scenario
from splitgym.worlds.inference.layout import DECISION, PARAMS, VIEW
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.transmission import TransmissionTrace
from splitgym.worlds.transmission import load_scenario as load_transmission
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, assert_same, native, short, single
from tests.identities import IDENTITIES, assert_info

#: Settings in which tasks fail in every way: late, unfinished, out of battery, waiting for the edge.
HARD = [
    ("inference", "default", {"device.battery_j": 0.05}),
    ("inference", "default", {"device.reconfigure_s": 0.02, "cloud.jitter_s": 0.2}),
    ("inference", "enachi", {"tasks.deadline_min_s": 0.03, "early_stop.feedback_slots": 40}),
    ("multiuser", "congested", {"edge.workers": 1, "edge.clock_hz": 6e9}),
    ("transmission", "default", {"transmission.cut": "input"}),
    ("hardware", "queueing", {"requests.count": 23}),
    ("placement", "campus", {"applications.rate_min_hz": 300.0, "applications.rate_max_hz": 500.0}),
]
SENT_W = 0.05
OPTIONS: list[dict[str, Any]] = [{}, {"progressive": False, "packet_control": "constant"}, {"early_stop": False}]


def play(world: str, scenario: Any, seed: int, episodes: int = 2, **options: Any) -> None:
    """Random actions, half of them allowed by the mask, with every identity at every step."""
    env, rng = single(world, scenario), np.random.default_rng(seed)
    env.action_space.seed(seed)
    for episode in range(episodes):
        _, before = env.reset(seed=seed if episode == 0 else None, options=options)
        over = False
        while not over:
            action = env.action_space.sample(before["action_mask"] if rng.random() < 0.5 else None)
            if world == "transmission" and rng.random() < 0.9:
                action[-1] = 0  # a random agent soon stops
            _, reward, terminated, truncated, info = env.step(action)
            assert_info(world, scenario, {**info, "reward": reward, "done": terminated}, before)
            before, over = {**info, "stepped": True}, terminated or truncated


def test_every_world_has_identities():
    assert set(IDENTITIES) == set(WORLDS)


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_fields_of_info_agree(world, preset):
    play(world, short(world, preset), seed=5)


@pytest.mark.parametrize(("world", "preset", "changes"), HARD)
def test_fields_of_info_agree_where_tasks_fail(world, preset, changes):
    for k, options in enumerate(OPTIONS if WORLDS[world].options else OPTIONS[:1]):
        play(world, short(world, preset, **changes), seed=k, episodes=4, **options)


# ------------------------------------------------------------------ nothing is expected of no answer
def one_task(options: dict[str, Any], power_w: float, deadline_s: float, cut: str = "stem", gain: float = 1e-10):
    """Outcome of the first of a few tasks of preset ``enachi`` under a decision."""
    base = load_scenario("enachi", **{"tasks.count": 2})
    slots = InferenceTrace.draw(base, 0).fading.shape[1]
    trace = InferenceTrace.from_arrays(
        base,
        deadline_s=np.full(2, deadline_s),
        gain=np.full(2, gain),
        fading=np.ones((2, slots)),
        noise=np.full((2, slots), 40.0),  # the server is confident at once
        persistent=np.full(2, 40.0),
        complexity=np.full(2, 0.5),
    )
    env = single("inference", base, "dict", episode_options=options)
    env.reset(options={"trace": trace})
    names = base.dnn.cut_names
    action = {"cut": names.index(cut), "clock_hz": 0, "edge_cut": 0, "power_w": np.array([power_w])}
    return env.step({name: action[name] for name in env.action_space.spaces})[-1]  # type: ignore[attr-defined]


def test_no_accuracy_where_no_answer_came():
    whole = {"progressive": False, "packet_control": "constant", "early_stop": False}
    unfinished = one_task(whole, 1e-4, 0.11)
    assert (unfinished["on_time"], unfinished["correct"], unfinished["accuracy"]) == (False, False, 0.0)
    assert unfinished["bits"] > 0.0
    aborted = one_task({}, 0.1, 0.011, cut=load_scenario("enachi").dnn.cut_names[-1])
    assert (aborted["on_time"], aborted["accuracy"], aborted["exit"]) == (False, 0.0, -1)


def test_no_accuracy_where_a_transmission_has_no_answer():
    scenario = load_transmission("default", **{"transmission.cut": "input"})
    env = single("transmission", scenario, "dict")
    _, info = env.reset(options={"trace": TransmissionTrace.draw(scenario, 3)})
    assert info["accuracy"] == 0.0
    *_, over, _, info = env.step({"power_w": np.array([1e-6]), "stop": 0})
    assert (over, info["accuracy"]) == (False, 0.0)
    *_, over, _, info = env.step({"power_w": np.array([0.0]), "stop": 1})
    assert (over, info["correct"], info["accuracy"]) == (True, False, 0.0)


def test_an_early_stop_saves_a_slot():
    """The server is confident after the first slot; the stop counts only if it arrives before the end."""
    kept = one_task({"packet_control": "constant"}, SENT_W, 0.11)
    assert kept["stopped_early"]
    assert kept["slots_used"] < kept["slots_available"]
    feedback = int(lower(load_scenario("enachi")).feedback_slots)
    for count in range(1, feedback + 2):  # confident, but there is no slot left to save
        late = one_task({"packet_control": "constant"}, SENT_W, deadline_of(count))
        assert late["slots_available"] == late["slots_used"] == count
        assert not late["stopped_early"]
    saved = one_task({"packet_control": "constant"}, SENT_W, deadline_of(feedback + 2))
    assert saved["stopped_early"]
    assert saved["slots_used"] == feedback + 1


def deadline_of(slots: int) -> float:
    """A deadline that leaves so many slots at the stem [s]."""
    p = lower(load_scenario("enachi"))
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if slots_at_stem(middle, p) >= slots:
            high = middle
        else:
            low = middle
    return high + 1e-7


def slots_at_stem(deadline_s: float, p: Any) -> int:
    """Whole slots between the device's blocks up to the stem and the edge's (ENACHI s3.4), worked out by hand."""
    busy_s = p.device_macs[1] / (p.clocks_hz[0] * p.macs_per_cycle)
    tail_s = p.edge_macs[1, p.last_cut] / p.edge_macs_s / (1.0 - min(p.load_mean, p.load_max)) + p.reserve_s
    first = int(np.ceil(busy_s / p.slot_s))
    return max(int(np.floor((deadline_s - tail_s) / p.slot_s)) - first, 0)


def test_what_the_last_task_of_a_hard_battery_is_charged():
    """What it asks for, which the battery need not hold: step by step the same as without a battery."""
    played = []
    for changes in ({}, {"device.battery_j": 0.02}):
        env = single("inference", short("inference", "default", **changes))
        env.reset(seed=3)
        env.action_space.seed(3)
        infos, over = [], False
        while not over:
            *_, terminated, truncated, info = env.step(env.action_space.sample())
            infos.append(info)
            over = terminated or truncated
        played.append(infos)
    free, bound = played
    spent_j = np.array([info["energy_compute_j"] + info["energy_radio_j"] for info in bound])
    assert 1 < len(bound) < len(free)
    assert spent_j[:-1].sum() < 0.02 < spent_j.sum()
    for name in ("energy_j", "energy_compute_j", "energy_radio_j", "cost_j", "queue_j", "latency_s"):
        assert [info[name] for info in bound] == [info[name] for info in free[: len(bound)]]
    last = bound[-1]
    assert (last["on_time"], last["correct"], last["accuracy"], last["exit"]) == (False, False, 0.0, -1)


# ------------------------------------------------------------------ ties
def candidates(view: Any, p: Any) -> list[tuple[float, float, float]]:
    """(energy [J], clock [Hz], power [W]) of every local or complete delivery that a task can have (ENACHI s8).

    Device energies without exits; a candidate for :func:`lyap` at no debt, when all are worth the same.
    """
    found = []
    for cut in range(1, int(p.last_cut) + 1):
        for clock_hz in p.clocks_hz[: p.n_clocks]:
            cycles = p.device_macs[cut] / p.macs_per_cycle
            busy_s, energy_j = cycles / clock_hz, p.kappa_f * clock_hz**2 * cycles
            if cut == p.last_cut:
                if busy_s <= view["remaining_s"]:
                    found.append((energy_j, clock_hz, 0.0))
                continue
            tail_s = p.edge_macs[cut, p.last_cut] / p.edge_macs_s / (1.0 - view["edge_load"])
            slots = np.floor((view["remaining_s"] - tail_s) / p.slot_s) - np.ceil(busy_s / p.slot_s)
            if slots < 1:
                continue
            window_s = slots * p.slot_s
            args = (view["gain"], p.bandwidth_hz, p.noise_w_hz, window_s, p.cut_bits[cut])
            power_w = complete_power_w(*(float(a) for a in args))
            if power_w <= p.power_max_w:
                found.append((energy_j + power_w * window_s, clock_hz, power_w))
    return found


def views_without_debt(n: int, seed: int, p: Any) -> np.ndarray:
    """Views at Q = 0 over channels, deadlines and loads."""
    rng = np.random.default_rng(seed)
    views = np.zeros(n, VIEW)
    views["remaining_s"], views["gain"] = rng.uniform(0.05, 0.6, n), 10.0 ** rng.uniform(-12, -8, n)
    views["edge_load"], views["clock_hz"], views["gain_trend"] = rng.uniform(0.1, 0.8, n), p.clocks_hz[0], 1.0
    return views


def settings() -> Any:
    """Default preset without exits and cloud, where every candidate can be listed by hand."""
    return load_scenario("default", early_exits=False, **{"cloud.enabled": False})


def test_lyap_takes_the_least_energy_among_equals():
    p = lower(settings())
    views, decisions = views_without_debt(400, 3, p), np.zeros(400, DECISION)
    kernel.lyap_rows(views.view(np.recarray), decisions.view(np.recarray), 1.0, np.array([p], PARAMS).view(np.recarray))
    dearer = 0
    for view, d in zip(views, decisions, strict=True):
        options = candidates(view, p)
        if not options:
            assert (d["cut"], d["power_w"]) == (0, 0.0)
            continue
        least_j, clock_hz, power_w = min(options)
        assert (d["clock_hz"], d["power_w"]) == (clock_hz, pytest.approx(power_w, rel=1e-9))
        dearer += options[0][0] > 1.001 * least_j  # the smallest index would have paid more
    assert dearer > 50


def test_myopic_takes_the_least_energy_among_equals():
    """Everything local at two clocks within the budget is worth the same; so is what the slower one costs less."""
    sc = settings().replace(**{"budget.energy_j": 10.0, "radio.power_max_w": 1e-9, "radio.power_levels_w": [1e-9]})
    p = lower(sc)
    views, decisions = views_without_debt(50, 4, p), np.zeros(50, DECISION)
    views["remaining_s"] = 5.0
    kernel.myopic_rows(views.view(np.recarray), decisions.view(np.recarray), np.array([p], PARAMS).view(np.recarray))
    assert (decisions["cut"] == p.last_cut).all()
    assert (decisions["clock_hz"] == p.clocks_hz[0]).all()
    rich = lower(settings().replace(**{"budget.energy_j": 10.0}))  # so does complete delivery
    views = views_without_debt(300, 5, rich)
    views["remaining_s"] = 0.6
    decisions = np.zeros(300, DECISION)
    kernel.myopic_rows(views.view(np.recarray), decisions.view(np.recarray), np.array([rich], PARAMS).view(np.recarray))
    local_j = [rich.kappa_f * f**2 * rich.device_macs[rich.last_cut] / rich.macs_per_cycle for f in rich.clocks_hz[:4]]
    in_time = [j for j in range(4) if rich.device_macs[rich.last_cut] / rich.macs_per_cycle / rich.clocks_hz[j] <= 0.6]
    assert in_time
    for view, d in zip(views, decisions, strict=True):
        cut, clock_hz = int(d["cut"]), d["clock_hz"]
        if cut == rich.last_cut:
            assert clock_hz == rich.clocks_hz[in_time[0]]
            continue
        tail_s = rich.edge_macs[cut, rich.last_cut] / rich.edge_macs_s / (1.0 - view["edge_load"])
        begin = np.ceil(rich.device_macs[cut] / rich.macs_per_cycle / clock_hz / rich.slot_s)
        window_s = (np.floor((0.6 - tail_s) / rich.slot_s) - begin) * rich.slot_s
        own_j = rich.kappa_f * clock_hz**2 * rich.device_macs[cut] / rich.macs_per_cycle
        assert own_j + d["power_w"] * window_s <= local_j[in_time[0]] * (1 + 1e-9)


def test_effect_takes_the_least_energy_where_cuts_need_the_same_power():
    """In a dead channel the power needed is capped: at full power the cheaper of equals is taken."""
    p, ties = lower(settings()), 0
    views = views_without_debt(2000, 6, p)
    views["gain"], views["remaining_s"] = 1e-300, np.linspace(0.02, 0.2, 2000)
    decisions = np.zeros(2000, DECISION)
    kernel.effect_rows(views.view(np.recarray), decisions.view(np.recarray), np.array([p], PARAMS).view(np.recarray))
    for view, d in zip(views, decisions, strict=True):
        used = []
        for cut in range(1, int(p.last_cut)):
            for clock_hz in p.clocks_hz[: p.n_clocks]:
                cycles = p.device_macs[cut] / p.macs_per_cycle
                tail_s = p.edge_macs[cut, p.last_cut] / p.edge_macs_s / (1.0 - view["edge_load"])
                slots = np.floor((view["remaining_s"] - tail_s) / p.slot_s) - np.ceil(cycles / clock_hz / p.slot_s)
                if slots >= 1:
                    given = (1e-300, p.bandwidth_hz, p.noise_w_hz, slots * p.slot_s, p.cut_bits[cut])
                    spent_j = p.kappa_f * clock_hz**2 * cycles + p.power_max_w * slots * p.slot_s
                    used.append((complete_power_w(*(float(x) for x in given)), spent_j, cut, clock_hz))
        needs_w = [need_w for need_w, *_ in used]
        if used and needs_w.count(min(needs_w)) > 1 and d["cut"] < p.last_cut:
            ties += 1
            assert (d["cut"], d["clock_hz"]) == min(used)[2:]
    assert ties > 0


# ------------------------------------------------------------------ info that is left out
@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
@pytest.mark.parametrize("world", WORLDS)
def test_a_brief_step_leaves_out_only_the_info_of_rows_that_go_on(world: str, mode: str) -> None:
    envs, brief = (native(3, world, short(world, "default"), autoreset_mode=mode) for _ in range(2))
    assert_same(envs.reset(seed=0), brief.reset(seed=0))
    envs.action_space.seed(0)
    ended = 0
    while ended < 2 and envs.rows.episodes.max() < 3:
        action = envs.action_space.sample()
        *full, infos = envs.step(action)
        *same, final = brief.step_briefly(action)
        assert_same(full, same)
        finals = {name: value for name, value in infos.items() if "final_" in name}
        assert_same(finals, final)
        ended += bool(finals)
    assert bool(ended) == (mode == "SameStep")
