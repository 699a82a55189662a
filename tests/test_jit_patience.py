"""Compiling that takes long says so: once, to a terminal, and not when machine code is only loaded."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from splitgym import jit_patience
from splitgym.jit_patience import TOLD, Patience
from tests.helpers import run_python


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set [s]."""
    now = [0.0]
    monkeypatch.setattr(jit_patience, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(jit_patience, "sys", SimpleNamespace(modules={}, stderr=terminal))
    return terminal


def test_it_says_so_once_when_time_is_up(clock: list[float], stderr: Terminal) -> None:
    patience = Patience()
    with patience.at_work():
        clock[0] = jit_patience.PATIENCE_S - 0.1
        patience.look()
        assert stderr.getvalue() == ""
        with patience.at_work():  # what is compiled for its caller begins no time of its own
            clock[0] = jit_patience.PATIENCE_S + 0.1
            patience.look()
            patience.look()
    assert stderr.getvalue() == f"{TOLD}\n"
    with patience.at_work():
        clock[0] = 100.0
        patience.look()
    assert stderr.getvalue() == f"{TOLD}\n"


def test_short_ones_do_not_add_up(clock: list[float], stderr: Terminal) -> None:
    patience = Patience()
    for _ in range(10):
        with patience.at_work():
            clock[0] += 1.0
            patience.look()
    patience.look()  # nobody compiles
    assert stderr.getvalue() == ""


def test_who_shows_how_far_it_is_says_it_himself(clock: list[float], stderr: Terminal) -> None:
    patience = Patience()
    with patience.at_work():
        clock[0] = 9.0
        with patience.silent():
            patience.look()
        assert stderr.getvalue() == ""
        patience.look()
    assert stderr.getvalue() == f"{TOLD}\n"


def test_nobody_is_told_where_nobody_looks(clock: list[float], capsys: Any) -> None:
    patience = Patience()
    with patience.at_work():
        clock[0] = 9.0
        patience.look()
    assert capsys.readouterr() == ("", "")


def test_a_bar_of_progress_stays_whole(clock: list[float], stderr: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    tqdm = pytest.importorskip("tqdm")
    monkeypatch.setitem(jit_patience.sys.modules, "tqdm", tqdm)
    patience = Patience()
    with tqdm.tqdm(total=2, file=stderr) as bar, patience.at_work():
        clock[0] = 9.0
        patience.look()
        bar.update(1)
    lines = [line.rpartition("\r")[2] for line in stderr.getvalue().splitlines()]
    assert TOLD in lines


def test_a_terminal_that_is_gone_stops_no_compilation(clock: list[float], stderr: Terminal) -> None:
    stderr.close()
    patience = Patience()
    with patience.at_work(), pytest.MonkeyPatch.context() as looked_at:
        looked_at.setattr(jit_patience, "watched", lambda: True)
        clock[0] = 9.0
        patience.look()


FIRST = """
import sys, threading
from splitgym import jit_patience
jit_patience.PATIENCE_S = 0.0
jit_patience.watched = lambda: True
sys.stderr = sys.stdout
from splitgym.physics.uplink import slot_bit
from splitgym.worlds.inference import load_scenario
from splitgym.worlds.inference.lowering import lower
slot_bit(0.1, 1e-12, 5e6, lower(load_scenario("enachi")))
print(threading.active_count())
"""


def test_only_compiling_is_told_and_leaves_no_thread(tmp_path: Any) -> None:
    """The second process finds the code of the first."""
    said = [run_python(FIRST, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert said == [f"{TOLD}\n1\n", "1\n"]
