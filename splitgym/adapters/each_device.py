"""``splitgym.per_device``: a model that decides for one device, as a policy of the central environment of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from splitgym.adapters.foreign import Foreign, policy_from
from splitgym.policy import one_of, rows_of
from splitgym.worlds.multiuser.agents import Agents

_CENTRAL = {"multidiscrete": "multidiscrete", "box": "box"}


class PerDevice:
    """A policy of one device that decides for each of them alone; made by :func:`per_device`.

    Attributes: ``one``, the policy of one device; ``name``; ``action``, the encoding of the central environment.
    """

    def __init__(self, one: Foreign) -> None:
        self.one, self.name, self.uses_masks = one, one.name, one.uses_masks
        self.action = _CENTRAL.get(one.action, "dict")
        self.episode_options = one.episode_options
        self.parts: Agents | None = None
        self.central: Any = None

    def __repr__(self) -> str:
        return f"<policy {self.name!r} of each device alone, {self.one.action} actions>"

    def check(self, env: Any) -> None:
        """Raise ``ValueError`` unless ``env`` is a multi-user environment whose agents the policy can be."""
        rows = rows_of(env)
        if rows.world.name != "multiuser":
            raise ValueError(f"agent {self.name!r} decides for devices that share a band, not in {rows.world.env_id}")
        parts = Agents(rows.scenario, self.one.action)
        for kind, own in (("observation", parts.observation_space), ("action", parts.encoding.space)):
            wanted = getattr(self.one.model, f"{kind}_space", None)
            if wanted is not None and not self.one.walk.layers and wanted != own:
                raise ValueError(
                    f"agent {self.name!r} has the {kind} space {wanted}, a device of scenario "
                    f"{rows.scenario.name!r} has {own}; train one on splitgym.parallel_env(scenario)"
                )
        self.parts, self.central = parts, rows.encoding

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        action_masks: np.ndarray | None = None,
    ) -> tuple[Any, Any]:
        """Central actions for central observations (n, n_fields) or (n_fields,); returns (actions, state)."""
        if self.parts is None:
            raise ValueError(f"agent {self.name!r} does not know yet how many devices there are; call check(env) first")
        parts, many = self.parts, np.atleast_2d(np.asarray(observation))
        starts = None if episode_start is None else np.repeat(np.atleast_1d(episode_start), parts.count)

        def decide(own: np.ndarray, masks: np.ndarray | None) -> tuple[Any, Any]:
            return self.one.predict(own, state, starts, deterministic, masks)

        masks = action_masks if self.uses_masks else None
        actions, state = of_each(parts, decide, many, masks)
        if self.action == self.one.action:
            joint = to_central(np.asarray(actions), len(many))
        else:
            joint = self.central.encode(parts.values(actions, len(many)))
        return (one_of(joint, 0) if np.ndim(observation) == 1 else joint), state


def of_each(
    parts: Agents,
    decide: Callable[[np.ndarray, np.ndarray | None], tuple[Any, Any]],
    central: np.ndarray,
    action_masks: np.ndarray | None,
) -> tuple[Any, Any]:
    """What ``decide(observations, masks)`` of one device says for each of n times N, row by row."""
    n = len(central) * parts.count
    masks = None if action_masks is None else parts.masks(np.atleast_2d(action_masks)).reshape(n, -1)
    return decide(parts.observations(central).reshape(n, -1), masks)


def to_central(actions: np.ndarray, n: int) -> np.ndarray:
    """Actions of n times N agents (n N, n_axes) -> central actions (n, n_axes N)."""
    return actions.reshape(n, -1, actions.shape[-1]).transpose(0, 2, 1).reshape(n, -1)


def per_device(model: Any, **options: Any) -> PerDevice:
    """A model trained on :func:`splitgym.parallel_env`, one for all devices, as a policy of the central environment.

    Args:
        model: as for :func:`splitgym.policy_from`, of one device: observations (n N, n_agent_fields) of N devices in n
            rows, row by row.
        options: those of :func:`splitgym.policy_from`; ``action`` is the encoding of one device.

    Raises ``TypeError`` and ``ValueError`` as :func:`splitgym.policy_from` does.
    """
    return PerDevice(policy_from(model, **options))
