"""What travels between processes: functions and arguments one way, results, errors and warnings the other."""

from __future__ import annotations

import hashlib
import pickle
import traceback
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import cloudpickle

T = TypeVar("T")

#: Functions that both sides keep; older ones are packed, or unpacked, again.
_KEPT = 8


class Recent(Generic[T]):
    """The last few things by their key; the others are made again."""

    def __init__(self) -> None:
        self._things: OrderedDict[Any, tuple[Any, T]] = OrderedDict()

    def get(self, key: Any, of: Any, make: Callable[[], T]) -> T:
        """The thing of a key, made unless it is there; what it is made ``of`` is kept as long."""
        if key not in self._things:
            self._things[key] = of, make()
        self._things.move_to_end(key)
        while len(self._things) > _KEPT:
            self._things.popitem(last=False)
        return self._things[key][1]


def packed(thing: Any, words: str) -> bytes:
    """A function or its arguments as bytes.  Raises ``ValueError`` for what cannot travel, in ``words`` what it is."""
    try:
        return cloudpickle.dumps(thing)
    except Exception as error:  # whatever an object raises
        raise ValueError(
            f"{words} cannot be sent to another process ({type(error).__name__}: {error}); give a policy by its "
            "registered name or by the path of a saved model, or leave workers out"
        ) from error


class Answer(NamedTuple):
    """What a worker sends back: the result or an error with its trace, and warnings (text, category, file, line)."""

    value: Any
    error: BaseException | None
    trace: str
    warned: list[tuple[str, type[Warning], str, int]]


class RemoteTraceback(Exception):
    """Where an error came from, in a worker's own words; the cause of an error that a worker has sent."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def answered(work: Callable[[], Any]) -> bytes:
    """Call a function and pack what came of it."""
    value, error, trace = None, None, ""
    with warnings.catch_warnings(record=True) as said:
        try:
            value = work()
        except (Exception, SystemExit) as raised:
            error, trace = _sendable(raised), "".join(traceback.format_exception(raised))
    warned = [(str(w.message), w.category, w.filename, w.lineno) for w in said]
    return cloudpickle.dumps(Answer(value, error, trace, warned))


def opened(data: bytes, heard: set[Any]) -> Any:
    """The result in an answer; raises the error, and warns as the worker was warned, each once.

    ``heard`` remembers what has been warned of.
    """
    answer: Answer = pickle.loads(data)
    for warned in answer.warned:
        if warned not in heard:
            heard.add(warned)
            warnings.warn_explicit(*warned)
    if answer.error is not None:
        raise answer.error from RemoteTraceback(answer.trace)
    return answer.value


def _sendable(error: BaseException) -> BaseException:
    """The error, or one that says the same if it cannot be pickled."""
    try:
        pickle.loads(cloudpickle.dumps(error))
    except Exception:  # whatever an exception of its own kind raises
        return RuntimeError(f"{type(error).__name__}: {error}")
    if isinstance(error, SystemExit):
        return RuntimeError(f"the code ended the process: {error}")
    return error


def key_of(data: bytes) -> str:
    """What a parcel is known by."""
    return hashlib.sha256(data).hexdigest()
