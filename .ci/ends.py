"""Try an end of the declared ranges: ``python .ci/ends.py lowest|newest VENV [PYTEST ARGUMENTS]``, by the Makefile.

VENV is made with all extras at the lowest versions that pyproject.toml allows for what it names, or at the newest of
everything, and the suite runs in it.  If tests fail there, one package at a time is moved from the lock to that end
and the failing tests run again, until each of them has a package that breaks it.  torch moves only where PyTorch's own
index of CPU builds answers; elsewhere it stays as in .ci/constraints.txt, and the output says so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from install import LOCK, ROOT, attempts, python_of, uv_environment, uv_install
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

RESOLUTION = {"lowest": "lowest-direct", "newest": "highest"}
#: The lock's, not that of an environment which changes.
UV = (sys.executable, "-m", "uv")
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
#: Stands for all tests where pytest cannot even begin.
NO_START = "the suite does not start"
#: uv's choice of versions as text, and the environment variables under which it made it.
Choice = tuple[str, dict[str, str]]
_PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


class Unresolvable(Exception):
    """No set of versions meets the wishes; the message is uv's, which names the packages."""


# -------------------------------------------------------------------- what is declared, what was chosen
def pins(text: str) -> dict[str, str]:
    """Version of each package in a resolution, without the local part ("+cpu")."""
    return {canonicalize_name(name): version.partition("+")[0] for name, version in _PIN.findall(text)}


def declared(project: Mapping[str, Any]) -> list[Requirement]:
    """What the table [project] of pyproject.toml asks others for: the core and all extras."""
    extras = project["optional-dependencies"].values()
    needs = [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]
    return [need for need in needs if need.name != project["name"]]


def moves(lock: Mapping[str, str], end: Mapping[str, str], needs: Iterable[Requirement]) -> dict[str, str]:
    """Package of the lock -> version where an end differs from it; first those that pyproject.toml names."""
    own = {canonicalize_name(need.name) for need in needs}
    changed = [name for name, version in end.items() if lock.get(name, version) != version]
    return {name: end[name] for name in sorted(changed, key=lambda name: (name not in own, name))}


def not_reached(needs: Iterable[Requirement], end: Mapping[str, str]) -> list[str]:
    """Packages whose lowest bound (the highest of several) is below what the lowest end could choose."""
    bounds: dict[str, Version] = {}
    for need in needs:
        name = canonicalize_name(need.name)
        low = [Version(s.version) for s in need.specifier if s.operator == ">="]
        bounds[name] = max([*low, bounds.get(name, Version("0"))])
    above = [name for name, low in sorted(bounds.items()) if name in end and Version(end[name]) > low]
    return [f"{name}>={bounds[name]} cannot be had with the rest; {name} {end[name]} stands for it" for name in above]


# -------------------------------------------------------------------- who is to blame
@dataclass(frozen=True)
class Verdict:
    """What moving one package to its end did.

    Attributes:
        moved: the package and its version, and what had to move with it.
        broken: the tests that fail.
        why: why it cannot move alone, if it cannot.
    """

    moved: str
    broken: frozenset[str] = frozenset()
    why: str = ""


def same(failing: frozenset[str], now: frozenset[str]) -> frozenset[str]:
    """Those of the failing tests that fail now; a file that cannot be imported stands for each of its tests."""
    files = {test.partition("::")[0] for test in now}  # the test may be a file, too
    return frozenset(t for t in failing if NO_START in now or t in now | files or t.partition("::")[0] in now)


def blame(failing: frozenset[str], moves: Mapping[str, str], trial: Callable[[str, str], Verdict]) -> list[Verdict]:
    """A verdict on one package after the other, until each failing test has a package that breaks it."""
    verdicts, unexplained = list[Verdict](), failing
    for name, version in moves.items():
        if not unexplained:
            break
        try:
            verdicts.append(trial(name, version))
        except Unresolvable as error:
            verdicts.append(Verdict(f"{name} {version}", why=str(error)))
        unexplained -= verdicts[-1].broken
    return verdicts


def told(end: str, failing: frozenset[str], verdicts: Iterable[Verdict]) -> list[str]:
    """The outcome in words: the packages that break something, and the tests that none breaks alone."""
    verdicts = list(verdicts)
    rest = sorted(failing.difference(*(v.broken for v in verdicts)))
    return [
        f"{end}: {len(failing)} failed; in the lock with only this package moved:",
        *(f"  {v.moved}: {len(v.broken)} failed, among them {min(v.broken)}" for v in verdicts if v.broken),
        *(f"  {v.moved}: cannot move alone: {v.why}" for v in verdicts if v.why),
        *(f"  no package alone breaks {test}" for test in rest),
    ]


# -------------------------------------------------------------------- uv and pytest
class Place:
    """An environment, the settings by which uv fills it, and the tests that run in it."""

    def __init__(self, venv: Path, suite: list[str]) -> None:
        self.venv, self.suite, self.python = venv, suite, python_of(venv)
        self.environments = attempts(uv_environment(Path(sys.executable)))

    def choose(self, resolution: str, fixed: Iterable[str] = (), start: str = "") -> Choice:
        """uv's choice for all extras, nearest to another one if that is given."""
        why = ""
        for environment in self.environments:
            held = "" if "UV_TORCH_BACKEND" in environment else CONSTRAINTS.read_text(encoding="utf-8")
            with tempfile.TemporaryDirectory() as folder:
                wishes, answer = Path(folder) / "wishes.txt", Path(folder) / "answer.txt"
                wishes.write_text("\n".join([held, *fixed]), encoding="utf-8")
                answer.write_text(start, encoding="utf-8")
                command = [*UV, "pip", "compile", "-q", "--no-header", "--no-annotate"]
                options = ["-p", str(self.python), "--resolution", resolution, "-c", str(wishes), "-o", str(answer)]
                command += [*options, "--all-extras", "pyproject.toml"]
                done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
                if not done.returncode:
                    return answer.read_text(encoding="utf-8"), environment
                why = " ".join(done.stderr.split())
        raise Unresolvable(why)

    def hold(self, choice: str, environment: dict[str, str]) -> None:
        """Fill the environment with a choice."""
        file = self.venv / "versions.txt"
        file.write_text(choice, encoding="utf-8")
        if not uv_install(UV, self.python, "all", file, environment):
            raise Unresolvable("the installation failed; uv's message stands above")

    def failed(self, again: frozenset[str] = frozenset()) -> frozenset[str]:
        """The tests that fail: of the whole suite, or of those that failed before."""
        cache = self.venv / "cache"
        last = cache / "v" / "cache" / "lastfailed"
        shutil.rmtree(cache, ignore_errors=True)
        last.parent.mkdir(parents=True)
        options: list[str] = []
        if again == {NO_START}:
            options = ["--collect-only", "-q"]
        elif again:
            last.write_text(json.dumps(dict.fromkeys(sorted(again), True)), encoding="utf-8")
            options = ["--last-failed", "--last-failed-no-failures", "none"]
        options += ["-o", f"cache_dir={cache}", "--continue-on-collection-errors"]
        command = [self.python, "-m", "pytest", *self.suite, *options]
        if subprocess.call(command, cwd=ROOT) in (0, 5):  # 5: it found none of them
            return frozenset()
        return frozenset(json.loads(last.read_text(encoding="utf-8")) if last.exists() else ()) or {NO_START}

    def trial(self, base: str, failing: frozenset[str], name: str, version: str) -> Verdict:
        """The failing tests again, in the lock with one package moved."""
        choice, settings = self.choose("highest", [f"{name}=={version}"], base)
        along = [f"{other} {v}" for other, v in moves(pins(base), pins(choice), ()).items() if other != name]
        moved = f"{name} {version}" + (f" (with {', '.join(along)})" if along else "")
        print(f"\nthe lock with {moved}", flush=True)
        self.hold(choice, settings)
        return Verdict(moved, same(failing, self.failed(failing)))


def accused(end: str, place: Place, failing: frozenset[str], lock: Choice, moved: Mapping[str, str]) -> list[str]:
    """Who broke the tests that fail at an end, in words; ``lock`` is what the lock means on this machine."""
    print("\nthe lock alone", flush=True)
    place.hold(*lock)
    always = same(failing, place.failed(failing))
    failing -= always
    verdicts = blame(failing, moved, lambda name, version: place.trial(lock[0], failing, name, version))
    return [*told(end, failing, verdicts), *(f"  fails with the lock, too: {test}" for test in sorted(always))]


def main(arguments: list[str]) -> int:
    """Try one end, say what was tried and who broke what; 1 if a test fails."""
    end, venv, *suite = arguments
    needs = declared(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])
    place = Place(Path(venv).absolute(), suite)
    try:
        lock = place.choose("highest", LOCK.read_text(encoding="utf-8").splitlines())
        choice, settings = place.choose(RESOLUTION[end])
        place.hold(choice, settings)
    except Unresolvable as error:
        print(f"{end}: the environment cannot be made: {error}")
        return 1
    moved = moves(pins(lock[0]), pins(choice), needs)
    notes = not_reached(needs, pins(choice)) if end == "lowest" else []
    notes += [] if "UV_TORCH_BACKEND" in settings else ["torch is held by .ci/constraints.txt"]
    print(f"{end} moves {', '.join(f'{name} {version}' for name, version in moved.items())}", flush=True)
    failing = place.failed()
    lines = accused(end, place, failing, lock, moved) if failing else []
    print("", *lines, *(f"{end}: {note}" for note in notes), f"{end}: {'red' if failing else 'green'}", sep="\n")
    return bool(failing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
