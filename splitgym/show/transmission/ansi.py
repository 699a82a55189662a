"""The transmission world as a few lines of text (``render_mode="ansi"``)."""

from __future__ import annotations

import numpy as np

from splitgym.show.transmission.story import Story
from splitgym.show.viewer import CURVE_COLUMNS, spark, spread
from splitgym.show.words import megabits, percent


def text(story: Story) -> str:
    """The story in 10 lines of at most ``COLUMNS`` columns; curves span the slots of the task, ``┄``: those to come."""
    last = f"{1e3 * story.slots[-1, 2]:.3g} mW in the last slot" if story.used else "nothing sent yet"
    gains, beliefs = story.gains_db, story.predictions
    lines = [
        spread(story.title, story.counter),
        _line("power", story, 1e3 * story.slots[:, 2], 0.0, 1e3 * story.power_max_w, last),
        _line("gain", story, gains, gains.min(initial=0.0) - 1.0, gains.max(initial=-999.0), _gain(gains)),
        _line("queue", story, story.slots[:, 6], 0.0, story.slots[:, 6].max(initial=0.0), f"q {story.queue_w:.3f} W"),
        _line("features", story, story.slots[:, 3], 0.0, 1.0, f"{percent(story.feature_ratio)} of {story.cut}"),
        _line("doubt", story, beliefs, 0.0, 1.0, _doubt(story)),
        f"{'sent':<9} {megabits(story.bits)} with {story.spent}",
        f"{'reference':<9} {1e3 * story.reference_w:.3g} mW, tracking queue {story.queue_w:.3f} W",
        f"{'answer':<9} {'; '.join(filter(None, (story.ending, story.verdict, story.reason)))}",
        f"{'next':<9} {'–' if story.over else f'{story.left} slots left, channel {story.channel}'}",
    ]
    return "\n".join(line.rstrip() for line in lines)


def _line(name: str, story: Story, values: np.ndarray, low: float, high: float, label: str) -> str:
    """A curve over the slots of the whole task."""
    columns = min(CURVE_COLUMNS, story.count)
    filled = min(max(round(len(values) / story.count * columns), min(len(values), 1)), columns)
    return spread(f"{name:<9} {spark(values, low, high, filled):<{filled}}{'┄' * (columns - filled)}", label)


def _gain(gains_db: np.ndarray) -> str:
    if len(gains_db) == 0:
        return "not measured"
    low, high = gains_db.min(), gains_db.max()
    return f"{low:.0f} dB" if round(low) == round(high) else f"{low:.0f} to {high:.0f} dB"


def _doubt(story: Story) -> str:
    if not story.watched:
        return "not predicted"
    return f"{story.uncertainty:.2f} known, stop at {story.threshold:.2f}"
