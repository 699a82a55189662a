"""The public checks: everything that is registered passes them, and they find faults that are planted."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import splitgym
from splitgym.encodings import ENCODINGS, BoxEncoding
from splitgym.jit import jit
from splitgym.policy import POLICIES, policy_names
from splitgym.testing import check_arrivals, check_encoding, check_fading, check_policy, check_world
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, ENCODED, ROOT, short

PLAYED = [(world, name) for world in WORLDS for name in policy_names(WORLDS[world].env_id)]
EXAMPLE = ROOT / "tests" / "example_plugin"


# ------------------------------------------------------------------ what is registered passes
@pytest.mark.parametrize(("world", "name", "preset"), [(w, n, p) for w, n in PLAYED for p in WORLDS[w].preset_names()])
def test_every_policy_in_every_scenario(world: str, name: str, preset: str) -> None:
    check_policy(name, WORLDS[world].env_id, short(world, preset))


@pytest.mark.parametrize(("world", "preset"), CASES)
@pytest.mark.parametrize("action", [a for w, a in ENCODED if w == "inference"])
def test_every_encoding_in_every_scenario(world: str, preset: str, action: str) -> None:
    check_encoding(action, WORLDS[world].env_id, short(world, preset))


@pytest.mark.parametrize("name", FADING)
def test_every_fading_model(name: str) -> None:
    check_fading(name)


@pytest.mark.parametrize("name", ARRIVALS)
def test_every_arrival_model(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("arrival_s\n" + "".join(f"{0.3 * k}\n" for k in range(30)))
    check_arrivals(name, **({"file": str(tmp_path / "a.csv")} if name in ("recorded", "log") else {}))


@pytest.mark.parametrize("world", WORLDS)
def test_every_world(world: str) -> None:
    check_world(world, short(world, WORLDS[world].preset_names()[0]))


# ------------------------------------------------------------------ policies with faults
class Sound(splitgym.Policy):
    """Everything on the device."""

    name = "planted"

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        decisions["cut"] = decisions["edge_cut"] = self.params.last_cut
        decisions["clock_hz"] = self.clock(len(views))

    def clock(self, n: int) -> Any:
        return self.params.clocks_hz[0]


class Writes(Sound):
    def predict(self, observation, *args, **kwargs):
        observation[...] = 0.0
        return super().predict(observation, *args, **kwargs)


class Global(Sound):
    def clock(self, n: int) -> Any:
        return self.params.clocks_hz[int(np.random.randint(4))]  # noqa: NPY002 (the fault)


class Ordered(Sound):
    def clock(self, n: int) -> Any:
        return self.params.clocks_hz[np.arange(n) % 4]


class Counting(Sound):
    def clock(self, n: int) -> Any:
        return self.params.clocks_hz[int(n == 1)]


class Peeks(Sound):
    def __init__(self, env: Any, **kwargs: Any) -> None:
        super().__init__(env, **kwargs)
        self.key = int(env.unwrapped.rows.episode_keys[0])

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        super().decide(views, decisions)
        decisions["power_w"] = self.key % 1000 * 1e-4


class Meddles(Sound):
    def __init__(self, env: Any, **kwargs: Any) -> None:
        super().__init__(env, **kwargs)
        self.rows = env.unwrapped.rows

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        super().decide(views, decisions)
        self.rows.states["queue_j"] = 0.5


class Outside(Sound):
    def predict(self, observation, *args, **kwargs):
        actions, state = super().predict(observation, *args, **kwargs)
        return (dict.fromkeys(actions, 99) if isinstance(actions, dict) else actions + 99), state


class NoState(Sound):
    def predict(self, observation, *args, **kwargs):
        return super().predict(observation, *args, **kwargs)[0]


class Forgets(Sound):
    """Decides otherwise every second time that it is asked about the same batch."""

    asked = 0

    def clock(self, n: int) -> Any:
        self.asked += n == 5
        return self.params.clocks_hz[self.asked % 2 if n == 5 else 1]


class Misspells(Sound):
    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        decisions["cutt"] = 0


class Overclocked(Sound):
    def clock(self, n: int) -> Any:
        return 1e12


class Raises(Sound):
    def clock(self, n: int) -> Any:
        return {}["clock"]


BAD_POLICIES = {
    Misspells: "fails: .*cutt",
    Overclocked: "decided clock_hz = 1000000000000.0 in row 0",
    Raises: "fails: KeyError: 'clock'",
    Writes: "writes into the observations that it is given; work on a copy",
    Global: "draws from global random numbers",
    Ordered: "stands at another place in the batch: .*must depend on its row alone",
    Counting: "decides otherwise about one observation than about the same one in a batch",
    Peeks: "in another episode of equal observations.*nothing else",
    Meddles: "changes the environment that it is made for",
    Outside: r"gives actions in encoding '.*' that are not in .*encode\(values\)",
    NoState: r"predict\(\) must return \(actions, state\)",
    Forgets: "decides otherwise",
}


def test_a_sound_policy_passes() -> None:
    check_policy(Sound, scenario=short("inference", "default"))


@pytest.mark.parametrize("kind", BAD_POLICIES)
def test_faults_of_policies_are_found(kind: type) -> None:
    with pytest.raises(AssertionError, match=f"policy 'planted'.*{BAD_POLICIES[kind]}"):
        check_policy(kind, scenario=short("inference", "default"))


def test_what_is_no_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="policy must be a registered name, a class or a function, got None"):
        check_policy(None)


# ------------------------------------------------------------------ models with faults
HELD = np.random.default_rng(0)
BAD_FADING: dict[str, tuple[Callable[..., Any], str]] = {
    "loud": (lambda rng, n, s: 1.5 * rng.exponential(size=n), r"has the mean gain 1\.\d+ over 400 tasks, not 1"),
    "negative": (lambda rng, n, s: 1.0 + rng.standard_normal(n), "cannot be drawn: .*the gain must be"),
    "global": (lambda rng, n, s: np.random.exponential(size=n), "draws from global random numbers"),  # noqa: NPY002
    "held": (lambda rng, n, s: HELD.exponential(size=n), "gives other values when it draws the same seed again"),
    "deaf": (lambda rng, n, s: np.random.default_rng(5).exponential(size=n), "the same values for every seed"),
    "short": (lambda rng, n, s: np.ones(n - 1), "cannot be drawn: .*returned shape"),
    "raises": (lambda rng, n, s: 1 / 0, "cannot be drawn: ZeroDivisionError: division by zero"),
    "breaks": (lambda rng, n, s: np.full(n, np.nan), "cannot be drawn"),
}
BAD_ARRIVALS: dict[str, tuple[Callable[..., Any], str]] = {
    "falling": (lambda rng, n: np.sort(rng.random(n))[::-1], "ascend"),
    "held": (lambda rng, n: np.sort(HELD.random(n)), "gives other values when it draws the same seed again"),
    "deaf": (lambda rng, n: np.sort(np.random.default_rng(5).random(n)), "the same values for every seed"),
}


@pytest.mark.parametrize("name", BAD_FADING)
def test_faults_of_fading_models_are_found(name: str) -> None:
    splitgym.fading(name)(BAD_FADING[name][0])
    with pytest.raises(AssertionError, match=f"fading model '{name}'.*{BAD_FADING[name][1]}"):
        check_fading(name)


def test_a_model_that_counts_its_tasks_is_found() -> None:
    counts = itertools.count()
    splitgym.fading("counting")(lambda rng, n, s: np.full(n, 1.0 + 1e-9 * next(counts)))
    with pytest.raises(AssertionError, match="again"):
        check_fading("counting")


@pytest.mark.parametrize("name", BAD_ARRIVALS)
def test_faults_of_arrival_models_are_found(name: str) -> None:
    splitgym.arrivals(name)(BAD_ARRIVALS[name][0])
    with pytest.raises(AssertionError, match=f"arrival model '{name}'.*{BAD_ARRIVALS[name][1]}"):
        check_arrivals(name)


# ------------------------------------------------------------------ encodings with faults
class Coarse(BoxEncoding):
    def encode(self, values):
        return np.round(super().encode(values), 1)


class Lazy(BoxEncoding):
    def decode(self, actions, out):
        kept = out[:, -1].copy()
        super().decode(actions, out)
        out[:, -1] = kept


class Scribbles(BoxEncoding):
    def decode(self, actions, out):
        super().decode(actions, out)
        actions[...] = 0.0


class Trusting(BoxEncoding):
    def decode(self, actions, out):
        super().decode(
            np.nan_to_num(actions) if np.shape(actions)[:1] == (2,) and np.ndim(actions) == 2 else actions, out
        )


BAD_ENCODINGS = {
    Coarse: r"decode\(encode\(values\)\) are other values: power_w",
    Lazy: r"decode\(\) must fill every value",
    Scribbles: r"decode\(\) changes the actions that it is given",
    Trusting: r"decode\(\) accepts array\(\[\[nan",
}


@pytest.mark.parametrize("kind", BAD_ENCODINGS)
def test_faults_of_encodings_are_found(kind: type) -> None:
    splitgym.register_encoding("planted")(kind)
    with pytest.raises(AssertionError, match=f"encoding 'planted'.*{BAD_ENCODINGS[kind]}"):
        check_encoding("planted")


# ------------------------------------------------------------------ worlds with faults
@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's world."""
    monkeypatch.syspath_prepend(EXAMPLE)
    splitgym.load_plugin("splitgym_example")
    return WORLDS["battery"]


def planted(world: Any, **changes: Any) -> Any:
    """A copy of a world under another name."""
    return splitgym.register_world(dataclasses.replace(world, name="planted", env_id="Planted-v0", **changes))


def after(world: Any, fault: Callable[..., None]) -> Any:
    """A copy whose turn does something more to rows, observations and given arrays."""

    def turn_rows(low, high, rows, observations, masks, logs, table, params, given):
        before = rows["state"].copy()
        wrong = world.turn_rows(low, high, rows, observations, masks, logs, table, params, given)
        fault(slice(low, high), rows, observations, before)
        return wrong

    return planted(world, turn_rows=turn_rows)


def _remembers(part, rows, observations, before):
    fresh = rows["fresh"][part] & (before["step"][part] > 0)
    rows["state"]["charge_j"][part][fresh] = before["charge_j"][part][fresh]


def _shares(part, rows, observations, before):
    rows["outcome"]["charge_j"][part] += 1e-3 * len(rows)


def _reacts(part, rows, observations, before):
    drawn = rows["live"][part] & ~rows["state"]["recorded"][part]
    rows["state"]["coming_w"][part][drawn] *= 1.0 + 0.1 * rows["decision"]["share"][part][drawn]


def _blank(part, rows, observations, before):
    observations[part, 1] = np.nan


def _wide(part, rows, observations, before):
    observations[part, 1] = 1.5


def _pays(part, rows, observations, before):
    rows["outcome"]["reward"][part] += rows["live"][part] * 0.25


def _endless(part, rows, observations, before):
    rows["state"]["finished"][part] = False
    rows["state"]["step"][part] = np.minimum(rows["state"]["step"][part], 18)


_TOSSED = np.random.default_rng(3)


def _tosses(part, rows, observations, before):
    rows["outcome"]["spent_j"][part] += _TOSSED.random()


def _tosses_globally(part, rows, observations, before):
    rows["outcome"]["spent_j"][part] += np.random.random()  # noqa: NPY002 (the fault)


BAD_WORLDS = {
    _remembers: r"episode after reset\(seed\) than it did before|remembers earlier episodes",
    _shares: r"row 0 of a batch differs .*info\['charge_j'\]",
    _reacts: "plays otherwise by its trace than by its seed",
    _blank: "observations that are not finite",
    _wide: "outside Box",
    _pays: "is not the sum .* of its terms",
    _endless: "does not end within its horizon of 20 steps",
    _tosses: "than it did before",
    _tosses_globally: "draws from global random numbers",
}


@pytest.mark.parametrize("fault", BAD_WORLDS, ids=lambda fault: fault.__name__)
def test_faults_of_worlds_are_found(fault: Callable[..., None], example: Any) -> None:
    world = after(example, fault)
    with pytest.raises(AssertionError, match=f"world 'planted'.*({BAD_WORLDS[fault]})"):
        check_world(world)


def test_the_examples_world_is_sound(example: Any) -> None:
    check_world(example)
    check_world("BatteryCharge-v0")
    for name in ENCODINGS:
        check_encoding(name, "BatteryCharge-v0")
    check_policy("random", "BatteryCharge-v0")


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="Numba is switched off by NUMBA_DISABLE_JIT")
def test_memory_that_nobody_wrote_is_found(example: Any) -> None:
    """A kernel that reads what ``np.empty`` gives it."""
    good = example.turn_rows

    @jit
    def turn_rows(low, high, rows, observations, masks, logs, table, params, given):
        good(low, high, rows, observations, masks, logs, table, params, given)
        scratch = np.empty(5)
        scratch[0] = 1.0
        for i in range(low, high):
            rows[i].outcome.spent_j = scratch[4]
        return -1

    with pytest.raises(AssertionError, match=r"reads memory that nobody has written|than it did before"):
        check_world(planted(example, turn_rows=turn_rows))


def test_names_and_measures_are_compared_with_their_tables(example: Any) -> None:
    with pytest.raises(AssertionError, match=r"is no world that is registered; call splitgym\.register_world"):
        check_world(dataclasses.replace(example, name="stranger"))
    measure = example.measure
    wrong = planted(example, measure=lambda o, live, s: {**measure(o, live, s), "return": np.zeros(live.shape[1])})
    with pytest.raises(AssertionError, match=r"the return \[0\. 0\. 0\.\] is not the sum of the rewards"):
        check_world(wrong)


def test_the_kit_needs_no_pytest() -> None:
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "splitgym" / "testing").glob("*.py"))
    assert "pytest" not in source
    assert "splitgym.testing" in sys.modules
    assert set(POLICIES)  # the registries were walked above
