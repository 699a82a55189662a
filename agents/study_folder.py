"""The folder of a study of ``splitgym tune``: what is tuned, written once, and read by everyone who goes on with it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.config import TrainConfig, check_document, config_of, resumed, using
from splitgym.agents.search_space import Space
from splitgym.checks import items, whole_number, word
from splitgym.files import write_atomically
from splitgym.locks import held, is_held
from splitgym.named_files import keep_files
from splitgym.quoting import shown
from splitgym.reading import read_json
from splitgym.specs import command_line

PLAN_FILE, STORAGE, BEST_FILE, PICTURE = "study.json", "study.sqlite", "best.json", "study.png"
FORMAT = "splitgym-study-1"
PRUNERS = ("median", "hyperband", "none")
#: How long a process waits for another one that begins or ends the same study [s].
_PATIENCE_S = 60.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a study does, the same for all processes that share it.

    Args:
        config: the setting of each training.
        over: the names that are searched.
        reports: validations of a trial, 1 to 1000.
        pruner: who ends trials early, one of :data:`PRUNERS`.

    Raises ``ValueError`` for names that the algorithm does not declare, and for what is out of range.
    """

    config: TrainConfig
    over: tuple[str, ...]
    reports: int
    pruner: str

    def __post_init__(self) -> None:
        known = ALGORITHMS[self.config.algo].space
        names = [word("over", name, known) for name in items("over", self.over, "names")]
        object.__setattr__(self, "over", tuple(dict.fromkeys(names)))
        object.__setattr__(self, "reports", whole_number("reports", self.reports, 1, 1000))
        word("pruner", self.pruner, PRUNERS)

    @property
    def space(self) -> Space:
        """What is searched, by its names."""
        return {name: ALGORITHMS[self.config.algo].space[name] for name in self.over}

    def to_json(self) -> str:
        """JSON text that :func:`load_plan` reads back."""
        own = {name: getattr(self, name) for name in _OWN}
        return json.dumps({**self.config.document(), "format": FORMAT, "study": own}, indent=2) + "\n"


_OWN = [field.name for field in dataclasses.fields(Plan) if field.name != "config"]


def load_plan(folder: Path) -> Plan:
    """The plan of a study.  Raises ``ValueError`` for a folder without one, and where this version trains otherwise."""
    path = folder / PLAN_FILE
    if not path.is_file():
        raise ValueError(f"{str(folder)!r} is not a study of 'splitgym tune': it holds no {PLAN_FILE}")
    with using(path):
        document = check_document(read_json(path, "study's plan"), FORMAT)
    config = config_of(document, path, folder, "begin a new study in another folder")
    with using(path):
        own = document.get("study")
        if not isinstance(own, dict) or not {*_OWN} <= set(own):
            raise ValueError(f"study must be a table with {', '.join(_OWN)}, got {shown(own)}")
        return Plan(config, **{name: own[name] for name in _OWN})


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Begin or end a study while no other process does; they wait for each other."""
    with held(folder, _PATIENCE_S):
        yield


@contextlib.contextmanager
def at_work(folder: Path) -> Iterator[bool]:
    """Be one of those who work on a study; gives whether nobody else can be, as far as this machine knows."""
    host = "".join(c if c.isalnum() or c in "-." else "_" for c in socket.gethostname())
    own = folder / f"worker-{host}-{os.getpid()}"
    others = [file.with_name(file.name[1:].removesuffix(".lock")) for file in folder.glob(".worker-*.lock")]
    with held(own):
        sees_locks = is_held(own)  # some network drives have none
        yield sees_locks and not any(not o.name.startswith(f"worker-{host}-") or is_held(o) for o in others)


def begin(folder: Path, plan: Plan) -> Plan:
    """Write the plan of a new study, or read that of the one in the folder, with the runtime fields of ``plan``.

    Raises ``ValueError`` for a folder with something else, and for a study that was begun with other settings.
    """
    if not (folder / PLAN_FILE).exists():
        if os.path.lexists(folder / STORAGE):
            raise ValueError(
                f"{str(folder)!r} holds {STORAGE} without {PLAN_FILE}, so it is no study of 'splitgym tune'"
            )
        text = plan.to_json().encode()
        for scenario in plan.config.scenarios:
            keep_files(scenario.to_dict(), folder)
        write_atomically(folder / PLAN_FILE, text, inside=folder)
        return plan
    saved = load_plan(folder)
    other = [
        f"{n}={shown(getattr(plan, n))} (saved: {shown(getattr(saved, n))})" for n in _OWN if _differ(plan, saved, n)
    ]
    if other:
        raise ValueError(
            f"the study in {str(folder)!r} was begun with other settings: {', '.join(other)}; leave them out to go on: "
            f"{command_line('tune', '--study', folder)}"
        )
    given = {field.name: getattr(plan.config, field.name) for field in dataclasses.fields(TrainConfig)}
    return dataclasses.replace(saved, config=resumed(saved.config, given))


def _differ(one: Plan, other: Plan, name: str) -> bool:
    return getattr(one, name) != getattr(other, name)
