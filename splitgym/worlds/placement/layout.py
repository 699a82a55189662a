"""Records of the placement world and ``lower``: the scenario as the kernel sees it."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from splitgym.physics.arrivals import ARRIVAL_PARAMS
from splitgym.ranges import FREQUENCY, INSTANT, SCORE, TARGET, Range
from splitgym.traces.base import ArrayTrace, array
from splitgym.worlds.placement.fields import OBSERVATION_TABLE
from splitgym.worlds.placement.system import MAX_BLOCKS, MAX_CONFIGS
from splitgym.worlds.records import Column, Term, columns_of, record_type

#: What a row remembers between two moves.
STATE = np.dtype(
    [
        ("key", "u8"),  # randomness of the episode
        ("app", "i8"),  # index of the application to be placed
        ("placed", "i8"),  # blocks of it that have a node
        ("node", "i8"),  # where the last of them is; the source before the first
        ("path", "i8", (MAX_BLOCKS,)),  # their nodes
        ("open", "i8", (MAX_CONFIGS,)),  # 1: exit configuration that is still possible (Numba nests no booleans)
        ("spent_s", "f8", (MAX_CONFIGS,)),  # latency so far under each
        ("spent_j", "f8", (MAX_CONFIGS,)),  # energy so far under each
        ("reference_j", "f8"),  # energy of its least-latency plan on the empty system
        ("live", "i8"),  # applications that hold capacity
        ("held", "i8"),  # they are among so many of the first LIVE records
        ("recorded", "?"),  # applications come from a trace
        ("finished", "?"),  # no application left
        ("depleted", "?"),  # never: nothing has a battery here
    ],
    align=True,
)

#: Scenario key that counts the applications.
APPS = "applications.count"


@dataclasses.dataclass(frozen=True, eq=False)
class AppArrays(ArrayTrace):
    """What nature decides about each application."""

    arrival_s: np.ndarray = array(INSTANT, "arrival instant, ascending", APPS)
    holding_s: np.ndarray = array(Range("s", 0.0, 1e12), "how long the application stays if it is accepted", APPS)
    source: np.ndarray = array(Range("1", 0.0, 1e6), "index of the node at which its input arises", APPS, kind="i8")
    dnn: np.ndarray = array(Range("1", 0.0, 1e6), "index of its network", APPS, kind="i8")
    latency_s: np.ndarray = array(TARGET, "latency target", APPS)
    accuracy: np.ndarray = array(SCORE, "accuracy target", APPS)
    rate_hz: np.ndarray = array(FREQUENCY, "inferences", APPS)


#: What nature decides about an application.
APP = record_type(columns_of(AppArrays.ARRAYS))

#: An accepted application and what it holds.
LIVE = np.dtype(
    [
        ("until_s", "f8"),  # 0: nothing is held
        ("rate_hz", "f8"),
        ("source", "i8"),
        ("dnn", "i8"),
        ("exit_config", "i8"),
        ("path", "i8", (MAX_BLOCKS,)),
    ],
    align=True,
)

#: What came of a move; the keys of ``info`` (units in the names).  The figures stand where ``closed`` is True.
OUTCOME_TABLE = (
    Column("app", "i8", "index of the application that was decided about"),
    Column("block", "i8", "block that was placed, from 0; -1: none"),
    Column("node", "i8", "index of its node; -1: none"),
    Column("exit_config", "i8", "exit configuration of an accepted application; -1: none"),
    Column("exit_asked", "i8", "exit configuration that the move named, granted or not; -1: none"),
    Column("closed", "?", "the application was accepted or rejected"),
    Column("accepted", "?", "the application was accepted"),
    Column("rejected", "?", "the application was rejected"),
    Column("energy_j", "f8", "of one inference"),
    Column("reference_j", "f8", "of one inference under the least-latency plan of the empty system"),
    Column("saved", "f8", "1 - energy over reference"),
    Column("latency_s", "f8", "of one inference"),
    Column("latency_target_s", "f8", "latency target of the application"),
    Column("accuracy", "f8", "of the exit configuration"),
    Column("power_w", "f8", "rate times energy"),
    Column("live", "i8", "applications that hold capacity now"),
    Term(
        "reward_saved", "f8", "share of the reference energy that an accepted application saves",
        formula="saved if accepted else 0",
    ),
    Term(
        "reward_rejection", "f8", "penalty of a rejection",
        weight="-reward.rejection_penalty", formula="rejected",
    ),
    Column("reward", "f8", "sum of the terms"),
)  # fmt: skip
OUTCOME = record_type(OUTCOME_TABLE)


class Nature(NamedTuple):
    """Arrays of n rows (applications, what they hold, what is free), and those that all rows share."""

    apps: np.ndarray  # (n, n_apps) APP
    live: np.ndarray  # (n, n_apps) LIVE
    node_free: np.ndarray  # (n, N) free compute [op/s]
    memory_free: np.ndarray  # (n, N) free memory [bit]
    arc_free: np.ndarray  # (n, A) free link capacity [bit/s]
    arrival_s: np.ndarray  # (n_apps,) recorded arrival instants, empty for other models
    nodes: np.ndarray  # the fields of splitgym.worlds.placement.kernel.System
    arcs: np.ndarray
    arc_of: np.ndarray
    dnns: np.ndarray
    rest_s: np.ndarray
    rest_j: np.ndarray
    fast_j: np.ndarray


#: The scenario's numbers; nodes, links and networks are in :class:`Nature`.
PARAMS_TABLE = (
    Column("n_apps", "i8", source="applications.count"),
    Column("n_configs", "i8", "most exit configurations of a network"),
    Column("n_dnns", "i8", "networks"),
    Column("n_nodes", "i8", "nodes"),
    Column("source_tier", "i8", "applications arise at the nodes of this tier, the lowest that there is"),
    Column("n_sources", "i8", "their number"),
    Column("worst", "?", "latency mode"),
    Column("pinned", "i8", source="applications.pinned_first_blocks"),
    Column("holding_mean_s", "f8", source="applications.holding_mean_s"),
    Column("slack_min", "f8", source="applications.slack_min"),
    Column("slack_max", "f8", source="applications.slack_max"),
    Column("accuracy_min", "f8", source="applications.accuracy_min"),
    Column("accuracy_max", "f8", source="applications.accuracy_max"),
    Column("rate_min_hz", "f8", source="applications.rate_min_hz"),
    Column("rate_max_hz", "f8", source="applications.rate_max_hz"),
    Column("rejection_penalty", "f8", source="reward.rejection_penalty"),
    Column("arrivals", ARRIVAL_PARAMS, "arrivals of applications"),
    *OBSERVATION_TABLE.columns(),
)
PARAMS = record_type(PARAMS_TABLE)
