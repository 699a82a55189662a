"""Arrival models: instants at which tasks arrive [s].

Add your own with :func:`arrivals`: a function of a generator and the number of tasks.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.named_files import NamedFile, named_file
from splitgym.physics.arrivals import ARRIVAL_PARAMS, MODULATED, PERIODIC, RECORDED
from splitgym.registry import Registry
from splitgym.traces.plugins import Model, check_positive, registrar

ARRIVALS: Registry[Model] = Registry("arrival model")


def arrivals(name: str) -> Callable[[Callable], Callable]:
    """Register a plug-in arrival model.

    The decorated function is called as ``f(rng, n_tasks, **parameters)`` with a ``numpy.random.Generator`` and
    returns arrival instants, shape (n_tasks,), finite, ascending, >= 0 [s].
    """
    return registrar(ARRIVALS, name, built_in=False)


def arrival_params(kind: int, period_s: float = 0.0, rates_hz=(1.0,), leave_hz=(1.0,)) -> np.ndarray:
    """Lowered arrival process: an ARRIVAL_PARAMS record."""
    record = np.zeros((), ARRIVAL_PARAMS)
    record["kind"], record["period_s"], record["n_phases"] = kind, period_s, len(rates_hz)
    record["rates_hz"][: len(rates_hz)] = rates_hz
    record["leave_hz"][: len(leave_hz)] = leave_hz
    return record


@registrar(ARRIVALS, "periodic", built_in=True)
def periodic(n_tasks: int, *, period_s: float = 0.3) -> np.ndarray:
    """One task every ``period_s`` [s], the first at 0.  (ENACHI specification section 1: T_frame)"""
    check_positive("arrivals.parameters.period_s", period_s, "s")
    return arrival_params(PERIODIC, period_s)


@registrar(ARRIVALS, "poisson", built_in=True)
def poisson(n_tasks: int, *, mean_s: float = 0.4) -> np.ndarray:
    """Poisson arrivals with mean gap ``mean_s`` [s]."""
    check_positive("arrivals.parameters.mean_s", mean_s, "s")
    return arrival_params(MODULATED, rates_hz=(1.0 / mean_s,))


@registrar(ARRIVALS, "mmpp", built_in=True)
def mmpp(
    n_tasks: int, *, calm_mean_s: float = 0.8, burst_mean_s: float = 0.08, calm_s: float = 8.0, burst_s: float = 1.6
) -> np.ndarray:
    """Bursts: a two-phase Markov-modulated Poisson process; mean gaps and mean stays of both phases [s]."""
    for name, value in (
        ("calm_mean_s", calm_mean_s),
        ("burst_mean_s", burst_mean_s),
        ("calm_s", calm_s),
        ("burst_s", burst_s),
    ):
        check_positive(f"arrivals.parameters.{name}", value, "s")
    return arrival_params(
        MODULATED, rates_hz=(1.0 / calm_mean_s, 1.0 / burst_mean_s), leave_hz=(1.0 / calm_s, 1.0 / burst_s)
    )


def _instants_digest(file: NamedFile) -> str:
    return hashlib.sha256(file.parsed(read_instants).tobytes()).hexdigest()


@registrar(ARRIVALS, "recorded", built_in=True, file=_instants_digest)
def recorded(n_tasks: int, *, file: str) -> np.ndarray:
    """Arrival instants [s] from a file: ``.npz`` with array ``arrival_s`` or ``.csv`` with a column ``arrival_s``."""
    check_instants(_instants(file), n_tasks, str(file))
    return arrival_params(RECORDED)


def lower_arrivals(model: str, parameters: Mapping[str, Any], n_tasks: int) -> np.ndarray:
    """A scenario's arrivals as an ARRIVAL_PARAMS record; what a plug-in has drawn is played like recorded instants."""
    chosen = ARRIVALS[model]
    return chosen.function(n_tasks, **parameters) if chosen.built_in else arrival_params(RECORDED)


def given_instants(key: np.uint64, model: str, parameters: Mapping[str, Any], n_tasks: int) -> np.ndarray:
    """Instants (n_tasks,) [s] of an episode from a file or a plug-in; empty where the kernel draws them."""
    chosen = ARRIVALS[model]
    if chosen.built_in:
        return recorded_instants(model, parameters, n_tasks)
    drawn = chosen.draw(np.random.default_rng([int(key), 1]), n_tasks, **parameters)
    return check_instants(drawn, n_tasks, f"arrival model {chosen.name!r}").copy()


def recorded_instants(model: str, parameters: Mapping[str, Any], n_tasks: int) -> np.ndarray:
    """Instants (n_tasks,) [s] of a scenario's recorded arrivals; empty for every other model."""
    if model != "recorded":
        return np.zeros(0)
    file = parameters["file"]
    return check_instants(_instants(file), n_tasks, str(file)).copy()


def _instants(file: Any) -> np.ndarray:
    return named_file(file, "arrivals.parameters.file: no such file").parsed(read_instants)


def read_instants(path: NamedFile) -> np.ndarray:
    """Arrival instants (n,) [s] of a CSV or npz file; ``ValueError`` says what is wrong with the file."""
    try:
        if Path(path).suffix == ".npz":
            with np.load(io.BytesIO(path.content), allow_pickle=False) as arrays:
                return np.asarray(arrays["arrival_s"], dtype=np.float64) + 0.0
        lines = io.StringIO(path.content.decode("utf-8"), newline="")
        return np.array([float(row["arrival_s"]) for row in csv.DictReader(lines)], dtype=np.float64) + 0.0
    except Exception as error:  # whatever a damaged file makes zipfile, zlib, numpy and csv raise
        raise ValueError(f"{path} holds no readable array or column 'arrival_s' [s]: {error!r}") from error


def check_instants(times_s: np.ndarray, n_tasks: int, where: str) -> np.ndarray:
    """The first ``n_tasks`` instants; ``ValueError`` unless they are enough, finite, >= 0 and ascending."""
    times_s = np.asarray(times_s, dtype=np.float64)
    if times_s.ndim != 1 or len(times_s) < n_tasks:
        raise ValueError(f"{where}: {times_s.shape} arrival instants, the scenario needs {n_tasks} (n_tasks)")
    times_s = times_s[:n_tasks]
    if not np.isfinite(times_s).all() or (times_s < 0.0).any() or (np.diff(times_s) < 0.0).any():
        raise ValueError(f"{where}: arrival instants must be finite, >= 0 s and ascending")
    return times_s
