"""Tianshou: PPO on the native batch, by its own policy, collector and trainer, with action masks if ``--masks``.

Tianshou's collector begins finished rows anew itself, which is Gymnasium's ``DISABLED`` autoreset: ``NativeVectorEnv``
passes that on. ``DummyVectorEnv`` and ``SubprocVectorEnv`` of ``gym.make`` work as well, and are slower. Masks come as
Tianshou's own ``obs.mask``. Settings are those that all PPO recipes share (docs/libraries.md).

    pip install splitgym tianshou torch
    python tianshou_ppo.py --steps 300000 --out runs/tianshou
"""

import argparse
import importlib.metadata
import json
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from tianshou.algorithm import PPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, Collector, VectorReplayBuffer
from tianshou.env import BaseVectorEnv
from tianshou.trainer import OnPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.discrete import DiscreteActor, DiscreteCritic
from torch.distributions import Categorical, Independent

import splitgym

ENVS, LENGTH = 32, 64


class NativeVectorEnv(BaseVectorEnv):
    """A native batch, whose rows begin anew when the collector says so."""

    def __init__(self, envs: gym.vector.VectorEnv) -> None:
        self.envs, self.env_num, self.is_async, self.is_closed = envs, envs.num_envs, False, False

    def get_env_attr(self, key, id=None):
        return [getattr(self.envs, f"single_{key}" if key.endswith("space") else key)] * len(self._wrap_id(id))

    def seen(self, observations, rows):
        """Observations with their masks, and infos that hold no more than Tianshou asks for."""
        masks = self.envs.unwrapped.action_masks()
        return Batch(obs=observations[rows], mask=masks[rows]), np.array([{"env_id": row} for row in rows])

    def reset(self, env_id=None, seed=None):
        rows = np.asarray(self._wrap_id(env_id))
        chosen = np.isin(np.arange(self.env_num), rows)
        return self.seen(self.envs.reset(seed=seed, options={"reset_mask": chosen})[0], rows)

    def step(self, action, id=None):
        observations, rewards, terminated, truncated, _ = self.envs.step(np.asarray(action))
        seen, infos = self.seen(observations, np.arange(self.env_num))
        return seen, rewards, terminated, truncated, infos

    def close(self):
        self.envs.close()


class Actor(DiscreteActor):
    """Logits (n, axes, levels) of a decision; what an axis has not, and what the mask closes, has no chance."""

    def __init__(self, net: Net, levels: np.ndarray, masks: bool) -> None:
        super().__init__(preprocess_net=net, action_shape=(len(levels), levels.max()), softmax_output=False)
        self.there, self.masks = torch.arange(levels.max()) < torch.as_tensor(levels)[:, None], masks

    def forward(self, obs, state=None, info=None):
        logits, state = super().forward(obs.obs, state)
        open_levels = self.there.expand(len(logits), -1, -1)
        if self.masks:
            open_levels = open_levels.clone()
            open_levels[:, self.there] = torch.as_tensor(obs.mask)
        return logits.view(open_levels.shape).masked_fill(~open_levels, -1e8), state


class Critic(DiscreteCritic):
    """The value of an observation."""

    def forward(self, obs, state=None, info=None):
        return super().forward(obs.obs, state)


def algorithm(envs: gym.vector.VectorEnv, masks: bool) -> PPO:
    """PPO with two hidden layers of 64 for the decision, and two for the value."""
    shape, levels = envs.single_observation_space.shape, envs.single_action_space.nvec
    nets = [Net(state_shape=shape, hidden_sizes=[64, 64], activation=torch.nn.Tanh) for _ in range(2)]
    policy = ProbabilisticActorPolicy(
        actor=Actor(nets[0], levels, masks),
        dist_fn=lambda logits: Independent(Categorical(logits=logits), 1),
        action_space=envs.single_action_space,
        deterministic_eval=True,
        action_scaling=False,
        action_bound_method=None,
    )
    critic = Critic(preprocess_net=nets[1])
    optim = AdamOptimizerFactory(lr=1e-3)
    rules = {"gamma": 0.99, "gae_lambda": 0.95, "eps_clip": 0.2, "ent_coef": 0.0, "vf_coef": 0.5, "max_grad_norm": 0.5}
    return PPO(policy=policy, critic=critic, optim=optim, **rules)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/tianshou"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--masks", action="store_true", help="train and play with action masks")
    args = parser.parse_args()

    torch.set_num_threads(1)  # more are slower for networks as small as these
    np.random.seed(args.seed)  # noqa: NPY002 (Tianshou shuffles minibatches by it)
    torch.manual_seed(args.seed)
    envs = gym.make_vec("splitgym:SplitInference-v0", ENVS, scenario="default", autoreset_mode="Disabled")
    ppo = algorithm(envs, args.masks)
    collector = Collector(ppo, NativeVectorEnv(envs), VectorReplayBuffer(ENVS * LENGTH, ENVS))
    collector.reset(gym_reset_kwargs={"seed": 2**32 + 1000 * args.seed})  # an evaluation plays lower seeds
    steps = -(-args.steps // (ENVS * LENGTH)) * ENVS * LENGTH
    plan = {"epoch_num_steps": steps, "collection_step_num_env_steps": ENVS * LENGTH, "batch_size": 512}
    begin = time.perf_counter()
    ppo.run_training(
        OnPolicyTrainerParams(training_collector=collector, max_epochs=1, update_step_num_repetitions=10, **plan)
    )
    train_s = time.perf_counter() - begin

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(ppo.state_dict(), args.out / "model.pt")

    def act(observations: np.ndarray, masks: np.ndarray) -> np.ndarray:
        return ppo.policy(Batch(obs=Batch(obs=observations, mask=masks), info={})).act.numpy()

    policy = splitgym.policy_from(act, action="multidiscrete", name="tianshou-ppo", uses_masks=True)
    results = splitgym.evaluate([policy], episodes=args.episodes)
    line = {"recipe": "tianshou_ppo", "library": "tianshou", "version": importlib.metadata.version("tianshou")}
    line |= {"steps": steps, "seed": args.seed, "episodes": args.episodes, "train_s": round(train_s, 1)}
    line |= {"steps_per_s": round(steps / train_s)}
    print(json.dumps(line | {"return_mean": float(results.figure("tianshou-ppo", "return").mean())}))


if __name__ == "__main__":
    main()
