"""The transmission world: against an independent ENACHI, against tasks of SplitInference-v0, laws, its baselines."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitgym import evaluate, make_policy
from splitgym.baselines import transmission_kernel
from splitgym.baselines.transmission import decide, fading_law, law_of
from splitgym.profiles import load_profile
from splitgym.ranges import GAIN, NORMAL, TINY
from splitgym.traces import InferenceTrace, TransmissionTrace
from splitgym.traces.fading import FADING, fading
from splitgym.units import ratio_to_db
from splitgym.worlds.inference import load_scenario as load_inference
from splitgym.worlds.inference.kernel import LOG_COLUMNS
from splitgym.worlds.transmission import load_scenario
from splitgym.worlds.transmission.lowering import lower
from splitgym.worlds.transmission.scenario import preset_names
from splitgym.worlds.transmission.task import most_slots
from tests.helpers import assert_same, native, rollout, sampled, single
from tests.references.curves import tabulated
from tests.references.transmission import Episode

PRESETS = preset_names()
STEM, LAYER1, LAYER2 = 1, 2, 3
ID = "ProgressiveTransmission-v0"


def act(power_w: float, stop: bool = False) -> dict:
    """An action of the ``dict`` encoding."""
    return {"power_w": np.array([power_w]), "stop": int(stop)}


def play(env, choose, **reset):
    """Infos of an episode from reset to end; ``choose(info)`` gives (power [W], stop) from what info says."""
    infos = [env.reset(**reset)[1]]
    while True:
        *_, terminated, truncated, info = env.step(act(*choose(infos[-1])))
        infos.append(info)
        if terminated or truncated:
            assert terminated
            return infos


def constant(power_w):
    return lambda info: (power_w, False)


def wanderer(rng, stop_share):
    """Random powers, extremes included, and a rare stop."""

    def choose(info):
        power_w = rng.choice([0.0, 0.2, 0.2 * rng.random() ** 3], p=[0.1, 0.2, 0.7])
        return float(power_w), bool(rng.random() < stop_share)

    return choose


# ------------------------------------------------------------------ against the independent model
VARIANTS = [(preset, {}) for preset in PRESETS] + [
    ("enachi", {"transmission.cut": "layer2", "transmission.deadline_max_s": 0.3, "transmission.deadline_min_s": 0.2}),
    ("enachi", {"transmission.cut": "input", "radio.shadowing_db": 0.0, "radio.distance_m": 250.0}),  # all or nothing
    ("default", {"early_stop.feedback_slots": 0, "early_stop.noise_std": 0.6, "early_stop.confidently_wrong": 1.0}),
    ("default", {"early_stop.feedback_slots": 7, "fading.model": "gilbert_elliott", "radio.distance_m": 300.0}),
    ("default", {"dnn": tabulated(load_profile("resnet50"), "concave", "waves")}),
    ("enachi", {"dnn": tabulated(load_profile("resnet50"), "steps"), "early_stop.noise_std": 0.6}),
]


@pytest.mark.parametrize(("preset", "changes"), VARIANTS)
def test_independent_model_agrees_slot_by_slot(preset, changes):
    scenario = load_scenario(preset, **changes)
    env, ends = single("transmission", scenario, "dict"), set()
    for seed in range(12):
        trace, rng = TransmissionTrace.draw(scenario, seed), np.random.default_rng(seed)
        want = Episode(scenario, trace)
        choose = wanderer(rng, 0.01)
        _, info = env.reset(seed=seed)
        assert info["slots_available"] == want.count
        while not want.over:
            assert info["seen_uncertainty"] == pytest.approx(want.known(), rel=1e-9, abs=1e-300)
            power_w, stop = choose(info)
            _, reward, terminated, truncated, info = env.step(act(power_w, stop))
            assert reward == pytest.approx(want.step(power_w, stop), rel=1e-9, abs=1e-15)
            assert (terminated, truncated) == (want.over, False)
            assert info["slots_used"] == want.used
            assert info["feature_ratio"] == want.beta
            assert info["bits"] == pytest.approx(min(want.bits, want.size), rel=1e-12)
            assert info["energy_radio_j"] == pytest.approx(want.joules, rel=1e-12, abs=1e-18)
            assert info["power_queue_w"] == pytest.approx(want.queue, rel=1e-9, abs=1e-12)
            assert info["accuracy"] == pytest.approx(want.accuracy(), rel=1e-12)
            assert info["correct"] == want.correct
            if want.believed:
                assert info["server_uncertainty"] == pytest.approx(want.believed[-1], rel=1e-9, abs=1e-300)
        ends.add((info["stopped"], want.beta == 1.0))
    assert len(ends) >= 2


# ------------------------------------------------------------------ the same functions as inside a task
#: (cut there, its name, deadline [s])
CUTS = [(STEM, "stem", 0.110), (LAYER1, "layer1", 0.150), (LAYER2, "layer2", 0.200)]
SHARED = [
    "slots_used", "slots_available", "bits", "capacity_bits", "energy_radio_j", "feature_ratio", "accuracy", "correct",
]  # fmt: skip


def tracker(params, stop_at):
    """ENACHI's packet level on exact values."""

    def choose(info):
        (d,) = decide(
            params, "tracking", stop_at=stop_at, gain=info["gain"], slot_gain=info["next_slot_gain"],
            reference_w=info["reference_w"], power_queue_w=info["power_queue_w"],
            slots_total=info["slots_available"], uncertainty=info["seen_uncertainty"],
        )  # fmt: skip
        return float(d["power_w"]), bool(d["stop"])

    return choose


@pytest.mark.parametrize("early_stop", [True, False])
@pytest.mark.parametrize("preset", ["enachi", "default"])
@pytest.mark.parametrize(("cut", "name", "deadline_s"), CUTS)
def test_tracking_reproduces_the_task_of_the_inference_world(cut, name, deadline_s, preset, early_stop):
    """Driven by the tracking rule, the slots are those inside a step of SplitInference-v0, to the last bit."""
    count = 60
    changes = {"tasks.count": count, "tasks.deadline_min_s": deadline_s, "tasks.deadline_max_s": deadline_s}
    changes |= {"early_exits": False, "cloud.enabled": False, "edge.load_max": 0.3, "arrivals.model": "periodic"}
    theirs = load_inference(preset, **changes, **{"arrivals.parameters.period_s": 1.0})
    shared = {s: getattr(theirs, s).to_dict() for s in ("radio", "fading", "early_stop", "edge", "device")}
    ours = load_scenario(
        "enachi", **shared, **{"transmission.cut": name, "transmission.deadline_min_s": deadline_s,
        "transmission.deadline_max_s": deadline_s},
    )  # fmt: skip
    trace, params, powers = InferenceTrace.draw(theirs, seed=4), lower(ours), np.random.default_rng(2)
    task = single("inference", theirs, "dict", render_mode="ansi")
    task.reset(seed=4, options={"early_stop": early_stop})
    env = single("transmission", ours, "dict")
    early = whole = 0
    clock = len(theirs.device.clocks_hz) - 1
    for k in range(count):
        power_w = float(powers.choice([0.02, 0.05, 0.09, 0.15, 0.2]))
        action = {"cut": cut, "edge_cut": 0, "clock_hz": clock, "power_w": np.array([power_w])}
        *_, want = task.step(action)
        logged = task.rows.logs[0, : want["slots_used"]].copy()
        assert logged.shape[1] == LOG_COLUMNS
        one = TransmissionTrace.from_task(trace, k, power_w)
        stop_at = ours.early_stop.threshold if early_stop else None
        infos = play(env, tracker(params, stop_at), options={"trace": one})
        got = infos[-1]
        for column in SHARED:
            assert got[column] == want[column], column
        sent = [i for i in infos[1:] if not i["stopped"]]
        assert [i["power_w"] for i in sent] == logged[:, 2].tolist()
        assert [i["slot_gain"] for i in sent] == (trace.gain[k] * logged[:, 1]).tolist()
        assert [i["feature_ratio"] for i in sent] == logged[:, 3].tolist()
        assert [i["slot_bits"] / ours.radio.slot_s for i in sent] == logged[:, 4].tolist()
        early += got["stopped"]
        whole += got["feature_ratio"] == 1.0
    assert (early > 5) == early_stop
    if cut == STEM:
        assert got["slots_available"] >= 60


def test_a_task_that_waited_has_less_time():
    theirs = load_inference("enachi", **{"tasks.count": 2})
    trace = InferenceTrace.draw(theirs, seed=0)
    env = single("transmission", "enachi", "dict")
    _, info = env.reset(options={"trace": TransmissionTrace.from_task(trace, 1, 0.05, remaining_s=0.080)})
    assert info["slots_available"] == 77 - 30
    with pytest.raises(ValueError, match=r"task must be an integer >= 0 and <= 1, got 2"):
        TransmissionTrace.from_task(trace, 2, 0.05)


def test_first_task_is_that_of_the_inference_world():
    """An episode has the task that SplitInference-v0 draws first from the same seed."""
    theirs = InferenceTrace.draw(load_inference("enachi"), seed=11)
    ours = TransmissionTrace.draw("enachi", seed=11)
    for name in ("gain", "complexity", "hint", "persistent"):
        assert getattr(ours, name)[0] == getattr(theirs, name)[0]
    np.testing.assert_array_equal(ours.fading, theirs.fading[0])
    np.testing.assert_array_equal(ours.noise, theirs.noise[0])


def test_enachi_has_the_inference_worlds_values():
    """The sections that both worlds have agree, value by value and source by source."""
    ours, theirs = load_scenario("enachi"), load_inference("enachi")
    for section in ("dnn", "device", "radio", "fading", "early_stop", "edge"):
        assert getattr(ours, section) == getattr(theirs, section)
    assert ours.transmission.budget_j == theirs.budget.energy_j


# ------------------------------------------------------------------ hand-computed
def flat_trace(**changes):
    """Preset enachi with gain 1e-12 in every slot, no predictor error."""
    n = 111
    arrays = {"deadline_s": 0.110, "gain": 1e-12, "complexity": 0.4, "persistent": 0.0, "reference_w": 0.05}
    arrays |= {"fading": np.ones(n), "noise": np.zeros(n)} | changes
    return TransmissionTrace.from_arrays("enachi", **arrays)


def test_one_slot_by_hand():
    env = single("transmission", "enachi", "dict")
    noise_w = 10 ** ((-174 + 7 - 30) / 10) * 5e6
    _, info = env.reset(options={"trace": flat_trace()})
    assert (info["slots_available"], info["slot"]) == (77, -1)  # ceil(7.376) = 8, floor(110 - 24.82) = 85
    rate = 5e6 * math.log2(1 + 0.1 * 1e-12 / noise_w)
    _, reward, *_, info = env.step(act(0.1))
    assert info["slot_bits"] == pytest.approx(rate * 1e-3, rel=1e-12)
    assert info["feature_ratio"] == math.floor(64 * rate * 1e-3 / 1605632) / 64
    assert reward == pytest.approx(-0.25 * 0.1e-3 / 6e-3, rel=1e-12)
    assert info["power_queue_w"] == pytest.approx(0.05)
    *_, info = env.step(act(0.0))
    assert info["power_queue_w"] == 0.0
    assert info["slot_bits"] == 0.0


def test_specifications_powers():
    """Section 10: powers and queues of the tracking rule over eight slots, K = 117."""
    h = [1.0, 0.5, 2.0, 0.1, 1.0, 3.0, 0.7, 1.2]
    scenario = load_scenario("enachi", **{"transmission.deadline_min_s": 0.150, "transmission.deadline_max_s": 0.150})
    trace = flat_trace(deadline_s=0.150, fading=np.resize(np.r_[np.ones(8), h], 151), noise=np.zeros(151))
    env = single("transmission", scenario, "dict")
    infos = play(env, tracker(lower(scenario), None), options={"trace": trace})
    assert infos[0]["slots_available"] == 117
    powers = [0.2, 0.2, 0.2, 0.0, 0.119265441, 0.1534447008, 0.0104581643, 0.0811863334]
    queues = [0.15, 0.3, 0.45, 0.4, 0.469265441, 0.5727101419, 0.5331683061, 0.5643546395]
    np.testing.assert_allclose([i["power_w"] for i in infos[1:9]], powers, rtol=1e-8)
    np.testing.assert_allclose([i["power_queue_w"] for i in infos[1:9]], queues, rtol=1e-8)


def test_answer_turns_right_at_theta():
    """u = 0.4 at the stem: theta = 0.1659, so the eleventh channel of 64 decides; a stop before it is wrong."""
    env = single("transmission", "enachi", "dict")

    def until(channels):
        return lambda info: (0.2, info["feature_ratio"] >= channels / 64)

    for channels in (10, 11):
        last = play(env, until(channels), options={"trace": flat_trace()})[-1]
        assert last["stopped"]
        assert last["feature_ratio"] == channels / 64
        assert last["correct"] == (channels == 11)


def test_uncertainty_by_hand():
    env = single("transmission", "enachi", "dict")
    infos = play(env, constant(0.2), options={"trace": flat_trace()})
    theta = 0.165900737236  # specification, section 10
    for info in infos[1:]:
        beta = info["feature_ratio"]
        assert info["server_uncertainty"] == pytest.approx(1.0 / (1.0 + (beta / theta) ** 4), rel=1e-9)


# ------------------------------------------------------------------ stops and ends
@pytest.mark.parametrize("preset", PRESETS)
def test_stop_at_once(preset):
    """Nothing is sent, nothing is spent, and the answer is a guess."""
    env = single("transmission", preset, "dict")
    for seed in range(5):
        env.reset(seed=seed)
        _, reward, terminated, truncated, info = env.step(act(0.2, stop=True))
        assert (terminated, truncated, info["stopped"]) == (True, False, True)
        assert (info["power_w"], info["energy_radio_j"], info["slots_used"], info["bits"]) == (0.0, 0.0, 0, 0.0)
        assert info["accuracy"] == env.scenario.dnn.accuracy_chance
        assert reward == float(info["correct"])


@pytest.mark.parametrize(("complexity", "right"), [(0.0005, True), (0.002, False)])
def test_a_guess_is_right_by_chance(complexity, right):
    env = single("transmission", "enachi", "dict")
    for power_w, stop in ((0.0, False), (0.1, True)):
        last = play(env, lambda info, c=(power_w, stop): c, options={"trace": flat_trace(complexity=complexity)})[-1]
        assert last["correct"] == right
        assert last["slots_used"] == (0 if stop else 77)


def test_all_or_nothing_needs_everything():
    """The input has no curve: without the last bit there is no answer, not even a lucky one."""
    scenario = load_scenario("enachi", **{"transmission.cut": "input"})
    env = single("transmission", scenario, "dict")
    for gain, complexity, right in ((1e-12, 0.0, False), (1e-9, 0.0, True), (1e-9, 0.9, False)):
        last = play(env, constant(0.2), options={"trace": flat_trace(gain=gain, complexity=complexity)})[-1]
        assert (last["feature_ratio"] == 1.0) == (gain == 1e-9)
        assert last["correct"] == right
        assert last["server_uncertainty"] == 1.0
        assert last["accuracy"] == (0.8086 if gain == 1e-9 else 0.0)


@pytest.mark.parametrize(("excess", "slots"), [(1e-6, 40), (-1e-6, 41)])
def test_everything_delivered_ends(excess, slots):
    """With slots of a fortieth of the features the transmission is over after forty of them, or just not."""
    rate = 1605632 / 40 / 1e-3 * (1.0 + excess)
    gain = 10 ** ((-174 + 7 - 30) / 10) * 5e6 * (2 ** (rate / 5e6) - 1) / 0.1
    env = single("transmission", "enachi", "dict")
    infos = play(env, constant(0.1), options={"trace": flat_trace(gain=gain)})
    last = infos[-1]
    assert (last["feature_ratio"], last["stopped"], last["slots_used"]) == (1.0, False, slots)
    assert last["bits"] == 1605632.0 <= last["capacity_bits"]
    assert [i["feature_ratio"] for i in infos[:-1]] == [
        math.floor(64 * k * rate * 1e-3 / 1605632) / 64 for k in range(slots)
    ]


@pytest.mark.parametrize("delay", [0, 1, 3, 200])
def test_predictions_arrive_late(delay):
    """Before a slot the device knows the prediction that is ``feedback_slots`` older than the server's newest."""
    env = single("transmission", load_scenario("enachi", **{"early_stop.feedback_slots": delay}), "dict")
    infos = play(env, constant(0.1), options={"trace": flat_trace(noise=np.linspace(-1.0, 1.0, 111))})
    server = [i["server_uncertainty"] for i in infos[1:]]
    assert [i["seen_uncertainty"] for i in infos] == ([1.0] * (delay + 1) + server)[: len(infos)]
    kinds = {name: i for i, name in enumerate(f.name for f in env.rows.fields)}
    assert env.rows.seen.observations[0, kinds["uncertainty"]] == np.float32(infos[-1]["seen_uncertainty"])


def test_hints_of_the_future_are_not_observed():
    """What is not known yet (complexity, errors, later gains) does not show in the first observation."""
    env = single("transmission", "enachi", "dict")
    drawn = {"complexity": 0.9, "persistent": 2.0, "noise": np.ones(111)}
    drawn["fading"] = np.r_[np.ones(9), np.full(102, 3.0)]
    seen = [env.reset(options={"trace": flat_trace(hint=0.5, **changes)})[0] for changes in ({}, drawn)]
    np.testing.assert_array_equal(*seen)


# ------------------------------------------------------------------ laws
@given(seed=st.integers(0, 10_000), preset=st.sampled_from(PRESETS))
@settings(max_examples=40, deadline=None)
def test_conservation(seed, preset):
    env = single("transmission", preset, "dict")
    infos = play(env, wanderer(np.random.default_rng(seed), 0.005), seed=seed)
    radio = env.scenario.radio
    channels = env.params.cut_channels[env.params.cut]
    sent, queue, excess, joules, returns, cost = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for before, info in pairwise(infos):
        sent += info["slot_bits"]
        joules += info["energy_slot_j"]
        cost += info["cost_j"]
        returns += info["reward_answer"] + info["reward_energy"]
        if not info["stopped"]:
            assert info["slot_gain"] == before["next_slot_gain"]
            queue = max(queue + info["power_w"] - info["reference_w"], 0.0)
            excess += info["power_w"] - info["reference_w"]
        assert info["power_queue_w"] == queue
        assert excess <= queue + 1e-12  # property 9.4
        assert info["capacity_bits"] == sent
        assert info["bits"] <= info["capacity_bits"]
        assert info["feature_ratio"] * channels == round(info["feature_ratio"] * channels)
        assert info["feature_ratio"] >= before["feature_ratio"]
        assert info["slots_used"] <= info["slots_available"]
    last = infos[-1]
    assert last["energy_radio_j"] == pytest.approx(joules, rel=1e-12, abs=1e-18)
    allowed = last["reference_w"] * last["slots_available"] * radio.slot_s
    assert cost == pytest.approx(max(joules - allowed, 0.0), rel=1e-9, abs=1e-15)
    task = env.scenario.transmission
    assert returns == pytest.approx(last["correct"] - task.energy_price * joules / task.budget_j, abs=1e-12)


def no_dust(low, high):
    """Numbers within limits, none of them smaller than traces take."""
    return st.floats(low, high).map(lambda x: x if abs(x) >= TINY else 0.0)


@pytest.mark.filterwarnings("ignore:.* is unusual:UserWarning")
@given(
    deadline_s=st.floats(0.035, 0.3), gain=st.floats(GAIN.low, GAIN.high), complexity=no_dust(0.0, 1.0),
    persistent=no_dust(NORMAL.low, NORMAL.high), hint=no_dust(0.0, 1.0), load=no_dust(0.0, 0.05),
    reference_w=st.floats(1e-12, 0.2), scale=st.sampled_from([0.0, 1e-30, 1.0, 1e4]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_hostile_traces(deadline_s, gain, complexity, persistent, hint, load, reference_w, scale, seed):
    """Any trace that is accepted is played to its end with numbers inside the space, by policies too."""
    rng = np.random.default_rng(seed)
    fading_path = scale * rng.exponential(size=301) * rng.integers(0, 2, 301)
    trace = TransmissionTrace.from_arrays(
        "enachi", deadline_s=deadline_s, gain=gain, complexity=complexity, persistent=persistent, hint=hint,
        edge_load=load, reference_w=reference_w, fading=fading_path, noise=rng.uniform(NORMAL.low, NORMAL.high, 301),
    )  # fmt: skip
    env = single("transmission", "enachi", "dict")
    for name in ("tracking", "waterfilling", "inversion", "random"):
        policy = make_policy(name, env, seed=seed)
        observation, info = env.reset(options={"trace": trace})
        for _ in range(info["slots_available"]):
            assert env.observation_space.contains(observation)
            action = policy.predict(observation)[0]
            assert env.action_space.contains(action)
            observation, reward, over, _, info = env.step(action)
            assert np.isfinite([reward, info["feature_ratio"], info["accuracy"], info["server_uncertainty"]]).all()
            if over:
                break
        assert over


@pytest.mark.parametrize("preset", PRESETS)
def test_drawn_is_materialised(preset):
    """An episode drawn slot by slot and its trace replayed are the same, bit for bit, also later episodes."""
    drawn, replayed = single("transmission", preset, "dict"), single("transmission", preset, "dict")
    for episode in range(6):
        choose = (wanderer(np.random.default_rng(episode), 0.01) for _ in range(2))
        a = play(drawn, next(choose), **({"seed": 3} if episode == 0 else {}))
        trace = TransmissionTrace.draw(preset, 3, episode)
        b = play(replayed, next(choose), options={"trace": trace})
        assert_same(a, b)


def test_trace_files_and_refusals(tmp_path):
    trace = TransmissionTrace.draw("default", seed=2)
    trace.save(tmp_path / "one.npz")
    again = TransmissionTrace.load(tmp_path / "one.npz")
    for name in TransmissionTrace.ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(trace, name))
    assert trace.gain.shape == (1,)
    assert trace.fading.shape == (trace.n_slots,) == (251,)
    env = single("transmission", "enachi", "dict")
    for changes, words in (
        ({"deadline_s": 0.2}, "has 111 slots, its deadline of 0.2 s needs 200"),
        ({"deadline_s": 0.02}, "leaves no slot"),
        ({"reference_w": 0.3}, "must be <= 0.2 W here, got 0.3"),
    ):
        with pytest.raises(ValueError, match=words):
            env.reset(options={"trace": flat_trace(**changes)})
    with pytest.raises(ValueError, match=r"trace\.gain must have shape \(1,\), got \(2,\)"):
        flat_trace(gain=[1e-12, 1e-12])
    with pytest.raises(ValueError, match="unknown trace array 'gains'"):
        flat_trace(gains=1.0)
    with pytest.raises(ValueError, match="must be a TransmissionTrace, got InferenceTrace"):
        env.reset(options={"trace": InferenceTrace.draw("enachi")})


def test_longer_traces_than_the_scenario_knows():
    env = single("transmission", "enachi", "dict")
    trace = flat_trace(deadline_s=0.3, fading=np.ones(301), noise=np.zeros(301))
    infos = play(env, constant(0.01), options={"trace": trace})
    assert infos[-1]["slots_available"] == 267
    assert len(infos) == 268
    assert play(env, constant(0.01), seed=0)[0]["slots_available"] == 77


def test_plugin_fading_is_played():
    @fading("steps-for-a-test")
    def steps(rng, n_slots, slot_s, *, low: float = 0.5):
        """Two gains, mean 1."""
        return np.where(rng.random(n_slots) < 0.5, low, 2.0 - low)

    try:
        scenario = load_scenario("default", **{"fading.model": "steps-for-a-test"})
        assert set(np.unique(TransmissionTrace.draw(scenario, seed=1).fading)) == {0.5, 1.5}
        env = single("transmission", scenario, "dict")
        infos = play(env, constant(0.05), seed=1)
        trace = TransmissionTrace.draw(scenario, seed=1)
        first = math.ceil(118013952 / 8 / 2e9 / 1e-3)
        gains = trace.gain * trace.fading[first : first + len(infos) - 1]
        assert [i["slot_gain"] for i in infos[1:]] == gains.tolist()
        law = fading_law(scenario)
        assert set(law.gains) == {0.5, 1.5}
        assert abs((law.gains * law.shares).sum() - 1.0) < 0.01
    finally:
        del FADING._table["steps-for-a-test"]


# ------------------------------------------------------------------ scenarios
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"transmission.deadline_min_s": 0.03}, r"deadline_min_s=0\.03 s leaves no slot .* 'stem'"),
        ({"transmission.cut": "layer4"}, "leaves no slot"),
        ({"edge.load_max": 0.99}, r"leaves no slot .* at edge\.load_max=0\.99; "),
        ({"transmission.cut": "layer9"}, "did you mean 'layer"),
        ({"transmission.cut": "local"}, "before the last"),
        ({"transmission.reference_max_w": 0.3}, r"reference_max_w must be <= radio\.power_max_w=0\.2 W"),
        ({"transmission.reference_min_w": 0.2}, r"reference_max_w must be >= reference_min_w=0\.2 W"),
        ({"transmission.deadline_min_s": 0.5}, "deadline_max_s must be >= deadline_min_s=0.5 S"),
        ({"device.battery_j": 1.0}, "battery_j must be absent"),
    ],
)
def test_impossible_scenarios_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        lower(load_scenario("default", **changes))


def test_references_and_deadlines_fill_their_ranges():
    envs = native(2000, "transmission", "default")
    _, infos = envs.reset(seed=0)
    watts, slots = infos["reference_w"], infos["slots_available"]
    assert (watts >= 0.02).all()
    assert (watts <= 0.15).all()
    shares = np.log(watts / 0.02) / np.log(0.15 / 0.02)
    assert abs(shares.mean() - 0.5) < 4.0 * math.sqrt(1 / 12 / 2000)
    assert slots.max() <= most_slots(load_scenario("default"))
    assert slots.min() >= 1


def test_spaces():
    env = single("transmission", "default", "discrete")
    levels = env.scenario.radio.power_levels_w
    assert env.encoding.table.tolist() == [[0.0, 0.0], [0.0, 1.0], *([level, 0.0] for level in levels)]
    dict_env = single("transmission", "default", "dict")
    assert dict_env.action_space["power_w"].high[0] == 0.2
    assert dict_env.action_space["stop"].n == 2
    env.reset(seed=0)
    assert env.action_masks().all()


def test_rows_of_a_batch_share_nothing():
    scenario = load_scenario("default")
    envs = native(4, "transmission", scenario, "dict", autoreset_mode="Disabled")
    traces = [TransmissionTrace.draw(scenario, seed) for seed in range(4)]
    envs.reset(options={"trace": traces})
    alone = [single("transmission", scenario, "dict") for _ in range(4)]
    for env, trace in zip(alone, traces, strict=True):
        env.reset(options={"trace": trace})
    for power_w in (0.2, 0.01, 0.0, 0.1):
        observations, rewards, *_ = envs.step({"power_w": np.full((4, 1), power_w), "stop": np.zeros(4, np.int64)})
        for i, env in enumerate(alone):
            seen, reward, *_ = env.step(act(power_w))
            np.testing.assert_array_equal(observations[i], seen)
            assert rewards[i] == reward


# ------------------------------------------------------------------ baselines
def test_float32_observations_are_enough():
    """The policy decides from observations; on exact values it would spend the same but for their rounding."""
    env = single("transmission", "default", "dict")
    policy, choose = make_policy("tracking", env), tracker(env.params, env.scenario.early_stop.threshold)
    for seed in range(40):
        exact = play(env, choose, seed=seed)[-1]
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            observation, _, over, _, info = env.step(policy.predict(observation)[0])
        assert info["slots_used"] == exact["slots_used"]
        assert info["energy_radio_j"] == pytest.approx(exact["energy_radio_j"], rel=1e-4)
        assert info["bits"] == pytest.approx(exact["bits"], rel=1e-4)
        assert info["feature_ratio"] == pytest.approx(exact["feature_ratio"], abs=1.01 / 64)


LAWS = [("rayleigh", {}), ("gauss_markov", {}), ("static", {}), ("rician", {"k_ratio": 3.0}), ("gilbert_elliott", {})]


@pytest.mark.parametrize(("model", "parameters"), LAWS)
def test_laws_are_those_of_the_models(model, parameters):
    """Mean 1, and the quantiles of gains that the world really draws."""
    scenario = load_scenario(
        "enachi", **{"fading": {"model": model, "parameters": parameters}, "transmission.deadline_max_s": 0.12}
    )
    law = fading_law(scenario)
    assert (np.diff(law.gains) > 0).all()
    assert law.shares.sum() == pytest.approx(1.0, rel=1e-12)
    assert (law.gains * law.shares).sum() == pytest.approx(1.0, abs=1e-3)
    drawn = np.concatenate([TransmissionTrace.draw(scenario, seed).fading[::40] for seed in range(250)])
    for share in (0.1, 0.5, 0.9):
        value = law.gains[np.searchsorted(np.cumsum(law.shares), share)]
        # of independent gains, within four of their standard errors (the runs are nearly independent after 40 slots)
        below, up_to = (drawn < value * 0.999).mean(), (drawn <= value * 1.001).mean()
        error = 4.0 * math.sqrt(share * (1 - share) / len(drawn))
        assert below - error <= share <= up_to + error


@pytest.mark.parametrize("rule", ["waterfilling", "inversion"])
@pytest.mark.parametrize(("model", "parameters"), LAWS)
@pytest.mark.parametrize(("gain", "mean_w"), [(1e-12, 0.05), (1e-13, 0.09), (3e-11, 0.02), (1e-12, 0.15)])
def test_mean_power_under_the_law_is_the_reference(rule, model, parameters, gain, mean_w):
    """Monte Carlo over gains drawn by NumPy from the textbook law, within four standard errors."""
    scenario = load_scenario("enachi", fading={"model": model, "parameters": parameters})
    rng, n = np.random.default_rng(7), 20_000
    h = rng.exponential(size=n)
    if model == "rician":
        k = parameters["k_ratio"]
        scatter = rng.standard_normal(n) + 1j * rng.standard_normal(n)
        h = np.abs(math.sqrt(k / (k + 1)) + math.sqrt(0.5 / (k + 1)) * scatter) ** 2
    elif model == "static":
        h = np.ones(n)
    elif model == "gilbert_elliott":
        depth, share = 10**-1.5, 0.2
        h = np.where(rng.random(n) < share, depth, 1.0) / (1 - share + share * depth)
    d = decide(lower(scenario), rule, law=fading_law(scenario), gain=gain, slot_gain=gain * h, reference_w=mean_w)
    power = d["power_w"]
    assert power.max() <= 0.2
    error = 4.0 * power.std() / math.sqrt(n) + 2e-3 * mean_w  # 1024 quantiles stand for the law
    assert abs(power.mean() - mean_w) <= error
    assert not d["stop"].any()


def mean_rate(scenario, gain, power, h):
    noise_w = 10 ** ((-174 + 7 - 30) / 10) * 5e6
    return 5e6 * np.log2(1 + power * gain * h / noise_w).mean()


@pytest.mark.parametrize(("gain", "mean_w"), [(1e-12, 0.05), (2e-13, 0.09), (1e-11, 0.02)])
def test_waterfilling_carries_most(gain, mean_w):
    """At the same mean power: more than constant power and inversion; tracking comes close without the statistics."""
    scenario = load_scenario("enachi")
    params, law = lower(scenario), fading_law(scenario)
    h = np.random.default_rng(3).exponential(size=20_000)
    same = {"law": law, "gain": gain, "slot_gain": gain * h, "reference_w": mean_w}
    power = {rule: decide(params, rule, **same)["power_w"] for rule in ("waterfilling", "inversion", "constant")}
    rate = {rule: mean_rate(scenario, gain, watts, h) for rule, watts in power.items()}
    assert rate["waterfilling"] > 1.01 * rate["constant"]
    assert rate["waterfilling"] > rate["inversion"]
    queue, count, tracked = 0.0, 20_000, []
    for x in h[:count]:
        ask = {"power_queue_w": queue, "slots_total": 2000, "gain": gain, "slot_gain": gain * x, "reference_w": mean_w}
        watts = float(decide(params, "tracking", **ask)["power_w"][0])
        tracked.append(watts)
        queue = max(queue + watts - mean_w, 0.0)
    assert np.mean(tracked) == pytest.approx(mean_w, rel=0.02)
    reached = mean_rate(scenario, gain, np.array(tracked), h[:count])
    assert reached > 0.98 * mean_rate(scenario, gain, power["waterfilling"][:count], h[:count])


def test_the_cutoff_of_inversion_is_the_best():
    """The plan's rate is that of no other cutoff, by brute force over the table."""
    law = fading_law(load_scenario("enachi"))
    cutoff, scale_w = transmission_kernel.inversion_plan(0.05, 0.02, law, 0.2)
    assert cutoff > 0.0

    def rate(least):
        first = int(np.searchsorted(law.gains, least))
        low, high = 0.0, 10.0
        for _ in range(80):
            middle = (low + high) / 2
            spent = (law.shares * np.minimum(middle / law.gains, 0.2))[first:].sum()
            low, high = (middle, high) if spent <= 0.05 else (low, middle)
        power = np.minimum(low / law.gains, 0.2)[first:]
        return low, (law.shares[first:] * np.log1p(power * law.gains[first:] / 0.02)).sum()

    own_scale, own = rate(cutoff)
    assert scale_w == pytest.approx(own_scale, rel=1e-6)
    assert own >= max(rate(least)[1] for least in law.gains[::32]) - 1e-12


@given(
    gain=st.floats(1e-14, 1e-10), factor=st.floats(1.0, 10.0), queue=st.floats(1e-6, 3.0), mean_w=st.floats(0.01, 0.2)
)
@settings(max_examples=80, deadline=None)
def test_property_5_through_the_policy(gain, factor, queue, mean_w):
    """Power does not fall with the slot's gain and does not grow with the queue."""
    params, law = lower(load_scenario("enachi")), law_of([0.1, 0.5, 1.0, 2.0])
    base = {"gain": gain, "slots_total": 77, "reference_w": mean_w}

    def power(rule, slot_gain, q):
        return decide(params, rule, law=law, **base, slot_gain=slot_gain, power_queue_w=q)["power_w"][0]

    for rule in ("tracking", "waterfilling"):
        assert power(rule, gain * factor, queue) >= power(rule, gain, queue)
    assert power("tracking", gain, queue * factor) <= power("tracking", gain, queue)
    assert power("tracking", gain, 0.0) == 0.2


def test_threshold_stops_and_never_does_not():
    stopping = evaluate(["tracking", "tracking:stop_at=never", "tracking:stop_at=0.6"], ID, "enachi", episodes=100)
    default, never, bold = (
        {m: stopping.figure(name, m).mean() for m in ("stopped", "energy", "accuracy", "slots")}
        for name in stopping.policies
    )
    assert never["stopped"] == 0.0
    assert 0.2 < default["stopped"] < bold["stopped"]
    assert bold["energy"] < default["energy"] < never["energy"]
    assert abs(never["accuracy"] - default["accuracy"]) <= 0.05  # false stops are rare


def test_overspend_is_within_the_tolerance():
    """Section 9.4: with tolerance 0.1 tracking exceeds the reference by less than 15 % over a whole task."""
    results = evaluate("tracking:stop_at=never", ID, "enachi", episodes=200)
    over = results.figure("tracking:stop_at=never", "overspend")
    whole = results.figure("tracking:stop_at=never", "features") < 1.0
    assert 1.0 < np.median(over[whole]) < 1.15


def test_measures():
    results = evaluate(["constant:stop_at=never", "random"], ID, "enachi", episodes=60, seed=3)
    figure = {m.name: results.figure("constant:stop_at=never", m.name) for m in results.measures}
    part = figure["features"] < 1.0
    np.testing.assert_allclose(figure["overspend"][part], 1.0, rtol=1e-5)
    np.testing.assert_allclose(figure["energy"][part], 0.09 * 77e-3 / 6e-3, rtol=1e-5)
    np.testing.assert_allclose(figure["return"], figure["accuracy"] - 0.25 * figure["energy"], atol=1e-12)
    assert set(figure["accuracy"]) <= {0.0, 1.0}
    assert (figure["slots"][part] == 1.0).all()
    assert (results.figure("random", "stopped") == 1.0).mean() > 0.9


def test_bad_parameters():
    env = single("transmission", "default")
    for kwargs, words in (
        ({"stop_at": 1.5}, "stop_at must be in"),
        ({"stop_at": "soon"}, "stop_at must be in"),
        ({"stop_at": 0.0}, "stop_at must be in"),
    ):
        with pytest.raises(ValueError, match=words):
            make_policy("tracking", env, **kwargs)
    with pytest.raises(ValueError, match=r"power_w must be a finite number >= 0 and <= 0\.2 W, got 0\.5"):
        make_policy("threshold", env, power_w=0.5)
    assert make_policy("constant", env, stop_at=None).stop_at < 0.0
    with pytest.raises(ValueError, match="plays ProgressiveTransmission-v0, not SplitInference-v0"):
        make_policy("tracking", single("inference", "default"))
    params = lower(load_scenario("default"))
    for rule, kwargs, words in (
        ("track", {}, "rule must be one of"),
        ("tracking", {"reference_w": 0.1}, r"missing fields \['gain', 'slot_gain', 'power_queue_w', 'slots_total'\]"),
        ("constant", {"reference_w": 0.1, "power": 1.0}, r"unknown fields \['power'\]"),
        ("waterfilling", {"reference_w": 0.1, "gain": 1e-12, "slot_gain": 1e-12}, "needs law"),
    ):
        with pytest.raises(ValueError, match=words):
            decide(params, rule, **kwargs)


def test_observed_values_are_infos():
    """Every field decodes to the value that info has, within float32."""
    env = single("transmission", "default", "dict")
    policy = make_policy("tracking", env)
    for out in rollout(env, sampled(env.action_space, 60, seed=1), seed=1):
        view, info = policy.decode(out[0][None])[0], out[-1]
        assert ratio_to_db(view["gain"]) == pytest.approx(ratio_to_db(info["gain"]), abs=1e-4)
        if ratio_to_db(info["next_slot_gain"]) > env.rows.fields[1].low:
            assert ratio_to_db(view["slot_gain"]) == pytest.approx(ratio_to_db(info["next_slot_gain"]), abs=1e-4)
        over = len(out) == 5 and out[2]
        left = 0 if over else info["slots_available"] - info["slots_used"]
        assert view["slots_left"] == pytest.approx(left, abs=1e-3)
        assert view["slots_total"] == pytest.approx(info["slots_available"], abs=1e-3)
        assert view["feature_ratio"] == pytest.approx(info["feature_ratio"], abs=1e-6)
        assert view["uncertainty"] == pytest.approx(info["seen_uncertainty"], abs=1e-6)
        assert view["reference_w"] == pytest.approx(info["reference_w"], rel=1e-5)
        assert view["power_queue_w"] == pytest.approx(info["power_queue_w"], rel=1e-5, abs=1e-9)
        assert view["spent_j"] == pytest.approx(info["energy_radio_j"], rel=1e-5, abs=1e-12)
