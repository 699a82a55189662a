"""Formulas of ``splitgym.physics`` against numbers and formulas written here from the ENACHI specification."""

from __future__ import annotations

import ast
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitgym.fields import DECIBEL, SIGNED, SQUASH, UNIT, tables
from splitgym.jit import jitted_files
from splitgym.physics import codec, dnn, radio
from splitgym.physics.uplink import received_ratio
from splitgym.profiles import load_profile
from splitgym.units import db_to_ratio, dbm_to_w, ratio_to_db
from splitgym.worlds.inference.kernel import device_s, tail_s
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.inference.scenario import load_scenario
from tests.helpers import CASES, short, single

N0_W_HZ = 10.0 ** ((-174.0 + 7.0 - 30.0) / 10.0)
A_FULL, A_CHANCE = 0.8086, 0.001
STEEPNESS = {"stem": 4.0, "layer1": 10.0, "layer2": 16.0, "layer3": 20.0, "layer4": 24.0}

positive = st.floats(1e-6, 1e3)
share = st.floats(0.0, 1.0)


# ------------------------------------------------------------------ units
def test_units():
    assert db_to_ratio(30.0) == 1000.0
    assert dbm_to_w(30.0) == 1.0
    assert math.isclose(dbm_to_w(23.0), 0.19952623149688797, rel_tol=1e-15)
    assert ratio_to_db(100.0) == 20.0
    with pytest.raises(ValueError, match="must be > 0"):
        ratio_to_db(0.0)


# ------------------------------------------------------------------ radio (specification 3.2, 3.4, 6.2, 7)
def test_rate():
    noise_w = N0_W_HZ * 5e6
    assert math.isclose(
        radio.rate_bit_s(0.1, 1e-12, 5e6, N0_W_HZ), 5e6 * math.log2(1.0 + 1e-13 / noise_w), rel_tol=1e-12
    )
    # SNR 3 carries two bits a hertz
    assert math.isclose(radio.rate_bit_s(3.0 * noise_w, 1.0, 5e6, N0_W_HZ), 1e7, rel_tol=1e-12)
    # a tiny SNR keeps its digits: log2(1 + x) = x / ln 2
    assert math.isclose(
        radio.rate_bit_s(1e-18 * noise_w, 1.0, 5e6, N0_W_HZ), 5e6 * 1e-18 / math.log(2.0), rel_tol=1e-12
    )
    assert radio.rate_bit_s(0.0, 1e-12, 5e6, N0_W_HZ) == 0.0
    assert radio.rate_bit_s(0.1, 1e-12, 0.0, N0_W_HZ) == 0.0


def test_power_for_rate():
    # two bits a hertz need SNR 3
    assert math.isclose(radio.power_for_rate_w(2.0, 1e-12, 5e6, N0_W_HZ), 3.0 * N0_W_HZ * 5e6 / 1e-12, rel_tol=1e-12)
    assert radio.power_for_rate_w(0.0, 1e-12, 5e6, N0_W_HZ) == 0.0
    assert math.isfinite(radio.power_for_rate_w(1e6, 1e-12, 5e6, N0_W_HZ))


@given(power_w=st.floats(1e-4, 1.0), gain=st.floats(1e-15, 1e-9))
def test_power_for_rate_undoes_rate(power_w, gain):
    efficiency = radio.rate_bit_s(power_w, gain, 5e6, N0_W_HZ) / 5e6
    assert math.isclose(radio.power_for_rate_w(efficiency, gain, 5e6, N0_W_HZ), power_w, rel_tol=1e-9)


def digits_agree(value: float, printed: str) -> bool:
    """Whether the decimals that the specification prints are those of ``value``.

    Half a unit of the last one, and a hundredth: theta_layer2(0.4) = 0.04258313088524939 is printed as ...8853.
    """
    return abs(value - float(printed)) <= 0.51 * 10.0 ** -len(printed.partition(".")[2])


def test_inner_power_vectors():
    """Specification section 10: V_in, powers and queue of the packet controller."""
    gain, bandwidth_hz, mean_w = 1e-12, 5e6, 0.05
    weight = radio.tracking_weight(mean_w, 117, gain, bandwidth_hz, N0_W_HZ, 0.1)
    assert f"{weight:.9e}" == "6.072761064e-02"
    fades = (1.0, 0.5, 2.0, 0.1, 1.0, 3.0, 0.7, 1.2)
    powers = ("0.2", "0.2", "0.2", "0.0", "0.119265441", "0.1534447008", "0.0104581643", "0.0811863334")
    queues = ("0.15", "0.3", "0.45", "0.4", "0.469265441", "0.5727101419", "0.5331683061", "0.5643546395")
    queue_w = 0.0
    for fade, power, queue in zip(fades, powers, queues, strict=True):
        power_w = radio.tracking_power_w(weight, queue_w, gain * fade, bandwidth_hz, N0_W_HZ, 0.2)
        queue_w = radio.tracking_queue_w(queue_w, power_w, mean_w)
        assert digits_agree(power_w, power), (fade, power_w)
        assert digits_agree(queue_w, queue), (fade, queue_w)


def test_tracking_power_by_hand():
    # level = V / (q ln 2) = 0.3 W, noise over gain = 0.1 W: 0.2 W in between, clipped at 0.15 W
    weight = 0.3 * 0.5 * math.log(2.0)
    gain = N0_W_HZ * 5e6 / 0.1
    assert math.isclose(radio.tracking_power_w(weight, 0.5, gain, 5e6, N0_W_HZ, 1.0), 0.2, rel_tol=1e-12)
    assert radio.tracking_power_w(weight, 0.5, gain, 5e6, N0_W_HZ, 0.15) == 0.15
    assert radio.tracking_power_w(weight, 5.0, gain, 5e6, N0_W_HZ, 1.0) == 0.0
    assert radio.tracking_power_w(weight, 0.0, gain, 5e6, N0_W_HZ, 0.15) == 0.15
    assert radio.tracking_power_w(weight, 0.5, 0.0, 5e6, N0_W_HZ, 1.0) == 0.0
    assert radio.tracking_queue_w(0.25, 0.5, 0.125) == 0.625
    assert radio.tracking_queue_w(0.25, 0.0, 0.5) == 0.0


@pytest.mark.parametrize(
    ("begin_s", "end_s", "expected"),
    [(0.0, 0.5, (0, 2)), (0.01, 0.5, (1, 1)), (0.25, 0.74, (1, 1)), (0.3, 0.5, (2, 0)), (0.9, 0.2, (4, 0))],
)
def test_slot_count(begin_s, end_s, expected):
    assert radio.slot_count(begin_s, end_s, 0.25) == expected


# ------------------------------------------------------------------ network (specification 3.1, 4, 5)
def test_computing():
    assert dnn.compute_s(1.6e9, 2e9, 8.0) == 0.1
    assert math.isclose(dnn.compute_j(1.6e9, 1.5e9, 8.0, 5e-30), 5e-30 * 2.25e18 * 2e8, rel_tol=1e-12)


def test_accuracy_vectors():
    """Specification section 10, and section 4 at both ends."""
    assert digits_agree(dnn.ratio_for(0.4, dnn.exponential(4.0, A_FULL, A_CHANCE)), "0.165900737236")
    assert digits_agree(dnn.ratio_for(0.4, dnn.exponential(16.0, A_FULL, A_CHANCE)), "0.0425831308853")
    assert digits_agree(dnn.accuracy(0.25, dnn.exponential(4.0, A_FULL, A_CHANCE)), "0.521025156286")
    for steepness in STEEPNESS.values():
        curve = dnn.exponential(steepness, A_FULL, A_CHANCE)
        assert dnn.accuracy(0.0, curve) == A_CHANCE
        assert math.isclose(dnn.accuracy(1.0, curve), A_FULL, rel_tol=1e-15)
        assert dnn.ratio_for(A_CHANCE / 2.0, curve) == 0.0


@given(ratio=share, steepness=st.floats(0.5, 24.0))
def test_accuracy_is_the_formula_and_has_an_inverse(ratio, steepness):
    value = dnn.accuracy(ratio, dnn.exponential(steepness, A_FULL, A_CHANCE))
    curve = (1.0 - math.exp(-steepness * ratio)) / (1.0 - math.exp(-steepness))
    assert math.isclose(value, A_CHANCE + (A_FULL - A_CHANCE) * curve, rel_tol=1e-9)
    back = dnn.ratio_for(value, dnn.exponential(steepness, A_FULL, A_CHANCE))
    # a flat curve (far right) hides the ratio in the last bits of the accuracy
    assert abs(back - ratio) <= 1e-15 * math.exp(steepness * ratio) + 1e-12


def test_seen_ratio():
    """Specification 5.2: right samples, confidently wrong ones, and those the server never trusts."""

    def theta(a: float) -> float:
        return -math.log(1.0 - (a - A_CHANCE) / (A_FULL - A_CHANCE) * (1.0 - math.exp(-4.0))) / 4.0

    arguments = (dnn.exponential(4.0, A_FULL, A_CHANCE), 0.3)
    assert math.isclose(dnn.seen_ratio(0.5, *arguments), theta(0.5), rel_tol=1e-12)
    complexity = A_FULL + 0.12 * (1.0 - A_FULL)  # v = 0.12 < c_w
    assert math.isclose(dnn.seen_ratio(complexity, *arguments), theta(A_FULL * 0.4), rel_tol=1e-9)
    assert dnn.seen_ratio(A_FULL + 0.31 * (1.0 - A_FULL), *arguments) == math.inf


def test_stop_rule_and_uncertainty():
    margin = math.log((1.0 / 0.2 - 1.0) ** 0.25)
    assert math.isclose(margin, math.log(math.sqrt(2.0)), rel_tol=1e-12)
    assert dnn.predicts_stop(0.29, 0.2, 0.0, margin)  # ratio 1.45 > sqrt 2
    assert not dnn.predicts_stop(0.28, 0.2, 0.0, margin)
    assert dnn.predicts_stop(0.28, 0.2, 0.02, margin)  # an error helps
    assert not dnn.predicts_stop(0.29, 0.2, -0.03, margin)
    assert not dnn.predicts_stop(0.0, 0.2, 9.0, margin)
    assert not dnn.predicts_stop(1.0, math.inf, 9.0, margin)
    assert dnn.predicts_stop(0.1, 0.0, -9.0, margin)
    assert dnn.uncertainty(0.2, 0.2, 0.0, 4.0) == 0.5
    assert math.isclose(dnn.uncertainty(0.2 * math.sqrt(2.0), 0.2, 0.0, 4.0), 0.2, rel_tol=1e-12)
    assert math.isclose(dnn.uncertainty(0.2, 0.2, 0.5 * math.log(2.0), 4.0), 0.2, rel_tol=1e-12)
    assert dnn.uncertainty(0.2, math.inf, 0.0, 4.0) == 1.0
    assert dnn.uncertainty(0.2, 0.0, 0.0, 4.0) == 0.0
    assert dnn.uncertainty(0.0, 0.0, 0.0, 4.0) == 1.0  # nothing has arrived
    assert 0.0 <= dnn.uncertainty(1.0, 1e-300, 7.0, 50.0) < 1e-300


@given(
    ratio=st.floats(1e-3, 1.0), theta=st.floats(1e-3, 10.0), noise=st.floats(-3.0, 3.0), exponent=st.floats(0.5, 8.0),
    threshold=st.floats(0.02, 0.9),
)  # fmt: skip
def test_the_stop_rule_is_a_threshold_on_the_uncertainty(ratio, theta, noise, exponent, threshold):
    """H <= H_th iff log(beta / theta) + noise >= log c, but for the last bits."""
    log_margin = math.log(1.0 / threshold - 1.0) / exponent
    distance = math.log(ratio / theta) + noise - log_margin
    if abs(distance) > 1e-9:
        assert (dnn.uncertainty(ratio, theta, noise, exponent) <= threshold) == (distance > 0.0)
        assert dnn.predicts_stop(ratio, theta, noise, log_margin) == (distance > 0.0)


@pytest.mark.parametrize(
    ("sent", "wanted", "expected"), [(0.0, 100.0, 0.0), (24.9, 100.0, 0.0), (25.0, 100.0, 0.25), (99.0, 100.0, 0.75)]
)
def test_whole_channels(sent, wanted, expected):
    assert received_ratio(sent, wanted, 4.0) == expected
    assert received_ratio(wanted, wanted, 3.0) == 1.0


# ------------------------------------------------------------------ the table of specification section 2 and 3.4
# cut: cumulative MACs, bits, t_loc [ms], E_loc [mJ], t_edge [ms], slots at D = 100, 125, 150, 200, 250, 300 ms
SECTION_2 = {
    "input": (0, 1_204_224, "0.000", "0.000", "25.557", (74, 99, 124, 174, 224, 274)),
    "stem": (118_013_952, 1_605_632, "7.376", "0.295", "24.820", (67, 92, 117, 167, 217, 267)),
    "layer1": (785_956_864, 6_422_528, "49.122", "1.965", "20.645", (29, 54, 79, 129, 179, 229)),
    "layer2": (1_813_561_344, 3_211_264, "113.348", "4.534", "14.223", (0, 0, 21, 71, 121, 171)),
    "layer3": (3_277_897_728, 1_605_632, "204.869", "8.195", "5.071", (0, 0, 0, 0, 39, 89)),
    "layer4": (4_087_136_256, 802_816, "255.446", "10.218", "0.013", (0, 0, 0, 0, 0, 43)),
    "local": (4_089_184_256, 0, "255.574", "10.223", "0.000", (0, 0, 0, 0, 0, 0)),
}


def test_section_2_table():
    scenario = load_scenario("enachi")
    p = lower(scenario)
    assert scenario.dnn.cut_names == tuple(SECTION_2)
    assert math.isclose(p.noise_w_hz, N0_W_HZ, rel_tol=1e-12)
    for cut, (name, row) in enumerate(SECTION_2.items()):
        macs, bits, local_ms, local_mj, edge_ms, slots = row
        assert (p.cut_macs[cut], p.cut_bits[cut]) == (macs, bits), name
        busy_s = device_s(cut, 2e9, 2e9, p)
        tail = tail_s(cut, p.last_cut, 0.0, 0.0, p)
        assert f"{1e3 * busy_s:.3f}" == local_ms, name
        assert f"{1e3 * dnn.compute_j(p.device_macs[cut], 2e9, p.macs_per_cycle, p.kappa_f):.3f}" == local_mj, name
        assert f"{1e3 * tail:.3f}" == edge_ms, name
        assert p.cut_steepness[cut] == STEEPNESS.get(name, 0.0)
        if name != "local":
            deadlines_s = (0.100, 0.125, 0.150, 0.200, 0.250, 0.300)
            assert tuple(radio.slot_count(busy_s, d - tail, 1e-3)[1] for d in deadlines_s) == slots, name


def test_profile_stage_macs():
    blocks = {b.name: b for b in load_profile("resnet50").blocks}
    assert [b.macs for b in blocks.values()] == [
        118_013_952, 0, 667_942_912, 1_027_604_480, 1_464_336_384, 809_238_528, 2_048_000,
    ]  # fmt: skip
    assert blocks["conv1"].elements == 802_816
    assert not blocks["conv1"].cut
    # 7x7x3 convolution to 64 channels at 112 x 112, counted here
    assert blocks["conv1"].macs == 7 * 7 * 3 * 64 * 112 * 112


def test_slow_gain_of_enachi():
    """Specification 3.3: 128.1 + 37.6 log10(0.6) dB, no shadowing."""
    from splitgym.worlds.inference.nature import slow_gain

    p = lower(load_scenario("enachi"))
    loss_db = 128.1 + 37.6 * math.log10(0.6)
    assert math.isclose(slow_gain(0.6, 0.0, p), 10.0 ** (-loss_db / 10.0), rel_tol=1e-12)
    assert math.isclose(slow_gain(0.6, 1.5, p), 10.0 ** ((-loss_db + 4.0 * 1.5) / 10.0), rel_tol=1e-12)


def test_slow_gain_of_a_moving_device():
    from splitgym.worlds.inference.nature import distance_km, slow_gain

    p = lower(load_scenario("commute", **{"radio.distance_m": 100.0, "radio.far_distance_m": 900.0}))
    for at_s, km in ((0.0, 0.1), (15.0, 0.5), (30.0, 0.9), (60.0, 0.1)):  # period 60 s
        expected = 10.0 ** (-(128.1 + 37.6 * math.log10(km)) / 10.0)
        assert math.isclose(slow_gain(distance_km(at_s, p), 0.0, p), expected, rel_tol=1e-9)


# ------------------------------------------------------------------ codec
@pytest.mark.parametrize(
    ("value", "kind", "low", "high", "number"),
    [
        (0.3, UNIT, 0.0, 0.6, 0.5),
        (9.0, UNIT, 0.0, 0.6, 1.0),
        (-1.0, UNIT, 0.0, 0.6, 0.0),
        (2.0, SIGNED, 1.0, 5.0, -0.5),
        (3.0, SQUASH, 0.0, 1.0, 0.75),
        (1e-9, DECIBEL, -100.0, -80.0, 0.0),
        (1e-8, DECIBEL, -100.0, -80.0, 1.0),
        (1e-99, DECIBEL, -100.0, -80.0, -1.0),
    ],
)
def test_codec_by_hand(value, kind, low, high, number):
    assert math.isclose(codec.to_observation(value, kind, low, high), number, abs_tol=1e-12)


def test_squash_never_reaches_one():
    number = np.float32(codec.to_observation(1e300, SQUASH, 0.0, 1.0))
    assert number < 1.0
    assert math.isfinite(codec.from_observation(float(number), SQUASH, 0.0, 1.0))


@given(
    part=share,
    low=st.floats(-100.0, 100.0),
    width=st.floats(1e-3, 300.0),
    kind=st.sampled_from([UNIT, SIGNED, DECIBEL]),
)
def test_codec_inverse_of_ranges(part, low, width, kind):
    high = low + width
    value = low + part * width
    value = 10.0 ** (value / 10.0) if kind == DECIBEL else value
    number = float(np.float32(codec.to_observation(value, kind, low, high)))
    back = codec.from_observation(number, kind, low, high)
    # float32 holds the number to 2^-24; SIGNED spreads 2 over the range
    slack = 2.0**-24 * width + 1e-12 * max(abs(low), abs(high))
    if kind == DECIBEL:
        slack = value * (10.0 ** (slack / 10.0) - 1.0) * 1.01
    assert abs(back - value) <= slack


@given(value=st.floats(0.0, 1e3), scale=positive)
def test_codec_inverse_of_squash(value, scale):
    number = float(np.float32(codec.to_observation(value, SQUASH, 0.0, scale)))
    back = codec.from_observation(number, SQUASH, 0.0, scale)
    if value / (value + scale) < 1.0 - 2.0**-20:  # beyond, float32 has no room
        # derivative of the inverse times half a step of float32
        assert abs(back - value) <= 1.1 * 2.0**-24 * (value + scale) ** 2 / scale
    else:
        assert back >= 0.4 * scale * 2.0**20


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_observations_decode_to_their_own_encoding(world, preset):
    env = single(world, short(world, preset))
    kinds, lows, highs = tables(env.rows.fields)
    for seed in range(5):
        seen = env.reset(seed=seed)[0][None]
        values = np.zeros(seen.shape)
        codec.decode_fields(seen, kinds, lows, highs, values)
        again = np.zeros(seen.shape[1], np.float32)
        codec.observe_fields(values[0], kinds, lows, highs, again)
        np.testing.assert_allclose(again, seen[0], rtol=0.0, atol=2.0**-22)


def test_nearest_level():
    levels = np.array([1.0, 2.0, 4.0, 99.0])
    assert [codec.nearest_level(v, levels, 3) for v in (-5.0, 1.4, 1.5, 2.9, 3.0, 3.1, 70.0)] == [0, 0, 0, 1, 1, 2, 2]


# ------------------------------------------------------------------ encodings (inverses: tests/testing/test_kit.py)
def test_box_law():
    """Equal bins for levels, a cubic law for continuous axes, 0 included."""
    env = single("inference", short("inference", "default"), "box")
    cuts, _, clocks, power = env.rows.axes
    out = np.zeros((3, 4))
    actions = np.array([[-1, -1, -1, -1], [1, 1, 1, 1], [0, 0, 0.49, 0]], np.float32)
    env.encoding.decode(actions, out)
    assert out[0].tolist() == [0.0, 0.0, clocks.levels[0], 0.0]
    assert out[1].tolist() == [len(cuts.levels) - 1, len(cuts.levels) - 1, clocks.levels[-1], power.top]
    assert out[2].tolist() == [3.0, 3.0, clocks.levels[2], power.top / 8.0]


def test_discrete_table_holds_distinct_decisions():
    env = single("inference", short("inference", "default"), "discrete")
    table = env.encoding.table
    assert len(np.unique(table, axis=0)) == len(table)
    last = len(env.scenario.dnn.cut_names) - 1
    clocks, powers = len(env.scenario.device.clocks_hz), len(env.scenario.radio.power_levels_w)
    # pairs of cuts in order times clocks times powers, one power where nothing is sent
    assert len(table) == (last * (last + 1) // 2 + last) * clocks * powers + clocks


# ------------------------------------------------------------------ style rule 2
def test_no_argument_of_compiled_code_is_in_decibel():
    names = [
        (path.name, node.name, argument.arg)
        for path in jitted_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for argument in (*node.args.args, *node.args.kwonlyargs)
    ]
    assert len(names) > 100
    assert [n for n in names if "_db" in n[2]] == []
