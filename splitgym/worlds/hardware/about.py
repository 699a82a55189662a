"""The words of ``HardwareSplit-v0``."""

from __future__ import annotations

from splitgym.worlds.about import About

ABOUT = About(
    story="""\
A Raspberry Pi with an Edge TPU, a link of 588 Mbit/s and a server with a GPU, as DynaSplit measured them
(arXiv 2410.23881).  It is a model fitted to the published measurements, so anyone can search, schedule and train on it.

One step is one request with a latency threshold.  You decide the CPU clock, the mode of the edge accelerator, the split
layer (0 sends the input, the last one keeps everything on the edge device) and the use of the server's GPU.  An
accelerator where nothing runs on the edge device, or a GPU where nothing runs on the server, counts as off, and the
mask hides it.

The reward is the share of energy saved against cloud-only if the threshold is met, and a penalty
(`reward.violation_penalty`) if not.""",
    end="`truncated` is true after the last request.  `terminated` stays false.",
    versions={"v0": "first release, in splitgym 0.1.0"},
)
