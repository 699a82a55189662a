"""Ray Tune: it tunes what another library trains."""

from __future__ import annotations

from typing import NoReturn

from ray import tune

from tests.recipes import NotSupportedError


def masks() -> NoReturn:
    """Nothing that decides is in it."""
    raise NotSupportedError(_beside("polic"))


def multi_agent() -> NoReturn:
    """Nothing that knows agents is in it."""
    raise NotSupportedError(_beside("agent"))


def _beside(word: str) -> str:
    assert not [name for name in dir(tune) if word in name.lower()], f"there is something with {word} now: show it"
    return "tunes what another library trains"
