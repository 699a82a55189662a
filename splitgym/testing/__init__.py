"""Checks for code of one's own: what the package's tests ask of its own policies, models, encodings and worlds.

Plain functions, for any test runner or none::

    from splitgym.testing import check_fading, check_policy

    check_fading("two_ray")
    check_policy("mine", "SplitInference-v0")

Each raises ``AssertionError`` with a message that says what is wrong and what to do, and returns nothing else.
"""

from __future__ import annotations

from splitgym.testing.encodings import check_encoding
from splitgym.testing.models import check_arrivals, check_fading
from splitgym.testing.policies import check_policy
from splitgym.testing.worlds import check_world

__all__ = ["check_arrivals", "check_encoding", "check_fading", "check_policy", "check_world"]
