"""What is asked of fading and arrival models, built in or plugged in."""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.quoting import shown
from splitgym.testing.comparing import difference, failing, require
from splitgym.testing.playing import global_randomness, untouched
from splitgym.worlds.inference import InferenceTrace, load_scenario

#: Standard errors of a mean by which it may miss: 5 happen once in two million times.
_ERRORS, _LEAST = 5.0, 2e-3


def check_fading(name: str, *, tasks: int = 400, mean: float = 1.0, **parameters: Any) -> None:
    """Check a fading model.

    Args:
        name: as it is registered.
        tasks: so many tasks are drawn for the mean; it may miss by five standard errors.
        mean: the mean gain that is expected [1]; the model of a channel has 1, since the slow gain has the rest.
        parameters: of the model.

    Gains must be finite, not negative, of mean 1, drawn from the generator that the model is given and from nothing
    else: the same seed gives the same gains, other seeds give others unless all are equal, and neither earlier draws
    nor the number of tasks nor another process matters.  Raises ``AssertionError`` where this fails, with what to do.
    """
    what = f"fading model {shown(name)}"
    setting = {"fading.model": name, **{f"fading.parameters.{key}": value for key, value in parameters.items()}}
    gains = _drawn(what, 0, **setting, **{"tasks.count": tasks}).fading
    require(np.isfinite(gains).all() and (gains >= 0.0).all(), f"{what} gives gains that are no finite numbers >= 0")
    _check_seeds(what, "fading", setting)
    means = gains.mean(axis=1)
    slack = _ERRORS * means.std() / np.sqrt(len(means)) + _LEAST
    require(
        abs(means.mean() - mean) <= slack,
        f"{what} has the mean gain {means.mean():.4g} over {tasks} tasks, not {mean:g} (within {slack:.2g}); divide "
        "the gains by their mean, which the slow gain of the channel has already",
    )
    found = difference(_drawn(what, 0, **setting, **{"tasks.count": 3}).fading, gains[:3])
    require(not found, f"{what}: a task's gains depend on the number of tasks: {found}; {_GENERATOR}")
    found = difference(_drawn(what, 0, **setting, **{"arrivals.model": "periodic"}).fading, gains[:_FEW])
    require(not found, f"{what} depends on the model of arrivals: {found}; {_GENERATOR}")


def check_arrivals(name: str, **parameters: Any) -> None:
    """Check an arrival model: finite, ascending instants >= 0 that depend on the given generator and nothing else.

    ``parameters`` are the model's.  Raises ``AssertionError`` as :func:`check_fading` does.
    """
    what = f"arrival model {shown(name)}"
    setting = {"arrivals.model": name, **{f"arrivals.parameters.{key}": value for key, value in parameters.items()}}
    instants = _drawn(what, 0, **setting).arrival_s
    require(np.isfinite(instants).all() and (instants >= 0.0).all(), f"{what} gives instants that are no numbers >= 0")
    require((np.diff(instants) >= 0.0).all(), f"{what} gives instants that do not ascend; sort them, or sum up gaps")
    _check_seeds(what, "arrival_s", setting)
    found = difference(_drawn(what, 0, **setting, **{"fading.model": "static"}).arrival_s, instants)
    require(not found, f"{what} depends on the fading model: {found}; {_GENERATOR}")


_FEW = 30
_GENERATOR = "draw from the generator that it is given, and keep nothing between two calls"


def _drawn(what: str, seed: int, **changes: Any) -> InferenceTrace:
    """A trace of a short scenario; refusals and global randomness count as failures."""
    with untouched(what), failing(what, "cannot be drawn"):
        return InferenceTrace.draw(load_scenario("default", **{"tasks.count": _FEW, **changes}), seed)


def _check_seeds(what: str, array: str, setting: dict[str, Any]) -> None:
    """The same seed gives the same values; other seeds give others where the values are not all equal anyway."""
    first, other = (getattr(_drawn(what, seed, **setting), array) for seed in (0, 1))
    found = difference(getattr(_drawn(what, 0, **setting), array), first)
    require(not found, f"{what} gives other values when it draws the same seed again: {found}; {_GENERATOR}")
    with global_randomness(99):
        found = difference(getattr(_drawn(what, 0, **setting), array), first)
    require(not found, f"{what} depends on global random numbers: {found}; {_GENERATOR}")
    steps = np.diff(first, axis=-1)
    if not np.allclose(steps, steps.flat[0]):
        require(difference(first, other), f"{what} gives the same values for every seed; {_GENERATOR}")
