"""Settings of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import settings

from splitgym.baselines.search import SEARCHES
from splitgym.policy import POLICIES, load_baselines
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING

# derandomised: a failure found once is found by everybody
settings.register_profile("splitgym", deadline=None, max_examples=25, derandomize=True, database=None)
settings.load_profile("splitgym")

load_baselines()


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone with it, so that no other test meets it."""
    for registry in (POLICIES, ARRIVALS, FADING, SEARCHES):
        monkeypatch.setattr(registry, "_table", dict(registry._table))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each skipped test, or file, with its reason; pytest's own ``-rs`` names only lines and folds them."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("skipped")
    for report in sorted(skipped, key=lambda report: report.nodeid):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        terminalreporter.write_line(f"{report.nodeid}: {reason}")
