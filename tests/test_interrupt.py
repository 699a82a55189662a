"""Ctrl-C ends whatever takes long: the process ends by itself, and what was begun can be begun again."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from splitgym.encodings import by_name
from splitgym.interrupt import PIECE, aside, pieces
from splitgym.placement import contest
from splitgym.placement.generate import random_instance
from tests.helpers import ROOT

LIMIT_S = 240.0  # of several pieces of work that take minutes each


# ------------------------------------------------------------------ pieces and waiting
@pytest.mark.parametrize(("n", "work"), [(0, 1.0), (1, 1e30), (7, 1.0), (1000, 0.3 * PIECE), (1000, PIECE), (50, 2e5)])
def test_pieces_cover_everything_once(n, work):
    parts = list(pieces(n, work))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(n))
    assert all(part.stop - part.start == 1 or (part.stop - part.start) * work <= PIECE for part in parts)


@pytest.mark.parametrize("work", [1.0, float("inf")])
def test_aside_is_the_call_itself(work):
    assert aside(divmod, 17, 5, work=work) == (3, 2)
    with pytest.raises(ZeroDivisionError, match="zero"):
        aside(divmod, 1, 0, work=work)


def test_only_long_calls_of_the_main_thread_have_a_thread():
    def here() -> threading.Thread:
        return threading.current_thread()

    assert aside(here, work=PIECE) is threading.main_thread()
    assert aside(here) is not threading.main_thread()
    found: list[threading.Thread] = []
    other = threading.Thread(target=lambda: found.append(aside(here)))
    other.start()
    other.join()
    assert found == [other]


def test_an_interruption_leaves_the_call_behind():
    """What it writes to is free again when its end is told."""
    begun, go_on, left = threading.Event(), threading.Event(), list[threading.Event]()

    def work() -> None:
        begun.set()
        go_on.wait()

    def press() -> None:
        begun.wait()
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        aside(work, left=left)
    assert [end.is_set() for end in left] == [False]
    go_on.set()
    assert left[0].wait(LIMIT_S)


# ------------------------------------------------------------------ results do not hang on the pieces
@pytest.mark.parametrize("size", [1, 7])
def test_everything_is_the_same_in_small_pieces(size, monkeypatch):
    """Traces, bounds, searches and turns, with pieces of a few tasks or rows."""
    expected = everything()
    monkeypatch.setattr("splitgym.interrupt.PIECE", size)
    monkeypatch.setattr("splitgym.envs.crew.PIECE", size)
    monkeypatch.setattr("splitgym.interrupt._PATIENT", size)  # and every call in a thread of its own
    for name, value in everything().items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def everything() -> dict[str, np.ndarray]:
    import splitgym
    from splitgym.worlds.world import WORLDS
    from tests.helpers import native, sampled, short

    out = {}
    for name in WORLDS:
        world, scenario = WORLDS[name], short(name, "default")
        trace = world.draw_trace(scenario, np.uint64(5))
        out |= {f"{name} trace {array}": getattr(trace, array) for array in trace.ARRAYS}
        bound = splitgym.bound(trace, world.env_id, scenario)
        out |= {f"{name} bound": bound.per_task, f"{name} value": np.array(bound.value)}
        if world.clairvoyant:
            best = splitgym.clairvoyant(trace, world.env_id, scenario)
            out |= {f"{name} clairvoyant": np.array(best.value), f"{name} decisions": best.decisions}
        if world.nominal is not None and world.objectives is not None:
            grid = by_name(np.array([[axis.levels[-1] for axis in world.axes(scenario)]] * 9), world.axis_table)
            out[f"{name} nominal"] = world.nominal(scenario)(grid)
        envs = native(9, name, scenario, num_threads=2)
        out[f"{name} begun"] = envs.reset(seed=0)[0]
        for action in sampled(envs.action_space, 3, 0):
            out[f"{name} seen"], out[f"{name} reward"] = envs.step(action)[:2]
        envs.close()
    return out


# ------------------------------------------------------------------ Ctrl-C in the middle of long work
PRESS = """
import os, signal, sys, threading
import numpy as np
import splitgym
from splitgym.envs.vector import SplitVectorEnv

def pressed(name, work):
    '''Whether a Ctrl-C one second after its beginning ends the work.'''
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        status = work()
    except KeyboardInterrupt:
        status = 130
    timer.join()
    print(name, status, flush=True)

"""

#: Every clock and many slots: seconds for a task, hours for an episode, all of it one compiled call once.
LONG = '{"tasks.count": 2000, "radio.slot_s": 1e-4, "device.clocks_hz": np.linspace(8e8, 2e9, 60).tolist()}'

CALLS = f"""
long, short = {LONG}, {{"tasks.count": 2}}
for f in (splitgym.bound, splitgym.clairvoyant):
    f(seed=0, changes=short)  # compiled before the clock starts
    pressed(f.__name__, lambda: f(seed=0, changes=long))

def batch(n, changes):
    envs = SplitVectorEnv(n, scenario=splitgym.load_scenario("default", **changes), num_threads=2)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = np.tile([1, 6, 3, 11], (n, 1))
    return lambda: envs.step(actions)

slow = {{"tasks.count": 1, "radio.bandwidth_hz": 1e3, "radio.slot_s": 1e-5, "tasks.deadline_min_s": 0.6}}
batch(2, slow)()
pressed("batch", batch(150_000, slow))

from splitgym.placement import milp
rng, rows = np.random.default_rng(0), milp._Rows()
first = rows.new(4, 0.0, 0.0)
for i, weights in enumerate(rng.integers(0, 100, (4, 40)).astype(float)):
    rows.low[i] = rows.high[i] = weights.sum() // 2
    rows.put(i, np.arange(40), weights)
pressed("milp", lambda: milp._solve(rows, np.zeros(40)))  # market split: hopeless for branch and bound
"""

COMMANDS = f"""
from splitgym.cli import main
long = [word for key, value in {LONG}.items() for word in ("--set", f"{{key}}={{value}}")]
for words in (
    ["bound", "default", *long],
    ["evaluate", "all", "--episodes", "1000000"],
    ["sweep", "all", "--over", "radio.distance_m=300:3000", "--episodes", "1000"],
    ["stability", "all", "--tasks", "1000000"],
    ["optimize", "--network", "vgg16", "--compare", "10000", "--out", sys.argv[1] + "/front"],
    ["place", "--random", "150", "--gamma", "20000", "--apps", "100", "--out", sys.argv[1] + "/place"],
    ["render", "enachi", "--steps", "100000000", "--set", "tasks.count=1000000"],
):
    pressed(words[0], lambda: main(words))
"""


def run(code: str, *words: str) -> str:
    command = [sys.executable, "-W", "error", "-c", PRESS + code, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_compiled_and_foreign_calls_hear_it():
    lines = run(CALLS).split("\n")
    assert lines[:-1] == ["bound 130", "clairvoyant 130", "batch 130", "milp 130"]


def test_commands_end_by_themselves(tmp_path):
    ended = re.findall(r"([a-z]+) 130$", run(COMMANDS, str(tmp_path)), re.MULTILINE)  # behind what was printed before
    assert ended == ["bound", "evaluate", "sweep", "stability", "optimize", "place", "render"]


def test_numba_is_set_up_whole():
    """It registers what it knows at the first call; half of that would make each later call fail."""
    code = """
from numba.core import extending
assert "numba.cpython.unicode" not in sys.modules
real, presses = extending.overload, [signal.SIGINT]

def overload(*args, **kwds):
    if presses and sys._getframe(1).f_globals["__name__"] == "numba.cpython.unicode":
        os.kill(os.getpid(), presses.pop())
    return real(*args, **kwds)

extending.overload = overload
from splitgym.physics.random import child
for _ in range(2):
    try:
        print(child(np.uint64(1), 2) > 0)
    except KeyboardInterrupt:
        print(130)
"""
    assert run(code).split() == ["130", "True"]


# ------------------------------------------------------------------ what is going on is told
def test_policies_that_are_prepared_are_told():
    import splitgym

    told: list[tuple[str, float]] = []
    splitgym.evaluate(["device"], episodes=2, changes={"tasks.count": 3}, progress=lambda *call: told.append(call))
    assert told[0] == ("preparing device", 0.0)
    assert told[-1] == ("device", 1.0)


def test_solvers_that_run_are_told():
    told: list[tuple[str, float]] = []
    instance = random_instance(4, 3, 2, "prefix", 1, 0.5, 0, "worst")
    contest.compare_solvers(instance, progress=lambda *call: told.append(call))
    assert told == [(name, share) for name in contest.solvers(instance) for share in (0.0, 1.0)]


def test_ctrl_c_before_the_first_update_waits_for_none() -> None:
    """While many episodes are begun there is no update whose end could be waited for."""
    from splitgym.agents.callbacks import StopSwitch

    switch = StopSwitch()
    with pytest.raises(KeyboardInterrupt), switch.armed():
        signal.raise_signal(signal.SIGINT)
    assert not switch.pressed
    with switch.armed():
        switch.begun = True
        signal.raise_signal(signal.SIGINT)
        assert switch.pressed
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
