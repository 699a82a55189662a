"""What comes of a step: every key of ``info`` is in a table, and the reward is the sum of its terms."""

from __future__ import annotations

import functools
import operator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from splitgym.worlds.records import Column, Term, info_table, record_type, reward_table
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, native, sampled, short, single


def played(world: str, preset: str, episodes: int = 2) -> Any:
    """Pairs of ``info``: of the step or reset before, and of a step with a random action."""
    env = single(world, short(world, preset))
    env.action_space.seed(3)
    for episode in range(episodes):
        _, before = env.reset(seed=7 + episode)
        over = False
        while not over:
            _, reward, terminated, truncated, info = env.step(env.action_space.sample())
            yield env, before, {**info, "reward": reward}
            before, over = info, terminated or truncated


def in_order(values: Any) -> float:
    """Sum from the first to the last, as the kernels add."""
    return functools.reduce(operator.add, values)


# ------------------------------------------------------------------ the terms of the reward
@pytest.mark.parametrize("world", WORLDS)
def test_every_term_is_told(world: str) -> None:
    known = WORLDS[world]
    assert len(known.reward_terms) >= 2
    for term in known.reward_terms:
        assert term.kind == "f8"
        assert term.unit == "1"
        assert all(text in reward_table(known.reward_terms) for text in (term.name, term.weight, term.formula))
    named = [c.name for c in known.outcome_table if c.name.startswith("reward_")]
    assert named == [term.name for term in known.reward_terms], "a column named reward_... must be a Term"
    assert known.outcome_table[-1].name == "reward"


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_the_reward_is_the_sum_of_its_terms(world: str, preset: str) -> None:
    """To the bit; where several devices have a reward each, theirs are, and the whole is the sum over the devices."""
    known = WORLDS[world]
    own = [c.name for c in known.detail_table if isinstance(c, Term)]
    for _, _, info in played(world, preset):
        shares = [info[term.name] for term in known.reward_terms]
        if not own:
            assert in_order(shares) == info["reward"]
            continue
        assert in_order(shares) == pytest.approx(info["reward"], rel=1e-12, abs=1e-12)
        np.testing.assert_array_equal(in_order([info[name] for name in own]), info["device_reward"])
        assert in_order([0.0, *info["device_reward"].tolist()]) == info["reward"]


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_a_term_is_its_weight_times_its_formula(world: str, preset: str) -> None:
    """As the tables say it: the texts are worked out with the keys of ``info`` and the values of the scenario."""
    moved = set()
    for env, before, info in played(world, preset):
        names = {**info, **vars_of(env.scenario), "before": SimpleNamespace(**before)}
        for term in WORLDS[world].reward_terms:
            wanted = eval(term.weight, {}, names) * eval(term.formula, {}, names)
            assert info[term.name] == pytest.approx(wanted, rel=1e-9, abs=1e-9), term.name
            moved |= {term.name} if info[term.name] != 0.0 else set()
    assert moved


def vars_of(scenario: Any) -> dict[str, Any]:
    """A scenario's sections by name."""
    return {name: getattr(scenario, name) for name in scenario.__dataclass_fields__}


# ------------------------------------------------------------------ the keys of info
@pytest.mark.parametrize("world", WORLDS)
def test_info_is_what_its_table_says(world: str) -> None:
    columns = WORLDS[world].info_columns
    env = single(world, "default")
    _, info = env.reset(seed=1)
    for shown in (info, env.step(env.action_space.sample())[-1]):
        assert list(shown) == [column.name for column in columns]
        for column in columns:
            value = shown[column.name]
            assert np.asarray(value).dtype == np.dtype(column.kind), column.name
            assert hasattr(value, "dtype"), column.name  # a number of NumPy, or what becomes one array
    table = info_table(columns)
    for column in columns:
        assert f"| `{column.name}` | {column.unit} |" in table
        assert column.meaning == column.meaning.strip(" .")
        assert column.meaning
    assert table in env.describe()
    assert reward_table(WORLDS[world].reward_terms) in env.describe()


def test_the_suffix_of_a_name_is_its_unit() -> None:
    units = {c.name: c.unit for name in WORLDS for c in WORLDS[name].info_columns}
    assert [units[n] for n in ("energy_j", "latency_s", "clock_hz", "power_w", "bits", "capacity_bits")] == [
        "J", "s", "Hz", "W", "bit", "bit",
    ]  # fmt: skip
    assert [units[n] for n in ("task", "accuracy", "reward_debt", "correct")] == ["1", "1", "1", ""]


@pytest.mark.parametrize("world", WORLDS)
def test_a_step_writes_every_column(world: str) -> None:
    """What came of a step does not depend on what came of the one before: no column is left as it was."""
    scenario = short(world, WORLDS[world].preset_names()[0])
    envs = [native(3, world, scenario, autoreset_mode="NextStep") for _ in range(2)]
    actions = sampled(envs[0].action_space, 40, seed=4)
    for env in envs:
        env.reset(seed=2)
    for action in actions:
        came = []
        for env, junk in zip(envs, (0, 1), strict=True):
            live = ~env._done
            for column in WORLDS[world].outcome_table:
                env.rows.outcomes[column.name] = [0, 77][junk] if column.kind != "?" else bool(junk)
            env.step(action)
            came.append(env.rows.outcome_copy()[live])
        for column in WORLDS[world].outcome_table:
            assert came[0][column.name].tobytes() == came[1][column.name].tobytes(), column.name


def test_equal_tables_are_one_type() -> None:
    """Numba compares record types field by field, at every call, where they are not one object."""
    table = (Column("a_j", "f8", "energy"), Column("b", "?", "flag"))
    assert record_type(table) is record_type(tuple(Column(c.name, c.kind, c.meaning) for c in table))
    assert [WORLDS[name].outcome is WORLDS[name].outcome for name in WORLDS] == [True] * len(WORLDS)
