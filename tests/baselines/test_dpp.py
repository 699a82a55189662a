"""``dpp``: the rule, the fit against direct simulation, the file, and what is shipped."""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym.baselines import dpp_fit, dpp_sampling, dpp_shelf
from splitgym.baselines.dpp import Dpp
from splitgym.baselines.dpp_fit import setting_digest, worth_keeping
from splitgym.baselines.dpp_model import GIVEN_UP, PRICES, TaskModel, numbers_of
from splitgym.baselines.dpp_rule import can_give_up
from splitgym.baselines.dpp_sampling import Setting, came_of, play, views_of
from splitgym.envs.vector import SplitVectorEnv
from splitgym.seeding import FIRST_TRAINING_SEED, FIRST_VALIDATION_SEED, validation_seeds
from splitgym.worlds.world import WORLDS

WORLD = WORLDS["inference"]
#: Three decisions: P(correct), energy [J], busy time [s].
BRINGS = np.array([[0.9, 0.010, 0.3], [0.7, 0.002, 0.1], [0.0, 0.0, 0.0]], np.float32)
AXES = ("cut", "edge_cut", "clock_hz", "power_w")
#: Few decisions, so that a small fit knows them well.
SMALL = {"tasks.count": 20, "device.clocks_hz": [2e9], "radio.power_levels_w": [0.01, 0.2]}


def by_hand(**changes: Any) -> TaskModel:
    """A model whose three decisions bring BRINGS whatever is seen: hinge j belongs to decision j alone."""
    scenario = WORLD.load_scenario("enachi")
    arrays = {
        "centre": np.zeros(1), "spread": np.ones(1), "weight_0": np.zeros((3, 1)), "bias_0": np.zeros(3),
        "embedded": np.eye(3), "readout": BRINGS.T, "offset": np.zeros(3),
    }  # fmt: skip
    last, clock_hz, power_w = 6.0, 2e9, 0.2
    decisions = np.array(
        [[1.0, last, clock_hz, power_w], [2.0, last, clock_hz, power_w], [last, last, clock_hz, 0.002]]
    )
    given = {
        "env_id": WORLD.env_id, "scenario": "enachi", "digest": setting_digest(WORLD, scenario), "code": "", "seed": 0,
        "samples": 1, "weight_j2": 2e-3, "time_price": 0.0, "waiting_price": 0.0, "validation": (),
        "validation_seed": 0, "validation_episodes": 1, "axes": AXES, "fields": ("hint",),
        "arrays": {**{k: a.astype(np.float32) for k, a in arrays.items()}, "decisions": decisions},
    }  # fmt: skip
    return TaskModel(**{**given, **changes})


@pytest.fixture(scope="module")
def fitted() -> TaskModel:
    return splitgym.fit("SplitInference-v0", "default", changes=SMALL, samples=20_000, episodes=2, progress=False)


# ------------------------------------------------------------------ the rule
@pytest.mark.parametrize(
    ("energy_price", "time_price", "best"),
    [
        (0.0, 0.0, 0),  # without prices the greatest P(correct)
        (20.0, 0.0, 0),  # 0.9 - 0.2 > 0.7 - 0.04
        (30.0, 0.0, 1),  # 0.9 - 0.3 < 0.7 - 0.06
        (500.0, 0.0, 2),  # 0.7 - 1.0 < 0
        (0.0, 0.9, 0),  # 0.9 - 0.27 > 0.7 - 0.09
        (0.0, 1.1, 1),  # 0.9 - 0.33 < 0.7 - 0.11
        (0.0, 8.0, 2),
        (15.0, 0.5, 1),  # 0.9 - 0.15 - 0.15 < 0.7 - 0.03 - 0.05
    ],
)
def test_the_rule_by_hand(energy_price: float, time_price: float, best: int) -> None:
    model, seen = by_hand(), np.zeros((1, 1), np.float32)
    assert np.allclose(model.expect(seen)[0], BRINGS)
    assert model.choose(seen, np.array([energy_price]), np.array([time_price])) == [best]


def test_debt_and_weight_price_the_energy() -> None:
    """Q / V is the price: at Q = 60 mJ, V = 2e-3 J^2 it is 30 answers per joule, at ten times V a tenth."""
    env = SplitVectorEnv(2, "inference", "enachi", "dict")
    env.reset(seed=0)
    views = np.zeros(2, WORLD.view(env.scenario))
    views["queue_j"] = [0.0, 0.06]
    for weight_j2, cuts in ((2e-3, [1.0, 2.0]), (2e-2, [1.0, 1.0]), (2e-5, [1.0, 6.0])):
        decisions = np.zeros(2, WORLD.decision)
        Dpp(env, model=by_hand(), weight_j2=weight_j2).decide(views, decisions)
        assert decisions["cut"].tolist() == cuts
    decisions = np.zeros(2, WORLD.decision)
    Dpp(env, model=by_hand(), time_price=1.1).decide(views, decisions)
    assert decisions["cut"].tolist() == [2.0, 2.0]


def dear(**changes: Any) -> TaskModel:
    """As :func:`by_hand`, but the decision that brings nothing takes 1 mJ and 50 ms."""
    model = by_hand(**changes)
    readout = np.vstack([BRINGS[:2], np.array([[0.0, 0.001, 0.05]], np.float32)]).T.copy()
    return dataclasses.replace(model, arrays={**model.arrays, "readout": readout})


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_a_task_that_is_not_worth_its_price_is_given_up(offset: float) -> None:
    """The best decision is worth 0.7 - 0.1 tau and the offset: 0.1, -0.05, -0.5 without one."""
    model, seen = dear(), np.zeros((3, 1), np.float32)
    moved = {"offset": np.array([offset, 0.0, 0.0], np.float32)}
    model = dataclasses.replace(model, arrays={**model.arrays, **moved})
    prices = np.zeros(3), np.array([6.0, 7.5, 12.0])
    assert model.choose(seen, *prices).tolist() == [1, 1, 1]
    assert model.choose(seen, *prices, gives_up=True).tolist() == [1, 1 if offset else GIVEN_UP, GIVEN_UP]


@pytest.mark.parametrize("action", ["dict", "box", "multidiscrete", "discrete"])
def test_giving_up_takes_neither_energy_nor_time(action: str) -> None:
    """At a price at which nothing pays; with levels alone the power is the least of them."""
    env = SplitVectorEnv(40, "inference", WORLD.load_scenario("enachi"), action)
    digest = setting_digest(WORLD, env.scenario)
    policy = Dpp(env, model=dear(digest=digest), time_price=1000.0)
    observations, _ = env.reset(seed=0)
    for _ in range(2):
        observations, *_ = env.step_briefly(policy.predict(observations)[0])
    came, lost = env.rows.outcome_copy(), action in ("dict", "box")
    assert can_give_up(env.encoding) == policy.gives_up == lost
    assert ((came_of(came)[:, 1:] == 0.0).all(axis=1) == lost).all()
    assert not came["correct"].any()
    assert ((env.rows.outcomes["power_w"] == 0.0) == lost).all()


def test_a_level_of_no_power_can_give_up_too() -> None:
    scenario = WORLD.load_scenario("enachi", **{"radio.power_levels_w": [0.0, 0.2]})
    assert can_give_up(SplitVectorEnv(1, "inference", scenario, "multidiscrete").encoding)


def test_each_task_that_waits_adds_to_the_price_of_time() -> None:
    env = SplitVectorEnv(3, "inference", "enachi", "dict")
    env.reset(seed=0)
    views = np.zeros(3, WORLD.view(env.scenario))
    views["backlog"] = [0.0, 2.0, 15.0]
    decisions = np.zeros(3, WORLD.decision)
    Dpp(env, model=by_hand(), time_price=0.3, waiting_price=0.5).decide(views, decisions)
    assert decisions["cut"].tolist() == [1.0, 2.0, 6.0]  # 0.3/s, 1.3/s, 7.8/s


def test_prices_chosen_again_leave_what_was_learnt(fitted: TaskModel) -> None:
    scenario = WORLD.load_scenario("default", **SMALL)
    again = dpp_fit.priced_again(WORLD, scenario, dataclasses.replace(fitted, weight_j2=1.0, waiting_price=9.0))
    assert again.to_dict() == fitted.to_dict()


def test_a_large_weight_without_a_price_of_time_takes_the_greatest_chance(fitted: TaskModel) -> None:
    env = SplitVectorEnv(50, "inference", WORLD.load_scenario("default", **SMALL), "dict")
    observations, _ = env.reset(seed=3)
    policy = Dpp(env, model=fitted, weight_j2=1e20, time_price=0.0)
    views = policy.decode(observations)
    chance = fitted.expect(numbers_of(views, fitted.fields))[..., 0]
    decisions = np.zeros(50, WORLD.decision)
    policy.decide(views, decisions)
    assert np.array_equal(decisions["cut"], fitted.decisions[chance.argmax(axis=1), 0])


def test_a_choice_does_not_depend_on_the_batch(fitted: TaskModel) -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(300, len(fitted.fields))).astype(np.float32) * fitted.arrays["spread"]
    seen += fitted.arrays["centre"]
    energy, time = rng.uniform(0, 200, 300), rng.uniform(0, 1, 300)
    together = fitted.choose(seen, energy, time)
    assert len(set(together.tolist())) > 2
    for i in range(len(seen)):
        assert fitted.choose(seen[i : i + 1], energy[i : i + 1], time[i : i + 1]) == together[i : i + 1]
    worth = fitted.expect(seen) @ np.array([1.0, 0.0, 0.0]) - energy[:, None] * fitted.expect(seen)[..., 1]
    worth -= time[:, None] * fitted.expect(seen)[..., 2]
    lost = worth.max(axis=1) - np.take_along_axis(worth, together[:, None], 1)[:, 0]
    assert lost.max() < 1e-4  # rounding of the two ways to sum


# ------------------------------------------------------------------ the fit
def test_the_fit_agrees_with_direct_simulation() -> None:
    """First tasks of fresh seeds, each decision played on all of them: means over the better half of the channels, and
    over the other; likewise of the hints."""
    scenario = WORLD.load_scenario("enachi", **{"tasks.count": 20, "radio.power_levels_w": [0.02, 0.2]})
    fitted = splitgym.fit(scenario=scenario, samples=100_000, episodes=1, progress=False)
    env = SplitVectorEnv(4000, "inference", scenario, "discrete", None, "Disabled")
    observations, _ = env.reset(seed=10_000)
    views = views_of(env, observations)
    expected = fitted.expect(numbers_of(views, fitted.fields))
    good, easy = views["gain"] > np.median(views["gain"]), views["hint"] < np.median(views["hint"])
    assert len(fitted.decisions) >= 4
    for j, place in enumerate(env.encoding.encode(fitted.decisions).tolist()):
        env.reset(seed=10_000)
        env.step_briefly(np.full(len(views), place))
        came = came_of(env.rows.outcome_copy())
        for half in (good, ~good, easy, ~easy):
            miss = np.abs(expected[half, j].mean(axis=0) - came[half].mean(axis=0))
            assert (miss < [0.04, 0.1 * 6e-3, 0.004]).all(), (fitted.decisions[j], miss)


def test_what_wins_nowhere_is_dropped() -> None:
    worse = np.array([0.7, 0.003, 0.1], np.float32)  # as the second, for more energy
    model = by_hand()
    arrays = {**model.arrays, "embedded": np.eye(4, dtype=np.float32), "readout": np.vstack([BRINGS, worse]).T.copy()}
    arrays |= {"decisions": np.vstack([model.decisions, model.decisions[1]]), "offset": model.arrays["offset"]}
    arrays |= {"weight_0": np.zeros((4, 1), np.float32), "bias_0": np.zeros(4, np.float32)}
    many = dataclasses.replace(model, arrays=arrays)
    assert worth_keeping(many, np.zeros((10, 1), np.float32), 6e-3, (0.0, 1.1)).tolist() == [0, 1, 2]


def test_the_prices_are_those_of_the_greatest_return(fitted: TaskModel) -> None:
    setting = Setting(WORLD, WORLD.load_scenario("default", **{**SMALL, "tasks.count": 200}), {})
    triples = [tuple(row[name] for name in PRICES) for row in fitted.validation]
    assert all(len(set(tried)) > 1 for tried in zip(*triples, strict=True))  # tasks wait in this scenario
    returned, energy = play(setting, fitted, triples[:3], 2, lambda share: None)
    assert returned.tolist() == [row["returned"] for row in fitted.validation[:3]]
    assert energy.tolist() == [row["energy"] for row in fitted.validation[:3]]
    best = max(fitted.validation, key=lambda row: row["returned"])
    assert all(getattr(fitted, name) == best[name] for name in PRICES)


def test_test_seeds_are_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    reset = SplitVectorEnv.reset

    def noted(self: SplitVectorEnv, *, seed: Any = None, options: Any = None) -> Any:
        seeds.extend(seed if isinstance(seed, list) else range(seed, seed + self.num_envs))
        return reset(self, seed=seed, options=options)

    monkeypatch.setattr(dpp_sampling.SplitVectorEnv, "reset", noted)
    splitgym.fit(changes=SMALL, samples=1000, episodes=2, seed=5, progress=False)
    training = [seed for seed in seeds if seed < FIRST_VALIDATION_SEED]
    assert min(training) >= FIRST_TRAINING_SEED
    assert len(set(training)) == len(training) >= 1000
    assert set(seeds) - set(training) == set(validation_seeds(2))


def test_where_nothing_waits_time_has_no_price() -> None:
    model = splitgym.fit(scenario="enachi", changes={"tasks.count": 10}, samples=2000, episodes=1, progress=False)
    assert {(row["time_price"], row["waiting_price"]) for row in model.validation} == {(0.0, 0.0)}
    assert set(model.fields) == {"gain", "hint"}  # nothing else varies there


# ------------------------------------------------------------------ the file
def test_the_same_seed_writes_the_same_file(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        splitgym.fit(changes=SMALL, out=tmp_path / name, samples=2000, episodes=1, seed=seed, progress=False)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_a_file_holds_all_of_a_model(tmp_path: Path, fitted: TaskModel) -> None:
    loaded = TaskModel.load(fitted.save(tmp_path / "x.json"))
    for name, value in vars(fitted).items():
        if name != "arrays":
            assert getattr(loaded, name) == value
    for name, array in fitted.arrays.items():
        assert np.array_equal(loaded.arrays[name], array)
        assert loaded.arrays[name].dtype == array.dtype


def test_an_interruption_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.json"
    file.write_text("earlier")

    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dpp_fit, "play", broken)
    with pytest.raises(KeyboardInterrupt):
        splitgym.fit(changes=SMALL, out=file, samples=1000, episodes=1, progress=False)
    assert file.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [file]


def without(key: str) -> Any:
    return lambda table: table.pop(key)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda t: t.update(format="splitgym-front-1"), "lacks the mark"),
        (without("weight_j2"), "missing key 'weight_j2'"),
        (lambda t: t.update(weigth_j2=1.0), "unknown key 'weigth_j2'"),
        (lambda t: t.update(weight_j2=0.0), "weight_j2 must be > 0"),
        (lambda t: t.update(seed="x"), "seed must be a whole number"),
        (lambda t: t.update(fields=["queue_j"]), "fields must be out of"),
        (lambda t: t.update(validation=[{"weight_j2": 1.0}]), "validation must be tables of numbers"),
        (lambda t: t["arrays"].pop("offset"), "its arrays must be"),
        (lambda t: t["arrays"]["offset"].update(data="AAAA"), "array 'offset' is damaged"),
        (lambda t: t["arrays"]["offset"].update(shape=[-1]), "shape of array 'offset'"),
        (lambda t: t["arrays"]["spread"].update(data="AAAAAA=="), "'spread' must be positive"),
        (lambda t: t["arrays"]["bias_0"].update(data="AADAfwAAAAAAAAAA"), "'bias_0' must hold finite numbers"),
    ],
)
def test_a_damaged_file_is_refused(spoil: Any, told: str, tmp_path: Path) -> None:
    table = by_hand().to_dict()
    spoil(table)
    (tmp_path / "x.json").write_text(json.dumps(table))
    with pytest.raises(ValueError, match=told) as error:
        TaskModel.load(tmp_path / "x.json")
    assert "x.json" in str(error.value)


def test_a_model_plays_its_scenario_only(tmp_path: Path) -> None:
    file = by_hand().save(tmp_path / "x.json")
    few = splitgym.evaluate(f"dpp:model={file}", scenario="enachi", episodes=1, changes={"tasks.count": 5})
    assert len(few.frame()) == 1  # another number of tasks is no other scenario
    with pytest.raises(ValueError, match=r"was fitted to scenario 'enachi'.* splitgym fit --scenario default"):
        splitgym.evaluate(f"dpp:model={file}", scenario="default", episodes=1)
    with pytest.raises(ValueError, match="was fitted to scenario 'enachi'"):
        splitgym.evaluate(f"dpp:model={file}", scenario="enachi", episodes=1, changes={"radio.distance_m": 700.0})


# ------------------------------------------------------------------ without a file
def test_the_presets_have_their_models() -> None:
    shipped = {
        file.name for file in resources.files("splitgym.data").joinpath("fits").iterdir() if file.name.endswith("json")
    }
    wanted = {dpp_shelf.shipped_name(WORLD, WORLD.load_scenario(name)): name for name in WORLD.preset_names()}
    assert shipped == set(wanted), "fit them again: make fits"
    for file, name in wanted.items():
        model = dpp_shelf.model_for(WORLD, WORLD.load_scenario(name), {})
        assert dpp_shelf.shipped_name(WORLD, WORLD.load_scenario(model.scenario)) == file
        assert model.samples >= 1_000_000


def test_a_fit_is_kept_for_the_next_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpp_shelf, "cache_folder", lambda: tmp_path / "jit-0")
    monkeypatch.setattr(dpp_shelf, "_KNOWN", {})
    scenario = WORLD.load_scenario("default", **SMALL)
    first = dpp_shelf.model_for(WORLD, scenario, {})
    (file,) = (tmp_path / "fits").iterdir()
    monkeypatch.setattr(dpp_shelf, "fit_model", None)
    assert dpp_shelf.model_for(WORLD, scenario, {}) is first
    dpp_shelf._KNOWN.clear()
    assert dpp_shelf.model_for(WORLD, scenario, {}).to_dict() == first.to_dict()
    dpp_shelf._KNOWN.clear()
    file.write_text("{}")
    with pytest.raises(TypeError):  # a damaged one is fitted again
        dpp_shelf.model_for(WORLD, scenario, {})


def test_it_beats_enachi_where_the_hint_helps() -> None:
    results = splitgym.evaluate(["dpp", "enachi"], scenario="enachi", episodes=3, changes={"tasks.count": 300})
    gained = results.figure("dpp", "return") - results.figure("enachi", "return")
    assert gained.mean() > 3.0  # about 9 of 300
