"""Optuna: a study of PPO's settings with pruning, on validation seeds; the best one is judged on test seeds.

The study lies in an SQLite file, so the same command goes on after a break, and several processes may share it. Each
trial trains stable-baselines3's PPO on the native batch and is evaluated ten times on the way; the median pruner ends
what is worse than the others were at that time.

    pip install "splitgym[agents,search]"
    python optuna_ppo.py --steps 2000000 --trials 20 --out runs/optuna
"""

import argparse
import json
import time
from pathlib import Path

import optuna
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

import splitgym
from splitgym.agents.sb3 import make_vec_env

# Three sets of seeds that never meet: training from TRAINING on, validation of trials, test of the best one from 0 on.
TRAINING, VALIDATION = 2**32, 1_000_000
REPORTS, VALIDATION_EPISODES = 10, 20


def mean_return(model: PPO, seed: int, episodes: int) -> float:
    """Mean return of a model on the episodes of seeds ``seed``, ``seed + 1``, ..."""
    results = splitgym.evaluate([model], episodes=episodes, seed=seed)
    return float(results.figure("PPO", "return").mean())


class Pruning(BaseCallback):
    """Report the validation return of a trial now and then, and stop the training where the pruner says so."""

    def __init__(self, trial: optuna.Trial, every: int) -> None:
        super().__init__()
        self.trial, self.every, self.next, self.pruned = trial, every, every, False

    def _on_rollout_end(self) -> None:
        if self.num_timesteps < self.next:
            return
        self.next += self.every
        self.trial.report(mean_return(self.model, VALIDATION, VALIDATION_EPISODES), self.num_timesteps)
        self.pruned = self.trial.should_prune()

    def _on_step(self) -> bool:
        return not self.pruned


def sampled(trial: optuna.Trial) -> dict:
    """Settings of a trial, as stable-baselines3 names them."""
    width = trial.suggest_categorical("width", [32, 64, 128])
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 5e-3, log=True),
        "gamma": 1.0 - trial.suggest_float("one_minus_gamma", 1e-3, 1e-1, log=True),
        "gae_lambda": trial.suggest_float("gae_lambda", 0.8, 1.0),
        "ent_coef": trial.suggest_float("ent_coef", 1e-5, 1e-1, log=True),
        "n_epochs": trial.suggest_int("n_epochs", 2, 10),
        "policy_kwargs": {"net_arch": [width, width]},
    }


def train(settings: dict, steps: int, seed: int, callback: BaseCallback | None = None) -> PPO:
    """PPO with 64 rows and 32 decisions of each in a batch."""
    env = make_vec_env("SplitInference-v0", 64)
    env.seed(TRAINING + seed * 10_000)
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=512, seed=seed, device="cpu", **settings)
    return model.learn(steps, callback=callback)


def objective(trial: optuna.Trial, steps: int, seed: int) -> float:
    callback = Pruning(trial, max(steps // REPORTS, 1))
    model = train(sampled(trial), steps, seed, callback)
    if callback.pruned:
        raise optuna.TrialPruned
    return mean_return(model, VALIDATION, VALIDATION_EPISODES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000, help="decisions of each training")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/optuna"), help="folder for the study and the model")
    parser.add_argument("--episodes", type=int, default=100, help="episodes of the evaluation")
    parser.add_argument("--trials", type=int, default=10, help="ended trials that the study shall hold")
    args = parser.parse_args()

    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=f"ppo-{args.steps}-{args.seed}",
        storage=f"sqlite:///{args.out / 'study.db'}",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=args.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=args.steps // 5),
    )
    begin, ended = time.perf_counter(), (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    if len(study.get_trials(states=ended)) < args.trials:
        study.optimize(
            lambda trial: objective(trial, args.steps, args.seed),
            callbacks=[optuna.study.MaxTrialsCallback(args.trials, states=ended)],
        )
    best = sampled(optuna.trial.FixedTrial(study.best_params))
    model = train(best, args.steps, args.seed + 1)
    train_s = time.perf_counter() - begin
    model.save(args.out / "best")
    trained = sum(max(trial.intermediate_values, default=0) for trial in study.trials) + model.num_timesteps
    print(f"{len(study.trials)} trials, best on validation {study.best_value:.1f}: {study.best_params}")
    print(
        json.dumps(
            {
                "recipe": "optuna_ppo",
                "library": "optuna",
                "version": optuna.__version__,
                "steps": model.num_timesteps,
                "seed": args.seed,
                "steps_per_s": round(trained / train_s),
                "train_s": round(train_s, 1),
                "return_mean": mean_return(model, 0, args.episodes),
                "episodes": args.episodes,
            }
        )
    )


if __name__ == "__main__":
    main()
