"""splitgym's own command as a library: PPO with the settings that ``splitgym train`` has by default.

The run lies in a folder that ``splitgym evaluate`` takes, goes on after a break (``resume=True``), and keeps its
checkpoints. ``--algo maskable-ppo`` uses the masks.

    pip install "splitgym[agents]"
    python splitgym_ppo.py --steps 300000 --out runs/splitgym
"""

import argparse
import json
import time
from pathlib import Path

import splitgym


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/splitgym"), help="folder of the run")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--algo", default="ppo", help="whatever splitgym train knows")
    args = parser.parse_args()

    config = splitgym.TrainConfig(algo=args.algo, steps=args.steps, seed=args.seed, num_threads=1)
    begin = time.perf_counter()
    run = splitgym.train(config, args.out / "run", overwrite=True)
    train_s = time.perf_counter() - begin
    results = splitgym.evaluate({"mine": str(run)}, episodes=args.episodes)
    line = {"recipe": "splitgym_ppo", "library": "splitgym", "version": splitgym.__version__, "seed": args.seed}
    line |= {"steps": args.steps, "train_s": round(train_s, 1), "steps_per_s": round(args.steps / train_s)}
    line |= {"episodes": args.episodes, "return_mean": float(results.figure("mine", "return").mean())}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
