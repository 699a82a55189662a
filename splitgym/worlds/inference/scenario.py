"""Scenario of the inference world: everything a person decides about ``SplitInference-v0``."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from splitgym.ranges import (
    BANDWIDTH,
    BATTERY,
    BUDGET,
    CAPACITANCE,
    CLOCK,
    COUNT_TASKS,
    DEADLINE,
    DELAY,
    DISTANCE,
    ELEMENT_BITS,
    LOAD,
    LOG_SPREAD,
    LOSS_DECADE,
    MAC_ENERGY,
    MACS_PER_CYCLE,
    NOISE_DENSITY,
    NOISE_FIGURE,
    PATH_LOSS,
    PERIOD,
    POWER_LEVEL,
    PRICE,
    RATE,
    SENT_POWER,
    SHADOWING,
    SHARE,
    SLOT,
    SPREAD,
    Range,
)
from splitgym.registry import Registry
from splitgym.strict import entry, number, sources
from splitgym.traces.fading import FADING
from splitgym.traces.plugins import Model
from splitgym.worlds.channel import Recorded, check_channel, fading_is_recorded
from splitgym.worlds.limits import check_backhaul, check_device, check_radio, check_server, check_slots
from splitgym.worlds.presets import Presets
from splitgym.worlds.settings import Arrivals, NetworkScenario, Process, Section, ascending

#: Keys of the slow gain that have no effect where it is recorded.
DRAWN_GAIN = (
    "radio.path_loss_1km_db",
    "radio.path_loss_decade_db",
    "radio.distance_m",
    "radio.far_distance_m",
    "radio.motion_period_s",
    "radio.shadowing_db",
    "radio.shadowing_correlation",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device(Section):
    """The battery-powered device."""

    SECTION: ClassVar[str] = "device"
    clocks_hz: tuple[float, ...] = number(CLOCK, most=64, doc="selectable clocks, ascending")
    macs_per_cycle: float = number(MACS_PER_CYCLE, doc="rho")
    kappa_f: float = number(CAPACITANCE, doc="switched capacitance: E = kappa f^2 cycles")
    reconfigure_s: float = number(DELAY, default=0.0, doc="delay when the clock changes")
    bits_per_element: float = number(ELEMENT_BITS, doc="bits of one transmitted feature element")
    battery_j: float | None = number(BATTERY, default=None, doc="hard battery; absent: none, never terminated")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending("device.clocks_hz", self.clocks_hz)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Radio(Section):
    """The uplink and its slow channel."""

    SECTION: ClassVar[str] = "radio"
    bandwidth_hz: float = number(BANDWIDTH)
    slot_s: float = number(SLOT, doc="slot length")
    power_max_w: float = number(SENT_POWER, doc="transmit power limit")
    power_levels_w: tuple[float, ...] = number(POWER_LEVEL, most=64, doc="levels of the discrete encodings, ascending")
    noise_dbm_hz: float = number(NOISE_DENSITY, doc="thermal noise density")
    noise_figure_db: float = number(NOISE_FIGURE)
    path_loss_1km_db: float = number(PATH_LOSS, doc="path loss at 1 km")
    path_loss_decade_db: float = number(LOSS_DECADE, doc="path loss per decade of distance")
    distance_m: float = number(DISTANCE, doc="distance to the base station (at the start, if it moves)")
    far_distance_m: float | None = number(DISTANCE, default=None, doc="turning point of a moving device")
    motion_period_s: float = number(PERIOD, default=60.0, doc="there and back")
    shadowing_db: float = number(SHADOWING, doc="standard deviation of the shadowing")
    shadowing_correlation: float = number(SHARE, doc="from task to task")
    tracking_tolerance: float = number(Range("1", 1e-6, 1e6), default=0.1, doc="epsilon of the packet controller")
    recorded: Recorded | None = entry(None, doc="slow gain out of a log instead of path loss and shadowing")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending("radio.power_levels_w", self.power_levels_w)
        if self.power_levels_w[-1] > self.power_max_w:
            raise ValueError(
                f"radio.power_levels_w must be <= power_max_w={self.power_max_w!r} W, got {self.power_levels_w[-1]!r}"
            )
        check_channel(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fading(Process):
    """Small-scale fading (:mod:`splitgym.traces.fading`)."""

    SECTION: ClassVar[str] = "fading"
    REGISTRY: ClassVar[Registry[Model]] = FADING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tasks(Section):
    """How many tasks, and how urgent."""

    SECTION: ClassVar[str] = "tasks"
    count: int = number(COUNT_TASKS, doc="tasks of one episode")
    deadline_min_s: float = number(DEADLINE, doc="relative deadline, log-uniform between min and max")
    deadline_max_s: float = number(DEADLINE)
    next_arrival_known: bool = entry(False, doc="whether the time to the next arrival is observed")
    hint_std: float = number(SPREAD, doc="error of the predicted complexity")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.deadline_max_s < self.deadline_min_s:
            raise ValueError(
                f"tasks.deadline_max_s must be >= deadline_min_s={self.deadline_min_s!r} s, got {self.deadline_max_s!r}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EarlyStop(Section):
    """The server's uncertainty predictor and its stop rule (ENACHI specification section 5)."""

    SECTION: ClassVar[str] = "early_stop"
    threshold: float = number(Range("1", 1e-6, 0.999), doc="H_th")
    exponent: float = number(Range("1", 0.05, 1e3), doc="gamma")
    noise_std: float = number(SPREAD, doc="sigma_e, of the log ratio")
    persistence: float = number(SHARE, doc="rho_e, share of the noise that stays for the whole task")
    confidently_wrong: float = number(Range("1", 1e-6, 1.0), doc="c_w")
    feedback_slots: int = number(Range("slot", 0, 10_000), doc="delta_fb, delay of the stop message")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edge(Section):
    """The edge server behind the uplink."""

    SECTION: ClassVar[str] = "edge"
    clock_hz: float = number(CLOCK)
    macs_per_cycle: float = number(MACS_PER_CYCLE)
    energy_j_per_mac: float = number(MAC_ENERGY, doc="reported; charged by budget.infrastructure_weight")
    load_mean: float = number(LOAD, doc="share of the server taken by others")
    load_std: float = number(SHARE)
    load_max: float = number(LOAD)
    load_correlation: float = number(SHARE, doc="from task to task")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cloud(Section):
    """The cloud behind a backhaul."""

    SECTION: ClassVar[str] = "cloud"
    enabled: bool = entry(doc="whether blocks may run there")
    clock_hz: float = number(CLOCK)
    macs_per_cycle: float = number(MACS_PER_CYCLE)
    energy_j_per_mac: float = number(MAC_ENERGY)
    backhaul_bit_s: float = number(RATE)
    rtt_s: float = number(DELAY, doc="median round trip")
    rtt_log_std: float = number(LOG_SPREAD, doc="slow variation of the round trip, observed")
    rtt_correlation: float = number(SHARE, doc="from task to task")
    jitter_s: float = number(DELAY, doc="mean of the exponential jitter of one transfer, not observed")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget(Section):
    """The energy budget and the reward."""

    SECTION: ClassVar[str] = "budget"
    energy_j: float = number(BUDGET, doc="long-term energy budget of one task, Ebar")
    debt_price: float = number(PRICE, doc="beta: price of one task budget of energy debt, in correct answers")
    infrastructure_weight: float = number(PRICE, doc="weight of edge and cloud energy in the charged energy")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class InferenceScenario(NetworkScenario):
    """One setting of ``SplitInference-v0``; presets are TOML files, see :func:`load_scenario`."""

    PROCESSES: ClassVar[tuple[str, ...]] = ("fading", "arrivals")
    early_exits: bool = entry(doc="whether the profile's exits are used")
    tasks: Tasks = entry()
    device: Device = entry()
    radio: Radio = entry()
    fading: Fading = entry()
    arrivals: Arrivals = entry()
    early_stop: EarlyStop = entry()
    edge: Edge = entry()
    cloud: Cloud = entry()
    budget: Budget = entry()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_slots("tasks.deadline_max_s", self.tasks.deadline_max_s, self.radio.slot_s)
        check_device(self.dnn, self.device)
        check_radio(self.radio, self.tasks.deadline_max_s)
        check_server("edge", self.dnn, self.edge, self.edge.load_max)
        check_server("cloud", self.dnn, self.cloud)
        check_backhaul(self.dnn, self.device.bits_per_element, self.cloud.backhaul_bit_s)
        self.fading.check(self.radio.slot_s)
        self.arrivals.check_count("tasks.count", self.tasks.count)

    def unused(self) -> dict[str, str]:
        keys = unused_keys(self.radio, self.device, self.edge) | unused_fading(self.radio)
        if not self.cloud.enabled:
            fields = (field.name for field in dataclasses.fields(Cloud) if field.name != "enabled")
            keys |= {f"cloud.{name}": "cloud.enabled is false" for name in fields}
        elif self.cloud.rtt_log_std == 0.0:
            keys["cloud.rtt_correlation"] = "cloud.rtt_log_std is 0"
        if not self.dnn.exits:
            keys["early_exits"] = f"the profile {self.dnn.name!r} has no exits"
        return keys


def unused_keys(radio: Radio, device: Device, edge: Edge) -> dict[str, str]:
    """Keys of these sections that have no effect beside the others -> why."""
    still = radio.far_distance_m is None
    conditions = {
        "radio.motion_period_s": (still, "the device does not move, since radio.far_distance_m is absent"),
        "radio.shadowing_correlation": (radio.shadowing_db == 0.0, "radio.shadowing_db is 0"),
        "device.reconfigure_s": (len(device.clocks_hz) == 1, "device.clocks_hz has one clock"),
        "edge.load_correlation": (edge.load_std == 0.0, "edge.load_std is 0"),
    }
    keys = {key: why for key, (holds, why) in conditions.items() if holds}
    return keys | (dict.fromkeys(DRAWN_GAIN, "the slow gain comes from radio.recorded") if radio.recorded else {})


def unused_fading(radio: Radio) -> dict[str, str]:
    """The section of the fading, where the log has it."""
    return {"fading": "radio.recorded.fading is 'log'"} if fading_is_recorded(radio) else {}


PRESETS = Presets("inference", InferenceScenario)
load_scenario, preset_names = PRESETS.load, PRESETS.names
