"""``splitgym.policy_from``: a trained model of any library as a policy."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from splitgym.adapters.walk import Walk, walk
from splitgym.checks import switch, word
from splitgym.encodings import ENCODINGS, encoding_of
from splitgym.names import check_label
from splitgym.numbers import as_array
from splitgym.policy import one_of, rows_of
from splitgym.quoting import an, shown

_SB3 = ("state", "episode_start", "deterministic", "action_masks")


class Foreign:
    """A model of another library in stable-baselines3's ``predict`` convention; made by :func:`policy_from`.

    Attributes: ``model``; ``name``; ``action``, the encoding that it answers in; ``uses_masks``: whether ``predict``
    wants ``action_masks``; ``walk``: what is done to observations and actions on the way.
    """

    def __init__(self, model: Any, name: str, action: str, uses_masks: bool, walk: Walk) -> None:
        self.model, self.name, self.action, self.uses_masks = model, name, action, uses_masks
        rows = getattr(walk.bottom, "rows", None)
        self._trained_on = "" if rows is None else rows.world.env_id
        self.walk = Walk(walk.layers)  # the environment itself is not needed any more
        self.episode_options: dict[str, Any] = dict(getattr(model, "episode_options", {}))
        self._takes = parameters_of(model)

    def __repr__(self) -> str:
        return f"<policy {self.name!r} of {type(self.model).__name__}, {self.action} actions>"

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        action_masks: np.ndarray | None = None,
    ) -> tuple[Any, Any]:
        """Actions for a batch (n, n_fields) or one observation (n_fields,); returns (actions, state).

        ``state`` is that of the call before, ``None`` for the first; ``episode_start`` (n,) bool marks rows whose
        episode begins; ``action_masks`` (n, mask size) bool is for models with ``uses_masks``.
        """
        observation = as_array(observation, "observations")
        batch = observation[None] if observation.ndim == 1 else observation
        n = len(batch)
        own, memories = (None, self.walk.begin(n)) if state is None else state
        fresh = np.full(n, state is None)
        starts = fresh if episode_start is None else np.atleast_1d(np.asarray(episode_start, np.bool_)) | fresh
        batch = self.walk.observe(batch, memories, starts)
        masks = None if action_masks is None else np.atleast_2d(action_masks)
        given = {"state": own, "episode_start": starts, "deterministic": deterministic, "action_masks": masks}
        actions, own = self._called(batch, given)
        actions = self.walk.acted(actions)
        return (one_of(actions, 0) if observation.ndim == 1 else actions), (own, memories)

    def _called(self, batch: Any, given: dict[str, Any]) -> tuple[Any, Any]:
        if not hasattr(self.model, "predict"):
            masks = (given["action_masks"],) if self.uses_masks else ()
            return _plain(self.model(batch, *masks)), None
        if not self.uses_masks:
            given.pop("action_masks")
        answer = self.model.predict(batch, **{key: value for key, value in given.items() if key in self._takes})
        if isinstance(answer, tuple) and len(answer) == 2:
            return _plain(answer[0]), answer[1]
        return _plain(answer), None

    def check(self, env: Any) -> None:
        """Raise ``ValueError`` if the model cannot play ``env`` (ours, or stable-baselines3's over ours)."""
        rows = rows_of(env)
        if self._trained_on not in ("", rows.world.env_id):
            raise ValueError(f"policy {self.name!r} was trained on {self._trained_on}, not {rows.world.env_id}")
        shown_space = self.walk.layers[-1].space if self.walk.layers else rows.observation_space()
        wanted = getattr(self.model, "observation_space", None)
        if wanted is not None and not _same(wanted, shown_space):
            raise ValueError(
                f"policy {self.name!r} observes {_brief(wanted)}, scenario {rows.scenario.name!r} of "
                f"{rows.world.env_id} shows {_brief(shown_space)}. If it was trained behind wrappers, hand such an "
                "environment: splitgym.policy_from(model, env=...); if it decides for one device, "
                "splitgym.per_device(model)"
            )
        own = getattr(self.model, "action_space", None)
        changed = any(type(layer).__name__ == "Actions" for layer in self.walk.layers)
        if own is not None and not changed and own != rows.encoding.space:
            raise ValueError(
                f"policy {self.name!r} gives {self.action!r} actions of {own}, the environment takes {rows.action!r} "
                f"ones of {rows.encoding.space}; train it on scenario {rows.scenario.name!r}"
            )


def _plain(actions: Any) -> Any:
    """Actions as NumPy has them; tensors of torch may need a word more."""
    return actions.detach().cpu().numpy() if hasattr(actions, "detach") else actions


def _same(a: Any, b: Any) -> bool:
    """Whether two spaces of observations are one, bounds included: a wrapper may change these alone."""
    if getattr(a, "shape", None) != getattr(b, "shape", None):
        return False
    if not hasattr(a, "low") or not hasattr(b, "low"):
        return a == b
    return bool(np.array_equal(a.low, b.low) and np.array_equal(a.high, b.high))


def _brief(space: Any) -> str:
    low, high = getattr(space, "low", None), getattr(space, "high", None)
    return f"{space.shape} in [{low.min():g}, {high.max():g}]" if low is not None and high is not None else str(space)


def parameters_of(model: Any) -> tuple[str, ...]:
    """The words of stable-baselines3's ``predict`` that a model takes; all, where Python cannot tell."""
    try:
        found = inspect.signature(model.predict).parameters
    except (TypeError, ValueError, AttributeError):
        return _SB3
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in found.values()):
        return _SB3
    return tuple(word for word in _SB3 if word in found)


def policy_from(
    model: Any,
    *,
    env: Any = None,
    action: str | None = None,
    name: str | None = None,
    uses_masks: bool | None = None,
) -> Foreign:
    """A trained model of any library as a policy, for :func:`splitgym.evaluate` and its relatives.

    Args:
        model: an object with ``predict``, as stable-baselines3 has it, or one that takes observations and gives
            actions; or a function ``f(observations)`` or ``f(observations, action_masks)`` on batches: observations
            (n, n_fields) float32, masks (n, mask size) bool, actions as ``env.action_space`` of n rows has them.
        env: an environment wrapped as the model was trained in it, such as a ``VecNormalize`` with its statistics; by
            default the model's own, if it has one.  What its wrappers do to observations and actions is done again;
            running statistics stay as they are.
        action: the encoding that the model answers in; by default that of the environment or of the model's
            ``action_space``, or else ``"multidiscrete"``.
        name: of the policy in tables; by default the model's.
        uses_masks: whether it gets action masks; by default if it has a parameter for them.

    Raises:
        TypeError: neither ``predict`` nor a function, or an environment of another package.
        ValueError: a wrapper that is unknown or cannot be done again, a model that was trained behind ``VecNormalize``
            and came without it, an unknown encoding or an unfit name.
    """
    if isinstance(model, type) or not (hasattr(model, "predict") or callable(model)):
        raise TypeError(f"a policy needs predict(observation, ...) or must be a function, got {shown(model)}")
    around = _own_env(model) if env is None else env
    walked = Walk() if around is None else walk(around)
    chosen = action or _encoding(model, walked)
    word("action", chosen, ENCODINGS)
    masked = _uses_masks(model) if uses_masks is None else switch("uses_masks", uses_masks)
    return Foreign(model, check_label("name", name_of(model) if name is None else name), chosen, masked, walked)


def adapted(policy: Any) -> Any:
    """A policy as the evaluation calls it: itself if it is one, or else by :func:`policy_from`."""
    ready = hasattr(policy, "predict") and hasattr(policy, "action") and set(_SB3[:3]) <= set(parameters_of(policy))
    return policy if ready and not hasattr(policy, "get_env") else policy_from(policy)


def name_of(model: Any) -> str:
    """The model's name: its own, or that of its function or class."""
    own = getattr(model, "name", None)
    own = getattr(model, "__name__", type(model).__name__) if own is None else own
    return "policy" if own == "<lambda>" else own


def _own_env(model: Any) -> Any:
    """The environment that a model of stable-baselines3 has.

    Raises ``ValueError`` if it has none and was trained behind ``VecNormalize``, whose statistics are elsewhere.
    """
    get: Callable[[], Any] | None = getattr(model, "get_env", None)
    env = get() if callable(get) else None
    if env is None and getattr(model, "_last_original_obs", None) is not None:
        raise ValueError(
            f"this {type(model).__name__} was trained behind VecNormalize, and its file does not hold the statistics: "
            "load them, normalized = VecNormalize.load('vecnormalize.pkl', venv), and hand them over, "
            "splitgym.policy_from(model, env=normalized)"
        )
    return env


def _encoding(model: Any, walked: Walk) -> str:
    rows = getattr(walked.bottom, "rows", None)
    if hasattr(model, "action") and isinstance(model.action, str):
        return model.action
    if rows is not None:
        return rows.action
    found = encoding_of(getattr(model, "action_space", None))
    if not found and hasattr(model, "get_action_type"):  # d3rlpy's
        found = {"DISCRETE": "discrete", "CONTINUOUS": "box"}.get(getattr(model.get_action_type(), "name", ""), "")
    if not found and hasattr(model, "predict"):
        raise TypeError(
            f"{an(type(model).__name__)} does not say which actions it gives: it needs an attribute 'action' (name of "
            "the encoding) or 'action_space', or write splitgym.policy_from(model, action=...)"
        )
    return found or "multidiscrete"


def _uses_masks(model: Any) -> bool:
    said = getattr(model, "uses_masks", None)
    if said is not None:
        return bool(said)
    try:
        found = inspect.signature(model.predict if hasattr(model, "predict") else model).parameters
    except (TypeError, ValueError):
        return False
    if "action_masks" in found:
        return True
    needed = [p for p in found.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return not hasattr(model, "predict") and len([p for p in needed if p.default is p.empty]) >= 2
