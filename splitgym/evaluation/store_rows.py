"""Whose the lines of a store are: of a policy, or of one training seed of a policy that has several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from splitgym.evaluation.policies import Contender

#: The word of a line for an agent that is one training seed of a policy; those of others are "True" and "False".
_ONE_OF = re.compile(r"seed (\d+) of (.+)")


class Owner(NamedTuple):
    """Whose a line is: a policy; where it has several training seeds, the folder of its runs, and the seed."""

    policy: str
    folder: str = ""
    training_seed: int | None = None


def agent_word(c: Contender) -> str:
    """What a line says of a contender in its column ``agent``."""
    return f"seed {c.training_seed} of {c.family}" if c.family else str(c.agent)


def owner(row: Mapping[str, Any]) -> Owner:
    """Whose a line is."""
    found = _ONE_OF.fullmatch(row["agent"])
    return Owner(found[2], str(Path(row["spec"]).parent), int(found[1])) if found else Owner(row["policy"])


def spec_of(row: Mapping[str, Any]) -> str:
    """The text by which the policy of a line is evaluated again: with all its training seeds, where it has several."""
    return owner(row).folder or row["spec"]


def counted(rows: Iterable[dict[str, Any]]) -> dict[Owner, dict[int, dict[str, Any]]]:
    """The lines that count, by owner and seed: of several policies of one name those of the last in the file.

    So with an agent that was trained again, and with a name that folders of several training seeds share.
    """
    many = [(owner(row), row) for row in rows]
    last = {mine: row["identity"] for mine, row in many}
    folders = {mine.policy: mine.folder for mine, _ in many}
    found: dict[Owner, dict[int, dict[str, Any]]] = {o: {} for o in last if o.folder == folders[o.policy]}
    for mine, row in many:
        if mine in found and row["identity"] == last[mine]:
            found[mine][int(row["seed"])] = row
    return found
