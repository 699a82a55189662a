"""The store of an evaluation: nothing lost, nothing played twice, whatever happens to the process or the disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from splitgym import evaluate, fading, load_scenario, register_policy, sweep
from splitgym.cli import main
from splitgym.evaluation.store import Store, code_version
from splitgym.evaluation.store_file import DamagedStoreError, Table
from splitgym.policy import POLICIES, load_baselines
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS

module = sys.modules["splitgym.evaluation.plans"]
SHORT = {"tasks.count": 12}
POLICIES_PLAYED = ["random", "enachi", "device"]
FILE = "SplitInference-v0.csv"


def play(store, policies=POLICIES_PLAYED, episodes=9, seed=0, **more):
    return evaluate(policies, episodes=episodes, seed=seed, changes=SHORT, store=store, workers=1, **more)


def figures(results) -> dict:
    """Everything but the times that the machine took."""
    names = [m.name for m in results.measures if m.name != "decision_s"]
    return {(p, name): repr(results.figure(p, name).tolist()) for p in results.policies for name in names}


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)


@pytest.fixture
def counted(monkeypatch):
    """Numbers of episodes really played, block by block."""
    blocks, real = [], module.play

    def counting(*args, **more):
        blocks.append(args[3])
        return real(*args, **more)

    monkeypatch.setattr(module, "play", counting)
    return blocks


# ------------------------------------------------------------------ going on
def test_what_is_there_is_not_played_again(tmp_path, small_blocks, counted) -> None:
    plain = evaluate(POLICIES_PLAYED, episodes=9, changes=SHORT, bound=True)
    counted.clear()
    first = play(tmp_path, bound=True)
    assert counted == [4, 4, 1] * 3
    counted.clear()
    again = play(tmp_path, bound=True)
    assert counted == []
    assert figures(plain) == figures(first) == figures(again)
    np.testing.assert_array_equal(first.bounds, again.bounds)
    np.testing.assert_array_equal(first.figure("enachi", "decision_s"), again.figure("enachi", "decision_s"))
    more = play(tmp_path, episodes=10)
    assert counted == [2] * 3  # the last block, in the company it would have had
    assert figures(evaluate(POLICIES_PLAYED, episodes=10, changes=SHORT)) == figures(more)


@pytest.mark.parametrize("world", WORLDS)
def test_an_interruption_anywhere_changes_no_figure(world: str, tmp_path, small_blocks, monkeypatch) -> None:
    """Stopped after every block in turn, and begun again, until it comes to its end."""
    env_id, real, allowed = WORLDS[world].env_id, module.play, [0]

    def failing(*args, **more):
        if not allowed[0]:
            raise KeyboardInterrupt
        allowed[0] -= 1
        return real(*args, **more)

    plain = evaluate(["random"], env_id, episodes=9)
    monkeypatch.setattr(module, "play", failing)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            evaluate(["random"], env_id, episodes=9, store=tmp_path, workers=1)
        allowed[0] = 1
    done = evaluate(["random"], env_id, episodes=9, store=tmp_path)
    assert figures(plain) == figures(done)
    (loaded,) = Store(tmp_path).results()
    assert figures(loaded) == figures(done)
    assert loaded.setting == done.setting


def test_a_killed_command_goes_on(tmp_path) -> None:
    """SIGKILL at a random moment, again and again; the figures in the end are those of a quiet run."""
    command = [sys.executable, "-m", "splitgym", "evaluate", *POLICIES_PLAYED, "--episodes", "150", "--bound"]
    command += ["--set", "tasks.count=60", "--store", str(tmp_path / "store"), "--json"]
    rng, kills = np.random.default_rng(0), 0
    for _ in range(60):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            before = size(tmp_path / "store")
            while process.poll() is None and size(tmp_path / "store") == before:  # until it keeps something
                time.sleep(0.002)
            time.sleep(float(rng.uniform(0.0, 0.05)))
            ended = process.poll() is not None
            process.kill()
        if ended:
            break
        kills += 1
    assert kills >= 3
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    (loaded,) = Store(tmp_path / "store").results()
    quiet = evaluate(POLICIES_PLAYED, episodes=150, changes={"tasks.count": 60}, bound=True)
    assert figures(loaded) == figures(quiet)
    lines = (tmp_path / "store" / FILE).read_text().splitlines()
    assert len(lines) == len(set(lines)) == 1 + 3 * 150


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.csv"))


def test_processes_write_to_one_store(tmp_path) -> None:
    """Four processes at once, two of them with the same work: every line whole, none twice."""
    common = [sys.executable, "-m", "splitgym", "evaluate", "--episodes", "100", "--set", "tasks.count=12"]
    shares = [["random", "enachi"], ["random", "enachi"], ["device", "enachi"], ["edge", "random"]]
    running = [
        subprocess.Popen([*common, *share, "--store", str(tmp_path)], stdout=subprocess.DEVNULL) for share in shares
    ]
    assert [process.wait() for process in running] == [0] * 4
    lines = (tmp_path / FILE).read_text().splitlines()
    assert len(lines) == 1 + 4 * 100
    (loaded,) = Store(tmp_path).results()
    names = ["random", "enachi", "device", "edge"]
    quiet = evaluate(names, episodes=100, changes=SHORT)
    assert {p: loaded.figure(p, "return").tolist() for p in names} == {
        p: quiet.figure(p, "return").tolist() for p in names
    }


# ------------------------------------------------------------------ damage
def test_a_torn_end_is_cut_off(tmp_path, small_blocks, counted) -> None:
    whole = play(tmp_path)
    path = tmp_path / FILE
    content = path.read_bytes()
    for end in (len(content) - 1, len(content) - 40, content.rfind(b"\n", 0, -1) + 1, 30):
        path.write_bytes(content[:end])
        counted.clear()
        assert figures(play(tmp_path)) == figures(whole)
        assert counted
        assert len(path.read_bytes().splitlines()) == len(content.splitlines())


@pytest.mark.parametrize("number", [1, 2, 14, 28])
def test_a_damaged_line_is_named_and_set_aside(number: int, tmp_path, small_blocks, counted, capsys) -> None:
    whole = play(tmp_path)
    path = tmp_path / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace(b"d", b"D", 1).replace(b"0", b"1", 1)
    path.write_bytes(b"".join(lines))
    damaged = path.read_bytes()
    with pytest.raises(DamagedStoreError, match=rf"line {number}: .*checksum.*--repair"):
        play(tmp_path)
    with pytest.raises(DamagedStoreError, match=rf"line {number}:"):
        Store(tmp_path).results()
    assert path.read_bytes() == damaged  # nothing is thrown away unasked
    assert main(["store", str(tmp_path)]) == 2
    assert f"line {number}:" in capsys.readouterr().err
    assert main(["store", str(tmp_path), "--repair"]) == 0
    assert "set aside: 1 damaged" in capsys.readouterr().out
    assert (tmp_path / f"{FILE}.damaged").read_bytes() == lines[number - 1]
    counted.clear()
    assert figures(play(tmp_path)) == figures(whole)
    assert len(counted) == (number > 1)


def test_every_flipped_bit_is_seen(tmp_path) -> None:
    table = Table(tmp_path / "t.csv", ["name", "seed"], ["value"])
    table.add([(('a,"b', str(i)), {"value": i / 3}) for i in range(3)])
    content = table.path.read_bytes()
    for place in range(len(content)):
        for bit in (0, 3, 6):
            table.path.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
            fresh = Table(table.path, ["name", "seed"], ["value"])
            try:
                rows = fresh.rows()
            except ValueError:
                continue
            assert place == len(content) - 1  # the last line has lost its end, so it is not there
            assert len(rows) == 2


def test_a_repair_beside_a_writer_loses_nothing(tmp_path) -> None:
    """A writer that has read the file before another repaired it begins anew."""
    mine, other = (Table(tmp_path / "t.csv", ["seed"], ["value"]) for _ in range(2))
    mine.add([((str(i),), {"value": float(i)}) for i in range(50)])
    assert len(mine.rows()) == 50
    content = mine.path.read_bytes()
    mine.path.write_bytes(content.replace(b"\n3,", b"\n8,", 1))
    assert other.repair() == 1
    other.add([((str(i),), {"value": float(i)}) for i in range(100, 150)])  # longer than when mine has read it
    mine.add([(("99",), {"value": 99.0})])
    assert set(Table(mine.path, ["seed"], ["value"]).rows()) == {
        (str(i),) for i in (*range(3), *range(4, 50), 99, *range(100, 150))
    }


def test_other_columns_are_refused(tmp_path) -> None:
    Table(tmp_path / "t.csv", ["seed"], ["value"]).add([(("0",), {"value": 1.0})])
    with pytest.raises(ValueError, match="another version"):
        Table(tmp_path / "t.csv", ["seed"], ["value", "more"]).rows()
    with pytest.raises(ValueError, match="line breaks"):
        Table(tmp_path / "u.csv", ["seed"], ["value"]).add([(("0\n1",), {"value": 1.0})])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.1 + 0.2, 5e-324, -0.0, 1e308])
def test_numbers_come_back_as_they_were(value: float, tmp_path) -> None:
    Table(tmp_path / "t.csv", ["seed"], ["value"]).add([(("0",), {"value": value})])
    back = Table(tmp_path / "t.csv", ["seed"], ["value"]).rows()[("0",)]["value"]
    assert np.array([back]).tobytes() == np.array([value]).tobytes()


# ------------------------------------------------------------------ what is the same episode
def test_scenarios_parameters_and_versions_are_told_apart(tmp_path, counted, monkeypatch) -> None:
    play(tmp_path, "enachi", 2)
    for policies, changes in (("enachi:eta=0.5", SHORT), ("enachi", {"tasks.count": 13}), ("lyap", SHORT)):
        counted.clear()
        evaluate(policies, episodes=2, changes=changes, store=tmp_path)
        assert counted == [2]
    counted.clear()
    play(tmp_path, "enachi", 2, num_threads=2)
    assert counted == []
    monkeypatch.setattr("splitgym.evaluation.store.code_version", lambda: "another")
    play(tmp_path, "enachi", 2)
    assert counted == [2]
    assert {entry[2] for entry in Store(tmp_path).contents()} == {code_version(), "another"}


def test_an_agent_is_known_by_its_weights(tmp_path, counted) -> None:
    from splitgym.agents.config import TrainConfig
    from splitgym.agents.training import train

    def agent(name: str, seed: int):
        hyper = {"n_steps": 8, "batch_size": 16, "n_epochs": 1}
        scenario = load_scenario("default", **SHORT)
        config = TrainConfig(scenario=scenario, n_envs=2, steps=16, net=(8,), hyper=hyper, seed=seed)
        return train(config, tmp_path / name, progress=False)

    first, other = agent("ppo", 0), agent("other", 1)
    play(tmp_path / "store", ["device", first], 3)
    counted.clear()
    play(tmp_path / "store", ["device", str(first)], 3)
    assert counted == []
    shutil.copy(other / "model.zip", first / "model.zip")  # other weights below the same name and configuration
    played = play(tmp_path / "store", ["device", first], 2)
    assert counted == [2]
    (loaded,) = Store(tmp_path / "store").results()
    assert loaded.agents == {"ppo"}
    assert loaded.specs == {"device": "device", "ppo": str(first)}
    assert loaded.seeds("ppo").tolist() == [0, 1]  # the third belongs to the weights of before
    assert figures(loaded) == figures(played)


def test_objects_need_an_identity(tmp_path) -> None:
    class Fixed:
        """Plays on the device."""

        name, action = "fixed", "multidiscrete"

        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            return np.tile([6, 6, 3, 0], (len(observation), 1)), state

    with pytest.raises(ValueError, match=r"'fixed' is an object .*identity"):
        play(tmp_path, ["random", Fixed()], 2)
    assert not (tmp_path / FILE).exists()  # refused before anything was played
    Fixed.identity = "always the same"
    assert play(tmp_path, ["random", Fixed()], 2).policies == ["random", "fixed"]
    (loaded,) = Store(tmp_path).results()
    assert loaded.agents == {"fixed"}


def test_a_plug_in_is_known_by_its_source(tmp_path) -> None:
    from splitgym.evaluation.policies import contender

    load_baselines()
    try:
        register_policy(type("Mine", (POLICIES["device"],), {"__module__": __name__}), name="m1")
        mine = contender("m1").identity
        assert mine == contender("m1").identity
        assert mine != contender("device").identity
    finally:
        POLICIES._table.pop("m1", None)


def test_a_plug_in_model_is_known_by_its_code(tmp_path, counted, monkeypatch) -> None:
    changes = {**SHORT, "fading.model": "flat"}

    def play(gain: float) -> None:
        monkeypatch.delitem(FADING._table, "flat", raising=False)
        fading("flat")(lambda rng, n_slots, slot_s: np.full(n_slots, gain))
        evaluate("device", episodes=2, changes=changes, store=tmp_path)

    try:
        play(1.0)
        play(1.0)
        assert counted == [2]
        play(0.5)
        assert counted == [2, 2]
        store = Store(tmp_path)
        assert len(store.results()) == 1  # of the code that is there; the other is told apart, with what to do
        (reason,) = store.refused.values()
        assert re.search("plug-in model has changed.*make it anew: splitgym evaluate device --env", reason)
    finally:
        del FADING._table["flat"]


def test_traces_and_stores_exclude_each_other(tmp_path) -> None:
    from splitgym.traces import InferenceTrace

    trace = InferenceTrace.draw(load_scenario("default", **SHORT), 0)
    with pytest.raises(ValueError, match="recorded traces"):
        evaluate("device", changes=SHORT, episodes=1, traces=[trace], store=tmp_path)


# ------------------------------------------------------------------ reading
def test_common_seeds_of_several_scenarios(tmp_path) -> None:
    play(tmp_path, "enachi", 5, bound=True)
    play(tmp_path, "random", 4, seed=2, bound=True)
    evaluate("random", "HardwareSplit-v0", "published", 2, store=tmp_path)
    two, one = sorted(Store(tmp_path).results(), key=lambda r: r.world.env_id)
    assert one.policies == ["enachi", "random"]
    assert one.seeds("random").tolist() == [2, 3, 4]
    assert one.bounds is not None
    assert one.changes == SHORT
    assert one.scenario.digest() == load_scenario("default", **SHORT).digest()
    assert two.world.env_id == "HardwareSplit-v0"
    assert two.bounds is None
    assert one.summary()[0]["policy"] == "enachi"


def test_a_sweep_goes_on_too(tmp_path, counted) -> None:
    over = {"radio.distance_m": [300.0, 900.0]}
    first = sweep("enachi", over=over, episodes=2, changes=SHORT, store=tmp_path)
    assert counted == [2, 2]
    again = sweep("enachi", over=over, episodes=2, changes=SHORT, store=tmp_path)
    assert counted == [2, 2]
    assert again.rows() == first.rows()
    assert [r.changes["radio.distance_m"] for r in Store(tmp_path).results()] == [300.0, 900.0]


def test_an_empty_store_says_what_to_do(tmp_path, capsys) -> None:
    with pytest.raises(ValueError, match="make some: splitgym evaluate all --bound --store"):
        Store(tmp_path / "nothing").results()
    play(tmp_path, "enachi", 3)
    evaluate("random", changes=SHORT, episodes=2, seed=50, store=tmp_path)
    with pytest.raises(ValueError, match="no seed in common"):
        Store(tmp_path).results()
    assert main(["store", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "50 to 51" in out
    assert "enachi" in out


def test_the_folder_may_not_be_writable_by_a_file(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((OSError, ValueError)):
        play(tmp_path / "file", "device", 1)


def test_a_folder_without_episodes_is_a_mistake(tmp_path: Path, capsys) -> None:
    """Most likely its name is misspelt; a store that a repair has emptied is none."""
    for options in ([], ["--repair"]):
        assert main(["store", str(tmp_path / "absent"), *options]) == 2
        assert "no results in" in capsys.readouterr().err
    assert not (tmp_path / "absent").exists()
    (tmp_path / "file").write_text("mine")
    for below in ("file", "file/store"):
        with pytest.raises(ValueError, match=r"store must be a folder, but .*file' is a file"):
            Store(tmp_path / below)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["{}.csv", ".{}.csv.lock"])
@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None)])
def test_what_is_no_file_is_refused(name: str, make, tmp_path) -> None:
    """A pipe would be waited for without an end."""
    make(tmp_path / name.format("SplitInference-v0"))
    with pytest.raises(ValueError, match="is not a file"):
        evaluate("device", episodes=1, changes=SHORT, store=tmp_path)


def test_long_episodes_are_played_fewer_at_once(counted, monkeypatch) -> None:
    """Memory does not grow with both lengths."""
    whole = evaluate("device", episodes=5, changes={"tasks.count": 4})
    monkeypatch.setattr(module, "MOST_STEPS", 9)
    parts = evaluate("device", episodes=5, changes={"tasks.count": 4})
    evaluate("device", episodes=2, changes={"tasks.count": 10})
    assert counted == [5, 2, 2, 1, 1, 1]
    assert parts.figure("device", "return").tolist() == whole.figure("device", "return").tolist()


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\x00b", "a\x9bb", "a\u202eb"])
@pytest.mark.parametrize("column", ["policy", "spec", "setting", "version"])
def test_a_strangers_words_do_not_command_the_terminal(tmp_path, capsys, column: str, name: str) -> None:
    """Whoever hands on a store can make its checksums."""
    store = Store(tmp_path)
    world = WORLDS["inference"]
    table = store.played(world)
    key = {"policy": "device", "agent": "False", "spec": "", "identity": "0", "setting": "x-0", "version": "1"}
    row = tuple({**key, "seed": "0", column: name}.values())
    table.add([(row, dict.fromkeys(table.figures, 0.0))])
    for command in ("store", "report"):
        assert main([command, str(tmp_path)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.strip().isprintable()
        assert f"SplitInference-v0.csv: {column} {name!r} holds a character that cannot be shown" in err


@pytest.mark.parametrize("changes", ['{"\\u001b[31m": 1}', '{"tasks.count": "\\u001b[31m"}'])
def test_nor_do_its_changes(tmp_path, capsys, changes: str) -> None:
    assert main(["evaluate", "device", "--set", "tasks.count=3", "--episodes", "2", "--store", str(tmp_path)]) == 0
    next((tmp_path / "settings").glob("*.json")).write_text(changes)
    capsys.readouterr()
    assert main(["report", str(tmp_path)]) == 2
    assert "holds a character that cannot be shown (U+001B)" in capsys.readouterr().err
