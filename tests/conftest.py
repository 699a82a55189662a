"""Settings of the whole suite."""

from __future__ import annotations

from hypothesis import settings

# derandomised: a failure found once is found by everybody
settings.register_profile("splitgym", deadline=None, max_examples=25, derandomize=True, database=None)
settings.load_profile("splitgym")
