"""What the viewers of all worlds share: modes and windows, counting of drawn steps, pieces of text."""

from __future__ import annotations

import importlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.extras import need
from splitgym.physics.codec import decode_fields

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows

FRAME_S = 0.25  # how long a window shows a frame: 1 / render_fps of the environments
COLUMNS = 100  # of text
CURVE_COLUMNS = 60  # of timelines and curves in text
GOOD, BAD, MISSED = "good", "bad", "missed"  # marks of the running score
MARK = {GOOD: "●", BAD: "○", MISSED: "×"}


class Viewer:
    """Draws rows of an environment; keeps for each the running score of the steps it has drawn.

    Args:
        scenario, params: the environment's scenario and its PARAMS record.
        score: makes the :class:`Tally` of a row.
        tell: gathers a story, which has a ``title``: ``tell(scenario, params, rows, row, score)``.
        text: the story as lines of text.
        picture: module of a class ``Picture(figure, story)`` with a ``board`` and ``draw(story)``; it is imported, and
            with it Matplotlib, when the first picture is asked for.
    """

    def __init__(
        self,
        scenario: Any,
        params: Any,
        *,
        score: Callable[[], Tally],
        tell: Callable[..., Any],
        text: Callable[[Any], str],
        picture: str,
    ) -> None:
        self.scenario, self.params = scenario, params
        self._scores: defaultdict[int, Tally] = defaultdict(score)
        self._tell, self._text, self._picture_module = tell, text, picture
        self._pictures: dict[str, Any] = {}
        self._window: Any = None

    def draw(self, rows: Rows, row: int, mode: str) -> str | np.ndarray | None:
        """Draw a row; ``rows`` is only read.

        Returns lines of text (``ansi``), an image (600, 960, 3) uint8 (``rgb_array``), or ``None`` after showing a
        window (``human``).  Raises ``DependencyNotInstalled`` without Matplotlib, ``RuntimeError`` without a screen.
        """
        score = self._scores[row]
        score.update(rows, row)
        story = self._tell(self.scenario, self.params, rows, row, score)
        if mode == "ansi":
            return self._text(story)
        picture = self._picture(mode, story)
        picture.draw(story)
        if mode == "human":
            self._window.show(FRAME_S)
            return None
        return picture.board.pixels()

    def _picture(self, mode: str, story: Any) -> Any:
        """The picture of a mode, made when it is first asked for."""
        need("matplotlib", "report")
        if mode not in self._pictures:
            from splitgym.show import board

            if mode == "human":
                self._window = board.Window(story.title)
            figure = self._window.figure if mode == "human" else board.image_figure()
            self._pictures[mode] = importlib.import_module(self._picture_module).Picture(figure, story)
        return self._pictures[mode]

    def close(self) -> None:
        """Close the window, if any."""
        if self._window is not None:
            self._window.close()
        self._window, self._pictures = None, {}


# -------------------------------------------------------------------- what is told
class Tally:
    """Running score of the steps drawn so far in one episode; frames that nobody asked for cannot be counted.

    A subclass says in :meth:`count` what a step is worth, and in :meth:`clear` that it is worth nothing yet.
    """

    def __init__(self) -> None:
        self.clear(None)

    def clear(self, key: Any) -> None:
        """Begin the episode of ``key``."""
        self.key, self.steps, self.counted = key, 0, 0
        self.marks: deque[str] = deque(maxlen=40)

    def count(self, outcome: Any) -> Iterable[str]:
        """Count a step by its OUTCOME record; returns its marks, of ``GOOD``, ``BAD``, ``MISSED``."""
        raise NotImplementedError

    def update(self, rows: Rows, row: int) -> None:
        """Count the row's last step, unless it has been counted."""
        key, steps = (rows.keys[row], rows.episodes[row]), int(rows.steps[row])
        if key != self.key or steps < self.steps or steps == 0:
            self.clear(key)
        if steps > self.steps:
            self.counted += 1
            self.marks.extend(self.count(record(rows.outcomes, row)))
            self.steps = steps

    @property
    def complete(self) -> bool:
        """Whether every step of the episode so far was drawn."""
        return self.counted == self.steps


def record(array: np.ndarray, index: int) -> Any:
    """One element of a structured array, with attribute access."""
    return array.view(np.recarray)[index]


def decoded_view(params: Any, rows: Rows, row: int) -> Any:
    """What the decision maker sees, in SI units: a VIEW record with attribute access."""
    kinds, lows, highs = (params[f"field_{part}"][: params.n_fields].copy() for part in ("kind", "low", "high"))
    values = np.empty((1, params.n_fields))
    decode_fields(rows.seen.observations[row : row + 1].copy(), kinds, lows, highs, values)
    return values.view(rows.world.view(rows.scenario)).view(np.recarray)[0, 0]


def counter(thing: str, present: int, total: int, over: bool) -> str:
    """Which of how many tasks or requests is to be decided; ``present`` counts from 0."""
    if not over:
        return f"{thing} {present + 1} of {total}"
    return f"all {total} {thing}s done" if present >= total else f"over after {thing} {present}"


# -------------------------------------------------------------------- pieces of text
def spread(left: str, right: str) -> str:
    """A line with something at both ends."""
    return f"{left}{' ' * max(COLUMNS - len(left) - len(right), 2)}{right}"


def marks(score: Tally) -> str:
    """The running score as a row of marks."""
    return "".join(MARK[m] for m in score.marks) or "-"


def dots(backlog: int) -> str:
    """A backlog as dots and a number."""
    return f"{'●' * min(backlog, 16)} {backlog}".strip() if backlog else "none"


def legend(stages: Iterable[tuple[str, str]], fill: Mapping[str, str]) -> str:
    """Fills of a :func:`timeline`, each with (stage, duration in words)."""
    return "  ".join(f"{fill[stage]} {stage} {words}" for stage, words in stages)


def timeline(
    stages: Iterable[tuple[str, float]],
    limit_s: float,
    end_s: float,
    fill: Mapping[str, str],
    columns: int = CURVE_COLUMNS,
) -> str:
    """Stages (name, duration) as fills over ``end_s``; a bar marks the limit, an arrow one that lies beyond."""
    scale = (columns - 1) / end_s
    cells, at_s = [" "] * columns, 0.0
    for stage, time_s in stages:
        first, at_s = round(at_s * scale), at_s + time_s
        for column in range(first, min(round(at_s * scale), columns)):
            cells[column] = fill[stage]
    cells[min(round(limit_s * scale), columns - 1)] = "┃" if limit_s <= end_s else "▸"
    return "".join(cells)


_BARS = " ▁▂▃▄▅▆▇█"


def spark(values: np.ndarray, low: float, high: float, columns: int = CURVE_COLUMNS) -> str:
    """A curve of at most ``columns`` characters; longer ones show the mean of neighbours."""
    parts = np.array_split(values, min(len(values), columns)) if len(values) else []
    levels = [(part.mean() - low) / (high - low) if high > low else 0.0 for part in parts]
    return "".join(_BARS[max(min(round(level * 8), 8), 0 if level <= 0.0 else 1)] for level in levels)
