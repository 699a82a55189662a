"""One trial of a study: a short training that is validated on the way, and ended early where it is behind the others.

Needs Optuna and stable-baselines3 at once; :mod:`splitgym.agents.tuning` imports it when it is needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from stable_baselines3.common.callbacks import BaseCallback

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.build import build_model
from splitgym.agents.callbacks import as_it_stands
from splitgym.agents.config import TrainConfig, part_of
from splitgym.agents.search_space import Space
from splitgym.agents.validation import validated

#: What hears of a trial: the share of it that is done.
Hearing = Callable[[float], object]
_FIELDS = {field.name for field in dataclasses.fields(TrainConfig)}


def configured(base: TrainConfig, chosen: Mapping[str, Any]) -> TrainConfig:
    """``base`` with other fields and hyper-parameters, by their names; a batch becomes a whole part of the rollout."""
    fields = {name: value for name, value in chosen.items() if name in _FIELDS}
    hyper = {**base.hyper, **{name: value for name, value in chosen.items() if name not in _FIELDS}}
    if {"batch_size", "n_steps"} <= set(ALGORITHMS[base.algo].hyper):
        hyper["batch_size"] = part_of(int(base.n_envs or 1) * hyper["n_steps"], hyper["batch_size"])
    return dataclasses.replace(base, **fields, hyper=hyper)


def chosen_by(trial: Any, space: Space) -> dict[str, Any]:
    """What a trial suggests, by the names of ``space``."""
    return {name: span.ask(trial, name) for name, span in space.items()}


def train_and_judge(trial: optuna.Trial, base: TrainConfig, space: Space, reports: int, hear: Hearing) -> float:
    """Mean return on the validation episodes at the end of a trial's training.

    Raises ``optuna.TrialPruned`` for a training that is behind the others, or whose weights are no numbers any more.
    """
    config = configured(base, chosen_by(trial, space))
    model = build_model(config)
    try:
        model.learn(config.steps, callback=_Judge(trial, config, reports, hear), log_interval=10**9)
        value = reached(model, config)
    except ValueError as error:
        if _is_sound(model):
            raise
        trial.set_user_attr("diverged", True)
        raise optuna.TrialPruned("its weights are no numbers any more") from error
    finally:
        model.env.close()
    trial.report(value, reports)
    return value


def reached(model: Any, config: TrainConfig) -> float:
    """Mean return of a model in training on the validation episodes of its setting."""
    return validated(as_it_stands(model, config), config, model.num_timesteps).mean


def _is_sound(model: Any) -> bool:
    return all(bool(np.isfinite(weights.detach().cpu().numpy()).all()) for weights in model.policy.parameters())


class _Judge(BaseCallback):
    """Validates ``reports`` times, the last time after the end; the pruner ends what is behind the others."""

    def __init__(self, trial: optuna.Trial, config: TrainConfig, reports: int, hear: Hearing) -> None:
        super().__init__()
        self.trial, self.config, self.reports, self.hear = trial, config, reports, hear
        self.told = 0

    def _on_rollout_start(self) -> None:
        share = self.model.num_timesteps / self.config.steps
        self.hear(min(share, 1.0))
        due = int(share * self.reports)
        if due > self.told and due < self.reports:
            self.told = due
            self.trial.report(reached(self.model, self.config), due)
            if self.trial.should_prune():
                raise optuna.TrialPruned

    def _on_step(self) -> bool:
        return True


class Seeded(optuna.samplers.BaseSampler):
    """Tree-structured Parzen estimator whose draws for a trial depend on the seed and on what has been tried before.

    So a study that was interrupted, or that several processes share, does not draw the same trials twice, and one that
    goes on alone ends as if it had not been interrupted.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._current: tuple[int, Any] = (-1, None)

    def _of(self, study: optuna.Study, trial: Any) -> Any:
        if self._current[0] != trial.number:
            failed = optuna.trial.TrialState.FAIL
            before = study.get_trials(deepcopy=False)
            rank = sum(other.number < trial.number and other.state != failed for other in before)
            word = np.random.SeedSequence((self.seed, rank)).generate_state(1)[0]
            self._current = (
                trial.number,
                optuna.samplers.TPESampler(seed=int(word), multivariate=True, constant_liar=True),
            )
        return self._current[1]

    def infer_relative_search_space(self, study: optuna.Study, trial: Any) -> Any:
        """As the estimator's own."""
        return self._of(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: Any, search_space: Any) -> Any:
        """As the estimator's own."""
        return self._of(study, trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study: optuna.Study, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """As the estimator's own."""
        return self._of(study, trial).sample_independent(study, trial, param_name, param_distribution)
