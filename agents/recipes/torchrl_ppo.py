"""TorchRL: PPO with action masks on the native batch.

``GymWrapper`` takes the native batch as it is; ``autoreset_mode="Disabled"`` leaves the resets to TorchRL. An info
reader puts ``info["action_mask"]`` beside the observation; ``MaskedCategorical`` draws only what the mask leaves open.

    pip install splitgym torchrl
    python torchrl_ppo.py --steps 300000 --out runs/torchrl
"""

import argparse
import json
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import torchrl
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.collectors import Collector
from torchrl.data import Binary, Composite, LazyTensorStorage, ReplayBuffer
from torchrl.data.replay_buffers.samplers import SamplerWithoutReplacement
from torchrl.envs import Compose, DTypeCastTransform, GymWrapper, RewardSum, TransformedEnv, default_info_dict_reader
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import MLP, MaskedCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

import splitgym

ENVS, LENGTH, EPOCHS, MINIBATCH = 32, 64, 10, 512


def make_env(count: int = ENVS) -> TransformedEnv:
    """The native batch of TorchRL, with the mask in every tensordict."""
    native = gym.make_vec("SplitInference-v0", count, action="discrete", autoreset_mode="Disabled")
    choices = int(native.single_action_space.n)
    env = GymWrapper(native, categorical_action_encoding=True)
    mask = Binary(choices, shape=(count, choices), dtype=torch.int8)
    env.set_info_dict_reader(
        default_info_dict_reader(["action_mask"], Composite({"action_mask": mask}, shape=(count,)))
    )
    return TransformedEnv(env, Compose(DTypeCastTransform(torch.int8, torch.bool, ["action_mask"]), RewardSum()))


def networks(env: TransformedEnv) -> tuple[ProbabilisticActor, ValueOperator]:
    """Actor and critic."""
    size, choices = env.observation_spec["observation"].shape[-1], env.action_spec.space.n
    shape = {"in_features": size, "num_cells": [64, 64], "activation_class": torch.nn.Tanh}
    net = TensorDictModule(MLP(out_features=choices, **shape), in_keys=["observation"], out_keys=["logits"])
    actor = ProbabilisticActor(
        net,
        in_keys={"logits": "logits", "mask": "action_mask"},
        out_keys=["action"],
        spec=env.full_action_spec_unbatched,
        distribution_class=MaskedCategorical,
        return_log_prob=True,
    )
    return actor, ValueOperator(MLP(out_features=1, **shape), in_keys=["observation"])


def train(env: TransformedEnv, actor: ProbabilisticActor, critic: ValueOperator, steps: int) -> int:
    """Train in place; the decisions taken."""
    collector = Collector(
        env, actor, frames_per_batch=ENVS * LENGTH, total_frames=-1, auto_register_policy_transforms=False
    )
    advantage = GAE(gamma=0.99, lmbda=0.95, value_network=critic)
    loss = ClipPPOLoss(actor, critic, clip_epsilon=0.2, entropy_coeff=0.0, critic_coeff=0.5, normalize_advantage=True)
    storage, sampler = LazyTensorStorage(ENVS * LENGTH), SamplerWithoutReplacement()
    buffer = ReplayBuffer(storage=storage, sampler=sampler, batch_size=MINIBATCH)
    optimiser, done = torch.optim.Adam(loss.parameters(), lr=1e-3), 0
    for batch in collector:
        for _ in range(EPOCHS):
            with torch.no_grad():
                advantage(batch)
            buffer.extend(batch.reshape(-1))
            for _ in range(batch.numel() // MINIBATCH):
                terms = loss(buffer.sample())
                (terms["loss_objective"] + terms["loss_critic"]).backward()
                torch.nn.utils.clip_grad_norm_(loss.parameters(), 0.5)
                optimiser.step()
                optimiser.zero_grad()
        done += batch.numel()
        over = batch["next", "done"]
        mean = batch["next", "episode_reward"][over].mean().item() if over.any() else float("nan")
        print(f"{done:>10,} decisions, return {mean:.1f}", flush=True)
        if done >= steps:
            break
    collector.shutdown()
    return done


def policy(actor: ProbabilisticActor) -> object:
    """The actor as a policy of splitgym: the likeliest decision of those that are open."""

    def act(observations: np.ndarray, action_masks: np.ndarray) -> np.ndarray:
        seen = {"observation": torch.from_numpy(observations), "action_mask": torch.from_numpy(action_masks)}
        with torch.no_grad(), set_exploration_type(ExplorationType.MODE):
            return actor(TensorDict(seen, batch_size=len(observations)))["action"].numpy()

    return splitgym.policy_from(act, action="discrete", name="torchrl-ppo", uses_masks=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/torchrl"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    args = parser.parse_args()

    torch.set_num_threads(1)  # small networks: more threads wait for each other
    torch.manual_seed(args.seed)
    env = make_env()
    env.set_seed(2**32 + args.seed)  # no seed of an evaluation
    actor, critic = networks(env)
    begin = time.perf_counter()
    steps = train(env, actor, critic, args.steps)
    train_s = time.perf_counter() - begin

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save({"actor": actor.state_dict(), "critic": critic.state_dict()}, args.out / "model.pt")
    results = splitgym.evaluate([policy(actor)], episodes=args.episodes)
    line = {
        "recipe": "torchrl_ppo",
        "library": "torchrl",
        "version": torchrl.__version__,
        "steps": steps,
        "seed": args.seed,
        "steps_per_s": round(steps / train_s),
        "train_s": round(train_s, 1),
        "return_mean": float(results.figure("torchrl-ppo", "return").mean()),
        "episodes": args.episodes,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
