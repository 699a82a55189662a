"""What has come of a study of ``splitgym tune``: the best settings, and the command that trains with them."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from splitgym.agents.config import TrainConfig
from splitgym.agents.folder import setting_words
from splitgym.agents.search_space import Space
from splitgym.agents.settings import names_of
from splitgym.agents.study_folder import BEST_FILE, Plan
from splitgym.agents.trials import chosen_by, configured
from splitgym.extras import need
from splitgym.files import write_atomically
from splitgym.optuna_files import quiet
from splitgym.scenarios import DEFAULT_ENV
from splitgym.show.tuning import tuning_figure
from splitgym.specs import command_line
from splitgym.toml import value_text

FORMAT = "splitgym-best-1"
#: Fewest finished trials of which importances are told.
_FEWEST = 4


@dataclasses.dataclass(frozen=True)
class Tuned:
    """The outcome of a study.

    Attributes: ``folder``; ``config``, the best trial's, with a trial's number of steps; ``chosen``, what was searched
    of it, by name; ``value`` and ``start``, mean return on the validation episodes of the best trial and of the first
    one, which has the settings that were given; ``trial``, the best one's number; ``finished`` and ``pruned`` trials;
    ``history``, of each trial its number, its last value and whether it was finished;
    ``importances``, shares of what decides about good trials, the greatest first, empty for few trials.
    """

    folder: Path
    config: TrainConfig
    chosen: dict[str, Any]
    value: float
    start: float | None
    trial: int
    finished: int
    pruned: int
    importances: dict[str, float]
    history: tuple[tuple[int, float, bool], ...]

    def command(self) -> str:
        """``splitgym train`` with the best settings, ready to be pasted."""
        config = self.config
        words: list[Any] = ["train", "--algo", config.algo]
        words += ["--env", config.env_id] if config.env_id != DEFAULT_ENV else []
        words += [*setting_words(config, self.folder), "--action", config.action]
        words += ["--agents", config.agents] if config.agents else []
        words += ["--n-envs", config.n_envs, "--learning-rate", config.learning_rate, "--schedule", config.schedule]
        words += ["--gamma", config.gamma, *(["--net", *config.net] if config.net else [])]
        hyper = {name: value for name, value in config.hyper.items() if value is not None}
        return command_line(*words, *(w for n, v in hyper.items() for w in ("--hyper", f"{n}={value_text(v)}")))

    def document(self) -> dict[str, Any]:
        """What ``best.json`` says."""
        told = {name: getattr(self, name) for name in ("value", "start", "trial", "finished", "pruned", "importances")}
        return {"format": FORMAT, **told, "settings": self.chosen, "command": self.command()}

    def save(self) -> Path:
        """Write ``best.json`` into the folder."""
        text = json.dumps(self.document(), indent=2) + "\n"
        write_atomically(self.folder / BEST_FILE, text.encode(), inside=self.folder)
        return self.folder / BEST_FILE

    def figure(self) -> Any:
        """Matplotlib ``Figure``: the trials in their order, and what decided.  Needs the extra ``report``."""
        return tuning_figure(self.history, self.start, self.importances, f"{self.folder.name}: {_title(self.config)}")


def tuned(study: Any, plan: Plan, space: Space, folder: Path) -> Tuned:
    """The outcome of an Optuna study.  Raises ``ValueError`` while no trial has come to its end."""
    optuna = need("optuna", "search")
    states = optuna.trial.TrialState
    trials = study.get_trials(deepcopy=False)
    finished = [trial for trial in trials if trial.state == states.COMPLETE]
    if not finished:
        raise ValueError(f"study {str(folder)!r}: no trial has come to its end yet")
    best = max(finished, key=lambda trial: (trial.value, -trial.number))
    config = configured(plan.config, chosen_by(optuna.trial.FixedTrial(best.params), space))
    first = min(finished, key=lambda trial: trial.number)
    return Tuned(
        folder=folder,
        config=config,
        chosen={name: {**config.hyper, **vars(config)}[name] for name in space},
        value=float(best.value),
        start=float(first.value) if first.user_attrs.get("start") else None,
        trial=best.number,
        finished=len(finished),
        pruned=sum(trial.state == states.PRUNED for trial in trials),
        history=tuple(_last(trial, states) for trial in trials if trial.state in (states.COMPLETE, states.PRUNED)),
        importances=_importances(optuna, study) if len(finished) >= _FEWEST else {},
    )


def _last(trial: Any, states: Any) -> tuple[int, float, bool]:
    """Number, last value (or NaN) and end of a trial."""
    finished = trial.state == states.COMPLETE
    known = trial.intermediate_values
    return trial.number, float(trial.value if finished else known[max(known)] if known else math.nan), finished


def _title(config: TrainConfig) -> str:
    return f"{config.algo} on {config.env_id}, scenario {names_of(config)}, {config.steps} steps a trial"


def _importances(optuna: Any, study: Any) -> dict[str, float]:
    """PED-ANOVA's, which needs no other library and does not draw; empty where all trials are alike."""
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    try:
        with quiet(optuna):
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError, ZeroDivisionError):
        return {}
    return {name: float(share) for name, share in found.items()}
