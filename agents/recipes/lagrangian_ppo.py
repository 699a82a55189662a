"""Safe RL by hand: PPO with a Lagrange multiplier, correct answers subject to a limit on the energy of an episode.

The cost of a decision, ``info["cost"]``, is its energy in budgets of one task; ``cost_limit`` bounds the sum of an
episode by the number of its tasks. The wrapper below takes the correct answers as the reward, less ``multiplier``
times the cost. After every batch the multiplier moves by dual ascent: up while episodes cost more than the limit, down
to 0 otherwise.

    pip install "splitgym[agents]"
    python lagrangian_ppo.py --steps 2000000 --out runs/lagrangian
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import stable_baselines3
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

import splitgym
from splitgym.agents.sb3 import make_vec_env

ENV, ROWS, LENGTH = "SplitInference-v0", 64, 32  # rows, decisions of each in a batch
TRAINING = 2**32  # seeds of training begin here, those of evaluation at 0


class Priced(VecEnvWrapper):
    """Correct answers less the price of what they cost; ``ended`` holds the costs of the episodes that have ended."""

    def __init__(self, venv: VecEnv) -> None:
        super().__init__(venv)
        self.multiplier = 0.0
        self.sums, self.ended = np.zeros(venv.num_envs), []

    def reset(self) -> np.ndarray:
        self.sums[:] = 0.0
        return self.venv.reset()

    def step_wait(self) -> tuple:
        observations, _, dones, infos = self.venv.step_wait()
        costs = np.array([info["cost"] for info in infos])
        answers = np.array([info["reward_answer"] for info in infos])
        self.sums += costs
        self.ended += self.sums[dones].tolist()
        self.sums[dones] = 0.0
        return observations, (answers - self.multiplier * costs).astype(np.float32), dones, infos


class DualAscent(BaseCallback):
    """Move the multiplier after every batch, by the share of the limit that its episodes were beyond it."""

    def __init__(self, priced: Priced, limit: float, rate: float, every: int) -> None:
        super().__init__()
        self.priced, self.limit, self.rate, self.every = priced, limit, rate, every
        self.cost, self.shown = float("nan"), 0

    def _on_rollout_end(self) -> None:
        if self.priced.ended:
            self.cost = float(np.mean(self.priced.ended))
            beyond = self.cost / self.limit - 1.0
            self.priced.multiplier = max(0.0, self.priced.multiplier + self.rate * beyond)
            self.priced.ended = []
        if self.num_timesteps >= self.shown:
            self.shown += self.every
            print(
                f"{self.num_timesteps:>10,} decisions, cost {self.cost:.1f} of {self.limit:.1f}, "
                f"multiplier {self.priced.multiplier:.3f}",
                flush=True,
            )

    def _on_step(self) -> bool:
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2_000_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/lagrangian"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--limit", type=float, help="of an episode's cost; as many as there are tasks by default")
    parser.add_argument("--rate", type=float, default=0.05, help="of dual ascent")
    args = parser.parse_args()

    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    env = Priced(make_vec_env(ENV, ROWS, infos="all"))
    limit = env.get_attr("cost_limit")[0] if args.limit is None else args.limit
    env.seed(TRAINING + args.seed * 10_000)
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=LENGTH,
        batch_size=512,
        n_epochs=4,
        learning_rate=1e-3,
        gamma=0.995,
        policy_kwargs={"net_arch": [64, 64]},
        seed=args.seed,
        device="cpu",
    )
    ascent, begin = DualAscent(env, limit, args.rate, max(args.steps // 20, 1)), time.perf_counter()
    model.learn(args.steps, callback=ascent)
    train_s = time.perf_counter() - begin
    model.save(args.out / "model")

    judged = splitgym.policy_from(model, env=env.venv, name="lagrangian")  # prices are not for evaluation
    results = splitgym.evaluate([judged], episodes=args.episodes)
    print(results)
    print(
        json.dumps(
            {
                "recipe": "lagrangian_ppo",
                "library": "stable-baselines3",
                "version": stable_baselines3.__version__,
                "steps": model.num_timesteps,
                "seed": args.seed,
                "steps_per_s": round(model.num_timesteps / train_s),
                "train_s": round(train_s, 1),
                "return_mean": float(results.figure("lagrangian", "return").mean()),
                "episodes": args.episodes,
                "cost": ascent.cost,
                "cost_limit": limit,
                "multiplier": env.multiplier,
            }
        )
    )


if __name__ == "__main__":
    main()
