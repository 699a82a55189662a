"""Settings of the whole suite."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import gymnasium as gym
import pytest
from hypothesis import settings

from splitgym import plugins
from splitgym.baselines import dpp_fit, dpp_shelf
from splitgym.baselines.search import SEARCHES
from splitgym.catalogue import CATALOGUES
from splitgym.encodings import ENCODINGS
from splitgym.envs import crew
from splitgym.policy import POLICIES, load_baselines
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.presets import BY_WORLD
from splitgym.worlds.world import WORLDS

# derandomised: a failure found once is found by everybody
settings.register_profile("splitgym", deadline=None, max_examples=25, derandomize=True, database=None)
settings.load_profile("splitgym")

crew._WORTH_S = 0.0  # threads share every turn, however little there is to do

# what no file is given for is fitted in a moment, and not kept
dpp_fit.SAMPLES, dpp_fit.EPISODES = 2000, 1
dpp_shelf.cache_folder = lambda: None

load_baselines()
for _name in WORLDS:  # a fixture restores the registries as they are here
    assert _name == WORLDS[_name].name


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers or loads is gone with it, so that no other test meets it."""
    for registry in (POLICIES, ARRIVALS, FADING, SEARCHES, ENCODINGS, WORLDS, BY_WORLD):
        monkeypatch.setattr(registry, "_table", dict(registry._table))
    for catalogue in CATALOGUES.values():
        monkeypatch.setattr(catalogue, "_added", dict(catalogue._added))
    monkeypatch.setattr(plugins, "_LOADED", dict(plugins._LOADED))
    ids, path, loaded = set(gym.registry), list(sys.path), set(sys.modules)
    with monkeypatch.context() as environment:
        environment.setenv(plugins._INHERITED, "")  # so that it is as it was afterwards, also where it was not set
        environment.delenv(plugins._INHERITED)
        yield
    for env_id in set(gym.registry) - ids:
        del gym.registry[env_id]
    sys.path[:] = path
    for name in set(sys.modules) - loaded:
        if name.startswith(("splitgym_plugin_", "splitgym_example")):
            del sys.modules[name]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each skipped test, or file, with its reason; pytest's own ``-rs`` names only lines and folds them."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("skipped")
    for report in sorted(skipped, key=lambda report: report.nodeid):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        terminalreporter.write_line(f"{report.nodeid}: {reason}")
