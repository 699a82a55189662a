"""Records of the multi-user world and ``lower``: the scenario as the kernel sees it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from splitgym.worlds.inference.axes import AXES as TASK_AXES
from splitgym.worlds.inference.layout import OUTCOME_TABLE as TASK_OUTCOME_TABLE
from splitgym.worlds.inference.layout import PARAMS as DEVICE_PARAMS
from splitgym.worlds.multiuser.axes import AXES
from splitgym.worlds.multiuser.fields import OBSERVATION_TABLE
from splitgym.worlds.records import Column, Term, record_type

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
DEVICE_TABLE = (
    Column("present", "?", "it had a task"),
    Column("share", "f8", "share of the band"),
    Column("bandwidth_hz", "f8", "its part of the band"),
    Column("edge_wait_s", "f8", "waiting for a worker of the edge"),
    *TASK_OUTCOME_TABLE,
)
DEVICE_OUTCOME = record_type(DEVICE_TABLE)

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
#: What ``info`` tells of each device, one value for each of them.
SHOWN_OF_DEVICE = tuple(column for column in DEVICE_TABLE if column.name not in UNUSED)

#: What came of a frame, all devices together; the keys of ``info`` (units in the names).
OUTCOME_TABLE = (
    Column("frame", "i8", "index of the frame that was decided about"),
    Column("tasks", "i8", "devices with a task"),
    Column("on_time", "i8", "tasks answered in time"),
    Column("correct", "i8", "tasks answered correctly in time"),
    Column("energy_j", "f8", "charged to the queues"),
    Column("cost_j", "f8", "energy beyond the budgets of the tasks, device by device"),
    Column("bandwidth_hz", "f8", "allotted: all of it, unless nobody has a task"),
    Column("edge_wait_s", "f8", "sum of the waits for a worker of the edge"),
    Column("queue_j", "f8", "sum of the energy queues after the frame"),
    Column("queue_max_j", "f8", "energy queue of the device that owes most"),
    Term("reward_answer", "f8", "right answers in time, over all devices", formula="correct"),
    Term(
        "reward_debt", "f8", "price of what the frame added to the devices' energy debts, in budgets of one task",
        weight="-budget.debt_price", formula="(queue_j - before.queue_j) / budget.energy_j",
    ),
    Column("reward", "f8", "sum of the devices' rewards, each of which is the sum of its terms"),
)  # fmt: skip
OUTCOME = record_type(OUTCOME_TABLE)


#: What is decided for a device, and what else the inference world's ``serve`` reads: it stays 0, such as the edge cut
#: where there is no cloud.
DECIDED = np.dtype([(name, "f8") for name in dict.fromkeys(choice.name for choice in (*AXES, *TASK_AXES))])


class Nature(NamedTuple):
    """Arrays of n rows of N devices; the slot arrays are read by rows with ``recorded`` only."""

    devices: np.ndarray  # (n, N) STATE of the inference world
    results: np.ndarray  # (n, N) DEVICE_OUTCOME
    tasks: np.ndarray  # (n, N, M) TASK of the inference world
    present: np.ndarray  # (n, N, M) bool: there is a task
    decided: np.ndarray  # (n, N) DECIDED: what the shell decodes actions into
    fading: np.ndarray  # (n, N, M, n_slots) power gains h [1]
    noise: np.ndarray  # (n, N, M, n_slots) per-slot part e of the stop predictor's error
    factors: np.ndarray  # (N,) distances over the scenario's
    channel: np.ndarray  # (any, 2, any) channel logs, dealt to the devices in turn; (1, 2, 0): none


#: The scenario in SI units: what each device has in common with the inference world, and what is shared.
PARAMS_TABLE = (
    Column("one", DEVICE_PARAMS, "what each device has in common with the inference world"),
    Column("n_users", "i8", source="users.count"),
    Column("presence", "f8", source="frames.presence"),
    Column("workers", "i8", "tails that the edge serves side by side; 0: no limit"),
    Column("n_shares", "i8", "selectable weights"),
    *OBSERVATION_TABLE.columns(),
)
PARAMS = record_type(PARAMS_TABLE)
