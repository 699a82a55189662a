"""What a viewer tells about each device of the multi-user world: its last frame, its way through the edge."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from splitgym.show.viewer import BAD, GOOD, MISSED, record
from splitgym.show.words import brief, percent
from splitgym.worlds.multiuser.scenario import MultiUserScenario

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows

STAGES = ("device", "uplink", "wait", "edge")
CORRECT, WRONG, LATE, IDLE = GOOD, BAD, MISSED, "idle"  # fates of a device's frame
FATE = {CORRECT: "correct", WRONG: "wrong", LATE: "late", IDLE: "no task"}
SIGN = {CORRECT: "✓", WRONG: "✗", LATE: "✗", IDLE: "–"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """What a device did in the last frame: times in s after its start."""

    cut: str
    depth: float  # share of the blocks that are on the device
    clock_hz: float
    power_w: float
    share: float  # of the band
    deadline_s: float
    stages: tuple[tuple[str, float], ...]  # (name, duration), in order, all of STAGES
    feature_ratio: float
    slots: np.ndarray  # (slots used, 5): index, gain h, power [W], feature ratio, rate [bit/s]
    sent: bool
    received: bool  # whether a bit arrived
    offloads: bool  # whether anything is to be sent
    fate: str
    reason: str  # of the fate, in a word or two; empty where there is nothing to say

    @property
    def verdict(self) -> str:
        """Fate and reason in a few words."""
        return f"{SIGN[self.fate]} {FATE[self.fate]}{f': {self.reason}' if self.reason else ''}"

    @property
    def power_words(self) -> str:
        """Reference power in mW, in at most five characters; a dash where nothing is to be sent."""
        power_mw = 1e3 * self.power_w
        return (
            "–" if not self.offloads else f"{power_mw:.3g}" if power_mw >= 1.0 or power_mw == 0.0 else f"{power_mw:.2f}"
        )

    @property
    def sent_words(self) -> str:
        """Share of the features received; a dash where nothing is to be sent."""
        return percent(self.feature_ratio) if self.offloads else "–"

    @property
    def uplink_s(self) -> tuple[float, float]:
        """Begin and end of sending."""
        begin_s = self.stages[0][1]
        return begin_s, begin_s + self.stages[1][1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device:
    """One device: its last frame, its energy queue, and what it sees of the coming frame."""

    number: int  # as in ``info`` and in the names of the agents, from 0
    served: Served | None  # None: it had no task
    debt: float  # energy queue in task budgets
    coming: bool  # it has a task in the coming frame
    gain_db: float  # slow gain now
    deadline_s: float  # of the coming task, 0 without one

    @property
    def debt_words(self) -> str:
        """The debt in three or four characters."""
        return f"{self.debt:.1f}" if self.debt < 99.95 else f"{self.debt:.0f}" if self.debt < 9999.5 else ">9e3"


class Tail(NamedTuple):
    """A task at the edge."""

    number: int  # of its device
    at_s: float  # arrival
    begin_s: float  # of service, or when it is given up
    end_s: float
    begun: bool

    @property
    def waited(self) -> bool:
        """Whether all workers were busy when it came."""
        return self.begin_s > self.at_s


# -------------------------------------------------------------------- the last frame
def served_by(scenario: MultiUserScenario, params: Any, rows: Rows, row: int, frame: int) -> list[Served | None]:
    """What each device did; None for those without a task."""
    results, tasks = rows.nature.results[row], rows.nature.tasks[row]
    logs = rows.logs[row].reshape(len(results), -1, rows.logs.shape[2])
    found: list[Served | None] = []
    for n in range(len(results)):
        r = record(results, n)
        one = _device(scenario, params, r, float(tasks[n, frame]["deadline_s"]), logs[n]) if r.present else None
        found.append(one)
    return found


def _device(scenario: MultiUserScenario, params: Any, r: Any, deadline_s: float, log: np.ndarray) -> Served:
    last_cut = int(params.one.last_cut)
    fate, reason = _fate(r, deadline_s)
    return Served(
        cut=brief(scenario.dnn.cut_names[r.cut], 7),
        depth=int(r.cut) / last_cut,
        clock_hz=float(r.clock_hz),
        power_w=float(r.power_w),
        share=float(r.share),
        deadline_s=deadline_s,
        stages=tuple(
            zip(
                STAGES,
                (float(r.latency_device_s), float(r.latency_uplink_s), float(r.edge_wait_s), float(r.latency_edge_s)),
                strict=True,
            )
        ),
        feature_ratio=float(r.feature_ratio),
        slots=log[: int(r.slots_used)].copy(),
        sent=int(r.slots_used) > 0,
        received=bool(r.bits > 0.0),
        offloads=int(r.cut) < last_cut,
        fate=fate,
        reason=reason,
    )


def _given_up(r: Any) -> bool:
    """Whether the edge did not begin the task because it would have been too late; it waited until its deadline."""
    return bool(r.edge_wait_s > 0.0 and not r.on_time)


def _fate(r: Any, deadline_s: float) -> tuple[str, str]:
    """Fate of a task, and a reason."""
    if r.correct:
        return CORRECT, "exit" if r.exit >= 0 else ""
    if r.on_time:
        return WRONG, "not sent" if r.latency_edge_s > 0.0 and not r.slots_used else "exit" if r.exit >= 0 else ""
    if _given_up(r):
        return LATE, "edge busy"
    if r.latency_device_s >= deadline_s * (1.0 - 1e-12):  # one rounding
        return LATE, "computing"
    return LATE, "incomplete" if r.slots_used else "not sent"


def tails_of(devices: tuple[Device, ...]) -> tuple[Tail, ...]:
    """The tasks that reached the edge, in order of arrival; ties go to the smaller number."""
    tails = []
    for device in devices:
        served = device.served
        if served is None or not served.received:  # without a bit there is nothing to queue
            continue
        at_s, (wait_s, edge_s) = served.uplink_s[1], (time_s for _, time_s in served.stages[2:])
        if wait_s + edge_s > 0.0:
            tails.append(Tail(device.number, at_s, at_s + wait_s, at_s + wait_s + edge_s, edge_s > 0.0))
    return tuple(sorted(tails, key=lambda tail: (tail.at_s, tail.number)))
