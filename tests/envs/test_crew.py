"""Threads that share the rows of a turn: every row once, and the first answer in the order of the rows."""

from __future__ import annotations

import math
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitgym.envs import crew
from splitgym.envs.crew import Crew, spans_of


@given(st.integers(1, 5000), st.integers(1, 20))
def test_spans_cover_every_row_once(n: int, threads: int) -> None:
    spans = spans_of(n, threads)
    assert [low for low, _ in spans] == [0, *[high for _, high in spans[:-1]]]
    assert spans[-1][1] == n
    lengths = [high - low for low, high in spans]
    assert min(lengths) > 0
    assert lengths[:-1] == sorted(lengths[:-1], reverse=True)
    assert len(spans) >= min(threads, n) or n <= crew._SPAN * threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_row_is_worked_at_once(threads: int) -> None:
    for n in (1, 2, 3, 700):
        seen: list[int] = []

        def work(low: int, high: int, seen: list[int] = seen) -> int:
            seen.extend(range(low, high))
            return -1

        assert Crew(threads).share(n, work, 1) == -1
        assert sorted(seen) == list(range(n))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_first_answer_in_the_order_of_the_rows(threads: int) -> None:
    """Whichever thread is faster: here the one with the first rows is the slowest."""

    def work(low: int, high: int) -> int:
        time.sleep(0.05 if low == 0 else 0.0)
        return low + 7

    for _ in range(3):
        assert Crew(threads).share(1000, work, 1) == 7


def test_what_takes_no_time_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first turn tells how long it takes; after it the caller is alone, until a turn takes long again."""
    who: set[int] = set()

    def work(low: int, high: int) -> int:
        who.add(threading.get_ident())
        time.sleep(0.01)
        return -1

    team, me = Crew(2), {threading.get_ident()}
    assert team.share(1000, work, 1) == -1
    assert len(who) == 2
    who.clear()
    monkeypatch.setattr(crew, "_WORTH_S", math.inf)
    assert team.share(1000, work, 1) == -1
    assert who == me
    monkeypatch.setattr(crew, "_WORTH_S", 0.005)
    assert team.share(1000, work, 1) == -1
    assert len(who) == 2
    team.close()


def test_an_error_of_any_thread_comes_out() -> None:
    def work(low: int, high: int) -> int:
        time.sleep(0.01)
        if threading.current_thread() is not threading.main_thread():
            raise ArithmeticError("of another thread")
        return -1

    team = Crew(2)
    with pytest.raises(ArithmeticError, match="of another thread"):
        team.share(1000, work, 1)
    team.settle()
    assert team.share(1, lambda low, high: -1, 1) == -1
