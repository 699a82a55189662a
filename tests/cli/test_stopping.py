"""A command that is told to end says what it has kept and how to go on, whichever signal it was."""

from __future__ import annotations

import errno
import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from splitgym import locks
from splitgym.beginning import is_command
from splitgym.cli import COMMANDS, main
from splitgym.locks import held
from tests.helpers import ROOT

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
EVALUATE = ["evaluate", "device", "edge", "--set", "tasks.count=9", "--episodes", "2"]
TRAIN = ["train", "--n-envs=16", "--set=tasks.count=9", "--net", "8", "--hyper=n_steps=8", "--checkpoint-every=128"]
#: Command -> (its words, the function in which the signal comes, what else is said).
CALLS = {
    "evaluate": (
        [*EVALUATE, "--store", "kept"],
        "splitgym.evaluation.plans.play",
        "kept in kept; the same command",
    ),
    "suite": (
        ["evaluate", "device", "--suite", "presets", "--store", "kept"],
        "splitgym.evaluation.plans.play",
        "kept in kept; the same command",
    ),
    "sweep": (
        ["sweep", "device", "--over", "tasks.hint_std=0,1", "--episodes", "1", "--store", "kept"],
        "splitgym.evaluation.plans.play",
        "kept in kept; the same command",
    ),
    "stability": (["stability", "device"], "splitgym.evaluation.long_runs.play", ""),
    "bound": (["bound", "default"], "splitgym.cli.bounding._bracket", ""),
    "optimize": (["optimize", "--out", "front"], "splitgym.cli.optimizing.search", "kept in front.sqlite; to go on"),
    "fit": (["fit", "--out", "fit.json"], "splitgym.cli.fitting.fit", ""),
    "place": (["place", "--random", "4"], "splitgym.cli.placing.compare_solvers", ""),
    "render": (["render", "device"], "splitgym.cli.rendering.act", ""),
    "report": (["report", "kept"], "splitgym.evaluation.store.Store.results", ""),
    "store": (["store", "kept"], "splitgym.evaluation.store.Store.contents", ""),
    "list": (["list"], "splitgym.cli.listing.catalogue", ""),
    "warmup": (["warmup"], "splitgym.warming._step", ""),
    "bench": (["bench"], "splitgym.bench.measure", ""),
    "export": (["export", "runs/mine"], "splitgym.agents.exporting.export_agent", ""),
    "dataset": (["dataset", "device", "--out", "data/mine-v0"], "splitgym.offline.record_dataset", ""),
    "profile": (["profile", "torch.nn:Flatten", "--input", "1x3x8x8"], "splitgym.cli.profiling.captured", ""),
    "trace": (["trace", "import", "log.csv"], "splitgym.cli.tracing.import_log", ""),
    "train": (["train"], "splitgym.agents.training.build_model", ""),
    "tune": (["tune"], "splitgym.agents.tuning.build_model", ""),
    "curves": (["curves", "runs/mine"], "splitgym.agents.learning.learning_curves", ""),
    "demo": (["demo"], "splitgym.agents.training.build_model", ""),
}


def place_of(function: str) -> tuple[Any, str]:
    """The module or class, and the name in it; some functions are called as their modules."""
    *path, name = function.split(".")
    owner: Any = importlib.import_module(".".join(path[: -1 if path[-1][0].isupper() else None]))
    return (getattr(owner, path[-1]) if path[-1][0].isupper() else owner), name


def test_every_command_is_here():
    assert {words[0] for words, _, _ in CALLS.values()} == set(COMMANDS)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
@pytest.mark.parametrize("name", CALLS)
def test_every_command_ends_alike(tmp_path, monkeypatch, capsys, name, number):
    words, function, also = CALLS[name]

    def told(*_: Any, **__: Any) -> None:
        signal.raise_signal(number)
        time.sleep(60.0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(*place_of(function), told)
    before = [signal.getsignal(s) for s in SIGNALS]
    assert main(words) == 128 + number
    assert [signal.getsignal(s) for s in SIGNALS] == before
    said = capsys.readouterr().err
    assert f"splitgym {words[0]}: interrupted\n" in said
    assert also in said


def test_a_demo_keeps_its_agent(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("splitgym.agents.training.train", lambda config, out, **_: out)
    monkeypatch.setattr("splitgym.evaluation.evaluate", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert main(["demo", "--out", "mine"]) == 130
    kept = "the agent is kept in mine/ppo; evaluate it: splitgym evaluate enachi mine/ppo"
    assert capsys.readouterr().err.splitlines() == [kept, "splitgym demo: interrupted"]


def test_ignored_signals_stay_ignored(monkeypatch, capsys):
    """As under nohup."""
    if not hasattr(signal, "SIGHUP"):
        pytest.skip("Windows has no SIGHUP")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr("splitgym.cli.listing.catalogue", lambda: signal.raise_signal(signal.SIGHUP) or {"x": {}})
        assert main(["list", "--json"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_command_in_the_background_of_a_script_can_be_ended(monkeypatch, capsys):
    """There Ctrl-C is ignored, and SIGTERM is all there is."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        monkeypatch.setattr("splitgym.cli.listing.catalogue", lambda: signal.raise_signal(signal.SIGTERM))
        assert main(["list"]) == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGINT, before)
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX's signals")
def test_while_libraries_are_loaded(tmp_path):
    (tmp_path / "numba.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "splitgym", "list"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "splitgym: interrupted\n")


@pytest.mark.parametrize(
    ("program", "words", "command"),
    [
        ("/usr/bin/splitgym", ["python", "/usr/bin/splitgym"], True),
        ("-m", ["python", "-W", "error", "-m", "splitgym", "list"], True),
        ("-m", ["python", "-m", "pytest", "splitgym"], False),
        ("-m", ["python", "-mpytest"], False),
        ("mine.py", ["python", "mine.py", "splitgym"], False),
        ("", ["python"], False),
    ],
)
def test_a_script_keeps_its_tracebacks(program, words, command):
    assert is_command(program, words) is command


def test_before_there_is_a_command(monkeypatch, capsys):
    monkeypatch.setattr("splitgym.cli.parser", lambda: signal.raise_signal(signal.SIGTERM))
    assert main([]) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "splitgym: interrupted\n"


@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
def test_a_signal_that_python_drops_comes_again(monkeypatch, capsys, number):
    """What is raised while an object goes is printed and forgotten."""

    class Gone:
        def __del__(self) -> None:
            signal.raise_signal(number)
            time.sleep(0.0)  # here the handler runs

    def catalogue() -> None:
        Gone()
        time.sleep(20.0)
        raise AssertionError("it was not heard")

    monkeypatch.setattr("splitgym.cli.listing.catalogue", catalogue)
    before = sys.unraisablehook
    assert main(["list"]) == 128 + number
    assert sys.unraisablehook is before
    assert capsys.readouterr().err == "splitgym list: interrupted\n"


# ------------------------------------------------------------------ a full disk
def test_a_full_store_says_which_file_and_how_to_go_on(tmp_path, monkeypatch, capsys):
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    for words in (EVALUATE, ["sweep", "device", "--over", "tasks.count=3,4", "--episodes", "1"]):
        with monkeypatch.context() as broken:
            broken.setattr("splitgym.evaluation.store_file.write_through", full)
            assert main([*words, "--store", "kept"]) == 2
        said = capsys.readouterr().err
        assert "kept in kept; the same command goes on\n" in said
        assert f"splitgym {words[0]}: 'kept/SplitInference-v0.csv': No space left on device\n" in said
        assert main([*words, "--store", "kept"]) == 0
        capsys.readouterr()


def test_a_training_on_a_full_disk_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def full(model: Any, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr("splitgym.agents.callbacks.save_model", full)
        assert main([*TRAIN, "--steps=384", "--out", "run", "--quiet"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("splitgym train: 'run/checkpoints/step_000000000128.zip': No space left on device; ")
    assert said.endswith("go on with: splitgym train --resume run")
    assert main(["train", "--resume", "run", "--quiet"]) == 0


# ------------------------------------------------------------------ a training
#: How long a process may take to begin and to end [s]: long, for where nothing is compiled yet and cores are busy.
_PATIENCE_S = 600


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX's signals")
def test_a_training_that_is_told_to_end_saves_first(tmp_path):
    command = [sys.executable, "-m", "splitgym", *TRAIN, "--steps=100000000", "--out", "run", "--quiet"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_for(tmp_path / "run" / "checkpoints" / "step_000000000256.zip", process)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=_PATIENCE_S)
        finally:
            process.kill()  # nothing is left running where the test fails
    assert process.returncode == 143, said
    assert "all of them saved; go on with: splitgym train --resume run" in said
    assert "Traceback" not in said
    left = [p.name for p in (tmp_path / "run").iterdir()]
    assert sorted(left) == ["checkpoints", "config.json", "tensorboard"]
    steps = int(said.partition("stopped after ")[2].partition(" ")[0])
    assert (tmp_path / "run" / "checkpoints" / f"step_{steps:012d}.zip").is_file()


def _wait_for(path: Path, process: subprocess.Popen) -> None:
    for _ in range(10 * _PATIENCE_S):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    raise AssertionError(f"{path} never came")


# ------------------------------------------------------------------ one process in a folder
HOLD = """
import sys, time
from pathlib import Path
from splitgym.locks import held
with held(Path(sys.argv[1])):
    print("holding", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that works in a folder."""
    (tmp_path / "run").mkdir()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_training_is_told_who_is_there(tmp_path, monkeypatch, capsys, holder):
    monkeypatch.chdir(tmp_path)
    words = [*TRAIN, "--steps=256", "--quiet"]
    for again in ([*words, "--out", "run"], [*words, "--out", "run", "--overwrite"]):
        assert main(again) == 2
        assert f"'run' is in use by process {holder.pid} on " in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "run").iterdir()] == [".lock"]
    holder.kill()  # its lock goes with it, however it ends
    holder.wait()
    assert main([*words, "--out", "run"]) == 0
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "checkpoints",
        "config.json",
        "model.zip",
        "scenario.toml",
        "tensorboard",
    ]


def test_a_second_resume_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*TRAIN, "--steps=256", "--quiet", "--out", "run"]) == 0
    before = (tmp_path / "run" / "model.zip").read_bytes()
    with held(tmp_path / "run"):
        assert main(["train", "--resume", "run", "--quiet"]) == 2
        assert f"in use by process {os.getpid()} on " in capsys.readouterr().err
        assert (tmp_path / "run" / "model.zip").read_bytes() == before
    assert main(["train", "--resume", "run", "--quiet"]) == 0


def test_two_searches_do_not_share_a_storage(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["optimize", "--budget", "0.01", "--out", "front", "--quiet", "--json"]
    with held(tmp_path / "front.sqlite"):
        assert main(words) == 2
        assert f"in use by process {os.getpid()} on " in capsys.readouterr().err
    assert not (tmp_path / "front.sqlite").exists()


def test_two_files_of_a_folder_are_two_places(tmp_path):
    one, other = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    with held(one), held(other), pytest.raises(ValueError, match=r"a\.sqlite' is in use"), held(one):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_says_who_holds_it_and_nothing_else(tmp_path):
    (tmp_path / ".lock").write_text("somebody who was here before" * 9)
    with held(tmp_path):
        said = (tmp_path / ".lock").read_text()
    assert re.fullmatch(rf"process {os.getpid()} on \S+ since [-0-9]+ [:0-9]+ UTC", said)


@pytest.mark.skipif(os.name != "posix", reason="Windows removes no open file")
def test_a_lock_that_its_holder_has_just_removed_is_none(tmp_path, monkeypatch):
    real, calls = locks._locks, []

    def late(handle: int) -> bool:
        calls.append(handle)
        if len(calls) == 1:
            (tmp_path / ".lock").unlink()  # between our opening it and our locking it
        return real(handle)

    monkeypatch.setattr(locks, "_locks", late)
    with locks.held(tmp_path):
        assert (tmp_path / ".lock").read_text().startswith("process ")
    assert len(calls) == 2


@pytest.mark.skipif(os.name != "posix", reason="of POSIX's locks")
@pytest.mark.parametrize(("number", "works"), [(errno.ENOLCK, True), (errno.ENOTSUP, True), (errno.EAGAIN, False)])
def test_a_drive_without_locks_is_worked_on(tmp_path, monkeypatch, number, works):
    def flock(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("splitgym.locks.fcntl.flock", flock)
    if works:
        with held(tmp_path):
            assert (tmp_path / ".lock").exists()
    else:
        with pytest.raises(ValueError, match="in use by another process"), held(tmp_path):
            pass


def test_a_link_is_no_lock(tmp_path):
    (tmp_path / "precious").write_text("content")
    for link in (os.symlink, os.link):
        link(tmp_path / "precious", tmp_path / ".lock")
        with pytest.raises(ValueError, match=r"'.*\.lock' is a link, or not a file.*remove it"), held(tmp_path):
            pass
        assert (tmp_path / "precious").read_text() == "content"
        (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").mkdir()
    with pytest.raises(ValueError, match="is a link, or not a file"), held(tmp_path):
        pass
