"""Scenarios and profiles: strictness, TOML, digests, sources, plug-in models, golden values."""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitgym.profiles import DnnProfile, load_profile, profile_names
from splitgym.strict import Strict
from splitgym.toml import dump_toml
from splitgym.traces.arrivals import ARRIVALS, arrivals
from splitgym.traces.fading import FADING, fading
from splitgym.worlds.hardware import hardware_names, load_hardware
from splitgym.worlds.inference import InferenceScenario, InferenceTrace, load_scenario
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, assert_same, native, rollout, sampled, single, vector_rollout
from tests.regenerate_golden import GOLDEN

KINDS = ("measured:", "published:", "modelled:")


# ------------------------------------------------------------------ strictness
@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # unknown keys, with the nearest valid one
        ("radio.bandwith_hz", 1e6, r"unknown key 'radio\.bandwith_hz'; did you mean 'bandwidth_hz'\?"),
        ("raido.bandwidth_hz", 1e6, r"unknown key 'raido(\.bandwidth_hz)?'; did you mean 'radio'\?"),
        ("fading.parameters.coherence", 1e-3, r"'fading\.parameters\.coherence' for model 'gauss_markov'; did you"),
        ("zzz", 1.0, r"unknown key 'zzz' \(valid keys: name, description, dnn"),
        # wrong types
        ("radio.bandwidth_hz", "5e6", r"radio\.bandwidth_hz must be a number .* Hz, got '5e6'"),
        ("radio.bandwidth_hz", True, r"radio\.bandwidth_hz must be a number .* Hz, got True"),
        ("radio.bandwidth_hz", None, r"radio\.bandwidth_hz must be a number .* Hz, got None"),
        ("radio.bandwidth_hz", [5e6], r"radio\.bandwidth_hz must be a number .* Hz, got \[5000000\.0\]"),
        ("radio.bandwidth_hz.low", 1.0, r"radio\.bandwidth_hz must be a number .* Hz"),
        ("tasks.count", 2.5, r"tasks\.count must be a whole number .* task, got 2\.5"),
        ("tasks.count", "20", r"tasks\.count must be a whole number .* task, got '20'"),
        ("tasks.next_arrival_known", 1, r"tasks\.next_arrival_known must be true or false, got 1"),
        ("early_exits", "yes", r"early_exits must be true or false, got 'yes'"),
        ("name", 3, r"name must be a text, got 3"),
        ("radio", 3, r"radio must be a Radio or a table, got 3"),
        ("device.clocks_hz", 2e9, r"device\.clocks_hz must be a list of numbers"),
        ("device.clocks_hz", [1e9, "2e9"], r"device\.clocks_hz\[1\] must be a number .* Hz, got '2e9'"),
        ("budget.source", {"energy_j": 3}, r"budget\.source\.energy_j must be a text, got 3"),
        ("fading.parameters.coherence_s", "5ms", r"fading\.parameters\.coherence_s must be a number, got '5ms'"),
        ("fading.parameters.coherence_s", True, r"fading\.parameters\.coherence_s must be a number.*, got True"),
        ("fading.model", 3, r"fading\.model must be a text"),
        # limits
        ("radio.bandwidth_hz", 0.0, r"radio\.bandwidth_hz must be a finite number >= 1 and <= 1e\+12 Hz, got 0\.0"),
        ("radio.bandwidth_hz", math.nan, r"radio\.bandwidth_hz must be a finite number >= 1 and <= 1e\+12 Hz, got nan"),
        ("radio.bandwidth_hz", math.inf, r"radio\.bandwidth_hz must be a finite number >= 1 and <= 1e\+12 Hz, got inf"),
        ("tasks.count", 0, r"tasks\.count must be a finite number >= 1 and <= 1e\+06 task, got 0"),
        ("edge.load_mean", 1.0, r"edge\.load_mean must be a finite number >= 0 and <= 0\.99, got 1\.0"),
        ("device.clocks_hz", [1e9, -2e9], r"device\.clocks_hz\[1\] must be a finite number >= 1 and <= 1e\+13 Hz"),
        ("device.clocks_hz", [2e9, 1e9], r"device\.clocks_hz must be a non-empty list in strictly ascending order"),
        ("device.clocks_hz", [], r"device\.clocks_hz must have 1 to 64 entries, got 0"),
        ("radio.power_levels_w", [0.1, 0.3], r"radio\.power_levels_w must be <= power_max_w=0\.2 W, got 0\.3"),
        ("tasks.deadline_min_s", 9.0, r"tasks\.deadline_max_s must be >= deadline_min_s=9\.0 s"),
        ("fading.parameters.coherence_s", -1.0, r"coherence_s must be a finite number >= 0 and <= 10000 s, got -1"),
        ("fading.parameters.coherence_s", math.nan, r"fading\.parameters\.coherence_s must be a finite number"),
        ("arrivals.parameters.mean_s", 0.0, r"arrivals\.parameters\.mean_s must be .* >= 1e-06 and <= 1e\+07 s, got 0"),
        # names
        ("dnn", "resnet51", r"unknown profile 'resnet51'; did you mean 'resnet50'\? \(known: alexnet"),
        ("fading.model", "rice", r"unknown fading model 'rice'; did you mean 'rician'\?"),
        ("arrivals.model", "poison", r"unknown arrival model 'poison'; did you mean 'poisson'\?"),
    ],
)  # fmt: skip
def test_refuses(path, value, message):
    with pytest.raises(ValueError, match=message):
        load_scenario("default", **{path: value})
    head, _, rest = path.partition(".")
    if "." not in rest:  # the same as a table on top of a preset
        table = {"base": "default", head: {rest: value} if rest else value}
        with pytest.raises(ValueError, match=message):
            load_scenario(table)


def test_missing_keys_are_named():
    table = load_scenario("default").to_dict()
    del table["radio"]["bandwidth_hz"]
    with pytest.raises(ValueError, match=r"missing key 'radio\.bandwidth_hz' \[Hz\]: >= 1 and <= 1e\+12 Hz"):
        load_scenario(table)
    table = load_scenario("default").to_dict()
    del table["edge"]
    with pytest.raises(ValueError, match="missing key 'edge'"):
        load_scenario(table)
    with pytest.raises(ValueError, match=r"missing key 'arrivals\.parameters\.file' for model 'recorded'"):
        load_scenario("enachi", arrivals={"model": "recorded", "parameters": {}})


def numeric_paths(thing: Strict, prefix: str = "") -> list[tuple[str, dict]]:
    """Dotted path and metadata of every numeric field below ``thing``."""
    found = []
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, Strict) and not isinstance(value, DnnProfile):
            found += numeric_paths(value, f"{prefix}{field.name}.")
        elif "unit" in field.metadata and not isinstance(value, tuple):
            found.append((f"{prefix}{field.name}", dict(field.metadata)))
    return found


NUMBERS = numeric_paths(load_scenario("default"))
ALL_NUMBERS = [
    (world, path, meta) for world in WORLDS for path, meta in numeric_paths(WORLDS[world].load_scenario("default"))
]


@pytest.mark.parametrize(("world", "path", "meta"), ALL_NUMBERS, ids=[path for _, path, _ in ALL_NUMBERS])
def test_every_number_is_guarded(world, path, meta):
    """Not one numeric field accepts text, a boolean, NaN, infinity, or a value beyond its limits; both are told."""
    limits = meta["limits"]
    assert meta["unit"] == limits.unit
    beyond = [limits.low - 1, limits.high + 1 + abs(limits.high), 10**400, -(10**400)]
    if limits.low > 0:
        beyond += [0.0, -0.0, limits.low * 0.99, 5e-324]
    for value in ["1", True, math.nan, math.inf, -math.inf, [1.0], *beyond]:
        with pytest.raises(ValueError, match=path.replace(".", r"\.")) as caught:
            WORLDS[world].load_scenario("default", **{path: value})
        said = str(caught.value)
        unit = "" if limits.unit in ("", "1") else f" {limits.unit}"
        (low, high), *_ = re.findall(rf">= (\S+) and <= ([^\s,]+){unit}", said)
        assert [int(text) if text.isdigit() else float(text) for text in (low, high)] == [limits.low, limits.high]
        assert len(said) < 500


def test_numbers_may_be_integers_or_numpy():
    assert load_scenario("default", **{"radio.distance_m": 600}) == load_scenario("default")
    assert (
        load_scenario("default", **{"radio.distance_m": np.float64(600.0)}).digest()
        == load_scenario("default").digest()
    )
    assert load_scenario("default", **{"tasks.count": 200.0}) == load_scenario("default")
    assert type(load_scenario("default", **{"radio.distance_m": 600}).radio.distance_m) is float
    whole = load_scenario("default", **{"arrivals.parameters.mean_s": 1})
    assert whole.digest() == load_scenario("default", **{"arrivals.parameters.mean_s": 1.0}).digest()


# ------------------------------------------------------------------ names, files, inheritance
def test_unknown_names():
    with pytest.raises(ValueError, match=r"unknown scenario 'defualt'; did you mean 'default'\? \(known: bursty, "):
        load_scenario("defualt")
    with pytest.raises(ValueError, match="unknown scenario 'None'"):
        load_scenario(None)
    with pytest.raises(ValueError, match="no such scenario file"):
        load_scenario("nowhere/mine.toml")
    with pytest.raises(ValueError, match="no such profile file"):
        load_profile("nowhere/mine.toml")
    with pytest.raises(ValueError, match="did you mean 'default'"):
        load_scenario({"base": "defualt"})


@pytest.mark.parametrize("content", [b"[radio\nx=", b"a = 1\na = 2\n", b"\xff\xfe\x00", b"just words"])
def test_corrupt_toml(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    for load in (load_scenario, load_profile):
        with pytest.raises(ValueError, match=r"broken\.toml( is not valid TOML|, line 1, column 1)"):
            load(path)


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_toml_round_trip(world, preset, tmp_path):
    scenario = WORLDS[world].load_scenario(preset)
    path = tmp_path / "copy.toml"
    path.write_text(scenario.to_toml(), encoding="utf-8")
    again = WORLDS[world].load_scenario(path)
    assert again == scenario
    assert again.digest() == scenario.digest()
    assert WORLDS[world].load_scenario(scenario) is scenario
    assert WORLDS[world].load_scenario(scenario.to_dict()) == scenario


def test_profile_of_ones_own_travels_with_the_scenario(tmp_path):
    profile = load_profile("resnet50").replace(accuracy_full=0.7613)
    path = tmp_path / "mine.toml"
    path.write_text(dump_toml(profile.to_dict()), encoding="utf-8")
    scenario = load_scenario("default", dnn=str(path))
    assert scenario.dnn == profile
    assert tomllib.loads(scenario.to_toml())["dnn"]["accuracy_full"] == 0.7613
    (tmp_path / "whole.toml").write_text(scenario.to_toml(), encoding="utf-8")
    assert load_scenario(tmp_path / "whole.toml") == scenario


texts = st.text(st.characters(codec="utf-8"), max_size=30)
values = st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), texts)


@given(
    table=st.dictionaries(
        texts, st.one_of(values, st.lists(st.floats(allow_nan=False)), st.dictionaries(texts, values)), max_size=6
    )
)
def test_toml_writer(table):
    assert tomllib.loads(dump_toml(table)) == table


def test_base_inherits_section_by_section(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "bursty"\nname = "mine"\n[radio]\ndistance_m = 300.0\n', encoding="utf-8")
    mine, bursty = load_scenario(path), load_scenario("bursty")
    assert mine.radio == dataclasses.replace(bursty.radio, distance_m=300.0)
    assert mine.replace(name="bursty", radio=bursty.radio) == bursty


def test_another_model_does_not_inherit_parameters():
    scenario = load_scenario({"base": "default", "fading": {"model": "rician", "parameters": {"k_ratio": 2.0}}})
    assert scenario.fading.parameters == {"k_ratio": 2.0}
    for changes in (
        {"fading.model": "rayleigh"},
        {"fading": {"model": "rayleigh"}},
        {"fading.model": "rayleigh", "fading.parameters": {}},
    ):
        assert load_scenario("default", **changes).fading.parameters == {}
    both = load_scenario("default", **{"fading.model": "rician", "fading.parameters.k_ratio": 3.0})
    assert (both.fading.model, both.fading.parameters) == ("rician", {"k_ratio": 3.0})
    same = load_scenario({"base": "default", "fading": {"model": "gauss_markov", "parameters": {"coherence_s": 1e-2}}})
    assert same.fading.parameters == {"coherence_s": 1e-2}


def test_replace_and_freeze():
    scenario = load_scenario("default")
    changed = scenario.replace(**{"radio.slot_s": 2e-3, "radio.distance_m": 100.0, "name": "mine"})
    assert (changed.radio.slot_s, changed.radio.distance_m, changed.name) == (2e-3, 100.0, "mine")
    assert scenario.radio.slot_s == 1e-3
    for thing, name in ((scenario, "name"), (scenario.radio, "slot_s"), (scenario.dnn, "blocks")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, None)
    with pytest.raises(TypeError):
        type(scenario.tasks)(10, 0.1, 0.1)  # keyword-only


# ------------------------------------------------------------------ digests
@pytest.mark.parametrize(("world", "preset"), CASES)
def test_golden_scenario(world, preset):
    assert WORLDS[world].load_scenario(preset).digest() == GOLDEN["scenarios"][f"{world}/{preset}"], (
        f"preset {preset!r} has other values; if that is intended: python -m tests.regenerate_golden 'reason'"
    )


def test_digest_sees_every_value():
    scenario = load_scenario("default")
    digests = {scenario.digest()}
    for path, meta in NUMBERS:
        section, _, name = path.partition(".")
        value = getattr(getattr(scenario, section), name)
        low, high = meta["limits"].low, meta["limits"].high
        other = 900.0 if value is None else value * 1.001 or high * 1e-3
        other = value + 1 if isinstance(value, int) else min(max(other, low), high)
        digests.add(_tolerant(scenario, path, other).digest())
    for changes in (
        {"early_exits": False}, {"tasks.next_arrival_known": True}, {"cloud.enabled": False},
        {"device.clocks_hz": [1e9]}, {"radio.power_levels_w": [0.1]}, {"fading.parameters.coherence_s": 6e-3},
        {"fading": {"model": "rayleigh", "parameters": {}}}, {"arrivals.parameters.mean_s": 0.41},
        {"dnn": load_profile("resnet50").replace(accuracy_full=0.8)},
    ):  # fmt: skip
        digests.add(scenario.replace(**changes).digest())
    assert len(digests) == 1 + len(NUMBERS) + 9


def _tolerant(scenario, path, other):
    """The change, with the other end of the deadlines moved along where they must stay in order."""
    if path == "tasks.deadline_max_s":
        assert other >= scenario.tasks.deadline_min_s
    return scenario.replace(**{path: other})


def test_digest_ignores_words():
    scenario = load_scenario("default")
    words = scenario.replace(
        **{"name": "x", "description": "y", "radio.source": {}, "dnn.description": "z", "dnn.name": "w"}
    )
    assert words.digest() == scenario.digest()
    assert words != scenario


# ------------------------------------------------------------------ sources
def constants(thing: Strict) -> list[str]:
    """Names of the fields of a section that hold numbers."""
    fields = [
        f.name for f in dataclasses.fields(thing) if "unit" in f.metadata and getattr(thing, f.name) not in (None, ())
    ]
    return fields + [name for name, value in getattr(thing, "parameters", {}).items() if not isinstance(value, str)]


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_every_constant_of_a_preset_has_a_source(world, preset):
    scenario = WORLDS[world].load_scenario(preset)
    checked = sourced([getattr(scenario, f.name) for f in dataclasses.fields(scenario)])
    assert checked >= {"hardware": 7, "placement": 15, "transmission": 35}.get(world, 40)


@pytest.mark.parametrize("name", hardware_names())
def test_every_coefficient_of_a_hardware_profile_has_a_source(name):
    profile = load_hardware(name)
    checked = sourced([profile, *(getattr(profile, f.name) for f in dataclasses.fields(profile))])
    assert checked > 35
    if profile.status == "extrapolated":
        assert "EXTRAPOLATED" in profile.description
        assert profile.source["cut_bits"].startswith("published")
        assert all(source.startswith("modelled: extrapolated") for source in list(profile.edge.source.values())[1:])


def sourced(sections: list) -> int:
    """Check that the constants of sections are sourced, defaults apart, and nothing else is; how many there are."""
    checked = 0
    for section in (s for s in sections if isinstance(s, Strict) and not isinstance(s, DnnProfile)):
        for name in constants(section):
            default = {f.name: f.default for f in dataclasses.fields(section)}.get(name)
            source = section.source.get(name, "")
            assert source.startswith(KINDS) or default == getattr(section, name), (
                f"{section.SECTION}.{name}: {source!r}"
            )
            checked += 1
        unknown = (
            set(section.source)
            - {f.name for f in dataclasses.fields(section)}
            - set(getattr(section, "parameters", ()))
        )
        assert not unknown, f"sources of nothing in {section.SECTION}: {unknown}"
    return checked


@pytest.mark.parametrize("name", profile_names())
def test_every_constant_of_a_profile_has_a_source(name):
    profile = load_profile(name)
    needed = {"input_shape", "accuracy_full", "accuracy_chance", "blocks.macs", "blocks.shape"}
    needed |= {"blocks.steepness"} if any(block.steepness for block in profile.blocks) else set()
    needed |= {"blocks.curve"} if any(block.curve for block in profile.blocks) else set()
    needed |= {"blocks.parameters"} if any(block.parameters is not None for block in profile.blocks) else set()
    needed |= {"exits.macs", "exits.share"} if profile.exits else set()
    assert set(profile.source) == needed
    for key, source in profile.source.items():
        assert source.startswith(KINDS), key


# ------------------------------------------------------------------ profiles
def table(shares, accuracies, *, place=1, steepness=0.0, **more):
    """Changes that give resnet50 a table behind a block in place of its steepness."""
    blocks = load_profile("resnet50").to_dict()["blocks"]
    blocks[place] |= {"curve": {"shares": shares, "accuracies": accuracies, **more}, "steepness": steepness}
    return {"blocks": blocks}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracy_full": 0.0005}, "accuracy_full must be > accuracy_chance"),
        ({"accuracy_full": 1.0}, "accuracy_full must be > accuracy_chance.* and < 1"),
        ({"blocks": []}, "at least one block"),
        ({"blocks": [{"name": "a", "macs": 1, "shape": [1], "cut": False}]}, "last one must be a cut point"),
        ({"blocks": [{"name": "a", "macs": 1, "shape": [1]}] * 2}, "names must differ"),
        ({"blocks": [{"name": "a", "mac": 1, "shape": [1]}]}, r"key 'dnn\.blocks\[0\]\.mac'; did you mean 'macs'"),
        ({"blocks": [{"name": "a", "macs": 1.5, "shape": [1]}]}, "macs must be a whole number .* MAC"),
        ({"exits": [{"after": "layer", "macs": 1, "share": 0.1}]}, "'layer' is not a cut point .*did you mean 'layer"),
        ({"exits": [{"after": "conv1", "macs": 1, "share": 0.1}]}, "'conv1' is not a cut point"),
        ({"exits": [{"after": "local", "macs": 1, "share": 0.1}]}, "'local' is not a cut point before the last"),
        ({"exits": [{"after": after, "macs": 1, "share": 0.2} for after in ("layer3", "layer2")]}, "in order"),
        ({"exits": [{"after": f"layer{i}", "macs": 1, "share": 0.9 / i} for i in (2, 3)]}, "do not fall"),
        (table([0.0, 0.5, 1.0], [0.001, 0.8086]), r"curve\.accuracies must have one entry for each of the 3"),
        (table([0.0, 0.5], [0.001, 0.8086]), r"blocks\[1\]\.curve\.shares must ascend from 0 to 1"),
        (table([0.0, 0.5, 0.5, 1.0], [0.001, 0.3, 0.4, 0.8086]), "shares must ascend"),
        (table([0.0, 0.5, 1.0], [0.001, 0.9, 0.8086]), "accuracies must not fall"),
        (table([0.0, 1.0], [0.001, 0.8]), r"dnn\.blocks\[1\]\.curve\.accuracies must go from .*=0\.001 to .*=0\.8086"),
        (table([0.0, 1.0], [0.001, 0.8086], steepness=4.0), "a curve and a steepness are given"),
        (table([0.0, 1.0], [0.001, 0.8086], place=6), "nothing is sent behind 'local'"),
        (table([0.0, 1.0], [0.001, 0.8086], place=0), "nothing is sent behind 'conv1'"),
        (table([0.0, 1.0], [0.001, 0.8086], points=3), r"unknown key 'dnn\.blocks\[1\]\.curve\.points'"),
    ],
)  # fmt: skip
def test_profile_refuses(changes, message):
    table = load_profile("resnet50").to_dict() | {"exits": []} | changes
    with pytest.raises(ValueError, match=message):
        load_scenario("default", dnn=table)


# ------------------------------------------------------------------ plug-in models
@pytest.fixture
def plugins():
    """A fading and an arrival model of one's own, for the time of a test."""

    @fading("on_off")
    def on_off(rng, n_slots, slot_s, *, share: float = 0.5):
        return np.where(rng.random(n_slots) < share, 1.0 / share, 0.0)

    @arrivals("jittered")
    def jittered(rng, n_tasks, *, period_s: float = 0.3):
        return np.arange(n_tasks) * period_s + 0.1 * period_s * rng.random(n_tasks)

    yield
    del FADING._table["on_off"], ARRIVALS._table["jittered"]


def plugged(**parameters: float) -> InferenceScenario:
    changes = {
        "fading": {"model": "on_off", "parameters": parameters},
        "arrivals": {"model": "jittered", "parameters": {}},
    }
    return load_scenario("enachi", **{"tasks.count": 30}, **changes)


@pytest.mark.usefixtures("plugins")
def test_plugins_work_end_to_end():
    scenario = plugged(share=0.25)
    trace = InferenceTrace.draw(scenario, seed=4)
    assert set(np.unique(trace.fading)) == {0.0, 4.0}
    assert (trace.arrival_s % 0.3 < 0.03 + 1e-9).all()
    env = single("inference", scenario)
    actions = sampled(env.action_space, 70, seed=0)
    out = rollout(env, actions, seed=4)
    assert_same(rollout(env, actions, seed=4), out)
    replay = single("inference", scenario)
    got = [replay.reset(options={"trace": trace})] + [replay.step(a) for a in actions[:30]]
    assert_same(got, out[:31])
    envs = native(3, "inference", scenario)
    batch = vector_rollout(envs, [np.array([a] * 3) for a in actions[:30]], seed=3)
    for large, small in zip(batch, out, strict=False):
        np.testing.assert_array_equal(large[0][1], small[0])
    with pytest.raises(ValueError, match="'on_off' is already registered"):
        fading("on_off")(lambda rng, n_slots, slot_s: None)
    with pytest.raises(
        ValueError, match=r"unknown key 'fading\.parameters\.shore' for model 'on_off'; did you mean 'share'"
    ):
        plugged(shore=0.5)


@pytest.mark.usefixtures("plugins")
def test_only_one_of_the_two_may_be_a_plugin():
    for changes in (
        {"fading": {"model": "on_off", "parameters": {}}},
        {"arrivals": {"model": "jittered", "parameters": {}}},
    ):
        scenario = load_scenario("default", **{"tasks.count": 12}, **changes)
        env = single("inference", scenario)
        assert_same(
            rollout(env, sampled(env.action_space, 20, 1), 2), rollout(env, sampled(env.action_space, 20, 1), 2)
        )


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("registry", "name", "function", "message"),
    [
        (FADING, "on_off", lambda rng, n_slots, slot_s: np.ones(3), r"'on_off' returned shape \(3,\)"),
        (
            FADING,
            "on_off",
            lambda rng, n_slots, slot_s: -np.ones(n_slots),
            "on_off.*task 0, slot 0.*must be a finite number >= 0",
        ),
        (ARRIVALS, "jittered", lambda rng, n_tasks: np.ones(3), "'jittered'.*needs 30"),
        (ARRIVALS, "jittered", lambda rng, n_tasks: -np.arange(30.0), "'jittered'.*ascending"),
    ],
)
def test_faulty_plugins_are_named(registry, name, function, message, monkeypatch):
    scenario = plugged()
    monkeypatch.setitem(registry._table, name, dataclasses.replace(registry[name], function=function))
    with pytest.raises(ValueError, match=message):
        single("inference", scenario).reset(seed=0)


@pytest.mark.parametrize("section", ["radio", "fading", "dnn"])
def test_keys_that_are_no_texts_are_unknown(section: str) -> None:
    with pytest.raises(ValueError, match=f"unknown key '{section}.1'"):
        load_scenario("default", **{section: {1: 2}})
