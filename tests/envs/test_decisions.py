"""What is no decision is refused by name: masked entries, NaN, values outside; and keys without effect are told."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
import pytest

import splitgym
from splitgym.cli import main
from splitgym.encodings import ROUNDING
from splitgym.envs.parallel import SplitParallelEnv
from splitgym.evaluation import evaluate
from splitgym.numbers import as_array, behaved, plain_array
from splitgym.policy import Policy, limits_of
from splitgym.toml import merge
from splitgym.worlds.inference import InferenceTrace
from splitgym.worlds.presets import UnusedKeyWarning
from splitgym.worlds.world import WORLDS
from tests.helpers import ENCODED, assert_same, native, sampled, short, single


# ------------------------------------------------------------------ masked entries
def masked_forms(sample):
    """The action with its first entry masked: as an array, in a list; of a dict, in each of its keys."""
    if isinstance(sample, dict):
        for name, value in sample.items():
            for form in masked_forms(value):
                yield {**sample, name: form}
        return
    values = np.atleast_1d(sample)
    mask = np.arange(values.size) == 0
    array = np.ma.array(values, mask=mask)
    yield array if np.ndim(sample) else array[0]
    if np.ndim(sample):
        yield [np.ma.masked, *values[1:].tolist()]
        yield list(array)


@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_masked_actions_are_refused(world, action):
    env = single(world, short(world, "default"), action)
    env.reset(seed=0)
    (sample,) = sampled(env.action_space, 1, seed=0)
    for form in masked_forms(sample):
        with pytest.raises(ValueError, match="masked entries"):
            env.step(form)
    if action != "dict" and np.ndim(sample):
        env.step(np.ma.array(sample))  # nothing is masked
    envs = native(2, world, short(world, "default"), action)
    envs.reset(seed=0)
    batch = sampled(envs.action_space, 1, seed=0)[0]
    for form in [{**batch, k: np.ma.array(v, mask=True)} for k, v in batch.items()] if isinstance(batch, dict) else [
        np.ma.array(batch, mask=True), [np.ma.array(batch[0], mask=True), batch[1]]
    ]:  # fmt: skip
        with pytest.raises(ValueError, match="masked entries"):
            envs.step(form)


def test_masked_actions_of_agents_traces_and_observations_are_refused():
    env = SplitParallelEnv("default", "box")
    env.reset(seed=0)
    actions = {agent: env.action_space(agent).sample() for agent in env.agents}
    with pytest.raises(ValueError, match="user_1: actions hold masked entries"):
        env.step({**actions, "user_1": np.ma.array(actions["user_1"], mask=True)})
    with pytest.raises(ValueError, match=r"trace\.gain hold masked entries"):
        InferenceTrace.from_arrays("enachi", gain=np.ma.array([1e-9, 1e-9], mask=[True, False]))
    env = single("inference", "default")
    observation, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match="observations hold masked entries"):
        splitgym.make_policy("device", env).predict(np.ma.array(observation, mask=True))


def test_arrays_of_numbers():
    assert as_array([1, 2], "x").tolist() == [1, 2]
    for bad in ([[1], [2, 3]], Broken()):
        with pytest.raises(ValueError, match="x cannot be made an array"):
            as_array(bad, "x")
    with pytest.raises(ValueError, match="x must be floats or integers, got an array of bool"):
        plain_array([True], "x", "fiu")
    odd = np.arange(8, dtype=">f8")[::2]
    for array in (odd, np.arange(4.0)[::-1], np.frombuffer(b"\0" * 33, np.uint8)[1:].view(np.float64)):
        again = behaved(array, np.float64)
        assert again.flags.carray
        np.testing.assert_array_equal(again, array)
    fine = np.arange(3.0)
    assert behaved(fine, np.float64) is fine
    fine.setflags(write=False)
    assert behaved(fine, np.float64).flags.writeable


class Broken:
    """What raises when it is made an array, as a tensor that needs its gradient does."""

    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


# ------------------------------------------------------------------ values outside
def test_rounding_at_the_ends_of_a_box():
    env = single("inference", "default", "box")
    outs = []
    for end in (1.0, np.nextafter(np.float32(1.0), np.float32(2.0)), 1.0 + ROUNDING):
        env.reset(seed=0)
        outs.append(env.step(np.full(4, end))[:2])
    for other in outs[1:]:
        np.testing.assert_array_equal(other[0], outs[0][0])
        assert other[1] == outs[0][1]
    for bad in (1.0 + 4 * ROUNDING, -1.0 - 1e-6, 2.0, np.nan, -np.inf):
        with pytest.raises(ValueError, match=r"row 0 is outside .*: clock_hz must be in \[-1, 1\], got"):
            env.step(np.array([0.0, 0.0, bad, 0.0]))


def test_rounding_at_the_top_of_a_value():
    env = single("inference", "default", "dict")
    good = {"cut": 1, "edge_cut": 6, "clock_hz": 3}
    env.reset(seed=0)
    assert float(np.float32(0.2)) > 0.2
    env.step({**good, "power_w": [np.float32(0.2)]})
    for bad in (0.2 * (1.0 + 4 * ROUNDING), -1e-12):
        with pytest.raises(ValueError, match=r"action\['power_w'\] of row 0 must be in \[0, 0\.2\] W"):
            env.step({**good, "power_w": [bad]})


@pytest.mark.parametrize(
    ("action", "bad", "wanted"),
    [
        *(("box", np.ones(4, kind), "floats") for kind in (bool, complex, "U1", "M8[s]", object)),
        *(("multidiscrete", np.ones(4, kind), "integers") for kind in (float, complex, object)),
        *(("discrete", bad, "integers") for bad in (1.0, "1", None)),
    ],
)
def test_arrays_of_other_kinds_are_no_actions(action, bad, wanted):
    env = single("inference", "default", action)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=rf"actions must be {wanted} of shape \(1.*\) for .*, got "):
        env.step(bad)


def test_a_refused_action_names_its_axis():
    env = single("multiuser", "default")
    env.reset(seed=0)
    for place, value, told in ((-1, 99, 4), (1, -1, 1)):
        action = np.zeros(env.action_space.shape, int)
        action[place] = value
        with pytest.raises(ValueError, match=rf"row 0 is outside .*: \w+\[{told}\] must be in 0 \.\. \d+, got {value}"):
            env.step(action)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cutt": 1}, r"unknown key 'cutt'; did you mean 'cut'\?"),
        ({"cut": None}, r"action\['cut'\] must be integers of shape \(1,\)"),
        ({"cut": 1.0}, r"action\['cut'\] must be integers"),
        ({"cut": [1]}, r"action\['cut'\] must be integers"),
        ({"power_w": "x"}, r"action\['power_w'\] must be floats"),
        ({"power_w": [[1], [2, 3]]}, r"action\['power_w'\] cannot be made an array"),
    ],
)
def test_a_refused_dict_action_names_its_key(change, message):
    env = single("inference", "default", "dict")
    env.reset(seed=0)
    good = {"cut": 1, "edge_cut": 6, "clock_hz": 3, "power_w": np.array([0.1])}
    with pytest.raises(ValueError, match=message):
        env.step({**good, **change})
    with pytest.raises(ValueError, match="'edge_cut' is missing"):
        env.step({name: value for name, value in good.items() if name != "edge_cut"})
    with pytest.raises(ValueError, match=r"needs exactly the keys .* got 3"):
        env.step(3)


class Fixed(Policy):
    """Decides the first level of every axis, and in the last row what it is told."""

    name = "fixed"
    worlds: ClassVar[None] = None
    at: ClassVar[tuple[str, float]] = ("", 0.0)

    def decide(self, views, decisions):
        for axis in self.world.axes(self.scenario):
            decisions[axis.name] = axis.levels[0]
        if self.at[0]:
            decisions[self.at[0]][-1] = self.at[1]


@pytest.mark.parametrize("world", WORLDS)
def test_a_policy_that_decides_nonsense_is_told(world):
    scenario = short(world, "default")
    for action in ("multidiscrete", "dict"):
        envs = native(2, world, scenario, action)
        observations, _ = envs.reset(seed=0)
        Fixed(envs).predict(observations)
        for axis in WORLDS[world].axes(scenario):
            (low, *_), (high, *_) = limits_of([axis])
            for value in (np.nan, np.inf, -np.inf, 2.0 * abs(high) + 1.0, low - abs(low) - 1.0):
                policy = type("Wrong", (Fixed,), {"at": (axis.name, value)})(envs)
                with pytest.raises(ValueError, match=rf"policy 'fixed' decided {axis.name}.* in row 1; it must be in"):
                    policy.predict(observations)


def test_evaluate_names_the_policy_whose_action_is_refused():
    class Mad:
        name, action = "mad", "box"

        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            return np.full((len(observation), 4), np.nan), state

    with pytest.raises(ValueError, match=r"policy 'mad': action \[nan, .* of row 0 is outside"):
        evaluate(Mad(), episodes=2)


# ------------------------------------------------------------------ keys without effect
UNUSED = [
    ("inference", "enachi", "cloud.rtt_s", 0.05, "cloud.enabled is false"),
    ("inference", "default", "radio.motion_period_s", 30.0, "far_distance_m is absent"),
    ("inference", "enachi", "device.reconfigure_s", 0.1, "one clock"),
    ("inference", "enachi", "edge.load_correlation", 0.5, "edge.load_std is 0"),
    ("multiuser", "default", "radio.motion_period_s", 30.0, "far_distance_m is absent"),
    ("transmission", "default", "radio.shadowing_correlation", 0.5, "one task"),
    ("hardware", "default", "arrivals.parameters.mean_s", 2.0, "requests.queueing is false"),
    ("hardware", "default", "noise.hold", 2, "noise.enabled is false"),
    ("hardware", "published", "requests.weibull_shape", 2.0, "requests.workload is 'published'"),
    ("placement", "default", "networks.energy", "full", "networks.kind is 'random'"),
    ("placement", "published", "topology.mobile", 3, "topology.kind is 'published'"),
    ("placement", "published", "networks.blocks", 3, "networks.kind is 'published'"),
]


@pytest.mark.parametrize(("world", "preset", "key", "value", "why"), UNUSED)
def test_keys_without_effect_are_told(world, preset, key, value, why):
    load, (head, *rest) = WORLDS[world].load_scenario, key.split(".")
    with pytest.warns(UnusedKeyWarning, match=rf"^{key} has no effect here: .*{why}"):
        load(preset, **{key: value})
    for name in reversed(rest):
        value = {name: value}
    with pytest.warns(UnusedKeyWarning, match=rf"^{key} has no effect here"):
        load({"base": preset, "name": "mine", head: value})
    whole = merge(load(preset).to_dict(), {head: value})
    with pytest.warns(UnusedKeyWarning, match=rf"^{key} has no effect here"):
        load(whole)


@pytest.mark.parametrize("world", WORLDS)
def test_presets_and_their_files_tell_nothing(world, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in WORLDS[world].preset_names():
            scenario = WORLDS[world].load_scenario(name)
            (tmp_path / "a.toml").write_text(scenario.to_toml())
            assert WORLDS[world].load_scenario(tmp_path / "a.toml") == scenario
            same = {
                key: getattr(getattr(scenario, key.split(".")[0]), key.split(".")[1])
                for key in scenario.unused()
                if "." in key
            }
            assert (
                WORLDS[world].load_scenario(name, **{k: v for k, v in same.items() if k != "hardware.noise"})
                == scenario
            )


def test_a_whole_table_is_told_of_what_somebody_has_set():
    """Defaults that a saved setting spells out, and the inside of a profile, are nobody's choice."""
    load = WORLDS["placement"].load_scenario
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = load("default", **{"networks.kind": "published", "networks.names": ["b_lenet"]})
        assert load(one.to_dict()) == one
        two = WORLDS["hardware"].load_scenario("default", hardware="resnet50")
        assert WORLDS["hardware"].load_scenario(two.to_dict()) == two


@pytest.mark.parametrize(("world", "preset", "key", "value", "why"), UNUSED)
def test_keys_named_as_unused_have_no_effect(world, preset, key, value, why):
    """An episode is the same to the last bit."""
    outs = []
    for changes in ({}, {key: value}):
        env = single(world, short(world, preset).replace(**changes))
        actions = sampled(env.action_space, 8, seed=0)
        env.reset(seed=1)
        outs.append(advance_to_the_end(env, actions))
    assert_same(*outs)


def advance_to_the_end(env, actions):
    """Steps until the actions or the episode are over."""
    steps = []
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2] or steps[-1][3]:
            break
    return steps


def test_files_that_nobody_would_read_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("arrival_s\n" + "\n".join(map(str, range(999))))
    recorded = {"arrivals.model": "recorded", "arrivals.parameters.file": str(tmp_path / "a.csv")}
    load = WORLDS["hardware"].load_scenario
    with pytest.raises(ValueError, match=r"arrivals\.model='recorded' needs requests\.queueing = true"):
        load("default", **recorded)
    load("queueing", **recorded)
    load("default", **recorded, **{"requests.queueing": True})
    (tmp_path / "net.json").write_text("{}")
    with pytest.raises(ValueError, match=r"topology\.file=.* is not read, since neither"):
        WORLDS["placement"].load_scenario("default", **{"topology.file": str(tmp_path / "net.json")})


def test_the_command_line_tells_each_key_once(capsys):
    text = "evaluate device --scenario enachi --episodes 1 --set cloud.rtt_s=0.05 --set tasks.count=2"
    assert main(text.split()) == 0
    told = capsys.readouterr().err
    assert told.count("splitgym: note: cloud.rtt_s has no effect here: cloud.enabled is false\n") == 1


def test_an_axis_with_one_level_hides_no_other():
    """Its distance, whatever it is, says nothing about the cut."""
    changes = {"radio.power_levels_w": [0.1], "tasks.count": 3}
    env = single("inference", WORLDS["inference"].load_scenario("default", **changes), "discrete")
    table = env.rows.encoding.table
    decisions = table.copy()
    decisions[:, -1] *= 0.5  # of the power
    np.testing.assert_array_equal(env.rows.encoding.encode(decisions), np.arange(len(table)))


def test_the_table_of_decisions_gives_up_a_later_axis_first():
    """All on the device, there is one power in the table: whatever is asked for, the cut and the clock are kept."""
    env = single("inference", short("inference", "default"), "discrete")
    encoding, (cuts, _, clocks, powers) = env.rows.encoding, env.rows.axes
    asked = np.array([[cuts.levels[-1], cuts.levels[-1], f, p] for f in clocks.levels for p in powers.levels])
    found = np.zeros(asked.shape)
    encoding.decode(encoding.encode(asked), found)
    np.testing.assert_array_equal(found[:, :3], asked[:, :3])
    assert len(np.unique(found[:, 3])) == 1
