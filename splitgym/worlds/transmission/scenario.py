"""Scenario of the transmission world: everything a person decides about ``ProgressiveTransmission-v0``."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from splitgym.ranges import BUDGET, DEADLINE, PRICE, SENT_POWER, SPREAD
from splitgym.registry import nearest
from splitgym.strict import entry, number, sources
from splitgym.worlds.inference.scenario import DRAWN_GAIN, Device, EarlyStop, Edge, Fading, Radio
from splitgym.worlds.limits import check_device, check_radio, check_server, check_slots
from splitgym.worlds.presets import Presets
from splitgym.worlds.settings import NetworkScenario, Section


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transmission(Section):
    """The task whose features are sent, and what its energy costs."""

    SECTION: ClassVar[str] = "transmission"
    cut: str = entry(doc="cut point whose features are sent; the blocks behind it run on the edge")
    deadline_min_s: float = number(DEADLINE, doc="deadline of the task, log-uniform between min and max")
    deadline_max_s: float = number(DEADLINE)
    reference_min_w: float = number(SENT_POWER, doc="reference power, log-uniform between min and max")
    reference_max_w: float = number(SENT_POWER, doc="equal to the minimum: the same in every episode")
    hint_std: float = number(SPREAD, doc="error of the predicted complexity")
    budget_j: float = number(BUDGET, doc="energy budget of one task, Ebar")
    energy_price: float = number(PRICE, doc="price of one task budget of radio energy, in correct answers")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, unit in (("deadline", "s"), ("reference", "w")):
            low, high = getattr(self, f"{name}_min_{unit}"), getattr(self, f"{name}_max_{unit}")
            if high < low:
                raise ValueError(
                    f"transmission.{name}_max_{unit} must be >= {name}_min_{unit}={low!r} {unit.upper()}, got {high!r}"
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransmissionScenario(NetworkScenario):
    """One setting of ``ProgressiveTransmission-v0``; presets are TOML files, see :func:`load_scenario`.

    Sections shared with ``SplitInference-v0`` mean the same.  The device runs at its fastest clock, and a hard battery
    is refused.  An episode is one task, so whatever links a task to earlier ones (correlations, motion,
    reconfiguration) has no effect.
    """

    PROCESSES: ClassVar[tuple[str, ...]] = ("fading",)
    transmission: Transmission = entry()
    device: Device = entry()
    radio: Radio = entry()
    fading: Fading = entry()
    early_stop: EarlyStop = entry()
    edge: Edge = entry()

    def __post_init__(self) -> None:
        super().__post_init__()
        cuts, cut = self.dnn.cut_names[:-1], self.transmission.cut
        if cut not in cuts:
            raise ValueError(
                f"transmission.cut must be a cut point of {self.dnn.name!r} before the last, got {cut!r}"
                f"{nearest(cut, cuts)} (cut points: {', '.join(cuts)})"
            )
        if self.transmission.reference_max_w > self.radio.power_max_w:
            raise ValueError(
                f"transmission.reference_max_w must be <= radio.power_max_w={self.radio.power_max_w!r} W, "
                f"got {self.transmission.reference_max_w!r}"
            )
        if self.device.battery_j is not None:
            raise ValueError(
                f"device.battery_j must be absent, got {self.device.battery_j!r} J: one task has no battery to empty; "
                "use SplitInference-v0"
            )
        check_slots("transmission.deadline_max_s", self.transmission.deadline_max_s, self.radio.slot_s)
        check_device(self.dnn, self.device)
        check_radio(self.radio, self.transmission.deadline_max_s)
        check_server("edge", self.dnn, self.edge, self.edge.load_max)
        self.fading.check(self.radio.slot_s)

    def unused(self) -> dict[str, str]:
        paths = (
            "device.reconfigure_s",
            "radio.motion_period_s",
            "radio.shadowing_correlation",
            "edge.load_correlation",
        )
        found = dict[str, str]()
        if self.radio.recorded:
            found |= dict.fromkeys(DRAWN_GAIN, "the slow gain comes from radio.recorded")
        return found | dict.fromkeys(paths, "an episode is one task, with none before it")


PRESETS = Presets("transmission", TransmissionScenario)
load_scenario, preset_names = PRESETS.load, PRESETS.names
