"""Faults of version 0.1.0 as they were reported: hangs and interruptions.  Each test fails there."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gymnasium.error import ResetNeeded

import splitgym
from splitgym.cli import main
from tests.helpers import ROOT, native
from tests.version_0_1.reported import RATE, TINY, fresh

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="signals, limits and forks are POSIX's")
LIMIT_S = 20  # of what takes less than a second


# ------------------------------------------------------------------ C1: no folder anywhere
NO_TEMPORARY = """
import tempfile
def nowhere():
    raise FileNotFoundError(2, "no usable temporary directory found")
tempfile._get_default_tempdir = nowhere
"""
NO_ACCOUNT = """
import pwd
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
"""
READ_ONLY = """
import os
access = os.access
os.access = lambda path, mode, **how: not mode & os.W_OK and access(path, mode, **how)
"""


def test_c1_no_temporary_folder_can_be_written():
    fresh(NO_TEMPORARY + "import splitgym")


def test_c1_home_is_unset_for_a_user_without_an_account(tmp_path):
    fresh(NO_ACCOUNT + "import splitgym", HOME=None, TMPDIR=str(tmp_path))


def test_c1_a_plain_file_in_the_caches_place(tmp_path):
    (tmp_path / "splitgym").write_text("a plain file")
    (tmp_path / f"splitgym-{os.getuid()}").write_text("a plain file")
    fresh("import splitgym", XDG_CACHE_HOME=str(tmp_path), TMPDIR=str(tmp_path))


def test_c1_a_warm_cache_in_a_read_only_home_is_used(tmp_path):
    (tmp_path / "tmp").mkdir()
    where = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    assert fresh(RATE, **where).split()[0] == "0"
    assert fresh(READ_ONLY + RATE, **where).split()[0] == "1"


# ------------------------------------------------------------------ C2, C3, C5: what never ended, or not by itself
BEGIN = f"""
import json, os, signal, sys, threading
import numpy as np
import splitgym
from splitgym.cli import main
from splitgym.envs.single import SplitEnv
from splitgym.envs.vector import SplitVectorEnv

def episode(preset, changes):
    '''An episode of random decisions, unless the scenario is refused.'''
    try:
        splitgym.evaluate("random", scenario=preset, episodes=1, changes=changes)
    except ValueError as refused:
        print(refused, file=sys.stderr)

def dynasplit(**changes):
    env = SplitEnv(world="inference", scenario=splitgym.load_scenario("default", **changes))
    splitgym.make_policy("dynasplit", env)

def batch(n, **changes):
    envs = SplitVectorEnv(n, world="inference", scenario=splitgym.load_scenario("default", **changes), num_threads=2)
    envs.reset(seed=0)
    actions = np.tile([1, 6, 3, 11], (n, 1))
    return lambda: envs.step(actions) and 0

def long_step():
    '''Minutes of one compiled call.'''
    slow = {{"tasks.count": 1, "radio.bandwidth_hz": 1e3, "radio.slot_s": 1e-5, "tasks.deadline_min_s": 0.6}}
    step = batch(150_000, **slow)
    press(signal.SIGINT)
    step()

def fork_after_threads():
    step = batch(64)
    step()
    return child(step)

def press(number):
    '''A signal in half a second.'''
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.5, os.kill, (os.getpid(), number)).start()

def child(work):
    '''The exit status of work in a child; it is killed by a signal after {LIMIT_S} s, whatever it does.'''
    pid = os.fork()
    if pid == 0:
        signal.alarm({LIMIT_S})
        try:
            os._exit(work() or 0)
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

dynasplit()  # these are compiled before any clock runs
episode("bursty", {{}})
"""
CASES = {
    "dynasplit 3000 m": "dynasplit(**{'radio.distance_m': 3000.0})",
    "dynasplit 1 Hz": "dynasplit(**{'radio.bandwidth_hz': 1.0})",
    "bursts": "episode('bursty', {'arrivals.parameters.calm_mean_s': 1e9, 'arrivals.parameters.burst_mean_s': 1e9})",
    "slot_s": "episode('default', {'radio.slot_s': 1e-9})",
    "bits_per_element": "episode('default', {'device.bits_per_element': 1e300})",
    "mean_s": "episode('default', {'arrivals.parameters.mean_s': 5e-324})",
    "Ctrl-C": "long_step()",
    "fork": "fork_after_threads()",
    "SIGTERM": "press(signal.SIGTERM) or main(['evaluate', 'device', '--episodes', '1000000'])",
}
END = """
out = {}
for name, code in json.loads(sys.argv[1]).items():
    with open(name, "w+") as said:
        keep = os.dup(2)
        os.dup2(said.fileno(), 2)
        out[name] = [child(lambda: eval(code)), ""]
        os.dup2(keep, 2)
        said.seek(0)
        out[name][1] = said.read()
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def ends(tmp_path_factory) -> dict[str, tuple[int, str]]:
    """How each of the cases ended in a process of its own, and what it said."""
    command = [sys.executable, "-W", "ignore", "-c", BEGIN + END, json.dumps(CASES)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    folder = tmp_path_factory.mktemp("ends")
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "case", ["dynasplit 3000 m", "dynasplit 1 Hz", "bursts", "slot_s", "bits_per_element", "mean_s"]
)
def test_c2_it_ends(ends, case):
    assert ends[case][0] == 0, ends[case]


def test_c2_ctrl_c_ends_a_compiled_loop(ends):
    assert ends["Ctrl-C"][1].strip() == "KeyboardInterrupt", ends["Ctrl-C"]


def test_c2_long_preparations_are_told():
    told: list[str] = []
    splitgym.evaluate("device", episodes=2, changes={"tasks.count": 3}, progress=lambda name, _: told.append(name))
    assert told[0] != "device"


def test_c3_a_forked_child_steps_on(ends):
    assert ends["fork"][0] == 0, ends["fork"]


@pytest.mark.parametrize(("world", "mode"), [("placement", "rgb_array"), ("transmission", "ansi")])
def test_c4_a_vector_is_drawn_before_its_first_reset(world, mode):
    envs = native(2, world, "default", render_mode=mode)
    with pytest.raises(ResetNeeded):
        envs.render()


def test_c5_sigterm_is_told_like_ctrl_c(ends):
    status, said = ends["SIGTERM"]
    assert "splitgym evaluate: interrupted" in said, (status, said)


# ------------------------------------------------------------------ C5: files
@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of 192 steps without its end: two checkpoints, of which the newest is cut short."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert (
        main(["train", *TINY, "--steps=192", "--checkpoint-every=64", "--set=tasks.count=9", "--out", str(folder)]) == 0
    )
    (folder / "model.zip").unlink()
    (*_, before, newest) = sorted((folder / "checkpoints").iterdir())
    assert (before.name, newest.name) == ("step_000000000064.zip", "step_000000000128.zip")
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    return folder


@pytest.mark.parametrize(
    "words", [["train", "--quiet", "--resume"], ["evaluate", "--episodes=1", "--set=tasks.count=9"]], ids=lambda w: w[0]
)
def test_c5_the_newest_checkpoint_is_cut_short(trained, words, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / "run")
    assert main([*words, str(tmp_path / "run")]) == 0
    said = capsys.readouterr().err
    assert "step_000000000128.zip" in said
    assert "step_000000000064.zip" in said


def test_c5_a_full_disk_leaves_no_part(tmp_path):
    results = splitgym.evaluate("device", episodes=3, changes={"tasks.count": 3})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            results.to_csv(tmp_path / "rows.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_c5_what_killed_processes_left_is_removed(tmp_path):
    part = tmp_path / ".rows.csv.4194303-140000000000000.part"  # as 0.1.0 named it
    part.write_text("half")
    os.utime(part, (0, 0))
    results: Any = splitgym.evaluate("device", episodes=1, changes={"tasks.count": 3})
    results.to_csv(tmp_path / "rows.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["rows.csv"]
