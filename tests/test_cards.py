"""What people look at shows itself: one line as ``repr``, a table in a notebook; in every world."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest

import splitgym
from splitgym.cards import Card, Carded
from splitgym.worlds.world import WORLDS


def shown_of(world: str) -> Iterator[Any]:
    """Scenario, trace, environments and policies of a world."""
    w = WORLDS[world]
    scenario = w.load_scenario("default")
    yield scenario
    yield w.trace_type.draw(scenario)
    env = gym.make(w.env_id).unwrapped
    yield env
    yield gym.make_vec(w.env_id, num_envs=2).unwrapped
    for name in splitgym.policy_names(w.env_id):
        yield splitgym.make_policy(name, env)


@pytest.mark.parametrize("world", WORLDS)
def test_each_has_one_short_line_and_a_table(world: str) -> None:
    for thing in shown_of(world):
        line = repr(thing)
        assert "\n" not in line
        assert len(line) < 250, line
        assert "default" in line or "Trace" in line
        body = ET.fromstring(f"<div>{thing._repr_html_()}</div>")  # well formed
        rows = body.findall(".//tr")
        assert len(rows) > 1
        assert len({len(row) for row in rows}) == 1


def test_a_table_holds_what_the_thing_holds() -> None:
    scenario = splitgym.load_scenario("default", **{"tasks.count": 7})
    rows = {row[0]: row[1] for row in scenario._card().rows}
    assert rows["tasks.count"] == "7"
    assert rows["radio.shadowing_db"] == str(scenario.radio.shadowing_db)
    trace = WORLDS["inference"].trace_type.draw(scenario)
    arrays = {row[0]: row[1:] for row in trace._card().rows}
    assert list(arrays) == list(trace.ARRAYS)
    assert arrays["complexity"][0] == (7,)
    assert repr(splitgym.parallel_env()).endswith("5 agents>")


def test_words_are_no_markup() -> None:
    class Odd(Carded):
        def _card(self) -> Card:
            return Card("<b>", ("a&b",), [("<script>",)])

    assert "&lt;script&gt;" in Odd()._repr_html_()
    assert "<script>" not in Odd()._repr_html_()
    assert "a&amp;b" in Odd()._repr_html_()
