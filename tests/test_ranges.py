"""Ranges: every number has a lowest and a highest value, told with its unit; unusual ones are warned about."""

from __future__ import annotations

import dataclasses
import math
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import splitgym
from splitgym.evaluation.sweeps import sweep
from splitgym.placement.instance import load_instance
from splitgym.profiles import load_profile
from splitgym.ranges import Range, at_most
from splitgym.strict import Strict, number
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.inference import InferenceTrace
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, ROOT, native
from tests.mutations import run_instances, run_scenarios


def strict_classes() -> list[type]:
    """All strict dataclasses of the package, those of every world and of the agents."""

    found, left = [], [Strict]
    while left:
        left += (below := left.pop().__subclasses__())
        found += [cls for cls in below if dataclasses.is_dataclass(cls) and cls.__module__.startswith("splitgym")]
    return found


@pytest.mark.parametrize("cls", strict_classes(), ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_every_number_has_both_limits(cls):
    """Every field that holds numbers is declared with limits; ``parameters`` have those of their model."""
    for field in dataclasses.fields(cls):
        if re.search(r"\b(int|float)\b", str(field.type)) and field.name != "parameters":
            limits = field.metadata["limits"]
            assert -math.inf < limits.low < limits.high < math.inf
            assert limits.unit or field.name == "seed"


@pytest.mark.parametrize("registry", [FADING, ARRIVALS])
def test_every_number_of_a_model_has_both_limits(registry):
    for name in registry:
        model = registry[name]
        numbers = {k for k, default in model.defaults.items() if isinstance(default, (int, float))}
        assert not model.built_in or set(model.ranges) == numbers
        section = "fading" if registry is FADING else "arrivals"
        for key, limits in model.ranges.items():
            for value in (math.nan, math.inf, limits.high * 1.1, limits.low - 1.0, 10**400, "1", True):
                with pytest.raises(ValueError, match=f"{section}.parameters.{key} must be a finite number >= ") as said:
                    model.function(1, **{key: value})
                assert f"{limits.low:g} and <= {limits.high:g}" in str(said.value)


@pytest.mark.parametrize("limits", [(0.0, math.inf), (-math.inf, 0.0), (1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)])
def test_a_number_without_both_limits_cannot_be_declared(limits):
    with pytest.raises(ValueError, match="finite limits, low < high"):
        Range("s", *limits)
    with pytest.raises(TypeError):
        number()  # pyright: ignore


@pytest.mark.parametrize("trace", [WORLDS[world].trace_type for world in WORLDS], ids=list(WORLDS))
def test_every_array_of_a_trace_has_both_limits(trace):
    for array in trace.ARRAYS.values():
        assert isinstance(array.limits, Range)
        assert array.meaning


# ------------------------------------------------------------------ presets are usual
@pytest.mark.parametrize(("world", "preset"), CASES)
def test_no_preset_is_unusual(world, preset):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        native(1, world, WORLDS[world].load_scenario(preset)).reset(seed=0)


# ------------------------------------------------------------------ refused
REFUSED = [
    ("inference", "default", {"fading.parameters.coherence_s": 1e15}, "coherence_s must be .* <= 10000 s"),
    ("inference", "default", {"radio.slot_s": 1e-6, "fading.parameters.coherence_s": 1e3, "tasks.deadline_max_s": 0.09,
                              "tasks.deadline_min_s": 0.09}, r"<= 1e\+08 slots of radio.slot_s=1e-06 s"),
    ("hardware", "default", {"requests.weibull_shape": 0.001}, "shape must be .* >= 0.1 and <= 100, got 0.001"),
    ("hardware", "default", {"hardware.edge.pipeline_s": -0.01}, "edge.pipeline_s must be .* >= 0 and <= 10000 s"),
    ("hardware", "default", {"hardware.power.wait_off_w": 0.0, "hardware.power.wait_off_j_per_cycle": 0.0,
                             "hardware.power.head_off_w": [0.0] * 7, "reward.infrastructure_weight": 0.0},
     "hardware.power: a cloud-only request.*must take >= 1e-09 J, got 0 J"),
    ("inference", "default", {"radio.distance_m": 1e100}, "radio.distance_m must be .* >= 0.1 and <= 1e\\+07 m"),
    ("inference", "default", {"radio.distance_m": 1e-300}, "radio.distance_m must be .* >= 0.1 and <= 1e\\+07 m"),
    ("inference", "default", {"radio.distance_m": 0.1}, "radio.distance_m: the path loss at 0.1 m must be >= 0 and"),
    ("multiuser", "default", {"users.near_factor": 1e-3, "radio.distance_m": 200.0},
     "radio.distance_m times users.near_factor: the path loss at 0.2 m"),
    ("inference", "default", {"device.kappa_f": 1e280}, "device.kappa_f must be .* <= 1e-15 F"),
    ("inference", "default", {"device.kappa_f": 1e-15, "device.clocks_hz": [1e13]}, "device.kappa_f.* J, the limit is"),
    ("inference", "default", {"budget.debt_price": 1e308}, "budget.debt_price must be .* <= 1e\\+06, got 1e\\+308"),
    ("transmission", "default", {"transmission.energy_price": 1e308}, "energy_price must be .* <= 1e\\+06"),
    ("placement", "default", {"applications.slack_min": 1e-308}, "applications.slack_min must be .* >= 0.001 and"),
    ("inference", "default", {"tasks.deadline_max_s": 1.7e308}, "tasks.deadline_max_s must be .* <= 1e\\+06 s"),
    ("inference", "default", {"device.clocks_hz": []}, "device.clocks_hz must have 1 to 64 entries, got 0"),
    ("inference", "default", {"device.clocks_hz": [1e9 + i for i in range(65)]}, "clocks_hz must have 1 to 64 entries"),
    ("hardware", "default", {"hardware.cut_bits": []}, "hardware.cut_bits must have 1 to 128 entries, got 0"),
    # work
    ("inference", "default", {"radio.slot_s": 1e-9}, "radio.slot_s must be .* >= 1e-06 and <= 10 s"),
    ("inference", "default", {"radio.slot_s": 1e-6}, "slot_s=.* comes to 600000 slots, the limit is 100000"),
    ("transmission", "default", {"radio.slot_s": 1e-6}, "transmission.deadline_max_s=.* the limit is 100000 slots"),
    ("multiuser", "default", {"radio.slot_s": 1e-6}, "frames.deadline_max_s=.* the limit is 100000 slots"),
    ("multiuser", "default", {"users.count": 500, "frames.count": 1_000_000}, "users.count=500 and frames.count"),
    ("inference", "default", {"device.bits_per_element": 1e300}, "bits_per_element must be .* <= 10000 bit"),
    ("inference", "default", {"arrivals.parameters.mean_s": 5e-324}, "mean_s must be .* >= 1e-06 and <= 1e\\+07 s"),
    ("inference", "default", {"arrivals.parameters.mean_s": 1e5, "tasks.count": 1_000_000}, "lasts at most 1e\\+10 s"),
    ("inference", "bursty", {"arrivals.parameters.calm_mean_s": 1e9, "arrivals.parameters.burst_mean_s": 1e9},
     "calm_mean_s must be .* <= 1e\\+07 s"),
    ("inference", "bursty", {"arrivals.parameters.calm_mean_s": 1e6, "arrivals.parameters.burst_mean_s": 1e6},
     "at least 0.1 tasks on average"),
    ("inference", "default", {"tasks.count": 10**400},
     r"tasks.count must be .* <= 1e\+06 task, got a whole number of 1329 bits"),
    ("placement", "default", {"networks.kind": "random", "networks.blocks": 3, "networks.exits": 4},
     "networks.exits must be <= networks.blocks, which is 3, got 4"),
    # units
    ("inference", "default", {"radio.path_loss_1km_db": -128.1}, "got -128.1 .*loss in dB, positive"),
    ("inference", "default", {"radio.noise_dbm_hz": 174}, "got 174 .*in dBm/Hz: thermal noise is -174"),
    ("inference", "default", {"radio.noise_figure_db": -7}, "got -7 .in dB"),
    ("inference", "default", {"radio.shadowing_db": -8}, "got -8 .*dB"),
    ("inference", "default", {"radio.power_max_w": -10.0}, "got -10.0 .*23 dBm are 0.2 W"),
    ("inference", "default", {"edge.load_mean": 40}, "got 40 .a share: 40 % are 0.4"),
    ("inference", "default", {"edge.energy_j_per_mac": 50}, "got 50 .*50 pJ are 50e-12"),
    ("hardware", "default", {"hardware.link.s_per_bit": 1e8}, "the time of a bit: 100 Mbit/s are 1e-8"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*unusual:UserWarning")
@pytest.mark.parametrize(("world", "preset", "changes", "message"), REFUSED)
def test_refused(world, preset, changes, message):
    if "hardware.power.head_off_w" in changes:
        clocks = len(WORLDS[world].load_scenario(preset).hardware.edge.clocks_hz)
        changes = {**changes, "hardware.power.head_off_w": [0.0] * clocks}
    with pytest.raises(ValueError, match=message) as caught:
        native(1, world, WORLDS[world].load_scenario(preset, **changes))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("shape", [[], [10**7], [10**6, 10**6, 10**6]])
def test_shapes_that_no_tensor_has(shape):
    for table in ({"input_shape": shape}, {"blocks": None}):
        profile = load_profile("resnet50").to_dict()
        if "blocks" in table:
            profile["blocks"][2]["shape"] = shape
        else:
            profile.update(table)
        with pytest.raises(ValueError, match=r"shape.*(entries|<= 1e\+06 element|elements), got"):
            WORLDS["inference"].load_scenario("default", dnn=profile)


def test_profiles_larger_than_the_kernels_tables_are_refused_by_name():
    profile = load_profile("resnet50").to_dict()
    profile["blocks"] = [{**profile["blocks"][-1], "name": f"b{i}"} for i in range(64)]
    profile["exits"] = []
    with pytest.raises(ValueError, match="dnn: at most 63 blocks with cut = true, got 64"):
        WORLDS["inference"].load_scenario("default", dnn=profile)


def test_topologies_larger_than_the_kernels_tables_are_refused_by_name():
    big = {"topology.kind": "random", "topology.mobile": 200, "topology.edge": 200, "topology.cloud": 200}
    with pytest.raises(ValueError, match=r"topology: 600 nodes and .* arcs: .* the limit is 4096 numbers"):
        native(1, "placement", WORLDS["placement"].load_scenario("default", **big))


def test_decisions_that_no_list_holds_are_refused():
    many = {
        "radio.power_levels_w": np.linspace(0.001, 0.2, 64).tolist(),
        "device.clocks_hz": [1e9 + i for i in range(64)],
    }
    scenario = WORLDS["inference"].load_scenario("default", **many)
    with pytest.raises(ValueError, match="'discrete' lists every decision, at most 200000, here 7 x 7 x 64 x 64"):
        native(1, "inference", scenario, "discrete")
    native(1, "inference", scenario, "multidiscrete")


# ------------------------------------------------------------------ accepted at the edge of the ranges
@pytest.mark.filterwarnings("ignore:.*unusual:UserWarning")
@pytest.mark.parametrize(
    ("world", "preset", "changes"),
    [
        ("inference", "default", {"tasks.count": 1_000_000}),
        ("inference", "bursty", {"arrivals.parameters.calm_mean_s": 80.0, "arrivals.parameters.burst_mean_s": 1e6,
                                 "tasks.count": 1_000_000}),
        ("inference", "default", {"radio.slot_s": 6.1e-6, "radio.bandwidth_hz": 1.0}),
        ("hardware", "queueing", {"requests.count": 1_000_000}),
        ("multiuser", "congested", {"edge.workers": 1_000_000}),
    ],
)  # fmt: skip
def test_work_is_bounded(world, preset, changes):
    """A reset and a step of the largest scenarios end."""
    envs = native(1, world, WORLDS[world].load_scenario(preset, **changes))
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())


def test_more_workers_than_devices_change_nothing():
    users = WORLDS["multiuser"].load_scenario("congested").users.count
    lowered = [
        WORLDS["multiuser"].lower(WORLDS["multiuser"].load_scenario("congested", **{"edge.workers": workers}))
        for workers in (users, users + 1, 1_000_000)
    ]
    assert [int(p.workers) for p in lowered] == [users] * 3


def test_a_vanishing_share_of_the_band_carries_nothing():
    """Weights down to the smallest number: finite bits, and none where the noise of the share vanishes."""
    envs = native(1, "multiuser", "default", "dict")
    envs.reset(seed=0)
    n = envs.rows.scenario.users.count
    actions = {"cut": np.ones((1, n), int), "clock_hz": np.zeros((1, n), int), "power_w": np.full((1, n), 0.2)}
    weights = np.full((1, n), 5e-324)
    weights[0, 0] = 1.0
    for weight in (5e-324, 1e-310, 1e-300, 1e-250):
        weights[0, 1:] = weight
        *_, infos = envs.step({**actions, "share": weights})
        for name in ("bits", "capacity_bits", "energy_radio_j", "latency_s"):
            assert np.isfinite(infos[f"device_{name}"]).all(), name
        assert (infos["device_capacity_bits"][0, 1:] < 1e-100).all()


@pytest.mark.parametrize("power_w", [0.0, 1e-3])
def test_energy_is_never_negative(power_w):
    """Measured offsets of the edge device's power may exceed a small power; energy ends at 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = WORLDS["hardware"].load_scenario("noisy")
        clocks = len(base.hardware.edge.clocks_hz)
        scenario = base.replace(**{
            "hardware.power.head_off_w": [power_w] * clocks, "hardware.power.wait_off_w": power_w,
            "hardware.power.wait_off_j_per_cycle": 0.0, "hardware.noise.edge_low_share": 1.0,
        })  # fmt: skip
        envs = native(64, "hardware", scenario)
    envs.reset(seed=0)
    for _ in range(5):
        *_, infos = envs.step(envs.action_space.sample())
        assert (infos["energy_edge_j"] >= 0.0).all()
        assert (infos["energy_j"] >= 0.0).all()


def test_a_passive_channel_does_not_amplify():
    near = {"radio.path_loss_1km_db": 120.0, "radio.distance_m": 1.0, "radio.shadowing_db": 30.0}
    trace = InferenceTrace.draw(WORLDS["inference"].load_scenario("default", **near), seed=0)
    assert trace.gain.max() == 1.0
    assert trace.gain.min() > 0.0


# ------------------------------------------------------------------ units
UNUSUAL = [
    ("inference", "radio.bandwidth_hz", 20, "20.* Hz is unusual; .*20 MHz are 20e6"),
    ("inference", "tasks.deadline_max_s", 90, "90.* s is unusual; .*300 ms are 0.3"),
    ("inference", "device.clocks_hz", [0.8e4, 1.2e4], r"clocks_hz\[0\]: 8000.* Hz is unusual; .*1.2 GHz are 1.2e9"),
    ("inference", "radio.power_max_w", 23, "23.* W is unusual; .*23 dBm are 0.2 W"),
    ("inference", "cloud.backhaul_bit_s", 200, "200.* bit/s is unusual; .*200 Mbit/s are 200e6"),
    ("inference", "cloud.rtt_s", 35, "35.* s is unusual; .*in seconds"),
    ("inference", "radio.slot_s", 1, "1.* s is unusual; .*1 ms is 0.001"),
    ("inference", "radio.path_loss_decade_db", 3.76, "3.76 dB is unusual; .*10 times the exponent"),
    ("inference", "radio.noise_dbm_hz", -104, "-104.* dBm/Hz is unusual; .*thermal noise is -174"),
    ("inference", "device.kappa_f", 5e-22, "5e-22 F is unusual"),
    ("inference", "fading.parameters.coherence_s", 500, "500 s is unusual; .*5 ms are 0.005"),
    ("inference", "arrivals.parameters.mean_s", 400, "400 s is unusual; .*400 ms are 0.4"),
    ("hardware", "hardware.threshold_max_s", 400.0, "400.0 s is unusual"),
    ("hardware", "switching.reconfigure_s", 120, "120.* s is unusual"),
    ("transmission", "transmission.deadline_max_s", 90, "90.* s is unusual"),
    ("multiuser", "frames.length_s", 300, "300.* s is unusual"),
]


@pytest.mark.parametrize(("world", "key", "value", "message"), UNUSUAL, ids=[key for _, key, _, _ in UNUSUAL])
def test_unusual_values_are_warned_about_once(world, key, value, message):
    """One warning that names key, value and unit, however often the scenario is lowered."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        native(1, world, WORLDS[world].load_scenario("default", **{key: value})).reset(seed=0)
    said = [str(w.message) for w in caught if w.category is UserWarning]
    assert len(said) == 1, said
    assert said[0].startswith(f"{key}: ") or said[0].startswith(f"{key}[0]: ")
    assert re.search(message, said[0])


def test_a_sweep_warns_once_of_each_key():
    with pytest.warns(UserWarning, match="radio.distance_m") as caught:
        sweep("random", over={"radio.distance_m": [2e6, 3e6, 4e6, 5e6]}, episodes=1, changes={"tasks.count": 2})
    assert len(caught) == 1


def test_the_command_line_warns_in_one_line():
    command = [sys.executable, "-m", "splitgym", "evaluate", "random", "--episodes", "1"]
    done = subprocess.run(
        [*command, "--set", "radio.distance_m=2e6", "--set", "tasks.count=2"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if "warning" in line] == [
        "splitgym: warning: radio.distance_m: 2000000.0 m is unusual; usual are 1 to 1e+06 m; in metres: 0.6 km are 600"
    ]


@pytest.mark.parametrize(
    ("world", "policy", "parameters"),
    [
        ("inference", "enachi", {"weight_j2": math.inf}),
        ("inference", "enachi", {"weight_j2": 1e300}),
        ("inference", "enachi", {"eta": 0.0}),
        ("inference", "enachi", {"eta": math.nan}),
        ("inference", "static", {"clock_hz": math.inf}),
        ("inference", "static", {"power_w": "0.1"}),
        ("transmission", "threshold", {"power_w": math.nan}),
    ],
)
def test_parameters_of_policies(world, policy, parameters):
    with pytest.raises(ValueError, match=f"{next(iter(parameters))} must be a finite number >= .* and <= "):
        splitgym.make_policy(policy, native(1, world, "default"), **parameters)


@pytest.mark.parametrize(
    ("array", "values", "message"),
    [
        ("gain", [104.2, 104.2], r"trace.gain\[0\] must be .* <= 1, got 104.2 \(.*10\*\*\(-10.42\)"),
        ("gain", [1e-10, -104.2], r"trace.gain\[1\] must be .* got -104.2 \(a ratio of powers.* dB"),
        ("gain", [0.0, 1e-9], r"trace.gain\[0\] must be .* >= 1e-40 and <= 1, got 0.0"),
        ("deadline_s", [1e300, 0.3], r"trace.deadline_s\[0\] must be .* <= 1e\+06 s"),
        ("arrival_s", [0.0, 1e300], "trace.arrival_s.* <= 1e\\+10 s"),
        ("edge_load", [40.0, 50.0], r"trace.edge_load\[0\] .* got 40.0 .a share: 40 % are 0.4"),
        ("persistent", [1e300, 0.0], "trace.persistent.*standard normal"),
        ("rtt_s", [5e-324, 0.0], "trace.rtt_s"),
    ],
)
def test_arrays_from_outside(array, values, message):
    with pytest.raises(ValueError, match=message):
        InferenceTrace.from_arrays("default", 0, **{array: np.array(values)})


def test_arrays_in_milliseconds_are_warned_about():
    with pytest.warns(UserWarning, match=r"trace.deadline_s: 300.0 s is unusual; .*300 ms are 0.3"):
        InferenceTrace.from_arrays("default", deadline_s=np.array([300.0, 300.0]))


def test_an_instance_in_other_units():
    table = load_instance(splitgym.placement.generate.random_instance(n_nodes=4, blocks=2, exits=1)).to_dict()
    table["nodes"][0]["speed_ops_s"] = 11.0
    with pytest.warns(UserWarning, match=r"nodes.*speed_ops_s: 11.0 op/s is unusual; .*11 Gop/s are 11e9"):
        load_instance(table)


def test_plugins_are_held_to_the_limits():
    model = FADING["rayleigh"]
    for drawn in (104.2e6, -1.0, math.nan, math.inf, 1j):
        faulty = dataclasses.replace(
            model, name="mine", built_in=False, function=lambda rng, n, slot_s, d=drawn: np.full(n, d)
        )
        with pytest.raises(ValueError, match="fading model 'mine', task 0, slot 0: the gain must be a finite number"):
            faulty.fill(np.uint64(1), np.zeros((2, 3)), 1e-3, {})


# ------------------------------------------------------------------ the property
def test_mutated_scenarios_are_refused_or_play():
    counts = run_scenarios(600, seed=12)
    for world in WORLDS:
        assert counts[f"{world} accepted"] > 10
        assert counts[f"{world} refused"] > 10


def test_mutated_instances_are_refused_or_play():
    counts = run_instances(100, seed=3)
    assert counts["accepted"] > 10
    assert counts["refused"] > 10


@pytest.mark.parametrize(
    ("high", "words"),
    [(2**32 - 1, "4294967295"), (2**63 - 1, "9223372036854775807"), (0.12345678, "0.12345678"), (1e13, "1e+13")],
)
def test_limits_are_told_exactly(high: float, words: str) -> None:
    """Rounded, a value that is refused would look allowed."""
    limits = Range("", 0, high)
    with pytest.raises(ValueError, match=re.escape(f"must be a finite number >= 0 and <= {words}, got ")):
        limits.check("x", high * 2)
    with pytest.raises(ValueError, match=re.escape("comes to 1.0000001 s, the limit is 1 s")):
        at_most("x", "it", 1.0000001, 1.0, "s")
