"""RLlib (new API stack): one policy for all devices of the multi-user world, trained as agents.

``splitgym.parallel_env()`` is a PettingZoo environment, and ``ParallelPettingZooEnv`` is RLlib's door for those. All
agents map to one module; ``splitgym.per_device`` lets it decide for every device when it is evaluated.

    pip install splitgym "ray[rllib]" pettingzoo torch
    python rllib_multi_agent.py --steps 200000 --out runs/rllib-team
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune.registry import register_env

import splitgym

FRAMES = 1000  # of a batch, with a decision of every agent in each


def team(context: dict) -> ParallelPettingZooEnv:
    """Made in the process of every env runner."""
    return ParallelPettingZooEnv(splitgym.parallel_env("default", reward="team"))


def config(seed: int) -> PPOConfig:
    """Settings of the training."""
    register_env("team", team)
    return (
        PPOConfig()
        .environment("team")
        .env_runners(num_env_runners=0, rollout_fragment_length=FRAMES)  # in this process
        .multi_agent(policies={"shared"}, policy_mapping_fn=lambda agent, episode, **_: "shared")
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[64, 64], vf_share_layers=False))
        .training(
            lr=3e-4,
            lambda_=0.95,
            train_batch_size_per_learner=FRAMES,
            minibatch_size=512,
            num_epochs=10,
            clip_param=0.2,
            vf_clip_param=1000.0,  # the default, 10, is below the returns
            use_kl_loss=False,
            grad_clip=0.5,
        )
        # runners seed their first episodes by this number: far from those of an evaluation, below NumPy's limit
        .debugging(seed=2**31 + seed, log_level="ERROR")
    )


def policy(module) -> object:
    """The shared RLModule as a policy of the whole world: it decides for each device by what that one observes."""
    ends = np.cumsum(module.action_space.nvec)[:-1]

    def act(observations: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            out = module.forward_inference({Columns.OBS: torch.from_numpy(observations)})
        logits = out[Columns.ACTION_DIST_INPUTS].numpy()
        return np.stack([part.argmax(1) for part in np.split(logits, ends, axis=1)], axis=1)

    return splitgym.per_device(splitgym.policy_from(act, action="multidiscrete", name="rllib-team"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000, help="frames to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/rllib-team"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    args = parser.parse_args()

    torch.set_num_threads(1)  # small networks: more threads wait for each other
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    algorithm = config(args.seed).build_algo()
    steps, begin = 0, time.perf_counter()
    while steps < args.steps:
        result = algorithm.train()
        steps = int(result["num_env_steps_sampled_lifetime"])
        mean = result["env_runners"].get("episode_return_mean", float("nan"))
        print(f"{steps:>10,} frames, return of all agents {mean:.1f}", flush=True)
    train_s = time.perf_counter() - begin

    algorithm.save_to_path(args.out.absolute())
    trained = policy(algorithm.get_module("shared"))
    results = splitgym.evaluate([trained], "SplitInferenceMultiUser-v0", episodes=args.episodes)
    algorithm.stop()
    ray.shutdown()
    line = {
        "recipe": "rllib_multi_agent",
        "library": "ray[rllib]",
        "version": ray.__version__,
        "steps": steps,
        "seed": args.seed,
        "steps_per_s": round(steps / train_s),
        "train_s": round(train_s, 1),
        "return_mean": float(results.figure(results.policies[0], "return").mean()),
        "episodes": args.episodes,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
