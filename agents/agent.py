"""Trained agents as policies: one that decides for all, and one that decides for each device alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.adapters.each_device import of_each, to_central
from splitgym.adapters.layers import Layer
from splitgym.agents.config import TrainConfig
from splitgym.agents.settings import context_of, names_of
from splitgym.policy import rows_of
from splitgym.specs import command_line
from splitgym.worlds.multiuser.agents import Agents

_NONE = np.zeros(0, np.bool_)


class Agent:
    """A trained agent in stable-baselines3's ``predict`` convention.

    Attributes: ``name``; ``action``, the encoding it answers in; ``episode_options`` to be set at reset;
    ``uses_masks``: whether ``predict`` wants ``action_masks``; ``config``, ``None`` for files of unknown origin;
    ``beside``: texts of files that decide too; ``context`` (n,) float32: what an agent that observes contexts sees of
    the scenario that it plays, behind the observation; ``steps`` it has learnt from, 0 if unknown; ``stopped``: by whom
    its training was ended, if by a callback.
    """

    beside: tuple[bytes, ...] = ()
    context: np.ndarray = np.zeros(0, np.float32)
    steps: int = 0
    stopped: str = ""

    def __init__(self, policy: Any, name: str, action: str, uses_masks: bool, config: TrainConfig | None) -> None:
        self.policy, self.name, self.action, self.uses_masks, self.config = policy, name, action, uses_masks, config
        self.episode_options: dict[str, Any] = dict(config.episode_options) if config else {}

    def __repr__(self) -> str:
        told = f"{type(self).__name__} {self.name!r}, action={self.action!r}"
        if self.config is None:
            return f"<{told}>"
        end = self.stopped or f"after {self.steps} of {self.config.steps} steps"
        return f"<{told}: {self.config.algo} on {self.config.env_id}, {names_of(self.config)!r}, {end}>"

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        action_masks: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Actions for a batch (n, n_fields) or one observation (n_fields,); returns (actions, state).

        ``action_masks`` (n, mask size) bool is for agents with ``uses_masks``; others ignore it.  Raises
        ``ValueError`` for observations of another shape.
        """
        extra = {"action_masks": action_masks} if self.uses_masks else {}
        if len(self.context):
            observation = np.asarray(observation)
            context = np.broadcast_to(self.context, (*observation.shape[:-1], len(self.context)))
            observation = np.concatenate([observation, context], axis=-1)
        return self.policy.predict(observation, state, episode_start, deterministic, **extra)

    def check(self, env: Any) -> None:
        """Raise ``ValueError`` if the agent cannot play ``env`` (ours, or stable-baselines3's over ours)."""
        rows = rows_of(env)
        if self.config is not None and rows.world.env_id != self.config.env_id:
            raise ValueError(
                f"agent {self.name!r} was trained on {self.config.env_id}, not {rows.world.env_id}; "
                "train one: " + command_line("train", "--env", rows.world.env_id)
            )
        if rows.encoding.space != self.policy.action_space:
            raise ValueError(
                f"agent {self.name!r} gives {self.action!r} actions of {self.policy.action_space}, the environment "
                f"takes {rows.action!r} ones of {rows.encoding.space}; make it with action={self.action!r}, or train "
                f"an agent on scenario {rows.scenario.name!r}"
            )
        self.context = self._context(rows)
        (shown,), seen = rows.observation_space().shape, self.policy.observation_space.shape
        if (shown + len(self.context),) != seen:
            raise ValueError(
                f"agent {self.name!r} observes {seen}, the environment shows "
                f"{rows.observation_space().shape}; train an agent on scenario {rows.scenario.name!r}"
            )

    def _context(self, rows: Any) -> np.ndarray:
        """What the rows do not show themselves of their scenario, and the agent has learnt with, (n,) float32."""
        if self.config is None or not self.config.observe_context or rows.contexts is not None:
            return np.zeros(0, np.float32)
        return context_of(self.config, rows.scenario)


class Behind:
    """A network that sees observations through a layer, as it was trained."""

    def __init__(self, policy: Any, layer: Layer) -> None:
        self.policy, self.layer, self.modules = policy, layer, policy.modules
        self.action_space, self.observation_space = policy.action_space, policy.observation_space

    def predict(self, observation: np.ndarray, *args: Any, **kwargs: Any) -> tuple[np.ndarray, Any]:
        """As the network's own."""
        return self.policy.predict(self.layer.observe(np.asarray(observation), None, _NONE), *args, **kwargs)


class SharedAgent(Agent):
    """A trained agent that decides for each device alone; plays the central environment of any number of devices."""

    parts: Agents | None = None

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        action_masks: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Central actions for central observations (n, n_fields) or (n_fields,); see :meth:`Agent.predict`."""
        parts = self._parts()
        central = np.asarray(observation)
        batch = np.atleast_2d(central)
        act = super().predict
        given = action_masks if self.uses_masks else None
        starts = None if episode_start is None else np.repeat(np.atleast_1d(episode_start), parts.count)
        actions, state = of_each(parts, lambda own, masks: act(own, state, starts, deterministic, masks), batch, given)
        joint = to_central(np.asarray(actions), len(batch))
        return (joint[0] if central.ndim == 1 else joint), state

    def check(self, env: Any) -> None:
        """Raise ``ValueError`` unless ``env`` is a multi-user environment whose agents the policy can be."""
        rows = rows_of(env)
        if rows.world.name != "multiuser":
            raise ValueError(f"agent {self.name!r} decides for devices that share a band, not in {rows.world.env_id}")
        if rows.action != self.action:
            raise ValueError(
                f"agent {self.name!r} gives {self.action!r} actions, the environment takes {rows.action!r}"
            )
        parts = Agents(rows.scenario, self.action)
        if parts.encoding.space != self.policy.action_space or parts.observation_space != self.policy.observation_space:
            raise ValueError(
                f"agent {self.name!r} acts in {self.policy.action_space}, a device of scenario "
                f"{rows.scenario.name!r} in {parts.encoding.space}; train an agent on that scenario"
            )
        self.parts = parts

    def _parts(self) -> Agents:
        if self.parts is None:
            if self.config is None:
                raise ValueError(
                    f"agent {self.name!r} does not know yet how many devices there are; call check(env) first"
                )
            self.parts = Agents(self.config.scenario, self.action)
        return self.parts
