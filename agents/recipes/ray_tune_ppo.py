"""Ray Tune: PPO's settings by successive halving (ASHA), each trial in a process of its own, on one machine or many.

Trials train stable-baselines3's PPO on the native batch and report their return on validation seeds ten times; the
scheduler ends those that are behind. The best one is judged on test seeds. The same command goes on after a break. On a
cluster, ``--ray auto`` plays there; the folder ``--out`` must be one that every machine reads.

    pip install "splitgym[agents]" "ray[tune]"
    python ray_tune_ppo.py --steps 2000000 --trials 20 --out runs/tune
"""

import argparse
import functools
import json
import time
from pathlib import Path

import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.basic_variant import BasicVariantGenerator
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

import splitgym
from splitgym.agents.sb3 import make_vec_env

# Three sets of seeds that never meet: training from TRAINING on, validation of trials, test of the best one from 0 on.
TRAINING, VALIDATION = 2**32, 1_000_000
REPORTS, VALIDATION_EPISODES = 10, 20
SPACE = {
    "learning_rate": tune.loguniform(1e-4, 5e-3),
    "one_minus_gamma": tune.loguniform(1e-3, 1e-1),
    "gae_lambda": tune.uniform(0.8, 1.0),
    "ent_coef": tune.loguniform(1e-5, 1e-1),
    "n_epochs": tune.randint(2, 11),
}


def mean_return(model: PPO, seed: int, episodes: int) -> float:
    """Mean return of a model on the episodes of seeds ``seed``, ``seed + 1``, ..."""
    results = splitgym.evaluate([model], episodes=episodes, seed=seed, progress=False)
    return float(results.figure("PPO", "return").mean())


class Reports(BaseCallback):
    """Report the return on the validation seeds now and then; the scheduler ends the process where it says so."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every, self.next = every, every

    def _on_rollout_end(self) -> None:
        if self.num_timesteps >= self.next:
            self.next += self.every
            score = mean_return(self.model, VALIDATION, VALIDATION_EPISODES)
            tune.report({"return": score, "decisions": self.num_timesteps})

    def _on_step(self) -> bool:
        return True


def train(settings: dict, steps: int, seed: int, callback: BaseCallback | None = None) -> PPO:
    """PPO with 64 rows and 32 decisions of each in a batch."""
    torch.set_num_threads(1)
    settings = {**settings, "gamma": 1.0 - settings["one_minus_gamma"]}
    del settings["one_minus_gamma"]
    env = make_vec_env("SplitInference-v0", 64)
    env.seed(TRAINING + seed * 10_000)
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=512, seed=seed, device="cpu", **settings)
    return model.learn(steps, callback=callback)


def trial(settings: dict, steps: int, seed: int) -> None:
    """What a process of Ray does."""
    train(settings, steps, seed, Reports(max(steps // REPORTS, 1)))


def tuner(args: argparse.Namespace) -> tune.Tuner:
    """The study: a fresh one, or the one that lies in the folder."""
    run = tune.with_resources(functools.partial(trial, steps=args.steps, seed=args.seed), {"cpu": 1})
    folder = args.out.resolve() / "study"
    if tune.Tuner.can_restore(folder):
        return tune.Tuner.restore(str(folder), run, resume_unfinished=True, restart_errored=True)
    halving = ASHAScheduler(time_attr="decisions", max_t=args.steps, grace_period=max(args.steps // 5, 1))
    chance = BasicVariantGenerator(random_state=args.seed)
    choice = tune.TuneConfig(metric="return", mode="max", num_samples=args.trials, scheduler=halving, search_alg=chance)
    return tune.Tuner(
        run,
        param_space=SPACE,
        tune_config=choice,
        run_config=tune.RunConfig(name="study", storage_path=str(args.out.resolve()), verbose=1),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000, help="decisions of each training")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/tune"), help="folder for the study and the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--trials", type=int, default=10, help="trainings of the study")
    parser.add_argument("--ray", help="address of a cluster; this machine by default")
    args = parser.parse_args()

    args.out.mkdir(parents=True, exist_ok=True)
    ray.init(args.ray, include_dashboard=False, log_to_driver=False)
    begin = time.perf_counter()
    found = tuner(args).fit()
    best = found.get_best_result("return", "max")
    print(f"{len(found)} trials, best on validation {best.metrics['return']:.1f}: {best.config}")
    model = train(best.config, args.steps, args.seed + 1)
    train_s = time.perf_counter() - begin
    model.save(args.out / "best")
    trained = sum(int((one.metrics or {}).get("decisions", 0)) for one in found) + model.num_timesteps
    line = {"recipe": "ray_tune_ppo", "library": "ray", "version": ray.__version__, "seed": args.seed}
    line |= {"steps": model.num_timesteps, "steps_per_s": round(trained / train_s), "train_s": round(train_s, 1)}
    line |= {"return_mean": mean_return(model, 0, args.episodes), "episodes": args.episodes}
    print(json.dumps(line))
    ray.shutdown()


if __name__ == "__main__":
    main()
