"""The words of ``SplitInferenceMultiUser-v0``."""

from __future__ import annotations

from splitgym.worlds.about import About

ABOUT = About(
    story="""\
N devices share the uplink and the edge server behind it, in frames.  At the start of a frame each device has at most
one task, and nothing but the energy queues carries over to the next.

One step is one frame.  For each device you decide the cut, the clock, the reference power and a weight.  Devices with a
task share the band in proportion to their weights, and equally if all of these are zero, so the shares of a frame
always sum to one.

Devices differ by their distance.  Each has its own shadowing, fading, samples and energy queue.  Its task is served by
the code of `SplitInference-v0`: one device with the whole band is that environment bit for bit.

The reward is the sum over the devices.  A budget belongs to a task, so the queue of a device without a task stays.
`action="discrete"` takes one decision for all devices.""",
    end="`truncated` is true after the last frame.  `terminated` stays false.",
    versions={"v0": "first release, in splitgym 0.1.0"},
)
