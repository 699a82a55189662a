"""Arrival models: instants at which tasks arrive [s].

Add your own with :func:`arrivals`: a function of a generator and the number of tasks.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import numpy as np

from splitgym.named_files import NamedFile, named_file
from splitgym.numbers import plain_array
from splitgym.physics.arrivals import ARRIVAL_PARAMS, COUNTS, GAPS, MODULATED, PERIODIC, RECORDED
from splitgym.physics.random import PLUGIN_ARRIVALS
from splitgym.quoting import where
from splitgym.ranges import GAP, MOST_S, PHASE, SHARE, Range
from splitgym.reading import arrays_of, column_of, has_suffix, naming
from splitgym.recorded.arrivals import ArrivalLog, ArrivalReading
from splitgym.recorded.windows import SPLITS
from splitgym.registry import Registry, nearest
from splitgym.traces.plugins import Model, registrar

#: Bytes of the largest npz file of instants that is read.
MOST_INSTANTS = 2**28

ARRIVALS: Registry[Model] = Registry("arrival model", own=True)
#: Fewest tasks in a calm and a burst together, on average: so many changes of phase are drawn for each task.
LEAST_IN_CYCLE = 0.1
_count_key: ContextVar[str] = ContextVar("count_key", default="n_tasks")


@contextlib.contextmanager
def counted_by(key: str) -> Iterator[None]:
    """Messages inside call the number of tasks by the key that sets it, such as ``tasks.count``."""
    token = _count_key.set(key)
    try:
        yield
    finally:
        _count_key.reset(token)


def arrivals(name: str) -> Callable[[Callable], Callable]:
    """Register a plug-in arrival model.

    The decorated function is called as ``f(rng, n_tasks, **parameters)`` with a ``numpy.random.Generator`` and
    returns arrival instants, shape (n_tasks,), finite, ascending, >= 0 [s].
    """
    return registrar(ARRIVALS, name, built_in=False)


def arrival_params(
    kind: int, period_s: float = 0.0, rates_hz=(1.0,), leave_hz=(1.0,), bin_s: float = 0.0
) -> np.ndarray:
    """Lowered arrival process: an ARRIVAL_PARAMS record."""
    record = np.zeros((), ARRIVAL_PARAMS)
    record["kind"], record["period_s"], record["n_phases"] = kind, period_s, len(rates_hz)
    record["bin_s"] = bin_s
    record["rates_hz"][: len(rates_hz)] = rates_hz
    record["leave_hz"][: len(leave_hz)] = leave_hz
    return record


@registrar(ARRIVALS, "periodic", built_in=True, section="arrivals", period_s=GAP)
def periodic(n_tasks: int, *, period_s: float = 0.3) -> np.ndarray:
    """One task every ``period_s`` [s], the first at 0.  (ENACHI specification section 1: T_frame)"""
    _check_duration("period_s", period_s, n_tasks)
    return arrival_params(PERIODIC, period_s)


@registrar(ARRIVALS, "poisson", built_in=True, section="arrivals", mean_s=GAP)
def poisson(n_tasks: int, *, mean_s: float = 0.4) -> np.ndarray:
    """Poisson arrivals with mean gap ``mean_s`` [s]."""
    _check_duration("mean_s", mean_s, n_tasks)
    return arrival_params(MODULATED, rates_hz=(1.0 / mean_s,))


@registrar(
    ARRIVALS, "mmpp", built_in=True, section="arrivals", calm_mean_s=GAP, burst_mean_s=GAP, calm_s=PHASE, burst_s=PHASE
)
def mmpp(
    n_tasks: int, *, calm_mean_s: float = 0.8, burst_mean_s: float = 0.08, calm_s: float = 8.0, burst_s: float = 1.6
) -> np.ndarray:
    """Bursts: a two-phase Markov-modulated Poisson process; mean gaps and mean stays of both phases [s]."""
    in_cycle = calm_s / calm_mean_s + burst_s / burst_mean_s
    if in_cycle < LEAST_IN_CYCLE:
        raise ValueError(
            f"arrivals.parameters: a calm and a burst together must bring at least {LEAST_IN_CYCLE:g} tasks on "
            f"average, calm_s / calm_mean_s + burst_s / burst_mean_s, got {in_cycle:g}; take longer stays [s] or "
            "shorter gaps [s]"
        )
    _check_duration("calm_mean_s", (calm_s + burst_s) / in_cycle, n_tasks)
    return arrival_params(
        MODULATED, rates_hz=(1.0 / calm_mean_s, 1.0 / burst_mean_s), leave_hz=(1.0 / calm_s, 1.0 / burst_s)
    )


def _check_duration(name: str, gap_s: float, n_tasks: int) -> None:
    """``ValueError`` for episodes so long that instants lose their digits."""
    if gap_s * n_tasks > MOST_S:
        raise ValueError(
            f"arrivals.parameters.{name}: {n_tasks} tasks ({_count_key.get()}) every {gap_s:g} s take "
            f"{gap_s * n_tasks:g} s, an episode lasts at most {MOST_S:g} s; take fewer tasks or shorter gaps"
        )


def _instants_digest(file: NamedFile) -> str:
    return hashlib.sha256(file.parsed(read_instants).tobytes()).hexdigest()


@registrar(ARRIVALS, "recorded", built_in=True, digests={"file": _instants_digest})
def recorded(n_tasks: int, *, file: str) -> np.ndarray:
    """Arrival instants [s] from a file: ``.npz`` with array ``arrival_s`` or ``.csv`` with a column ``arrival_s``."""
    with naming("arrivals.parameters.file"):
        check_instants(_instants(file), n_tasks, where(file))
    return arrival_params(RECORDED)


#: 0: as recorded, or as the file says.
_MEAN, _BIN = Range("s", 0.0, GAP.high, hint=GAP.hint), Range("s", 0.0, 1e7, hint="in seconds: a minute is 60")


@registrar(
    ARRIVALS,
    "log",
    built_in=True,
    section="arrivals",
    digests={"file": lambda file: file.sha256},
    mean_s=_MEAN,
    bin_s=_BIN,
    train_share=SHARE,
)
def log(
    n_tasks: int,
    *,
    file: str,
    column: str = "",
    time: str = "",
    time_format: str = "",
    bin_s: float = 0.0,
    row: str = "",
    mean_s: float = 0.0,
    split: str = "train",
    train_share: float = 0.8,
) -> np.ndarray:
    """A window of a log of arrivals, another one in every episode: instants, or counts per bin (``column``, ``bin_s``).

    ``mean_s`` stretches the log to that mean gap [s].  The log is read as :mod:`splitgym.recorded.arrivals` says.
    """
    found = arrival_log(
        {"file": file, "column": column, "time": time, "time_format": time_format, "bin_s": bin_s, "row": row,
         "mean_s": mean_s, "train_share": train_share, "split": split}
    )  # fmt: skip
    longest_s = found.longest_s(split, n_tasks)
    if not longest_s <= MOST_S:
        raise ValueError(
            f"arrivals.parameters.file: {n_tasks} tasks ({_count_key.get()}) of {where(file)} may take "
            f"{longest_s:g} s, an episode lasts at most {MOST_S:g} s; take fewer tasks, or a smaller mean_s"
        )
    return arrival_params(COUNTS if len(found.counts) else GAPS, bin_s=found.bin_s)


def arrival_log(parameters: Mapping[str, Any]) -> ArrivalLog:
    """The log behind the parameters of model ``log``, as it was understood."""
    split = parameters.get("split", "train")
    if split not in SPLITS:
        told = f"one of {', '.join(SPLITS)}, got {split!r}{nearest(split, SPLITS)}"
        raise ValueError(f"arrivals.parameters.split must be {told}")
    given = {name: value for name, value in parameters.items() if name not in ("file", "split")}
    return named_file(parameters["file"], "no such arrivals file").parsed(ArrivalReading(**given))


def lower_arrivals(model: str, parameters: Mapping[str, Any], n_tasks: int) -> np.ndarray:
    """A scenario's arrivals as an ARRIVAL_PARAMS record; what a plug-in has drawn is played like recorded instants."""
    chosen = ARRIVALS[model]
    return chosen.function(n_tasks, **parameters) if chosen.built_in else arrival_params(RECORDED)


def given_instants(key: np.uint64, model: str, parameters: Mapping[str, Any], n_tasks: int) -> np.ndarray:
    """What an episode's arrivals come from where the kernel does not draw them, see :func:`recorded_instants`.

    A plug-in's are the instants (n_tasks,) [s] that it draws.
    """
    chosen = ARRIVALS[model]
    if chosen.built_in:
        return recorded_instants(model, parameters, n_tasks)
    drawn = chosen.draw(np.random.default_rng([int(key), PLUGIN_ARRIVALS]), n_tasks, **parameters)
    return check_instants(drawn, n_tasks, f"arrival model {chosen.name!r}").copy()


def recorded_instants(model: str, parameters: Mapping[str, Any], n_tasks: int) -> np.ndarray:
    """What was recorded of a scenario's arrivals, as the kernels read it; empty for models that draw.

    Instants (n_tasks,) [s] of model "recorded", gaps [s] or counts (any,) of model "log".
    """
    if model == "log":
        return arrival_log(parameters).part(str(parameters.get("split", "train"))).copy()
    if model != "recorded":
        return np.zeros(0)
    file = parameters["file"]
    return check_instants(_instants(file), n_tasks, where(file)).copy()


def _instants(file: Any) -> np.ndarray:
    return named_file(file, "no such arrivals file").parsed(read_instants)


def read_instants(path: NamedFile) -> np.ndarray:
    """Arrival instants (n,) [s]: array ``arrival_s`` of an npz file, column ``arrival_s`` of every other one.

    The text table may be parted by commas, semicolons or tabs, see :func:`splitgym.reading.column_of`.  Raises
    ``ValueError`` that says what is wrong with the file, and where; warns of instants that are hardly in seconds.
    """
    if has_suffix(path, ".npz"):
        times_s = arrays_of(path.content, path, ("arrival_s",), "arrivals", most=MOST_INSTANTS)["arrival_s"] + 0.0
    else:
        times_s = column_of(path.content, path, "arrival_s") + 0.0
    tell_gap(times_s, f"{where(path)}: arrival_s")
    return times_s


def tell_gap(times_s: np.ndarray, name: str) -> None:
    """Warn of instants whose mean gap is unusual: they are most likely in another unit."""
    if times_s.ndim == 1 and len(times_s) > 1 and times_s.dtype.kind in "fiu":
        gap_s = (float(times_s[-1]) - float(times_s[0])) / (len(times_s) - 1)
        if GAP.holds(gap_s):
            GAP.check(f"{name}, its mean gap", gap_s)


def check_instants(times_s: np.ndarray, n_tasks: int, name: str) -> np.ndarray:
    """The first ``n_tasks`` instants; ``ValueError`` unless they are enough, ascending."""
    times_s = plain_array(times_s, "arrival instants", "fiu")
    if times_s.ndim != 1 or len(times_s) < n_tasks:
        given = f"an array of shape {times_s.shape}" if times_s.ndim != 1 else len(times_s)
        raise ValueError(f"{name}: the scenario needs {n_tasks} arrival instants ({_count_key.get()}), got {given}")
    times_s = times_s[:n_tasks].astype(np.float64)
    earlier = np.concatenate([[0.0], times_s[:-1]])
    wrong = ~((times_s >= earlier) & (times_s <= MOST_S))
    if wrong.any():
        k = int(np.argmax(wrong))
        raise ValueError(
            f"{name}: arrival instants must be finite, >= 0 s and ascending, at most {MOST_S:g} s; "
            f"number {k + 1} is {times_s[k]} s, "
            f"{f'the one before {times_s[k - 1]} s' if k else 'the first'}"
        )
    return times_s
