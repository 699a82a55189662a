"""morl-baselines: CAPQL on the vector reward, one policy for every weighting of its components.

The environment of the id ``mo-split-inference-v0`` gives a vector reward (``reward_space``, ``reward_names``); its
scalar reward is the sum weighted by ``reward_weights``. CAPQL learns a policy that takes the weights as an input:
here it is judged with the environment's own weights, and beside them with more and less weight on the answers.

    pip install "splitgym[morl]" morl-baselines
    python morl_capql.py --steps 100000 --out runs/morl

CAPQL acts in a box. Of the algorithms for discrete actions, Envelope and GPI-LS keep them in one byte: they take at
most 256 decisions, and ``action="discrete"`` has 1300.
"""

import argparse
import importlib.metadata
import json
import time
from pathlib import Path

import mo_gymnasium as mo
import numpy as np
import torch
from mo_gymnasium.wrappers import MORecordEpisodeStatistics
from morl_baselines.multi_policy.capql.capql import CAPQL

import splitgym

ENV = "splitgym:mo-split-inference-v0"
TRAINING = 2**32  # the first training episode; evaluation begins at 0


def policy(agent: CAPQL, weights: np.ndarray, name: str) -> object:
    """The trained agent under one weighting, as a policy of splitgym."""

    def act(observations: np.ndarray) -> np.ndarray:
        return agent.eval(observations, np.tile(weights, (len(observations), 1)))

    return splitgym.policy_from(act, action="box", name=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/morl"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    env = MORecordEpisodeStatistics(mo.make(ENV, action="box"), gamma=0.99)
    env.reset(seed=TRAINING + args.seed)  # later episodes are its successors
    env.action_space.seed(args.seed)
    agent = CAPQL(
        env,
        learning_rate=1e-3,
        gamma=0.99,
        net_arch=[128, 128],
        batch_size=128,
        alpha=0.05,
        learning_starts=min(1000, args.steps // 2),
        log=False,
        seed=args.seed,
        device="cpu",
    )
    begin = time.perf_counter()
    agent.train(args.steps, eval_env=env, ref_point=np.zeros(env.unwrapped.reward_dim))
    train_s = time.perf_counter() - begin
    agent.save(save_dir=str(args.out), filename="capql", save_replay_buffer=False)

    own = np.asarray(env.unwrapped.reward_weights, np.float64)
    answers = np.eye(len(own))[0]
    weightings = {"capql": own, "capql-more-answers": own + answers, "capql-fewer-answers": own - 0.5 * answers}
    policies = [policy(agent, w / w.sum(), name) for name, w in weightings.items()]
    results = splitgym.evaluate(policies, episodes=args.episodes)
    print(", ".join(env.unwrapped.reward_names), "weighted", own)
    print(results)
    print(
        json.dumps(
            {
                "recipe": "morl_capql",
                "library": "morl-baselines",
                "version": importlib.metadata.version("morl-baselines"),
                "steps": args.steps,
                "seed": args.seed,
                "steps_per_s": round(args.steps / train_s),
                "train_s": round(train_s, 1),
                "return_mean": float(results.figure("capql", "return").mean()),
                "episodes": args.episodes,
            }
        )
    )


if __name__ == "__main__":
    main()
