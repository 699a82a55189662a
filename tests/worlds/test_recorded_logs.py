"""Channels and arrivals from logs: windows of nature, the same in all ways to play, in all worlds that have them."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from splitgym.evaluation import evaluate
from splitgym.physics.channel_log import window_begin_s
from splitgym.seeding import episode_key, seed_key
from splitgym.worlds.inference.nature import fill_tasks
from splitgym.worlds.inference.trace import InferenceTrace
from splitgym.worlds.multiuser.trace import MultiUserTrace
from splitgym.worlds.world import WORLDS
from tests.helpers import as_native, assert_same, native, rollout, sampled, short, single, vector_rollout

WITH_CHANNEL = ("inference", "multiuser", "transmission")
WITH_ARRIVALS = ("inference", "hardware", "placement")
#: What makes a world's tasks arrive.
ARRIVING = {"inference": {}, "hardware": {"requests.queueing": True}, "placement": {}}
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples"
STEP_S, MEAN_DB, STD_DB, MEMORY_S = 0.1, -105.0, 6.0, 2.0


@functools.cache
def path_db(n: int = 20_000) -> np.ndarray:
    """A Gauss-Markov path of the gain [dB] with known mean, spread and memory."""
    rng, keep = np.random.default_rng(3), np.exp(-STEP_S / MEMORY_S)
    path = np.empty(n)
    path[0] = rng.standard_normal()
    for k in range(1, n):
        path[k] = keep * path[k - 1] + np.sqrt(1.0 - keep * keep) * rng.standard_normal()
    return MEAN_DB + STD_DB * path


def write(path: Path, times_s: np.ndarray, values_db: np.ndarray) -> str:
    rows = [f"{t:.4f},{v:.6f}" for t, v in zip(times_s, values_db, strict=True)]
    path.write_text("time,gain\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs: ``slow.csv`` of 2000 s, ``fine.csv`` of a value each half slot, instants and counts of arrivals."""
    folder = tmp_path_factory.mktemp("logs")
    write(folder / "slow.csv", STEP_S * np.arange(20_000), path_db())
    rng = np.random.default_rng(5)
    write(folder / "fine.csv", 5e-4 * np.arange(24_000), -105.0 + 3.0 * rng.standard_normal(24_000))
    instants = np.cumsum(rng.exponential(0.4, 400))
    (folder / "instants.csv").write_text("time\n" + "\n".join(f"{t:.6f}" for t in instants) + "\n", encoding="utf-8")
    counts = "\n".join(f"{k},{rng.poisson(2.5)}" for k in range(120))
    (folder / "counts.csv").write_text(f"second,count\n{counts}\n", encoding="utf-8")
    return folder


def settings(world: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Name -> changes of a scenario that uses logs."""
    slow, fine = str(folder / "slow.csv"), str(folder / "fine.csv")
    found: dict[str, dict[str, Any]] = {}
    if world in WITH_CHANNEL:
        found = {
            "slow": {"radio.recorded.file": slow},
            "test part": {"radio.recorded.file": slow, "radio.recorded.split": "test"},
            "both": {"radio.recorded.file": fine, "radio.recorded.fading": "log", "radio.recorded.average_s": 0.05},
        }
    if world == "multiuser":
        found["two logs"] = {"radio.recorded.file": [slow, fine]}
    if world in WITH_ARRIVALS:
        for name, more in (("instants", {}), ("counts", {"time": "second", "split": "test"})):
            parameters = {"file": str(folder / f"{name}.csv"), **more}
            found[name] = {"arrivals": {"model": "log", "parameters": parameters}, **ARRIVING[world]}
    return found


CASES = [(w, name) for w in WITH_CHANNEL for name in ("slow", "both")]
CASES += [(w, name) for w in WITH_ARRIVALS for name in ("instants", "counts")]
CASES += [("multiuser", "two logs"), ("inference", "test part")]


# ------------------------------------------------------------------ one formula
@pytest.mark.parametrize(("world", "name"), CASES)
def test_native_is_sync_is_single_is_replay(world, name, folder):
    scenario = short(world, "default", **settings(world, folder)[name])
    ours = native(3, world, scenario)
    theirs = SyncVectorEnv([lambda: single(world, scenario)] * 3)
    actions = sampled(ours.action_space, 60, seed=1)
    assert_same(vector_rollout(ours, actions), as_native(vector_rollout(theirs, actions)))
    trace_type, env = WORLDS[world].trace_type, single(world, scenario)
    trace = trace_type.draw(scenario, seed=7)
    path = folder / "replay.npz"
    trace.save(path)
    own = sampled(env.action_space, 60, seed=2)
    drawn = rollout(env, own, seed=7)
    assert_same(rollout(env, own, seed=7, trace=trace_type.load(path)), drawn)


@pytest.mark.parametrize(("world", "name"), CASES)
def test_no_policy_beats_the_bound(world, name, folder):
    scenario = short(world, "default", **settings(world, folder)[name])
    results = evaluate(
        ["random", WORLDS[world].showcase], WORLDS[world].env_id, scenario, episodes=3, seed=0, bound=True
    )
    assert all(row["gap"] >= 0.0 for row in results.rows())


# ------------------------------------------------------------------ windows
def gains_of(scenario: Any, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrivals [s] and gains [dB] of as many episodes, (seeds, n_tasks)."""
    traces = [InferenceTrace.of_key(scenario, episode_key(seed_key(seed), 0), 1) for seed in range(seeds)]
    return np.array([t.arrival_s for t in traces]), 10.0 * np.log10(np.array([t.gain for t in traces]))


def test_a_gauss_markov_path_gives_back_its_statistics(folder):
    """Mean, spread and memory of the known law, within three standard errors of a path of 2000 s."""
    changes = {"radio.recorded.file": str(folder / "slow.csv"), "radio.recorded.split": "all", "tasks.count": 50}
    periodic = {"arrivals.model": "periodic", "arrivals.parameters.period_s": 0.4}
    scenario = WORLDS["inference"].load_scenario("default", **changes, **periodic)
    _, level_db = gains_of(scenario, 400)
    independent = 20_000 * STEP_S / (2.0 * MEMORY_S)  # samples of the path
    assert abs(level_db.mean() - MEAN_DB) < 3.0 * STD_DB / np.sqrt(independent)
    assert abs(level_db.std() - STD_DB) < 3.0 * STD_DB / np.sqrt(2.0 * independent)
    centred = level_db - level_db.mean()
    memory = (centred[:, 1:] * centred[:, :-1]).mean() / (centred**2).mean()
    assert abs(memory - np.exp(-0.4 / MEMORY_S)) < 0.03
    assert len(np.unique(level_db[:, 0])) > 350  # every seed plays another window


def test_gains_are_those_of_the_window(folder):
    scenario = WORLDS["inference"].load_scenario(
        "default", **{"radio.recorded.file": str(folder / "slow.csv"), "tasks.count": 40}
    )
    arrivals_s, level_db = gains_of(scenario, 20)
    log_s, values_db = STEP_S * np.arange(16_000), np.round(path_db()[:16_000], 6)
    for seed in range(20):
        log = np.array([[0.0, 1600.0], [0.0, 0.0]])  # its length alone says where a window may begin
        begin_s = window_begin_s(
            episode_key(seed_key(seed), 0), log, arrivals_s[seed, -1] + scenario.tasks.deadline_max_s
        )
        assert 0.0 <= begin_s <= 1600.0 - arrivals_s[seed, -1]
        expected = values_db[np.searchsorted(log_s, begin_s + arrivals_s[seed] + 1e-9, side="right") - 1]
        assert level_db[seed] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("count", [20, 2000])
def test_train_and_test_windows_never_overlap(count, tmp_path):
    """Also where an episode is longer than its part, and the part is played in a circle."""
    levels = np.where(np.arange(500) < 350, -100.0, -120.0) - np.arange(500) / 1000.0
    file = write(tmp_path / "log.csv", np.arange(500.0), levels)
    seen = {}
    for split in ("train", "test"):
        recorded = {"file": file, "split": split, "train_share": 0.7}
        changes = {f"radio.recorded.{key}": value for key, value in recorded.items()}
        scenario = WORLDS["inference"].load_scenario("default", **changes, **{"tasks.count": count})
        _, level_db = gains_of(scenario, 20)
        seen[split] = set(np.round(level_db, 3).ravel().tolist())
        if count == 2000:  # 800 s, longer than the log: everything is played
            assert len(seen[split]) == (350 if split == "train" else 150)
    assert min(seen["train"]) > -101.0
    assert max(seen["test"]) < -119.0


def arrivals_of(world: str, scenario: Any, seed: int) -> np.ndarray:
    """Instants [s] of an episode."""
    trace: Any = WORLDS[world].trace_type.draw(scenario, seed=seed)
    return trace.arrival_s


@pytest.mark.parametrize("world", WITH_ARRIVALS)
def test_arrivals_are_windows_of_their_part(world, folder):
    """The gaps between arrivals are neighbours in the log, of the part alone, and every seed plays others."""
    instants_s = np.loadtxt(folder / "instants.csv", skiprows=1)
    gaps_s, passed_s = np.diff(instants_s), instants_s[1:] - instants_s[0]
    early, seen = passed_s <= 0.6 * passed_s[-1], {}
    for split, inside in (("train", early), ("test", ~early)):
        parameters = {"file": str(folder / "instants.csv"), "split": split, "train_share": 0.6}
        changes = {"arrivals": {"model": "log", "parameters": parameters}, **ARRIVING[world]}
        scenario = short(world, "default", **changes)
        begins = set()
        for seed in range(30):
            drawn = np.diff(arrivals_of(world, scenario, seed))
            windows = np.lib.stride_tricks.sliding_window_view(gaps_s[inside], len(drawn))
            found = np.flatnonzero((np.abs(windows - drawn) < 1e-9).all(axis=1))
            assert len(found) == 1
            begins.add(int(found[0]))
        assert len(begins) > 20
        seen[split] = scenario.digest()
    assert seen["train"] != seen["test"]


def test_worlds_without_arrivals_take_no_log_of_them(folder):
    given = {"arrivals": {"model": "log", "parameters": {"file": str(folder / "instants.csv")}}}
    for world in sorted(set(WORLDS) - set(WITH_ARRIVALS)):
        with pytest.raises(ValueError, match="unknown key 'arrivals'"):
            short(world, "default", **given)
    with pytest.raises(ValueError, match=r"arrivals.model='log' needs requests.queueing = true"):
        short("hardware", "default", **given)


def test_devices_play_windows_of_their_own(folder, tmp_path):
    log = write(tmp_path / "low.csv", np.arange(100.0), np.full(100, -130.0) - np.arange(100.0) / 100.0)
    changes = {"users.count": 3, "frames.count": 10, "users.near_factor": 0.5, "users.far_factor": 2.0}
    one = {"radio.recorded.file": str(folder / "slow.csv")}
    two = {"radio.recorded.file": [str(folder / "slow.csv"), log]}
    own = MultiUserTrace.draw(WORLDS["multiuser"].load_scenario("default", **changes, **one), seed=1)
    assert len({tuple(row) for row in own.gain.tolist()}) == 3
    dealt = MultiUserTrace.draw(WORLDS["multiuser"].load_scenario("default", **changes, **two), seed=1)
    np.testing.assert_array_equal(dealt.gain[[0, 2]], own.gain[[0, 2]])  # in turn, whatever the others play
    assert (dealt.gain[1] < 1e-13).all()
    levels = set(np.round(path_db(), 6).tolist())
    assert {round(v, 6) for v in (10.0 * np.log10(own.gain)).ravel().tolist()} <= levels  # distances do not matter


def test_fading_from_a_fine_log(folder):
    """Slow gain times fading is the log itself, at the instants of the slots."""
    scenario = short("inference", "default", **settings("inference", folder)["both"])
    trace = InferenceTrace.draw(scenario, seed=4)
    values_db = np.genfromtxt(folder / "fine.csv", delimiter=",", skip_header=1)[:19_200, 1]
    log = np.array([[0.0, 9.6], [0.0, 0.0]])
    span_s = float(trace.arrival_s[-1]) + scenario.tasks.deadline_max_s
    begin_s = window_begin_s(episode_key(seed_key(4), 0), log, span_s)
    at_s = begin_s + trace.arrival_s[:, None] + 1e-3 * np.arange(trace.n_slots)
    expected = values_db[np.floor(np.mod(at_s, 9.6) / 5e-4 + 1e-6).astype(int)]
    total_db = 10.0 * np.log10(trace.gain[:, None] * trace.fading)
    assert (np.abs(total_db - expected) < 1e-6).mean() > 0.999  # but where an instant is a border
    assert abs(trace.fading.mean() - 1.0) < 0.05


# ------------------------------------------------------------------ scenarios
def test_the_digest_follows_the_content(folder, tmp_path):
    load = WORLDS["inference"].load_scenario
    there = tmp_path / "elsewhere.csv"
    shutil.copy(folder / "slow.csv", there)
    one = load("default", **{"radio.recorded.file": str(folder / "slow.csv")})
    assert load("default", **{"radio.recorded.file": str(there)}).digest() == one.digest()
    assert (
        load("default", **{"radio.recorded.file": str(there), "radio.recorded.split": "test"}).digest() != one.digest()
    )
    there.write_text(there.read_text() + "2000.0,-100.0\n")
    assert load("default", **{"radio.recorded.file": str(there)}).digest() != one.digest()
    arrivals = {"arrivals.model": "log", "arrivals.parameters.file": str(folder / "instants.csv")}
    first = load("default", **arrivals)
    shutil.copy(folder / "instants.csv", tmp_path / "i.csv")
    assert (
        load("default", **{**arrivals, "arrivals.parameters.file": str(tmp_path / "i.csv")}).digest() == first.digest()
    )


def test_a_saved_scenario_brings_its_logs(folder, tmp_path):
    load = WORLDS["multiuser"].load_scenario
    one = load("default", **{"radio.recorded.file": [str(folder / "slow.csv"), str(folder / "fine.csv")]})
    one.save(tmp_path / "here" / "mine.toml")
    (tmp_path / "here").rename(tmp_path / "there")
    again = load(tmp_path / "there" / "mine.toml")
    assert again.digest() == one.digest()
    assert_same(MultiUserTrace.draw(again, 3).gain, MultiUserTrace.draw(one, 3).gain)


@pytest.mark.parametrize("world", WITH_ARRIVALS)
def test_a_saved_scenario_brings_its_log_of_arrivals(world, folder, tmp_path):
    one = short(world, "default", **settings(world, folder)["counts"])
    one.save(tmp_path / "here" / "mine.toml")
    (tmp_path / "here").rename(tmp_path / "there")
    again = WORLDS[world].load_scenario(tmp_path / "there" / "mine.toml")
    assert again.digest() == one.digest()
    assert_same(arrivals_of(world, again, 3), arrivals_of(world, one, 3))


def test_what_cannot_be_played_is_refused(folder):
    load = WORLDS["inference"].load_scenario
    slow = str(folder / "slow.csv")
    with pytest.raises(ValueError, match=r"radio.recorded.fading: .*slow.csv has a value every 0.1 s, too coarse"):
        load("default", **{"radio.recorded.file": slow, "radio.recorded.fading": "log"})
    with pytest.raises(
        ValueError, match=r"radio.recorded.split must be one of train, test, all, got 'tset'; did you mean"
    ):
        load("default", **{"radio.recorded.file": slow, "radio.recorded.split": "tset"})
    with pytest.raises(ValueError, match=r"unknown key 'radio.recorded.colum'; did you mean 'column'"):
        load("default", **{"radio.recorded.file": slow, "radio.recorded.colum": "gain"})
    with pytest.raises(ValueError, match=r"radio.recorded.file: no such file: 'gone.csv'"):
        load("default", **{"radio.recorded.file": "gone.csv"})
    with pytest.raises(ValueError, match=r"radio.recorded.file must name a log"):
        load("default", **{"radio.recorded.file": ""})
    rare = {"model": "log", "parameters": {"file": str(folder / "instants.csv"), "mean_s": 1e7}}
    with pytest.raises(ValueError, match=r"may take .* an episode lasts at most"):
        load("default", **{"arrivals": rare, "tasks.count": 10_000})


def test_path_loss_has_no_effect_beside_a_log(folder):
    load, recorded = WORLDS["inference"].load_scenario, {"radio.recorded.file": str(folder / "slow.csv")}
    with pytest.warns(
        UserWarning, match=r"radio.distance_m has no effect here: the slow gain comes from radio.recorded"
    ):
        far = load("default", **recorded, **{"radio.distance_m": 900.0})
    assert_same(InferenceTrace.draw(far, 3).gain, InferenceTrace.draw(load("default", **recorded), 3).gain)


def test_the_same_machine_code_with_and_without_logs(folder):
    """Another world that has been compiled in this process may have a signature of its own."""
    found = []
    for changes in ({}, settings("inference", folder)["slow"], settings("inference", folder)["counts"]):
        single("inference", short("inference", "default", **changes)).reset(seed=0)
        InferenceTrace.draw(short("inference", "default", **changes))
        found.append(list(getattr(fill_tasks, "signatures", ())))
    assert found[0] == found[1] == found[2]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not here")
def test_the_samples_work_with_one_option_each():
    load = WORLDS["inference"].load_scenario
    drive = load("default", **{"radio.recorded.file": str(SAMPLES / "drive_5g.csv"), "tasks.count": 10})
    assert (InferenceTrace.draw(drive).gain > 1e-13).all()
    log = {"model": "log", "parameters": {"file": str(SAMPLES / "arrivals_llm.csv")}}
    assert (np.diff(InferenceTrace.draw(load("default", arrivals=log)).arrival_s) >= 0.0).all()
