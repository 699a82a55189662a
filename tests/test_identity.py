"""Equal digests mean equal figures: every key of every preset, every file that is named, every way to write them."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import os
import pickle
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym import evaluate, fading, load_profile, load_scenario
from splitgym.digests import code_version, digest, is_setting_of
from splitgym.evaluation.store import Store
from splitgym.named_files import NamedFile, beside
from splitgym.placement.generate import random_instance
from splitgym.placement.instance import load_instance
from splitgym.policy import make_policy
from splitgym.profiles import load_hardware
from splitgym.strict import Strict
from splitgym.toml import dump_toml
from splitgym.worlds.hardware.workload import published_thresholds_s
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, SHORT, assert_same, rollout, sampled, short, single

LABELS = {"name", "description", "source", "note", "shift"}


def leaves(thing: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Dotted path, value and field of everything below a strict object that can be replaced by its path."""
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, Strict):
            yield from leaves(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value, field


def others(value: Any) -> Iterator[Any]:
    """Values near to one, of which at least one should be accepted in its place."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value * 1.01, value * 0.99, value + 0.01)
    elif isinstance(value, str):
        yield f"{value} x"
    elif isinstance(value, tuple) and value and isinstance(value[0], Strict):
        for i, part in enumerate(value):
            for name, inner, _ in leaves(part):
                for other in others(inner):
                    yield (*value[:i], {**part.to_dict(), name: other}, *value[i + 1 :])
    elif isinstance(value, tuple) and value:
        yield from ((*value[:-1], other) for other in others(value[-1]))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: other} for other in others(inner))


def words(scenario: Strict) -> dict[str, Any]:
    """Every label of a scenario, changed."""
    changes = {}
    for path, value, field in leaves(scenario):
        if field.metadata.get("label"):
            changes[path] = {"anything": "measured: here"} if isinstance(value, dict) else f"{value} renamed"
    return changes


def played(world: str, scenario: Any) -> list:
    env = single(world, scenario)
    return rollout(env, sampled(env.action_space, 12, seed=5), seed=5)


# ------------------------------------------------------------------ keys
@pytest.mark.filterwarnings("ignore:.*is unusual:UserWarning")
@pytest.mark.parametrize(("world", "preset"), CASES)
def test_every_key_counts_but_words(world: str, preset: str) -> None:
    scenario = short(world, preset)
    known, changed = {scenario.digest(): scenario}, 0
    for path, value, field in leaves(scenario):
        if field.metadata.get("label"):
            assert path.rpartition(".")[2] in LABELS
            continue
        for other in others(value):
            try:
                mutant = scenario.replace(**{path: other})
            except ValueError:
                continue
            assert known.setdefault(mutant.digest(), mutant) == mutant, f"{path}={other!r} does not count"
            changed += mutant != scenario
    assert changed >= {"hardware": 40, "placement": 15, "transmission": 35}.get(world, 45)


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_words_change_neither_digest_nor_figures(world: str, preset: str) -> None:
    scenario = short(world, preset)
    changes = words(scenario)
    if (world, preset) == ("hardware", "published"):
        del changes["hardware.name"]  # it chooses the thresholds there
    renamed = scenario.replace(**changes)
    assert renamed != scenario
    assert renamed.digest() == scenario.digest()
    assert_same(played(world, renamed), played(world, scenario))


def test_names_that_decide_count() -> None:
    profile = load_hardware("vgg16")
    published = {name: load_scenario("published", "HardwareSplit-v0", hardware=profile.replace(name=name))
                 for name in ("vgg16", "vit")}  # fmt: skip
    assert published["vgg16"].digest() != published["vit"].digest()
    assert (published_thresholds_s(published["vgg16"].hardware, 9) != published_thresholds_s(
        published["vit"].hardware, 9)).any()  # fmt: skip
    weibull = [load_scenario("default", "HardwareSplit-v0", hardware=s.hardware) for s in published.values()]
    assert weibull[0].digest() == weibull[1].digest()  # where the name decides nothing
    table: Any = load_profile("resnet50").to_dict()
    swapped = copy.deepcopy(table)
    one, two = (b for b in swapped["blocks"] if b["name"] in ("layer1", "layer2"))
    one["name"], two["name"] = two["name"], one["name"]  # the exits move with the names
    assert load_scenario("default", dnn=table).digest() != load_scenario("default", dnn=swapped).digest()


def test_parameters_of_plug_ins_count_whatever_their_names(tmp_path: Path) -> None:
    @fading("named")
    def named(rng, n_slots, slot_s, *, name: str = "a", source: float = 1.0, description: str = "b"):
        return np.full(n_slots, 2.0 if name == "a" else source)

    default: dict[str, Any] = {
        "fading": {"model": "named", "parameters": {"name": "a", "source": 1.0, "description": "b"}}
    }
    digests = {load_scenario("default", **default).digest()}
    for key, value in (("name", "c"), ("source", 2.0), ("description", "d")):
        digests.add(load_scenario("default", **default).replace(**{f"fading.parameters.{key}": value}).digest())
    assert len(digests) == 4


# ------------------------------------------------------------------ canonical forms
@pytest.mark.parametrize("world", WORLDS)
def test_one_value_has_one_digest(world: str) -> None:
    """Whole numbers for floats, NumPy's, lists for tuples, another order of keys, and both zeros."""
    scenario = WORLDS[world].load_scenario("default")
    zeros = 0
    for path, value, field in leaves(scenario):
        if isinstance(value, float) and not isinstance(value, bool):
            forms: list[Any] = [np.float64(value), *([int(value)] if value.is_integer() else [])]
        else:
            forms = [list(value)] if isinstance(value, tuple) else []
        for form in forms:
            same = scenario.replace(**{path: form})
            assert (same, same.digest()) == (scenario, scenario.digest()), path
        if isinstance(value, float) and "unit" in field.metadata:
            try:
                plus, minus = (scenario.replace(**{path: zero}) for zero in (0.0, -0.0))
            except ValueError:
                continue
            zeros += 1
            assert plus.digest() == minus.digest() == _reread(world, minus).digest()
            assert minus.to_toml() == plus.to_toml()
    assert zeros >= 1
    assert WORLDS[world].load_scenario(_backwards(scenario.to_dict())).digest() == scenario.digest()


def test_zeros_in_lists_and_parameters() -> None:
    one, other = (
        load_scenario("default", **{"fading.parameters.coherence_s": zero, "radio.power_levels_w": [zero, 0.1]})
        for zero in (0.0, -0.0)
    )
    assert one.digest() == other.digest()
    assert one.to_toml() == other.to_toml()


def _backwards(table: Any) -> Any:
    return {k: _backwards(v) for k, v in reversed(table.items())} if isinstance(table, dict) else table


def _reread(world: str, scenario: Any) -> Any:
    return WORLDS[world].load_scenario(tomllib.loads(scenario.to_toml()))


def test_texts_count_letter_by_letter() -> None:
    """Two ways to write the same letter in Unicode are two texts, in every digest and after a round trip."""
    blocks = [{"name": name, "macs": 1, "shape": [1]} for name in ("\u00e9", "e\u0301", "last")]
    scenario = load_scenario("default", dnn={**load_profile("resnet50").to_dict(), "exits": [], "blocks": blocks})
    assert _reread("inference", scenario).digest() == scenario.digest()
    other = scenario.replace(**{"dnn.blocks": [blocks[1], blocks[0], blocks[2]]})
    assert other.digest() != scenario.digest()


# ------------------------------------------------------------------ files of instants
NEEDED = {"hardware": {"requests.queueing": True}}  # without it nothing reads arrivals


def instants(path: Path, gap_s: float, n: int = 220) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, arrival_s=np.arange(n) * gap_s)
    else:
        with path.open("w", newline="") as lines:
            csv.writer(lines).writerows([["arrival_s"], *([repr(i * gap_s)] for i in range(n))])
    return path


def recorded(world: str, path: Any, **changes: Any) -> Any:
    sections = {"arrivals.model": "recorded", "arrivals.parameters.file": str(path)}
    return short(world, "default", **sections, **NEEDED.get(world, {}), **changes)


WITH_ARRIVALS = [w for w in WORLDS if "arrivals" in WORLDS[w].load_scenario("default").PROCESSES]


@pytest.mark.parametrize("world", WITH_ARRIVALS)
def test_instants_count_by_their_content(world: str, tmp_path: Path) -> None:
    if not hasattr(WORLDS[world].load_scenario("default").arrivals, "parameters"):
        pytest.skip("no recordings")
    slow = recorded(world, instants(tmp_path / "a.csv", 0.5))
    before = played(world, slow)
    elsewhere = recorded(world, instants(tmp_path / "far" / "b.npz", 0.5))
    fast = recorded(world, instants(tmp_path / "a.csv", 0.01))  # the same path
    assert elsewhere.digest() == slow.digest() != fast.digest()
    assert_same(played(world, elsewhere), before)
    assert_same(played(world, slow), before)  # the content that it was made with
    (tmp_path / "a.csv").unlink()
    for again in (slow, pickle.loads(pickle.dumps(slow)), copy.deepcopy(slow), slow.replace(name="other"),
                  WORLDS[world].load_scenario(slow.to_dict())):  # fmt: skip
        assert again.digest() == slow.digest()
        assert_same(played(world, again), before)


def test_files_are_looked_for_beside_the_file_that_names_them(tmp_path: Path, monkeypatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    instants(here / "arrivals" / "a.csv", 0.7)
    instants(there / "arrivals" / "a.csv", 0.1)
    table = {"base": "default", "name": "mine",
             "arrivals": {"model": "recorded", "parameters": {"file": "arrivals/a.csv"}}}  # fmt: skip
    table["dnn"] = "profile.toml"
    (here / "profile.toml").write_text(dump_toml(load_profile("resnet50").replace(accuracy_full=0.77).to_dict()))
    (here / "mine.toml").write_text(dump_toml(table))
    monkeypatch.chdir(there)
    mine = load_scenario(here / "mine.toml", **SHORT["inference"])
    assert mine.dnn.accuracy_full == 0.77
    assert mine.arrivals.parameters["file"] == str(here / "arrivals" / "a.csv")
    monkeypatch.chdir(tmp_path)
    shutil.move(here, tmp_path / "moved")
    again = load_scenario("moved/mine.toml", **SHORT["inference"])
    assert again.digest() == mine.digest()
    changed = load_scenario("default", **{"arrivals.model": "recorded",
                            "arrivals.parameters.file": "there/arrivals/a.csv", **SHORT["inference"]})  # fmt: skip
    assert changed.arrivals.parameters["file"] == str(there / "arrivals" / "a.csv")
    with (
        pytest.raises(ValueError, match=r"no such file: 'gone\.csv' \(looked for in .*moved and .*\)"),
        beside("moved"),
    ):
        recorded("inference", "gone.csv")


def test_a_saved_scenario_can_be_moved(tmp_path: Path, monkeypatch) -> None:
    scenario = recorded("inference", instants(tmp_path / "a.csv", 0.3))
    scenario.save(tmp_path / "one" / "mine.toml")
    (tmp_path / "a.csv").unlink()
    shutil.move(tmp_path / "one", tmp_path / "two")
    monkeypatch.chdir("/")
    again = load_scenario(tmp_path / "two" / "mine.toml")
    assert again == scenario
    assert again.digest() == scenario.digest()
    assert len(list((tmp_path / "two" / "files").iterdir())) == 1


# ------------------------------------------------------------------ files of instances
def placed(path: Path, **changes: Any) -> Any:
    kinds = {"topology.kind": "file", "networks.kind": "file", "topology.file": str(path), "networks.names": []}
    return short("placement", "default", **{**kinds, **changes})


def instance_file(path: Path, **changes: Any) -> Path:
    made = random_instance(5, blocks=3, exits=2, apps=2, seed=1)
    path.write_text(made.replace(**changes).to_json() if changes else made.to_json())
    return path


@pytest.mark.filterwarnings("ignore:.*is unusual:UserWarning")
def test_an_instance_counts_by_its_content(tmp_path: Path) -> None:
    path = instance_file(tmp_path / "i.json")
    table = load_instance(path).to_dict()
    first = placed(path)
    digests, before = {first.digest()}, played("placement", first)
    faster = copy.deepcopy(table)
    faster["nodes"][0]["speed_ops_s"] *= 3.0
    path.write_text(json.dumps(faster))
    assert not _same_rollout(played("placement", placed(path)), before)  # no cache by the path
    assert_same(played("placement", first), before)
    for part in ("nodes", "arcs", "dnns"):
        for mutant in _mutants(table, part):
            path.write_text(json.dumps(mutant))
            try:
                digests.add(first.replace(**{"topology.file": str(path)}).digest())
            except ValueError:
                continue
    assert len(digests) > 60
    table["name"], table["note"], table["seed"] = "other", "words", 99
    table["apps"][0]["rate_hz"] *= 2.0  # the applications come from the scenario
    path.write_text(json.dumps(table, indent=7))
    assert placed(path).digest() == first.digest()
    assert_same(played("placement", placed(path)), before)
    (tmp_path / "i.toml").write_text(load_instance(path).to_toml())
    assert placed(tmp_path / "i.toml").digest() == first.digest()
    table["dnns"] = dict(reversed(table["dnns"].items()))  # nature draws them by their place
    path.write_text(json.dumps(table))
    assert placed(path).digest() != first.digest()


def _mutants(table: dict, part: str) -> Iterator[dict]:
    """The table with one number below ``part`` changed, for every number."""

    def walk(value: Any, path: tuple) -> Iterator[tuple]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, below in inner:
            yield from walk(below, (*path, key))
        if isinstance(value, (int, float)):
            yield path

    for path in walk(table[part], (part,)):
        mutant = copy.deepcopy(table)
        place: Any = mutant
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = place[path[-1]] * 0.9 if isinstance(place[path[-1]], float) else place[path[-1]] + 1
        yield mutant


def _same_rollout(a: Any, b: Any) -> bool:
    try:
        assert_same(a, b)
    except AssertionError:
        return False
    return True


# ------------------------------------------------------------------ stores and reports elsewhere
def test_a_store_with_files_of_ones_own_can_be_moved(tmp_path: Path, monkeypatch) -> None:
    from splitgym.show.report.replay import Replay

    monkeypatch.chdir(tmp_path)
    env = single("hardware", short("hardware", "default"))
    front = make_policy("dynasplit", env).front
    front.save(tmp_path / "front.json")
    instants(tmp_path / "a.csv", 0.4)
    policies = ["dynasplit:front=front.json", "cloud_only"]
    setting = {"arrivals.model": "recorded", "arrivals.parameters.file": "a.csv", "requests.queueing": True}
    done = evaluate(policies, "HardwareSplit-v0", episodes=2, changes={**SHORT["hardware"], **setting}, store="store")
    for name in ("a.csv", "front.json"):
        (tmp_path / name).unlink()
    shutil.move(tmp_path / "store", tmp_path / "moved")
    monkeypatch.chdir("/")
    store = Store(tmp_path / "moved")
    (loaded,) = store.results()
    assert store.refused == {}
    assert loaded.scenario.digest() == done.scenario.digest()
    replay = Replay(loaded, trust=False)
    assert replay.missing == {}
    assert set(replay.episodes) == set(policies)
    for file in (tmp_path / "moved" / "settings" / "files").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"no such file: 'files/.*looked for in .*moved.*make it anew: splitgym eval"):
        store.results()


def test_a_front_counts_by_its_content(tmp_path: Path) -> None:
    env = single("hardware", short("hardware", "default"))
    front = make_policy("dynasplit", env).front
    file = front.save(tmp_path / "front.json")
    spec, store = f"dynasplit:front={file}", tmp_path / "store"

    def energy() -> list[float]:
        done = evaluate(spec, "HardwareSplit-v0", episodes=2, changes=SHORT["hardware"], store=store)
        return done.figure(spec, "energy").tolist()

    first = energy()
    fastest = front.fastest()
    columns = {name: getattr(front, name)[[fastest]] for name in ("decisions", "latency_s", "energy_j", "accuracy")}
    dataclasses.replace(front, **columns).save(file)
    assert energy() != first


def test_a_changed_store_is_told(tmp_path: Path) -> None:
    evaluate("device", episodes=2, changes=SHORT["inference"], store=tmp_path)
    (file,) = (tmp_path / "settings").glob("*.toml")
    file.write_text(file.read_text().replace("distance_m = 600.0", "distance_m = 900.0"))
    with pytest.raises(ValueError, match=r"another scenario now.*--scenario .*--seed 0 --episodes 2 --store"):
        Store(tmp_path).results()


@pytest.mark.parametrize("what", ["toml", "json"])
@pytest.mark.parametrize("content", [None, b"\0\xff"])
def test_a_damaged_setting_is_written_anew(what: str, content: bytes | None, tmp_path: Path) -> None:
    """By whoever evaluates in it again: it says the same."""
    evaluate("device", episodes=1, changes=SHORT["inference"], store=tmp_path)
    (file,) = (tmp_path / "settings").glob(f"*.{what}")
    before = file.read_bytes()
    file.unlink() if content is None else file.write_bytes(content)
    evaluate("device", episodes=1, changes=SHORT["inference"], store=tmp_path)
    assert file.read_bytes() == before
    assert len(Store(tmp_path).results()) == 1


# ------------------------------------------------------------------ version 0.1.0
def old_digest(scenario: Any) -> str:
    """As 0.1.0 made it."""
    import hashlib

    def rule(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: rule(v) for k, v in value.items() if k not in ("name", "description", "source")}
        return [rule(v) for v in value] if isinstance(value, list) else value

    return hashlib.sha256(json.dumps(rule(scenario.to_dict()), sort_keys=True).encode()).hexdigest()


def old_store(folder: Path, world: str, scenario: Any) -> Path:
    """A store as 0.1.0 wrote it: another name of the setting, files by the path that was given."""
    name = f"{scenario.name}-{old_digest(scenario)[:12]}"
    place = WORLDS[world]
    table = Store(folder).played(place)
    figures = dict.fromkeys(table.figures, 1.0)
    table.add([(("random", "False", "random", "0123", name, "0.1.0+old", str(seed)), figures) for seed in range(3)])
    (folder / "settings").mkdir()
    (folder / "settings" / f"{place.env_id}.{name}.toml").write_text(scenario.to_toml())
    (folder / "settings" / f"{place.env_id}.{name}.json").write_text("{}")
    return folder


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_settings_of_the_old_version_are_known(world: str, preset: str) -> None:
    scenario = WORLDS[world].load_scenario(preset)
    assert is_setting_of(scenario, old_digest(scenario))
    assert is_setting_of(scenario, scenario.digest())
    assert not is_setting_of(scenario, "")
    assert not is_setting_of(scenario, "0" * 64)


def test_an_old_store_is_read(tmp_path: Path) -> None:
    scenario = short("inference", "default")
    old_store(tmp_path, "inference", scenario)
    (loaded,) = Store(tmp_path).results()
    assert loaded.scenario == scenario
    assert loaded.seeds("random").tolist() == [0, 1, 2]
    evaluate("random", scenario=scenario, episodes=2, store=tmp_path)
    (both,) = Store(tmp_path).results()  # one setting, of which the present version counts
    assert both.seeds("random").tolist() == [0, 1]


def test_an_old_store_that_knew_a_file_by_its_path_is_refused(tmp_path: Path) -> None:
    scenario = recorded("inference", instants(tmp_path / "a.csv", 0.5))
    old_store(tmp_path, "inference", scenario)
    with pytest.raises(ValueError, match=r"files by their path only; make it anew: splitgym evaluate random --env"):
        Store(tmp_path).results()


# ------------------------------------------------------------------ the code
def test_every_source_that_can_decide_a_figure_counts(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "splitgym"
    decide = [package / "policy.py", package / "worlds" / "one" / "kernel.py", package / "data/placement/nodes.toml"]
    decide += [tmp_path / "baselines" / "enachi.py", tmp_path / "agents" / "train.py"]
    others = [package / folder / "x.py" for folder in ("cli", "bench", "show", "show/report")]
    others += [package / "data/scenarios/default.toml", tmp_path / "tests" / "test_x.py"]
    for path in (*decide, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    monkeypatch.setattr("splitgym.digests._PACKAGE", package)
    known = [code_version.__wrapped__()]
    for path in (*decide, *others):
        path.write_text("x = 2\n")
        known.append(code_version.__wrapped__())
    assert len(set(known)) == 1 + len(decide)
    assert known[len(decide)] == known[-1]
    decide[0].rename(package / "other.py")
    assert code_version.__wrapped__() not in known


def test_parts_of_a_digest_do_not_run_into_each_other() -> None:
    parts = [("a", "b"), ("ab",), ("a", "b", ""), (b"a", b"b"), (b"ab",), (1, 23), (12, 3)]
    assert len({digest(*part) for part in parts}) == len(parts)


# ------------------------------------------------------------------ names of files
def test_named_files_are_what_they_hold(tmp_path: Path) -> None:
    one, two, three = (NamedFile(str(tmp_path / name), content) for name, content in
                       (("a.csv", b"1"), ("b.csv", b"1"), ("a.csv", b"2")))  # fmt: skip
    assert one == two != three
    assert one == str(tmp_path / "a.csv")
    assert one != NamedFile(str(tmp_path / "a.npz"), b"1")  # another format, so another reader
    again = pickle.loads(pickle.dumps(one))
    assert (again, again.content, str(again), type(again)) == (one, b"1", str(one), NamedFile)
    with pytest.raises(ValueError, match="has changed or is gone"):
        one.check_unchanged()
    assert os.path.basename(one.kept_name).endswith(".csv")
