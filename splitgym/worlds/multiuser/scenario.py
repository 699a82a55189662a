"""Scenario of the multi-user world: everything a person decides about ``SplitInferenceMultiUser-v0``."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from splitgym.ranges import (
    DEADLINE,
    DISTANCE_FACTOR,
    MOST_S,
    MOST_TASKS,
    SHARE,
    SPREAD,
    STAGE,
    Range,
    at_most,
    no_warnings,
)
from splitgym.strict import entry, number, sources
from splitgym.worlds.inference.scenario import (
    Budget,
    Device,
    EarlyStop,
    Edge,
    Fading,
    InferenceScenario,
    Radio,
    unused_fading,
    unused_keys,
)
from splitgym.worlds.inference.scenario import load_scenario as load_inference
from splitgym.worlds.limits import (
    MOST_TOGETHER,
    check_device,
    check_radio,
    check_server,
    check_slots,
)
from splitgym.worlds.presets import Presets
from splitgym.worlds.settings import NetworkScenario, Section, ascending

MAX_USERS = 500


@dataclasses.dataclass(frozen=True, kw_only=True)
class Users(Section):
    """The devices and where they are."""

    SECTION: ClassVar[str] = "users"
    count: int = number(Range("device", 1, MAX_USERS), doc="devices that share the uplink, N")
    near_factor: float = number(DISTANCE_FACTOR, default=1.0, doc="distance of the first device over radio.distance_m")
    far_factor: float = number(DISTANCE_FACTOR, default=1.0, doc="of the last one; those between are evenly spaced")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frames(Section):
    """Frames: every device gets at most one task at the start of each, and nothing carries over."""

    SECTION: ClassVar[str] = "frames"
    count: int = number(Range("frame", 1, MOST_TASKS), doc="frames of one episode")
    length_s: float = number(DEADLINE, doc="T_frame")
    deadline_min_s: float = number(DEADLINE, doc="deadline from the frame's start, log-uniform between min and max")
    deadline_max_s: float = number(DEADLINE, doc="at most length_s")
    presence: float = number(SHARE, default=1.0, doc="probability that a device has a task in a frame")
    hint_std: float = number(SPREAD, doc="error of the predicted complexity")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.deadline_min_s <= self.deadline_max_s <= self.length_s:
            raise ValueError(
                "frames: need deadline_min_s <= deadline_max_s <= length_s, got "
                f"{self.deadline_min_s!r}, {self.deadline_max_s!r} and {self.length_s!r} s"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedUplink(Radio):
    """The uplink that the devices share, and their slow channels."""

    share_levels: tuple[float, ...] = number(
        SHARE, most=64, default=(0.0, 0.125, 0.25, 0.5, 1.0), doc="weights of the discrete encodings, ascending"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending("radio.share_levels", self.share_levels)
        if self.share_levels[-1] <= 0.0:
            raise ValueError(f"radio.share_levels must end above 0, got {list(self.share_levels)!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedEdge(Edge):
    """The edge server that the devices share."""

    workers: int = number(
        Range("tail", 0, 1_000_000),
        default=0,
        doc="tails served side by side, others wait their turn; 0: no limit (published)",
    )
    reserve_s: float = number(STAGE, default=0.0, doc="time that the last slot leaves for waiting at the edge")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiUserScenario(NetworkScenario):
    """One setting of ``SplitInferenceMultiUser-v0``; presets are TOML files, see :func:`load_scenario`."""

    PROCESSES: ClassVar[tuple[str, ...]] = ("fading",)
    early_exits: bool = entry(doc="whether the profile's exits are used")
    users: Users = entry()
    frames: Frames = entry()
    device: Device = entry()
    radio: SharedUplink = entry()
    fading: Fading = entry()
    early_stop: EarlyStop = entry()
    edge: SharedEdge = entry()
    budget: Budget = entry()

    def __post_init__(self) -> None:
        super().__post_init__()
        users, frames = self.users, self.frames
        keys = f"users.count={users.count} and frames.count={frames.count}"
        at_most(keys, "the table of tasks", users.count * frames.count, MOST_TOGETHER, "tasks")
        check_slots("frames.deadline_max_s", frames.deadline_max_s, self.radio.slot_s)
        check_device(self.dnn, self.device)
        factors = {"users.near_factor": users.near_factor, "users.far_factor": users.far_factor}
        check_radio(self.radio, frames.deadline_max_s, factors)
        check_server("edge", self.dnn, self.edge, self.edge.load_max)
        self.fading.check(self.radio.slot_s)
        keys = f"frames.count={frames.count} and length_s={frames.length_s!r}"
        at_most(keys, "an episode", frames.count * frames.length_s, MOST_S, "s")
        if self.device.battery_j is not None:
            raise ValueError(
                f"device.battery_j: several devices have no hard battery, got {self.device.battery_j!r} J; leave it out"
            )

    def unused(self) -> dict[str, str]:
        keys = unused_keys(self.radio, self.device, self.edge) | unused_fading(self.radio)
        if self.users.count == 1:
            keys |= dict.fromkeys(("users.near_factor", "users.far_factor"), "users.count is 1")
        if self.radio.recorded:
            keys |= dict.fromkeys(("users.near_factor", "users.far_factor"), "the slow gain comes from radio.recorded")
        if not self.dnn.exits:
            keys["early_exits"] = f"the profile {self.dnn.name!r} has no exits"
        return keys

    @property
    def distance_factors(self) -> np.ndarray:
        """(N,) distances over ``radio.distance_m``: evenly spaced, 1 for a single device.  (ENACHI s3.3)"""
        if self.users.count == 1:
            return np.ones(1)
        return np.linspace(self.users.near_factor, self.users.far_factor, self.users.count)

    @no_warnings()
    def one_device(self) -> InferenceScenario:
        """What a single device with the whole band would face: the setting of ``SplitInference-v0``.

        Everything that both worlds have is lowered and simulated from this.
        """
        base = _two_tiers()
        edge = {f.name: getattr(self.edge, f.name) for f in dataclasses.fields(Edge)}
        radio = {f.name: getattr(self.radio, f.name) for f in dataclasses.fields(Radio)}
        tasks = dataclasses.replace(
            base.tasks,
            count=self.frames.count,
            deadline_min_s=self.frames.deadline_min_s,
            deadline_max_s=self.frames.deadline_max_s,
            hint_std=self.frames.hint_std,
        )
        return InferenceScenario(
            name=self.name,
            dnn=self.dnn,
            early_exits=self.early_exits,
            tasks=tasks,
            device=self.device,
            radio=Radio(**radio),
            fading=self.fading,
            arrivals=dataclasses.replace(base.arrivals, parameters={"period_s": self.frames.length_s}),
            early_stop=self.early_stop,
            edge=Edge(**edge),
            cloud=base.cloud,
            budget=self.budget,
        )


@functools.cache
def _two_tiers() -> InferenceScenario:
    """The preset that lends its disabled cloud and its periodic arrivals; nothing else of it is used."""
    return load_inference("enachi")


PRESETS = Presets("multiuser", MultiUserScenario)
load_scenario, preset_names = PRESETS.load, PRESETS.names
