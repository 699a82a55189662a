"""The placement world as a few lines of text (``render_mode="ansi"``)."""

from __future__ import annotations

from splitgym.show.placement.facts import Application, digits, share_words, tier_name
from splitgym.show.placement.story import OPEN, Story, saved_words
from splitgym.show.viewer import COLUMNS, CURVE_COLUMNS, marks, spread, timeline
from splitgym.show.words import brief, percent

_LINKS, _FILL_LINKS = "links", "·"
_FILLS = "█▒░▚"  # of the tiers; more tiers begin anew
_WORDS = COLUMNS - 13  # columns beside a label


def text(story: Story) -> str:
    """The story in 12 lines of at most ``COLUMNS`` columns."""
    app = story.shown
    rows = [
        ("in use", _in_use(story)),
        (f"app {app.number}", f"{app.network_words}, {app.target_words}"),
        ("path", _path(story)),
        ("energy", _energy(story)),
        ("latency", _latency(app)),
        ("time", _time(app, story)),
        ("verdict" if story.state != OPEN else "so far", story.verdict),
        ("", story.detail),
        ("answers", marks(story.score)),
        ("episode", _episode(story)),
        ("next", _next(story)),
    ]
    title = spread(story.title, f"{story.counter} · {story.tally}")
    return "\n".join([title, *(f"{label:<12} {brief(words, _WORDS)}".rstrip() for label, words in rows)])


def _fill(tier: int) -> str:
    return _FILLS[tier % len(_FILLS)]


def _in_use(story: Story) -> str:
    """Used compute and memory of the tiers, and the fills that stand for them."""
    tiers = (
        f"{_fill(tier)} {tier_name(tier)} {share_words(compute)}/{share_words(memory)}"
        for tier, (compute, memory) in story.used.items()
    )
    return f"compute/memory {'  '.join(tiers)}  {_FILL_LINKS} {_LINKS}"


def _path(story: Story) -> str:
    app = story.shown
    stays = [f"{block.name} {numbers}" for block, numbers in app.runs]
    if not stays or app.blocks[0].node != app.source:
        stays.insert(0, f"{app.source_name} (source)")
    if story.failed:
        stays[-1] += " ✗"
    return " → ".join(stays)


def _energy(story: Story) -> str:
    app = story.shown
    parts = " ".join(block.energy for block in app.blocks) or "–"
    return f"{digits(1e3 * app.energy_j)} mJ (least-latency plan {digits(1e3 * app.reference_j)}), by block {parts}"


def _latency(app: Application) -> str:
    parts = " ".join(block.so_far for block in app.blocks) or "–"
    return f"{digits(1e3 * app.latency_s)} of {digits(1e3 * app.target_s)} ms, after blocks {parts}"


def _time(app: Application, story: Story) -> str:
    """Sending and running over time."""
    if not app.blocks:
        return "┄" * CURVE_COLUMNS
    fill = {_LINKS: _FILL_LINKS, **{tier_name(tier): _fill(tier) for tier in story.used}}
    stages = [s for b in app.blocks for s in ((_LINKS, b.link_s), (tier_name(b.tier), b.run_s))]
    return timeline(stages, app.target_s, max(app.target_s, app.latency_s), fill)


def _episode(story: Story) -> str:
    live = f"{story.live} application{'' if story.live == 1 else 's'} live"
    if story.rejected_ratio is None:
        return live
    saved = "" if story.saved_ratio is None else f", {saved_words(story.saved_ratio, 'least-latency plans')}"
    return f"{percent(story.rejected_ratio)} rejected{saved}, {live}"


def _next(story: Story) -> str:
    coming = story.coming
    if coming is None:
        return ", ".join(story.outlook)
    return f"app {coming.number}: {coming.network_words}, {coming.target_words}"
