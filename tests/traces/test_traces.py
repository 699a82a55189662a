"""Traces: what nature decides, drawn, saved, loaded, made elsewhere, and replayed bit for bit."""

from __future__ import annotations

import functools
import os
import pickle
import re

import numpy as np
import pytest

from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.inference import InferenceTrace, load_scenario
from splitgym.worlds.inference.scenario import preset_names
from splitgym.worlds.world import WORLDS
from tests.helpers import assert_same, native, sampled, single, vector_rollout

ARRAYS = tuple(InferenceTrace.ARRAYS)
PRESETS = preset_names()
BUILT_IN_FADING = [name for name in FADING if FADING[name].built_in]


def few(preset="default", count=15, **changes):
    return load_scenario(preset, **{"tasks.count": count, **changes})


def arrays_of(trace):
    return {name: getattr(trace, name) for name in ARRAYS}


def play(env, actions, seed=None, **options):
    """Reset and the steps of one episode."""
    out = [env.reset(seed=seed, options=options or None)]
    for action in actions:
        out.append(env.step(action))
        if out[-1][2] or out[-1][3]:
            break
    return out


# ------------------------------------------------------------------ common random numbers
@pytest.mark.parametrize("preset", PRESETS)
def test_actions_do_not_touch_nature(preset):
    """Under different policies the same tasks arrive, with the same channel, load and hints."""
    scenario = few(preset, 40)
    trace = InferenceTrace.draw(scenario, seed=6)
    names = ("gain", "hint", "edge_load", "rtt_s")
    for action_seed in range(3):
        env = single("inference", scenario)
        columns = [[f.name for f in env.rows.fields].index(name) for name in names]
        fields = [env.rows.fields[c] for c in columns]
        observation, info = env.reset(seed=6)
        task, met = 0, 0
        for action in sampled(env.action_space, 40, action_seed):
            for name, c, field in zip(names, columns, fields, strict=True):
                np.testing.assert_array_equal(observation[c], observed(field, getattr(trace, name)[task]))
            met += 1
            observation, _, _, truncated, info = env.step(action)
            task = info["task"] + 1 + info["missed"]
            if truncated:
                break
        assert met > 10


def observed(field, value):
    """The number that a value is observed as, by the rules that ``describe()`` prints."""
    if field.rule.startswith("v /"):
        return np.float32(value / (value + field.high))
    share = 10.0 * np.log10(value) if "dB" in field.rule else value
    share = np.clip((share - field.low) / (field.high - field.low), 0.0, 1.0)
    return np.float32(share if field.rule.endswith("[0, 1]") else 2.0 * share - 1.0)


# ------------------------------------------------------------------ lazily drawn == materialised
@pytest.mark.parametrize("preset", PRESETS)
def test_replay_is_the_seeded_episode(preset):
    scenario = few(preset, 60)
    env = single("inference", scenario)
    actions = sampled(env.action_space, 60, seed=1)
    lazy = play(env, actions, seed=8)
    assert_same(play(env, actions, trace=InferenceTrace.draw(scenario, seed=8)), lazy)
    assert_same(play(env, actions, seed=8), lazy)  # and back to the counter


@pytest.mark.parametrize("model", BUILT_IN_FADING)
def test_replay_with_every_fading_model(model):
    scenario = few("default", 40, **{"fading.model": model})
    env = single("inference", scenario)
    actions = [np.array([1 + k % 3, 6, 3, 6 + k % 6]) for k in range(40)]
    lazy = play(env, actions, seed=2)
    assert sum(item[-1]["slots_used"] for item in lazy[1:]) > 300
    assert_same(play(env, actions, trace=InferenceTrace.draw(scenario, seed=2)), lazy)


@pytest.mark.parametrize("model", [m for m in ARRIVALS if ARRIVALS[m].built_in and "file" not in ARRIVALS[m].defaults])
def test_replay_with_every_arrival_model(model):
    scenario = few("default", 40, **{"arrivals.model": model})
    env = single("inference", scenario)
    actions = sampled(env.action_space, 40, seed=1)
    assert_same(play(env, actions, trace=InferenceTrace.draw(scenario, seed=2)), play(env, actions, seed=2))


def test_later_episodes_have_traces_too():
    scenario = few()
    env = single("inference", scenario)
    actions = sampled(env.action_space, 15, seed=1)
    env.reset(seed=5)
    for episode in (1, 2, 3):
        lazy = play(env, actions)
        other = single("inference", scenario)
        assert_same(play(other, actions, trace=InferenceTrace.draw(scenario, 5, episode)), lazy)
    with pytest.raises(ValueError, match="episode must be an integer >= 0"):
        InferenceTrace.draw(scenario, 5, -1)


def test_replay_with_other_options_and_encodings():
    scenario = few("enachi", 30)
    trace = InferenceTrace.draw(scenario, seed=3)
    for action in ("box", "discrete", "dict"):
        env = single("inference", scenario, action)
        actions = sampled(env.action_space, 30, seed=1)
        options = {"packet_control": "constant", "early_stop": False}
        assert_same(play(env, actions, trace=trace, **options), play(env, actions, seed=3, **options))


def test_drawing_is_reproducible_and_longer_episodes_begin_alike():
    a, b = (arrays_of(InferenceTrace.draw(few(count=c), seed=1)) for c in (15, 40))
    assert_same(a, arrays_of(InferenceTrace.draw(few(), seed=1)))
    for name in ARRAYS:
        np.testing.assert_array_equal(a[name], b[name][:15])
        assert name in ("jitter_s",) or (a[name] != arrays_of(InferenceTrace.draw(few(), seed=2))[name]).any()


def test_laws_of_the_task_arrays():
    scenario = load_scenario("default", **{"tasks.count": 20_000})
    trace = InferenceTrace.draw(scenario, seed=0)
    assert abs(trace.complexity.mean() - 0.5) < 0.01
    assert abs(trace.complexity.var() - 1.0 / 12.0) < 0.003
    assert abs(trace.persistent.mean()) < 0.03
    assert abs(trace.persistent.std() - 1.0) < 0.02
    logs = np.log(trace.deadline_s / 0.15) / np.log(4.0)  # log-uniform between 0.15 and 0.6 s
    assert logs.min() >= 0.0
    assert trace.deadline_s.max() <= 0.6
    assert abs(logs.mean() - 0.5) < 0.01
    assert abs(logs.var() - 1.0 / 12.0) < 0.003
    shadow = 10.0 * np.log10(trace.gain / np.median(trace.gain)) / 8.0
    assert abs(shadow.std() - 1.0) < 0.06
    assert abs(np.corrcoef(shadow[1:], shadow[:-1])[0, 1] - 0.9) < 0.02
    load = trace.edge_load
    assert load.min() >= 0.0
    assert load.max() == 0.9  # admission control bites
    assert abs(np.median(load) - 0.4) < 0.05
    assert abs(np.median(trace.rtt_s) - 0.035) < 0.003
    assert abs(np.log(trace.rtt_s).std() - 0.15) < 0.015
    assert abs(trace.jitter_s.mean() - 0.002) < 1e-4
    assert abs(np.corrcoef(trace.hint, trace.complexity)[0, 1]) > 0.6
    pairs = [("complexity", "persistent"), ("gain", "edge_load"), ("gain", "rtt_s"), ("complexity", "jitter_s")]
    for a, b in pairs:
        assert abs(np.corrcoef(getattr(trace, a), getattr(trace, b))[0, 1]) < 0.1, (a, b)
    assert abs(trace.noise.mean()) < 0.002
    assert abs(trace.noise.std() - 1.0) < 0.002
    assert abs(np.corrcoef(trace.noise[:, 0], trace.noise[:, 1])[0, 1]) < 0.03
    assert abs(np.corrcoef(trace.noise[:, 0], trace.persistent)[0, 1]) < 0.03
    assert abs(np.corrcoef(trace.noise[:, 5], trace.fading[:, 5])[0, 1]) < 0.03


def test_arrays_are_frozen():
    trace = InferenceTrace.draw(few(), seed=1)
    with pytest.raises(ValueError, match="read-only"):
        trace.gain[0] = 1.0
    mine = np.full(15, 1e-12)
    made = InferenceTrace.from_arrays(few(), gain=mine)
    mine[:] = 1.0
    np.testing.assert_array_equal(made.gain, 1e-12)


# ------------------------------------------------------------------ files
def test_save_and_load(tmp_path):
    trace = InferenceTrace.draw(few(), seed=1)
    for name in ("a.npz", "without-suffix"):
        trace.save(tmp_path / name)
        again = InferenceTrace.load(tmp_path / name)
        assert_same(arrays_of(again), arrays_of(trace))
    env = single("inference", few())
    actions = sampled(env.action_space, 15, seed=1)
    assert_same(play(env, actions, trace=again), play(env, actions, trace=trace))


def test_missing_file(tmp_path):
    for path, message in ((tmp_path / "none.npz", "no such trace file"), (tmp_path, "is a folder")):
        with pytest.raises(ValueError, match=message):
            InferenceTrace.load(path)


def test_damaged_files(tmp_path):
    """Any truncation and any flipped byte is refused, or provably harmless: the arrays are the same."""
    path = tmp_path / "t.npz"
    trace = InferenceTrace.draw(few("enachi", 4), seed=1)
    trace.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for k in range(250):
        damaged = bytearray(whole)
        if k % 4 == 0:
            damaged = damaged[: rng.integers(len(whole))]
        else:
            damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            again = InferenceTrace.load(path)
        except ValueError:
            refused += 1
        else:
            assert_same(arrays_of(again), arrays_of(trace))
    assert refused > 200


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_foreign_files(tmp_path):
    trace = InferenceTrace.draw(few(), seed=1)
    fine = {"format": np.array("splitgym-inference-trace-1"), **arrays_of(trace)}
    evil = np.empty(15, object)
    evil[:] = [Evil(tmp_path / "owned")] * 15
    cases = {
        "foreign": ({"x": np.zeros(3)}, "must have the format mark 'splitgym-inference-trace-1', got None"),
        "other": (
            {**fine, "format": np.array("splitgym-other-trace-1")},
            "must have the format mark .* got 'splitgym-other-trace-1'",
        ),
        "lacking": ({k: v for k, v in fine.items() if k != "noise"}, "expected one array 'noise', it has none"),
        "pickled": ({**fine, "gain": evil}, "array 'gain' must hold real numbers .* got an array of object"),
        "words": ({**fine, "gain": np.array(["1e-9"] * 15)}, "array 'gain' must hold real numbers"),
        "nan": ({**fine, "gain": np.full(15, np.nan)}, r"trace\.gain\[0\] must be a finite number"),
    }
    for name, (arrays, message) in cases.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(ValueError, match=message):
            InferenceTrace.load(tmp_path / f"{name}.npz")
    np.save(tmp_path / "one.npy", trace.gain)
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Evil(tmp_path / "owned")))
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("arrival_s,gain\n1,2\n")
    for name in ("one.npy", "pickle.npz", "empty.npz", "text.npz"):
        with pytest.raises(ValueError, match="not an npz file"):
            InferenceTrace.load(tmp_path / name)
    assert not (tmp_path / "owned").exists()


# ------------------------------------------------------------------ arrays made elsewhere
def test_from_arrays_draws_the_rest():
    scenario = few("enachi", 20)
    drawn = arrays_of(InferenceTrace.draw(scenario, seed=7))
    rng = np.random.default_rng(0)
    mine = {"gain": rng.random(20) * 1e-12, "complexity": rng.random(20), "fading": rng.random((20, 300))}
    made = arrays_of(InferenceTrace.from_arrays(scenario, seed=7, **mine))
    for name in ARRAYS:
        if name in mine:
            np.testing.assert_array_equal(made[name], mine[name])
        elif name == "noise":  # as wide as the gains that were given
            assert made[name].shape == (20, 300)
            np.testing.assert_array_equal(made[name][:, : drawn[name].shape[1]], drawn[name])
        else:
            np.testing.assert_array_equal(made[name], drawn[name])


def test_from_arrays_takes_lists_integers_and_fewer_tasks():
    trace = InferenceTrace.from_arrays(few("enachi", 20), gain=[1e-12, 2e-12], arrival_s=[0, 1])
    assert (trace.n_tasks, trace.gain.dtype, trace.arrival_s.dtype) == (2, np.float64, np.float64)
    narrow = InferenceTrace.from_arrays(few("enachi", 3), noise=np.zeros((3, 7)))
    assert narrow.fading.shape == (3, 7)
    assert (
        InferenceTrace.from_arrays(few("enachi", 3), seed=4).gain[0] == InferenceTrace.draw(few("enachi", 3), 4).gain[0]
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"gian": np.ones(15)}, "unknown trace array 'gian' .*known: arrival_s, "),
        ({"gain": np.ones(14), "complexity": np.ones(15) / 2}, r"complexity must have shape \(14,\), got \(15,\)"),
        ({"gain": np.ones((15, 2))}, r"trace\.gain must have shape \(15,\), got \(15, 2\)"),
        ({"gain": 1.0}, r"trace\.gain must have shape \(1,\), got \(\)"),
        ({"fading": np.ones(15)}, r"trace\.fading must have shape"),
        ({"fading": np.ones((15, 620)), "noise": np.ones((15, 610))}, r"trace\.noise must have shape \(15, 620\)"),
        ({"gain": np.r_[np.ones(3), np.nan, np.ones(11)]}, r"gain\[3\] must be .* >= 1e-40 and <= 1, got nan"),
        ({"gain": np.r_[np.ones(3), -1.0, np.ones(11)]}, r"trace\.gain\[3\] must be .* got -1.0 \(a ratio.* dB"),
        ({"gain": np.zeros(15)}, r"trace\.gain\[0\]"),
        ({"complexity": np.full(15, 1.5)}, r"trace\.complexity\[0\] must be a finite number >= 0 and <= 1, got 1.5"),
        ({"edge_load": np.ones(15)}, r"trace\.edge_load\[0\] must be a finite number >= 0 and <= 0\.999"),
        ({"deadline_s": np.zeros(15)}, r"trace\.deadline_s\[0\] must be a finite number >= 1e-06 and <= 1e\+06 s"),
        ({"jitter_s": np.full(15, np.inf)}, r"trace\.jitter_s\[0\]"),
        ({"arrival_s": np.arange(15)[::-1]}, r"trace\.arrival_s: arrival instants must be .*ascending"),
        ({"fading": np.where(np.arange(15 * 601).reshape(15, 601) == 602, -1.0, 1.0)}, r"fading\[1, 1\] must be"),
        ({"noise": np.full((15, 601), np.nan)}, r"trace\.noise\[0, 0\] must be"),
        ({"gain": np.array(["1"] * 15)}, r"trace\.gain must hold real numbers"),
        ({"gain": np.ones(15, complex)}, r"trace\.gain must hold real numbers"),
        ({"gain": [None] * 15}, r"trace\.gain must hold real numbers"),
    ],
)  # fmt: skip
def test_wrong_arrays_are_named(arrays, message):
    with pytest.raises(ValueError, match=message):
        InferenceTrace.from_arrays(few(), **arrays)


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        (InferenceTrace.draw(few(count=14)), r"the trace has 14 tasks, the scenario 15 \(tasks\.count\)"),
        (
            InferenceTrace.from_arrays(few(), deadline_s=np.full(15, 0.61)),
            "the trace has 601 slots per task, its longest deadline needs 610",
        ),
        ("trace.npz", r"must be an InferenceTrace, got str; load one with InferenceTrace\.load\(path\)"),
        ({"gain": 1}, "must be an InferenceTrace, got dict"),
    ],
)
def test_wrong_traces_are_refused_and_harm_nothing(trace, message):
    env, twin = single("inference", few()), single("inference", few())
    for e in (env, twin):
        e.reset(seed=1)
    with pytest.raises(ValueError, match=message):
        env.reset(seed=9, options={"trace": trace})
    action = sampled(env.action_space, 1, 0)[0]
    assert_same(env.step(action), twin.step(action))
    assert_same(env.reset(), twin.reset())


# ------------------------------------------------------------------ vector environments
def test_one_trace_for_all_rows_and_one_for_each():
    scenario = few()
    traces = [InferenceTrace.draw(scenario, seed=s) for s in (3, 4, 5)]
    envs = native(3, "inference", scenario)
    actions = sampled(envs.action_space, 15, seed=1)
    for given, seeds in ((traces, (3, 4, 5)), (tuple(traces), (3, 4, 5)), (traces[1], (4, 4, 4))):
        out = [envs.reset(options={"trace": given})] + [envs.step(a) for a in actions[:8]]
        for i, seed in enumerate(seeds):
            alone = play(single("inference", scenario), [a[i] for a in actions[:8]], seed=seed)
            for large, small in zip(out, alone, strict=False):
                np.testing.assert_array_equal(large[0][i], small[0])
                if len(small) == 5:
                    assert large[1][i] == small[1]


def test_rows_with_and_without_a_trace_live_together():
    scenario = few()
    envs = native(2, "inference", scenario, autoreset_mode="Disabled")
    envs.reset(seed=7)
    mask = np.array([False, True])
    envs.reset(options={"trace": InferenceTrace.draw(scenario, seed=3), "reset_mask": mask})
    actions = sampled(envs.action_space, 10, seed=1)
    out = [envs.step(a) for a in actions]
    alone = [play(single("inference", scenario), [a[i] for a in actions], seed=s)[1:] for i, s in ((0, 7), (1, 3))]
    for step, first, second in zip(out, *alone, strict=False):
        np.testing.assert_array_equal(step[0], [first[0], second[0]])
        np.testing.assert_array_equal(step[1], [first[1], second[1]])


def test_the_episode_after_a_trace_is_drawn_again():
    """A trace stands for one episode; the next one of the row is the successor by seed, as without it."""
    scenario = few()
    ours, plain = native(2, "inference", scenario), native(2, "inference", scenario)
    actions = sampled(ours.action_space, 40, seed=1)
    ours.reset(seed=5, options={"trace": [InferenceTrace.draw(scenario, seed=s) for s in (5, 6)]})
    plain.reset(seed=5)
    assert_same([ours.step(a) for a in actions], [plain.step(a) for a in actions])


def test_wrong_number_of_traces():
    envs = native(3, "inference", few())
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="one trace or one for each of 3 rows, got 2"):
        envs.reset(options={"trace": [InferenceTrace.draw(few())] * 2})


# ------------------------------------------------------------------ recorded arrivals
@pytest.fixture
def times_s():
    return np.cumsum(np.random.default_rng(0).random(15))


def test_recorded_arrivals(tmp_path, times_s):
    np.savez(tmp_path / "a.npz", arrival_s=times_s)
    lines = ["number,arrival_s", *(f"{k},{t!r}" for k, t in enumerate(times_s.tolist()))]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    outs = []
    for name in ("a.npz", "a.csv"):
        scenario = few(count=12, **{"arrivals.model": "recorded", "arrivals.parameters.file": str(tmp_path / name)})
        trace = InferenceTrace.draw(scenario, seed=1)
        np.testing.assert_array_equal(trace.arrival_s, times_s[:12])
        env = single("inference", scenario)
        actions = sampled(env.action_space, 12, seed=1)
        outs.append(play(env, actions, seed=1))
        assert_same(play(env, actions, trace=trace), outs[-1])
        envs = native(2, "inference", scenario)
        batch = vector_rollout(envs, [np.array([a, a]) for a in actions[:5]], seed=1)
        np.testing.assert_array_equal([b[0][0] for b in batch], [o[0] for o in outs[-1][:6]])
    assert_same(*outs)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"arrival_s\n1\n2\n", r"the scenario needs 12 arrival instants \(tasks\.count\), got 2"),
        ("a.csv", b"time\n1\n2\n", "line 1: expected a header with the column 'arrival_s'.*it has: 'time'"),
        ("a.csv", b"arrival_s\n" + b"1\nx\n" * 12, r"line 3, column 1 \(arrival_s\): expected a number, got 'x'"),
        ("a.csv", b"arrival_s\n" + b"nan\n" * 12, r"line 2, column 1 \(arrival_s\): expected a number, got 'nan'"),
        ("a.csv", b"number,arrival_s\n" + b"1\n" * 12, "line 2: expected 2 fields between commas, got 1"),
        ("a.csv", b"\xff\xfe\x00", "line 1, column 1: bytes 00 are not UTF-16-LE"),
        ("a.csv", b"", "line 1: it is empty; expected a header"),
        ("a.csv", b"arrival_s", r"the scenario needs 12 arrival instants \(tasks\.count\), got 0"),
        ("a.npz", b"not an archive", "is not an npz file"),
        ("a.csv", b"arrival_s\n" + b"\n".join(b"%d" % (20 - k) for k in range(15)), "ascending"),
        ("a.csv", b"arrival_s\n" + b"\n".join(b"%d" % (k - 1) for k in range(15)), ">= 0 s"),
    ],
)
def test_faulty_recordings(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        few(count=12, **{"arrivals.model": "recorded", "arrivals.parameters.file": str(tmp_path / name)})


@pytest.mark.parametrize(
    ("world", "key"),
    [("inference", "tasks.count"), ("hardware", "requests.count"), ("placement", "applications.count")],
)
def test_a_count_that_arrivals_do_not_allow_is_called_by_its_key(tmp_path, world, key):
    (tmp_path / "a.csv").write_text("arrival_s\n1\n2\n")
    load = functools.partial(WORLDS[world].load_scenario, "default")
    with pytest.raises(ValueError, match=rf"needs 7 arrival instants \({re.escape(key)}\), got 2"):
        load(**{key: 7, "arrivals.model": "recorded", "arrivals.parameters.file": str(tmp_path / "a.csv")})
    with pytest.raises(ValueError, match=rf"7000 tasks \({re.escape(key)}\) every 1e\+07 s take"):
        load(**{key: 7000, "arrivals.model": "poisson", "arrivals.parameters.mean_s": 1e7})


@pytest.mark.parametrize("gap", [400.0, 4e5])
def test_instants_in_milliseconds_are_warned_about(tmp_path, gap):
    """In files of both forms and in arrays of a trace; once each."""
    times_s = gap * np.arange(5)
    np.savez(tmp_path / "a.npz", arrival_s=times_s)
    (tmp_path / "a.csv").write_text("arrival_s\n" + "\n".join(map(str, times_s.tolist())))
    told = f"arrival_s, its mean gap: {gap} s is unusual; usual are 1e-05 to 60 s; in seconds: 400 ms are 0.4"
    for name in ("a.npz", "a.csv"):
        with pytest.warns(UserWarning, match=re.escape(told)) as caught:
            few(count=5, **{"arrivals.model": "recorded", "arrivals.parameters.file": str(tmp_path / name)})
        assert len(caught) == 1
    with pytest.warns(UserWarning, match=re.escape(told)) as caught:
        InferenceTrace.from_arrays(few(), arrival_s=times_s)
    assert len(caught) == 1


def test_an_unusual_value_that_is_everywhere_is_told_once():
    with pytest.warns(UserWarning, match="deadline_s: 30.0 s is unusual") as caught:
        InferenceTrace.from_arrays(few(), deadline_s=np.full(3, 30.0))
    assert len(caught) == 1


def test_missing_recording(tmp_path):
    with pytest.raises(ValueError, match=r"arrivals\.parameters\.file: no such file: .*gone\.csv"):
        few(**{"arrivals.model": "recorded", "arrivals.parameters.file": str(tmp_path / "gone.csv")})
