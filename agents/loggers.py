"""Where the curves of a training go: files, TensorBoard, Weights & Biases, MLflow, or a logger of the user's own."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import numbers
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gymnasium.error import DependencyNotInstalled

from splitgym.agents.config import TrainConfig
from splitgym.agents.folder import CURVES, TENSORBOARD
from splitgym.agents.settings import OBJECTS, names_of
from splitgym.extras import need
from splitgym.quoting import cut, shown
from splitgym.registry import nearest

_LOG = "stable_baselines3.common.logger"


class Loggers:
    """The logger of one training, from what :func:`splitgym.train` was given.

    Raises ``ValueError`` for anything but a logger, ``DependencyNotInstalled`` for a library that is missing, both
    before anything is written.
    """

    def __init__(self, given: Any) -> None:
        self._whole = given if _is(given, "Logger") else None
        many = [] if given is None or self._whole else list(given) if isinstance(given, (list, tuple)) else [given]
        for one in many:
            if not (_is(one, "KVWriter") or (isinstance(one, str) and one in LOGGERS)):
                hint = nearest(one, LOGGERS) if isinstance(one, str) else ""
                raise ValueError(f"unknown logger {shown(one)}{hint} (known: {', '.join(LOGGERS)})")
            if one in _NEEDED:
                _library(one)
        if "none" in many and len(many) > 1:
            raise ValueError("the logger 'none' stands alone")
        self._given = None if given is None else [one for one in many if one != "none"]
        self._ours: Any = None

    def begin(self, model: Any, config: TrainConfig, out: Path) -> None:
        """Let a model log from now on."""
        if self._whole is not None:
            model.set_logger(self._whole)
            return
        given = self._given
        if given is None:
            given = ["tensorboard"] if installed("tensorboard", "no TensorBoard log") else []
        self._ours = need(_LOG, "agents").Logger(str(out / TENSORBOARD), [])
        model.set_logger(self._ours)
        for one in given:
            self._ours.output_formats.append(_begun(one, model, config, out) if isinstance(one, str) else one)

    def close(self) -> None:
        """Write out what is left; a whole logger of the user's stays open."""
        if self._ours is not None:
            self._ours.close()


def _is(given: Any, kind: str) -> bool:
    """Whether something is of a class of stable-baselines3's loggers; a text is not, and asks for no library."""
    if given is None or isinstance(given, (str, list, tuple)):
        return False
    return isinstance(given, getattr(need(_LOG, "agents"), kind))


def _begun(name: str, model: Any, config: TrainConfig, out: Path) -> Any:
    try:
        return LOGGERS[name](model, config, out)
    except (OSError, DependencyNotInstalled):
        raise
    except Exception as error:  # whatever a service that is not there makes its library raise
        raise ValueError(f"the logger {name!r} cannot begin: {cut(' '.join(str(error).split()), 300)}") from error


def installed(module: str, without: str) -> bool:
    """Whether a module is there; if not, say on standard error what is done without."""
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"note: {without}, because {module} is not installed: pip install 'splitgym[agents]'", file=sys.stderr)
    return found


# -------------------------------------------------------------------- files
def _tensorboard(model: Any, config: TrainConfig, out: Path) -> Any:
    return need(_LOG, "agents").TensorBoardOutputFormat(str(out / TENSORBOARD))


def _stdout(model: Any, config: TrainConfig, out: Path) -> Any:
    return need(_LOG, "agents").HumanOutputFormat(sys.stdout)


def _file(kind: str, ending: str) -> Callable[[Any, TrainConfig, Path], Any]:
    """A file of curves; a training that goes on begins another one, named by the step at which it does."""

    def make(model: Any, config: TrainConfig, out: Path) -> Any:
        first = f"-{model.num_timesteps:012d}" if model.num_timesteps else ""
        path = out / f"{CURVES}{first}.{ending}"
        path.unlink(missing_ok=True)  # a link too: nothing is written through it
        return getattr(need(_LOG, "agents"), kind)(str(path))

    return make


# -------------------------------------------------------------------- services
#: Logger -> the library that it needs, and how that is installed.
_NEEDED = {"wandb": ("wandb", "wandb"), "mlflow": ("mlflow", "mlflow"), "tensorboard": ("tensorboard", "tensorboard")}


def _library(name: str) -> Any:
    module, package = _NEEDED[name]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        why = "is not installed" if importlib.util.find_spec(module) is None else f"cannot be imported ({error})"
        raise DependencyNotInstalled(
            f"the logger {name!r} needs {module}, which {why}; install it with: pip install -U {package}"
        ) from error


def _settings(config: TrainConfig) -> dict[str, Any]:
    """What a run is, as plain values."""
    plain = {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if f.name not in OBJECTS}
    net = list(config.net or ())
    digests = " ".join(scenario.digest() for scenario in config.scenarios)
    return {**plain, "net": net, "scenario": names_of(config), "scenario_digest": digests}


def _figures(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, numbers.Real)}


def _wandb(model: Any, config: TrainConfig, out: Path) -> Any:
    """Weights & Biases: the run that is active, or one of our own, which the variables WANDB_... can steer."""
    wandb = _library("wandb")
    mine = wandb.run is None
    if mine:
        project = os.environ.get("WANDB_PROJECT", "splitgym")
        run = wandb.init(project=project, name=out.resolve().name, config=_settings(config))
    else:
        run = wandb.run
    return _writer(lambda figures, step: run.log(figures, step=step), run.finish if mine else None)


def _mlflow(model: Any, config: TrainConfig, out: Path) -> Any:
    """MLflow: the run that is active, or one of our own, which the variables MLFLOW_... can steer."""
    mlflow = _library("mlflow")
    mine = mlflow.active_run() is None
    if mine:
        mlflow.start_run(run_name=out.resolve().name)
        mlflow.log_params(_settings(config))
    return _writer(lambda figures, step: mlflow.log_metrics(figures, step=step), mlflow.end_run if mine else None)


def _writer(log: Callable[[dict[str, float], int], Any], end: Callable[[], Any] | None) -> Any:
    """An output format of stable-baselines3 that hands its figures on."""

    class Writer(need(_LOG, "agents").KVWriter):
        def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
            log(_figures(key_values), step)

        def close(self) -> None:
            if end is not None:
                end()

    return Writer()


#: Name -> what makes an output format of stable-baselines3 from a model, its configuration and its folder.
LOGGERS: dict[str, Callable[[Any, TrainConfig, Path], Any]] = {
    "tensorboard": _tensorboard,
    "csv": _file("CSVOutputFormat", "csv"),
    "json": _file("JSONOutputFormat", "json"),
    "stdout": _stdout,
    "wandb": _wandb,
    "mlflow": _mlflow,
    "none": lambda model, config, out: None,
}
