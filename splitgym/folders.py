"""Folders of one's own: presets, profiles and suites that are then known by name, as shipped ones are."""

from __future__ import annotations

from pathlib import Path

from splitgym.catalogue import CATALOGUES
from splitgym.profiles import load_profile
from splitgym.scenarios import DEFAULT_ENV
from splitgym.suites import load_suite
from splitgym.worlds.hardware import load_hardware
from splitgym.worlds.world import world_of


def add_presets(folder: str | Path, env_id: str = DEFAULT_ENV) -> list[str]:
    """Let the files ``NAME.toml`` of a folder be presets of ``env_id``; returns their names.

    A preset may rest on another (``base = "default"``), and names files beside itself.  Models and profiles that it
    needs are registered before.  Raises ``ValueError`` for a folder without presets, a name that is known already (a
    released preset never changes) and a faulty file, which the message names; then none of them is added.
    """
    world = world_of(env_id)
    return CATALOGUES[f"scenarios/{world.name}"].add(folder, world.load_scenario)


def add_profiles(folder: str | Path) -> list[str]:
    """Let the files ``NAME.toml`` of a folder be DNN profiles; returns their names.  Raises as :func:`add_presets`."""
    return CATALOGUES["profiles"].add(folder, load_profile)


def add_hardware(folder: str | Path) -> list[str]:
    """Let the files of a folder be hardware profiles; returns their names.  Raises as :func:`add_presets`."""
    return CATALOGUES["hardware"].add(folder, load_hardware)


def add_suites(folder: str | Path) -> list[str]:
    """Let the files of a folder be suites; returns their names.  Raises as :func:`add_presets`."""
    return CATALOGUES["suites"].add(folder, load_suite)
