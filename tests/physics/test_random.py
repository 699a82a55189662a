"""Streams of randomness: one list, in which no two can clash."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from splitgym.physics import random
from splitgym.physics.random import FIRST_STREAM, STREAMS, check_streams
from splitgym.seeding import episode_key, episode_keys
from tests.helpers import ROOT

#: What the streams have been since 0.1; another value is another randomness for every seed.
VALUES = {
    "ANCHOR_STREAM": 2**40, "ARRIVAL_STREAM": 2**41, "REFERENCE_STREAM": 2**42, "NOISE_STREAM": 2**42,
    "PRESENCE_STREAM": 2**42, "COMPLEXITY": 0, "ERRORS": 1, "SLOW": 2, "BACKHAUL": 3, "DEADLINE": 4, "JITTER": 5,
    "FADING": 6, "SLOT_NOISE": 7, "STALL": 0, "SPEED": 1, "TAIL": 2, "TAIL_SIZE": 3, "NODE_STATE": 4, "POWER": 5,
    "EDGE_STATE": 6, "SOURCE": 0, "DNN": 1, "SLACK": 2, "ACCURACY": 3, "RATE": 4, "HOLDING": 5, "PLUGIN_ARRIVALS": 1,
    "PLUGIN_FADING": 2,
}  # fmt: skip


def test_no_stream_has_moved():
    assert {name: getattr(random, name) for name in VALUES} == VALUES


def test_keys_of_many_episodes_are_those_of_each():
    keys, episodes = np.array([0, 1, 2**64 - 1, 5], np.uint64), np.array([0, 7, 2**40, 2**63 - 1], np.int64)
    each = [episode_key(key, int(episode)) for key, episode in zip(keys, episodes, strict=True)]
    assert episode_keys(keys, episodes).tolist() == [int(key) for key in each]


def test_every_stream_is_in_the_list():
    named = {name for name in vars(random) if name.endswith("_STREAM") and name != "FIRST_STREAM"}
    assert {getattr(random, name) for name in named} == {index for below in STREAMS.values() for index in below}


@pytest.mark.parametrize("clash", [(2**41, 2**41), (2**41, 7), (FIRST_STREAM - 1,)])
def test_streams_that_clash_are_refused(clash):
    with pytest.raises(ValueError, match="streams of a kettle must differ"):
        check_streams({"a kettle": clash})


def jitted() -> list[Path]:
    """Files that may draw."""
    return sorted(p for folder in ("splitgym/worlds", "splitgym/physics") for p in (ROOT / folder).rglob("*.py"))


def test_no_file_but_the_list_makes_a_stream():
    """A key's children are numbered by a loop or named in physics/random.py; shifts and literals are names missing."""
    for path in jitted():
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "child":
                shifts = [node for node in ast.walk(call.args[1]) if isinstance(node, ast.LShift)]
                assert not shifts, f"{path.name}:{call.lineno}"
        if path.name != "random.py":
            made = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Assign)]
            for line in made:
                names = {t.id for target in line.targets for t in ast.walk(target) if isinstance(t, ast.Name)}
                assert not {name for name in names if name.endswith("_STREAM")}, f"{path.name}:{line.lineno}"


def words() -> np.ndarray:
    """Keys (91,) of every kind: from the first cells, where the logarithm is taken itself, and from all others."""
    drawn = np.random.default_rng(5).integers(0, 2**64, (7, 13), np.uint64)
    drawn[0] >>= np.uint64(6)  # below a cell of 1024: only first cells
    drawn[1, ::3] >>= np.uint64(7)
    drawn[2] = np.uint64(16 << 54) + np.arange(-6, 7).astype(np.uint64)  # both sides of the border
    return drawn.ravel()


def test_normals_side_by_side_are_those_of_every_key_alone() -> None:
    keys = words()
    even, odd = np.full(keys.shape, np.nan), np.full(keys.shape, np.nan)
    random.fill_normals(keys, 80, even, odd)
    assert [*zip(even[:80], odd[:80], strict=True)] == [random.normal_pair(key) for key in keys[:80]]
    assert np.isnan(even[80:]).all()
    assert np.isnan(odd[80:]).all()


def test_normals_of_children_are_those_of_every_child() -> None:
    for key in np.random.default_rng(6).integers(0, 2**64, 40, np.uint64):  # a quarter of them have a rare one
        pairs = np.empty((2, 16))
        random.fill_normal_pairs(key, 3, pairs)
        assert [tuple(pair) for pair in pairs.T] == [
            random.normal_pair(np.uint64(random.child(key, 3 + j))) for j in range(16)
        ]
