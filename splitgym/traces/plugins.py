"""Registry of stochastic models: built-in ones lower to kernel parameters, plug-ins are plain NumPy functions."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from splitgym.named_files import NamedFile, mentioned_file, named_file, named_files, plain_digests
from splitgym.origins import SAY_IT, origin
from splitgym.physics.random import PLUGIN_FADING
from splitgym.quoting import an, shown
from splitgym.ranges import FADING_GAIN, Range, fail
from splitgym.registry import Registry, nearest


@dataclasses.dataclass(frozen=True)
class Model:
    """One stochastic model.

    ``function`` has keyword-only parameters.  Built in: it returns kernel parameters.  Plug-in: it draws, from a
    generator and a shape, as the registering decorator describes.  ``digests`` names the parameters that are files,
    each with a function that digests what is read of it.  ``ranges`` are the limits of the numeric ones.
    """

    name: str
    function: Callable[..., Any]
    built_in: bool
    digests: Mapping[str, Callable[[NamedFile], str]] = dataclasses.field(default_factory=dict)
    ranges: Mapping[str, Range] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def defaults(self) -> dict[str, Any]:
        """Parameter name -> default (``inspect.Parameter.empty`` for required ones)."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def arguments(self, given: Mapping[str, Any], path: str) -> dict[str, Any]:
        """``given`` with its files read; a ``ValueError`` has the path, the valid names and the nearest one.

        A parameter of a built-in model is a file where it is declared so, one of a plug-in where it is the path of one.
        """
        known = self.defaults
        for name in given:
            if name not in known:
                valid = ", ".join(known) or "none"
                raise ValueError(
                    f"unknown key '{path}.{name}' for model {self.name!r}{nearest(name, known)} (valid keys: {valid})"
                )
        for name, default in known.items():
            if default is inspect.Parameter.empty and name not in given:
                raise ValueError(f"missing key '{path}.{name}' for model {self.name!r}")
            wanted = self._kind(name)
            if name in given and wanted and isinstance(given[name], str) != (wanted == "a string"):
                raise ValueError(f"{path}.{name} must be {wanted}, got {given[name]!r}")
        return {name: self._read(name, value, f"{path}.{name}") for name, value in given.items()}

    def decisive(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What a digest covers of a chosen model: its parameters, files by their content, and a plug-in's code."""
        shown = {k: v.sha256 if isinstance(v, NamedFile) else v for k, v in parameters.items()}
        for name, digest in self.digests.items():
            if name in parameters:
                shown[name] = parameters[name].parsed(digest)
        if self.built_in:
            return {"parameters": shown}
        plain = plain_digests(parameters.values())
        return {"parameters": shown, "code": origin(self.function).text} | ({"files": plain} if plain else {})

    @property
    def doubt(self) -> str:
        """Why a plug-in will not be known in another process; empty if it will."""
        why = "" if self.built_in else origin(self.function).doubt
        return f"model {self.name!r} cannot be known again: {why}; {SAY_IT}" if why else ""

    def draw(self, rng: np.random.Generator, *size: Any, **parameters: Any) -> np.ndarray:
        """What a plug-in draws.  Raises ``ValueError`` for a file that has changed since its name was read."""
        for file in named_files(parameters):
            file.check_unchanged()
        return np.asarray(self.function(rng, *size, **parameters))

    def fill(self, key: np.uint64, gains: np.ndarray, slot_s: float, parameters: Mapping[str, Any]) -> None:
        """Draw a plug-in's power gains of every task below ``key`` into (n_tasks, n_slots), in place.

        Raises ``ValueError`` if the model returns another shape, or values that are not power gains.
        """
        for k, row in enumerate(gains):
            rng = np.random.default_rng([int(key), PLUGIN_FADING, k])
            drawn = self.draw(rng, len(row), slot_s, **parameters)
            if drawn.shape != row.shape:
                raise ValueError(f"fading model {self.name!r} returned shape {drawn.shape}, not {row.shape}")
            self._check_gains(drawn, k)
            row[:] = drawn

    def _read(self, name: str, value: Any, path: str) -> Any:
        if name in self.digests and isinstance(value, str):
            return named_file(value, f"{path}: no such file")
        return value if self.built_in else mentioned_file(value)

    def _check_gains(self, drawn: np.ndarray, task: int) -> None:
        real = drawn.dtype.kind in "fiub"
        wrong = ~((drawn >= FADING_GAIN.low) & (drawn <= FADING_GAIN.high)) if real else np.ones(1, bool)
        if wrong.any():
            value = drawn[np.argmax(wrong)] if real else drawn.dtype
            where = f"fading model {self.name!r}, task {task}, slot {np.argmax(wrong)}: the gain"
            fail(where, value, f"a finite number {FADING_GAIN.words}", FADING_GAIN.hint)

    def _kind(self, name: str) -> str:
        """What a parameter takes, from its default or annotation: "a number", "a string", or "" where neither says."""
        parameter = inspect.signature(self.function).parameters[name]
        if isinstance(parameter.default, str) or parameter.annotation in (str, "str"):
            return "a string"
        is_number = isinstance(parameter.default, (int, float)) or parameter.annotation in (float, int, "float", "int")
        return "a number" if is_number else ""


def registrar(
    registry: Registry[Model],
    name: str,
    built_in: bool,
    *,
    section: str = "",
    digests: Mapping[str, Callable[[NamedFile], str]] | None = None,
    **ranges: Range,
) -> Callable[[Callable], Callable]:
    """Decorator that puts a function into ``registry`` under ``name``.

    ``ranges`` are the limits of its numeric parameters: the registered function raises ``ValueError`` beyond them,
    naming ``section`` of the scenario.  ``digests`` as in :class:`Model`.
    """
    registry.check(name)

    def register(function: Callable) -> Callable:
        if not callable(function):
            raise ValueError(f"{an(registry.kind)} must be a function, got {shown(function)}")
        checked = _guarded(function, section, ranges) if ranges else function
        registry.add(name, Model(name, checked, built_in, digests or {}, ranges))
        return checked

    return register


def _guarded(function: Callable, section: str, ranges: Mapping[str, Range]) -> Callable:
    """``function`` with its keyword arguments checked first."""

    @functools.wraps(function)
    def guarded(*args: Any, **parameters: Any) -> Any:
        for name, value in parameters.items():
            if name in ranges:
                ranges[name].check(f"{section}.parameters.{name}", value, tell=False)
        return function(*args, **parameters)

    return guarded
