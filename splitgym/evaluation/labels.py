"""Swept values in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def label(value: Any) -> str:
    """A swept value in words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {label(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(label, value))}]"
    return str(getattr(value, "name", value))


def place_label(place: Mapping[str, Any]) -> str:
    """The values of all keys at one place in words; once where they are the same."""
    return ", ".join(dict.fromkeys(label(value) for value in place.values()))
