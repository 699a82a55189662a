"""Scenario of the inference world: everything a person decides about ``SplitInference-v0``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from splitgym.registry import Registry
from splitgym.strict import number, sources, text
from splitgym.traces.fading import FADING
from splitgym.traces.plugins import Model
from splitgym.worlds.settings import Arrivals, NetworkScenario, Presets, Process, Section, ascending


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device(Section):
    """The battery-powered device."""

    SECTION: ClassVar[str] = "device"
    clocks_hz: tuple[float, ...] = number("Hz", above=0.0, doc="selectable clocks, ascending")
    macs_per_cycle: float = number("MAC/cycle", above=0.0, doc="rho")
    kappa_f: float = number("F", 0.0, doc="switched capacitance: E = kappa f^2 cycles")
    reconfigure_s: float = number("s", 0.0, default=0.0, doc="delay when the clock changes")
    bits_per_element: float = number("bit", above=0.0, doc="bits of one transmitted feature element")
    battery_j: float | None = number("J", above=0.0, default=None, doc="hard battery; absent: none, never terminated")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending("device.clocks_hz", self.clocks_hz)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Radio(Section):
    """The uplink and its slow channel."""

    SECTION: ClassVar[str] = "radio"
    bandwidth_hz: float = number("Hz", above=0.0)
    slot_s: float = number("s", above=0.0, doc="slot length")
    power_max_w: float = number("W", above=0.0, doc="transmit power limit")
    power_levels_w: tuple[float, ...] = number("W", 0.0, doc="levels of the discrete encodings, ascending")
    noise_dbm_hz: float = number("dBm/Hz", -250.0, 0.0, doc="thermal noise density")
    noise_figure_db: float = number("dB", 0.0, 50.0)
    path_loss_1km_db: float = number("dB", 0.0, 300.0, doc="path loss at 1 km")
    path_loss_decade_db: float = number("dB", 0.0, 100.0, doc="path loss per decade of distance")
    distance_m: float = number("m", above=0.0, doc="distance to the base station (at the start, if it moves)")
    far_distance_m: float | None = number("m", above=0.0, default=None, doc="turning point of a moving device")
    motion_period_s: float = number("s", above=0.0, default=60.0, doc="there and back")
    shadowing_db: float = number("dB", 0.0, 30.0, doc="standard deviation of the shadowing")
    shadowing_correlation: float = number("1", 0.0, 1.0, doc="from task to task")
    tracking_tolerance: float = number("1", above=0.0, default=0.1, doc="epsilon of the packet controller")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending("radio.power_levels_w", self.power_levels_w)
        if self.power_levels_w[-1] > self.power_max_w:
            raise ValueError(
                f"radio.power_levels_w must be <= power_max_w={self.power_max_w!r} W, got {self.power_levels_w[-1]!r}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fading(Process):
    """Small-scale fading (:mod:`splitgym.traces.fading`)."""

    SECTION: ClassVar[str] = "fading"
    REGISTRY: ClassVar[Registry[Model]] = FADING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tasks(Section):
    """How many tasks, and how urgent."""

    SECTION: ClassVar[str] = "tasks"
    count: int = number("task", 1, 10_000_000, doc="tasks of one episode")
    deadline_min_s: float = number("s", above=0.0, doc="relative deadline, log-uniform between min and max")
    deadline_max_s: float = number("s", above=0.0)
    next_arrival_known: bool = text(False, doc="whether the time to the next arrival is observed")
    hint_std: float = number("1", 0.0, 10.0, doc="error of the predicted complexity")
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
    threshold: float = number("1", above=0.0, high=0.999, doc="H_th")
    exponent: float = number("1", above=0.0, doc="gamma")
    noise_std: float = number("1", 0.0, 10.0, doc="sigma_e, of the log ratio")
    persistence: float = number("1", 0.0, 1.0, doc="rho_e, share of the noise that stays for the whole task")
    confidently_wrong: float = number("1", above=0.0, high=1.0, doc="c_w")
    feedback_slots: int = number("slot", 0, 10_000, doc="delta_fb, delay of the stop message")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edge(Section):
    """The edge server behind the uplink."""

    SECTION: ClassVar[str] = "edge"
    clock_hz: float = number("Hz", above=0.0)
    macs_per_cycle: float = number("MAC/cycle", above=0.0)
    energy_j_per_mac: float = number("J/MAC", 0.0, doc="reported; charged by budget.infrastructure_weight")
    load_mean: float = number("1", 0.0, 0.99, doc="share of the server taken by others")
    load_std: float = number("1", 0.0, 1.0)
    load_max: float = number("1", 0.0, 0.99)
    load_correlation: float = number("1", 0.0, 1.0, doc="from task to task")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cloud(Section):
    """The cloud behind a backhaul."""

    SECTION: ClassVar[str] = "cloud"
    enabled: bool = text(doc="whether blocks may run there")
    clock_hz: float = number("Hz", above=0.0)
    macs_per_cycle: float = number("MAC/cycle", above=0.0)
    energy_j_per_mac: float = number("J/MAC", 0.0)
    backhaul_bit_s: float = number("bit/s", above=0.0)
    rtt_s: float = number("s", 0.0, doc="median round trip")
    rtt_log_std: float = number("1", 0.0, 2.0, doc="slow variation of the round trip, observed")
    rtt_correlation: float = number("1", 0.0, 1.0, doc="from task to task")
    jitter_s: float = number("s", 0.0, doc="mean of the exponential jitter of one transfer, not observed")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget(Section):
    """The energy budget and the reward."""

    SECTION: ClassVar[str] = "budget"
    energy_j: float = number("J", above=0.0, doc="long-term energy budget of one task, Ebar")
    debt_price: float = number("1", 0.0, doc="beta: price of one task budget of energy debt, in correct answers")
    infrastructure_weight: float = number("1", 0.0, doc="weight of edge and cloud energy in the charged energy")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class InferenceScenario(NetworkScenario):
    """One setting of ``SplitInference-v0``; presets are TOML files, see :func:`load_scenario`."""

    PROCESSES: ClassVar[tuple[str, ...]] = ("fading", "arrivals")
    early_exits: bool = text(doc="whether the profile's exits are used")
    tasks: Tasks = text()
    device: Device = text()
    radio: Radio = text()
    fading: Fading = text()
    arrivals: Arrivals = text()
    early_stop: EarlyStop = text()
    edge: Edge = text()
    cloud: Cloud = text()
    budget: Budget = text()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.fading.check(self.radio.slot_s)
        self.arrivals.check(self.tasks.count)

    def unused(self) -> dict[str, str]:
        keys = unused_keys(self.radio, self.device, self.edge)
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
    return {key: why for key, (holds, why) in conditions.items() if holds}


PRESETS = Presets("inference", InferenceScenario)


def preset_names() -> list[str]:
    """Names of the presets that ship with the package."""
    return PRESETS.names()


def load_scenario(scenario: str | Path | Mapping[str, Any] | InferenceScenario, /, **changes: Any) -> InferenceScenario:
    """A scenario from a preset's name, a TOML path, a table or itself; ``changes`` are dotted paths.

    Example: ``load_scenario("enachi", **{"tasks.deadline_max_s": 0.11, "tasks.deadline_min_s": 0.11})``.
    Raises ``ValueError`` for unknown names and keys, wrong types, and values outside their limits.
    """
    return PRESETS.load(scenario, **changes)
