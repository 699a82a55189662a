"""The words of ``ProgressiveTransmission-v0``."""

from __future__ import annotations

from splitgym.worlds.about import About

ABOUT = About(
    story="""\
The packet level alone: one episode is the transmission of one task's features, one step is one radio slot.

You see the channel of the coming slot, the slots left, the features delivered, the uncertainty that the server predicts
(as old as the feedback takes), the reference power that a task level asks for, and the tracking queue.  You decide the
transmit power and whether to stop.

Each slot costs its energy: `transmission.energy_price` right answers for one task budget.  A right answer at the end is
worth 1.  The slots are made of the same functions as those inside a task of `SplitInference-v0`.""",
    end="""\
`terminated` is true when everything is delivered, when no slot is left, or when you stop: nothing was cut off, so no
value lies behind the end.  `truncated` stays false.""",
    versions={"v0": "first release, in splitgym 0.1.0"},
)
