"""Minari data sets: what is kept is what was played, in all worlds and encodings, whatever interrupts it."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import splitgym
from splitgym.cli import main
from splitgym.offline import dataset as module
from splitgym.offline.plan import counts_of
from splitgym.placement.generate import random_instance
from splitgym.seeding import FIRST_TRAINING_SEED
from splitgym.worlds.world import WORLDS
from tests.helpers import ENCODED, SHORT, run_python

minari: Any = pytest.importorskip("minari", reason="the extra offline is not installed")

NINE = {"tasks.count": 9}
MIXED: dict[str, Any] = {"policies": ["enachi", "random"], "changes": NINE, "episodes": 70}


def infos_kept(world: str) -> list[str]:
    """Some columns of every kind: whole numbers, floats, flags, vectors."""
    return ["cost", *WORLDS[world].info_names[:12]]


def rows_of_dict(values: Any, i: int) -> Any:
    return {name: part[i] for name, part in values.items()} if isinstance(values, dict) else values[i]


def assert_replays(dataset: Any, episodes: list[int]) -> None:
    """The recovered environment gives the same observations, rewards, flags and infos, to the bit."""
    env = dataset.recover_environment()
    assert env.observation_space == dataset.observation_space
    assert env.action_space == dataset.action_space
    for i in episodes:
        episode, (about,) = dataset[i], dataset.storage.get_episode_metadata([i])
        observation, info = env.reset(seed=about["seed"])
        seen, rewards, flags, infos = [observation], [], [], [info]
        for k in range(len(episode)):
            action = rows_of_dict(episode.actions, k)
            assert env.action_space.contains(action)
            observation, reward, terminated, truncated, info = env.step(action)
            seen.append(observation)
            rewards.append(reward)
            flags.append((terminated, truncated))
            infos.append(info)
        np.testing.assert_array_equal(np.array(seen), episode.observations, strict=True)
        np.testing.assert_array_equal(np.array(rewards), episode.rewards, strict=True)
        assert flags == list(zip(episode.terminations, episode.truncations, strict=True))
        assert any(flags[-1])
        assert not np.any(flags[:-1])
        assert sum(rewards) == pytest.approx(about["return"], abs=1e-9)
        for name, column in episode.infos.items():
            np.testing.assert_array_equal(np.array([info[name] for info in infos]), column)


@pytest.mark.parametrize(("world", "action"), ENCODED)
def test_every_episode_replays(world: str, action: str, tmp_path: Path) -> None:
    policies = [next(name for name in splitgym.policy_names(WORLDS[world].env_id) if name != "random"), "random"]
    if world == "multiuser" and action == "discrete":
        changes = {**SHORT[world], "users.count": 1}
    else:
        changes = SHORT[world]
    kept = infos_kept(world)
    dataset = splitgym.record_dataset(
        policies,
        tmp_path / "mine-v0",
        WORLDS[world].env_id,
        episodes=3,
        action=action,
        changes=changes,
        infos=kept,
        episode_options={},
    )
    assert len(dataset) == 3
    assert [list(dataset[i].infos) for i in range(3)] == [sorted(kept)] * 3
    assert_replays(dataset, [0, 1, 2])
    metadata = list(dataset.storage.get_episode_metadata(range(3)))
    assert [m["policy"] for m in metadata] == [policies[0], policies[0], "random"]
    assert [m["seed"] for m in metadata] == [FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + 1, FIRST_TRAINING_SEED + 2]


@pytest.mark.parametrize("world", WORLDS)
def test_any_process_recovers_the_environment(world: str, tmp_path: Path) -> None:
    """One that has imported Minari only; by the name of a preset, and by the table of a changed one."""
    for name, changes in (("plain-v0", {}), ("changed-v0", SHORT[world])):
        made = splitgym.record_dataset(
            "random", tmp_path / name, WORLDS[world].env_id, episodes=1, seed=5, changes=changes
        )
        told = run_python(
            f"import minari; d = minari.MinariDataset({str(tmp_path / name / 'data')!r})\n"
            "e = d.recover_environment(); e.reset(seed=d.storage.metadata['splitgym']['first_seed'])\n"
            "[e.step(a) for a in d[0].actions[:-1]]\n"
            "print(e.unwrapped.scenario.digest(), e.step(d[0].actions[-1])[1] == d[0].rewards[-1])"
        )
        setting = WORLDS[world].load_scenario("default", **changes)
        assert str(told).split() == [setting.digest(), "True"]
        given = made.env_spec.kwargs["scenario"]
        assert isinstance(given, dict if changes else str)
        assert made.env_spec.id == f"splitgym:{WORLDS[world].env_id}"
        assert made.storage.metadata["splitgym"]["scenario_digest"] == setting.digest()


def test_the_id_decides_the_encoding(tmp_path: Path) -> None:
    made = splitgym.record_dataset("random", tmp_path / "a-v0", "SplitInferenceBox-v0", episodes=1, changes=NINE)
    assert made.action_space == gym.make("SplitInferenceBox-v0").action_space
    other = splitgym.record_dataset(
        "random", tmp_path / "b-v0", "SplitInferenceBox-v0", episodes=1, changes=NINE, action="dict"
    )
    assert other.action_space == gym.make("SplitInferenceDict-v0").action_space
    for dataset in (made, other):
        assert_replays(dataset, [0])


class Sure:
    """A trained model, as stable-baselines3's look from outside: box actions, some at the ends of the range."""

    name = "sure"

    def __init__(self) -> None:
        self.action_space = gym.make("SplitInferenceBox-v0").action_space

    def predict(self, observation: np.ndarray, **_: Any) -> tuple[np.ndarray, None]:
        width = self.action_space.shape[0]
        return np.clip(3.0 * observation[:, :width] + 0.1, -1.0, 1.0).astype(np.float32), None


@pytest.mark.parametrize("action", ["box", "discrete", "multidiscrete", "dict"])
def test_a_model_of_another_encoding_plays_what_is_written(action: str, tmp_path: Path) -> None:
    dataset = splitgym.record_dataset(Sure(), tmp_path / "m-v0", episodes=2, action=action, changes=NINE)
    assert_replays(dataset, [0, 1])
    if action == "box":
        expected = Sure().predict(dataset[0].observations[:-1])[0]
        np.testing.assert_array_equal(dataset[0].actions, expected, strict=True)


def test_decisions_are_the_policys_own(tmp_path: Path) -> None:
    """Those of a policy asked step by step in the recovered environment."""
    dataset = splitgym.record_dataset("enachi", tmp_path / "e-v0", episodes=2, action="dict", changes=NINE)
    env = dataset.recover_environment()
    policy = splitgym.make_policy("enachi", env)
    for k in range(len(dataset[1])):
        action, _ = policy.predict(dataset[1].observations[k])
        for name, value in action.items():
            np.testing.assert_array_equal(dataset[1].actions[name][k], value)


def test_random_is_random_in_every_part(tmp_path: Path) -> None:
    dataset = splitgym.record_dataset("random", tmp_path / "r-v0", episodes=70, changes=NINE)
    first = Counter(tuple(map(tuple, dataset[i].actions[:4])) for i in range(70) if len(dataset[i]) >= 4)
    assert len(first) > 60
    assert max(first.values()) == 1


# ------------------------------------------------------------------ what Minari does with it
def test_minari_finds_it_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minari.namespace import list_local_namespaces

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "root"))
    splitgym.record_dataset(out="minari:split/deep/mixed-v3", action="discrete", shares=[5, 2], **MIXED)
    dataset = minari.load_dataset("split/deep/mixed-v3")
    assert dataset.id == "split/deep/mixed-v3"
    assert list(minari.list_local_datasets()) == ["split/deep/mixed-v3"]
    assert set(list_local_namespaces()) == {"split", "split/deep"}
    assert [len(part) for part in minari.split_dataset(dataset, [50, 20], seed=1)] == [50, 20]
    about = dataset.storage.metadata["splitgym"]
    assert [(p["name"], p["episodes"], p["first_episode"]) for p in about["policies"]] == [
        ("enachi", 50, 0),
        ("random", 20, 50),
    ]
    returns = [m["return"] for m in dataset.storage.get_episode_metadata(range(70))]
    assert about["policies"][1]["return_mean"] == pytest.approx(np.mean(returns[50:]))
    worst, best = (about["policies"][i]["return_mean"] for i in (1, 0))
    np.testing.assert_allclose(minari.get_normalized_score(dataset, np.array([worst, best])), [0.0, 1.0])
    good = dataset.filter_episodes(lambda episode: episode.rewards.sum() >= np.median(returns))
    assert 35 <= len(good) < 70
    assert not list((tmp_path / "root" / "split" / "deep").glob(".*"))


def test_the_card_says_what_is_in_it(tmp_path: Path) -> None:
    dataset = splitgym.record_dataset(out=tmp_path / "c-v0", **MIXED)
    text = (tmp_path / "c-v0" / "README.md").read_text(encoding="utf-8")
    metadata = dataset.storage.metadata
    assert metadata["description"] == text
    about = metadata["splitgym"]
    setting = WORLDS["inference"].load_scenario("default", **NINE)
    for word in (setting.digest(), about["code"], *(p["identity"] for p in about["policies"]), str(2**32 + 69)):
        assert word in text
    assert metadata["algorithm_name"] == "enachi, random"
    identities = splitgym.evaluate(["enachi", "random"], episodes=1, changes=NINE)
    assert identities is not None


@pytest.mark.filterwarnings("ignore:.*is unusual:UserWarning")
def test_a_scenario_that_names_a_file_travels_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("instance.json").write_text(random_instance(5, blocks=3, exits=2, apps=2, seed=1).to_json())
    kinds = {"topology.kind": "file", "networks.kind": "file", "networks.names": []}
    setting = {**kinds, "topology.file": "instance.json"}
    dataset = splitgym.record_dataset("random", "p-v0", "BlockPlacement-v0", episodes=1, changes=setting)
    Path("instance.json").unlink()
    assert_replays(dataset, [0])


# ------------------------------------------------------------------ breaks
def bytes_of(folder: Path) -> dict[str, str]:
    """Every file below a folder -> digest of its bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("step", ["record", "write"])
def test_the_same_call_goes_on(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken at every part, and while it is written: the bytes in the end are those of a quiet call."""
    splitgym.record_dataset(out=tmp_path / "quiet" / "d-v0", **MIXED)
    real, calls = getattr(module, step), itertools.count()

    def failing(*args: Any, **kwargs: Any) -> Any:
        if next(calls) % 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs) if step == "record" else (real(*args, **kwargs), stop())

    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, failing)
    out, breaks = tmp_path / "broken" / "d-v0", 0
    for _ in range(10):
        try:
            splitgym.record_dataset(out=out, **MIXED)
            break
        except KeyboardInterrupt:
            breaks += 1
            assert not out.exists()
        if step == "write" and breaks == 2:
            monkeypatch.setattr(module, step, real)
    assert breaks >= 2
    assert bytes_of(out) == bytes_of(tmp_path / "quiet" / "d-v0")
    assert [path.name for path in out.parent.iterdir()] == ["d-v0"]


def test_a_damaged_part_is_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splitgym.record_dataset(out=tmp_path / "quiet" / "d-v0", **MIXED)
    out = tmp_path / "d-v0"
    with monkeypatch.context() as broken:
        broken.setattr(module, "write", lambda *_: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            splitgym.record_dataset(out=out, **MIXED)
    parts = sorted((tmp_path / ".d-v0.parts").glob("*.npz"))
    assert len(parts) == 4
    parts[0].write_bytes(parts[0].read_bytes()[:-500])
    parts[1].write_bytes(b"")
    middle = bytearray(parts[2].read_bytes())
    middle[len(middle) // 2] ^= 255
    parts[2].write_bytes(middle)
    splitgym.record_dataset(out=out, **MIXED)
    assert bytes_of(out) == bytes_of(tmp_path / "quiet" / "d-v0")


def test_a_killed_command_goes_on(tmp_path: Path) -> None:
    """SIGKILL as soon as another part is kept, until it ends by itself."""
    common = ["dataset", "enachi", "random", "--episodes", "130", "--set", "tasks.count=9", "--json", "--out"]
    command = [sys.executable, "-m", "splitgym", *common, str(tmp_path / "d-v0")]
    folder, kills = tmp_path / ".d-v0.parts", 0
    for _ in range(8):
        before = len(list(folder.glob("*.npz")))
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and len(list(folder.glob("*.npz"))) == before:
                time.sleep(0.002)
            ended = process.poll() is not None
            process.kill()
        if ended:
            break
        kills += 1
        if kills == 2:
            assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
            break
    assert kills >= 1
    assert main([*common, str(tmp_path / "quiet" / "d-v0")]) == 0
    assert bytes_of(tmp_path / "d-v0") == bytes_of(tmp_path / "quiet" / "d-v0")


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "d-v0"
    splitgym.record_dataset(out=out, **MIXED)
    before = bytes_of(out)
    monkeypatch.setattr(module, "record", None)  # nothing is played again
    assert len(splitgym.record_dataset(out=out, **MIXED)) == 70
    for change in ({"episodes": 69}, {"policies": ["random"]}, {"seed": 1}, {"action": "box"}, {"infos": ["energy_j"]}):
        with pytest.raises(ValueError, match="holds another data set, which is never overwritten"):
            splitgym.record_dataset(out=out, **{**MIXED, **change})
    (tmp_path / "e-v0").mkdir()
    with pytest.raises(ValueError, match="no data set of splitgym, which is never overwritten"):
        splitgym.record_dataset(out=tmp_path / "e-v0", **MIXED)
    assert bytes_of(out) == before


def test_unfinished_work_of_another_command_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(module, "write", lambda *_: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            splitgym.record_dataset(out=tmp_path / "d-v0", **MIXED)
        before = bytes_of(tmp_path)
        with pytest.raises(ValueError, match="an unfinished data set of other settings"):
            splitgym.record_dataset(out=tmp_path / "d-v0", **{**MIXED, "seed": 1})
        assert bytes_of(tmp_path) == before
        for _ in range(2):  # a model in memory cannot be known again: it begins anew, and takes nobody's place
            with pytest.raises(KeyboardInterrupt):
                splitgym.record_dataset(Sure(), tmp_path / "m-v0", episodes=1, changes=NINE)
    made = splitgym.record_dataset(Sure(), tmp_path / "m-v0", episodes=1, changes=NINE)
    assert made.storage.metadata["splitgym"]["policies"][0]["identity"] == "unknown"
    with pytest.raises(ValueError, match="never overwritten"):
        splitgym.record_dataset(Sure(), tmp_path / "m-v0", episodes=1, changes=NINE)


# ------------------------------------------------------------------ mistakes
def test_options_are_one_for_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"different episode options \(enachi: none; edge: packet_control=constant"):
        splitgym.record_dataset(["enachi", "edge"], tmp_path / "o-v0", episodes=2, changes=NINE)
    alone = splitgym.record_dataset("edge", tmp_path / "a-v0", episodes=1, changes=NINE)
    assert alone.env_spec.kwargs["episode_options"]["early_stop"] is False
    assert_replays(alone, [0])
    chosen = {"packet_control": "constant"}
    both = splitgym.record_dataset(
        ["enachi", "edge"], tmp_path / "b-v0", episodes=2, changes=NINE, episode_options=chosen
    )
    assert both.env_spec.kwargs["episode_options"] == chosen
    assert_replays(both, [0, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out": "d"}, "out must end in a name of letters, digits, - and _ with a version"),
        ({"out": "minari:-v0"}, "out must end in a name"),
        ({"out": "minari:a/b-v0"}, "out must end in a name"),
        ({"out": "minari:../b-v0"}, "out must end in a name"),
        ({"out": 3}, "out must be the path"),
        ({"episodes": 1}, "episodes=1 leave a policy of 2 with none"),
        ({"episodes": 0}, "episodes must be an integer >= 1"),
        ({"shares": [1]}, "shares must be 2 positive numbers"),
        ({"shares": [1, -1]}, "shares must be 2 positive numbers"),
        ({"shares": [1, float("nan")]}, "shares must be 2 positive numbers"),
        ({"seed": -1}, "seed must be an integer >= 0"),
        ({"action": "boxes"}, "unknown action encoding 'boxes'; did you mean 'box'"),
        ({"infos": ["energy"]}, "has no 'energy' in info; did you mean 'energy_j'"),
        ({"infos": ["reward"]}, "has no 'reward' in info"),
        ({"episode_options": {"early": True}}, "unknown episode option 'early'"),
        ({"policies": ["random", "random"]}, "policies need different names"),
    ],
)
def test_mistakes_are_named_before_anything_is_made(
    change: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        splitgym.record_dataset(**{"out": "d-v0", **MIXED, **change})
    assert list(tmp_path.iterdir()) == []


def test_shares_divide_the_episodes() -> None:
    assert counts_of(10, None, 3) == (4, 3, 3)
    assert counts_of(10, [0.7, 0.3], 2) == (7, 3)
    assert counts_of(1000, [1, 1, 2], 3) == (250, 250, 500)
    assert counts_of(7, [1, 1], 2) == (4, 3)
    assert all(sum(counts_of(n, [3, 2, 1, 7], 4)) == n for n in range(13, 200))


def test_the_command_says_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    common = ["dataset", "enachi", "random", "--episodes", "4", "--set", "tasks.count=9", "--shares", "3", "1"]
    assert main([*common, "--out", "minari:split/d-v0"]) == 0
    told = capsys.readouterr().out
    assert "minari.load_dataset('split/d-v0')" in told
    assert "enachi" in told
    assert main([*common, "--out", "minari:split/d-v0", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert [p["episodes"] for p in about["policies"]] == [3, 1]
    assert about["steps"] == minari.load_dataset("split/d-v0").total_steps
    assert main([*common, "--out", str(tmp_path / "x-v0"), "--option", "early_stop=false", "--infos"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "minari." in line]
    dataset = eval(line.partition("in Python: ")[2], {"minari": minari})
    assert dataset.env_spec.kwargs["episode_options"] == {"early_stop": False}
    assert main([*common, "--out", str(tmp_path / "x-v0")]) == 2
    assert "never overwritten" in capsys.readouterr().err
