"""Records of the transmission world and ``lower``: the scenario as the kernel sees it.

A task is lowered by the inference world: its scenario is composed here, so that no formula and no default is written
a second time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from splitgym.fields import tables
from splitgym.physics.fading import BLOCK
from splitgym.ranges import no_warnings
from splitgym.traces.fading import FADING
from splitgym.worlds.inference import layout as inference
from splitgym.worlds.inference.scenario import Budget, Cloud, InferenceScenario, Tasks
from splitgym.worlds.records import fill_record
from splitgym.worlds.settings import Arrivals
from splitgym.worlds.transmission.kernel import window
from splitgym.worlds.transmission.scenario import TransmissionScenario

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

# Numba takes a record that begins like another one for a kind of it: what is extended here gets its own fields first.
#: What nature decides about the task: the reference power that its task level gives, and the inference world's fields.
TASK = np.dtype([("reference_w", "f8"), *[(n, inference.TASK[n]) for n in inference.TASK.names or ()]], align=True)

#: What a policy knows: the observation decoded to SI units; the fields of the observation table, in its order.
VIEW = np.dtype(
    [
        ("gain", "f8"),
        ("slot_gain", "f8"),
        ("slots_left", "f8"),
        ("slots_total", "f8"),
        ("feature_ratio", "f8"),
        ("uncertainty", "f8"),
        ("reference_w", "f8"),
        ("power_queue_w", "f8"),
        ("spent_j", "f8"),
        ("hint", "f8"),
    ]
)

#: A decision about the coming slot; ``stop`` is a flag (>= 1/2: stop).
DECISION = np.dtype([("power_w", "f8"), ("stop", "f8")])

#: What came of a slot; the columns of ``info`` (units in the names).
OUTCOME = np.dtype(
    [
        ("slot", "i8"),  # index of the slot decided about, from 0; -1: none yet
        ("power_w", "f8"),  # sent with; 0 after a stop
        ("slot_gain", "f8"),  # G h in that slot
        ("slot_bits", "f8"),  # its capacity
        ("stopped", "?"),  # the agent ended the transmission
        ("done", "?"),  # the transmission is over: stopped, delivered, or no slot left
        ("bits", "f8"),  # useful bits received so far
        ("capacity_bits", "f8"),  # capacity of the slots sent so far
        ("feature_ratio", "f8"),  # beta
        ("server_uncertainty", "f8"),  # what the server predicts after this slot; the device learns it later
        ("slots_used", "i8"),
        ("slots_available", "i8"),
        ("energy_slot_j", "f8"),
        ("energy_radio_j", "f8"),  # of all slots sent
        ("reference_w", "f8"),
        ("power_queue_w", "f8"),  # q before the coming slot
        ("gain", "f8"),  # slow gain G
        ("next_slot_gain", "f8"),  # G h of the coming slot; of the last one at the end
        ("seen_uncertainty", "f8"),  # newest prediction that the device has before the coming slot
        ("accuracy", "f8"),  # expected accuracy of an answer to what has arrived; 0 where there is none
        ("correct", "?"),  # the answer at the end
        ("cost_j", "f8"),  # energy of this slot beyond the reference's share for the whole task
        ("reward", "f8"),
    ],
    align=True,
)


class Nature(NamedTuple):
    """Arrays of n rows; the first two slot arrays are read by rows with ``recorded`` only."""

    tasks: np.ndarray  # (n, 1) TASK
    fading: np.ndarray  # (n, n_slots) power gains h [1], by slots after the start of service
    noise: np.ndarray  # (n, n_slots) per-slot part e of the predictor's error
    predicted: np.ndarray  # (n, n_slots) the server's predictions of this episode, by slots sent
    arrival_s: np.ndarray  # (0,) no recorded arrivals


_SHARED = [(n, inference.PARAMS[n]) for n in inference.PARAMS.names or ()]
#: The scenario in SI units: its own fields, and the inference world's (but the observation's are this world's).
PARAMS = np.dtype(
    [
        ("cut", "i8"),
        ("cut_clock_hz", "f8"),  # device clock
        ("reference_min_w", "f8"),
        ("reference_max_w", "f8"),
        ("energy_price", "f8"),
        ("stop_exponent", "f8"),  # gamma
        ("stop_threshold", "f8"),  # H_th
        *_SHARED,
    ],
    align=True,
)

_NO_CLOUD = Cloud(
    enabled=False, clock_hz=1e12, macs_per_cycle=1e6, energy_j_per_mac=0.0, backhaul_bit_s=1e15, rtt_s=0.0,
    rtt_log_std=0.0, rtt_correlation=0.0, jitter_s=0.0,
)  # fmt: skip


@no_warnings()
def task_scenario(scenario: TransmissionScenario) -> InferenceScenario:
    """The inference world's scenario of a single task of this setting, without exits and cloud."""
    sc, task = scenario, scenario.transmission
    return InferenceScenario(
        name=sc.name,
        dnn=sc.dnn,
        early_exits=False,
        tasks=Tasks(
            count=1, deadline_min_s=task.deadline_min_s, deadline_max_s=task.deadline_max_s, hint_std=task.hint_std
        ),
        device=sc.device,
        radio=sc.radio,
        fading=sc.fading,
        arrivals=Arrivals(model="periodic"),
        early_stop=sc.early_stop,
        edge=sc.edge,
        cloud=_NO_CLOUD,
        budget=Budget(energy_j=task.budget_j, debt_price=task.energy_price, infrastructure_weight=0.0),
    )


def uses_plugins(scenario: TransmissionScenario) -> bool:
    """Whether a plug-in model draws the fading, so that episodes are drawn as arrays first."""
    return not FADING[scenario.fading.model].built_in


def n_slots(scenario: TransmissionScenario) -> int:
    """Slots that the longest deadline can use; the width of a trace's slot arrays."""
    return inference.n_slots(task_scenario(scenario))


def most_slots(scenario: TransmissionScenario) -> int:
    """Slots of the longest deadline on an idle edge; the scale of the observed numbers of slots."""
    return max(window(scenario.transmission.deadline_max_s, 0.0, task_params(scenario))[1], 1)


def task_params(scenario: TransmissionScenario, **observed: np.ndarray | int) -> np.record:
    """The PARAMS record without the observation table, which ``observed`` replaces by this world's."""
    task, stop, shared = scenario.transmission, scenario.early_stop, inference.lower(task_scenario(scenario))
    values = {name: shared[name] for name, _ in _SHARED} | observed
    return fill_record(
        PARAMS,
        **values,
        cut=scenario.dnn.cut_names.index(task.cut),
        cut_clock_hz=max(scenario.device.clocks_hz),
        reference_min_w=task.reference_min_w,
        reference_max_w=task.reference_max_w,
        energy_price=task.energy_price,
        stop_exponent=stop.exponent,
        stop_threshold=stop.threshold,
    )


def lower(scenario: TransmissionScenario) -> np.record:
    """Scenario -> PARAMS record.  ``ValueError`` if the shortest deadline leaves no slot at the highest edge load."""
    from splitgym.worlds.transmission.fields import observation_fields

    kinds, lows, highs = tables(observation_fields(scenario))
    fields = {"n_fields": len(kinds), "field_kind": kinds, "field_low": lows, "field_high": highs}
    params = task_params(scenario, **fields)
    edge, task = scenario.edge, scenario.transmission
    key = "edge.load_max" if edge.load_std > 0.0 or edge.load_mean > edge.load_max else "edge.load_mean"
    load = edge.load_max if key == "edge.load_max" else edge.load_mean
    if window(task.deadline_min_s, load, params)[1] < 1:
        raise ValueError(
            f"transmission.deadline_min_s={task.deadline_min_s!r} s leaves no slot between the device's blocks up to "
            f"{task.cut!r} and the edge's at {key}={load:g}; take a longer deadline, another cut, faster clocks "
            f"(device.clocks_hz, edge.clock_hz, macs_per_cycle), fewer macs or a shorter radio.slot_s"
        )
    return params
