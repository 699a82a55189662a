"""BlockPlacement-v0 on a graph that a file holds, with networks from DNN profiles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import splitgym
from splitgym.placement import load_topology, network_from
from splitgym.toml import dump_toml
from splitgym.worlds.placement.scenario import PlacementScenario, load_scenario
from splitgym.worlds.placement.system import parts
from splitgym.worlds.presets import UnusedKeyWarning
from tests.placement.test_graph_files import FILES
from tests.placement.test_graph_topology import MAPPING
from tests.placement.test_profiled import PROFILE

ENV = "BlockPlacement-v0"
#: Light enough for the machines of the files by hand.
LIGHT = {"applications.count": 6, "networks.kind": "profile", "networks.profiles": [PROFILE.to_dict()]}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def on_graph(name: str = "net.gml", /, **changes: Any) -> PlacementScenario:
    return load_scenario("campus", **{"system": name, "mapping": MAPPING, **LIGHT, **changes})


def test_the_graph_is_the_topology() -> None:
    scenario = on_graph()
    nodes, arcs, dnns = parts(scenario)
    topology = load_topology("net.json", MAPPING)
    assert (nodes, arcs) == (topology.nodes, topology.arcs)
    assert dnns == {"small": network_from(PROFILE)}
    coarse = parts(on_graph(**{"networks.bits_per_element": 4}))[2]
    assert coarse == {"small": network_from(PROFILE, bits_per_element=4)}
    profiles = on_graph(**{"networks.profiles": ["resnet18", "resnet50"]}).networks.profiles
    assert profiles == (splitgym.load_profile("resnet18"), splitgym.load_profile("resnet50"))


def test_digests_follow_the_content_in_whatever_format() -> None:
    digest = on_graph().digest()
    assert {on_graph(name).digest() for name in FILES} == {digest}
    Path("deep").mkdir()
    shutil.copy("net.gml", "deep/other.gml")
    assert on_graph("deep/other.gml").digest() == digest
    assert on_graph(**{"mapping.source": {"speed": "measured: at home"}}).digest() == digest
    assert on_graph(**{"topology.mobile": 10, "topology.seed": 4}).digest() == digest
    Path("net.gml").write_text(FILES["net.gml"].replace("watt 20", "watt 21"), encoding="utf-8")
    changed = {
        digest,
        on_graph().digest(),
        on_graph("net.json", **{"mapping.arcs": "up"}).digest(),
        on_graph("net.json", **{"mapping.speed": "gflops=2e9"}).digest(),
        on_graph("net.json", **{"networks.bits_per_element": 4}).digest(),
        load_scenario("campus", **LIGHT).digest(),
    }
    assert len(changed) == 6


def test_a_scenario_without_a_graph_has_the_digest_that_it_had() -> None:
    table = load_scenario("published").decisive()
    assert not {"system", "mapping"} & table.keys()
    assert not {"profiles", "bits_per_element"} & table["networks"].keys()


def test_a_file_of_a_scenario_names_the_graph_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = on_graph().to_dict()
    del whole["topology"]  # the graph is there instead
    table = {**whole, "name": "own", "system": "net.graphml", "mapping": {"tiers": "kind", "tier": ["core=cloud"]}}
    Path("own.toml").write_text(dump_toml(table), encoding="utf-8")
    monkeypatch.chdir("/")
    scenario = load_scenario(tmp_path / "own.toml")
    assert [node.tier for node in parts(scenario)[0]] == [0, 1, 2]
    saved = scenario.save(tmp_path / "kept" / "own.toml")
    shutil.move(saved.parent, tmp_path / "moved")
    for name in FILES:
        (tmp_path / name).unlink()
    again = load_scenario(tmp_path / "moved" / "own.toml")
    assert again == scenario
    assert again.digest() == scenario.digest()


@pytest.mark.parametrize("name", FILES)
def test_single_and_batch_play_alike(name: str) -> None:
    scenario = on_graph(name)
    single, batch = gym.make(ENV, scenario=scenario), gym.make_vec(ENV, 2, scenario=scenario)
    seen, _ = single.reset(seed=5)
    rows, _ = batch.reset(seed=5)
    rng, rewards = np.random.default_rng(0), []
    for _ in range(12):
        np.testing.assert_array_equal(rows[0], seen)
        action = int(rng.integers(single.action_space.n))  # type: ignore[attr-defined]
        seen, reward, terminated, truncated, _ = single.step(action)
        rows, many, *_ = batch.step(np.array([action, action]))
        assert many[0] == reward
        rewards.append(reward)
        if terminated or truncated:
            break
    single.close()
    batch.close()
    assert len(rewards) > 5


def test_policies_plan_on_the_graph() -> None:
    results = splitgym.evaluate(["fin", "optimum", "random"], ENV, scenario=on_graph(), episodes=2)
    means = results.frame().groupby("policy")["return"].mean()
    assert means["optimum"] >= means["fin"] > means["random"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "gone.gml"}, "system: no such file: 'gone.gml'"),
        (
            {"mapping.speed": "flops"},
            r"net\.gml: mapping\.speed: no node has the attribute 'flops'; did you mean 'gflops'",
        ),
        ({"mapping.sped": "gflops"}, "unknown key 'mapping.sped'; did you mean 'speed'"),
        ({"mapping.tier": []}, r"net\.gml: node 'c': kind must be a tier, .* got 'core'"),
        ({"networks.profiles": []}, "networks.profiles must name DNN profiles where networks.kind is 'profile'"),
        ({"networks.profiles": ["resnet50", "resnet50"]}, "networks.profiles: their names must differ"),
        ({"networks.profiles": ["resnet5"]}, "unknown profile 'resnet5'; did you mean 'resnet50'"),
        ({"networks.kind": "file"}, r"topology\.file must name an instance file"),
    ],
)
def test_refusals(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        on_graph(**changes)


def test_a_mapping_or_a_kind_without_a_graph_is_refused() -> None:
    with pytest.raises(ValueError, match="mapping is not read, since system names no graph"):
        load_scenario("campus", **{"mapping.arcs": "up"})
    with pytest.raises(ValueError, match="missing key 'topology': nodes and links; or let system name a graph"):
        load_scenario("campus", **{"topology.kind": "system"})


def test_what_the_graph_replaces_has_no_effect() -> None:
    with pytest.warns(UnusedKeyWarning, match=r"topology\.mobile has no effect here: system names a graph"):
        on_graph(**{"topology.mobile": 3})


def test_a_broken_graph_is_refused_with_its_place(tmp_path: Path) -> None:
    table = json.loads(FILES["net.json"])
    table["links"][1]["target"] = "x"
    Path("net.json").write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(ValueError, match=r"net\.json: links\[1\]\.target is 'x'; no node has that id"):
        on_graph("net.json")
