"""The window of a channel log and the value that holds at an instant, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from splitgym.physics.channel_log import log_index, window_begin_s
from splitgym.physics.random import WINDOW_STREAM, child, uniform

LOG = np.array([[0.0, 0.5, 3.0, 4.0, 10.0], [1e-9, 2e-9, 3e-9, 4e-9, 4e-9]])


@pytest.mark.parametrize(
    ("instant_s", "expected"),
    [(0.0, 0), (0.49, 0), (0.5, 1), (2.999, 1), (3.0, 2), (4.0, 3), (9.999, 3), (10.0, 0), (10.5, 1), (33.5, 2)],
)
def test_each_value_holds_until_the_next_and_the_log_goes_on_in_a_circle(instant_s, expected):
    assert log_index(LOG, instant_s) == expected
    padded = np.concatenate([LOG, LOG[:, -1:], LOG[:, -1:]], axis=1)  # as beside a longer log
    assert log_index(padded, instant_s) == expected


def test_windows_fit_the_log_where_they_can():
    begins = np.array([window_begin_s(np.uint64(key), LOG, 9.0) for key in range(500)])
    assert begins.min() >= 0.0
    assert 0.9 < begins.max() <= 1.0  # of 10 s, 1 s is free
    longer = np.array([window_begin_s(np.uint64(key), LOG, 20.0) for key in range(500)])
    assert 9.9 < longer.max() < 10.0  # anywhere, since none fits
    assert abs(longer.mean() - 5.0) < 0.4


def test_the_window_is_drawn_from_a_stream_of_its_own():
    key = np.uint64(7)
    assert window_begin_s(key, LOG, 4.0) == 6.0 * uniform(child(key, WINDOW_STREAM))
