"""Records of the multi-user world and ``lower``: the scenario as the kernel sees it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from splitgym.worlds.inference.layout import OUTCOME as TASK_OUTCOME
from splitgym.worlds.inference.layout import PARAMS as DEVICE_PARAMS
from splitgym.worlds.multiuser.scenario import MultiUserScenario

#: What a row remembers between two frames; each device has a STATE of the inference world beside it.
STATE = np.dtype(
    [
        ("key", "u8"),  # randomness of the episode
        ("frame", "i8"),  # index of the frame to be decided
        ("tracking", "?"),  # packet controller: reference tracking (else constant power)
        ("early_stop", "?"),
        ("progressive", "?"),  # partial features are accepted
        ("recorded", "?"),  # slots come from arrays, not from the counter
        ("finished", "?"),  # no frame left
        ("depleted", "?"),  # never: nothing has a battery here
    ],
    align=True,
)

#: What came of a device's frame: what sharing adds, then the inference world's outcome.  (Numba takes a record that
#: begins like another one for a kind of it, and warns.)
DEVICE_OUTCOME = np.dtype(
    [
        ("present", "?"),  # it had a task
        ("share", "f8"),  # of the band
        ("bandwidth_hz", "f8"),
        ("edge_wait_s", "f8"),  # waiting for a worker of the edge
        *((name, TASK_OUTCOME[name]) for name in TASK_OUTCOME.names or ()),
    ],
    align=True,
)

#: Columns of DEVICE_OUTCOME that mean nothing here: there is no cloud, and nothing waits between frames.
UNUSED = frozenset(
    (
        "task",
        "edge_cut",
        "missed",
        "missed_total",
        "latency_wait_s",
        "latency_backhaul_s",
        "latency_cloud_s",
        "energy_cloud_j",
    )
)

#: What came of a frame, all devices together; the columns of ``info`` (units in the names).
OUTCOME = np.dtype(
    [
        ("frame", "i8"),
        ("tasks", "i8"),
        ("on_time", "i8"),  # of them answered in time
        ("correct", "i8"),
        ("energy_j", "f8"),  # charged to the queues
        ("cost_j", "f8"),  # energy beyond the budgets of the tasks, device by device
        ("bandwidth_hz", "f8"),  # allotted: all of it, unless nobody has a task
        ("edge_wait_s", "f8"),
        ("queue_j", "f8"),  # sum of the energy queues
        ("queue_max_j", "f8"),
        ("reward", "f8"),
    ],
    align=True,
)


class Nature(NamedTuple):
    """Arrays of n rows of N devices; the slot arrays are read by rows with ``recorded`` only."""

    devices: np.ndarray  # (n, N) STATE of the inference world
    results: np.ndarray  # (n, N) DEVICE_OUTCOME
    tasks: np.ndarray  # (n, N, M) TASK of the inference world
    present: np.ndarray  # (n, N, M) bool: there is a task
    fading: np.ndarray  # (n, N, M, n_slots) power gains h [1]
    noise: np.ndarray  # (n, N, M, n_slots) per-slot part e of the stop predictor's error
    factors: np.ndarray  # (N,) distances over the scenario's


PER_DEVICE = 7  # fields observed of each device, see fields.py
MAX_NUMBERS = 4096

#: The scenario in SI units: what each device has in common with the inference world, and what is shared.
PARAMS = np.dtype(
    [
        ("one", DEVICE_PARAMS),
        ("n_users", "i8"),
        ("presence", "f8"),
        ("workers", "i8"),
        ("n_shares", "i8"),
        ("n_fields", "i8"),
        ("field_kind", "i8", (MAX_NUMBERS,)),  # (n_fields,) int64, see physics/codec.py
        ("field_low", "f8", (MAX_NUMBERS,)),
        ("field_high", "f8", (MAX_NUMBERS,)),
    ],
    align=True,
)


def view_dtype(scenario: MultiUserScenario) -> np.dtype:
    """What a policy knows: the observation decoded; the fields of the observation table, in its order."""
    from splitgym.worlds.multiuser.fields import observation_fields

    n = scenario.users.count
    return np.dtype(
        [(f.name, "f8", (n,)) if f.name != "edge_load" else (f.name, "f8") for f in observation_fields(scenario)]
    )
