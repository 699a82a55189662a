"""One task of the showcase policy, slot by slot."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from splitgym.show.report.figures import without
from splitgym.show.report.gather import Book, Chapter
from splitgym.show.report.marks import Axis, Figure, Line, Panel, Rule
from splitgym.show.report.replay import Replay
from splitgym.show.report.scales import minus
from splitgym.show.words import brief, megabits, millijoules, milliseconds
from splitgym.units import ratio_to_db

_STAGES = ("wait", "device", "uplink", "edge", "backhaul", "cloud")
#: Columns of OUTCOME by which a world tells that a step is a task with slots, or that it is a slot itself.
_STEP_IS_TASK = {"slots_used", "bits", "correct", "latency_wait_s", "cut", "power_w"}
_STEP_IS_SLOT = {"slot", "slot_gain", "power_w", "feature_ratio", "reference_w", "slots_used", "slots_available"}


class Slots(NamedTuple):
    """The slots of one transmission, each (n,), and what they are measured by."""

    begin_ms: np.ndarray
    slot_ms: float
    power_mw: np.ndarray
    gains_db: np.ndarray
    features: np.ndarray  # share received, per cent
    reference_mw: float
    limit_ms: float
    limit: str
    clock: str  # what time counts from
    told: str


def timeline(book: Book, chapter: Chapter, replay: Replay) -> Figure:
    """One task of the showcase policy, slot by slot."""
    figure = Figure(
        key=f"{chapter.key}-task",
        title="One task, slot by slot",
        how="Transmit power of every radio slot beside its reference, channel gain with fading, and the share of the "
        "features that has arrived. What is left between the last slot and the deadline is needed by the edge or the "
        "cloud.",
        height=260,
        size=(3.9, 2.9),
        columns=3,
    )
    world = chapter.results.world
    names = set(world.outcome.names or ())
    if not (names >= _STEP_IS_TASK or names >= _STEP_IS_SLOT):
        return without(figure, f"{world.env_id} does not serve one task at a time, slot by slot.")
    if not replay.episodes:
        return without(figure, "No policy could be played again.")
    shows = [p for p in replay.episodes if p.partition(":")[0] == world.showcase] or list(replay.episodes)
    found = (_slots_of_task if names >= _STEP_IS_TASK else _slots_of_episode)(chapter, replay, shows[0])
    if len(found.begin_ms) == 0:
        return without(figure, f"{shows[0]} sends nothing on the first trace.")
    note = f"{book.shown(shows[0])} on the first trace (seed {replay.seed}), {found.told}{_beyond(found)}"
    note = " ".join(filter(None, [note, replay.told(shows[:1])]))
    return dataclasses.replace(figure, panels=_panels(book, shows[0], found), note=note)


def _slots_of_task(chapter: Chapter, replay: Replay, policy: str) -> Slots:
    """The slots of the task with the most data among the right answers, or among all where none is right."""
    outcomes, slot_s = replay.episodes[policy].outcomes, float(chapter.results.scenario.radio.slot_s)
    weight = outcomes["bits"] * outcomes["correct"]
    step = int(np.argmax(weight if weight.any() else outcomes["bits"]))
    o, x, slots = outcomes[step], replay.task_of(policy, step), replay.slots(policy, step)
    return Slots(
        begin_ms=1e3 * (float(o["latency_wait_s"]) + slot_s * slots[:, 0]),
        slot_ms=1e3 * slot_s,
        power_mw=1e3 * slots[:, 2],
        gains_db=_db(float(x["gain"]) * slots[:, 1]),
        features=100.0 * slots[:, 3],
        reference_mw=1e3 * float(o["power_w"]),
        limit_ms=1e3 * float(x["deadline_s"]),
        limit="deadline",
        clock="time since arrival [ms]",
        told=_told(chapter, o, len(slots), float(x["gain"])),
    )


def _slots_of_episode(chapter: Chapter, replay: Replay, policy: str) -> Slots:
    """An episode that is one transmission, a slot a step."""
    outcomes, slot_ms = replay.episodes[policy].outcomes, 1e3 * float(chapter.results.scenario.radio.slot_s)
    last = outcomes[-1]
    used = outcomes[: int(last["slots_used"])]
    answer = "right" if last["correct"] else "wrong"
    return Slots(
        begin_ms=slot_ms * np.arange(len(used)),
        slot_ms=slot_ms,
        power_mw=1e3 * used["power_w"],
        gains_db=_db(used["slot_gain"]),
        features=100.0 * used["feature_ratio"],
        reference_mw=1e3 * float(last["reference_w"]),
        limit_ms=slot_ms * float(last["slots_available"]),
        limit="last slot",
        clock="time since the first slot [ms]",
        told=f"{len(used)} of {int(last['slots_available'])} slots, {answer} answer.",
    )


def _db(ratios: np.ndarray) -> np.ndarray:
    """Gains in dB, floored where the channel is dead."""
    return 10.0 * np.log10(np.maximum(ratios, 1e-30))


def _panels(book: Book, policy: str, s: Slots) -> tuple[Panel, ...]:
    """Power, gain and features over time."""
    edges_ms = np.append(s.begin_ms, s.begin_ms[-1] + s.slot_ms)
    x = Axis(s.clock, 0.0, 1.04 * max(s.limit_ms, float(edges_ms[-1])))
    limit = Rule(s.limit_ms, True, s.limit)

    def curve(values: np.ndarray, unit: str) -> Line:
        words = [f"{t:.0f} ms: {minus(f'{v:.4g}')} {unit}" for t, v in zip(s.begin_ms, values, strict=True)]
        held = np.append(values, values[-1])
        name, style = book.shown(policy), book.styles[policy]
        return Line(name=name, style=style, x=edges_ms, y=held, steps=True, words=[*words, words[-1]])

    power = Axis("power [mW]", 0.0, 1.15 * max(_usual(s.power_mw), s.reference_mw) or 1.0)
    gain = Axis("gain [dB]", float(s.gains_db.min()) - 2.0, float(s.gains_db.max()) + 2.0)
    reference = Rule(s.reference_mw, False)
    return (
        Panel("Transmit power (dashes: reference)", x, power, (limit, reference, curve(s.power_mw, "mW"))),
        Panel("Channel gain", x, gain, (limit, curve(s.gains_db, "dB"))),
        Panel("Features received", x, Axis("share [%]", 0.0, 104.0), (limit, curve(s.features, "% of the features"))),
    )


def _usual(power_mw: np.ndarray) -> float:
    """The highest power, or that of all but one slot in fifty where these few would flatten all others."""
    most, usual = float(power_mw.max()), float(np.quantile(power_mw, 0.98))
    return most if most <= 2.0 * usual or usual <= 0.0 else usual


def _beyond(s: Slots) -> str:
    most = float(s.power_mw.max())
    return "" if _usual(s.power_mw) == most else f" Slots with more power, up to {most:.3g} mW, leave the picture."


def _told(chapter: Chapter, o: np.void, used: int, gain: float) -> str:
    """The task in words."""
    cut = brief(chapter.results.scenario.dnn.cut_names[int(o["cut"])])
    stages = [(s, float(o[f"latency_{s}_s"])) for s in _STAGES]
    spent = ", ".join(f"{s} {milliseconds(v)}" for s, v in stages if v > 0.0)
    which = "the right answer that took most data" if o["correct"] else "the task that took most data"
    stop = ", stopped early" if o["stopped_early"] else ""
    return (
        f"task {int(o['task']) + 1}, {which}: cut {cut}, {used} of {int(o['slots_available'])} slots{stop}, "
        f"{megabits(float(o['bits']))} at a slow gain of {minus(f'{ratio_to_db(gain):.0f} dB')}, for "
        f"{millijoules(float(o['energy_j']))}. Time: {spent}."
    )
