"""skrl."""

from __future__ import annotations

import dataclasses
import inspect
import tempfile
from pathlib import Path
from typing import Any

import gymnasium as gym

from tests.recipes import NotSupportedError, recipe


def masks() -> str:
    """The models of skrl get observations and states, and no more."""
    from skrl.agents.torch.ppo import PPO

    words = set(inspect.signature(PPO.act).parameters) - {"self"}
    if any("mask" in word or "info" in word for word in words):
        raise AssertionError(f"PPO.act takes {sorted(words)} now: pass the masks")
    raise NotSupportedError(f"PPO.act takes {', '.join(sorted(words))}, and no mask")


def multi_agent() -> str:
    """IPPO on the parallel environment: two networks for every device."""
    import torch
    from skrl.envs.wrappers.torch import wrap_env
    from skrl.memories.torch import RandomMemory
    from skrl.multi_agents.torch.ippo import IPPO, IPPO_CFG
    from skrl.trainers.torch import SequentialTrainer

    import splitgym

    torch.set_num_threads(1)
    found = recipe("skrl_ppo")
    env: Any = wrap_env(splitgym.parallel_env())
    names = env.possible_agents
    spaces = {name: _One(env, name) for name in names}
    # skrl 2.1 takes its own default, an empty table, for one of agents that are not there
    words = [field.name for field in dataclasses.fields(IPPO_CFG) if field.name.endswith("_kwargs")]
    empty = {word: {name: {} for name in names} for word in words}
    with tempfile.TemporaryDirectory() as out:
        agents = IPPO(
            possible_agents=names,
            models={name: {"policy": found.Policy(each), "value": found.Value(each)} for name, each in spaces.items()},
            memories={name: RandomMemory(memory_size=16, num_envs=env.num_envs, device=env.device) for name in names},
            observation_spaces=env.observation_spaces,
            state_spaces=env.state_spaces,
            action_spaces=env.action_spaces,
            device=env.device,
            cfg={**found.settings(Path(out), 16), **empty},
        )
        before = [value.clone() for value in agents.models[names[0]]["policy"].parameters()]
        trainer = SequentialTrainer(env=env, agents=agents, cfg={"timesteps": 64, "headless": True})
        trainer.train()
    after = agents.models[names[0]]["policy"].parameters()
    assert any((a != b).any() for a, b in zip(after, before, strict=True)), "nothing was learned"
    return f"IPPO of {len(names)} devices by wrap_env(splitgym.parallel_env())"


class _One:
    """The spaces of one agent, as the recipe's models ask an environment for them."""

    def __init__(self, env: Any, name: str) -> None:
        self.observation_space, self.action_space = env.observation_space(name), env.action_space(name)
        self.device = env.device


def workers() -> str:
    """wrap_env of Gymnasium's AsyncVectorEnv."""
    import torch
    from skrl.envs.wrappers.torch import wrap_env
    from skrl.trainers.torch import SequentialTrainer

    torch.set_num_threads(1)
    found = recipe("skrl_ppo")
    keywords = {"vectorization_mode": "async", "vector_kwargs": {"context": "spawn"}}
    env: Any = wrap_env(gym.make_vec("splitgym:SplitInference-v0", 2, **keywords))
    with tempfile.TemporaryDirectory() as out:
        agent = found.agent(env, Path(out), length=16)
        trainer = SequentialTrainer(env=env, agents=agent, cfg={"timesteps": 32, "headless": True})
        trainer.train()
        env.close()
    return "wrap_env of an AsyncVectorEnv of 2 processes"
