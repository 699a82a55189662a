"""Commands that are killed at random moments and begun again: :func:`run_kills`.

In the end every figure is that of a quiet run, no file is torn and nothing half-written is left.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.evaluation.store import Store
from tests.helpers import ROOT

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KILLS_A_CASE = 5  # then it may come to its end
TIMED = "decision_s"  # the only figure that a machine decides
LIMIT_S = 600.0


@dataclasses.dataclass(frozen=True)
class Job:
    """A command that writes files.

    Attributes:
        arguments: of ``splitgym``, ``{}`` standing for the folder.
        again: those that go on after a kill; ``None``: the same.
        figures: what a folder holds in the end, to be compared.
    """

    arguments: tuple[str, ...]
    figures: Callable[[Path], Any]
    again: tuple[str, ...] | None = None


# ------------------------------------------------------------------ figures
def rows_of(file: Path) -> list[dict[str, str]]:
    """Rows of a table without what the machine's speed decides."""
    with file.open(newline="", encoding="utf-8") as text:
        return [{name: value for name, value in row.items() if name != TIMED} for row in csv.DictReader(text)]


def store_figures(folder: Path) -> Any:
    """Every figure of a store by setting, policy and measure, and the table beside it."""
    figures = {}
    for results in Store(folder / "store").results():
        setting = json.dumps(results.setting, sort_keys=True, default=str)
        for policy in results.policies:
            for measure in results.measures:
                if measure.name != TIMED:
                    key = (setting, str(policy), measure.name)
                    figures[key] = repr(np.asarray(results.figure(policy, measure.name)).tolist())
    assert figures, "the store is empty"
    return figures, rows_of(folder / "rows.csv")


def train_figures(folder: Path) -> Any:
    """Steps trained; weights may differ, since episodes under way begin anew."""
    from splitgym.agents.checkpoint import read_weights
    from splitgym.agents.config import load_config

    return load_config(folder / "run").steps, read_weights(folder / "run" / "model.zip", "cpu")[1]["num_timesteps"]


def seeds_figures(folder: Path) -> Any:
    """Steps of each training seed."""
    from splitgym.agents.checkpoint import read_weights
    from splitgym.agents.seeds import trained_runs

    runs = trained_runs(folder / "runs")
    return {seed: read_weights(run / "model.zip", "cpu")[1]["num_timesteps"] for seed, run in runs.items()}


def study_figures(folder: Path) -> Any:
    """Settings, reports and value of each trial that has ended, in their order, and the file of the best."""
    import optuna

    found = optuna.load_study(study_name="tune", storage=f"sqlite:///{folder / 'study' / 'study.sqlite'}").trials
    ended = [t for t in found if t.state.name in ("COMPLETE", "PRUNED")]
    best = json.loads((folder / "study" / "best.json").read_text(encoding="utf-8"))["settings"]
    return [(t.params, t.value, t.intermediate_values) for t in ended], best


def _front(search: str) -> Job:
    arguments = (
        "optimize",
        "--network",
        "vgg16",
        "--search",
        search,
        "--budget",
        "0.3",
        "--out",
        "{}/front",
        "--quiet",
    )
    return Job(arguments, lambda folder: json.loads((folder / "front.json").read_text(encoding="utf-8")))


_STORED = ("--store", "{}/store", "--csv", "{}/rows.csv")
_SMALL = (
    "--n-envs", "8", "--hyper", "n_steps=16", "--hyper", "batch_size=64", "--net", "8", "--set", "tasks.count=20",
    "--quiet",
)  # fmt: skip
_TRAIN = ("train", *_SMALL, "--steps", "4096", "--checkpoint-every", "512")
JOBS: dict[str, Job] = {
    "evaluate": Job(
        ("evaluate", "random", "enachi", "device", "--episodes", "120", "--bound", "--set", "tasks.count=60", *_STORED),
        store_figures,
    ),
    "sweep": Job(
        ("sweep", "random", "device", "--over", "tasks.count=20,30,40", "--episodes", "60", *_STORED), store_figures
    ),
    "stability": Job(
        ("stability", "random", "enachi", "--tasks", "4000", "--csv", "{}/debt.csv"),
        lambda folder: rows_of(folder / "debt.csv"),
    ),
    "optimize": _front("exhaustive"),
    "random search": _front("random"),
    "train": Job((*_TRAIN, "--out", "{}/run"), train_figures, ("train", "--resume", "{}/run", "--quiet")),
    "train seeds": Job(
        (*_TRAIN, "--out", "{}/runs", "--seeds", "0:2"), seeds_figures, ("train", "--resume", "{}/runs", "--quiet")
    ),
    "tune": Job(
        ("tune", *_SMALL, "--steps", "512", "--reports", "2", "--trials", "3", "--study", "{}/study"), study_figures
    ),
    "fit": Job(
        ("fit", "--set", "tasks.count=20", "--samples", "2000", "--episodes", "2", "--out", "{}/fit.json", "--quiet"),
        lambda folder: (folder / "fit.json").read_text(encoding="utf-8"),
    ),
}


# ------------------------------------------------------------------ processes
def start(arguments: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """The command in a process group of its own, its words in a file."""
    command = [sys.executable, "-m", "splitgym", *(part.replace("{}", str(folder)) for part in arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)


def finish(arguments: tuple[str, ...], folder: Path) -> None:
    """The command to its end; it must not fail."""
    code = start(arguments, folder).wait(LIMIT_S)
    words = (folder.parent / f"{folder.name}.log").read_text(encoding="utf-8", errors="replace")
    assert code == 0, f"exit status {code} of {' '.join(arguments)}: {words[-1500:]}"


@functools.cache
def quiet(name: str) -> tuple[Any, float]:
    """Figures of a run that nobody disturbs, and how long it takes [s]."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "quiet"
        folder.mkdir()
        finish(JOBS[name].arguments, folder)  # compiles and loads what the timed run then finds
        begin = time.perf_counter()
        again = Path(place) / "again"
        again.mkdir()
        finish(JOBS[name].arguments, again)
        spent_s = time.perf_counter() - begin
        assert JOBS[name].figures(folder) == JOBS[name].figures(again), f"{name} gives other figures the second time"
        return JOBS[name].figures(again), spent_s


def kill(arguments: tuple[str, ...], folder: Path, after_s: float, how: signal.Signals) -> bool:
    """Send a signal after so many seconds; whether the process was still there."""
    process = start(arguments, folder)
    try:
        process.wait(after_s)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(how)
    process.wait(LIMIT_S)
    return True


# ------------------------------------------------------------------ files
def assert_whole(folder: Path) -> None:
    """No file is torn; the last line of a store's table may be, which the next run repairs."""
    for file in (path for path in folder.rglob("*") if path.is_file()):
        if file.suffix == ".json":
            json.loads(file.read_text(encoding="utf-8"))
        elif file.suffix == ".toml":
            tomllib.loads(file.read_text(encoding="utf-8"))
        elif file.suffix in (".zip", ".npz"):
            with zipfile.ZipFile(file) as packed:
                assert packed.testzip() is None, f"{file.name} is torn"
        elif file.suffix == ".png":
            content = file.read_bytes()
            assert content[:4] == b"\x89PNG", f"{file.name} is no picture"
            assert b"IEND" in content[-16:], f"{file.name} is torn"
        elif file.suffix == ".csv" and file.parent == folder:
            lines = file.read_text(encoding="utf-8")
            assert lines.endswith("\n"), f"{file.name} is torn"
            assert len({len(row) for row in csv.reader(lines.splitlines())}) == 1, f"{file.name} is torn"


def assert_nothing_left(folder: Path) -> None:
    """Nothing half-written is left after the command has come to its end."""
    left = [str(path.relative_to(folder)) for path in folder.rglob("*.part*")]
    assert not left, f"left over: {left[:5]}"


# ------------------------------------------------------------------ the campaign
def begun(folder: Path) -> bool:
    """Whether a training has written down what it is, so that it can be resumed."""
    return any((folder / name).is_file() for name in ("run/config.json", "runs/s0/config.json"))


def run_case(name: str, rng: np.random.Generator, most: int) -> Counter[str]:
    """At most ``most`` kills of one command, then its end; counts by signal."""
    job, (expected, spent_s) = JOBS[name], quiet(name)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "case"
        folder.mkdir()
        arguments = job.arguments
        for _ in range(most):
            how = SIGNALS[rng.integers(len(SIGNALS))]
            killed = kill(arguments, folder, float(rng.uniform(0.05, 1.0)) * spent_s, how)
            assert_whole(folder)
            arguments = job.again if job.again and begun(folder) else job.arguments
            if not killed:  # it was faster
                break
            counts.update({"kills": 1, how.name: 1})
        finish(arguments, folder)
        assert_whole(folder)
        assert_nothing_left(folder)
        assert job.figures(folder) == expected, f"{name}: figures after {dict(counts)} are not those of a quiet run"
    return counts


def run_kills(
    count: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
    jobs: tuple[str, ...] = tuple(JOBS),
) -> Counter[str]:
    """At least ``count`` kills of the commands in turn, beginning where the seed says.

    Returns their number, by signal and by command.
    ``progress`` takes the number so far.  Raises ``AssertionError`` at the first fault, naming the seed and the case.
    """
    counts: Counter[str] = Counter()
    case = 0
    while counts["kills"] < count:
        name, rng = jobs[(seed + case) % len(jobs)], np.random.default_rng([seed, case])
        try:
            done = run_case(name, rng, min(KILLS_A_CASE, count - counts["kills"]))
        except Exception as error:
            raise AssertionError(f"case {case} of seed {seed} ({name}): {type(error).__name__}: {error}") from error
        counts += done
        counts[name] += done["kills"]
        case += 1
        if progress is not None:
            progress(counts["kills"])
    return counts
