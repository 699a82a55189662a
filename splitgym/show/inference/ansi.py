"""The inference world as a few lines of text (``render_mode="ansi"``)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from splitgym.show.inference.story import PLACES, RAN, STAGES, Block, Last, Story
from splitgym.show.viewer import CURVE_COLUMNS, dots, legend, marks, spark, spread, timeline
from splitgym.show.words import megabits, millijoules, milliseconds, percent

_FILL: dict[str, str] = dict(zip(STAGES, "·█▓▒─░", strict=True))


def text(story: Story) -> str:
    """The story in 15 lines of ``COLUMNS`` columns; the schematic is wider where the names of the blocks need it.

    A dot before a block: it did not run in the last task.
    """
    lines = [spread(story.title, f"{story.counter} · {story.tally}"), *_schematic(story), *_task(story.last)]
    lines += [
        f"{'answers':<9} {marks(story.score)}",
        spread(f"{'energy':<9} {_gauge(story.debt)}", f"backlog {dots(story.backlog)}"),
        f"{'next':<9} {story.outlook}",
    ]
    return "\n".join(line.rstrip() for line in lines)


def _gauge(debt: float) -> str:
    filled = round(min(debt / 10.0, 1.0) * 20)
    return f"{'█' * filled}{'░' * (20 - filled)}{'>' if debt > 10.0 else ' '} debt {debt:.2f} task budgets"


# ---------------------------------------------------------------- device, radio, edge, cloud
def _schematic(story: Story) -> list[str]:
    last = story.last
    places = PLACES if story.cloud else PLACES[:2]
    columns: list[Sequence[str]] = []
    for place in places:
        if place != "device":
            columns.append(_link(last, "uplink" if place == "edge" else "backhaul"))
        columns.append(_box(story, place))
    return ["".join(row) for row in zip(*columns, strict=True)]


def _box(story: Story, place: str) -> list[str]:
    last = story.last
    here = [(i, b) for i, b in enumerate(story.blocks, 1) if b.place == place]
    chips = [_chip(b) for _, b in here] if len(story.blocks) <= 10 else _runs(here)
    body, foot, head = " ".join(chips), "", place.upper()
    if last is not None:
        head += {
            "device": f" {last.clock_hz / 1e9:.3g} GHz",
            "edge": f" load {last.edge_load:.0%}",
            "cloud": f" rtt {milliseconds(last.rtt_s)}",
        }[place]
        if last.seconds(place) > 0.0:
            foot = f"{milliseconds(last.seconds(place))}, {millijoules(last.energy_j[place])}"
    width = max(len(head) + 2, len(body), len(foot), 12)
    return [
        f"╭─ {head} {'─' * (width - len(head) - 1)}╮",
        f"│ {body:<{width}} │",
        f"│ {foot:<{width}} │",
        f"╰{'─' * (width + 2)}╯",
    ]


def _chip(block: Block) -> str:
    name = block.name if block.fate == RAN else f"·{block.name}"
    return f"{name}◆exit" if block.answered else name


def _runs(blocks: list[tuple[int, Block]]) -> list[str]:
    """Neighbours of one fate as ``blocks 1-7``, for networks with too many blocks to name."""
    chips = []
    for fate, group in groupby(blocks, lambda numbered: numbered[1].fate):
        run = list(group)
        low, high = run[0][0], run[-1][0]
        name = f"blocks {low}-{high}" if high > low else f"block {low}"
        chips.append(_chip(Block(name, "", fate, any(b.answered for _, b in run))))
    return chips


def _link(last: Last | None, stage: str) -> tuple[str, str, str, str]:
    """Four cells of ten columns between two boxes."""
    over = under = ""
    line = "┄" * 8 + "▷"
    if last is not None and last.seconds(stage) > 0.0:
        line = "━" * 8 + "▶"
        over = milliseconds(last.seconds(stage))
        if stage == "uplink":
            over, under = megabits(last.bits), f"{percent(last.feature_ratio)} sent"
    return over.center(10), f"{line} ", under.center(10), " " * 10


# ---------------------------------------------------------------- the last task
def _task(last: Last | None) -> list[str]:
    if last is None:
        curves = [f"{name:<9} {'┄' * CURVE_COLUMNS}" for name in ("time", "power", "gain", "sent")]
        return [f"{'last':<9} none yet", "result", curves[0], "", *curves[1:]]
    sign = "✓" if last.correct else "✗"
    times = f"{milliseconds(last.latency_s)}, deadline {milliseconds(last.deadline_s)}"
    lines = [
        f"{f'task {last.task + 1}':<9} {last.decision}",
        f"{'result':<9} {sign} {last.verdict}, expected accuracy {last.accuracy:.0%}, "
        f"{millijoules(last.energy_j['charged'])}",
        spread(f"{'time':<9} {timeline(last.stages, last.deadline_s, last.end_s, _FILL)}", times),
        f"{'':<9} " + legend([(stage, milliseconds(t)) for stage, t in last.stages if t > 0.0], _FILL),
    ]
    power_mw, gain_db = 1e3 * last.slots[:, 2], last.gains_db
    stop = ", stopped early" if last.stopped_early else ""
    rows = [
        ("power", power_mw, f"up to {power_mw.max(initial=0.0):.3g} mW"),
        ("gain", gain_db, f"{gain_db.min(initial=0.0):.0f} to {gain_db.max(initial=-999.0):.0f} dB"),
        (
            "sent",
            last.slots[:, 3],
            f"{percent(last.feature_ratio)}, {len(last.slots)} of {last.slots_available} slots{stop}",
        ),
    ]
    if not last.sent:
        return [
            *lines,
            *(
                spread(f"{name:<9} {'┄' * CURVE_COLUMNS}", "nothing sent" if name == "power" else "")
                for name, _, _ in rows
            ),
        ]
    for name, values, label in rows:
        low = values.min() - 1.0 if name == "gain" else 0.0
        high = 1.0 if name == "sent" else values.max()
        lines.append(spread(f"{name:<9} {spark(values, low, high)}", label))
    return lines
