"""Write .ci/lock.txt anew, the one tested set of versions: ``make lock``.

uv resolves all extras together for every platform and Python from 3.11 on, one version of each package wherever that
can be had.  Two things are taken out of its answer: the CUDA packages, which torch's build for the general index asks
for and its CPU build does not, and the local part of a version ("+cpu"), which only one index knows.  There are no
hashes: the CPU build of torch has another file for each index, and pip takes no hashes for an editable checkout.

    make lock                                 # the newest versions that pyproject.toml allows
    make lock ARGS=--no-upgrade               # as they are, where pyproject.toml still allows it
    make lock ARGS='--upgrade-package numpy'  # only one newer
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from install import LOCK, ROOT, uv_environment

HEAD = """\
# One tested set of versions for all extras, Python 3.11 to 3.13; `make lock` writes it, `make install` installs it.
# An environment of your own: pip install -c .ci/lock.txt '.[agents,report]'
"""
_CUDA = re.compile(r"(nvidia|cuda)-|triton==")


def cleaned(resolution: str) -> str:
    """uv's answer without what only a CUDA build of torch needs, and without local versions."""
    lines = [line for line in resolution.splitlines() if not _CUDA.match(line)]
    return HEAD + "".join(re.sub(r"^(\S+==[^\s+]+)\+\S+", r"\1", line) + "\n" for line in lines)


def main(arguments: list[str]) -> int:
    """Resolve and write; the lock stays as it is if that fails."""
    environment = uv_environment(Path(sys.executable))
    environment.pop("UV_FIND_LINKS", None)  # a folder of this machine: the answer is the same everywhere
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "lock.txt"
        answer.write_text(LOCK.read_text(encoding="utf-8") if LOCK.exists() else "", encoding="utf-8")
        command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-header", "--annotation-style", "line"]
        command += ["--universal", "--python-version", "3.11", "--fork-strategy", "fewest", "-c", ".ci/constraints.txt"]
        command += ["--all-extras", "pyproject.toml", "-o", str(answer), *(arguments or ["--upgrade"])]
        status = subprocess.call(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        if not status:
            LOCK.write_text(cleaned(answer.read_text(encoding="utf-8")), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
