"""Callbacks of the user's own beside the training: made from what is given, and watched for who ends it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ConvertCallback

from splitgym.agents.config import TrainConfig
from splitgym.quoting import shown


class Watch(CallbackList):
    """All callbacks of a training; ``stopped_by`` names the first that ended it.

    Raises ``ValueError`` for anything but a callback.
    """

    def __init__(self, given: Any, config: TrainConfig) -> None:
        many = given if isinstance(given, (list, tuple)) else [given]
        super().__init__([one for each in many for one in _made(each, config)])
        self.stopped_by = ""

    def put_first(self, *callbacks: BaseCallback) -> None:
        """Add callbacks in front of the others."""
        self.callbacks[:0] = callbacks

    def _on_step(self) -> bool:
        go = True
        for callback in self.callbacks:
            said = callback.on_step()
            if not said and go:
                self.stopped_by = _name(callback) + ("" if said is not None else _NOTHING)
            go = bool(said) and go
        return go


#: What is said of a function that has forgotten to return anything.
_NOTHING = ", which returned None: it must return True for the training to go on"


def _made(given: Any, config: TrainConfig, *, again: bool = True) -> list[BaseCallback]:
    """Callbacks from a callback, a class, a function, or what a function of ``config`` returns."""
    if isinstance(given, BaseCallback):
        return [given]
    if isinstance(given, (list, tuple)):
        return [one for each in given for one in _made(each, config, again=again)]
    if isinstance(given, type) and issubclass(given, BaseCallback):
        return [_called(given)]
    if not isinstance(given, type) and callable(given):
        function: Any = given
        count = _arguments(given)
        if count == 2:
            return list[BaseCallback]([ConvertCallback(function)])
        if count == 1 and again:
            return _made(function(config), config, again=False)
        raise ValueError(
            f"callbacks: {shown(given)} must take (locals, globals), as stable-baselines3's callbacks do, or the "
            "TrainConfig alone, and then return a callback"
        )
    raise ValueError(f"callbacks must be callbacks of stable-baselines3 or functions, got {shown(given)}")


def _called(kind: type[BaseCallback]) -> BaseCallback:
    try:
        return kind()
    except TypeError as error:
        raise ValueError(
            f"callbacks: {kind.__name__} cannot be made without arguments ({error}); give an instance"
        ) from error


def _arguments(function: Callable[..., Any]) -> int:
    """How many arguments a function takes that have no default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 2
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 2
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _name(callback: BaseCallback) -> str:
    """A callback's name, with those that it calls itself: EvalCallback ends a training on their word."""
    if isinstance(callback, ConvertCallback):
        return getattr(callback.callback, "__name__", type(callback.callback).__name__)
    inner = [getattr(callback, name, None) for name in ("callback", "callback_on_new_best")]
    names = [_name(one) for one in inner if isinstance(one, BaseCallback)]
    return type(callback).__name__ + (f" ({', '.join(names)})" if names else "")
