"""Tables of the hardware world: what is observed."""

from __future__ import annotations

import math

from splitgym.fields import SQUASH, UNIT, Field
from splitgym.worlds.hardware.kernel import RECENT
from splitgym.worlds.hardware.profile import MODES
from splitgym.worlds.hardware.scenario import HardwareScenario


def observation_fields(scenario: HardwareScenario) -> tuple[Field, ...]:
    """The observation table of a scenario, in the order in which the kernel fills it."""
    profile, waits = scenario.hardware, scenario.requests.queueing
    middle_s = math.sqrt(profile.threshold_min_s * profile.threshold_max_s)
    return (
        Field(
            name="remaining_s",
            unit="s",
            kind=SQUASH,
            low=0.0,
            high=middle_s,
            meaning="latency threshold of this request, less the time it has waited",
        ),
        Field(
            name="clock_hz",
            unit="Hz",
            kind=UNIT,
            low=0.0,
            high=max(profile.edge.clocks_hz),
            meaning="clock in force (changing it may take time)",
        ),
        Field(
            name="accelerator",
            unit="mode",
            kind=UNIT,
            low=0.0,
            high=float(len(MODES) - 1),
            meaning=f"edge accelerator in force: {', '.join(MODES)} (changing it may take time)",
        ),
        Field(
            name="split",
            unit="layer",
            kind=UNIT,
            low=0.0,
            high=float(len(profile.split_points) - 1),
            meaning="split layer of the last request",
            state="redundant: changing it costs nothing",
        ),
        Field(
            name="gpu",
            unit="1",
            kind=UNIT,
            low=0.0,
            high=1.0,
            meaning="whether the last request was allowed the server's GPU",
            state="redundant: changing it costs nothing",
        ),
        *(
            Field(
                name=f"latency_{j + 1}_s",
                unit="s",
                kind=SQUASH,
                low=0.0,
                high=middle_s,
                meaning=f"latency of the request {j + 1} before this one; 0: there was none",
                state="hints at the hidden state of hardware and link, where it lasts",
            )
            for j in range(RECENT)
        ),
        Field(
            name="backlog",
            unit="request",
            kind=SQUASH,
            low=0.0,
            high=3.0,
            meaning="requests that have arrived and wait behind this one (counted up to 16)",
            state="their thresholds are hidden" if waits else "always 0: requests do not wait",
        ),
    )
