"""TorchRL: MAPPO on the multi-user world, with action masks; one actor for all devices, one critic that sees them all.

``PettingZooWrapper`` takes ``splitgym.parallel_env()`` and groups its agents ``user_0``, ``user_1``, ... as ``user``;
the masks of ``infos`` come along. ``splitgym.per_device`` lets the actor decide for every device when it is evaluated.

    pip install splitgym torchrl pettingzoo
    python torchrl_mappo.py --steps 200000 --out runs/mappo
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torchrl
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, ReplayBuffer
from torchrl.data.replay_buffers.samplers import SamplerWithoutReplacement
from torchrl.envs import PettingZooWrapper, RewardSum, TransformedEnv
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import MaskedCategorical, MultiAgentMLP, ProbabilisticActor
from torchrl.objectives import ClipPPOLoss

import splitgym

FRAMES, EPOCHS, MINIBATCH = 500, 5, 125  # of a batch, with a decision of every agent in each


def make_env(seed: int) -> TransformedEnv:
    """The parallel environment with one reward for the whole team."""
    agents = splitgym.parallel_env("default", action="discrete", reward="team")
    env = PettingZooWrapper(agents, categorical_actions=True, seed=2**32 + seed)  # no seed of an evaluation
    return TransformedEnv(env, RewardSum(in_keys=[("user", "reward")], out_keys=[("user", "episode_reward")]))


def networks(env: TransformedEnv) -> tuple[ProbabilisticActor, TensorDictModule]:
    """Actor, from what an agent observes, and critic, from what all of them observe."""
    agents, size = env.observation_spec["user", "observation"].shape
    shape = {"n_agent_inputs": size, "n_agents": agents, "share_params": True, "depth": 2, "num_cells": 64}
    choices = int(env.full_action_spec["user", "action"].space.n)
    actor_net = MultiAgentMLP(n_agent_outputs=choices, centralised=False, **shape)
    critic_net = MultiAgentMLP(n_agent_outputs=1, centralised=True, **shape)
    actor = ProbabilisticActor(
        TensorDictModule(actor_net, [("user", "observation")], [("user", "logits")]),
        in_keys={"logits": ("user", "logits"), "mask": ("user", "action_mask")},
        out_keys=[("user", "action")],
        spec=env.full_action_spec,
        distribution_class=MaskedCategorical,
        return_log_prob=True,
        log_prob_key=("user", "action_log_prob"),
    )
    return actor, TensorDictModule(critic_net, [("user", "observation")], [("user", "state_value")])


def train(env: TransformedEnv, actor: ProbabilisticActor, critic: TensorDictModule, steps: int) -> int:
    """Train in place; the frames played."""
    collector = Collector(env, actor, frames_per_batch=FRAMES, total_frames=-1, auto_register_policy_transforms=False)
    loss = ClipPPOLoss(
        actor,
        critic,
        clip_epsilon=0.2,
        entropy_coeff=0.0,
        critic_coeff=0.5,
        normalize_advantage=True,
        normalize_advantage_exclude_dims=(-2,),  # each agent's by itself
    )
    ends = {"done": ("user", "done"), "terminated": ("user", "terminated")}
    loss.set_keys(
        reward=("user", "reward"),
        action=("user", "action"),
        sample_log_prob=("user", "action_log_prob"),
        value=("user", "state_value"),
        advantage=("user", "advantage"),
        value_target=("user", "value_target"),
        **ends,
    )
    loss.make_value_estimator(loss.default_value_estimator, gamma=0.99, lmbda=0.95)
    buffer = ReplayBuffer(storage=LazyTensorStorage(FRAMES), sampler=SamplerWithoutReplacement(), batch_size=MINIBATCH)
    optimiser, done = torch.optim.Adam(loss.parameters(), lr=3e-4), 0
    for batch in collector:
        for _ in range(EPOCHS):
            with torch.no_grad():
                loss.value_estimator(
                    batch, params=loss.critic_network_params, target_params=loss.target_critic_network_params
                )
            buffer.extend(batch.reshape(-1))
            for _ in range(FRAMES // MINIBATCH):
                terms = loss(buffer.sample())
                (terms["loss_objective"] + terms["loss_critic"]).backward()
                torch.nn.utils.clip_grad_norm_(loss.parameters(), 0.5)
                optimiser.step()
                optimiser.zero_grad()
        done += batch.numel()
        over = batch["next", "user", "done"]
        mean = batch["next", "user", "episode_reward"][over].mean().item() if over.any() else float("nan")
        print(f"{done:>10,} frames, return of an agent {mean:.1f}", flush=True)
        if done >= steps:
            break
    collector.shutdown()
    return done


def policy(actor: ProbabilisticActor, agents: int) -> object:
    """The actor as a policy of the whole world: it decides for each device by what that one observes."""

    def act(observations: np.ndarray, action_masks: np.ndarray) -> np.ndarray:
        seen = {"observation": torch.from_numpy(observations), "action_mask": torch.from_numpy(action_masks)}
        rows = TensorDict({"user": TensorDict(seen, len(observations)).reshape(-1, agents)}, [])
        with torch.no_grad(), set_exploration_type(ExplorationType.MODE):
            return actor(rows)["user", "action"].reshape(-1).numpy()

    return splitgym.per_device(act, action="discrete", name="torchrl-mappo", uses_masks=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000, help="frames to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/mappo"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    args = parser.parse_args()

    torch.set_num_threads(1)  # small networks: more threads wait for each other
    torch.manual_seed(args.seed)
    env = make_env(args.seed)
    actor, critic = networks(env)
    begin = time.perf_counter()
    steps = train(env, actor, critic, args.steps)
    train_s = time.perf_counter() - begin

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save({"actor": actor.state_dict(), "critic": critic.state_dict()}, args.out / "model.pt")
    trained = policy(actor, len(env.group_map["user"]))
    results = splitgym.evaluate([trained], "SplitInferenceMultiUser-v0", episodes=args.episodes)
    line = {"recipe": "torchrl_mappo", "library": "torchrl", "version": torchrl.__version__, "steps": steps}
    line |= {"seed": args.seed, "steps_per_s": round(steps / train_s), "train_s": round(train_s, 1)}
    line |= {"return_mean": float(results.figure("torchrl-mappo", "return").mean()), "episodes": args.episodes}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
