"""Records of the transmission world and ``lower``: the scenario as the kernel sees it.

A task is lowered by the inference world: its scenario is composed here, so that no formula and no default is written
a second time.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from splitgym.encodings import decision_type
from splitgym.physics.fading import BLOCK
from splitgym.ranges import DEADLINE, SENT_POWER
from splitgym.traces.base import ArrayTrace, array, array_of
from splitgym.worlds.inference import layout as inference
from splitgym.worlds.records import Column, Term, columns_of, record_type
from splitgym.worlds.transmission.axes import AXES
from splitgym.worlds.transmission.fields import OBSERVATION_TABLE

#: What a row remembers between two slots.
STATE = np.dtype(
    [
        ("key", "u8"),  # randomness of the episode
        ("first", "i8"),  # index of the first slot, counted from the start of service
        ("count", "i8"),  # slots that the deadline leaves
        ("used", "i8"),  # slots sent
        ("sent_bit", "f8"),  # capacity of the slots sent
        ("sent_w", "f8"),  # sum of their powers
        ("power_queue_w", "f8"),  # tracking queue q
        ("theta", "f8"),  # feature ratio at which the server becomes confident; inf: never
        ("fading", "f8"),  # power gain h of the coming slot
        ("block", "f8", (BLOCK,)),  # drawn gains of the slots around it
        ("re", "f8"),  # fading path at the next block
        ("im", "f8"),
        ("recorded", "?"),  # the row replays a trace
        ("finished", "?"),  # never: nothing cuts a transmission off
        ("depleted", "?"),  # the transmission has ended
    ],
    align=True,
)


@dataclasses.dataclass(frozen=True, eq=False)
class TaskArrays(ArrayTrace):
    """What nature decides about the task: some of what it is in the inference world, and the reference power."""

    deadline_s: np.ndarray = array(DEADLINE, "time from the start of service to the deadline", 1)
    gain: np.ndarray = array_of(inference.TaskArrays, "gain", 1)
    complexity: np.ndarray = array_of(inference.TaskArrays, "complexity", 1)
    hint: np.ndarray = array_of(inference.TaskArrays, "hint", 1)
    persistent: np.ndarray = array_of(inference.TaskArrays, "persistent", 1)
    edge_load: np.ndarray = array_of(inference.TaskArrays, "edge_load", 1)
    reference_w: np.ndarray = array(SENT_POWER, "reference power of the task level", 1)


_OWN = {name: array for name, array in TaskArrays.ARRAYS.items() if name not in inference.TaskArrays.ARRAYS}
# Numba takes a record that begins like another one for a kind of it: what is extended here gets its own fields first.
#: What nature decides about the task: what is drawn here, and the inference world's columns.
TASK = record_type(columns_of({**_OWN, **inference.TaskArrays.ARRAYS}))

#: What a policy knows: the observation decoded to SI units.
VIEW = OBSERVATION_TABLE.record()

#: A decision about the coming slot: a float for every axis.
DECISION = decision_type(AXES)

#: What came of a slot; the keys of ``info`` (units in the names).
OUTCOME_TABLE = (
    Column("slot", "i8", "index of the slot decided about, from 0; -1: none yet"),
    Column("power_w", "f8", "transmit power; 0 after a stop"),
    Column("slot_gain", "f8", "channel gain G h in that slot"),
    Column("slot_bits", "f8", "capacity of that slot"),
    Column("stopped", "?", "the agent ended the transmission"),
    Column("done", "?", "the transmission is over: stopped, delivered, or no slot left"),
    Column("bits", "f8", "useful bits received so far"),
    Column("capacity_bits", "f8", "capacity of the slots sent so far"),
    Column("feature_ratio", "f8", "share of the features delivered, beta (whole channels)"),
    Column("server_uncertainty", "f8", "what the server predicts after this slot; the device learns it later"),
    Column("slots_used", "i8", "slots sent so far"),
    Column("slots_available", "i8", "slots that the deadline left at the beginning"),
    Column("energy_slot_j", "f8", "radio energy of this slot"),
    Column("energy_radio_j", "f8", "radio energy of all slots sent"),
    Column("reference_w", "f8", "reference power that the task level asks for"),
    Column("power_queue_w", "f8", "tracking queue q before the coming slot"),
    Column("gain", "f8", "slow channel gain G"),
    Column("next_slot_gain", "f8", "channel gain G h of the coming slot; of the last one at the end"),
    Column("seen_uncertainty", "f8", "newest prediction that the device has before the coming slot"),
    Column("accuracy", "f8", "expected accuracy of an answer to what has arrived; 0 where there is none"),
    Column("correct", "?", "the answer at the end is right"),
    Column("cost_j", "f8", "energy of this slot beyond the reference's share for the whole task"),
    Term("reward_answer", "f8", "1 for a right answer at the end, else 0", formula="correct"),
    Term(
        "reward_energy", "f8", "price of the slot's radio energy, in budgets of the task",
        weight="-transmission.energy_price", formula="energy_slot_j / transmission.budget_j",
    ),
    Column("reward", "f8", "sum of the terms"),
)  # fmt: skip
OUTCOME = record_type(OUTCOME_TABLE)


class Nature(NamedTuple):
    """Arrays of n rows; the first two slot arrays are read by rows with ``recorded`` only."""

    tasks: np.ndarray  # (n, 1) TASK
    fading: np.ndarray  # (n, n_slots) power gains h [1], by slots after the start of service
    noise: np.ndarray  # (n, n_slots) per-slot part e of the predictor's error
    predicted: np.ndarray  # (n, n_slots) the server's predictions of this episode, by slots sent
    arrival_s: np.ndarray  # (0,) no recorded arrivals
    channel: np.ndarray  # (1, 2, any) channel log, see physics/channel_log.py; (1, 2, 0): none


_OBSERVED = OBSERVATION_TABLE.columns()
_OWN = {column.name for column in _OBSERVED}
#: What the inference world lowers, but for what it observes.
SHARED = tuple(
    dataclasses.replace(column, meaning=column.meaning or f"{column.source} of the inference world", source="")
    for column in inference.PARAMS_TABLE
    if column.name not in _OWN
)
#: The scenario in SI units: its own fields, the inference world's, and this world's observation.
PARAMS_TABLE = (
    Column("cut", "i8", "cut whose features are sent"),
    Column("cut_clock_hz", "f8", "device clock"),
    Column("reference_min_w", "f8", source="transmission.reference_min_w"),
    Column("reference_max_w", "f8", source="transmission.reference_max_w"),
    Column("energy_price", "f8", source="transmission.energy_price"),
    Column("stop_exponent", "f8", "gamma", source="early_stop.exponent"),
    Column("stop_threshold", "f8", "H_th", source="early_stop.threshold"),
    *SHARED,
    *_OBSERVED,
)
PARAMS = record_type(PARAMS_TABLE)
