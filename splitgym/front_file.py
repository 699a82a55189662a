"""The file of a front: JSON of our own, readable by people, one line per entry; nothing in it is ever executed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from splitgym.quoting import shown
from splitgym.registry import nearest

MARK = "splitgym-front-1"
#: What is known of an entry besides its decision.
MEASURED = ("latency_s", "energy_j", "accuracy")
#: What is known of the whole front.
HEAD = {
    "env_id": str,
    "scenario": str,
    "digest": str,
    "axes": list,
    "objectives": list,
    "search": str,
    "seed": int,
    "budget": int,
    "evaluated": int,
}
_KINDS = {str: "a text", int: "a whole number", list: "a list"}


def write_front(content: dict[str, Any]) -> bytes:
    """The file's bytes; ``content`` as of :meth:`splitgym.fronts.Front.to_dict`."""
    head = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in content.items() if name != "entries"]
    rows = ",\n".join(f"  {json.dumps(entry)}" for entry in content["entries"])
    return "\n".join(["{", *head, ' "entries": [', rows, " ]", "}", ""]).encode()


def front_arguments(table: dict[str, Any]) -> dict[str, Any]:
    """Arguments of :class:`splitgym.fronts.Front` out of a file's table.

    Raises ``ValueError`` that says what is wrong with it.
    """
    if table.get("format") != MARK:
        raise ValueError(f'it lacks the mark "format": "{MARK}"')
    _check_keys(table, {"format": str, **HEAD, "entries": list}, "the file")
    for name in ("axes", "objectives"):
        if not all(isinstance(word, str) for word in table[name]):
            raise ValueError(f"{name} must be a list of texts, got {shown(table[name])}")
    names = (*table["axes"], *MEASURED)
    rows = [_row(entry, names, f"entry {place}") for place, entry in enumerate(table["entries"], 1)]
    numbers = np.array(rows, np.float64).reshape(len(rows), len(names))
    head = {name: table[name] for name in HEAD}
    latency_s, energy_j, accuracy = numbers[:, -3:].T
    return {**head, "decisions": numbers[:, :-3], "latency_s": latency_s, "energy_j": energy_j, "accuracy": accuracy}


def _row(entry: Any, names: tuple[str, ...], where: str) -> list[float]:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} must be a table, got {shown(entry)}")
    _check_keys(entry, dict.fromkeys(names, None), where)
    row = []
    for name in names:
        value = entry[name]
        if value is None and name == "accuracy":
            value = float("nan")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{name} of {where} must be a number, got {shown(value)}")
        row.append(float(value))
    return row


def _check_keys(table: dict[str, Any], wanted: dict[str, type | None], where: str) -> None:
    for key in table:
        if key not in wanted:
            raise ValueError(f"unknown key {shown(key)} in {where}{nearest(key, wanted)}")
    for key, kind in wanted.items():
        if key not in table:
            raise ValueError(f"missing key {shown(key)} in {where}")
        if kind is not None and (not isinstance(table[key], kind) or isinstance(table[key], bool)):
            raise ValueError(f"{key} must be {_KINDS[kind]}, got {shown(table[key])}")
