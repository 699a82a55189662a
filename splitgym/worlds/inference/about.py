"""The words of ``SplitInference-v0``."""

from __future__ import annotations

from splitgym.worlds.about import About

ABOUT = About(
    story="""\
A battery-powered device answers tasks with a deep network.  It runs the first blocks itself, sends their features over
a fading radio link, and an edge server runs the rest; the last blocks may run in a cloud behind the edge.

A task arrives with a deadline.  You decide when it is about to be served, and the service is then simulated slot by
slot:

1. the device's blocks and early exits,
2. uplink slots under fading, where the power follows a reference and the server may stop early,
3. the edge's blocks, slower under load,
4. the backhaul and the cloud's blocks.

A slow decision makes the next tasks late.  Tasks for which no time is left are missed.

An energy queue `Q <- max(Q + E - budget, 0)` counts the debt over the energy budget of each task, and the observation
shows it.  The reward is 1 for a right answer in time, less the price of what the task adds to the debt.  Over an
episode the debt adds up: the return is the number of right answers less the price of the final debt.""",
    end="""\
`truncated` is true when the last task is served or missed.  `terminated` is true only when a hard battery
(`device.battery_j`, off by default) is empty: the task that empties it has no answer, and its energies in `info` are
what it would have taken, which may be more than the battery held.""",
    versions={"v0": "first release, in splitgym 0.1.0"},
)
