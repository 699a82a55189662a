"""The learning algorithms that ``splitgym train`` knows, with their defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from splitgym.extras import need
from splitgym.registry import Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class Algorithm:
    """A learning algorithm.

    Args:
        module, cls: where the class is found when it is needed.
        actions: action encodings that it can use, the default first.
        fields: defaults of the fields of :class:`TrainConfig` that depend on the algorithm.
        hyper: defaults of its own hyper-parameters; the rest are stable-baselines3's.
        masks: whether it takes action masks.
        acting: prefixes of the weights that decide, in the order of the layers; ``activation`` stands between them.
        squashed: whether it reaches a ``Box`` by tanh.
    """

    module: str
    cls: str
    actions: tuple[str, ...]
    fields: Mapping[str, Any]
    hyper: Mapping[str, Any]
    masks: bool = False
    acting: tuple[str, ...] = ("mlp_extractor.policy_net", "action_net")
    activation: str = "tanh"
    squashed: bool = False

    def load(self) -> Any:
        """The class; raises ``DependencyNotInstalled`` that names the extra."""
        return getattr(need(self.module, "agents"), self.cls)


# PPO's were compared at equal computing time on "default" (minibatches of stable-baselines3's usual size cost tenfold);
# the others are sensible, not tuned.
_ON_POLICY = {"n_envs": 256, "learning_rate": 2e-3, "gamma": 0.995, "net": (64, 64)}
_PPO = {"n_steps": 32, "batch_size": 2048, "n_epochs": 4, "gae_lambda": 0.95, "ent_coef": 0.0, "clip_range": 0.2}
_OFF_POLICY = {"n_envs": 64, "learning_rate": 3e-4, "gamma": 0.99, "net": (128, 128)}
_REPLAY = {"buffer_size": 500_000, "learning_starts": 20_000, "batch_size": 1024, "train_freq": 1, "gradient_steps": 4}
_SB3 = "stable_baselines3"

ALGORITHMS: Registry[Algorithm] = Registry("algorithm")
for _name, _algorithm in {
    "ppo": Algorithm(
        module=_SB3, cls="PPO", actions=("multidiscrete", "discrete", "box"), fields=_ON_POLICY, hyper=_PPO
    ),
    "maskable-ppo": Algorithm(
        module="sb3_contrib",
        cls="MaskablePPO",
        actions=("multidiscrete", "discrete"),
        fields=_ON_POLICY,
        hyper=_PPO,
        masks=True,
    ),
    "a2c": Algorithm(
        module=_SB3,
        cls="A2C",
        actions=("multidiscrete", "discrete", "box"),
        fields={**_ON_POLICY, "learning_rate": 7e-4},
        hyper={"n_steps": 8, "gae_lambda": 0.95, "normalize_advantage": True},
    ),
    "sac": Algorithm(
        module=_SB3,
        cls="SAC",
        actions=("box",),
        fields=_OFF_POLICY,
        hyper=_REPLAY,
        acting=("actor.latent_pi", "actor.mu"),
        activation="relu",
        squashed=True,
    ),
    "td3": Algorithm(
        module=_SB3,
        cls="TD3",
        actions=("box",),
        fields=_OFF_POLICY,
        hyper=_REPLAY,
        acting=("actor.mu",),
        activation="relu",
        squashed=True,
    ),
    "dqn": Algorithm(
        module=_SB3,
        cls="DQN",
        actions=("discrete",),
        fields=_OFF_POLICY,
        hyper={**_REPLAY, "target_update_interval": 10_000, "exploration_fraction": 0.2},
        acting=("q_net.q_net",),
        activation="relu",
    ),
}.items():
    ALGORITHMS.add(_name, _algorithm)
