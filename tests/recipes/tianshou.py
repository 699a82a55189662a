"""Tianshou."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from tests.recipes import never_masked, recipe

ID = "splitgym:SplitInference-v0"


def learn(ppo: Any, env: Any, steps: int, rows: int) -> None:
    """A training by Tianshou's collector and trainer."""
    import torch
    from tianshou.data import Collector, VectorReplayBuffer
    from tianshou.trainer import OnPolicyTrainerParams

    torch.set_num_threads(1)
    collector = Collector(ppo, env, VectorReplayBuffer(steps, rows))
    collector.reset()
    plan = {"epoch_num_steps": steps, "collection_step_num_env_steps": steps, "batch_size": 128, "verbose": False}
    ppo.run_training(OnPolicyTrainerParams(training_collector=collector, max_epochs=1, **plan))


def masks() -> str:
    """``--masks``, trained for a few decisions."""
    from tianshou.data import Batch

    import splitgym

    found = recipe("tianshou_ppo")
    envs = gym.make_vec(ID, 32, autoreset_mode="Disabled")
    ppo = found.algorithm(envs, masks=True)
    learn(ppo, found.NativeVectorEnv(envs), 1024, 32)

    def act(observations: Any, masks: Any) -> Any:
        return ppo.policy(Batch(obs=Batch(obs=observations, mask=masks), info={})).act.numpy()

    return never_masked(splitgym.policy_from(act, action="multidiscrete", uses_masks=True))


def multi_agent() -> str:
    """One PPO for every device, over PettingZoo's AEC form, which Tianshou takes."""
    from pettingzoo.utils.conversions import parallel_to_aec
    from tianshou.algorithm.multiagent.marl import MultiAgentOnPolicyAlgorithm
    from tianshou.env import DummyVectorEnv, PettingZooEnv

    import splitgym

    def make() -> Any:
        return PettingZooEnv(parallel_to_aec(splitgym.parallel_env(action="discrete")))

    env = make()
    agents = MultiAgentOnPolicyAlgorithm(algorithms=[plain_ppo(env) for _ in env.agents], env=env)
    learn(agents, DummyVectorEnv([make, make]), 200, 2)
    return (
        f"PPO of {len(env.agents)} devices by PettingZooEnv(parallel_to_aec(splitgym.parallel_env(action='discrete')))"
    )


def workers() -> str:
    """Tianshou's ``SubprocVectorEnv``."""
    from tianshou.env import SubprocVectorEnv

    envs = SubprocVectorEnv([lambda: gym.make(ID, action="discrete") for _ in range(2)], context="spawn")
    try:
        learn(plain_ppo(gym.make(ID, action="discrete")), envs, 128, 2)
    finally:
        envs.close()
    return "SubprocVectorEnv of 2 processes"


def plain_ppo(env: Any) -> Any:
    """PPO of one environment that Tianshou's own worker makes."""
    from tianshou.algorithm import PPO
    from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
    from tianshou.algorithm.optim import AdamOptimizerFactory
    from tianshou.utils.net.common import Net
    from tianshou.utils.net.discrete import DiscreteActor, DiscreteCritic
    from torch.distributions import Categorical

    class Seen(Net):
        """A network of what is seen, which Tianshou's multi-agent form puts beside the mask."""

        def forward(self, obs: Any, *args: Any, **kwargs: Any) -> Any:
            return super().forward(getattr(obs, "obs", obs), *args, **kwargs)

    nets = [Seen(state_shape=env.observation_space.shape, hidden_sizes=[64, 64]) for _ in range(2)]
    policy = ProbabilisticActorPolicy(
        actor=DiscreteActor(preprocess_net=nets[0], action_shape=env.action_space.n, softmax_output=False),
        dist_fn=lambda logits: Categorical(logits=logits),
        action_space=env.action_space,
        action_scaling=False,
        action_bound_method=None,
    )
    return PPO(policy=policy, critic=DiscreteCritic(preprocess_net=nets[1]), optim=AdamOptimizerFactory(lr=1e-3))
