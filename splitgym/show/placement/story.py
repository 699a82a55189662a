"""What there is to tell about a row of the placement world, gathered once for the text and for the picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from splitgym.placement.instance import Node
from splitgym.show.placement.facts import Application, Setting, application, likely_config, why_refused, why_shut
from splitgym.show.viewer import BAD, GOOD, Tally, counter, decoded_view, record
from splitgym.show.words import percent
from splitgym.worlds.placement.scenario import PlacementScenario

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows

OPEN, ACCEPTED, REJECTED = "open", "accepted", "rejected"


class Moment(NamedTuple):
    """What a frame showed of the application that was being placed; the next outcome does not repeat it."""

    placed: int
    config: int
    choices: int  # moves that would not have rejected it


class Score(Tally):
    """Running score of the applications closed so far in one episode, and what the frame before showed."""

    def clear(self, key: Any) -> None:
        """Begin the episode of ``key``."""
        super().clear(key)
        self.accepted, self.rejected, self.saved = 0, 0, 0.0
        self.before: Moment | None = None
        self._now: Moment | None = None

    def count(self, outcome: Any) -> list[str]:
        """Count a closed application; a move that closes none has no mark."""
        self.accepted += int(outcome.accepted)
        self.rejected += int(outcome.rejected)
        self.saved += float(outcome.saved) if outcome.accepted else 0.0
        return [GOOD if outcome.accepted else BAD] if outcome.closed else []

    @property
    def closed(self) -> int:
        """Applications that were accepted or rejected."""
        return self.accepted + self.rejected

    def update(self, rows: Rows, row: int) -> None:
        """Count the row's last move, unless it has been counted."""
        known = self.key == (rows.keys[row], rows.episodes[row])
        since, now = int(rows.steps[row]) - self.steps, self._now
        super().update(rows, row)
        if since != 0 or not known:
            self.before = now if known and since == 1 else None
        state = record(rows.states, row)
        choices = 0 if state.finished else int(rows.seen.masks[row, :-1].sum())
        self._now = Moment(int(state.placed), _first_open(state), choices)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """Everything that text and picture show."""

    title: str
    app: int  # the application to be placed, from 0
    n_apps: int
    over: bool
    score: Score
    shown: Application  # the one just closed, else the one to be placed
    state: str  # of the one shown: OPEN, ACCEPTED or REJECTED
    verdict: str  # about it, in a few words
    detail: str  # one line more
    failed: bool  # whether its last block could not go where it was put
    coming: Application | None  # the one to be placed, unless it is shown
    choices: tuple[int, int]  # nodes and exit sets that may be chosen next
    live: int
    reward: float  # of the last move
    nodes: tuple[Node, ...]
    links: np.ndarray  # (A, 2) int64: sender and receiver
    compute_used: np.ndarray  # (N,) shares
    memory_used: np.ndarray  # (N,)
    links_used: np.ndarray  # (A,)
    used: dict[int, tuple[float, float]]  # tier -> used shares of its compute and memory

    @property
    def mark(self) -> str | None:
        """``GOOD`` or ``BAD`` for a closed application."""
        return {OPEN: None, ACCEPTED: GOOD, REJECTED: BAD}[self.state]

    @property
    def counter(self) -> str:
        """Which application of how many is to be placed."""
        return counter("application", self.app, self.n_apps, self.over)

    @property
    def tally(self) -> str:
        """Rejections so far; "drawn" where frames were left out, because only drawn moves were counted."""
        score = self.score
        if score.closed == 0:
            return "none closed yet" if score.complete else "none closed in a drawn frame"
        return f"{score.rejected} of {score.closed} {'' if score.complete else 'drawn '}rejected"

    @property
    def rejected_ratio(self) -> float | None:
        """Share of rejected applications among those counted."""
        return self.score.rejected / self.score.closed if self.score.closed else None

    @property
    def saved_ratio(self) -> float | None:
        """Mean energy saved by the accepted applications counted."""
        return self.score.saved / self.score.accepted if self.score.accepted else None

    @property
    def possible(self) -> str:
        """What may be chosen next."""
        nodes, exits = (
            f"{count or 'no'} {thing}{'' if count == 1 else 's'}"
            for count, thing in zip(self.choices, ("node", "exit set"), strict=True)
        )
        return f"{nodes}, {exits} possible"

    @property
    def outlook(self) -> tuple[str, ...]:
        """What comes next, in short lines."""
        if self.over:
            return ("episode over",)
        if self.coming is None:
            return f"block {len(self.shown.blocks) + 1}", self.possible
        return f"application {self.coming.number}", self.possible


def saved_words(ratio: float, plan: str) -> str:
    """Energy saved against a plan, or the opposite, in words."""
    if abs(ratio) < 5e-4:
        return f"as much energy as {plan}"
    return f"{percent(abs(ratio))} {'less' if ratio >= 0.0 else 'more'} energy than {plan}"


def tell(scenario: PlacementScenario, params: Any, rows: Rows, row: int, score: Score) -> Story:
    """Gather the story of a row after a move or a reset; changes nothing in ``rows``."""
    state, nature, setting = record(rows.states, row), rows.nature, Setting.of(scenario, params, rows.nature)
    outcome = record(rows.outcomes, row)
    closed, over = bool(outcome.closed), bool(state.finished)
    present = None if over else _present(setting, params, rows, row)
    told = _closed(setting, rows, row, score) if closed or present is None else _open(setting, present, state)
    links = np.column_stack([nature.arcs["tail"], nature.arcs["head"]])
    mask, n = rows.seen.masks[row], len(setting.nodes)
    return Story(
        title=f"{rows.world.env_id} · {scenario.name}",
        app=int(state.app),
        n_apps=int(params.n_apps),
        over=over,
        score=score,
        coming=present if closed else None,
        choices=(0, 0) if over else (int(mask[:n].sum()), int(mask[n:-1].sum())),
        live=int(state.live),
        reward=float(outcome.reward),
        nodes=setting.nodes,
        links=links,
        compute_used=_used(nature.node_free[row], nature.nodes["capacity_op_s"]),
        memory_used=_used(nature.memory_free[row], nature.nodes["memory_bit"]),
        links_used=_used(nature.arc_free[row], nature.arcs["capacity_bit_s"]),
        used=_used_by_tier(nature, row),
        **told,
    )


# -------------------------------------------------------------------- the application shown
def _present(setting: Setting, params: Any, rows: Rows, row: int) -> Application:
    """The application to be placed, with the blocks placed so far."""
    state = record(rows.states, row)
    app, path = record(rows.nature.apps[row], int(state.app)), state.path[: state.placed].tolist()
    config = _first_open(state) if state.open.any() else likely_config(setting, app, len(path))
    base_j = float(decoded_view(params, rows, row).reference_j)
    return application(setting, app, int(state.app), config, path, base_j)


def _open(setting: Setting, shown: Application, state: Any) -> dict[str, Any]:
    sets = [str(c + 1) for c in np.flatnonzero(state.open)]
    words = f"exit set{'' if len(sets) == 1 else 's'} {', '.join(sets) or '–'} of {shown.exit_sets} open"
    placed = len(shown.blocks)
    verdict = f"{placed} block{'' if placed == 1 else 's'} placed" if placed else "nothing placed yet"
    return {"shown": shown, "state": OPEN, "verdict": verdict, "detail": words, "failed": False}


def _closed(setting: Setting, rows: Rows, row: int, score: Score) -> dict[str, Any]:
    """The application that the last move closed; its path outlives it until the next block is placed."""
    o, before = record(rows.outcomes, row), score.before
    app, failed = record(rows.nature.apps[row], int(o.app)), bool(o.rejected) and int(o.block) >= 0
    if o.accepted:
        config = int(o.exit_config)
        placed = setting.dnns[int(app.dnn)][1].depth(config)
    else:
        placed = int(o.block) + 1 if failed else before.placed if before else 0
        config = before.config if before and not failed else likely_config(setting, app, placed)
    path = rows.states["path"][row, :placed].tolist()
    shown = application(setting, app, int(o.app), config, path, float(o.reference_j))
    if o.accepted:
        verdict, detail = _accepted(shown, o)
    elif int(o.exit_asked) >= 0:
        verdict, detail = _shut(setting, app, before.placed if before else None, int(o.exit_asked))
    else:
        verdict, detail = _rejected(setting, app, path, failed, before)
    state = ACCEPTED if o.accepted else REJECTED
    return {"shown": shown, "state": state, "verdict": verdict, "detail": detail, "failed": failed}


def _accepted(shown: Application, o: Any) -> tuple[str, str]:
    verdict = f"✓ accepted: exit set {shown.exit_set} of {shown.exit_sets}, accuracy {shown.accuracy:.1%}"
    return verdict, saved_words(float(o.saved), "the least-latency plan")


def _shut(setting: Setting, app: Any, placed: int | None, asked: int) -> tuple[str, str]:
    return f"✗ rejected: exit set {asked + 1} was not open", why_shut(setting, app, placed, asked)


def _rejected(setting: Setting, app: Any, path: list[int], failed: bool, before: Moment | None) -> tuple[str, str]:
    if failed:
        words = f"✗ rejected: block {len(path)} not possible on {setting.name(path[-1])}"
        return words, why_refused(setting, app, path)
    if before is None:
        return "✗ rejected", "own choice or nothing possible: frame before not drawn"
    if before.choices == 0:
        return "✗ rejected: nothing was possible", "no node and no exit set was left"
    return "✗ rejected: own choice", f"{before.choices} move{' was' if before.choices == 1 else 's were'} possible"


def _first_open(state: Any) -> int:
    """The first open exit configuration; 0 if there is none."""
    return int(np.argmax(state.open))


# -------------------------------------------------------------------- what is in use
def _used(free: np.ndarray, capacity: np.ndarray) -> np.ndarray:
    """Used shares; nothing of what is not there."""
    return np.clip(1.0 - free / np.where(capacity > 0.0, capacity, 1.0), 0.0, 1.0) * (capacity > 0.0)


def _used_by_tier(nature: Any, row: int) -> dict[int, tuple[float, float]]:
    used, tiers = {}, nature.nodes["tier"]
    for tier in np.unique(tiers).tolist():
        pairs = ((nature.node_free, "capacity_op_s"), (nature.memory_free, "memory_bit"))
        shares = [
            _used(free[row][tiers == tier].sum(), nature.nodes[name][tiers == tier].sum()) for free, name in pairs
        ]
        used[tier] = float(shares[0]), float(shares[1])
    return used
