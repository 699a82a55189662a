"""The hardware world as a few lines of text (``render_mode="ansi"``)."""

from __future__ import annotations

import math

from splitgym.show.hardware.story import EDGE, SERVER, STAGES, Last, Story, joules
from splitgym.show.viewer import CURVE_COLUMNS, dots, legend, marks, spread, timeline
from splitgym.show.words import milliseconds, percent

_FILL: dict[str, str] = dict(zip(STAGES.values(), "·▚█▒░", strict=True))


def text(story: Story) -> str:
    """The story in 12 lines of at most ``COLUMNS`` columns."""
    last = story.last
    lines = [
        spread(story.title, f"{story.counter} · {story.tally}"),
        *_strip(story),
        *(_nothing(story) if last is None else _request(last, story.server_weight)),
        f"{'answers':<12} {marks(story.score)}",
        spread(f"{'so far':<12} {_so_far(story)}", "" if story.backlog is None else f"backlog {dots(story.backlog)}"),
        f"{'next':<12} {', '.join(story.outlook)}",
    ]
    return "\n".join(line.rstrip() for line in lines)


def _strip(story: Story) -> tuple[str, str]:
    """The layers, those of the edge device filled, and who works on how many."""
    last_split = len(story.layers) - 1
    if story.last is None:
        return f"{'layers':<12} ▢{'┄' * last_split}", f"{'':<12} {last_split} layers, none served yet"
    split = story.last.configuration.split
    cells = f"▢{_FILL[EDGE] * split}┃{_FILL[SERVER] * (last_split - split)}"
    return (
        f"{'layers':<12} {cells}",
        f"{'':<12} ▢ input  {_FILL[EDGE]} {split} on the {EDGE}  {_FILL[SERVER]} {last_split - split} on the {SERVER}",
    )


def _nothing(story: Story) -> list[str]:
    return [
        f"{'last':<12} none yet; in force: {story.in_force.edge}",
        "result",
        f"{'time':<12} {'┄' * CURVE_COLUMNS}",
        "",
        "energy",
        "reward",
    ]


def _request(last: Last, server_weight: float) -> list[str]:
    c, energy_j = last.configuration, last.energy_j
    weight = "" if server_weight == 1.0 else f", of which {server_weight:g} is charged"
    accuracy = "" if math.isnan(last.accuracy) else f", accuracy {last.accuracy:.1%}"
    in_ms = [(stage, milliseconds(time_s).removesuffix(" ms")) for stage, time_s in last.stages if time_s > 0.0]
    moved = energy_j[STAGES["reconfigure"]]
    energies = [
        f"{EDGE} {joules(energy_j[EDGE])}",
        f"{SERVER} {joules(energy_j[SERVER])}{weight}",
        *([f"reconfigure {joules(moved)}"] if moved > 0.0 else []),
    ]
    return [
        f"{f'request {last.request + 1}':<12} {c.edge}, split layer {c.split} {c.layer}, {SERVER} {c.server}",
        f"{'result':<12} {', '.join((last.verdict, *last.remarks))}{accuracy}",
        f"{'time':<12} {timeline(last.stages, last.threshold_s, last.end_s, _FILL)} "
        f"{milliseconds(last.latency_s)} of {milliseconds(last.threshold_s)}",
        f"{'in ms':<12} {legend(in_ms, _FILL)}",
        f"{'energy':<12} {joules(energy_j['charged'])} charged: {', '.join(energies)}",
        f"{'reward':<12} {last.reward:+.3f}, {_saved(last.saved_ratio)} cloud-only",
    ]


def _saved(ratio: float) -> str:
    """Energy saved, or the opposite, in words."""
    return f"{percent(abs(ratio))} {'less' if ratio >= 0.0 else 'more'} energy than"


def _so_far(story: Story) -> str:
    if story.late_ratio is None or story.saved_ratio is None:
        return "-"
    switches = story.score.switches
    return (
        f"{percent(story.late_ratio)} late, {_saved(story.saved_ratio)} cloud-only, "
        f"{switches} switch{'' if switches == 1 else 'es'}"
    )
