"""The figures that show what policies do: energy debt over time, and decision maps."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from splitgym.encodings import Axis as AxisOfDecision
from splitgym.evaluation.results import ANCHOR
from splitgym.fields import Field
from splitgym.show.palette import NOTHING
from splitgym.show.report.figures import without
from splitgym.show.report.gather import Book, Chapter
from splitgym.show.report.marks import Axis, Cells, Figure, Key, Line, Panel
from splitgym.show.report.replay import Replay
from splitgym.show.report.scales import minus, scale_for
from splitgym.show.report.style import depth_colours
from splitgym.show.words import milliseconds, percent

#: Most policies with a map, and the cells of one.
_MAPS, _GAINS, _QUEUES = 8, 33, 25


def debt(book: Book, chapter: Chapter, replay: Replay) -> Figure:
    """Energy queue after every task."""
    results = chapter.results
    figure = Figure(
        key=f"{chapter.key}-debt",
        title="Energy debt over time",
        how="The energy queue after every task, in budgets of one task: it grows where a task costs more than its "
        "budget and falls where it costs less. A policy under control stays level.",
    )
    if "queue_j" not in (results.world.outcome.names or ()):
        return without(figure, f"{results.world.env_id} has no energy queue.")
    if not replay.episodes:
        return without(figure, _left_out(replay))
    budget_j, thing = results.scenario.budget.energy_j, results.world.outcome.descr[0][0]
    order = [e["policy"] for e in chapter.entries if e["policy"] in replay.episodes]
    curves = {p: replay.episodes[p].outcomes["queue_j"] / budget_j for p in order}
    scale = scale_for(np.array([curve.max() for curve in curves.values()]))

    def served(policy: str) -> np.ndarray:
        return replay.episodes[policy].outcomes[thing] + 1

    lines = tuple(
        Line(
            name=book.shown(p),
            style=book.styles[p],
            x=served(p),
            y=scale.to(curve),
            words=[
                f"{book.shown(p)}: {v:.2f} budgets after {thing} {i}" for i, v in zip(served(p), curve, strict=True)
            ],
        )
        for p, curve in curves.items()
    )
    top = max(1.0, max(float(curve.max()) for curve in curves.values()))
    x = Axis(thing, 0.0, 1.0 + max(float(line.x.max()) for line in lines))
    panel = Panel("", x, scale.axis("energy debt [budgets]", 0.0, 1.15 * top), lines)
    total = "Sum over the devices. " if "queue_max_j" in (results.world.outcome.names or ()) else ""
    told = " ".join(filter(None, [replay.told(order), _left_out(replay)]))
    note = f"First trace (seed {replay.seed}). {total}{told}".strip()
    return dataclasses.replace(figure, panels=(panel,), legend=book.legend(order), note=note)


def _left_out(replay: Replay) -> str:
    """Which policies are missing, and why."""
    if not replay.missing:
        return ""
    return "Not played again: " + "; ".join(f"{p} ({why})" for p, why in replay.missing.items()) + "."


# ---------------------------------------------------------------- decision maps
def maps(book: Book, chapter: Chapter, replay: Replay) -> Figure:
    """Which cut each policy takes over channel and energy queue."""
    figure = Figure(
        key=f"{chapter.key}-maps",
        title="Decision maps",
        how="Where a policy cuts the network, over the slow channel gain (worse to the left) and its energy debt (more "
        "upwards); everything else that it observes is held fixed. Colours run from sending the input to computing "
        "everything on the device.",
        height=250,
        size=(2.9, 2.6),
        columns=4,
    )
    world = chapter.results.world
    axes, fields = world.axes(chapter.results.scenario), world.fields(chapter.results.scenario)
    if not _mappable(axes, fields):
        return without(figure, f"{world.env_id} does not cut a network by one channel and one queue.")
    order = [e["policy"] for e in chapter.entries if e["policy"] in replay.episodes and e["policy"] != ANCHOR]
    if not order:
        return without(figure, "No policy could be played again.")
    gains_db, queues = _grid(chapter, replay, order)
    names = [*axes[0].labels, "nothing sent"]
    found = {p: _decided(replay, p, gains_db, queues, chapter, len(names) - 1) for p in order}
    varied = [p for p in order if len(np.unique(found[p][0])) > 1][:_MAPS]
    used = sorted({int(c) for p in varied for c in np.unique(found[p][0])})
    colours = dict(enumerate([*depth_colours(len(names) - 1), NOTHING]))
    panels = tuple(_map(book.shown(p), gains_db, queues, *found[p], used, colours, names) for p in varied)
    legend = tuple(Key(names[c], colour=colours[c]) for c in used)
    note = " ".join(filter(None, [_held(replay), replay.told(order), _same_everywhere(found, names)]))
    return dataclasses.replace(figure, panels=panels, legend=legend, note=note, columns=min(max(len(panels), 3), 4))


def _mappable(axes: tuple[AxisOfDecision, ...], fields: tuple[Field, ...]) -> bool:
    scalar = {f.name for f in fields if f.size == 1}
    return axes[0].name == "cut" and axes[0].size is None and {"gain", "queue_j"} <= scalar


def _grid(chapter: Chapter, replay: Replay, order: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Gains [dB] that the trace has, and queues [budgets] up to beyond what the three best policies reach."""
    gains_db = 10.0 * np.log10(replay.trace.tasks()["gain"])
    low, high = np.floor(gains_db.min()), np.ceil(gains_db.max())
    budget_j = chapter.results.scenario.budget.energy_j
    tops = [replay.episodes[p].outcomes["queue_j"].max() / budget_j for p in order[:3]]
    top = 5.0 * math.ceil(min(max(1.5 * float(max(tops)), 5.0), 40.0) / 5.0)
    return np.linspace(low - 1.0, max(high, low + 1.0) + 1.0, _GAINS), np.linspace(0.0, top, _QUEUES)


def _decided(
    replay: Replay, policy: str, gains_db: np.ndarray, queues: np.ndarray, chapter: Chapter, nothing: int
) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n_queues, n_gains) of the cuts, ``nothing`` where no power is spent on one that sends, and decisions."""
    gain, queue = (part.ravel() for part in np.meshgrid(10.0 ** (gains_db / 10.0), queues))
    budget_j = chapter.results.scenario.budget.energy_j
    chosen = replay.decisions(policy, {"gain": gain, "queue_j": queue * budget_j})
    codes = chosen["cut"].astype(np.int64)
    codes[(chosen["cut"] < nothing - 1) & (chosen["power_w"] <= 0.0)] = nothing
    shape = (len(queues), len(gains_db))
    return codes.reshape(shape), chosen.reshape(shape)


def _map(
    name: str,
    gains_db: np.ndarray,
    queues: np.ndarray,
    codes: np.ndarray,
    chosen: np.ndarray,
    used: list[int],
    colours: dict[int, str],
    names: list[str],
) -> Panel:
    words = [
        [
            f"{names[code]}{_power(d, code, len(names))}, {d['clock_hz'] / 1e9:.3g} GHz"
            f" at {minus(f'{gain_db:.0f}')} dB and {queue:.1f} budgets"
            for code, d, gain_db in zip(code_row, row, gains_db, strict=True)
        ]
        for code_row, row, queue in zip(codes, chosen, queues, strict=True)
    ]
    cells = Cells(
        x=gains_db, y=queues, codes=np.searchsorted(used, codes), colours=[colours[c] for c in used], words=words
    )
    half_x, half_y = 0.5 * (gains_db[1] - gains_db[0]), 0.5 * (queues[1] - queues[0])
    x = Axis("channel gain [dB]", gains_db[0] - half_x, gains_db[-1] + half_x)
    return Panel(name, x, Axis("debt [budgets]", queues[0] - half_y, queues[-1] + half_y), (cells,))


def _power(decision: np.void, code: int, n: int) -> str:
    return f", {1e3 * decision['power_w']:.3g} mW" if code < n - 2 else ""


def _held(replay: Replay) -> str:
    """What the other fields are held at: the observation of the trace's first task."""
    x = replay.trace.tasks()[0]
    facts = [f"{milliseconds(x['deadline_s'])} left", f"difficulty hint {x['hint']:.2f}"]
    facts += [f"edge load {percent(x['edge_load'])}", f"round trip {milliseconds(x['rtt_s'])}"]
    return f"Held at the first task of the first trace (seed {replay.seed}): {', '.join(facts)}."


def _same_everywhere(found: dict[str, Any], names: list[str]) -> str:
    same = [f"{p} ({names[int(codes.flat[0])]})" for p, (codes, _) in found.items() if len(np.unique(codes)) == 1]
    return f"The same everywhere: {', '.join(same)}." if same else ""
