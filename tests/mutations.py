"""Mutated scenarios: every number of every preset set to odd values, loaded, and played if it is accepted.

``run_scenarios(count, seed)`` is the whole property: what is refused is refused by a short ``ValueError`` that names a
mutated key, and what is accepted gives finite numbers inside the spaces, no negative energy or time, and masks with a
choice, whatever is done.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
import re
import tempfile
import typing
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.encodings import ENCODINGS
from splitgym.envs.vector import SplitVectorEnv
from splitgym.placement.generate import random_instance
from splitgym.ranges import Range
from splitgym.strict import Strict
from splitgym.worlds.settings import Process
from splitgym.worlds.world import WORLDS

#: World -> the key that says how long an episode is, cut to ``_TASKS`` unless it is mutated itself.
LENGTH = {world: WORLDS[world].length for world in WORLDS}
_TASKS, _ROWS, _STEPS = 5, 2, 7
_ANY = Range("1", -1e3, 1e3)
_NEVER = (
    math.nan, math.inf, -math.inf, 5e-324, -5e-324, 1e-310, 1e308, -1e308, 10**400, -(10**400), 2**63, -1, -0.5, True,
    None, "1", [], [1.0], {},
)  # fmt: skip
_NOT_NEGATIVE = re.compile(r"energy_|latency_|cost_|queue_|power_w|power_queue_w|edge_wait|bits|slots|missed")
_SHARES = ("accuracy", "feature_ratio", "share", "server_uncertainty", "seen_uncertainty")


@dataclasses.dataclass(frozen=True)
class Key:
    """One number of a scenario: its place in the table, its limits, and whether it is whole."""

    place: tuple[str | int, ...]
    limits: Range
    whole: bool

    @property
    def path(self) -> str:
        """The place as messages write it."""
        return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in self.place).lstrip(".")

    @property
    def name(self) -> str:
        """Its own name, without section and index."""
        return str([p for p in self.place if isinstance(p, str)][-1])


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A scenario's table with some keys changed, and what to play it by."""

    world: str
    preset: str
    table: dict[str, Any]
    changed: dict[str, Any]
    action: str
    seed: int

    def __str__(self) -> str:
        return f"{self.world} {self.preset} {self.action} seed {self.seed}: {self.changed}"


def numbers_of(thing: Any, place: tuple[str | int, ...] = ()) -> Iterator[Key]:
    """Every number below a strict dataclass, those of models included."""
    if not isinstance(thing, Strict):
        return
    hints = typing.get_type_hints(type(thing))
    for field in dataclasses.fields(typing.cast(Any, thing)):
        value, here = getattr(thing, field.name), (*place, field.name)
        limits = field.metadata.get("limits")
        if field.name == "parameters" and isinstance(thing, Process):
            model = thing.REGISTRY[thing.model]
            yield from (Key((*here, name), limits, False) for name, limits in model.ranges.items())
        elif limits is not None:
            whole = "int" in str(hints[field.name])
            many = isinstance(value, tuple)
            yield from (Key((*here, i), limits, whole) for i in range(len(value) if many else 0))
            yield Key(here, limits, whole)
        elif isinstance(value, Strict):
            yield from numbers_of(value, here)
        elif isinstance(value, (tuple, dict)):
            for i, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from numbers_of(item, (*here, i))


@cache
def _base(world: str, preset: str) -> tuple[bytes, tuple[Key, ...]]:
    """A preset's table, packed, for a fresh copy each time, and its numbers."""
    scenario = WORLDS[world].load_scenario(preset)
    return pickle.dumps(scenario.to_dict()), tuple(numbers_of(scenario))


def mutations(count: int, seed: int) -> Iterator[Mutation]:
    """``count`` mutated scenarios of all worlds; the same ones for the same seed."""
    cases = [(world, preset) for world in LENGTH for preset in WORLDS[world].preset_names()]
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        world, preset = cases[int(rng.integers(len(cases)))]
        yield _mutation(rng, world, preset)


def _mutation(rng: np.random.Generator, world: str, preset: str) -> Mutation:
    packed, keys = _base(world, preset)
    table, changed = pickle.loads(packed), dict[str, Any]()
    action = list(ENCODINGS)[int(rng.integers(len(ENCODINGS)))]
    if LENGTH[world]:
        _put(table, tuple(LENGTH[world].split(".")), _TASKS)
    for section in [s for s in ("fading", "arrivals") if s in table] if rng.random() < 0.3 else ():
        keys = _other_model(rng, table, section, keys, changed)
    _change(rng, table, keys, changed)
    return Mutation(world, preset, table, changed, action, int(rng.integers(2**31)))


def _change(rng: np.random.Generator, table: dict[str, Any], keys: tuple[Key, ...], changed: dict[str, Any]) -> None:
    """Set one, a few or many of the numbers."""
    many = rng.random()
    together = 1 if many < 0.45 else int(rng.integers(2, 6)) if many < 0.8 else int(rng.integers(6, len(keys)))
    for i in rng.choice(len(keys), min(together, len(keys)), replace=False):
        key = keys[int(i)]
        value = _odd(rng, key) if together < 6 and rng.random() < 0.5 else _inside(rng, key, _get(table, key.place))
        if _put(table, key.place, value):
            changed[key.path] = value


def _other_model(
    rng: np.random.Generator, table: dict[str, Any], section: str, keys: tuple[Key, ...], changed: dict[str, Any]
) -> tuple[Key, ...]:
    """Another built-in model in a section, with the default parameters; returns the keys that there are then."""
    registry = {"fading": "splitgym.traces.fading", "arrivals": "splitgym.traces.arrivals"}[section]
    models = getattr(__import__(registry, fromlist=["x"]), section.upper())
    names = [name for name in models if models[name].built_in and "file" not in models[name].defaults]
    name = names[int(rng.integers(len(names)))]
    table[section] = {"model": name, "parameters": dict(models[name].defaults)}
    changed[f"{section}.model"] = name
    left = tuple(key for key in keys if key.place[0] != section)
    return left + tuple(Key((section, "parameters", k), r, False) for k, r in models[name].ranges.items())


def _odd(rng: np.random.Generator, key: Key) -> Any:
    """A value at, beyond or far from the limits, or of another kind."""
    low, high = key.limits.low, key.limits.high
    edges = (low, high, math.nextafter(low, -math.inf), math.nextafter(high, math.inf), low / 2, high * 2, -high, 0)
    choices = (*edges, *edges, -0.0, *_NEVER)
    value = choices[int(rng.integers(len(choices)))]
    if key.whole and isinstance(value, float) and math.isfinite(value) and rng.random() < 0.8:
        return int(value)
    return value


def _inside(rng: np.random.Generator, key: Key, now: Any) -> Any:
    """A value within the limits, uniform in the logarithm: anywhere, or around the present one."""
    low, high = key.limits.low, key.limits.high
    if low < 0:
        value = float(rng.uniform(low, high))
    else:
        a, b = max(low, min(1e-12, high * 1e-12), 1e-30), high
        span = 10.0 ** float(rng.uniform(0.0, 3.0))
        if isinstance(now, (int, float)) and now > 0 and rng.random() < 0.8:
            a, b = max(a, now / span), min(b, now * span)
        value = float(np.exp(rng.uniform(np.log(a), np.log(b)))) if a < b else float(a)
    value = min(max(value, low), high)
    return round(value) if key.whole else value


def _get(table: Any, place: tuple[str | int, ...]) -> Any:
    try:
        for part in place:
            table = table[part]
    except (KeyError, IndexError, TypeError):
        return None
    return table


def _put(table: Any, place: tuple[str | int, ...], value: Any) -> bool:
    """Set a value in a nested table; whether its place was there (a mutation before may have taken it away)."""
    try:
        for part in place[:-1]:
            table = table[part]
        if isinstance(place[-1], int) and not place[-1] < len(table):
            return False
        if not isinstance(table, (dict, list)):
            return False
        typing.cast(Any, table)[place[-1]] = value
    except (KeyError, IndexError, TypeError):
        return False
    return True


# ------------------------------------------------------------------ the property
def run_instances(count: int, seed: int) -> Counter[str]:
    """The same for ``count`` mutated placement instances, played from their files."""
    counts: Counter[str] = Counter()
    instance = random_instance(n_nodes=5, blocks=3, exits=2, apps=2, seed=seed)
    keys = tuple(numbers_of(instance))
    with tempfile.TemporaryDirectory() as folder:
        for k in range(count):
            rng, table, changed = np.random.default_rng([seed, k]), copy.deepcopy(instance.to_dict()), {}
            _change(rng, table, keys, changed)
            path = Path(folder) / f"{seed}-{k}.json"
            path.write_text(json.dumps(table))
            scenario = pickle.loads(_base("placement", "default")[0])
            scenario["topology"] = {"kind": "file", "file": str(path)}
            scenario["networks"], scenario["applications"]["count"] = {"kind": "file"}, _TASKS
            mutation = Mutation("placement", str(path), scenario, changed, "multidiscrete", k)
            counts["accepted" if check(mutation) else "refused"] += 1
    return counts


def check(mutation: Mutation) -> bool:
    """Load and play a mutation; whether it was accepted.  ``AssertionError`` for what must not be."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        try:
            scenario = WORLDS[mutation.world].load_scenario(mutation.table)
            envs = SplitVectorEnv(_ROWS, world=mutation.world, scenario=scenario, action=mutation.action)
        except ValueError as error:
            _check_refusal(str(error), mutation)
            return False
        try:
            _play(envs, mutation)
            _check_trace(envs, scenario, mutation)
        finally:
            envs.close()
    return True


def _check_refusal(said: str, mutation: Mutation) -> None:
    assert len(said) < 500, f"a message of {len(said)} characters: {said}\n{mutation}"
    assert "\n" not in said, said
    bare = {re.sub(r"\[\d+\]", "", path) for path in mutation.changed}
    names = {path.split(".")[-1] for path in bare} | {path.rpartition(".")[0] for path in bare if path.count(".") > 1}
    listed = said.startswith("action encoding 'discrete' lists") or "is not valid JSON" in said  # it has no NaN
    assert listed or any(name in said for name in names), f"{said!r} names none of {names}\n{mutation}"


def _play(envs: SplitVectorEnv, mutation: Mutation, trace: Any = None) -> None:
    options = None if trace is None else {"trace": trace}
    observations, infos = envs.reset(seed=mutation.seed, options=options)
    _check_seen(envs, observations, infos, mutation)
    envs.action_space.seed(mutation.seed)
    for step in range(_STEPS):
        actions = envs.action_space.sample()
        if step % 3:
            actions = _extreme(envs.action_space, actions, high=step % 3 == 1)
        observations, rewards, _, _, infos = envs.step(actions)
        assert np.isfinite(rewards).all(), f"reward {rewards}\n{mutation}"
        assert (np.abs(rewards) < 1e30).all(), f"reward {rewards}\n{mutation}"
        _check_seen(envs, observations, infos, mutation)


def _extreme(space: Any, sample: Any, high: bool) -> Any:
    """The actions at one end of every axis; the smallest positive number where 0 is an end."""
    if isinstance(sample, dict):
        return {name: _extreme(space[name], part, high) for name, part in sample.items()}
    if hasattr(space, "high"):
        if not high and space.dtype == np.float64 and (space.low == 0.0).all():
            return np.full_like(sample, 5e-324)
        return (space.high if high else space.low).astype(space.dtype)
    return space.start + space.nvec - 1 if high else np.broadcast_to(space.start, space.nvec.shape).copy()


def _check_seen(envs: SplitVectorEnv, observations: np.ndarray, infos: dict[str, Any], mutation: Mutation) -> None:
    space: Any = envs.observation_space
    low, high = space.low, space.high
    inside = (observations >= low) & (observations <= high)
    fields = [field.name for field in envs.rows.fields for _ in range(field.size)]
    assert inside.all(), f"observed {np.array(fields)[np.argwhere(~inside)[0][1]]}: {observations[~inside]}\n{mutation}"
    _check_masks(envs, envs.action_masks(), mutation)
    known = getattr(getattr(envs.rows.scenario, "hardware", None), "accuracy", True)
    for name, column in infos.items():
        if name.startswith(("_", "final")) or np.asarray(column).dtype.kind != "f":
            continue
        if name == "accuracy" and known is None:  # not measured
            continue
        assert np.isfinite(column).all(), f"{name} = {column}\n{mutation}"
        name = name.removeprefix("device_")
        if _NOT_NEGATIVE.match(name):
            assert (column >= 0.0).all(), f"{name} = {column}\n{mutation}"
        if name in _SHARES:
            assert ((column >= 0.0) & (column <= 1.0)).all(), f"{name} = {column}\n{mutation}"


def _check_masks(envs: SplitVectorEnv, masks: np.ndarray, mutation: Mutation) -> None:
    """Every axis has something to choose."""
    assert masks.dtype == np.bool_
    ends = [masks.shape[1]] if len(envs.encoding.table) else np.cumsum(envs.encoding.counts).tolist()
    for begin, end in zip([0, *ends], ends, strict=False):
        assert masks[:, begin:end].any(1).all(), f"an axis with nothing to choose\n{mutation}"


def _check_trace(envs: SplitVectorEnv, scenario: Any, mutation: Mutation) -> None:
    """What is drawn keeps the limits of its own arrays; with odd values it is refused, or plays as well."""
    length = LENGTH[mutation.world]
    if length and _get(mutation.table, tuple(length.split("."))) != _TASKS:
        return
    try:
        trace = WORLDS[mutation.world].draw_trace(scenario, np.uint64(mutation.seed))
    except ValueError as error:
        if "a trace of" not in str(error):  # too large to be written out
            raise AssertionError(f"drawn, but refused: {error}\n{mutation}") from error
        return
    rng = np.random.default_rng(mutation.seed)
    arrays = {name: np.array(getattr(trace, name)) for name in trace.ARRAYS}
    odd = {}
    for name in rng.choice(list(arrays), 3):
        limits, flat = trace.ARRAYS[name].limits, arrays[name].ravel()
        key = Key((name,), limits, False)
        for i in rng.integers(flat.size, size=2) if flat.size else ():
            value = _odd(rng, key) if rng.random() < 0.3 else _inside(rng, key, float(flat[i]))
            if isinstance(value, float):
                flat[i], odd[f"{name}[{i}]"] = value, value
        arrays[name] = np.sort(flat) if name == "arrival_s" else flat.reshape(arrays[name].shape)
    try:
        changed = type(trace)(**arrays)
        changed.check(envs.rows.params)
    except ValueError as error:
        if len(said := str(error)) >= 500 or not any(name.split("[")[0].split("_")[0] in said for name in odd):
            raise AssertionError(f"{said!r} of {odd}\n{mutation}") from error
        return
    _play(envs, dataclasses.replace(mutation, changed={**mutation.changed, **odd}), changed)


def run_scenarios(
    count: int, seed: int, progress: Callable[[int], None] | None = None, faults: Path | None = None
) -> Counter[str]:
    """Check ``count`` mutations; returns how many were ``accepted`` and ``refused``, in all and by world.

    ``AssertionError`` at the first fault; with ``faults`` they are written there and counted instead.
    """
    counts: Counter[str] = Counter()
    for k, mutation in enumerate(mutations(count, seed)):
        try:
            verdict = "accepted" if check(mutation) else "refused"
        except Exception as error:
            if faults is None:
                raise AssertionError(f"mutation {k} of seed {seed}: {error!r}\n{mutation}") from error
            with faults.open("a") as file:
                file.write(f"--- {k} of {seed}: {type(error).__name__}: {error}\n{mutation}\n")
            verdict = "faults"
        counts.update((verdict, f"{mutation.world} {verdict}"))
        if progress is not None:
            progress(k + 1)
    return counts
