"""Run the recipes of agents/recipes/ and the checks of tests/recipes/, each library in its own environment.

Environments are built beside the one of development, .venv-recipes-NAME, with uv and pip's settings. What ran, with
which versions, is kept in docs/data/recipes/ and written into the table of docs/libraries.md; nobody types it.

    python .ci/recipes.py                      # everything
    python .ci/recipes.py --venv rllib         # one environment; --library and --only REGEX choose less
    python .ci/recipes.py --every-run          # what .ci/run runs
    python .ci/recipes.py --table              # print the table of what ran last, and run nothing
    python .ci/recipes.py --returns            # train for real, three seeds each, and print the table of returns
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import recipes_tables as tables
from recipes_venvs import Failed, install, venv_of, versions

ROOT = Path(__file__).resolve().parent.parent
FOLDER = tables.RECIPES
LIST = tomllib.loads((FOLDER / "recipes.toml").read_text(encoding="utf-8"))
CHECK = "RECIPE-CHECK "
#: Episodes of the preset "default", seeds 0, 1, ..., on which real trainings are judged.
EPISODES = 100
#: Keys of the line that a recipe prints at its end.
KEYS = {"recipe", "library", "version", "steps", "seed", "steps_per_s", "train_s", "return_mean", "episodes"}


# -------------------------------------------------------------------- running
def run(command: list[Any], limit_s: float, log: Path) -> str:
    """What a command prints; raises :class:`Failed` if it fails or takes too long. ``log`` keeps everything."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w+", encoding="utf-8", errors="replace") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=os.name != "nt"
        )
        try:
            status = process.wait(limit_s)
        except BaseException as error:
            _end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise Failed(f"took more than {limit_s:g} s; see {log.relative_to(ROOT)}") from None
            raise
        file.seek(0)
        text = file.read()
    if status:
        lines = [line for line in text.splitlines() if line.strip()]
        raise Failed(f"{lines[-1] if lines else f'exit status {status}'}; see {log.relative_to(ROOT)}")
    return text


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started."""
    if os.name == "nt":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def recipe(python: Path, name: str, steps: int, seed: int, episodes: int, limit_s: float) -> dict[str, Any]:
    """The line of a recipe that ran to its end; raises :class:`Failed` if it lacks something."""
    with tempfile.TemporaryDirectory() as out:
        options = ["--steps", steps, "--seed", seed, "--out", out, "--episodes", episodes]
        log = ROOT / "runs" / "recipes" / f"{name}.log"
        text = run([python, FOLDER / f"{name}.py", *map(str, options)], limit_s, log)
    lines = [line for line in text.splitlines() if line.startswith('{"recipe"')]
    if not lines:
        raise Failed("printed no line of JSON at its end")
    found = json.loads(lines[-1])
    if KEYS - set(found):
        raise Failed(f"its line lacks {', '.join(sorted(KEYS - set(found)))}")
    if found["recipe"] != name or found["seed"] != seed or found["episodes"] != episodes:
        raise Failed(f"its line is of another run: {lines[-1]}")
    if found["steps"] < steps or not math.isfinite(found["return_mean"]):
        raise Failed(f"trained {found['steps']} of {steps} steps, return {found['return_mean']}")
    return found


def checks(python: Path, library: str, capabilities: list[str]) -> dict[str, dict[str, str]]:
    """Outcome of each check of a library."""
    about = LIST["library"][library]
    log = ROOT / "runs" / "recipes" / f"checks-{library}.log"
    try:
        run([python, "-m", "tests.recipes", about["checks"], *capabilities], about["limit_s"], log)
        reason = f"not reached; see {log.relative_to(ROOT)}"
    except Failed as error:
        reason = str(error)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = [json.loads(line.removeprefix(CHECK)) for line in lines if line.startswith(CHECK)]
    outcomes = {each["capability"]: {"outcome": each["outcome"], "words": each["words"]} for each in found}
    return {name: outcomes.get(name, {"outcome": "failed", "words": reason}) for name in capabilities}


# -------------------------------------------------------------------- a library
def recipes_of(library: str) -> dict[str, dict[str, Any]]:
    """The recipes of a library."""
    return {name: about for name, about in LIST["recipe"].items() if about["library"] == library}


def missing(library: str) -> list[str]:
    """Capabilities that no recipe of a library shows: the checks' part."""
    shown = {capability for about in recipes_of(library).values() for capability in about["shows"]}
    return [capability for capability in tables.CAPABILITIES if capability not in shown]


def pieces(library: str) -> list[str]:
    """Names of what --only chooses from: recipes, and checks as LIBRARY_CAPABILITY."""
    return [*recipes_of(library), *(f"{library}_{capability}" for capability in missing(library))]


def library_cells(library: str, python: Path, only: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(capability, outcome) of a library, one after the other; a capability may come several times."""
    for name, about in recipes_of(library).items():
        if not re.search(only, name):
            continue
        begin = time.perf_counter()
        try:
            found = recipe(python, name, about["steps"], 1, 2, about["limit_s"])
            outcome = {"outcome": "yes", "words": f"`{name}.py`"}
            say(f"{name}: return {found['return_mean']:.2f}", begin)
        except Failed as error:
            outcome = {"outcome": "failed", "words": f"`{name}.py`: {error}"}
            say(f"{name}: FAILED: {error}", begin)
        for capability in about["shows"]:
            yield capability, outcome
    left = [name for name in missing(library) if re.search(only, f"{library}_{name}")]
    begin = time.perf_counter()
    for capability, outcome in (checks(python, library, left) if left else {}).items():
        say(f"{library} {capability}: {outcome['outcome']}: {outcome['words']}", begin)
        yield capability, outcome


def say(text: str, begin: float) -> None:
    """A line of progress, beside what is printed for a page."""
    print(f"  {text} ({time.perf_counter() - begin:.0f} s)", file=sys.stderr, flush=True)


def one_library(library: str, only: str, kept: dict[str, Any]) -> dict[str, Any]:
    """The entry of a library for the table."""
    about = LIST["library"][library]
    begin = time.perf_counter()
    try:
        python = install(LIST, about["venv"])
    except Failed as error:
        say(f"{about['name']}: skipped: {error}", begin)
        skipped = {"outcome": "skipped", "words": str(error)}
        return {"name": about["name"], "versions": {}, "cells": dict.fromkeys(tables.CAPABILITIES, skipped)}
    say(f"{about['name']}: installed in {venv_of(about['venv']).name}", begin)
    cells: dict[str, dict[str, str]] = {}
    for capability, outcome in library_cells(library, python, only):
        if cells.get(capability, {"outcome": "yes"})["outcome"] == "yes":
            together = [cells[capability]["words"], outcome["words"]] if capability in cells else [outcome["words"]]
            words = outcome["words"] if outcome["outcome"] != "yes" else ", ".join(together)
            cells[capability] = {"outcome": outcome["outcome"], "words": words}
    old = kept.get("cells", {}) if only else {}
    cells = {name: cells.get(name, old.get(name)) for name in tables.CAPABILITIES}
    return {
        "name": about["name"],
        "versions": versions(python, about["package"]),
        "cells": {name: cell for name, cell in cells.items() if cell},
    }


def real_returns(only: str, seeds: int) -> bool:
    """Train every recipe that has ``real_steps`` with several seeds; what is kept already is not repeated.

    The baselines play the same episodes.  Returns whether something failed; the others are trained all the same.
    """
    bad = False
    data = tables.read(tables.RETURNS)
    if tables.BASELINES not in data:
        tables.write(tables.RETURNS, data | {tables.BASELINES: baselines()})
    for name, about in LIST["recipe"].items():
        if "real_steps" not in about or not re.search(only, name):
            continue
        for seed in range(1, seeds + 1):
            data = tables.read(tables.RETURNS)
            key = f"{name} steps={about['real_steps']} seed={seed}"
            if key in data:
                continue
            begin = time.perf_counter()
            try:
                python = install(LIST, LIST["library"][about["library"]]["venv"])
                data[key] = recipe(python, name, about["real_steps"], seed, EPISODES, about.get("real_limit_s", 14400))
            except Failed as error:
                say(f"{key}: FAILED: {error}", begin)
                bad = True
                continue
            tables.write(tables.RETURNS, data)
            say(f"{key}: return {data[key]['return_mean']:.2f}", begin)
    return bad


def baselines() -> dict[str, float]:
    """Mean returns of ENACHI and of chance on the episodes that the recipes are judged on."""
    import splitgym

    results = splitgym.evaluate(["enachi", "random"], episodes=EPISODES, progress=False)
    return {name: float(results.figure(name, "return").mean()) for name in results.policies}


def chosen(args: argparse.Namespace) -> list[str]:
    """The libraries that the options ask for."""
    for kind, given in (("venv", args.venv), ("library", args.library)):
        unknown = sorted(set(given) - set(LIST[kind]))
        if unknown:
            sys.exit(f"unknown {kind} {', '.join(unknown)}; known: {', '.join(LIST[kind])}")
    return [
        name
        for name, about in LIST["library"].items()
        if (not args.venv or about["venv"] in args.venv)
        and (not args.library or name in args.library)
        and (not args.every_run or LIST["venv"][about["venv"]].get("every_run"))
        and any(re.search(args.only, piece) for piece in pieces(name))
    ]


def main() -> int:
    """Run what is asked for; 1 if something failed, or could not be installed and belongs into every run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    several: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME"}
    parser.add_argument("--venv", **several, help="only libraries of this environment")
    parser.add_argument("--library", **several, help="only this library")
    parser.add_argument("--only", default="", metavar="REGEX", help="only these recipes, or checks LIBRARY_CAPABILITY")
    parser.add_argument("--every-run", action="store_true", help="only what .ci/run runs")
    parser.add_argument("--table", action="store_true", help="print the table of what ran last")
    parser.add_argument("--returns", action="store_true", help="train for real and print the table of returns")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of --returns (3)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended, too
    if args.table:
        print(tables.capability_table(LIST), end="")
        return 0
    if args.returns:
        bad = real_returns(args.only, args.seeds)
        tables.write_page(LIST)
        print(tables.returns_table(LIST), end="")
        return bad
    bad = False
    for library in chosen(args):
        place = tables.OUTCOMES / f"{library}.json"
        entry = one_library(library, args.only, tables.read(place))
        tables.write(place, entry)
        tables.write_page(LIST)
        outcomes = {cell["outcome"] for cell in entry["cells"].values()}
        every_run = LIST["venv"][LIST["library"][library]["venv"]].get("every_run")
        bad |= "failed" in outcomes or bool(every_run and "skipped" in outcomes)
    print("\n" + tables.capability_table(LIST), end="")
    return bad


if __name__ == "__main__":
    sys.exit(main())
