"""rl_zoo3: its own training command with the settings of ``splitgym train``, and its model judged by splitgym.

Everything after ``--`` goes to rl_zoo3, such as ``-- --algo sac`` or ``-- -params n_envs:32``. It looks ids up by their
plain text, so the id has no prefix and ``--gym-packages`` imports the package.

    pip install "splitgym[agents]" rl_zoo3
    python rl_zoo3_ppo.py --steps 300000 --out runs/zoo
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import rl_zoo3
import stable_baselines3

import splitgym

ID = "SplitInference-v0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/zoo"), help="rl_zoo3's log folder")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--algo", default="ppo", help="ppo, a2c, sac, td3 or dqn")
    parser.add_argument("more", nargs="*", help="more options of rl_zoo3, after --")
    args = parser.parse_args()

    command = [sys.executable, "-m", "rl_zoo3.train", "--algo", args.algo, "--env", ID]
    command += ["--gym-packages", "splitgym", "-conf", f"splitgym.agents.rl_zoo3.{args.algo}"]
    # rl_zoo3 seeds the episodes as well: far from 0, 1, ..., which the evaluation plays
    command += ["-n", str(args.steps), "--seed", str(10**9 + 1000 * args.seed), "-f", str(args.out)]
    command += ["--eval-freq", "-1", "--num-threads", "1", *args.more]
    print(" ".join(command), flush=True)
    begin = time.perf_counter()
    subprocess.run(command, check=True)
    train_s = time.perf_counter() - begin

    folder = max((args.out / args.algo).glob(f"{ID}_*"), key=lambda path: int(path.name.rpartition("_")[2]))
    model = getattr(stable_baselines3, args.algo.upper()).load(folder / f"{ID}.zip", device="cpu")
    results = splitgym.evaluate({"zoo": model}, episodes=args.episodes)
    print(results)
    line = {"recipe": "rl_zoo3_ppo", "library": "rl_zoo3", "version": rl_zoo3.__version__, "seed": args.seed}
    line |= {"steps": args.steps, "train_s": round(train_s, 1), "steps_per_s": round(args.steps / train_s)}
    line |= {"episodes": args.episodes, "return_mean": float(results.figure("zoo", "return").mean())}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
