"""Nested tables of plain values as TOML: written, read from ``KEY=VALUE`` pairs, one merged over another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from splitgym.quoting import shown
from splitgym.reading import toml_of


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge of two tables; ``over`` wins."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if both else value
    return result


def leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of all that is no table itself."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def read_pairs(pairs: Iterable[str], where: str) -> dict[str, Any]:
    """``["radio.shadowing_db=4"]`` -> ``{"radio.shadowing_db": 4}``; values are TOML, plain words are strings.

    Raises ``ValueError`` naming ``where`` for anything but a pair.
    """
    table = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{where} needs KEY=VALUE, got {shown(pair)}")
        try:
            found = toml_of(f"x = {value}", where)
        except ValueError:
            found = {}
        # a line break would begin a second key, and what it says be lost
        table[key.strip()] = found["x"] if len(found) == 1 else value
    return table


def dump_toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """TOML text of nested plain values (:meth:`Strict.to_dict`); ``tomllib`` reads it back equal."""
    simple = {k: v for k, v in table.items() if not _is_table(v)}
    lines = [f"{_key(k)} = {value_text(v)}" for k, v in simple.items()]
    for key, value in table.items():
        name = f"{prefix}{_key(key)}"
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]", dump_toml(value, f"{name}.").strip("\n")]
        elif _is_table(value):
            for item in value:
                lines += ["", f"[[{name}]]", dump_toml(item, f"{name}.").strip("\n")]
    return "\n".join(lines).strip("\n") + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else value_text(key)


def value_text(value: Any) -> str:
    """A plain value, or lists and tables of them, as TOML in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML wants it escaped, JSON does not
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{value_text(str(k))} = {value_text(v)}' for k, v in value.items())}}}"
    return str(value)
