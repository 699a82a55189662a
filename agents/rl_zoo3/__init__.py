"""Settings for rl_zoo3, one module for each algorithm that both know, made from ``ALGORITHMS``.

    python -m rl_zoo3.train --algo ppo --env SplitInference-v0 --gym-packages splitgym -conf splitgym.agents.rl_zoo3.ppo

Every environment id is a key; one whose encoding an algorithm cannot use gets the argument ``action`` as well, so that
``--algo sac --env SplitInference-v0`` works.  rl_zoo3's linear schedule ends at 0, that of ``splitgym train`` at a
fiftieth.
"""

from __future__ import annotations

from typing import Any

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.checkpoint import policy_arguments
from splitgym.agents.config import TrainConfig
from splitgym.worlds.world import WORLDS


def hyperparams_of(algo: str) -> dict[str, dict[str, Any]]:
    """Environment id -> settings of an algorithm as rl_zoo3 reads them; vector rewards are left out."""
    found: dict[str, dict[str, Any]] = {}
    for name in WORLDS:
        for env_id, fixed in WORLDS[name].ids.items():
            actions = ALGORITHMS[algo].actions
            if "reward" in fixed or fixed.get("action", actions[0]) not in actions:
                continue
            encoding = {} if "action" in fixed else {"env_kwargs": {"action": actions[0]}}
            found[env_id] = {**_settings(algo, env_id), **encoding}
    return found


def _settings(algo: str, env_id: str) -> dict[str, Any]:
    config = TrainConfig(algo=algo, env_id=env_id)
    return {
        "policy": "MlpPolicy",
        "n_timesteps": config.steps,
        "n_envs": config.n_envs,
        "learning_rate": f"lin_{config.learning_rate:g}",
        "gamma": config.gamma,
        "policy_kwargs": policy_arguments(config),
        **config.hyper,
    }
