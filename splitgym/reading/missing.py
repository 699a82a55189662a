"""What people and programs write where they have no value."""

from __future__ import annotations

#: In small letters.
MISSING = frozenset({"", "-", "--", "?", "na", "n/a", "nan", "nil", "none", "null", "missing", "unknown"})
