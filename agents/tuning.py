"""Tuning of hyper-parameters: :func:`splitgym.tune`."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.build import build_model
from splitgym.agents.config import TrainConfig
from splitgym.agents.search_space import Space
from splitgym.agents.settings import folder_word
from splitgym.agents.study_folder import PLAN_FILE, STORAGE, Plan, alone, at_work, begin
from splitgym.agents.training import torch_threads
from splitgym.checks import file_path, whole_number
from splitgym.cli.common import check_output
from splitgym.extras import need
from splitgym.files import refuse_link
from splitgym.optuna_files import opened, quiet
from splitgym.progress import Progress, progress_of, telling
from splitgym.quoting import shown
from splitgym.specs import command_line

STUDY = "tune"
MOST_TRIALS = 1_000_000
#: How often a process says that it works at a trial [s]; after twice that time of silence it begins anew elsewhere.
_HEARTBEAT_S = 30
#: Trials that no pruner touches.
_WHOLE = 5
#: Mark of a trial at which somebody works or has worked.
_BEGUN = "begun"


class TuningInterrupted(KeyboardInterrupt):
    """The study was stopped by Ctrl-C; the message says what is kept and how to go on."""


def tune(
    config: TrainConfig,
    study: str | Path | None = None,
    *,
    trials: int = 50,
    over: Sequence[str] | None = None,
    reports: int = 8,
    pruner: str = "median",
    progress: Progress | bool | None = None,
) -> Any:
    """Search hyper-parameters by short trainings, which are compared on validation episodes.

    Args:
        config: the setting of each training; ``steps`` are a trial's, ``validation_episodes`` those of a validation.
            The first trial has its settings, or the nearest that are searched.
        study: folder of the study: ``study.json``, ``study.sqlite`` (Optuna's), ``best.json``; by default
            ``runs/tune-ALGO-WORLD-SCENARIO-sSEED``.  The same call goes on with it after an interruption, also with
            more trials, and several processes may work on it at once.
        trials: trials that the study shall hold, those of all processes together; trials that were ended early count.
        over: names that are searched, by default all that :data:`splitgym.agents.algorithms.ALGORITHMS` declares for
            the algorithm; the others stay as they are in ``config``.
        reports: validations of a trial; a pruner looks at all but the last.
        pruner: ``"median"``: a trial ends where it is worse than the median of the others; ``"hyperband"``; ``"none"``.
        progress: as in :func:`splitgym.evaluate`.

    Returns :class:`splitgym.agents.tuned.Tuned`.  Optuna's tree-structured Parzen estimator draws the trials, seeded by
    ``config.seed``.  A study in one process ends with the same figures whether it was interrupted or not; the trial
    that was under way begins anew.  Raises ``ValueError`` for settings that do not fit or differ from those with which
    the study was begun, ``DependencyNotInstalled`` without the extras ``[agents,search]``, and
    :class:`TuningInterrupted` after Ctrl-C.
    """
    if not isinstance(config, TrainConfig):
        raise ValueError(f"config must be a splitgym.TrainConfig, got {shown(config)}")
    plan = Plan(config, tuple(ALGORITHMS[config.algo].space) if over is None else over, reports, pruner)  # pyright: ignore[reportArgumentType]
    space = plan.space
    trials, progress = whole_number("trials", trials, 1, MOST_TRIALS), progress_of(progress)
    folder = file_path("study", default_study(config) if study is None else study)
    optuna = need("optuna", "search")
    need("torch", "agents")
    with quiet(optuna), torch_threads(config.torch_threads), _study(optuna, folder, plan, space) as (made, plan):
        _go_on(optuna, made, plan, space, folder, trials, progress)
        from splitgym.agents.tuned import tuned

        with alone(folder):
            outcome = tuned(made, plan, space, folder)
            outcome.save()
    return outcome


def default_study(config: TrainConfig) -> Path:
    """Where a study goes that nobody has given a folder."""
    return Path(f"runs/tune-{config.algo}-{config.world.name}-{folder_word(config)}-s{config.seed}")


@contextmanager
def _study(optuna: Any, folder: Path, plan: Plan, space: Space) -> Iterator[tuple[Any, Plan]]:
    """Optuna's study of a folder, begun if it is new, and the plan with which it was begun."""
    build_model(plan.config).env.close()  # says what does not fit before anything is written
    check_output("study", folder / PLAN_FILE)
    folder.mkdir(parents=True, exist_ok=True)
    refuse_link(folder / STORAGE, "study")
    again = optuna.storages.RetryHeartbeatStaleTrialCallback()
    alive = {"heartbeat_interval": _HEARTBEAT_S, "heartbeat_stale_trial_callback": again}
    from splitgym.agents.trials import Seeded

    with ExitStack() as stack:
        with alone(folder):
            plan = begin(folder, plan)
            study = optuna.create_study(
                study_name=STUDY,
                storage=stack.enter_context(opened(optuna, folder / STORAGE, "study", **alive)),
                load_if_exists=True,
                direction="maximize",
                sampler=Seeded(plan.config.seed),
                pruner=_pruner(optuna, plan),
            )
            if stack.enter_context(at_work(folder)):  # so those under way belong to processes that were killed
                _begin_anew(optuna, study, _running(optuna, study))
            if not study.get_trials(deepcopy=False):
                study.enqueue_trial(_start(plan.config, space), user_attrs={"start": True})
        yield study, plan


def _start(config: TrainConfig, space: Space) -> dict[str, Any]:
    """What Optuna would have to draw for a trial with the settings of ``config``, or the nearest ones."""
    usual = inspect.signature(ALGORITHMS[config.algo].load()).parameters
    drawn: dict[str, Any] = {}
    for name, span in space.items():
        known = {**config.hyper, **{key: value for key, value in vars(config).items() if key != "hyper"}}
        drawn |= span.nearest(name, known[name] if name in known else usual[name].default)
    return drawn


def _pruner(optuna: Any, plan: Plan) -> Any:
    pruners = optuna.pruners
    if plan.pruner == "median":
        return pruners.MedianPruner(n_startup_trials=_WHOLE, n_warmup_steps=plan.reports // 4)
    if plan.pruner == "hyperband":
        return pruners.HyperbandPruner(min_resource=1, max_resource=plan.reports)
    return pruners.NopPruner()


def _go_on(
    optuna: Any, study: Any, plan: Plan, space: Space, folder: Path, wanted: int, progress: Progress | bool | None
) -> None:
    """Play trials until the study holds as many as are wanted, those under way elsewhere included."""
    from splitgym.agents.trials import train_and_judge

    begun: list[int] = []
    ended = 0
    with telling(progress, wanted) as tell:
        say = tell or (lambda name, share: None)

        def objective(trial: Any) -> float:
            begun.append(trial.number)
            trial.set_user_attr(_BEGUN, True)
            name = f"trial {ended}"
            return train_and_judge(trial, plan.config, space, plan.reports, lambda share: say(name, share))

        try:
            while sum(counts := _counts(optuna, study)) < wanted:
                for number in range(ended, counts[0]):
                    say(f"trial {number}", 1.0)
                ended = counts[0]
                study.optimize(objective, n_trials=1)
        except KeyboardInterrupt:
            for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.FAIL,)):
                if trial.number in begun[-1:]:
                    optuna.storages.RetryHeartbeatStaleTrialCallback()(study, trial)
            raise TuningInterrupted(
                f"stopped; the study in {folder} holds {ended} of {wanted} trials, and the one under way begins anew; "
                f"go on with: {command_line('tune', '--study', folder, '--trials', wanted)}"
            ) from None


def _counts(optuna: Any, study: Any) -> tuple[int, int]:
    """How many trials have ended, and how many are under way; those whose process has died begin anew."""
    states = optuna.trial.TrialState
    optuna.storages.fail_stale_trials(study)
    lost = [t for t in _running(optuna, study) if _BEGUN not in t.user_attrs and _is_old(t.datetime_start)]
    _begin_anew(optuna, study, lost)  # their processes died before their first beat
    found = [trial.state for trial in study.get_trials(deepcopy=False)]
    return sum(state in (states.COMPLETE, states.PRUNED) for state in found), found.count(states.RUNNING)


def _running(optuna: Any, study: Any) -> list[Any]:
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))


def _begin_anew(optuna: Any, study: Any, trials: Sequence[Any]) -> None:
    """Give up trials of processes that died, and let the next ones have their settings."""
    for trial in trials:
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        optuna.storages.RetryHeartbeatStaleTrialCallback()(study, trial)


def _is_old(begin: datetime.datetime) -> bool:
    return datetime.datetime.now() - begin > datetime.timedelta(seconds=2 * _HEARTBEAT_S)
