"""The policy interface (stable-baselines3's ``predict``) and the registry of baselines."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from splitgym.cards import Card, Carded
from splitgym.checks import seed_of
from splitgym.encodings import ROUNDING, Axis, Encoding
from splitgym.interrupt import aside
from splitgym.jit import one_record, records
from splitgym.numbers import as_array, plain_array
from splitgym.physics.codec import decode_fields
from splitgym.quoting import an, exact, listed, shown
from splitgym.registry import Registry, nearest
from splitgym.worlds.world import World, get_world, world_of

_WORK = 1_000  # elementary steps of a decision for each number that is observed, at most


class Policy(Carded):
    """Base of the baselines: decodes observations to SI units, decides, encodes the decision.

    Args:
        env: an environment of this package (single or vector, wrapped or not), or one of stable-baselines3's
            vector environments over it.  Only its world, scenario and action encoding are used.
        seed: seed of the policy's own randomness, if it has any.

    A subclass sets ``worlds`` (names of the worlds it plays; ``None``: all of them), may set ``action`` (the encoding
    in which it is exact) and ``episode_options`` (what it wants set at reset), and implements :meth:`decide`.
    """

    name: ClassVar[str] = ""
    worlds: ClassVar[tuple[str, ...] | None] = ("inference",)
    action: ClassVar[str] = "dict"
    episode_options: ClassVar[Mapping[str, Any]] = {}
    summary: ClassVar[str] = ""

    def __init__(self, env: Any, *, seed: int = 0) -> None:
        rows = rows_of(env)
        if not plays(type(self), rows.world.name):
            raise ValueError(
                f"policy {self.name!r} plays {', '.join(get_world(w).env_id for w in self.worlds or ())}, "
                f"not {rows.world.env_id}; choose one of {listed(policy_names(rows.world.env_id))}"
            )
        if rows.contexts is not None:
            raise ValueError(
                f"policy {self.name!r} knows one scenario, and {rows.title!r} has another one in every episode: after "
                "reset() make it on an environment of scenario=env.unwrapped.scenario"
            )
        self.world: World = rows.world
        self.scenario, self.params = rows.scenario, rows.params
        self.encoding: Encoding = rows.encoding
        self._params = one_record(rows.params, rows.world.params)
        self._fields = tuple(
            self.params[f"field_{part}"][: self.params.n_fields].copy() for part in ("kind", "low", "high")
        )
        self._view = rows.world.view(rows.scenario)
        self._decision = rows.decision
        self._least, self._most = limits_of(rows.axes)
        self.rng = np.random.default_rng(seed_of(seed))

    def _card(self) -> Card:
        name = self.name or type(self).__name__
        rows = [("summary", self.summary), ("decides about", ", ".join(axis.name for axis in self.encoding.axes))]
        rows.append(("episode options", ", ".join(f"{k}={v!r}" for k, v in self.options_for(self.world.name).items())))
        line = f"policy {shown(name)} for {self.world.env_id}, scenario {shown(self.scenario.name)}"
        return Card(line, ("policy", name), rows)

    @classmethod
    def options_for(cls, world: str) -> Mapping[str, Any]:
        """What the policy wants set at reset in a world that it plays; by default ``episode_options`` in all."""
        return cls.episode_options

    @classmethod
    def depends_on(cls, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """What else decides, such as a registered function that a parameter names; a store knows it by its code."""
        return ()

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        """Observed SI values (n,) VIEW -> ``decisions`` (n,) DECISION, in place.

        Every value must lie between the least and the most of its axis; the encoding takes the nearest level.
        """
        raise NotImplementedError

    def decode(self, observations: np.ndarray) -> np.ndarray:
        """Observations (n, n_fields) float32 -> SI values (n,) structured by field name."""
        observations = np.ascontiguousarray(plain_array(observations, "observations"), np.float32)
        if observations.ndim != 2 or observations.shape[1] != len(self._fields[0]):
            n = len(self._fields[0])
            raise ValueError(
                f"policy {shown(self.name or type(self).__name__)} was made for {self.world.env_id}, scenario "
                f"{shown(self.scenario.name)}: observations must have shape (n, {n}) or ({n},), got "
                f"{observations.shape}; for another environment or scenario make another policy"
            )
        values = np.empty(observations.shape)
        kinds, lows, highs = self._fields
        decode_fields(observations, kinds, lows, highs, values)
        return records(values.view(self._view)[:, 0])

    def _refuse(self, values: np.ndarray) -> ValueError:
        row, j = np.argwhere(~((values >= self._least) & (values <= self._most)))[0]
        least, most = self._least[j], self._most[j]
        return ValueError(
            f"policy {shown(self.name or type(self).__name__)} decided {self.encoding.axis_of(int(j))} = "
            f"{values[row, j]} in row {row}; it must be in [{exact(least)}, {exact(most)}]"
        )

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[Any, Any]:
        """Actions for a batch (n, n_fields) or one observation (n_fields,), in the environment's encoding.

        ``state``, ``episode_start`` and ``deterministic`` are accepted for stable-baselines3's sake; baselines keep no
        state.  Returns (actions, state).  Raises ``ValueError`` for observations of another shape, and for a decision
        that is NaN or outside its axis, naming axis, row, value and limits.
        """
        observation = as_array(observation, "observations")
        single = observation.ndim == 1
        views = self.decode(observation[None] if single else observation)
        values = np.zeros((len(views), self.encoding.width))
        decisions = records(values.view(self._decision)[:, 0])
        aside(self.decide, views, decisions, work=_WORK * views.size * len(self._fields[0]))
        if not ((values >= self._least) & (values <= self._most)).all():
            raise self._refuse(values)
        actions = self.encoding.encode(values)
        return (one_of(actions, 0) if single else actions), state


def limits_of(axes: Sequence[Axis]) -> tuple[np.ndarray, np.ndarray]:
    """Least and most that a policy may decide, (width,) each in SI units; the encoding takes the nearest level."""
    pairs = [
        (min(axis.levels[0], 0.0) if axis.top > 0.0 else axis.levels[0], max(axis.levels[-1], axis.top))
        for axis in axes
        for _ in range(axis.width)
    ]
    least, most = np.array(pairs, np.float64).T
    slack = ROUNDING * np.maximum(np.abs(least), np.abs(most))
    return least - slack, most + slack


def one_of(actions: Any, row: int) -> Any:
    """One action of a batch; a batch of dictionary actions is a dictionary of columns."""
    return {name: column[row] for name, column in actions.items()} if isinstance(actions, dict) else actions[row]


def rows_of(env: Any) -> Any:
    """The engine under an environment of this package; raises ``TypeError`` for anything else."""
    inner = getattr(env, "unwrapped", env)
    for owner in (env, inner, getattr(inner, "venv", None)):
        rows = getattr(owner, "rows", None)
        if rows is not None:
            return rows
    if hasattr(env, "get_attr"):  # stable-baselines3's and Gymnasium's vector environments
        return env.get_attr("rows")[0]
    raise TypeError(f"need an environment of splitgym, got {shown(env)}")


#: What stands before the colon of the names of trained agents that ship with the package; see ``splitgym.agents.zoo``.
ZOO = "zoo"
POLICIES: Registry[Callable[..., Any]] = Registry("policy", own=True)


def register_policy(policy: Any = None, *, name: str | None = None) -> Any:
    """Register a policy class or factory, called as ``policy(env, **parameters)``; usable as a decorator.

    The name is ``name`` or the class's ``name``.  Raises ``ValueError`` for a name that is taken or cannot be
    typed on a command line, and for a policy that cannot be called with an environment.
    """
    if policy is None:
        return functools.partial(_register, name=name)
    return _register(policy, name)


def _register(policy: Any, name: str | None) -> Any:
    chosen = getattr(policy, "name", "") if name is None else name
    if name is None and not chosen:
        raise ValueError(
            f"a policy needs a name: register_policy(cls, name=...) or a class attribute 'name', got {shown(policy)}"
        )
    if chosen == ZOO:
        raise ValueError(
            f"no policy can be called {ZOO!r}: '{ZOO}:NAME' means the trained agents that ship with splitgym"
        )
    if not callable(policy) or not _takes_env(policy):
        raise ValueError(f"a policy must be a class or function, called as policy(env, ...), got {shown(policy)}")
    POLICIES.add(chosen, policy)
    return policy


def _takes_env(policy: Callable[..., Any]) -> bool:
    try:
        inspect.signature(policy).bind(None)
    except (TypeError, ValueError):  # other parameters, or none that Python can tell
        return False
    return True


def plays(policy: Any, world: str) -> bool:
    """Whether a registered class or factory plays the world of that name; a factory that does not say: inference."""
    worlds = getattr(policy, "worlds", ("inference",))
    return worlds is None or world in worlds


def policy_names(env_id: str | None = None) -> list[str]:
    """Names of all registered policies, the shipped baselines included; with ``env_id``: of those that play it."""
    load_baselines()
    if env_id is None:
        return list(POLICIES)
    world = world_of(env_id)
    return [name for name in POLICIES if plays(POLICIES[name], world.name)]


def make_policy(name: str, env: Any, **parameters: Any) -> Any:
    """A registered policy for an environment.

    Raises ``ValueError`` for an unknown name or parameter (naming the nearest), and for a world it does not play.
    """
    load_baselines()
    check_parameters(name, parameters)
    policy = POLICIES[name](env, **parameters)
    if not hasattr(policy, "predict"):
        raise TypeError(f"policy {name!r} makes {an(type(policy).__name__)}, which has no predict(observation, ...)")
    return policy


def check_parameters(name: str, parameters: Iterable[str]) -> None:
    """Raise ``ValueError`` naming the nearest that it has if a registered policy lacks a parameter."""
    signature = inspect.signature(POLICIES[name]).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in signature.values()):
        return
    known = list(signature)[1:]
    for key in parameters:
        if key not in known:
            hint = f"{nearest(key, known)} (has: {listed(known) or 'none'})"
            raise ValueError(f"policy {name!r} has no parameter {shown(key)}{hint}")


def load_baselines() -> None:
    """Import every module of ``splitgym.baselines``, so that the baselines register themselves."""
    package = importlib.import_module("splitgym.baselines")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"splitgym.baselines.{module.name}")
