"""The certified bound task by task: on traces that touch its limits, no correct answer costs less than E*."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import splitgym
from splitgym import load_scenario
from splitgym.envs.rows import Rows
from splitgym.physics.dnn import accuracy, compute_s, curve_of, exponential
from splitgym.ranges import FADING_GAIN, MAC_ENERGY, TINY
from splitgym.traces import HardwareTrace, InferenceTrace, MultiUserTrace, TransmissionTrace
from splitgym.worlds.inference.bound_kernel import needed_bit
from splitgym.worlds.inference.kernel import effective_edge_cut, tail_s
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.inference.scenario import preset_names
from splitgym.worlds.world import WORLDS
from tests.references.curves import SHAPES, tabulated


# ------------------------------------------------------------------ playing
def played(world: str, scenario: Any, traces: list, decide: Any, **options: Any) -> tuple[np.ndarray, list]:
    """Returns (n,) of one row for each trace, and the outcomes and live rows of each step."""
    n = len(traces)
    rows, steps, everyone = Rows(WORLDS[world], scenario, "dict", n, options), [], np.ones(n, np.bool_)
    rows.prepare(np.arange(n), [0] * n, {"trace": traces}, lambda: 0)
    rows.turn(~everyone, everyone)
    live, total = everyone, np.zeros(n)
    while live.any():
        rows.decide_values(decide(rows))
        rows.turn(live, ~everyone)
        steps.append((rows.outcome_copy(), live))
        total += np.where(live, steps[-1][0]["reward"], 0.0)
        live = live & ~(rows.finished | rows.depleted)
    return total, steps


def at_random(rng: np.random.Generator, p: Any, n: int) -> np.ndarray:
    """Random decisions (n, 4) of the inference world; powers log-uniform, at times none or all."""
    power_w = p.power_max_w * 10.0 ** rng.uniform(-5.0, 0.0, n)
    power_w = np.select([rng.random(n) < 0.2, rng.random(n) < 0.1], [p.power_max_w, 0.0], power_w)
    clocks_hz = p.clocks_hz[rng.integers(0, p.n_clocks, n)]
    return np.stack([*rng.integers(0, p.last_cut + 1, (2, n)), clocks_hz, power_w], axis=1)


# ------------------------------------------------------------------ traces that touch the limits
def nudged(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Values as they are, or their neighbours among the floating-point numbers."""
    towards = rng.choice([-np.inf, 0.0, np.inf], values.shape)
    return np.where(towards == 0.0, values, np.nextafter(values, towards))


def edgy_deadlines(rng: np.random.Generator, p: Any, load: np.ndarray, rtt_s: np.ndarray, slots: int) -> np.ndarray:
    """Deadlines (n,) [s] at multiples of the slot, computing times, and these with a tail and whole slots."""
    n, slot_s = len(load), float(p.slot_s)
    cut, edge_cut = rng.integers(0, p.last_cut + 1, (2, n))
    clock_hz = p.clocks_hz[rng.integers(0, p.n_clocks, n)]
    busy_s = np.array([compute_s(p.device_macs[c], f, p.macs_per_cycle) for c, f in zip(cut, clock_hz, strict=True)])
    behind_s = np.array(
        [tail_s(c, effective_edge_cut(c, e, p), g, r, p) for c, e, g, r in zip(cut, edge_cut, load, rtt_s, strict=True)]
    )
    sent_s = rng.integers(1, slots, n) * slot_s
    kinds = [sent_s, busy_s, busy_s + behind_s + sent_s, np.ceil(busy_s / slot_s) * slot_s + behind_s + sent_s]
    return np.clip(nudged(rng, np.choose(rng.integers(0, 4, n), kinds)), 1e-6, slots * slot_s)


def edgy_complexities(rng: np.random.Generator, p: Any, n: int) -> np.ndarray:
    """Complexities (n,) at the accuracies that whole channels and exits reach, and anywhere."""
    full, chance = float(p.accuracy_full), float(p.accuracy_chance)
    cut = rng.integers(1, p.last_cut, n)
    share = np.where(rng.random(n) < 0.3, 1.0, rng.integers(0, p.cut_channels[cut] + 1) / p.cut_channels[cut])
    reached = np.array([accuracy(r, curve_of(c, p)) for r, c in zip(share, cut, strict=True)])
    leaves = p.exit_share[rng.integers(0, max(int(p.n_exits), 1), n)]
    kinds = [reached, leaves * full, leaves * reached, np.full(n, chance), rng.random(n)]
    near = np.clip(nudged(rng, np.choose(rng.integers(0, 5, n), kinds)), 0.0, 1.0)
    return np.where(near < TINY, 0.0, near)  # traces hold nothing smaller


def edgy_trace(rng: np.random.Generator, p: Any, slots: int = 120) -> InferenceTrace:
    """Nature at its limits: dead and static channels, no jitter or exactly its mean, busy and idle edges, waiting."""
    n = int(p.n_tasks)
    load, rtt_s = rng.choice([0.0, 0.4, 0.99], n), rng.choice([0.0, 0.01, 0.035, 0.2], n)
    fading = rng.exponential(size=(n, slots))
    kind = rng.integers(0, 4)
    fading = [
        fading,
        np.ones_like(fading),
        fading * (rng.random((n, slots)) < 0.5),
        np.minimum(fading**6, FADING_GAIN.high),
    ][kind]
    complexity = edgy_complexities(rng, p, n)
    return InferenceTrace(
        arrival_s=np.cumsum(rng.choice([0.0, 0.05, 0.2, 1.0], n)),
        deadline_s=edgy_deadlines(rng, p, load, rtt_s, slots),
        gain=10.0 ** rng.uniform(-14.0, -8.0, n),
        complexity=complexity,
        hint=complexity,
        persistent=rng.normal(size=n),
        edge_load=load,
        rtt_s=rtt_s,
        jitter_s=rng.choice([0.0, 1.0, 1.5, 20.0], n) * p.jitter_s,
        fading=fading,
        noise=rng.normal(size=(n, slots)),
    )


def network(full: float, chance: float, steepness: float | str | None) -> Any:
    """ResNet-50 with other accuracies and, at every cut but the input, another steepness, or the table of a shape."""
    dnn = load_scenario("default").dnn
    blocks = dnn.blocks
    if isinstance(steepness, str):
        return tabulated(dataclasses.replace(dnn, accuracy_full=full, accuracy_chance=chance), steepness)
    if steepness is not None:
        blocks = tuple(dataclasses.replace(b, steepness=steepness if b.steepness > 0.0 else 0.0) for b in blocks)
    return dataclasses.replace(dnn, accuracy_full=full, accuracy_chance=chance, blocks=blocks)


SETTINGS = {
    "budget.infrastructure_weight": [0.0, 0.05, 1e6],
    "budget.debt_price": [0.0, 1e-6, 0.5, 50.0],
    "budget.energy_j": [1e-6, 2e-4, 4e-3],
    "device.reconfigure_s": [0.0, 0.001, 0.02],
    "device.kappa_f": [0.0, 5e-30],
    "cloud.jitter_s": [0.0, 0.005],
    "early_stop.noise_std": [0.0, 3.0],
    "early_exits": [True, False],
    "radio.bandwidth_hz": [1e5, 5e6, 1e8],
}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from(preset_names()),
    changes=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in SETTINGS.items()}),
    accuracies=st.tuples(st.integers(300, 990), st.integers(0, 200)),
    steepness=st.sampled_from([None, 1e-9, 1e-3, 60.0, 800.0, *SHAPES]),
    control=st.sampled_from(["tracking", "constant"]),
    early_stop=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_no_correct_answer_costs_less(preset, changes, accuracies, steepness, control, early_stop, seed) -> None:
    """64 traces of 25 tasks for each setting, 3840 in all."""
    rng, dnn = np.random.default_rng(seed), network(accuracies[0] / 1000, accuracies[1] / 1000, steepness)
    scenario = load_scenario(preset, **{"tasks.count": 25, "dnn": dnn, **changes})
    p = lower(scenario)
    traces = [edgy_trace(rng, p) for _ in range(64)]
    found = [splitgym.bound(trace, scenario=scenario) for trace in traces]
    returns, steps = played(
        "inference", scenario, traces, lambda rows: at_random(rng, p, 64), packet_control=control, early_stop=early_stop
    )
    least_j = np.array([b.per_task for b in found])
    for outcome, live in steps:
        right = np.flatnonzero(live & outcome["correct"])
        assert (least_j[right, outcome["task"][right]] <= outcome["energy_j"][right]).all()
    assert (returns <= [b.value for b in found]).all()


# ------------------------------------------------------------------ other worlds
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from(WORLDS["hardware"].preset_names()),
    weight=st.sampled_from([0.0, 1.0, 10.0]),
    penalty=st.sampled_from([0.0, 1.0]),
    delay_s=st.sampled_from([0.0, 0.05]),
    seed=st.integers(0, 10_000),
)
def test_no_request_earns_more(preset, weight, penalty, delay_s, seed) -> None:
    """32 traces of 20 requests for each setting, thresholds and powers from anywhere or as drawn."""
    world, rng = WORLDS["hardware"], np.random.default_rng(seed)
    reward = {"reward.infrastructure_weight": weight, "reward.violation_penalty": penalty}
    scenario = world.load_scenario(preset, **{"requests.count": 20, "switching.reconfigure_s": delay_s, **reward})
    traces, p = [HardwareTrace.draw(scenario, 1000 * seed + i) for i in range(32)], world.lower(scenario)
    for i in range(16):
        wild = {"threshold_s": np.exp(rng.uniform(-4.0, 2.0, 20)), "edge_offset_w": rng.choice([0.0, -3.0, 2.0], 20)}
        traces[i] = dataclasses.replace(traces[i], **wild)

    def decide(rows: Rows) -> np.ndarray:
        clocks_hz = p.clocks_hz[rng.integers(0, p.n_clocks, 32)]
        others = rng.integers(0, [[3], [p.last_split + 1], [2]], (3, 32))
        return np.stack([clocks_hz, *others], axis=1).astype(np.float64)

    found = [splitgym.bound(trace, "HardwareSplit-v0", scenario) for trace in traces]
    returns, steps = played("hardware", scenario, traces, decide)
    rewards = np.array([outcome["reward"] for outcome, _ in steps]).T
    assert (rewards <= np.array([b.per_task for b in found])).all()
    assert (returns <= [b.value for b in found]).all()


USERS = {
    "users.count": [1, 2, 6],
    "frames.presence": [0.5, 1.0],
    "budget.energy_j": [1e-6, 2e-4, 4e-3],
    "budget.debt_price": [0.0, 0.5, 50.0],
    "radio.bandwidth_hz": [1e5, 1e6, 1e8],
    "early_exits": [True, False],
    "edge.workers": [0, 1],
}


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    preset=st.sampled_from(WORLDS["multiuser"].preset_names()),
    changes=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in USERS.items()}),
    control=st.sampled_from(["tracking", "constant"]),
    seed=st.integers(0, 10_000),
)
def test_no_correct_answer_of_a_device_costs_less(preset, changes, control, seed) -> None:
    """16 traces of 10 frames for each setting, half of them with edgy complexities and channels."""
    world, rng, users = WORLDS["multiuser"], np.random.default_rng(seed), changes["users.count"]
    scenario = world.load_scenario(preset, **{"frames.count": 10, **changes})
    traces, one = [MultiUserTrace.draw(scenario, 1000 * seed + i) for i in range(16)], world.lower(scenario).one
    for i in range(8):
        wild = {"complexity": edgy_complexities(rng, one, users * 10), "gain": 10.0 ** rng.uniform(-14, -9, users * 10)}
        traces[i] = dataclasses.replace(traces[i], **{name: a.reshape(users, 10) for name, a in wild.items()})
    found = [splitgym.bound(trace, "SplitInferenceMultiUser-v0", scenario) for trace in traces]
    least_j, right = np.array([b.per_task for b in found]), []

    def decide(rows: Rows) -> np.ndarray:
        results, frame = rows.nature.results.copy(), rows.states["frame"].copy()
        right.append((results["correct"], results["energy_j"], frame - 1))
        values = np.concatenate([at_random(rng, one, 16)[:, [0, 2, 3]] for _ in range(users)], axis=1)
        values = values.reshape(16, users, 3).transpose(0, 2, 1).reshape(16, 3 * users)
        weights = rng.random((16, users)) * (rng.random((16, users)) < 0.7)
        return np.concatenate([values, weights], axis=1)

    returns, _ = played("multiuser", scenario, traces, decide, packet_control=control)
    for correct, energy_j, frame in right[1:]:
        row, device = np.nonzero(correct)
        assert (least_j[row, device, frame[row]] <= energy_j[row, device]).all()
    assert (returns <= [b.value for b in found]).all()


def test_a_device_with_the_whole_band_is_bounded_as_in_the_inference_world() -> None:
    """The device's least energies are those of the same tasks there, exactly."""
    scenario = WORLDS["multiuser"].load_scenario("default", **{"users.count": 2, "frames.count": 30})
    users = MultiUserTrace.draw(scenario, 3)
    found = splitgym.bound(users, "SplitInferenceMultiUser-v0", scenario)
    shared = ("deadline_s", "gain", "complexity", "hint", "persistent", "fading", "noise")
    for n in range(2):
        own = {name: getattr(users, name)[n] for name in shared}
        zero = {name: np.zeros(30) for name in ("rtt_s", "jitter_s")}
        arrival_s = np.arange(30) * scenario.frames.length_s
        trace = InferenceTrace(arrival_s=arrival_s, edge_load=users.edge_load, **own, **zero)
        alone = splitgym.bound(trace, scenario=scenario.one_device()).per_task
        here = users.present[n] != 0.0
        assert np.isfinite(alone[here]).sum() > 10
        np.testing.assert_array_equal(found.per_task[n], np.where(here, alone, np.inf))


# ------------------------------------------------------------------ what was found
def test_a_sample_beyond_full_accuracy_that_rounding_lets_through() -> None:
    """A(1) = 0.06 + (0.561 - 0.06) is 0.5610000000000002, and so is this sample's complexity."""
    full, chance = 0.561, 0.06
    reached = accuracy(1.0, exponential(4.0, full, chance))
    assert reached > full
    scenario = load_scenario("enachi", **{"tasks.count": 1, "dnn": network(full, chance, None)})
    trace = InferenceTrace.from_arrays(scenario, gain=np.array([1e-9]), complexity=np.array([reached]))
    found = splitgym.bound(trace, scenario=scenario)
    returns, steps = played(
        "inference", scenario, [trace], lambda rows: np.array([[1.0, 6.0, 2e9, 0.2]]), early_stop=False
    )
    assert steps[0][0]["correct"][0]
    assert found.per_task[0] <= steps[0][0]["energy_j"][0]
    assert returns[0] <= found.value


@pytest.mark.parametrize("edge_j_per_mac", [0.0, 3e-11, MAC_ENERGY.high])
def test_the_least_power_over_a_static_channel(edge_j_per_mac: float) -> None:
    """Just the bits that are needed at constant power, every cut: E* itself but for its allowances, never less.

    With the largest value the edge's energy is so large that the rounding of its sum with the radio's exceeds those.
    """
    charged = {"edge.energy_j_per_mac": edge_j_per_mac, "budget.infrastructure_weight": 1.0}
    scenario = load_scenario("enachi", **{"tasks.count": 1, "fading.model": "static", **charged})
    rng = np.random.default_rng(3)
    p, cuts = lower(scenario), np.repeat(np.arange(6), 64)
    gain, complexity = 10.0 ** rng.uniform(-12.0, -10.0, (64, 1)), rng.uniform(0.1, 0.7, (64, 1))
    traces = [InferenceTrace.from_arrays(scenario, gain=g, complexity=u) for g, u in zip(gain, complexity, strict=True)]
    bits = np.array([needed_bit(traces[i % 64].tasks().view(np.recarray)[0], c, p) for i, c in enumerate(cuts)])
    slots = offered(scenario, traces * 6, cuts)
    need = np.log(2.0) * bits * (1.0 + 1e-8) / (np.maximum(slots, 1) * p.slot_s * p.bandwidth_hz)
    power_w = np.expm1(np.minimum(need, 60.0)) * p.noise_w_hz * p.bandwidth_hz / np.tile(gain[:, 0], 6)
    values = np.stack([cuts, cuts, np.full(384, 2e9), np.minimum(power_w, p.power_max_w)], axis=1)
    options = {"packet_control": "constant", "early_stop": False}
    _, steps = played("inference", scenario, traces * 6, lambda rows: values, **options)
    energy_j = np.where(steps[0][0]["correct"], steps[0][0]["energy_j"], np.inf).reshape(6, 64).min(axis=0)
    least_j = np.array([splitgym.bound(trace, scenario=scenario).per_task[0] for trace in traces])
    assert (least_j <= energy_j).all()
    close = np.isfinite(least_j)
    assert close.sum() > 20
    np.testing.assert_allclose(least_j[close], energy_j[close], rtol=1e-6)


def offered(scenario: Any, traces: list[InferenceTrace], cuts: np.ndarray) -> np.ndarray:
    """Slots (n,) that a task may use after a cut at 2 GHz."""
    values = np.stack([cuts, cuts, np.full(len(cuts), 2e9), np.zeros(len(cuts))], axis=1)
    return played("inference", scenario, traces, lambda rows: values)[1][0][0]["slots_available"]


def test_debts_that_are_paid_back_leave_rounding_behind() -> None:
    """No task can be answered: what is left of 25 rewards is their rounding, at times above 0."""
    scenario, rng = load_scenario("default", **{"tasks.count": 25, "budget.energy_j": 2e-4}), np.random.default_rng(1)
    traces = [
        InferenceTrace.from_arrays(scenario, i, complexity=np.full(25, 0.999), arrival_s=np.arange(25.0))
        for i in range(200)
    ]
    quiet = np.array([1.0, 0.0, *np.zeros(23)])  # energy is spent on the first task only

    def decide(rows: Rows) -> np.ndarray:
        values = at_random(rng, rows.params, 200)
        values[:, 3] *= 1e-2 * quiet[rows.states["task"]]
        values[:, 0] *= quiet[rows.states["task"]]
        return values

    returns, _ = played("inference", scenario, traces, decide)
    bounds = np.array([splitgym.bound(trace, scenario=scenario).value for trace in traces])
    assert returns.max() > 0.0
    assert (returns <= bounds).all()
    assert bounds.max() < 1e-9


def test_debts_of_several_devices_leave_rounding_behind() -> None:
    changes = {"users.count": 3, "frames.count": 25, "budget.energy_j": 2e-4}
    scenario, rng = WORLDS["multiuser"].load_scenario("default", **changes), np.random.default_rng(1)
    drawn = [MultiUserTrace.draw(scenario, i) for i in range(100)]
    traces = [dataclasses.replace(trace, complexity=np.full((3, 25), 0.999)) for trace in drawn]

    def decide(rows: Rows) -> np.ndarray:
        values = np.ones((100, 12))
        values[:, 3:6] = rows.params.one.clocks_hz[0]
        values[:, :3] = rows.states["frame"][:, None] < 1
        values[:, 6:9] = 1e-4 * rng.random((100, 3)) * values[:, :3]
        return values

    returns, _ = played("multiuser", scenario, traces, decide)
    bounds = [splitgym.bound(trace, "SplitInferenceMultiUser-v0", scenario).value for trace in traces]
    assert returns.max() > 0.0
    assert (returns <= bounds).all()


@pytest.mark.parametrize("price", [1e-9, 1e-3, 1.0])
def test_the_best_transmission_over_a_static_channel(price: float) -> None:
    """Constant power is optimal there and reaches the bound, up to its rounding."""
    changes = {"transmission.energy_price": price, "fading.model": "static", "early_stop.noise_std": 0.0}
    scenario = WORLDS["transmission"].load_scenario("default", **changes)
    traces = [TransmissionTrace.draw(scenario, i) for i in range(40)]
    found = [splitgym.bound(trace, "ProgressiveTransmission-v0", scenario) for trace in traces]
    counts = np.array([played_slots(scenario, trace) for trace in traces])
    least_j = np.array([b.per_task[0] for b in found])
    power_w = np.where(np.isfinite(least_j), least_j, 0.0) / (counts * scenario.radio.slot_s) * (1.0 + 1e-8)

    def decide(rows: Rows) -> np.ndarray:
        return np.stack([np.minimum(power_w, rows.params.power_max_w), (power_w == 0.0).astype(float)], axis=1)

    returns, _ = played("transmission", scenario, traces, decide)
    values = np.array([b.value for b in found])
    good = np.isfinite(least_j) & (values > 1e-6)
    assert good.any()
    assert (returns <= values).all()
    np.testing.assert_allclose(returns[good], values[good], rtol=1e-6)


def played_slots(scenario: Any, trace: TransmissionTrace) -> int:
    """Slots that a transmission may use."""
    _, steps = played("transmission", scenario, [trace], lambda rows: np.array([[0.0, 1.0]]))
    return int(steps[0][0]["slots_available"][0])
