"""A kind that compiled code does not know fails wherever code branches on kinds; it is never taken for another."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from splitgym.baselines.transmission import fading_law
from splitgym.fields import Field
from splitgym.physics import arrivals as arrival_physics
from splitgym.physics import fading as fading_physics
from splitgym.physics.arrivals import fill_arrivals
from splitgym.physics.fading import BLOCK, fading_block, fading_enter
from splitgym.traces.arrivals import ARRIVALS, arrival_params
from splitgym.traces.fading import FADING, gauss_markov, gilbert_elliott, recorded_params, static
from splitgym.traces.plugins import Model
from splitgym.worlds.world import WORLDS
from tests.helpers import native, sampled, vector_rollout

THIRD = 9  # a kind that somebody has compiled into physics/ and forgotten elsewhere
WITH_FADING = [w for w in WORLDS if hasattr(WORLDS[w].load_scenario("default"), "fading")]
WITH_ARRIVALS = [w for w in WORLDS if hasattr(WORLDS[w].load_scenario("default"), "arrivals")]


def third_law(slot_s: float) -> np.ndarray:
    """A compiled law of a new kind, whose own numbers stand where the others have none."""
    record = static(slot_s).copy()
    record["kind"], record["line_of_sight"], record["memory"] = THIRD, 0.0, 0.5
    return record


def third_process(n_tasks: int) -> np.ndarray:
    """Compiled arrivals of a new kind."""
    return arrival_params(THIRD, period_s=0.1)


def registered(function: Any, like: Model) -> Model:
    """A built-in model without parameters."""
    return dataclasses.replace(like, name="third", function=function)


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models "third" of fading and arrivals."""
    monkeypatch.setitem(FADING._table, "third", registered(third_law, FADING["static"]))
    monkeypatch.setitem(ARRIVALS._table, "third", registered(third_process, ARRIVALS["poisson"]))


def test_a_policy_that_needs_the_law_of_the_fading_says_that_it_does_not_know_it(third):
    scenario = WORLDS["transmission"].load_scenario("default", **{"fading.model": "third", "fading.parameters": {}})
    with pytest.raises(ValueError, match=r"fading model 'third' .* kind 9 is neither GAUSSIAN nor TWO_STATE"):
        fading_law(scenario)


@pytest.mark.parametrize("world", WITH_FADING)
def test_an_environment_does_not_take_it_for_another_channel(world, third):
    scenario = WORLDS[world].load_scenario("default", **{"fading.model": "third", "fading.parameters": {}})
    envs = native(8, world, scenario)
    with pytest.raises(ValueError, match="neither GAUSSIAN nor TWO_STATE"):
        vector_rollout(envs, sampled(envs.action_space, 20, seed=0))


@pytest.mark.parametrize("world", WITH_ARRIVALS)
def test_an_environment_does_not_take_it_for_other_arrivals(world, third):
    changes: dict[str, Any] = {"arrivals.model": "third", "arrivals.parameters": {}}
    if world == "hardware":
        changes["requests.queueing"] = True
    scenario = WORLDS[world].load_scenario("default", **changes)
    with pytest.raises(ValueError, match="arrivals of this kind are not drawn here"):
        native(2, world, scenario).reset(seed=0)


def test_no_gains_are_drawn_of_another_kind():
    f, gains, pairs = third_law(1e-3).view(np.recarray)[()], np.empty(BLOCK), np.empty((2, BLOCK))
    with pytest.raises(ValueError, match="neither GAUSSIAN nor TWO_STATE"):
        fading_enter(np.uint64(1), 0, f)
    with pytest.raises(ValueError, match="neither GAUSSIAN nor TWO_STATE"):
        fading_block(np.uint64(1), 0, 0.0, 0.0, f, gains, pairs)


def test_recorded_gains_are_none_until_they_are_there():
    f, gains, pairs = recorded_params().view(np.recarray)[()], np.zeros(BLOCK), np.empty((2, BLOCK))
    re, im = fading_enter(np.uint64(1), 0, f)
    fading_block(np.uint64(1), 0, re, im, f, gains, pairs)
    assert np.isnan(gains).all()


@pytest.mark.parametrize("record", [static(1e-3), gauss_markov(1e-3), gilbert_elliott(1e-3)])
def test_gains_are_drawn_of_the_kinds_that_there_are(record):
    f, gains, pairs = record.view(np.recarray)[()], np.full(BLOCK, -1.0), np.empty((2, BLOCK))
    re, im = fading_enter(np.uint64(1), 0, f)
    fading_block(np.uint64(1), 0, re, im, f, gains, pairs)
    assert (gains >= 0.0).all()


def test_no_arrivals_are_drawn_of_another_kind():
    out = np.zeros(3)
    with pytest.raises(ValueError, match="arrivals of this kind are not drawn here"):
        fill_arrivals(np.uint64(1), third_process(3).view(np.recarray)[()], np.zeros(0), out)


def test_kinds_differ():
    for module, names in (
        (fading_physics, ("GAUSSIAN", "TWO_STATE", "RECORDED")),
        (arrival_physics, ("PERIODIC", "MODULATED", "RECORDED", "GAPS", "COUNTS")),
    ):
        kinds = [getattr(module, name) for name in names]
        assert len({*kinds, THIRD}) == len(names) + 1
        assert len({getattr(module, name) for name in names}) == len(names)


def test_a_field_of_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="field 'x': kind must be UNIT, SIGNED, SQUASH or DECIBEL, got 4"):
        Field(name="x", unit="1", kind=4, low=0.0, high=1.0, meaning="nothing")
