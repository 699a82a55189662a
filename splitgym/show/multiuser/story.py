"""What there is to tell about a row of the multi-user world, gathered once for the text and for the picture."""

from __future__ import annotations

import dataclasses
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from splitgym.show.multiuser.facts import FATE, IDLE, Device, Tail, served_by, tails_of
from splitgym.show.viewer import Tally, counter, decoded_view, record
from splitgym.show.words import milliseconds, percent
from splitgym.units import ratio_to_db
from splitgym.worlds.multiuser.scenario import MultiUserScenario

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows


class Count(NamedTuple):
    """Tasks of one frame by what came of them."""

    correct: int
    wrong: int
    late: int

    @property
    def tasks(self) -> int:
        """All of them."""
        return sum(self)


class Score(Tally):
    """Running score of the frames drawn so far in one episode."""

    def clear(self, key: Any) -> None:
        """Begin the episode of ``key``."""
        super().clear(key)
        self.tasks, self.correct, self.energy_j = 0, 0, 0.0
        self.frames: deque[Count] = deque(maxlen=40)

    def count(self, outcome: Any) -> list[str]:
        """Count the tasks of a frame; they are too many for a mark each."""
        tasks, on_time, correct = int(outcome.tasks), int(outcome.on_time), int(outcome.correct)
        self.tasks += tasks
        self.correct += correct
        self.energy_j += float(outcome.energy_j)
        self.frames.append(Count(correct, on_time - correct, tasks - on_time))
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """Everything that text and picture show."""

    title: str
    frame: int  # the one to be decided
    n_frames: int
    over: bool
    score: Score
    length_s: float  # of a frame
    slot_s: float
    bandwidth_hz: float
    budget_j: float  # of a task
    workers: int  # of the edge, 0: no limit
    edge_load: float | None  # in the coming frame; None: never any
    last: int | None  # the last frame; None: none yet
    reward: float  # of the last frame
    devices: tuple[Device, ...]
    tails: tuple[Tail, ...]  # of the last frame, in order of arrival

    @property
    def fates(self) -> Counter[str]:
        """How many devices had which fate in the last frame."""
        return Counter(d.served.fate if d.served else IDLE for d in self.devices)

    @property
    def band(self) -> tuple[float, float]:
        """Share of the band given to devices that sent, and share of band and frame in which they did."""
        sent = [d.served for d in self.devices if d.served and d.served.sent]
        times = (s.share * (s.uplink_s[1] - s.uplink_s[0]) / self.length_s for s in sent)
        return min(sum(s.share for s in sent), 1.0), sum(times)

    @property
    def band_words(self) -> str:
        """The use of the band in words."""
        if self.last is None:
            return "no frame served yet"
        if self.fates[IDLE] == len(self.devices):
            return "nobody had a task"
        given, used = self.band
        if given == 0.0:
            return "nobody sent anything"
        return f"{percent(given)} for devices that sent, in use for {percent(used)} of band × frame"

    @property
    def counter(self) -> str:
        """Which frame of how many is to be decided."""
        return counter("frame", self.frame, self.n_frames, self.over)

    @property
    def tally(self) -> str:
        """Correct answers so far; "drawn" where frames were left out, because only drawn frames were counted."""
        score = self.score
        if self.last is None:
            return "no frame served yet"
        drawn, s = "" if score.complete else "drawn ", "" if score.tasks == 1 else "s"
        return f"{score.correct} of {score.tasks} {drawn}task{s} correct"

    @property
    def accuracy(self) -> float | None:
        """Share of correct answers among the tasks counted."""
        return self.score.correct / self.score.tasks if self.score.tasks else None

    @property
    def energy_ratio(self) -> float | None:
        """Energy per task counted over the budget."""
        return self.score.energy_j / (self.score.tasks * self.budget_j) if self.score.tasks else None

    @property
    def debts(self) -> str:
        """Energy queues of all devices in words."""
        worst = max(self.devices, key=lambda d: d.debt)
        mean = sum(d.debt for d in self.devices) / len(self.devices)
        if worst.debt == 0.0:
            return "no debts"
        return f"mean debt {mean:.1f}, largest {worst.debt_words} (device {worst.number})"

    @property
    def result(self) -> str:
        """The last frame in words."""
        if self.last is None:
            return "none yet"
        fates = self.fates
        counts = ", ".join(f"{fates[fate]} {words}" for fate, words in FATE.items() if fates[fate])
        return f"frame {self.last + 1}: {counts}, reward {self.reward:+.3f}"

    @property
    def arrivals(self) -> str:
        """Who reached the edge, in order."""
        if not self.tails:
            return "nothing reached the edge" if self.last is not None else "nothing has reached the edge"
        return f"reached by {' '.join(str(tail.number) for tail in self.tails)}"

    @property
    def waits(self) -> str:
        """Who had to wait at the edge, in order."""
        waited = [tail for tail in self.tails if tail.waited]
        if not waited:
            return "nobody waited"
        names = " ".join(f"{tail.number}{'' if tail.begun else '✗'}" for tail in waited)
        return f"up to {milliseconds(max(tail.begin_s - tail.at_s for tail in waited))} waited {names}"

    @property
    def outlook(self) -> tuple[str, ...]:
        """What is known about the frame to be decided, in short lines."""
        if self.over:
            return ("episode over",)
        coming, n = [d for d in self.devices if d.coming], len(self.devices)
        load = () if self.edge_load is None else (f"edge load {percent(self.edge_load)}",)
        if not coming:
            return "nobody has a task", *load
        gains, times = sorted(round(d.gain_db) for d in coming), sorted(d.deadline_s for d in coming)
        channels = _range(f"{gains[0]}", f"{gains[-1]} dB")
        return (
            f"{len(coming)} of {n} {'has' if len(coming) == 1 else 'have'} a task",
            ", ".join((f"channel {channels}", *load)),
            f"deadline {_range(milliseconds(times[0]).removesuffix(' ms'), milliseconds(times[-1]))}",
        )


def fit(words: str, longest: int) -> str:
    """Words, cut off between two of them where they are too long."""
    return words if len(words) <= longest else f"{words[: longest - 1].rpartition(' ')[0]} …"


def _range(low: str, high: str) -> str:
    """From low to high, the unit said once."""
    return high if high.startswith(f"{low} ") else f"{low} to {high}"


def tell(scenario: MultiUserScenario, params: Any, rows: Rows, row: int, score: Score) -> Story:
    """Gather the story of a row after a step or a reset; changes nothing in ``rows``."""
    state, outcome, p = record(rows.states, row), record(rows.outcomes, row), params.one
    view, last = decoded_view(params, rows, row), int(outcome.frame) if rows.steps[row] > 0 else None
    served = [None] * scenario.users.count if last is None else served_by(scenario, params, rows, row, last)
    devices = tuple(
        Device(
            number=n,
            served=served[n],
            debt=float(rows.nature.devices[row, n]["queue_j"] / p.budget_j),
            coming=bool(view.present[n] > 0.5),
            gain_db=ratio_to_db(float(view.gain[n])),
            deadline_s=float(view.remaining_s[n]),
        )
        for n in range(scenario.users.count)
    )
    return Story(
        title=f"{rows.world.env_id} · {scenario.name}",
        frame=int(state.frame),
        n_frames=int(p.n_tasks),
        over=bool(state.finished),
        score=score,
        length_s=scenario.frames.length_s,
        slot_s=float(p.slot_s),
        bandwidth_hz=float(p.bandwidth_hz),
        budget_j=float(p.budget_j),
        workers=int(params.workers),
        edge_load=float(view.edge_load) if p.load_max > 0.0 else None,
        last=last,
        reward=float(outcome.reward),
        devices=devices,
        tails=tails_of(devices),
    )
