"""RLlib (new API stack): PPO with action masks.

RLlib's own ``ActionMaskingTorchRLModule`` wants observations of two parts, ``observations`` and ``action_mask``. A
vector wrapper adds the mask to every observation of the native batch; the module masks the logits of every axis.

    pip install splitgym "ray[rllib]" torch
    python rllib_masks.py --steps 300000 --out runs/rllib-masks
"""

import argparse
import json
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
from ray.tune.registry import register_env

import splitgym

ENVS, LENGTH = 32, 64  # environments, decisions of each in a batch


class MaskInObservation(gym.vector.VectorObservationWrapper):
    """Observations with the mask of their decision beside them, as RLlib's module wants them."""

    def __init__(self, env: gym.vector.VectorEnv) -> None:
        super().__init__(env)
        mask = gym.spaces.Box(0.0, 1.0, (int(env.single_action_space.nvec.sum()),))
        self.single_observation_space = gym.spaces.Dict(
            {"action_mask": mask, "observations": env.single_observation_space}
        )
        self.observation_space = gym.vector.utils.batch_space(self.single_observation_space, env.num_envs)

    def observations(self, observations: np.ndarray) -> dict[str, np.ndarray]:
        return {"action_mask": self.unwrapped.action_masks().astype(np.float32), "observations": observations}


def masked(context: dict) -> gym.vector.VectorEnv:
    """Made in the process of every env runner."""
    import splitgym  # noqa: F401 (registers the ids)

    return MaskInObservation(gym.make_vec("SplitInference-v0", context["num_envs"], scenario="default"))


def config(seed: int) -> PPOConfig:
    """Settings of the training."""
    register_env("masked", masked)
    return (
        PPOConfig()
        .environment("masked")
        .env_runners(
            num_env_runners=0,  # in this process
            num_envs_per_env_runner=ENVS,
            gym_env_vectorize_mode="vector_entry_point",
            rollout_fragment_length=LENGTH,
        )
        .rl_module(
            rl_module_spec=RLModuleSpec(
                module_class=ActionMaskingTorchRLModule,
                model_config=DefaultModelConfig(fcnet_hiddens=[64, 64], vf_share_layers=False),
            )
        )
        .training(
            lr=1e-3,
            lambda_=0.95,
            train_batch_size_per_learner=ENVS * LENGTH,
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
    """A trained RLModule as a policy of splitgym: the likeliest level of those that are open, on every axis."""
    ends = np.cumsum(module.action_space.nvec)[:-1]

    def act(observations: np.ndarray, action_masks: np.ndarray) -> np.ndarray:
        masks = torch.from_numpy(action_masks.astype(np.float32))
        batch = {Columns.OBS: {"action_mask": masks, "observations": torch.from_numpy(observations)}}
        with torch.no_grad():
            logits = module.forward_inference(batch)[Columns.ACTION_DIST_INPUTS].numpy()
        return np.stack([part.argmax(1) for part in np.split(logits, ends, axis=1)], axis=1)

    return splitgym.policy_from(act, action="multidiscrete", name="rllib-masks", uses_masks=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/rllib-masks"), help="folder for the model")
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
    results = splitgym.evaluate([policy(algorithm.get_module())], episodes=args.episodes)
    algorithm.stop()
    ray.shutdown()
    line = {
        "recipe": "rllib_masks",
        "library": "ray[rllib]",
        "version": ray.__version__,
        "steps": steps,
        "seed": args.seed,
        "steps_per_s": round(steps / train_s),
        "train_s": round(train_s, 1),
        "return_mean": float(results.figure("rllib-masks", "return").mean()),
        "episodes": args.episodes,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
