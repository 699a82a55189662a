"""What there is to tell about a row of the inference world, gathered once for the text and for the picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from splitgym.physics.dnn import compute_s
from splitgym.show.viewer import BAD, GOOD, MISSED, Tally, counter, decoded_view, record
from splitgym.show.words import brief, milliseconds, percent
from splitgym.units import ratio_to_db
from splitgym.worlds.inference.scenario import InferenceScenario

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows

PLACES = ("device", "edge", "cloud")
STAGES = ("wait", "device", "uplink", "edge", "backhaul", "cloud")
RAN, SKIPPED, UNREACHED = "ran", "skipped", "unreached"  # fates of a block; skipped: an exit answered before it


class Score(Tally):
    """Running score of the tasks drawn so far in one episode."""

    def clear(self, key: Any) -> None:
        """Begin the episode of ``key``."""
        super().clear(key)
        self.correct = 0

    def count(self, outcome: Any) -> list[str]:
        """Count a task, and those that were missed meanwhile."""
        self.correct += int(outcome.correct)
        return [GOOD if outcome.correct else BAD] + [MISSED] * min(int(outcome.missed), 40)


class Block(NamedTuple):
    """A run of layers between two cut points in the last task."""

    name: str
    place: str
    fate: str
    answered: bool  # an early exit behind it gave the answer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Last:
    """The last task: times in s after its arrival, energies in J."""

    task: int
    cut: str
    decision: str  # in words
    clock_hz: float
    power_w: float
    deadline_s: float
    latency_s: float
    stages: tuple[tuple[str, float], ...]  # (name, duration), in order, all of STAGES
    on_time: bool
    correct: bool
    verdict: str
    accuracy: float
    feature_ratio: float
    bits: float
    slots: np.ndarray  # (slots used, 5): index, gain h, power [W], feature ratio, rate [bit/s]
    slots_available: int
    stopped_early: bool
    gain: float  # slow gain G [1]
    edge_load: float
    rtt_s: float
    energy_j: dict[str, float]  # by device, uplink, edge, cloud; and "charged" to the queue
    sent: bool

    @property
    def end_s(self) -> float:
        """Deadline or answer, whichever is later."""
        return max(self.deadline_s, self.latency_s)

    def seconds(self, stage: str) -> float:
        """Duration of a stage [s]."""
        return dict(self.stages)[stage]

    @property
    def gains_db(self) -> np.ndarray:
        """Channel gain G h of the slots used [dB], (slots used,), floored where the channel is dead."""
        return 10.0 * np.log10(np.maximum(self.gain * self.slots[:, 1], 1e-30))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """Everything that text and picture show."""

    title: str
    task: int  # the one to be decided
    n_tasks: int
    over: bool
    score: Score
    missed: int
    view: Any  # decoded observation, VIEW: what the decision maker sees
    budget_j: float
    battery: float | None  # share left of a hard battery
    cloud: bool
    slot_s: float
    blocks: tuple[Block, ...]
    last: Last | None

    @property
    def debt(self) -> float:
        """Energy queue in task budgets."""
        return float(self.view.queue_j) / self.budget_j

    @property
    def backlog(self) -> int:
        """Tasks waiting behind the present one; 0 after the last."""
        return 0 if self.over else round(float(self.view.backlog))

    @property
    def counter(self) -> str:
        """Which task of how many is to be decided."""
        return counter("task", self.task, self.n_tasks, self.over)

    @property
    def tally(self) -> str:
        """Correct answers so far; "drawn" where frames were left out, because only drawn tasks were counted."""
        score, steps = self.score, self.score.steps
        if self.last is None:
            return "no task served yet"
        if not score.complete:
            return f"{score.correct} of {score.counted} drawn tasks correct"
        return f"{score.correct} of {steps + self.missed} correct, {self.missed} missed"

    @property
    def accuracy(self) -> float | None:
        """Share of correct answers among the tasks counted, missed ones included where all were drawn."""
        score = self.score
        return score.correct / (score.counted + self.missed * score.complete) if self.last is not None else None

    @property
    def outlook(self) -> str:
        """What is known about the task to be decided."""
        view, battery = self.view, "" if self.battery is None else f", battery {percent(self.battery)}"
        if self.over:
            return f"episode over{battery}"
        return (
            f"{milliseconds(view.remaining_s)} left, channel {ratio_to_db(view.gain):.0f} dB, "
            f"difficulty hint {view.hint:.2f}{battery}"
        )


def tell(scenario: InferenceScenario, params: Any, rows: Rows, row: int, score: Score) -> Story:
    """Gather the story of a row after a step or a reset; changes nothing in ``rows``."""
    state = record(rows.states, row)
    last = _last(scenario, params, rows, row) if rows.steps[row] > 0 else None
    return Story(
        title=f"{rows.world.env_id} · {scenario.name}",
        task=int(state.task),
        n_tasks=int(params.n_tasks),
        over=bool(state.finished or state.depleted),
        score=score,
        missed=int(state.missed),
        view=decoded_view(params, rows, row),
        budget_j=float(params.budget_j),
        battery=None if np.isinf(params.battery_j) else float(state.battery_j / params.battery_j),
        cloud=bool(params.cloud),
        slot_s=float(params.slot_s),
        blocks=_blocks(scenario, params, record(rows.outcomes, row), last),
        last=last,
    )


def _last(scenario: InferenceScenario, params: Any, rows: Rows, row: int) -> Last:
    o, names = record(rows.outcomes, row), scenario.dnn.cut_names
    x = record(rows.nature.tasks[row], int(o.task))
    stages = tuple((stage, float(o[f"latency_{stage}_s"])) for stage in STAGES)
    return Last(
        task=int(o.task),
        cut=names[o.cut],
        decision=_decision(params, o, names),
        clock_hz=float(o.clock_hz),
        power_w=float(o.power_w),
        deadline_s=float(x.deadline_s),
        latency_s=float(o.latency_s),
        stages=stages,
        on_time=bool(o.on_time),
        correct=bool(o.correct),
        verdict=_verdict(params, o, x, bool(record(rows.states, row).depleted)),
        accuracy=float(o.accuracy),
        feature_ratio=float(o.feature_ratio),
        bits=float(o.bits),
        slots=rows.logs[row, : int(o.slots_used)].copy(),
        slots_available=int(o.slots_available),
        stopped_early=bool(o.stopped_early),
        gain=float(x.gain),
        edge_load=float(x.edge_load),
        rtt_s=float(x.rtt_s),
        energy_j={
            "device": float(o.energy_compute_j),
            "uplink": float(o.energy_radio_j),
            "edge": float(o.energy_edge_j),
            "cloud": float(o.energy_cloud_j),
            "charged": float(o.energy_j),
        },
        sent=int(o.slots_used) > 0,
    )


def _reached_tail(o: Any) -> bool:
    """Whether the server worked on the features."""
    return bool(o.latency_edge_s + o.latency_backhaul_s + o.latency_cloud_s > 0.0)


def _aborted(o: Any, x: Any) -> bool:
    """Whether the device was still computing at the deadline."""
    until_s = o.latency_wait_s + o.latency_device_s
    return bool(not o.on_time and o.slots_available == 0 and until_s >= x.deadline_s * (1.0 - 1e-12))  # one rounding


def _decision(params: Any, o: Any, names: tuple[str, ...]) -> str:
    if o.cut == params.last_cut:
        return f"all on the device, {o.clock_hz / 1e9:.3g} GHz"
    edge = f"edge to {brief(names[o.edge_cut])}, " if o.cut < o.edge_cut < params.last_cut else ""
    rest = "on the edge" if o.edge_cut == params.last_cut else "in the cloud"
    return f"cut {brief(names[o.cut])}, {edge}rest {rest}, {o.clock_hz / 1e9:.3g} GHz, {1e3 * o.power_w:.3g} mW"


def _verdict(params: Any, o: Any, x: Any, depleted: bool) -> str:
    where = ""
    if o.exit >= 0:
        place = "device" if params.exit_cut[o.exit] <= o.cut else "edge"
        where = f", early exit on the {place}"
    if o.correct:
        return f"correct{where}"
    if depleted:
        return "battery empty"
    if o.on_time:
        return "wrong answer: nothing was sent" if _reached_tail(o) and not o.slots_used else f"wrong answer{where}"
    if _aborted(o, x):
        return "no answer: device too slow"
    if _reached_tail(o):
        return "answer too late"
    return "no answer: upload incomplete" if o.slots_used else "no answer: nothing sent in time"


def _blocks(scenario: InferenceScenario, params: Any, o: Any, last: Last | None) -> tuple[Block, ...]:
    """Place and fate of every block; before the first task all wait on the device."""
    names, blocks = scenario.dnn.cut_names, []
    exit_cut = int(params.exit_cut[o.exit]) if last is not None and o.exit >= 0 else -1
    for b in range(1, len(names)):
        # the last cut is called after its meaning, "everything local"; as a block it is the classifier
        name = "head" if names[b] == "local" else names[b]
        if last is None:
            blocks.append(Block(name, "device", UNREACHED, False))
            continue
        place = PLACES[0] if b <= o.cut else PLACES[1] if b <= o.edge_cut else PLACES[2]
        if place == "device":
            ran = compute_s(params.device_macs[b], o.clock_hz, params.macs_per_cycle) <= o.latency_device_s * (1 + 1e-9)
        else:
            ran = _reached_tail(o)
        fate = SKIPPED if 0 <= exit_cut < b else RAN if ran else UNREACHED
        blocks.append(Block(name, place, fate, b == exit_cut))
    return tuple(blocks)
