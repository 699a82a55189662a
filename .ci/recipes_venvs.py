"""Environments of the recipes: made by uv with pip's settings, kept while what they should hold is the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from install import ROOT, attempts, python_of, uv_environment

CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
UV = (sys.executable, "-m", "uv")
LIMIT_S = 900
#: Packages whose versions stand beside the library's.
BESIDE = ("gymnasium", "numpy", "torch", "jax", "pandas")


class Failed(Exception):
    """Something ran and did not do what it should; the text is its reason in a line."""


def venv_of(name: str) -> Path:
    """Folder of an environment."""
    return Path(f"{Path(os.environ.get('VENV', '.venv')).absolute()}-recipes-{name}")


def install(known: dict[str, Any], name: str) -> Path:
    """The interpreter of an environment that holds what it should; raises :class:`Failed` with the reason."""
    venv, needs = venv_of(name), known["venv"][name]
    wanted = json.dumps([needs["requires"], needs.get("overrides", []), CONSTRAINTS.read_text(encoding="utf-8")])
    stamp = venv / "recipes.json"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python_of(venv)
    shutil.rmtree(venv, ignore_errors=True)
    python = python_of(venv)
    overrides = venv / "overrides.txt"
    overrides.write_text("\n".join(needs.get("overrides", [])), encoding="utf-8")
    command = [*UV, "pip", "install", "-q", "-p", str(python), "-c", str(CONSTRAINTS), "--overrides", str(overrides)]
    reason = ""
    for environment in attempts(uv_environment(Path(sys.executable))):
        try:
            done = subprocess.run(
                [*command, "-e", str(ROOT), *needs["requires"]],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"the installation took more than {LIMIT_S} s") from None
        if not done.returncode:
            stamp.write_text(wanted, encoding="utf-8")
            return python
        reason = " ".join(done.stderr.split())
    raise Failed(f"cannot be installed: {reason}")


def versions(python: Path, package: str) -> dict[str, str]:
    """Versions of a package and of those beside it, as they are installed."""
    script = (
        "import importlib.metadata as m, json, platform, sys\n"
        "found = {d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}\n"
        "print(json.dumps({'python': platform.python_version(), **{n: found[n] for n in sys.argv[1:] if n in found}}))"
    )
    done = subprocess.run([python, "-c", script, package, *BESIDE], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
