"""The README's Python is run as it stands, and its observation table is the environment's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import splitgym
from splitgym.envs.single import SplitEnv
from splitgym.policy import POLICIES
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def registries(tmp_path, monkeypatch):
    """Leave no file and no registration behind."""
    monkeypatch.chdir(tmp_path)
    before = set(POLICIES._table), set(FADING._table)
    yield
    for registry, names in zip((POLICIES, FADING), before, strict=True):
        for name in set(registry._table) - names:
            del registry._table[name]


def test_every_block_runs(registries, capsys) -> None:
    rng = np.random.default_rng(0)
    n = 20
    shared = {
        "splitgym": splitgym,
        "G": np.full(n, 1e-12),
        "h": rng.exponential(size=(n, 111)),
        "u": rng.random(n),
        "e0": rng.standard_normal(n),
        "e": rng.standard_normal((n, 111)),
    }
    for block in BLOCKS:
        if "load_scenario" in block and "len(G)" in block:
            scenario = splitgym.load_scenario("enachi", **{"tasks.count": n})
            shared["env"] = SplitEnv("inference", scenario)
        if "model" in block:
            shared["model"] = object()
        exec(compile(block, "README.md", "exec"), shared)
    assert "answered in time" in capsys.readouterr().out
    assert shared["scenario"].fading.model == "nakagami"
    assert 0.0 < shared["d"]["power_w"][0] <= 0.2
    policy = splitgym.make_policy("slowest-clock", SplitEnv())
    assert policy.predict(SplitEnv().reset(seed=0)[0])[0].tolist()[0] == 6


@pytest.mark.parametrize("world", WORLDS)
def test_observation_tables_are_the_environments(world) -> None:
    table = SplitEnv(world).describe().split("\n\n")[0]
    assert table in README


@pytest.mark.parametrize("world", WORLDS)
def test_every_preset_and_policy_is_told(world) -> None:
    for name in (*WORLDS[world].preset_names(), *splitgym.policy_names(WORLDS[world].env_id)):
        assert f"`{name}`" in README
