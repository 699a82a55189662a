"""RLlib (new API stack): PPO on the native batch.

An env runner makes its environments by ``gym.make_vec``: with ``gym_env_vectorize_mode="vector_entry_point"`` that is
one native batch, so that a few runners with many environments each are the fastest. The id begins with ``splitgym:``
since runners are other processes. On a cluster call ``ray.init("auto")``.

    pip install splitgym "ray[rllib]" torch
    python rllib_ppo.py --steps 300000 --out runs/rllib
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

import splitgym

RUNNERS, ENVS, LENGTH = 1, 32, 64  # processes, environments in each, decisions of each in a batch


def config(seed: int, runners: int = RUNNERS) -> PPOConfig:
    """Settings of the training."""
    return (
        PPOConfig()
        .environment("splitgym:SplitInference-v0", env_config={"scenario": "default"})
        .env_runners(
            num_env_runners=runners,
            num_envs_per_env_runner=ENVS,
            gym_env_vectorize_mode="vector_entry_point",
            rollout_fragment_length=LENGTH,
            observation_filter="NoFilter",  # observations lie in [-1, 1] already
        )
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[64, 64], vf_share_layers=False))
        .training(
            lr=1e-3,
            gamma=0.99,
            lambda_=0.95,
            train_batch_size_per_learner=max(1, runners) * ENVS * LENGTH,
            minibatch_size=512,
            num_epochs=10,
            clip_param=0.2,
            vf_clip_param=1000.0,  # the default, 10, is below the returns
            entropy_coeff=0.0,
            use_kl_loss=False,
            grad_clip=0.5,
        )
        # runners seed their first episodes by this number: far from those of an evaluation, below NumPy's limit
        .debugging(seed=2**31 + seed, log_level="ERROR")
    )


def policy(module, nvec: np.ndarray) -> object:
    """A trained RLModule as a policy of splitgym: the likeliest level on every axis."""
    ends = np.cumsum(nvec)[:-1]

    def act(observations: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            out = module.forward_inference({Columns.OBS: torch.from_numpy(observations)})
        logits = out[Columns.ACTION_DIST_INPUTS].numpy()
        return np.stack([part.argmax(1) for part in np.split(logits, ends, axis=1)], axis=1)

    return splitgym.policy_from(act, action="multidiscrete", name="rllib-ppo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/rllib"), help="folder for the model")
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
        print(f"{steps:>10,} decisions, return {mean:.1f}", flush=True)
    train_s = time.perf_counter() - begin

    algorithm.save_to_path(args.out.absolute())
    module = algorithm.get_module()
    results = splitgym.evaluate([policy(module, module.action_space.nvec)], episodes=args.episodes)
    algorithm.stop()
    ray.shutdown()
    print(
        json.dumps(
            {
                "recipe": "rllib_ppo",
                "library": "ray[rllib]",
                "version": ray.__version__,
                "steps": steps,
                "seed": args.seed,
                "steps_per_s": round(steps / train_s),
                "train_s": round(train_s, 1),
                "return_mean": float(results.figure("rllib-ppo", "return").mean()),
                "episodes": args.episodes,
            }
        )
    )


if __name__ == "__main__":
    main()
