"""A batch with threads goes on in a child process that was forked, whatever the parent was doing."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from splitgym.envs.crew import Crew
from splitgym.worlds.world import WORLDS
from tests.helpers import digest, native, sampled, short, single

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
LIMIT_S = 60.0


def in_child(work: Callable[[], str]) -> str:
    """What ``work`` returns in a forked child; fails where the child does not come to an end."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def run() -> None:
        try:
            theirs.send(work())
        except BaseException as error:  # told to the parent
            theirs.send(f"{type(error).__name__}: {error}")

    child = context.Process(target=run)
    child.start()
    try:
        assert ours.poll(LIMIT_S), "the child hangs"
        return ours.recv()
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize("world", WORLDS)
def test_threads_work_on_in_a_child(world):
    envs = native(64, world, short(world, "default"), num_threads=2)
    actions = sampled(envs.action_space, 3, 0)
    envs.reset(seed=0)
    envs.step(actions[0])

    def go_on() -> str:
        return digest([envs.step(action) for action in actions])

    child = in_child(go_on)
    assert child == go_on()
    envs.close()


def test_threads_are_reset_and_closed_in_a_child():
    envs = native(64, "inference", short("inference", "default"), num_threads=3)
    envs.reset(seed=0)

    def begin_anew() -> str:
        out = digest(envs.reset(seed=7))
        envs.close()
        return out

    child = in_child(begin_anew)
    assert child == digest(envs.reset(seed=7))
    envs.close()


def test_fork_while_another_thread_is_inside_a_step(monkeypatch):
    """Half of the rows have moved: the child is told to reset, and then plays as ever."""
    envs = native(8, "inference", short("inference", "default"), num_threads=2)
    envs.reset(seed=0)
    action, work = sampled(envs.action_space, 1, 0)[0], type(envs.rows)._work
    inside, leave = threading.Event(), threading.Event()

    def slow(rows, low, high):
        wrong = work(rows, low, high)
        inside.set()
        leave.wait(LIMIT_S)
        return wrong

    with monkeypatch.context() as patch:
        patch.setattr(type(envs.rows), "_work", slow)
        stepping = threading.Thread(target=envs.step, args=(action,))
        stepping.start()
        assert inside.wait(LIMIT_S)

        def play() -> str:
            patch.setattr(type(envs.rows), "_work", work)
            with pytest.raises(ResetNeeded, match="fork"):
                envs.step(action)
            return digest([envs.reset(seed=3), envs.step(action)])

        child = in_child(play)
        leave.set()
        stepping.join()
    assert child == digest([envs.reset(seed=3), envs.step(action)])
    envs.close()


def test_a_fork_waits_for_the_end_of_a_compilation():
    """The child could not compile, nor load what is compiled, if it inherited a closed lock."""
    from numba.core.compiler_lock import global_compiler_lock

    held, leave = threading.Event(), threading.Event()

    def compile_long() -> None:
        with global_compiler_lock:
            held.set()
            leave.wait(LIMIT_S)

    def open_lock() -> str:
        with global_compiler_lock:
            return "opened"

    compiling = threading.Thread(target=compile_long)
    compiling.start()
    assert held.wait(LIMIT_S)
    threading.Timer(0.2, leave.set).start()
    assert in_child(lambda: str(in_thread(open_lock))) == "opened"
    compiling.join()


def in_thread(work: Callable[[], str]) -> str | None:
    """What ``work`` returns in a thread of its own; None where it does not come to an end."""
    out: list[str] = []
    thread = threading.Thread(target=lambda: out.append(work()), daemon=True)
    thread.start()
    thread.join(10.0)
    return out[0] if out else None


@pytest.mark.parametrize("world", WORLDS)
def test_vector_environments_of_forked_workers(world):
    """Gymnasium's ``AsyncVectorEnv`` and stable-baselines3's ``SubprocVecEnv``, forked after a batch with threads."""
    envs = native(64, world, short(world, "default"), num_threads=2)
    envs.reset(seed=0)
    make = functools.partial(single, world, short(world, "default"))
    workers = gym.vector.AsyncVectorEnv([make, make], context="fork")
    try:
        observations, _ = workers.reset(seed=4)
        expected, _ = native(2, world, short(world, "default")).reset(seed=4)
        np.testing.assert_array_equal(observations, expected)
        workers.step(workers.action_space.sample())
    finally:
        workers.close(terminate=True)
    envs.close()


@pytest.mark.skipif(sys.platform != "linux", reason="forking stable-baselines3's workers is for Linux")
def test_subprocesses_of_stable_baselines3():
    subproc = pytest.importorskip("stable_baselines3.common.vec_env").SubprocVecEnv
    envs = native(64, "inference", short("inference", "default"), num_threads=2)
    envs.reset(seed=0)
    make = functools.partial(single, "inference", short("inference", "default"))
    workers = subproc([make, make], start_method="fork")
    try:
        workers.seed(4)
        expected, _ = native(2, "inference", short("inference", "default")).reset(seed=4)
        np.testing.assert_array_equal(workers.reset(), expected)
    finally:
        workers.close()
    envs.close()


def test_no_python_runs_when_threads_go():
    """A Ctrl-C that came there would be lost."""
    crew = [Crew(2)]
    called: list[str] = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        crew.clear()
    finally:
        sys.setprofile(None)
    assert called == []
