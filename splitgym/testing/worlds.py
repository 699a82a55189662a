"""What is asked of a world."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from splitgym.digests import world_origin
from splitgym.encodings import ENCODINGS
from splitgym.envs.single import SplitEnv
from splitgym.envs.vector import SplitVectorEnv
from splitgym.quoting import shown
from splitgym.seeding import episode_key, seed_key
from splitgym.testing.comparing import difference, fail, require
from splitgym.testing.kernel import spoil
from splitgym.testing.playing import advance, global_randomness, rollout, sampled, untouched
from splitgym.worlds.world import WORLDS, World, world_of

_MOST_SCRATCH = 64  # numbers of an array that a kernel may have allocated and not written whole


def check_world(world: World | str, scenario: Any = "default", *, steps: int = 60) -> None:
    """Check a world that is registered, see :func:`splitgym.register_world`.

    Args:
        world: itself, its name or its environment id.
        scenario: the setting; take one with short episodes, of fewer than ``steps`` decisions.
        steps: decisions that are played each time.

    Observations, rewards and ``info`` must be numbers within their tables; an episode must depend on its seed and
    actions alone: not on what was played before, on unwritten memory, on other rows, on threads, on copies or on global
    randomness; nature must not depend on actions, so that a trace replays the episode; the measures must be those of
    the table, the return the sum of the rewards, and a bound above it; Gymnasium's checker must pass without a warning
    in every encoding.  Raises ``AssertionError`` where this fails, with what to do.
    """
    if isinstance(world, str):
        world = WORLDS[world] if world in WORLDS else world_of(world)
    require(
        isinstance(world, World) and world.name in WORLDS and WORLDS[world.name] is world,
        f"{shown(world)} is no world that is registered; call splitgym.register_world(world) first",
    )
    case = _Case(world, world.load_scenario(scenario), steps)
    for check in _CHECKS:
        check(case)


@dataclasses.dataclass
class _Case:
    """One world in one setting."""

    world: World
    scenario: Any
    steps: int

    @property
    def what(self) -> str:
        return f"world {shown(self.world.name)}"

    def single(self, action: str = "multidiscrete") -> SplitEnv:
        return SplitEnv(self.world.name, self.scenario, action)

    def native(self, n: int, **kwargs: Any) -> SplitVectorEnv:
        return SplitVectorEnv(n, self.world.name, self.scenario, **kwargs)

    def actions(self, n: int = 0) -> list[Any]:
        return sampled(self.single().action_space, n or self.steps, seed=1)

    def same(self, a: Any, b: Any, message: str) -> None:
        found = difference(a, b)
        require(not found, f"{self.what} {message}: {found}")


def _tables(case: _Case) -> None:
    """Its code can be known again, and its names are those of its tables."""
    doubt = world_origin(case.world).doubt
    require(not doubt, f"{case.what} cannot be kept in a store: {doubt}")
    names = [m.name for m in case.world.measures]
    require(names[:1] == ["return"], f"{case.what}: measures begin with 'return', got {names}")
    for needed in ("finished", "depleted", "recorded"):
        require(needed in (case.world.state.names or ()), f"{case.what}: STATE needs a boolean {needed!r}")


def _gymnasium(case: _Case) -> None:
    """Gymnasium's own checker."""
    for action in ENCODINGS:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                check_env(case.single(action), skip_render_check=True)
            except Exception as error:  # whatever it warns of or raises
                raise AssertionError(f"{case.what}, encoding {action!r}: check_env says: {error}") from error


def _numbers(case: _Case) -> None:
    """Observations in their space, finite rewards that are the sum of their terms, constant keys and types of info."""
    env, kinds = case.single(), None
    terms = [term.name for term in case.world.reward_terms]
    for item in rollout(env, case.actions()):
        require(np.isfinite(item[0]).all(), f"{case.what} shows observations that are not finite: {item[0]}; write "
                "every field of the observation table, and scratch before it is read")  # fmt: skip
        require(
            env.observation_space.contains(item[0]), f"{case.what} shows {item[0]}, outside {env.observation_space}"
        )
        info = item[-1]
        found = {key: type(value) for key, value in info.items()}
        kinds = kinds or found
        case.same(found, kinds, "shows other keys or types in info from step to step")
        if len(item) == 5:
            require(np.isfinite(item[1]), f"{case.what} gives a reward that is not finite: {item[1]}")
            require("reward" not in info, f"{case.what} shows the reward in info, where it hides the one of step()")
            if terms:
                total = sum(info[name] for name in terms)
                require(np.isclose(total, item[1], rtol=1e-9, atol=1e-12),
                        f"{case.what}: the reward {item[1]} is not the sum {total} of its terms {terms}")  # fmt: skip


def _end(case: _Case) -> None:
    """An episode ends within its horizon."""
    env = case.single()
    env.reset(seed=0)
    most = case.world.horizon(case.scenario)
    for step, action in enumerate(case.actions(most), 1):
        if any(env.step(action)[2:4]):
            return
        require(step < most, f"{case.what} does not end within its horizon of {most} steps")


def _past(case: _Case) -> None:
    """A seeded reset begins the same episode, whatever was played before, and whatever memory held."""
    env, actions = case.single(), case.actions()
    with untouched(case.what):
        first = rollout(env, actions, seed=5)
    case.same(rollout(env, actions, seed=5), first, "plays another episode after reset(seed) than it did before")
    rollout(env, actions[: len(actions) // 2 : -1], seed=6)  # to somewhere in the middle of an episode
    case.same(
        rollout(env, actions, seed=5), first, "remembers earlier episodes after reset(seed); begin() must set all"
    )
    dirty = case.single()
    for name in dirty.rows.states.dtype.names or ():
        dirty.rows.states[name] = np.ones((), dirty.rows.states.dtype[name].base)
    with global_randomness(99):
        case.same(rollout(dirty, actions, seed=5), first, "depends on global random numbers, or on a state never begun")
    _scratch(case, actions, first)


def _scratch(case: _Case, actions: list[Any], first: list[tuple]) -> None:
    """Memory that the kernel allocates is filled with one thing, then with another: it must not show."""
    for value in (7.25, -3e300):
        env, out = case.single(), []
        spoil(value, _MOST_SCRATCH)
        out.append(env.reset(seed=5))
        for action in actions:
            spoil(value, _MOST_SCRATCH)
            out.append(env.step(action))
            if out[-1][2] or out[-1][3]:
                spoil(value, _MOST_SCRATCH)
                out.append(env.reset())
        case.same(out, first, "reads memory that nobody has written; fill np.empty(...) before it is read")


def _seeds(case: _Case) -> None:
    """Seeds matter."""
    actions = case.actions()
    episodes = [rollout(case.single(), actions, seed=seed) for seed in (0, 1, 2)]
    require(
        any(difference(episodes[0], other) for other in episodes[1:]),
        f"{case.what} plays the same episode for every seed; draw nature from the key that begin() is given",
    )


def _rows(case: _Case) -> None:
    """A batch is its rows alone, by any number of rows and threads."""
    envs = case.native(4, autoreset_mode=AutoresetMode.DISABLED)
    actions = np.array(sampled(envs.action_space, 5, seed=4))
    batch: list[tuple[Any, ...]] = [envs.reset(seed=8)]
    for action in actions:
        batch.append(envs.step(action))
        if (batch[-1][2] | batch[-1][3]).any():  # nobody may step on
            break
    played = actions[: len(batch) - 1]
    threaded = case.native(4, autoreset_mode=AutoresetMode.DISABLED, num_threads=3)
    again = [threaded.reset(seed=8), *(threaded.step(action) for action in played)]
    case.same(again, batch, "depends on the number of threads; a row may write to its own arrays only")
    threaded.close()
    for i in range(4):
        alone = case.single()
        out = [alone.reset(seed=8 + i), *(alone.step(action) for action in played[:, i])]
        for step, (many, one) in enumerate(zip(batch, out, strict=True)):
            for name, got, wanted in _pairs(many, one, i):
                if not isinstance(wanted, tuple):  # a tuple is the mask of several axes
                    got, wanted = np.asarray(got), np.asarray(wanted, np.asarray(got).dtype)
                found = difference(got, wanted)
                require(
                    not found,
                    f"{case.what}: row {i} of a batch differs from the same episode alone at step {step} ({name}: "
                    f"{found}); rows must not share anything",
                )


def _pairs(many: tuple, one: tuple, row: int) -> Iterator[tuple[str, Any, Any]]:
    """What a batch returned for a row, and what the single environment returned: name, both values."""
    for name, got, wanted in zip(
        ("observation", "reward", "terminated", "truncated"), many[:-1], one[:-1], strict=False
    ):
        yield name, got[row], wanted
    for key, wanted in one[-1].items():
        yield f"info[{key!r}]", many[-1][key][row], wanted


def _copies(case: _Case) -> None:
    """Copies and pickles go on as the original does."""
    actions = case.actions(6)
    env = case.single()
    env.reset(seed=2)
    advance(env, actions[:2])
    copies = {"a copy": copy.deepcopy(env), "a pickle": pickle.loads(pickle.dumps(env))}
    wanted = advance(env, actions[2:])
    for name, made in copies.items():
        case.same(advance(made, actions[2:]), wanted, f"goes on otherwise in {name}; all that lives must be in STATE")


def _replay(case: _Case) -> None:
    """The trace of an episode, drawn beside it, replays it: nature does not depend on actions."""
    trace = case.world.draw_trace(case.scenario, np.uint64(episode_key(seed_key(8), 0)))
    for actions in (case.actions(), case.actions()[::-1]):
        seeded = _one_episode(case.single(), actions, seed=8)
        played = _one_episode(case.single(), actions, seed=8, trace=trace)
        case.same(played, seeded, "plays otherwise by its trace than by its seed; draw_trace() must give what it draws")


def _one_episode(env: SplitEnv, actions: list[Any], **options: Any) -> list[tuple]:
    out = rollout(env, actions, **options)
    ends = [k for k, item in enumerate(out) if len(item) == 5 and (item[2] or item[3])]
    return out[: ends[0] + 1] if ends else out


def _figures(case: _Case) -> None:
    """Measures are those of the table, the return is the sum of the rewards, and no bound is below it."""
    from splitgym.evaluation.policies import contender
    from splitgym.evaluation.rollout import play

    played = play(contender("random", case.world.name), case.world, case.scenario, 3, 0)
    figures = case.world.measure(played.outcomes, played.live, case.scenario)
    case.same(
        sorted(figures), sorted(m.name for m in case.world.measures), "measures other figures than its table names"
    )
    for name, values in figures.items():
        require(np.shape(values) == (3,), f"{case.what}: measure {name!r} has shape {np.shape(values)}, not (n,)")
    total = np.where(played.live, played.outcomes["reward"], 0.0).sum(axis=0)
    require(np.allclose(figures["return"], total, rtol=1e-9, atol=1e-9), f"{case.what}: the return {figures['return']} "
            f"is not the sum of the rewards {total}")  # fmt: skip
    if case.world.bound:
        trace = case.world.draw_trace(case.scenario, np.uint64(episode_key(seed_key(0), 0)))
        bound = importlib.import_module(case.world.bound).bound(case.scenario, trace)
        require(bound.value >= figures["return"][0], f"{case.what}: the bound {bound.value} is below the return "
                f"{figures['return'][0]} of a random policy")  # fmt: skip


def _ids(case: _Case) -> None:
    """Its environment is made by its id."""
    try:
        made: Any = gym.make(case.world.env_id, scenario=case.scenario)
    except gym.error.Error as error:
        fail(f"{case.what}: gym.make({case.world.env_id!r}) fails: {error}; call splitgym.register_world(world)")
    require(made.unwrapped.world is case.world, f"{case.what}: {case.world.env_id!r} is another world's id")


_CHECKS: tuple[Callable[[_Case], None], ...] = (
    *(_tables, _ids, _numbers, _end, _past, _seeds, _rows, _copies, _replay, _figures, _gymnasium),
)
