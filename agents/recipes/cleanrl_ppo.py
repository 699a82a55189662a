"""PPO in one file, in the manner of CleanRL: plain torch on the native batch, with action masks if ``--masks``.

A row whose episode has ended begins the next one in the same step (``SAME_STEP``); ``infos["final_obs"]`` keeps what it
saw last. Episodes are cut off and never terminate, so the value of that observation stands for what would follow. The
settings are those that all PPO recipes share (docs/libraries.md).

    pip install splitgym torch
    python cleanrl_ppo.py --steps 300000 --out runs/cleanrl
"""

import argparse
import json
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from torch import nn

import splitgym

ENVS, LENGTH, MINIBATCH, EPOCHS = 32, 64, 512, 10
RATE, GAMMA, LAMBDA, CLIP, VALUE, NORM = 1e-3, 0.99, 0.95, 0.2, 0.5, 0.5


def layer(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """A linear layer with orthogonal weights."""
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight, gain)
    nn.init.zeros_(linear.bias)
    return linear


def network(inputs: int, outputs: int, gain: float) -> nn.Sequential:
    """Two hidden layers of 64."""
    hidden = [layer(inputs, 64, 2**0.5), nn.Tanh(), layer(64, 64, 2**0.5), nn.Tanh()]
    return nn.Sequential(*hidden, layer(64, outputs, gain))


class Agent(nn.Module):
    """A categorical distribution for every axis of the decision, and the value."""

    def __init__(self, envs: gym.vector.VectorEnv) -> None:
        super().__init__()
        self.levels = envs.single_action_space.nvec.tolist()
        inputs = envs.single_observation_space.shape[0]
        self.actor, self.critic = network(inputs, sum(self.levels), 0.01), network(inputs, 1, 1.0)

    def heads(self, observations: torch.Tensor, masks: torch.Tensor) -> list[torch.distributions.Categorical]:
        """One distribution an axis; levels that the mask closes have no chance."""
        logits = torch.where(masks, self.actor(observations), torch.tensor(-1e8))
        return [torch.distributions.Categorical(logits=part) for part in logits.split(self.levels, dim=1)]

    def value(self, observations: torch.Tensor) -> torch.Tensor:
        return self.critic(observations).squeeze(-1)

    @torch.no_grad()
    def best(self, observations: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """The likeliest level on every axis."""
        seen = torch.as_tensor(observations)
        heads = self.heads(seen, torch.ones(()).bool() if masks is None else torch.as_tensor(masks))
        return torch.stack([head.logits.argmax(1) for head in heads], dim=1).numpy()


def log_prob(heads: list[torch.distributions.Categorical], actions: torch.Tensor) -> torch.Tensor:
    return sum(head.log_prob(actions[..., i]) for i, head in enumerate(heads))


def train(agent: Agent, envs: gym.vector.VectorEnv, steps: int, seed: int, use_masks: bool) -> int:
    """Train for at least ``steps`` decisions; how many it was."""
    optimizer = torch.optim.Adam(agent.parameters(), lr=RATE, eps=1e-5)
    size, axes, levels = (LENGTH, ENVS), len(agent.levels), sum(agent.levels)
    obs, actions = torch.zeros(*size, envs.single_observation_space.shape[0]), torch.zeros(*size, axes).long()
    masks = torch.ones(*size, levels, dtype=torch.bool)
    old, rewards, dones, values = (torch.zeros(size) for _ in range(4))
    seen = torch.as_tensor(envs.reset(seed=2**32 + 1000 * seed)[0])  # an evaluation plays seeds below 2**32
    done_steps = 0
    while done_steps < steps:
        for t in range(LENGTH):
            obs[t] = seen
            if use_masks:
                masks[t] = torch.as_tensor(envs.unwrapped.action_masks())
            with torch.no_grad():
                heads = agent.heads(seen, masks[t])
                actions[t] = torch.stack([head.sample() for head in heads], dim=1)
                old[t], values[t] = log_prob(heads, actions[t]), agent.value(seen)
            following, reward, terminated, truncated, infos = envs.step(actions[t].numpy())
            if truncated.any():
                last = torch.as_tensor(np.stack(infos["final_obs"][truncated]))
                with torch.no_grad():
                    reward[truncated] += GAMMA * agent.value(last).numpy()
            rewards[t], dones[t] = torch.as_tensor(reward), torch.as_tensor(terminated | truncated).float()
            seen = torch.as_tensor(following)
            done_steps += ENVS
        with torch.no_grad():
            advantages, after, running = torch.zeros(size), agent.value(seen), torch.zeros(ENVS)
            for t in reversed(range(LENGTH)):
                delta = rewards[t] + GAMMA * after * (1 - dones[t]) - values[t]
                advantages[t] = running = delta + GAMMA * LAMBDA * (1 - dones[t]) * running
                after = values[t]
        flat = [x.flatten(0, 1) for x in (obs, actions, masks, old, advantages, advantages + values)]
        for _ in range(EPOCHS):
            for chosen in torch.randperm(ENVS * LENGTH).split(MINIBATCH):
                o, a, m, before, gain, returns = (x[chosen] for x in flat)
                ratio = (log_prob(agent.heads(o, m), a) - before).exp()
                gain = (gain - gain.mean()) / (gain.std() + 1e-8)
                policy_loss = -torch.min(gain * ratio, gain * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
                loss = policy_loss + VALUE * (returns - agent.value(o)).square().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), NORM)
                optimizer.step()
    return done_steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300_000, help="decisions to train for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/cleanrl"), help="folder for the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--masks", action="store_true", help="train and play with action masks")
    args = parser.parse_args()

    torch.set_num_threads(1)  # more are slower for networks as small as these
    torch.manual_seed(args.seed)
    envs = gym.make_vec("splitgym:SplitInference-v0", ENVS, scenario="default", autoreset_mode="SameStep")
    agent, begin = Agent(envs), time.perf_counter()
    steps = train(agent, envs, args.steps, args.seed, args.masks)
    train_s = time.perf_counter() - begin

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(agent.state_dict(), args.out / "model.pt")
    policy = splitgym.policy_from(agent.best, action="multidiscrete", name="cleanrl-ppo", uses_masks=args.masks)
    results = splitgym.evaluate([policy], episodes=args.episodes)
    line = {"recipe": "cleanrl_ppo", "library": "torch", "version": torch.__version__, "steps": steps}
    line |= {"seed": args.seed, "episodes": args.episodes, "train_s": round(train_s, 1)}
    line |= {
        "steps_per_s": round(steps / train_s),
        "return_mean": float(results.figure("cleanrl-ppo", "return").mean()),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
