"""Streams of randomness: one list, in which no two can clash."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from splitgym.physics import random
from splitgym.physics.random import FIRST_STREAM, STREAMS, check_streams
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
