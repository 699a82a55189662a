"""SBX: the PPO of Stable-Baselines3 in JAX, on the native batch.

SBX takes SB3's ``VecEnv``, so that the native batch serves it as it is, and its models have SB3's ``predict``. Settings
are those that all PPO recipes share (docs/libraries.md); what is not named is SBX's default, two hidden layers of 64
with tanh among it.

    pip install "splitgym[agents]" sbx-rl
    python sbx_ppo.py --steps 300000 --out runs/sbx
"""

import argparse
import json
import time
from pathlib import Path

import sbx
from sbx import PPO
from stable_baselines3.common.vec_env import VecMonitor

import splitgym
from splitgym.agents.sb3 import make_vec_env

ENVS = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/sbx"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    args = parser.parse_args()

    envs = VecMonitor(make_vec_env("splitgym:SplitInference-v0", ENVS, scenario="default"))
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
    )
    envs.seed(2**32 + 1000 * args.seed)  # PPO seeds episodes too, by numbers that an evaluation plays
    begin = time.perf_counter()
    model.learn(args.steps)
    train_s = time.perf_counter() - begin

    args.out.mkdir(parents=True, exist_ok=True)
    model.save(args.out / "model.zip")
    results = splitgym.evaluate([model], episodes=args.episodes)
    line = {"recipe": "sbx_ppo", "library": "sbx-rl", "version": sbx.__version__, "steps": model.num_timesteps}
    line |= {"seed": args.seed, "episodes": args.episodes, "train_s": round(train_s, 1)}
    line |= {"steps_per_s": round(model.num_timesteps / train_s)}
    print(json.dumps(line | {"return_mean": float(results.figure("PPO", "return").mean())}))


if __name__ == "__main__":
    main()
