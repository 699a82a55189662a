"""What there is to tell about a row of the transmission world, gathered once for the text and for the picture."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.physics.dnn import answers_part, curve_of, ratio_for
from splitgym.show.viewer import Tally, record
from splitgym.show.words import millijoules
from splitgym.units import ratio_to_db
from splitgym.worlds.transmission.scenario import TransmissionScenario

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows

FLOOR_DB = -300.0  # a dead channel


class Score(Tally):
    """An episode is one task, so there is nothing to count but its steps."""

    def count(self, outcome: Any) -> tuple[str, ...]:
        return ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """Everything that text and picture show.

    While the transmission runs it holds what the device can know: the server's predictions are those that have
    arrived.  What only the end reveals (the answer, and the feature ratio at which it turns right) comes at the end.
    """

    title: str
    cut: str
    channels: int
    count: int  # slots that the deadline left
    used: int
    first: int  # index of the first slot after the start of service
    slot_s: float
    reference_w: float
    power_max_w: float
    slots: np.ndarray  # (slots used, 7): index, gain h, power [W], feature ratio, rate [bit/s], uncertainty, queue [W]
    gain: float  # slow gain G [1]
    next_gain: float  # G h of the coming slot [1]
    seen: int  # predictions that have arrived
    uncertainty: float  # the newest of them
    threshold: float  # H_th of the scenario
    watched: bool  # whether the server predicts at all
    feature_ratio: float
    bits: float
    queue_w: float
    energy_j: float
    over: bool
    stopped: bool
    correct: bool
    accuracy: float
    turn: float | None  # at the end: feature ratio from which the answer is right; None: unknown or never

    @property
    def counter(self) -> str:
        """Which slot of how many is to be decided."""
        if self.over:
            return f"over after {self.used} of {self.count} slots"
        return f"slot {self.used + 1} of {self.count}"

    @property
    def left(self) -> int:
        """Slots left to decide."""
        return 0 if self.over else self.count - self.used

    @property
    def gains_db(self) -> np.ndarray:
        """Channel gain of the slots sent, and of the coming one while there is one [dB]."""
        gains = self.gain * self.slots[:, 1]
        known = gains if self.over else np.append(gains, self.next_gain)
        return 10.0 * np.log10(np.maximum(known, 10.0 ** (FLOOR_DB / 10.0)))

    @property
    def predictions(self) -> np.ndarray:
        """The server's predictions that the device knows (seen,); all of them at the end, none of a cut without."""
        known = len(self.slots) if self.over else self.seen
        return self.slots[: known if self.watched else 0, 5]

    @property
    def allowed_j(self) -> float:
        """Energy of the reference power in all slots [J]."""
        return self.reference_w * self.count * self.slot_s

    @property
    def ending(self) -> str:
        """Why the transmission is over; empty while it runs."""
        if not self.over:
            return ""
        if self.stopped:
            return "stopped" if self.used else "stopped before the first slot"
        return "everything delivered" if self.feature_ratio >= 1.0 else "no slot left"

    @property
    def verdict(self) -> str:
        """The answer in words; before it what can be expected of an answer now."""
        if not self.over:
            return f"an answer now: {self.accuracy:.0%} right"
        if not self.watched and self.feature_ratio < 1.0:
            return "no answer: incomplete"
        return "right answer" if self.correct else "wrong answer"

    @property
    def reason(self) -> str:
        """What the answer needs; at the end, what it needed."""
        if not self.watched:
            return "needs all of the features"
        if not self.over:
            return "more features make it better"
        if self.turn is None:
            return "never right, whatever arrives"
        return "right even by guessing" if self.turn <= 0.0 else f"right from {self.turn:.1%} of the features on"

    @property
    def channel(self) -> str:
        """The coming slot's channel, in words."""
        if self.over:
            return "–"
        fade_db = ratio_to_db(max(self.next_gain / self.gain, 1e-30))
        return f"{ratio_to_db(max(self.next_gain, 1e-300)):.0f} dB, {fade_db:+.1f} dB fading"

    @property
    def spent(self) -> str:
        """Energy so far in words."""
        return f"{millijoules(self.energy_j)} of {millijoules(self.allowed_j)} at the reference"


def tell(scenario: TransmissionScenario, params: Any, rows: Rows, row: int, score: Score) -> Story:
    """Gather the story of a row after a step or a reset; changes nothing in ``rows``."""
    s, o = record(rows.states, row), record(rows.outcomes, row)
    x = record(rows.nature.tasks[row], 0)
    partial, over = bool(answers_part(params.cut, params)), bool(s.depleted)
    turn = None
    if over and partial and x.complexity <= params.accuracy_full:
        turn = ratio_for(x.complexity, curve_of(params.cut, params))
    used = min(int(s.used), rows.logs.shape[1])
    return Story(
        title=f"{rows.world.env_id} · {scenario.name}",
        cut=scenario.transmission.cut,
        channels=int(params.cut_channels[params.cut]),
        count=int(s.count),
        used=int(s.used),
        first=int(s.first),
        slot_s=float(params.slot_s),
        reference_w=float(x.reference_w),
        power_max_w=float(params.power_max_w),
        slots=rows.logs[row, :used].copy(),
        gain=float(x.gain),
        next_gain=float(o.next_slot_gain),
        seen=max(used - int(params.feedback_slots), 0),
        uncertainty=float(o.seen_uncertainty),
        threshold=float(params.stop_threshold),
        watched=partial,
        feature_ratio=float(o.feature_ratio),
        bits=float(o.bits),
        queue_w=float(s.power_queue_w),
        energy_j=float(o.energy_radio_j),
        over=over,
        stopped=bool(o.stopped),
        correct=bool(o.correct),
        accuracy=float(o.accuracy),
        turn=None if turn is None or math.isinf(turn) else float(turn),
    )
