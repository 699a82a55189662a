"""RecurrentPPO of sb3-contrib: PPO with a recurrent network, for what one observation does not show.

``splitgym.evaluate`` keeps the state of the LSTM for every episode that it plays and begins it anew with each, by the
same ``state`` and ``episode_start`` as SB3's ``evaluate_policy``. Settings are those that all PPO recipes share
(docs/libraries.md); the LSTM has 64 units before the two hidden layers.

    pip install "splitgym[agents]" sb3-contrib
    python recurrent_ppo.py --steps 300000 --out runs/recurrent
"""

import argparse
import json
import time
from pathlib import Path

import sb3_contrib
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.vec_env import VecMonitor

import splitgym
from splitgym.agents.sb3 import make_vec_env

ENVS = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/recurrent"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    args = parser.parse_args()

    torch.set_num_threads(1)  # more are slower for networks as small as these
    envs = VecMonitor(make_vec_env("splitgym:SplitInference-v0", ENVS, scenario="default"))
    model = RecurrentPPO(
        "MlpLstmPolicy",
        envs,
        n_steps=64,
        batch_size=512,
        n_epochs=10,
        learning_rate=1e-3,
        gamma=0.99,
        gae_lambda=0.95,
        clip_range=0.2,
        policy_kwargs={"lstm_hidden_size": 64},
        seed=args.seed,
        device="cpu",
    )
    envs.seed(2**32 + 1000 * args.seed)  # the model seeds episodes too, by numbers that an evaluation plays
    begin = time.perf_counter()
    model.learn(args.steps)
    train_s = time.perf_counter() - begin

    args.out.mkdir(parents=True, exist_ok=True)
    model.save(args.out / "model.zip")
    results = splitgym.evaluate([model], episodes=args.episodes)
    line = {"recipe": "recurrent_ppo", "library": "sb3-contrib", "version": sb3_contrib.__version__}
    line |= {"steps": model.num_timesteps, "seed": args.seed, "episodes": args.episodes, "train_s": round(train_s, 1)}
    line |= {"steps_per_s": round(model.num_timesteps / train_s)}
    print(json.dumps(line | {"return_mean": float(results.figure("RecurrentPPO", "return").mean())}))


if __name__ == "__main__":
    main()
