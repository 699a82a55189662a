"""Install this checkout and the versions of the lock: ``python3 .ci/install.py VENV EXTRA``; used by the Makefile.

Only the standard library is needed.  uv does the work because it is several times faster; pip brings it, and pip
takes over if uv cannot be had or fails.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / ".ci" / "lock.txt"
#: pip's setting -> the variable by which uv hears of it, and what separates several values there.
UV_VARIABLES = {
    "find-links": ("UV_FIND_LINKS", ","),
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
}


def python_of(venv: Path) -> Path:
    """Interpreter of a virtual environment that has pip; created if it is missing, made anew if it is broken."""
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    for module in ("pip", "ensurepip") if python.exists() else ():
        if not subprocess.call([python, "-m", module, "--version"], stdout=subprocess.DEVNULL):
            if module == "ensurepip":
                subprocess.check_call([python, "-m", "ensurepip"])
            return python
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        sys.exit(f"{venv} exists and is not a virtual environment; remove it or choose another: make install VENV=...")
    print(f"creating {venv.name} with Python {sys.version.split()[0]}", flush=True)
    if subprocess.call([sys.executable, "-m", "venv", "--clear", venv]):
        sys.exit("python3 -m venv failed; on Debian and Ubuntu: apt install python3-venv")
    return python


def pip_settings(python: Path) -> dict[str, str]:
    """pip's settings by name, as ``pip install`` sees them: environment, then section install, then global."""
    # not `pip config get`: it reads the user's file only
    command = [python, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    settings = {}
    for section in ("global", "install", ":env:"):
        for name, value in found.items():
            if name.startswith(section + "."):
                settings[name[len(section) + 1 :]] = ast.literal_eval(value)
    return settings


def uv_environment(python: Path) -> dict[str, str]:
    """Environment for uv, which does not read pip's settings: the same sources of packages, unless it has its own."""
    environment, settings = dict(os.environ), pip_settings(python)
    for name, (variable, separator) in UV_VARIABLES.items():
        places = settings.get(name, "").split()
        if places and variable not in environment:
            environment[variable] = separator.join(places)
            if name == "extra-index-url":  # pip takes the newest version from whichever index has it
                environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return environment


def attempts(environment: dict[str, str]) -> list[dict[str, str]]:
    """Environments for uv, to be tried in turn: where nothing was said about sources, PyTorch's CPU builds first.

    The general index answers ``torch==...`` on Linux with a build that brings several GB of CUDA packages.  A machine
    with a GPU says ``UV_TORCH_BACKEND=auto make install``.
    """
    if any(name in environment for name in ("UV_TORCH_BACKEND", *(variable for variable, _ in UV_VARIABLES.values()))):
        return [environment]
    return [{**environment, "UV_TORCH_BACKEND": "cpu"}, environment]


def uv_install(uv: Sequence[str], python: Path, extra: str, pins: Path, environment: dict[str, str]) -> bool:
    """Let an environment hold this checkout with an extra, in the versions of a file of pins, and nothing else."""
    # the file holds for what builds this checkout, too
    versions = ["--exact", "-c", str(pins), "-b", str(pins), "-e", f"{ROOT}[{extra}]"]
    command = [*uv, "pip", "install", "-q", "-p", str(python), *versions]
    return not subprocess.call(command, cwd=ROOT, env=environment)


def main() -> int:
    """Create the environment and install into it; the exit status is that of the installer."""
    venv, extra = Path(sys.argv[1]).absolute(), sys.argv[2]
    python = python_of(venv)
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(LOCK)]
    print(f"installing splitgym[{extra}] into {venv.name}", flush=True)
    uv = (str(python), "-m", "uv")
    if not subprocess.call([*pip, "uv"]) and any(
        uv_install(uv, python, extra, LOCK, {**environment, "UV_COMPILE_BYTECODE": "1"})
        for environment in attempts(uv_environment(python))
    ):
        return 0
    print("uv could not do it; trying pip, which takes longer", flush=True)
    return subprocess.call([*pip, "-e", f"{ROOT}[{extra}]"], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
