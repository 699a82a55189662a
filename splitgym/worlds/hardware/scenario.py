"""Scenario of the hardware world: everything a person decides about ``HardwareSplit-v0``."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

from splitgym.names import check_name
from splitgym.ranges import DELAY, MOST_TASKS, PRICE, Range
from splitgym.strict import entry, number, sources
from splitgym.toml import dump_toml
from splitgym.traces.arrivals import ARRIVALS
from splitgym.worlds.hardware.profile import HardwareProfile, hardware_names, load_hardware
from splitgym.worlds.hardware.table import MeasuredHardware, hardware_of, table_among
from splitgym.worlds.hardware.workload import ORDER
from splitgym.worlds.presets import Presets
from splitgym.worlds.settings import Arrivals, Scenario, Section

WORKLOADS = ("weibull", "published")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Requests(Section):
    """How many requests, how urgent, and whether they wait for each other."""

    SECTION: ClassVar[str] = "requests"
    count: int = number(Range("request", 2, MOST_TASKS), doc="requests of one episode")
    workload: str = entry(doc="'weibull': thresholds drawn anew; 'published': those of the paper in every episode")
    weibull_shape: float = number(
        Range("1", 0.1, 100.0), doc="shape of the thresholds before they are scaled to the bounds"
    )
    queueing: bool = entry(
        doc="requests arrive by section arrivals and wait; else each is issued when the last is done"
    )
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.workload not in WORKLOADS:
            raise ValueError(f"requests.workload must be {' or '.join(map(repr, WORKLOADS))}, got {self.workload!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Switching(Section):
    """What it costs to change the edge device's clock or accelerator mode before a request."""

    SECTION: ClassVar[str] = "switching"
    reconfigure_s: float = number(DELAY, doc="delay when clock or accelerator change, at waiting power")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread(Section):
    """Whether service varies as measured runs do (section noise of the hardware profile)."""

    SECTION: ClassVar[str] = "noise"
    enabled: bool = entry(doc="stalls, link jitter and power states; else the nominal model")
    hold: int = number(
        Range("request", 1, MOST_TASKS), doc="requests in a row that share one draw, as those of a run do"
    )
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reward(Section):
    """The reward: energy saved against cloud-only if the threshold is met, else a penalty."""

    SECTION: ClassVar[str] = "reward"
    violation_penalty: float = number(PRICE, doc="in energies of a cloud-only request")
    infrastructure_weight: float = number(PRICE, doc="weight of the server's energy in the charged energy")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardwareScenario(Scenario):
    """One setting of ``HardwareSplit-v0``; presets are TOML files, see :func:`load_scenario`."""

    PROCESSES: ClassVar[tuple[str, ...]] = ("arrivals",)
    name: str = entry(label=True, check=check_name, doc="preset name")
    description: str = entry("", label=True, doc="what the setting is for")
    hardware: HardwareProfile | MeasuredHardware = entry(
        doc="hardware profile, by name or as a table; or the path of a table of measured runs (.csv)"
    )
    requests: Requests = entry()
    arrivals: Arrivals = entry()
    switching: Switching = entry()
    noise: Spread = entry()
    reward: Reward = entry()

    def __post_init__(self) -> None:
        object.__setattr__(self, "hardware", hardware_of(self.hardware))
        super().__post_init__()
        self.arrivals.check_count("requests.count", self.requests.count)
        if not self.requests.queueing and self._is_given():
            raise ValueError(
                f"arrivals.model={self.arrivals.model!r} needs requests.queueing = true: without it every request is "
                "issued when the last one is done, and no arrivals are read"
            )
        if self.requests.workload == "published" and self.hardware.name not in ORDER:
            raise ValueError(f"requests.workload='published' is for {', '.join(ORDER)}, not {self.hardware.name!r}")

    def decisive(self) -> dict[str, Any]:
        """As :meth:`Strict.decisive`; the hardware's name counts where it chooses the published thresholds."""
        table = super().decisive()
        if self.requests.workload == "published":
            table["hardware"]["name"] = self.hardware.name
        return table

    def replace(self, /, **changes: Any) -> Self:
        """As :meth:`Scenario.replace`; with ``hardware``, a table of runs, keys below it say how it is read."""
        table, rest = table_among(changes)
        if table:
            changes = {**rest, "hardware": hardware_of(table)}
        return super().replace(**changes)

    def _is_given(self) -> bool:
        """Whether the arrivals are recorded or a plug-in's."""
        return self.arrivals.model in ("recorded", "log") or not ARRIVALS[self.arrivals.model].built_in

    def unused(self) -> dict[str, str]:
        keys = {} if self.requests.queueing else {"arrivals": "requests do not wait, since requests.queueing is false"}
        if self.requests.workload == "published":
            keys["requests.weibull_shape"] = "requests.workload is 'published'"
        if not self.noise.enabled:
            keys |= dict.fromkeys(("noise.hold", "hardware.noise"), "noise.enabled is false")
        return keys

    @property
    def caveat(self) -> str:
        claimed = self.hardware.status != "extrapolated"
        return "" if claimed else f"hardware profile {self.hardware.name!r} is extrapolated: no figure here is a claim"

    def to_toml(self) -> str:
        """TOML text that :func:`load_scenario` reads back to an equal scenario."""
        table = self.to_dict()
        if self.hardware.name in hardware_names() and load_hardware(self.hardware.name) == self.hardware:
            table["hardware"] = self.hardware.name
        return dump_toml(table)


PRESETS = Presets("hardware", HardwareScenario)
load_scenario, preset_names = PRESETS.load, PRESETS.names
