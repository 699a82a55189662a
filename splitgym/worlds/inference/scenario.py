"""Scenario of the inference world: everything a person decides about ``SplitInference-v0``."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from splitgym.profiles import DnnProfile, load_profile, profile_names
from splitgym.registry import Registry, nearest
from splitgym.strict import Strict, dump_toml, from_mapping, merge, number, read_toml, sources, text
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.traces.plugins import Model


class Section(Strict):
    """A part of the scenario with the provenance of its constants."""


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
        _ascending("device.clocks_hz", self.clocks_hz)


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
        _ascending("radio.power_levels_w", self.power_levels_w)
        if self.power_levels_w[-1] > self.power_max_w:
            raise ValueError(
                f"radio.power_levels_w must be <= power_max_w={self.power_max_w!r} W, got {self.power_levels_w[-1]!r}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Process(Section):
    """A stochastic model by name, with its parameters."""

    model: str = text(doc="registered name")
    parameters: dict[str, float | str] = dataclasses.field(
        default_factory=dict, metadata={"doc": "parameters of the model; the rest keep their defaults"}
    )
    source: dict[str, str] = sources()
    REGISTRY: ClassVar[Registry[Model]]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.REGISTRY[self.model].arguments(self.parameters, f"{self.SECTION}.parameters")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fading(Process):
    """Small-scale fading (:mod:`splitgym.traces.fading`)."""

    SECTION: ClassVar[str] = "fading"
    REGISTRY: ClassVar[Registry[Model]] = FADING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arrivals(Process):
    """Arrivals of tasks (:mod:`splitgym.traces.arrivals`)."""

    SECTION: ClassVar[str] = "arrivals"
    REGISTRY: ClassVar[Registry[Model]] = ARRIVALS


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
class InferenceScenario(Strict):
    """One setting of ``SplitInference-v0``; presets are TOML files, see :func:`load_scenario`."""

    name: str = text(doc="preset name")
    description: str = text("", doc="what the setting is for")
    dnn: DnnProfile = text(doc="profile, by name or as a table")
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
        if isinstance(self.dnn, (str, Path)):
            object.__setattr__(self, "dnn", load_profile(self.dnn))
        super().__post_init__()
        for process, size in ((self.fading, self.radio.slot_s), (self.arrivals, self.tasks.count)):
            model = process.REGISTRY[process.model]
            if model.built_in:  # lowering checks the limits of the parameters; a plug-in checks when it draws
                model.function(size, **process.parameters)

    def replace(self, **changes: Any) -> InferenceScenario:
        """A copy with other values, checked again; dotted keys reach into sections.

        A fading or arrival section that names another model keeps no parameter of the old one.
        """
        for section in ("fading", "arrivals"):
            table = _table_of(section, changes)
            if table.get("model", getattr(self, section).model) != getattr(self, section).model:
                changes = {k: v for k, v in changes.items() if k.partition(".")[0] != section}
                changes[section] = from_mapping(type(getattr(self, section)), table, section)
        return super().replace(**changes)

    def to_toml(self) -> str:
        """TOML text that :func:`load_scenario` reads back to an equal scenario."""
        table = self.to_dict()
        if self.dnn.name in profile_names() and load_profile(self.dnn.name) == self.dnn:
            table["dnn"] = self.dnn.name
        return dump_toml(table)


def _table_of(section: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes below ``section``, given as a table or by dotted paths, as one table; empty if it is given whole."""
    table: dict[str, Any] = {}
    for path, value in changes.items():
        head, *rest = path.split(".")
        for key in reversed(rest):
            value = {key: value}
        if head == section and isinstance(value, Mapping):
            table = merge(table, value)
    return table


def _ascending(path: str, values: tuple[float, ...]) -> None:
    if not values or any(b <= a for a, b in itertools.pairwise(values)):
        raise ValueError(f"{path} must be a non-empty list in strictly ascending order, got {list(values)!r}")


def _preset_folder() -> Any:
    return resources.files("splitgym.data") / "scenarios" / "inference"


def preset_names() -> list[str]:
    """Names of the presets that ship with the package."""
    return sorted(p.name.removesuffix(".toml") for p in _preset_folder().iterdir() if p.name.endswith(".toml"))


def _preset_table(name: str) -> dict[str, Any]:
    known = preset_names()
    if name not in known:
        raise ValueError(
            f"unknown scenario {name!r}{nearest(name, known)} (known: {', '.join(known)}; or a path ending in .toml)"
        )
    with resources.as_file(_preset_folder() / f"{name}.toml") as path:
        return _with_base(read_toml(path))


def _with_base(table: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve ``base = "preset"``: the table's keys replace the preset's, section by section."""
    table = dict(table)
    base = table.pop("base", None)
    if base is None:
        return table
    below = _preset_table(str(base))
    for section in ("fading", "arrivals"):  # another model does not inherit the parameters of the old one
        if table.get(section, {}).get("model", below[section]["model"]) != below[section]["model"]:
            below.pop(section)
    return merge(below, table)


def load_scenario(scenario: str | Path | Mapping[str, Any] | InferenceScenario, **changes: Any) -> InferenceScenario:
    """A scenario from a preset's name, a TOML path, a table or itself; ``changes`` are dotted paths.

    Example: ``load_scenario("enachi", **{"tasks.deadline_max_s": 0.11, "tasks.deadline_min_s": 0.11})``.
    Raises ``ValueError`` for unknown names and keys, wrong types, and values outside their limits.
    """
    if isinstance(scenario, InferenceScenario):
        result = scenario
    elif isinstance(scenario, Mapping):
        result = from_mapping(InferenceScenario, _with_base(scenario))
    elif str(scenario).endswith(".toml"):
        if not Path(scenario).is_file():
            raise ValueError(f"no such scenario file: {str(scenario)!r}")
        result = from_mapping(InferenceScenario, _with_base(read_toml(Path(scenario))))
    else:
        result = from_mapping(InferenceScenario, _preset_table(str(scenario)))
    return result.replace(**changes) if changes else result
