"""The zoo: trained agents that ship with the package, each as one file of ``splitgym export``, named ``zoo:NAME``."""

from __future__ import annotations

import statistics
from importlib import resources
from pathlib import Path
from typing import Any

from splitgym.agents.exported import SUFFIX, document_in
from splitgym.policy import ZOO
from splitgym.reading import read_bytes
from splitgym.registry import unknown

PREFIX = f"{ZOO}:"
FOLDER = Path(str(resources.files("splitgym"))) / ZOO
#: Entry of a file's document that only the zoo's have: how the agent was chosen, and what it reached.
RECORD = "zoo"
#: Entry of that record: the validations of each training seed.
CURVES = "curves"
_MOST = 2**21  # bytes of a file


def zoo_names() -> list[str]:
    """Names of all agents: the preset's, behind the world's name unless that is ``inference``; these come first."""
    names = [file.relative_to(FOLDER).with_suffix("").as_posix() for file in FOLDER.rglob(f"*{SUFFIX}")]
    return sorted(names, key=lambda name: ("/" in name, name))


def is_zoo(word: Any) -> bool:
    """Whether a word means an agent of the zoo."""
    return isinstance(word, str) and word.startswith(PREFIX)


def zoo_file(word: str) -> Path:
    """The file of ``zoo:NAME``.  Raises ``ValueError`` for an unknown name, naming the nearest."""
    name, names = word.removeprefix(PREFIX), zoo_names()
    if name not in names:
        raise unknown("agent of the zoo", name, names, own=False)
    return FOLDER / f"{name}{SUFFIX}"


def zoo_document(name: str) -> dict[str, Any]:
    """What an agent's file says beside the weights; read without any other library.

    ``document["zoo"]`` holds ``command``, which trains the agent; ``seeds``, the mean return on validation seeds of
    each training seed among which it was the best; ``curves``, training seed -> its validations, where it was trained
    with any (:func:`splitgym.learning_curves` reads them); and ``validation`` and ``test``, preset -> first seed and
    return of every episode from there on.
    """
    path = zoo_file(f"{PREFIX}{name}")
    return document_in(read_bytes(path, "agent", _MOST), path)


def zoo_line(name: str) -> str:
    """An agent in a line: where it plays, how it was trained, what it returns on test seeds."""
    document = zoo_document(name)
    config, record = document["config"], document[RECORD]
    returns = [f"{preset} {statistics.fmean(of['returns']):.1f}" for preset, of in record["test"].items()]
    first = next(iter(record["test"].values()))
    last = first["seed"] + len(first["returns"]) - 1
    return (
        f"{config['env_id']}: {config['algo']}, {config['steps']:,} steps, training seed {config['seed']}; "
        f"return on test seeds {first['seed']} to {last}: {', '.join(returns)}"
    )
