"""Workers beside this process: the same figures, whoever is killed, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from splitgym import bound, evaluate, evaluate_suite, load_plugin, stability, sweep
from splitgym.cli import main
from splitgym.engines import Engine, Serial, Task, engine
from splitgym.engines.tasks import Queue
from splitgym.evaluation import bounds
from splitgym.evaluation.results import Results
from splitgym.policy import Policy
from splitgym.worlds.world import WORLDS
from tests.engines import works
from tests.helpers import ROOT

unix = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")


@pytest.fixture(scope="module")
def two() -> Iterator[Engine]:
    """Two processes for all tests of this file."""
    with engine(2) as workers:
        yield workers


def figures(results: Results) -> dict[tuple[str, str], str]:
    """Everything but the times that the machine took."""
    names = [m.name for m in results.measures if m.name != "decision_s"]
    return {(p, name): repr(results.figure(p, name).tolist()) for p in results.policies for name in names}


def run(workers: Any, tasks: list[Task]) -> dict[Any, Any]:
    return {task.label: result for task, result in workers.run(tasks, lambda *_: None)}


# ------------------------------------------------------------------ equal figures
@pytest.mark.parametrize("world", WORLDS)
def test_figures_do_not_depend_on_the_workers(world: str, two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitgym.evaluation.plans.BLOCK", 3)
    given = {"env_id": WORLDS[world].env_id, "episodes": 7, "bound": bool(WORLDS[world].bound)}
    names = ["random", WORLDS[world].showcase]
    alone = evaluate(names, **given)
    assert figures(evaluate(names, **given, workers=two)) == figures(alone)


def test_three_workers_and_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitgym.evaluation.plans.BLOCK", 2)
    alone, *others = (evaluate(["random", "enachi"], episodes=6, workers=n) for n in (1, 3))
    assert all(figures(other) == figures(alone) for other in others)
    assert others[0].policies == ["random", "enachi"]


def test_sweeps_suites_long_runs_and_bounds(two: Engine, tmp_path: Path) -> None:
    over, short = {"tasks.hint_std": [0.0, 0.5]}, {"tasks.count": 9}
    alone, beside = (sweep(["enachi"], over=over, episodes=2, changes=short, workers=w) for w in (None, two))
    assert [figures(r) for r in alone.results] == [figures(r) for r in beside.results]
    file = tmp_path / "tiny.toml"
    file.write_text(works.SUITE, encoding="utf-8")
    one, many = (evaluate_suite(["enachi"], file, workers=w) for w in (None, two))
    assert [figures(r) for r in one.results] == [figures(r) for r in many.results]
    long, same = (stability(["enachi", "random"], tasks=2000, workers=w) for w in (None, two))
    assert long.to_csv() == same.to_csv()
    assert bounds(episodes=3, workers=two).tolist() == [bound(seed=s).value for s in range(3)]


def test_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    answers = []
    for more in ([], ["--workers", "2"]):
        assert main(["bound", "default", "--env", "HardwareSplit-v0", "--episodes", "2", "--json", *more]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert main(["evaluate", "random", "--workers", "0"]) == 2
    assert "--workers must be" in capsys.readouterr().err


# ------------------------------------------------------------------ killed
@unix
def test_a_killed_worker_costs_what_it_was_doing(tmp_path: Path, two: Engine) -> None:
    todo = [Task(works.square, (n, tmp_path, n == 3), "a square", "", n) for n in range(8)]
    assert run(two, todo) == {n: n * n for n in range(8)}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["killed", *map(str, range(8))])
    tried = {int(p.name): p.read_text() for p in tmp_path.iterdir() if p.name != "killed"}
    assert tried == {n: "xx" if n == 3 else "x" for n in range(8)}  # nobody else's work is done again


@unix
def test_a_task_that_kills_every_worker_is_an_error(two: Engine) -> None:
    with pytest.raises(ChildProcessError, match=r"a bomb: the worker .* was killed 3 times \(by signal 9\)"):
        run(two, [Task(works.die, (), "a bomb", "", 0)])
    assert run(two, [Task(works.square, (2, None, False), "a square", "", 2)]) == {2: 4}


@unix
def test_figures_after_a_kill_are_those_of_a_quiet_run(tmp_path: Path) -> None:
    """A policy's own worker is killed amid its episodes, once."""
    load_plugin(works.KILLER)
    os.environ["SPLITGYM_TEST_KILLED"] = str(tmp_path / "killed")
    try:
        store = tmp_path / "store"
        beside = evaluate(["killer", "random"], episodes=5, changes={"tasks.count": 9}, workers=2, store=store)
        assert (tmp_path / "killed").is_file()
        alone = evaluate(["killer", "random"], episodes=5, changes={"tasks.count": 9})
    finally:
        del os.environ["SPLITGYM_TEST_KILLED"]
    assert figures(beside) == figures(alone)


@unix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_an_end_leaves_a_store_and_no_process(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "splitgym", "evaluate", "random", "enachi", "--episodes", "4000"]
    command += ["--workers", "2", "--store", str(tmp_path), "--json"]
    kept = tmp_path / "SplitInference-v0.csv"
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: kept.is_file() and kept.stat().st_size > 20_000)
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        process.wait(60)
        said = process.stderr.read() if process.stderr and number != signal.SIGKILL else ""
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(signal.Signals(number), -number)
    assert "Traceback" not in said
    until(lambda: not group(process.pid))
    seeds = len(kept.read_text().splitlines()) - 1
    assert seeds >= 32
    with contextlib.suppress(SystemExit):
        assert main(["store", str(tmp_path)]) == 0


def until(condition: Any) -> None:
    """Wait for a condition."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited for two minutes")


def group(number: int) -> list[int]:
    """Processes of a session that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == number and fields[0] != "Z":
                found.append(int(path.parent.name))
    return found


# ------------------------------------------------------------------ what travels
class Mine(Policy):
    """A policy of a test, given as an object."""

    name, action = "mine", "multidiscrete"

    def __init__(self, level: int) -> None:
        self.level = level

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: Any = True) -> Any:
        return works.constant(observation, self.level), None


def test_objects_travel_and_what_cannot_says_so(two: Engine) -> None:
    given = {"episodes": 2, "changes": {"tasks.count": 9}}
    assert figures(evaluate(Mine(1), **given, workers=two)) == figures(evaluate(Mine(1), **given))
    locked: Any = Mine(1)
    locked.file = sys.stdout.buffer
    with pytest.raises(ValueError, match=r"policy 'mine', seeds 0 to 1 cannot be sent to another process \(TypeError"):
        evaluate(locked, **given, workers=two)


def test_errors_and_warnings_of_a_worker_are_the_callers(two: Engine) -> None:
    with pytest.raises(ValueError, match=r"^three is refused$") as found:
        run(two, [Task(works.refuse, (), "it", "", 0)])
    assert "in refuse" in str(found.value.__cause__)
    with pytest.warns(UserWarning, match="mind the gap") as said:
        run(two, [Task(works.warn, (), "it", "", n) for n in range(3)])
    assert len(said) == 1


def test_a_script_without_a_main_guard_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import splitgym\nsplitgym.evaluate('random', episodes=1, workers=2)\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "below the line: if __name__ == '__main__':" in done.stderr


# ------------------------------------------------------------------ order
def test_the_first_of_a_kind_compiles_alone() -> None:
    tasks = [Task(works.refuse, (), "", kind, n) for n, kind in enumerate("aabb")]
    queue = Queue(tasks)
    first, second = queue.next(), queue.next()
    assert (first, second) == (tasks[0], tasks[2])
    assert queue.next() is None
    queue.ready(tasks[0])
    assert queue.next() == tasks[1]
    assert queue.next() is None
    queue.lose(tasks[2], "")
    assert queue.next() == tasks[2]
    assert [t for t, _ in Serial().run([], lambda *_: None)] == []


def test_an_agent_is_played_with_one_thread_of_torch() -> None:
    """Rounding depends on their number, which is another in a worker and on another machine."""
    torch, seen = pytest.importorskip("torch", reason="the extra agents is not installed"), set()

    class Counting(Mine):
        def predict(self, *args: Any, **more: Any) -> Any:
            seen.add(torch.get_num_threads())
            return super().predict(*args, **more)

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        evaluate(Counting(1), episodes=1, changes={"tasks.count": 9})
        assert (seen, torch.get_num_threads()) == ({1}, 3)
    finally:
        torch.set_num_threads(before)
