"""Frozen dataclasses that refuse what they do not understand.

A subclass of :class:`Strict` declares fields with :func:`number` and friends; construction checks type, finiteness
and limits, loading also refuses unknown and missing keys.  Every refusal names the path, the value, the unit, the
limit and, for a misspelt key, the nearest valid one.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from splitgym.named_files import NamedFile, named_file
from splitgym.names import check_text
from splitgym.quoting import an, cut, listed, shown
from splitgym.ranges import Range, fail, one_warning_per_key
from splitgym.registry import nearest

S = TypeVar("S", bound="Strict")
_ANY = Range("", -1e300, 1e300)  # of a number without a declaration, such as a plug-in's parameter


def number(
    limits: Range,
    *,
    default: Any = dataclasses.MISSING,
    fewest: int | None = None,
    most: int = 1024,
    label: bool = False,
    doc: str = "",
) -> Any:
    """A numeric field, or a list of ``fewest`` to ``most`` numbers, with its unit and limits.

    A list may be empty only if ``fewest`` is 0, which it is where the default is empty.  A ``label`` is for people and
    decides nothing.
    """
    fewest = (0 if default == () else 1) if fewest is None else fewest
    metadata = {"unit": limits.unit, "limits": limits, "entries": (fewest, most), "label": label, "doc": doc}
    return dataclasses.field(default=default, metadata=metadata)


def entry(
    default: Any = dataclasses.MISSING,
    *,
    label: bool = False,
    check: Callable[[str, Any], str] = check_text,
    doc: str = "",
) -> Any:
    """A string, boolean or structured field with its meaning; a ``label`` is for people and decides nothing.

    ``check`` refuses strings, see :mod:`splitgym.names`; an empty one is checked unless it is the default.
    """
    return dataclasses.field(default=default, metadata={"doc": doc, "label": label, "check": check, "default": default})


def file(default: str | None = "", *, doc: str = "") -> Any:
    """A string field that may name a file, which is read when the object is made; empty or ``None``: none."""
    return dataclasses.field(default=default, metadata={"doc": doc, "file": True})


def sources() -> Any:
    """The table key -> provenance of a section's constants."""
    doc = "key -> 'measured: ...', 'published: ...' or 'modelled: why'"
    return dataclasses.field(default_factory=dict, metadata={"doc": doc, "label": True})


class Strict:
    """Base of the strict dataclasses; ``SECTION`` is the path used in messages."""

    SECTION: ClassVar[str] = ""

    def __post_init__(self) -> None:
        hints = field_types(type(self))
        for field in dataclasses.fields(typing.cast(Any, self)):
            path = f"{self.SECTION}.{field.name}" if self.SECTION else field.name
            value = _coerce(getattr(self, field.name), hints[field.name], path, field.metadata)
            object.__setattr__(self, field.name, value)

    def replace(self: S, /, **changes: Any) -> S:
        """A copy with other values, checked again; dotted keys reach into sections."""
        return typing.cast(S, replace_paths(self, changes))

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dictionary (tables, lists, strings, numbers); absent optional values are left out."""
        return _plain(self)

    def digest(self) -> str:
        """SHA-256 (hex) over :meth:`decisive`: two objects with equal digests behave alike."""
        return hashlib.sha256(json.dumps(self.decisive(), sort_keys=True).encode()).hexdigest()

    def decisive(self) -> dict[str, Any]:
        """All that can change behaviour, as plain tables: labels are left out, files stand by their content.

        The order of a table's keys does not count; a class in which something else decides adds or removes it here.
        """
        fields = [f.name for f in dataclasses.fields(typing.cast(Any, self)) if not f.metadata.get("label")]
        return {name: _decisive(getattr(self, name)) for name in fields if getattr(self, name) is not None}


@functools.cache
def field_types(cls: type) -> dict[str, Any]:
    """Types of a class's fields; evaluating them takes longer than all the checks."""
    return typing.get_type_hints(cls)


@functools.cache
def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Origin and arguments of a type, kept since every value of every table asks for them."""
    return typing.get_origin(hint), typing.get_args(hint)


def _words(hint: Any, many: bool = False) -> str:
    """A type as people call it: one of it, or many."""
    one = {str: "a text", bool: "true or false", float: "a number", int: "a whole number"}.get(hint, "a table")
    return f"{one.removeprefix('a ')}s" if many and one.startswith("a ") else one


def _coerce(value: Any, hint: Any, path: str, meta: Mapping[str, Any]) -> Any:
    origin, arguments = _parts(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        if isinstance(value, str) and str in arguments:
            return _coerce(value, str, path, meta)
        if isinstance(value, Strict) and isinstance(value, arguments):
            return value
        return _coerce(value, next(a for a in arguments if a is not type(None)), path, meta)
    if hint in (float, int):
        return _coerce_number(value, hint, path, meta)
    if meta.get("file") and isinstance(value, str):
        return named_file(value, f"{path}: no such file") if value else value
    if hint in (str, bool):
        if not isinstance(value, hint):
            fail(path, value, _words(hint))
        if hint is bool or value == meta.get("default"):
            return value
        return meta.get("check", check_text)(path, value)
    if origin is tuple:
        if not isinstance(value, (tuple, list)):
            fail(path, value, f"a list of {_words(arguments[0], many=True)}")
        fewest, most = meta.get("entries", (0, len(value)))
        if not fewest <= len(value) <= most:
            raise ValueError(f"{path} must have {fewest} to {most} entries, got {len(value)}")
        with one_warning_per_key():
            return tuple(_coerce(v, arguments[0], f"{path}[{i}]", meta) for i, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            fail(path, value, "a table")
        return {check_text(path, str(k)): _coerce(v, arguments[1], f"{path}.{k}", meta) for k, v in value.items()}
    if isinstance(hint, type) and issubclass(hint, Strict):
        if isinstance(value, Mapping):
            return from_mapping(hint, value, path)
        return value if isinstance(value, hint) else fail(path, value, f"{an(hint.__name__)} or a table")
    return value


def _coerce_number(value: Any, hint: type, path: str, meta: Mapping[str, Any]) -> Any:
    limits = meta.get("limits", _ANY)
    plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        fail(path, value, _wanted(hint, limits))
    limits.check(path, plain)
    if hint is int and not (isinstance(plain, int) or plain.is_integer()):
        fail(path, value, _wanted(hint, limits))
    return hint(plain) + 0  # -0.0 becomes 0.0


def _wanted(hint: type, limits: Range) -> str:
    return _words(hint) + (f" {limits.words}" if limits is not _ANY else "")


def unknown_key(where: str, key: str, known: Iterable[str]) -> ValueError:
    """The refusal of a key that stands at ``where``, with the nearest valid one."""
    return ValueError(f"unknown key {shown(where)}{nearest(key, known)} (valid keys: {listed(known)})")


def from_mapping(cls: type[S], table: Mapping[str, Any], path: str = "") -> S:
    """Build ``cls`` from a table.  ``ValueError`` names unknown keys (with the nearest valid one) and missing ones."""
    if not isinstance(table, Mapping):
        fail(path or cls.__name__, table, "a table")
    names = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls))}
    for key in table:
        if key not in names:
            raise unknown_key(f"{path}.{key}" if path else str(key), str(key), names)
    for name, field in names.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and name not in table:
            where, limits = f"{path}.{name}" if path else name, field.metadata.get("limits")
            raise ValueError(f"missing key {where!r}" + (f" [{limits.unit}]: {limits.words}" if limits else ""))
    try:
        return cls(**dict(table))
    except ValueError as error:  # say which of several tables of the same kind it is
        told = str(error)
        if path and cls.SECTION:
            told = re.sub(rf"(^|'){re.escape(cls.SECTION)}\.", lambda found: f"{found[1]}{path}.", told, count=1)
        raise ValueError(cut(told)) from None


def replace_paths(thing: Any, changes: Mapping[str, Any], prefix: str = "") -> Any:
    """``dataclasses.replace`` with dotted paths; unknown paths are refused with the nearest valid key.

    ``prefix`` is the path of ``thing`` itself, for messages.
    """
    grouped: dict[str, Any] = {}
    for path, value in changes.items():
        head, _, rest = str(path).partition(".")
        names = [f.name for f in dataclasses.fields(thing)]
        if head not in names:
            raise unknown_key(f"{prefix}{path}", head, names)
        value = {rest: value} if rest else value
        if head in grouped:
            if not (isinstance(value, Mapping) and isinstance(grouped[head], Mapping)):
                raise ValueError(f"{shown(prefix + head)} is changed as a whole and in part; give one of them")
            value = {**grouped[head], **value}
        grouped[head] = value
    for head, value in grouped.items():
        inner = getattr(thing, head)
        if isinstance(value, dict) and isinstance(inner, Strict):
            grouped[head] = replace_paths(inner, value, f"{prefix}{head}.")
        elif isinstance(value, dict) and isinstance(inner, dict):
            grouped[head] = {**inner, **value}
    return dataclasses.replace(thing, **grouped)


def _plain(value: Any) -> Any:
    if isinstance(value, Strict):
        pairs = {f.name: getattr(value, f.name) for f in dataclasses.fields(typing.cast(Any, value))}
        return {k: _plain(v) for k, v in pairs.items() if v is not None}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _decisive(value: Any) -> Any:
    if isinstance(value, Strict):
        return value.decisive()
    if isinstance(value, NamedFile):
        return {"sha256": value.sha256}
    if isinstance(value, (tuple, list)):
        return [_decisive(v) for v in value]
    if isinstance(value, dict):
        return {k: _decisive(v) for k, v in value.items()}
    return value
