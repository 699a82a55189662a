"""Threads of one process: equal figures, strangers' policies never called at once, Ctrl-C, errors, memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym import evaluate, register_policy, stability, sweep
from splitgym.baselines.simple import Random
from splitgym.cli import main
from splitgym.engines import Serial, Task, engine
from splitgym.engines.threads import Threads, cores
from splitgym.evaluation.policies import contender
from splitgym.evaluation.store import Store
from splitgym.evaluation.suite import evaluate_suite
from splitgym.evaluation.upper_bounds import bounds
from splitgym.worlds.world import WORLDS
from tests.engines import works
from tests.engines.test_processes import figures, until
from tests.helpers import ROOT

unix = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of four cores, and blocks of a few episodes."""
    monkeypatch.setattr("splitgym.engines.cores", lambda: 4)
    monkeypatch.setattr("splitgym.evaluation.plans.BLOCK", 3)


# ------------------------------------------------------------------ equal figures
@pytest.mark.parametrize("world", WORLDS)
def test_figures_do_not_depend_on_the_threads(world: str, four: None) -> None:
    given = {"env_id": WORLDS[world].env_id, "episodes": 7, "bound": bool(WORLDS[world].bound)}
    names = ["random", WORLDS[world].showcase]
    alone, beside = (evaluate(names, **given, workers=w) for w in (1, None))
    assert figures(beside) == figures(alone)
    np.testing.assert_array_equal(beside.bounds, alone.bounds)
    with engine(Threads(2)) as two:
        assert figures(evaluate(names, **given, workers=two)) == figures(alone)


def test_sweeps_suites_long_runs_bounds_and_stores(four: None, tmp_path: Path) -> None:
    over, short = {"tasks.hint_std": [0.0, 0.5]}, {"tasks.count": 9}
    one, all_ = (sweep(["enachi"], over=over, episodes=4, changes=short, workers=w) for w in (1, None))
    assert [figures(r) for r in one.results] == [figures(r) for r in all_.results]
    file = tmp_path / "tiny.toml"
    file.write_text(works.SUITE, encoding="utf-8")
    one, all_ = (evaluate_suite(["enachi"], file, workers=w) for w in (1, None))
    assert [figures(r) for r in one.results] == [figures(r) for r in all_.results]
    one, all_ = (stability(["random", "lyap"], tasks=2000, workers=w) for w in (1, None))
    assert one.summary() == all_.summary()
    least, most = (bounds(episodes=20, workers=w) for w in (1, None))
    np.testing.assert_array_equal(least, most)
    kept = [tmp_path / "one", tmp_path / "all"]
    for folder, workers in zip(kept, (1, None), strict=True):
        evaluate(["random", "enachi"], episodes=7, changes=short, bound=True, store=folder, workers=workers)
    one, all_ = (Store(folder).results()[0] for folder in kept)
    assert figures(one) == figures(all_)


def test_the_bar_is_told_by_the_callers_thread(four: None) -> None:
    told: list[tuple[str, float, int]] = []
    evaluate(
        ["random", "edge"], episodes=7, progress=lambda name, share: told.append((name, share, threading.get_ident()))
    )
    assert {thread for _, _, thread in told} == {threading.get_ident()}
    last = {name: share for name, share, _ in told}
    assert last["random"] == last["edge"] == 1.0


# ------------------------------------------------------------------ who may bear company
class Watched(Random):
    """Notes the threads that call it, and whether two do so at once."""

    name = "watched"
    threads: set[int]
    within = 0

    def predict(self, *args: Any, **more: Any) -> Any:
        kind = type(self)
        kind.within += 1
        assert kind.within == 1, "called by two threads at once"
        kind.threads.add(threading.get_ident())
        time.sleep(1e-4)  # lets the others go on
        answer = super().predict(*args, **more)
        kind.within -= 1
        return answer


def test_strangers_policies_stay_in_the_callers_thread(four: None) -> None:
    Watched.threads = set()
    register_policy(Watched)
    given = {"episodes": 7, "changes": {"tasks.count": 20}}
    found = evaluate(["watched", "random", "watched:seed=1", "edge"], **given)
    assert Watched.threads == {threading.get_ident()}
    assert figures(found) == figures(evaluate(["watched", "random", "watched:seed=1", "edge"], **given, workers=1))


def test_only_what_comes_with_the_package_is_shared() -> None:
    class Mine:
        action = "multidiscrete"

        def predict(self, observation: Any, **_: Any) -> Any:
            return works.constant(observation, 1), None

    register_policy(Watched)
    assert contender("enachi:eta=0.8").shared
    assert not contender("watched").shared
    assert not contender(Mine()).shared
    assert not contender("dynasplit:search=random", "hardware").shared  # the search may be anybody's


def test_threads_work_at_once_and_the_callers_tasks_one_by_one() -> None:
    both, mine = threading.Barrier(2, timeout=60), list[int]()

    def meet(_: Any) -> int:
        both.wait()
        return threading.get_ident()

    def own(tell: Any) -> int:
        mine.append(threading.get_ident())
        tell("own", 0.5)
        return threading.get_ident()

    tasks = [Task(meet, (), "", "a", n, beside=True) for n in range(1)]
    tasks += [Task(own, (), "", "own", "own"), Task(meet, (), "", "b", 1, beside=True), Task(own, (), "", "own", "too")]
    found = {task.label: thread for task, thread in Threads(2).run(tasks, lambda *_: None)}
    assert found["own"] == found["too"] == threading.get_ident() not in {found[0], found[1]}
    assert found[0] != found[1]


def test_tasks_that_need_much_memory_wait_for_each_other() -> None:
    within, most = [0], [0]
    lock = threading.Lock()

    def large(_: Any) -> None:
        with lock:
            within[0] += 1
            most[0] = max(most[0], within[0])
        time.sleep(0.01)
        with lock:
            within[0] -= 1

    tasks = [Task(large, (), "", str(n), n, beside=True, room=0.7) for n in range(5)]
    assert sorted(t.label for t, _ in Threads(3).run(tasks, lambda *_: None)) == list(range(5))
    assert most == [1]


def test_how_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores() >= 1
    monkeypatch.setattr("splitgym.engines.cores", lambda: 4)
    for options, count in (({}, 4), ({"threads": 2}, 2), ({"threads": 3}, 1), ({"workers": 1}, 1)):
        with engine(**options) as found:
            assert isinstance(found, Serial) if count == 1 else vars(found) == {"_count": count}


# ------------------------------------------------------------------ ends
def test_an_error_is_the_callers_and_ends_the_others() -> None:
    stopped = threading.Event()

    def endless(tell: Any) -> None:
        try:
            while True:
                tell("", 0.1)
                time.sleep(1e-3)
        finally:
            stopped.set()

    tasks = [Task(endless, (), "", "a", 0, beside=True), Task(works.refuse, (), "", "b", 1, beside=True)]
    with pytest.raises(ValueError, match=r"^three is refused$"):
        list(Threads(2).run(tasks, lambda *_: None))
    assert stopped.wait(60)
    until(lambda: not any(t.name == "splitgym-evaluation" for t in threading.enumerate()))


def test_an_interrupted_progress_leaves_what_was_kept(four: None, tmp_path: Path) -> None:
    def interrupted(name: str, share: float) -> None:
        if name == "random" and share > 0.5:
            raise KeyboardInterrupt

    names, given = ["edge", "random"], {"episodes": 9, "changes": {"tasks.count": 20}}
    with pytest.raises(KeyboardInterrupt):
        evaluate(names, **given, store=tmp_path, progress=interrupted)
    assert figures(evaluate(names, **given, store=tmp_path)) == figures(evaluate(names, **given, workers=1))


@unix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_an_end_leaves_a_store(tmp_path: Path, number: int) -> None:
    code = "import splitgym.engines as e; e.cores = lambda: 2; from splitgym.cli import main; raise SystemExit(main())"
    words = ["evaluate", "random", "enachi", "--episodes", "9000", "--store", str(tmp_path), "--json"]
    kept = tmp_path / "SplitInference-v0.csv"
    with subprocess.Popen([sys.executable, "-c", code, *words], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: kept.is_file() and kept.stat().st_size > 20_000)
        os.kill(process.pid, number)
        process.wait(60)
        said = process.stderr.read() if process.stderr else ""
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal.Signals(number)]
    assert "Traceback" not in said
    assert "goes on" in said or "go on" in said
    with contextlib.suppress(SystemExit):
        assert main(["store", str(tmp_path)]) == 0
