"""The words of ``BlockPlacement-v0``."""

from __future__ import annotations

from splitgym.worlds.about import About

ABOUT = About(
    story="""\
Networks with early exits over a graph of mobile, edge and cloud nodes, after FIN (arXiv 2404.08060).  Applications
arrive, each with a source, a rate, a latency target and an accuracy target, and stay for a while.

One step places the next block of the present application on a node, or ends the network with one of its exit sets, or
rejects the application.  Accepted applications share compute, memory and link capacity until they leave.  A move that
no exit set allows rejects the application, and the mask shows such moves.

The reward comes when an application is closed: the share of energy saved against its least-latency plan, or a penalty
(`reward.rejection_penalty`) for a rejection.""",
    end="`truncated` is true when the last application is closed.  `terminated` stays false.",
    versions={"v0": "first release, in splitgym 0.1.0"},
)
