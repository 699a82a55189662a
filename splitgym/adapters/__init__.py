"""Models of other libraries as policies: their calls, and what the wrappers around their environments did."""

from __future__ import annotations

from splitgym.adapters.each_device import per_device
from splitgym.adapters.foreign import policy_from

__all__ = ["per_device", "policy_from"]
