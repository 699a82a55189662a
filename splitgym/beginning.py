"""While the libraries of a command are loaded: Ctrl-C in one line, and a standard error that is never ``None``."""

from __future__ import annotations

import itertools
import os
import sys
from types import TracebackType

_COMMANDS = ("splitgym", "splitgym.exe", "splitgym-script.py")


def is_command(program: str, words: list[str]) -> bool:
    """Whether a process is the command ``splitgym``, by its ``sys.argv[0]`` and ``sys.orig_argv``."""
    name = os.path.basename(program)
    # while Python looks for the module of ``python -m splitgym``, the program is called -m
    return name in _COMMANDS or (name == "-m" and ("-m", "splitgym") in itertools.pairwise(words))


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("splitgym: interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def give_stderr() -> None:
    """Let there be a standard error where it is closed: libraries take its methods when they are loaded."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for the rest of the process)


if is_command(sys.argv[0] if sys.argv else "", sys.orig_argv):
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _tell  # Python still ends as Ctrl-C ends a process
    give_stderr()
