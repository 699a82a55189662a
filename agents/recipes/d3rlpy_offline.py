"""d3rlpy: behaviour cloning and a conservative algorithm on a data set of splitgym, beside the policies that played it.

With ``--action discrete`` the second algorithm is CQL, with ``--action box`` it is IQL. The data set is Minari's, as
``splitgym dataset enachi random --out DIR/NAME-v0`` writes it too; it is made once and read again afterwards.

    pip install "splitgym[offline]" d3rlpy
    python d3rlpy_offline.py --steps 50000 --out runs/d3rlpy

d3rlpy pins gymnasium 1.0.0, which is too old for splitgym; it runs with a newer one:
``echo 'gymnasium>=1.2.2' > newer.txt; uv pip install --override newer.txt ...``.
"""

import argparse
import json
import time
from pathlib import Path

import d3rlpy
import numpy as np
import torch
from d3rlpy.algos import BCConfig, DiscreteBCConfig, DiscreteCQLConfig, IQLConfig
from d3rlpy.dataset import MDPDataset

import splitgym

BEHAVIOUR = ["enachi", "random"]  # who played the data


def algorithms(action: str) -> dict:
    """What is trained: cloning, and an algorithm that can become better than the data."""
    net = d3rlpy.models.VectorEncoderFactory(hidden_units=[128, 128])
    if action == "discrete":
        cloning = DiscreteBCConfig(batch_size=256, learning_rate=1e-3, beta=0.0, encoder_factory=net)
        cql = DiscreteCQLConfig(
            batch_size=256, learning_rate=3e-4, gamma=0.99, alpha=1.0, target_update_interval=500, encoder_factory=net
        )
        return {"bc": cloning, "cql": cql}
    cloning = BCConfig(batch_size=256, learning_rate=1e-3, encoder_factory=net)
    iql = IQLConfig(
        batch_size=256,
        gamma=0.99,
        expectile=0.8,
        actor_encoder_factory=net,
        critic_encoder_factory=net,
        value_encoder_factory=net,
    )
    return {"bc": cloning, "iql": iql}


def transitions(dataset) -> MDPDataset:
    """A Minari data set as one of d3rlpy: an episode has one observation more than actions, which is left out."""
    episodes = list(dataset)
    actions = [np.asarray(e.actions).reshape(len(e), -1) for e in episodes]
    return MDPDataset(
        observations=np.concatenate([e.observations[:-1] for e in episodes]),
        actions=np.concatenate(actions),
        rewards=np.concatenate([e.rewards for e in episodes]).astype(np.float32),
        terminals=np.concatenate([e.terminations for e in episodes]).astype(np.float32),
        timeouts=np.concatenate([e.truncations for e in episodes]).astype(np.float32),
        action_space=d3rlpy.ActionSpace.DISCRETE if dataset.action_space.shape == () else None,
        action_size=int(dataset.action_space.n) if dataset.action_space.shape == () else None,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50_000, help="updates of each algorithm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/d3rlpy"), help="folder for data and models")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--action", choices=("discrete", "box"), default="discrete")
    parser.add_argument("--data", type=int, default=500, help="episodes of the data set, half of each policy")
    args = parser.parse_args()

    d3rlpy.seed(args.seed)
    torch.set_num_threads(1)
    played = splitgym.record_dataset(
        BEHAVIOUR, args.out / f"{args.action}-v0", episodes=args.data, seed=args.data * args.seed, action=args.action
    )
    data = transitions(played)
    policies, begin = list(BEHAVIOUR), time.perf_counter()
    for name, config in algorithms(args.action).items():
        learner = config.create(device="cpu")
        learner.fit(
            data,
            n_steps=args.steps,
            n_steps_per_epoch=max(args.steps // 10, 1),
            logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
            show_progress=False,
        )
        learner.save_model(str(args.out / f"{name}.pt"))
        policies.append(splitgym.policy_from(learner.predict, action=args.action, name=f"{name}-d3rlpy"))
    train_s = time.perf_counter() - begin

    results = splitgym.evaluate(policies, episodes=args.episodes)
    print(results)
    names = [policy if isinstance(policy, str) else policy.name for policy in policies]
    returns = {name: float(results.figure(name, "return").mean()) for name in names}
    print(
        json.dumps(
            {
                "recipe": "d3rlpy_offline",
                "library": "d3rlpy",
                "version": d3rlpy.__version__,
                "steps": args.steps,
                "seed": args.seed,
                "steps_per_s": round(2 * args.steps / train_s),
                "train_s": round(train_s, 1),
                "return_mean": returns[names[-1]],
                "episodes": args.episodes,
                "returns": returns,
            }
        )
    )


if __name__ == "__main__":
    main()
