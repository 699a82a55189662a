"""The multi-user world as a few lines of text (``render_mode="ansi"``)."""

from __future__ import annotations

from splitgym.show.multiuser.facts import FATE, IDLE, STAGES, Device, Served
from splitgym.show.multiuser.story import Count, Story, fit
from splitgym.show.viewer import COLUMNS, MARK, spread, timeline
from splitgym.show.words import milliseconds, percent

MOST_LINES = 8  # devices with a line of their own
_FILL: dict[str, str] = dict(zip(STAGES, "█▓·▒", strict=True))
_MARK = {**MARK, IDLE: "-"}
_BARS = "▁▂▃▄▅▆▇█"
_LABEL, _TIME, _GAUGE = 8, 31, 4  # columns of labels, timelines and gauges
_WORDS = COLUMNS - _LABEL - 1


def text(story: Story) -> str:
    """The story in lines of at most ``COLUMNS`` columns; how many depends on the scenario alone."""
    rows = [
        ("band", _band(story)),
        ("", f"{story.bandwidth_hz / 1e6:.3g} MHz, {story.band_words}"),
    ]
    lines = [
        spread(story.title, f"{story.counter} · {story.tally}"),
        *_labelled(rows),
        _head(story),
        *(_device(story, device) for device in _shown(story)),
        *_labelled([("", "  ".join(f"{fill} {stage}" for stage, fill in _FILL.items()) + "  ┃ deadline")]),
        *(_labelled(_everyone(story)) if len(story.devices) > MOST_LINES else ()),
        *(_labelled(_edge(story)) if story.workers else ()),
        *_labelled(_status(story)),
    ]
    return "\n".join(line.rstrip() for line in lines)


def _labelled(rows: list[tuple[str, str]]) -> list[str]:
    return [f"{label:<{_LABEL}} {words}" for label, words in rows]


# -------------------------------------------------------------------- the band
def _band(story: Story) -> str:
    """The band from 0 to its end, cut into shares; each begins with its device's number where that fits."""
    if story.last is None:
        return "┄" * _WORDS
    cells, so_far = "", 0.0
    for device in story.devices:
        if device.served is None or device.served.share == 0.0:
            continue
        begin, so_far = len(cells), so_far + device.served.share
        width, number = round(so_far * _WORDS) - begin, str(device.number)
        fill = _FILL["uplink"] if device.served.sent else "░"
        cells += f"{number}{fill * (width - len(number))}" if width > len(number) else fill * width
    return cells or "┄" * _WORDS


# -------------------------------------------------------------------- devices
def _shown(story: Story) -> list[Device]:
    """The devices with a line of their own: all, or some evenly spaced, which are always the same."""
    n = len(story.devices)
    if n <= MOST_LINES:
        return list(story.devices)
    return [story.devices[round(i * (n - 1) / (MOST_LINES - 1))] for i in range(MOST_LINES)]


def _head(story: Story) -> str:
    time = f"0 to {milliseconds(story.length_s)}"
    return _row("dev", "cut", "GHz", "mW", time, "sent", "answer", "debt", "next dB", "ms")


def _row(number: str, cut: str, ghz: str, mw: str, time: str, sent: str, answer: str, *rest: str) -> str:
    debt, gain, deadline = rest
    return (
        f"{number:>3} {cut:<7} {ghz:>4} {mw:>5} {time:<{_TIME}} {sent:>4} {answer:<18} {debt:<{_GAUGE + 5}} "
        f"{gain:>7} {deadline:>3}"
    )


def _device(story: Story, device: Device) -> str:
    served, gain = device.served, f"{device.gain_db:.0f}"
    gauge = f"{_gauge(device.debt)} {device.debt_words}"
    deadline = f"{1e3 * device.deadline_s:.0f}" if device.coming else "–"
    if served is None:
        answer = FATE[IDLE] if story.last is not None else ""
        cells = ("–", "–", "–", "┄" * _TIME, "–", answer)
    else:
        clock = f"{served.clock_hz / 1e9:.3g}"
        cells = (served.cut, clock, served.power_words, _time(story, served), served.sent_words, served.verdict)
    return _row(str(device.number), *cells, gauge, gain, deadline)


def _time(story: Story, served: Served) -> str:
    return timeline(served.stages, served.deadline_s, story.length_s, _FILL, _TIME)


def _gauge(debt: float) -> str:
    """A queue of up to ten budgets as a bar; whatever there is fills a cell."""
    filled = min(max(round(0.1 * debt * _GAUGE), debt > 0.0), _GAUGE)
    return "█" * filled + "░" * (_GAUGE - filled)


# -------------------------------------------------------------------- all together
def _everyone(story: Story) -> list[tuple[str, str]]:
    """A mark for every device, in as many lines as it takes."""
    fates = [d.served.fate if d.served else IDLE for d in story.devices]
    marks = "┄" * len(fates) if story.last is None else "".join(_MARK[fate] for fate in fates)
    parts = [marks[i : i + _WORDS] for i in range(0, len(marks), _WORDS)]
    legend = "  ".join(f"{_MARK[fate]} {words}" for fate, words in FATE.items())
    return [("all", parts[0]), *(("", part) for part in parts[1:]), ("", f"{legend}  (device 0 first)")]


def _edge(story: Story) -> list[tuple[str, str]]:
    """Who reached the edge in which order, and who had to wait."""
    return [(f"edge {story.workers}", fit(story.arrivals, _WORDS)), ("", fit(story.waits, _WORDS))]


def _status(story: Story) -> list[tuple[str, str]]:
    accuracy, energy = story.accuracy, story.energy_ratio
    so_far = ""
    if accuracy is not None and energy is not None:
        so_far = f"{percent(accuracy)} correct, {percent(energy)} of the energy budget, "
    return [
        ("last", story.result),
        ("answers", "".join(_bar(frame) for frame in story.score.frames) or "-"),
        ("so far", f"{so_far}{story.debts}"),
        ("next", ", ".join(story.outlook)),
    ]


def _bar(count: Count) -> str:
    """The share of correct answers in a frame."""
    return _BARS[round(7 * count.correct / count.tasks)] if count.tasks else "·"
