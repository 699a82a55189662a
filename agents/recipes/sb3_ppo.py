"""Stable-Baselines3: PPO by its own idiom, the row that all others are compared with.

``make_vec_env`` makes single environments; ``evaluate_policy`` and ``splitgym.evaluate`` judge the model on the same
episodes, and agree. ``--native`` plays the same episodes, decision for decision, in one native batch behind SB3's
``VecEnv``, which is faster; the model is the same to the bit. ``--workers`` gives each environment a process. Settings
are those that all PPO recipes share (docs/libraries.md); what is not named is SB3's default, two hidden layers of 64
with tanh among it.

    pip install "splitgym[agents]"
    python sb3_ppo.py --steps 300000 --out runs/sb3
"""

import argparse
import json
import time
from pathlib import Path

import stable_baselines3
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecMonitor

import splitgym
from splitgym.agents.sb3 import make_vec_env as make_native

ID, ENVS = "splitgym:SplitInference-v0", 32


def environments(native: bool, workers: bool) -> VecEnv:
    """32 environments that log their returns."""
    if native:
        return VecMonitor(make_native(ID, ENVS, scenario="default"))
    kind = SubprocVecEnv if workers else DummyVecEnv
    return make_vec_env(ID, ENVS, env_kwargs={"scenario": "default"}, vec_env_cls=kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/sb3"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--native", action="store_true", help="one native batch instead of 32 environments")
    parser.add_argument("--workers", action="store_true", help="each environment in a process of its own")
    args = parser.parse_args()

    torch.set_num_threads(1)  # more are slower for networks as small as these
    envs = environments(args.native, args.workers)
    model = PPO(
        "MlpPolicy",
        envs,
        n_steps=64,
        batch_size=512,
        n_epochs=10,
        learning_rate=1e-3,
        gamma=0.99,
        gae_lambda=0.95,
        clip_range=0.2,
        seed=args.seed,
        device="cpu",
    )
    envs.seed(2**32 + 1000 * args.seed)  # PPO seeds episodes too, by numbers that an evaluation plays
    begin = time.perf_counter()
    model.learn(args.steps)
    train_s = time.perf_counter() - begin
    envs.close()

    args.out.mkdir(parents=True, exist_ok=True)
    model.save(args.out / "model.zip")
    judges = make_vec_env(ID, args.episodes, seed=0, env_kwargs={"scenario": "default"})  # plays seeds 0, 1, ...
    mean, deviation = evaluate_policy(model, judges, n_eval_episodes=args.episodes)
    print(f"evaluate_policy: {mean:.4f} +- {deviation:.4f} over {args.episodes} episodes")
    results = splitgym.evaluate([model], episodes=args.episodes)
    line = {"recipe": "sb3_ppo", "library": "stable-baselines3", "version": stable_baselines3.__version__}
    line |= {"steps": model.num_timesteps, "seed": args.seed, "episodes": args.episodes, "train_s": round(train_s, 1)}
    line |= {"steps_per_s": round(model.num_timesteps / train_s)}
    print(json.dumps(line | {"return_mean": float(results.figure("PPO", "return").mean())}))


if __name__ == "__main__":
    main()
