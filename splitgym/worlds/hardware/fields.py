"""Tables of the hardware world: what is observed."""

from __future__ import annotations

import math

from splitgym.fields import SQUASH, UNIT
from splitgym.worlds.hardware.kernel import RECENT
from splitgym.worlds.hardware.profile import MODES
from splitgym.worlds.hardware.scenario import HardwareScenario
from splitgym.worlds.observation import ObservationTable, Observed


def _middle_s(scenario: HardwareScenario) -> float:
    return math.sqrt(scenario.hardware.threshold_min_s * scenario.hardware.threshold_max_s)


#: What is observed; the scales are the scenario itself.
OBSERVATION_TABLE = ObservationTable(
    Observed(
        name="remaining_s",
        unit="s",
        kind=SQUASH,
        high=_middle_s,
        meaning="latency threshold of this request, less the time it has waited",
    ),
    Observed(
        name="clock_hz",
        unit="Hz",
        kind=UNIT,
        high=lambda sc: max(sc.hardware.clocks_hz),
        meaning="clock in force (changing it may take time)",
    ),
    Observed(
        name="accelerator",
        unit="mode",
        kind=UNIT,
        high=float(len(MODES) - 1),
        meaning=f"edge accelerator in force: {', '.join(MODES)} (changing it may take time)",
    ),
    Observed(
        name="split",
        unit="layer",
        kind=UNIT,
        high=lambda sc: float(len(sc.hardware.split_points) - 1),
        meaning="split layer of the last request",
        state="redundant: changing it costs nothing",
    ),
    Observed(
        name="gpu",
        unit="1",
        kind=UNIT,
        meaning="whether the last request was allowed the server's GPU",
        state="redundant: changing it costs nothing",
    ),
    *(
        Observed(
            name=f"latency_{j + 1}_s",
            unit="s",
            kind=SQUASH,
            high=_middle_s,
            meaning=f"latency {j + 1} request{'s' if j else ''} ago; 0: there was none",
            state="hints at the hidden state of hardware and link, where it lasts",
        )
        for j in range(RECENT)
    ),
    Observed(
        name="backlog",
        unit="request",
        kind=SQUASH,
        high=3.0,
        meaning="requests that have arrived and wait behind this one (counted up to 16)",
        state=lambda sc: "their thresholds are hidden" if sc.requests.queueing else "always 0: requests do not wait",
    ),
    most=16,
)
