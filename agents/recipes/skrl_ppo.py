"""skrl: PPO on the native batch, by its own ``wrap_env``, models and trainer.

A row whose episode has ended begins the next one a step later (Gymnasium's default, ``NEXT_STEP``), so that the
observation which skrl bootstraps from is the last of the episode. Settings are those that all PPO recipes share
(docs/libraries.md).

    pip install splitgym skrl torch
    python skrl_ppo.py --steps 300000 --out runs/skrl
"""

import argparse
import json
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import skrl
import torch
from skrl.agents.torch.ppo import PPO
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, Model, MultiCategoricalMixin
from skrl.trainers.torch import SequentialTrainer
from torch import nn

import splitgym

ENVS, LENGTH = 32, 64


def network(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of 64."""
    return nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))


class Policy(MultiCategoricalMixin, Model):
    """A categorical distribution for every axis of the decision."""

    def __init__(self, env) -> None:
        Model.__init__(self, observation_space=env.observation_space, action_space=env.action_space, device=env.device)
        MultiCategoricalMixin.__init__(self)
        self.levels = env.action_space.nvec.tolist()
        self.net = network(self.num_observations, sum(self.levels))

    def compute(self, inputs, role=""):
        return self.net(inputs["observations"]), {}

    @torch.no_grad()
    def best(self, observations: np.ndarray) -> np.ndarray:
        """The likeliest level on every axis."""
        logits = self.net(torch.as_tensor(observations))
        return torch.stack([part.argmax(1) for part in logits.split(self.levels, dim=1)], dim=1).numpy()


class Value(DeterministicMixin, Model):
    """The value of an observation."""

    def __init__(self, env) -> None:
        Model.__init__(self, observation_space=env.observation_space, action_space=env.action_space, device=env.device)
        DeterministicMixin.__init__(self)
        self.net = network(self.num_observations, 1)

    def compute(self, inputs, role=""):
        return self.net(inputs["observations"]), {}


def agent(env, out: Path, length: int = LENGTH) -> PPO:
    """PPO for a wrapped environment; updates after ``length`` decisions of every row."""
    return PPO(
        models={"policy": Policy(env), "value": Value(env)},
        memory=RandomMemory(memory_size=length, num_envs=env.num_envs, device=env.device),
        observation_space=env.observation_space,
        action_space=env.action_space,
        device=env.device,
        cfg=settings(out, length),
    )


def settings(out: Path, length: int) -> dict:
    """PPO's configuration."""
    return {
        "rollouts": length,
        "learning_epochs": 10,
        "mini_batches": 4,
        "learning_rate": 1e-3,
        "discount_factor": 0.99,
        "gae_lambda": 0.95,
        "ratio_clip": 0.2,
        "value_clip": 0.0,
        "value_loss_scale": 0.5,
        "grad_norm_clip": 0.5,
        "time_limit_bootstrap": True,  # episodes are cut off, they do not terminate
        "experiment": {"directory": str(out), "write_interval": 0, "checkpoint_interval": 0},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/skrl"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    args = parser.parse_args()

    torch.set_num_threads(1)  # more are slower for networks as small as these
    torch.manual_seed(args.seed)
    skrl.config.torch.key = 2**32 + 1000 * args.seed  # the seed of the first episodes; an evaluation plays lower ones
    env = wrap_env(gym.make_vec("splitgym:SplitInference-v0", ENVS, scenario="default"))
    ppo = agent(env, args.out)
    turns = -(-args.steps // (ENVS * LENGTH)) * LENGTH
    trainer = SequentialTrainer(env=env, agents=ppo, cfg={"timesteps": turns, "headless": True})
    begin = time.perf_counter()
    trainer.train()
    train_s = time.perf_counter() - begin
    env.close()

    args.out.mkdir(parents=True, exist_ok=True)
    ppo.save(str(args.out / "model.pt"))
    policy = splitgym.policy_from(ppo.policy.best, action="multidiscrete", name="skrl-ppo")
    results = splitgym.evaluate([policy], episodes=args.episodes)
    line = {"recipe": "skrl_ppo", "library": "skrl", "version": skrl.__version__, "steps": turns * ENVS}
    line |= {"seed": args.seed, "episodes": args.episodes, "train_s": round(train_s, 1)}
    line |= {"steps_per_s": round(turns * ENVS / train_s)}
    print(json.dumps(line | {"return_mean": float(results.figure("skrl-ppo", "return").mean())}))


if __name__ == "__main__":
    main()
