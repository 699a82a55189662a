"""RLlib."""

from __future__ import annotations


def masks() -> str:
    """Still to be written."""
    raise NotImplementedError


def multi_agent() -> str:
    """Still to be written."""
    raise NotImplementedError
