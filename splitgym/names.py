"""Names that may become part of a file's name, a cell of a table and a word of a command, wherever they come from."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from splitgym.quoting import shown

#: Longest name, in bytes of UTF-8: folders and files are named after it, with something before and behind.
LONGEST = 100
_FORBIDDEN = '/\\:*?"<>|$`'
#: What no name may begin with: hidden files, options, formulas of spreadsheets, homes.
_BEGINNINGS = ".-=+@~"
#: What a spreadsheet takes for the beginning of a formula.
_FORMULAS = "=+-@\t\r\n"
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_DIRECTIONS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


def check_name(path: str, name: Any) -> str:
    """``name``, if it can be a name everywhere.

    Args:
        path: what the name is for, for the message.

    Raises ``ValueError`` that says what is wrong: not a text, too long, or with characters or a form that folders,
    commands, tables or terminals would take for something else.
    """
    fault = _fault(name)
    if fault:
        raise ValueError(f"{path} cannot be a name: {fault}; got {shown(name)}")
    return name


def _fault(name: Any) -> str:
    if not isinstance(name, str):
        return "it is not a text"
    if not name or name != name.strip():
        return "it is empty or has spaces at an end"
    if not name.isprintable():
        wrong = next(c for c in name if not c.isprintable())
        return f"it holds a character that cannot be seen (U+{ord(wrong):04X})"
    if len(name.encode()) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    for c in _FORBIDDEN:
        if c in name:
            return f"it holds {c!r}"
    if unicodedata.normalize("NFKC", name[0]) in _BEGINNINGS or unicodedata.combining(name[0]):
        return f"it begins with {name[0]!r}"
    if name.endswith("."):
        return "it ends with '.'"
    return "Windows keeps that word for itself" if _RESERVED.fullmatch(name) else ""


def check_text(path: str, text: str) -> str:
    """``text``, if it can be shown: no control characters but line breaks and tabs, no marks of direction.

    Raises ``ValueError`` that says which character is wrong.
    """
    for c in "" if text.isprintable() else text:  # most texts: marks of direction are not printable either
        if (unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t") or _DIRECTIONS.match(c):
            raise ValueError(f"{path} holds a character that cannot be shown (U+{ord(c):04X}); remove it")
    return text


def check_label(path: str, label: Any) -> str:
    """``label``, if it is a word of one line that can be shown, such as the name of a block or a policy's text.

    Raises ``ValueError`` that says what is wrong.
    """
    if not isinstance(label, str) or not label or len(label) > 1000:
        raise ValueError(f"{path} must be a text of 1 to 1000 characters, got {shown(label)}")
    if "\n" in label or "\t" in label:
        raise ValueError(f"{path} must be a text of one line, got {shown(label)}")
    return check_text(path, label)


def cell(value: Any) -> Any:
    """A value for a CSV file: a text that a spreadsheet would take for a formula gets a ``'`` in front, as it wants."""
    if not isinstance(value, str) or _is_number(value):
        return value
    return f"'{value}" if _is_formula(value) or (value[:1] == "'" and _is_quoted(value[1:])) else value


def uncell(text: str) -> str:
    """The text that :func:`cell` was given."""
    return text[1:] if text[:1] == "'" and _is_quoted(text[1:]) else text


def _is_formula(text: str) -> bool:
    return bool(text) and unicodedata.normalize("NFKC", text[0]) in _FORMULAS


def _is_quoted(rest: str) -> bool:
    """Whether what follows a ``'`` is such that the ``'`` was put there."""
    return _is_formula(rest) or rest[:1] == "'"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
