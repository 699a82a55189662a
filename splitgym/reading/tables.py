"""TOML and JSON files as nested tables of plain values."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from splitgym.quoting import cut, shown, where
from splitgym.reading.files import place, read_bytes, text_of

#: Largest files that are parsed [byte].
MOST_TOML, MOST_JSON = 2**24, 2**27
#: Digits of the longest whole number, no float can be larger; and tables within tables.
_DIGITS, _LEVELS = 309, 40


def read_toml(path: str | Path, kind: str = "TOML") -> dict[str, Any]:
    """Table of a TOML file.  ``kind`` says what it should be; see :func:`toml_of` for what is refused."""
    return toml_of(read_bytes(path, kind, MOST_TOML), path)


def read_json(path: str | Path, kind: str = "JSON") -> dict[str, Any]:
    """Table of a JSON file.  ``kind`` says what it should be; see :func:`json_of` for what is refused."""
    return json_of(read_bytes(path, kind, MOST_JSON), path)


def toml_of(content: bytes | str, path: str | Path) -> dict[str, Any]:
    """Table of TOML text.  ``path`` names it in messages.

    Raises ``ValueError`` naming file, line and column: no TOML, nested too deep, numbers beyond every float.
    """
    text = content if isinstance(content, str) else text_of(content, path)
    return _parsed("TOML", lambda: tomllib.loads(text, parse_float=lambda word: _float(word, text)), path)


def json_of(content: bytes | str, path: str | Path) -> dict[str, Any]:
    """Table of JSON text.  ``path`` names it in messages.

    Raises ``ValueError`` naming the file, and line and column as far as known: no JSON, no table, nested too deep, NaN
    and infinities, numbers beyond every float, a key that stands twice in one table.
    """
    text = content if isinstance(content, str) else text_of(content, path)

    def constant(word: str) -> NoReturn:
        raise ValueError(f"{_found(word, text)}: it holds {word}, which is not a number")

    def whole(word: str) -> int:
        if len(word) > _DIGITS:
            raise ValueError(f"{_found(word, text)}: a whole number of {len(word)} digits is too large")
        return int(word)

    hooks: dict[str, Any] = {"parse_constant": constant, "parse_int": whole, "object_pairs_hook": _table}
    table = _parsed("JSON", lambda: json.loads(text, parse_float=lambda word: _float(word, text), **hooks), path)
    if not isinstance(table, dict):
        raise ValueError(f"{where(path)} must hold a table, {{...}}, got {shown(table)}")
    return table


def _parsed(form: str, parse: Callable[[], Any], path: str | Path) -> Any:
    try:
        value = parse()
        _check_depth(value, 0)
        return value
    except RecursionError:
        raise ValueError(f"{where(path)} is not valid {form}: it is nested too deep") from None
    except (ValueError, OverflowError) as error:
        raise ValueError(cut(f"{where(path)} is not valid {form}: {error}")) from error


def _check_depth(value: Any, level: int) -> None:
    """Raise ``ValueError`` for tables too deep for recursive readers."""
    if level > _LEVELS:
        raise ValueError(f"it is nested too deep, more than {_LEVELS} levels")
    if isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            if isinstance(part, (dict, list)):
                _check_depth(part, level + 1)


def _float(word: str, text: str) -> float:
    """A number as written; infinities and NaN that TOML knows by name are left to whoever checks the value."""
    value = float(word)
    if math.isinf(value) and "inf" not in word.lower():
        raise ValueError(f"{_found(word, text)}: {shown(word)} is larger than the largest float")
    return value


def _found(word: str, text: str) -> str:
    return place(text, text.find(word))


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {shown(twice)} stands twice in one table")
    return table
