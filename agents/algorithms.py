"""The learning algorithms that ``splitgym train`` knows, with their defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from splitgym.agents.search_space import Nets, Space, Span
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
        space: what ``splitgym tune`` searches, fields and hyper-parameters by their names.
        masks: whether it takes action masks.
        centred: whether it learns from centred rewards by default; a replay buffer would mix those of many means.
        acting: prefixes of the weights that decide, in the order of the layers; ``activation`` stands between them.
        squashed: whether it reaches a ``Box`` by tanh.
        policy: name of its networks in stable-baselines3.
        networks: those of ``hyper`` that are arguments of the networks, not of the class.
        memory: prefix of the weights of the ``LSTM`` in front of those that decide; empty for none.
    """

    module: str
    cls: str
    actions: tuple[str, ...]
    fields: Mapping[str, Any]
    hyper: Mapping[str, Any]
    space: Space
    masks: bool = False
    centred: bool = False
    acting: tuple[str, ...] = ("mlp_extractor.policy_net", "action_net")
    activation: str = "tanh"
    squashed: bool = False
    policy: str = "MlpPolicy"
    networks: tuple[str, ...] = ()
    memory: str = ""

    def load(self) -> Any:
        """The class; raises ``DependencyNotInstalled`` that names the extra."""
        return getattr(need(self.module, "agents"), self.cls)

    def load_policy(self) -> Any:
        """The class of its networks; raises as :meth:`load`."""
        return self.load().policy_aliases[self.policy]


# PPO's were compared at equal computing time on "default" (minibatches of stable-baselines3's usual size cost tenfold),
# discount and centred rewards on validation seeds of "bursty" and "enachi"; the others are sensible, not tuned.
_ON_POLICY = {"n_envs": 256, "learning_rate": 2e-3, "gamma": 0.999, "net": (64, 64)}
_PPO = {"n_steps": 32, "batch_size": 2048, "n_epochs": 4, "gae_lambda": 0.95, "ent_coef": 0.0, "clip_range": 0.2}
_OFF_POLICY = {"n_envs": 64, "learning_rate": 3e-4, "gamma": 0.99, "net": (128, 128)}
_REPLAY = {"buffer_size": 500_000, "learning_starts": 20_000, "batch_size": 1024, "train_freq": 1, "gradient_steps": 4}
_COMMON: Space = {
    "learning_rate": Span(1e-4, 1e-2),
    "gamma": Span(5e-4, 0.3, "gap"),
    "net": Nets(((64, 64), (128, 128), (256, 256), (64, 64, 64))),
}
_ROLLOUT_SPACE: Space = {
    **_COMMON,
    "n_steps": Span(8, 128, "power"),
    "gae_lambda": Span(0.01, 0.5, "gap"),
    "ent_coef": Span(1e-5, 3e-2),
}
_PPO_SPACE: Space = {
    **_ROLLOUT_SPACE,
    "batch_size": Span(512, 8192, "power"),
    "n_epochs": Span(1, 10, "whole"),
    "clip_range": Span(0.1, 0.4, "even"),
}
_REPLAY_SPACE: Space = {**_COMMON, "batch_size": Span(256, 4096, "power"), "gradient_steps": Span(1, 16, "power")}
_TAU = {"tau": Span(1e-3, 5e-2)}
_SB3, _CONTRIB = "stable_baselines3", "sb3_contrib"

ALGORITHMS: Registry[Algorithm] = Registry("algorithm")
for _name, _algorithm in {
    "ppo": Algorithm(
        module=_SB3,
        cls="PPO",
        actions=("multidiscrete", "discrete", "box"),
        fields=_ON_POLICY,
        centred=True,
        hyper=_PPO,
        space=_PPO_SPACE,
    ),
    "maskable-ppo": Algorithm(
        module=_CONTRIB,
        cls="MaskablePPO",
        actions=("multidiscrete", "discrete"),
        fields=_ON_POLICY,
        centred=True,
        hyper=_PPO,
        space=_PPO_SPACE,
        masks=True,
    ),
    "recurrent-ppo": Algorithm(
        module=_CONTRIB,
        cls="RecurrentPPO",
        actions=("multidiscrete", "discrete", "box"),
        fields=_ON_POLICY,
        centred=True,
        hyper={**_PPO, "lstm_hidden_size": 64},
        space={**_PPO_SPACE, "lstm_hidden_size": Span(16, 128, "power")},
        policy="MlpLstmPolicy",
        networks=("lstm_hidden_size",),
        memory="lstm_actor",
    ),
    "a2c": Algorithm(
        module=_SB3,
        cls="A2C",
        actions=("multidiscrete", "discrete", "box"),
        fields={**_ON_POLICY, "learning_rate": 7e-4},
        centred=True,
        hyper={"n_steps": 8, "gae_lambda": 0.95, "normalize_advantage": True},
        space={**_ROLLOUT_SPACE, "vf_coef": Span(0.1, 1.0, "even")},
    ),
    "sac": Algorithm(
        module=_SB3,
        cls="SAC",
        actions=("box",),
        fields=_OFF_POLICY,
        hyper=_REPLAY,
        space={**_REPLAY_SPACE, **_TAU},
        acting=("actor.latent_pi", "actor.mu"),
        activation="relu",
        squashed=True,
    ),
    "tqc": Algorithm(
        module=_CONTRIB,
        cls="TQC",
        actions=("box",),
        fields=_OFF_POLICY,
        hyper=_REPLAY,
        space={**_REPLAY_SPACE, **_TAU, "top_quantiles_to_drop_per_net": Span(0, 5, "whole")},
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
        space={**_REPLAY_SPACE, **_TAU},
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
        space={
            **_REPLAY_SPACE,
            "target_update_interval": Span(1024, 32_768, "power"),
            "exploration_fraction": Span(0.05, 0.5, "even"),
            "exploration_final_eps": Span(0.01, 0.2),
        },
        acting=("q_net.q_net",),
        activation="relu",
    ),
}.items():
    ALGORITHMS.add(_name, _algorithm)
