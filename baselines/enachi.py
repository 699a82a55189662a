"""ENACHI for one and for several users, and its task-level ablations.

Source: reconstruction of arXiv 2601.08135.  Task level: P1.1 solved exactly, in closed form for one user, by one price
of bandwidth for several; packet level: the world's reference-tracking controller, asked for by ``episode_options``.

Ours, beyond the published two-tier setting: candidates are also taken over the device's clocks and, for one user, over
the edge cut (blocks behind it run in the cloud); early exits are counted in expectation; the input cut is left out,
since it is all or nothing and the mean gain would overrate it; a task that no candidate can answer is skipped.  In a
scenario with one clock, no cloud and no exits nothing of this remains.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from splitgym.baselines import kernel
from splitgym.baselines.tasks import TaskPolicy, device_views, put_decisions, undecided
from splitgym.jit import one_record, records
from splitgym.physics.bandwidth import BAND, PLAN
from splitgym.policy import register_policy
from splitgym.ranges import ENERGY_SCALE, WEIGHT
from splitgym.worlds.inference.layout import DECISION, PARAMS, VIEW

#: V / Ebar^2 of the published setting: 2e-3 J^2 at 6 mJ.  Scaling energies by c scales V by c^2.
WEIGHT_PER_BUDGET2 = 2e-3 / 6e-3**2


def decide(params: np.record, weight_j2: float, eta: float = 1.0, **observed: Any) -> np.ndarray:
    """ENACHI's decision for one user on exact SI values, without an environment.

    Args:
        params: ``splitgym.worlds.inference.layout.lower(scenario)``.
        weight_j2: V [J^2].
        eta: scale of the surrogate transmit energy [1].
        **observed: fields of VIEW, scalars or arrays of one length: ``queue_j`` [J], ``gain`` [1], ``remaining_s``
            [s] are required; ``edge_load`` [1], ``rtt_s`` [s], ``clock_hz`` [Hz] default to the scenario's means and
            its fastest clock.

    Returns:
        (n,) DECISION records: cut, edge_cut, clock_hz [Hz], power_w [W].

    Raises:
        ValueError: a required field is missing or an unknown one is given.
    """
    views = _views(params, observed)
    decisions = records(np.zeros(len(views), DECISION))
    kernel.enachi_rows(views, decisions, float(weight_j2), float(eta), one_record(params, PARAMS))
    return decisions


def decide_users(
    params: np.record, weight_j2: float, eta: float = 1.0, **observed: Any
) -> tuple[np.ndarray, np.ndarray]:
    """ENACHI's decision for N users of one band on exact SI values, without an environment.

    Args:
        params: ``splitgym.worlds.multiuser.layout.lower(scenario)``; the number of users follows what is observed.
        weight_j2, eta, observed: as for :func:`decide`, one value for each user that has a task.

    Returns:
        (N,) DECISION records and (N,) bandwidths [Hz], which sum to the band unless nobody sends.

    Raises:
        ValueError: a required field is missing or an unknown one is given.
    """
    views = _views(params.one, observed)
    decisions, shares = records(np.zeros(len(views), DECISION)), np.zeros(len(views))
    device = one_record(params.one, PARAMS)
    plans, band = scratch(len(views), device)
    kernel.enachi_frames(
        records(views[None]), np.ones((1, len(views)), np.bool_), records(decisions[None]), shares[None],
        float(weight_j2), float(eta), plans, band, device,
    )  # fmt: skip
    return decisions, shares * float(params.one.bandwidth_hz)


def _views(params: np.record, observed: dict[str, Any]) -> np.ndarray:
    """Observed values as (n,) VIEW records, with the scenario's means where nothing is given."""
    defaults = {"edge_load": params.load_mean, "rtt_s": params.rtt_s, "clock_hz": params.clocks_hz[params.n_clocks - 1]}
    given = {**defaults, **observed}
    unknown = [name for name in given if name not in (VIEW.names or ())]
    missing = [name for name in ("queue_j", "gain", "remaining_s") if name not in given]
    if unknown or missing:
        raise ValueError(f"unknown fields {unknown}, missing fields {missing}; known: {', '.join(VIEW.names or ())}")
    columns = dict(zip(given, np.broadcast_arrays(*(np.atleast_1d(v) for v in given.values())), strict=True))
    views = records(np.zeros(len(next(iter(columns.values()))), VIEW))
    for name, column in columns.items():
        views[name] = column
    return views


def scratch(users: int, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scratch arrays of the joint decision for up to ``users`` users: (N, n_kinds) PLAN and (1,) BAND."""
    kinds = int(kernel.count_kinds(params.view(np.recarray)[0]))
    band = records(np.zeros(1, BAND))
    for name in ("cut_points", "cut_shares", "cut_levels"):
        band[name] = params[name]
    band["tables"] = bool((params["cut_points"] > 0).any())
    return records(np.zeros((users, kinds), PLAN)), band


class Weighted(TaskPolicy):
    """Base of the drift-plus-penalty policies.

    Args:
        env: see :class:`splitgym.policy.Policy`.
        weight_j2: V [J^2], accuracy against energy queue; default: the published V / Ebar^2 at this budget.
        eta: scale of the surrogate transmit energy [1]; below 1 it anticipates early stopping (section 6.1).
        seed: unused.
    """

    def __init__(self, env: Any, *, weight_j2: float | None = None, eta: float = 1.0, seed: int = 0) -> None:
        super().__init__(env, seed=seed)
        default = WEIGHT_PER_BUDGET2 * float(self.task_params.budget_j) ** 2
        ENERGY_SCALE.check("eta", eta)
        if weight_j2 is not None:
            WEIGHT.check("weight_j2", weight_j2)
        self.weight_j2 = default if weight_j2 is None else float(weight_j2)
        self.eta = float(eta)


@register_policy
class Enachi(Weighted):
    """Lyapunov control with progressive transmission: section 6 at task level, section 7 at packet level.

    With several devices splits, powers and bandwidths are chosen jointly (section 6.4).  Ties go to the smallest index,
    as published: the earliest cut, then (ours) the edge before the cloud and the slowest clock; without debt another
    decision of equal value may cost less energy.  Arguments: see :class:`Weighted`.
    """

    name: ClassVar[str] = "enachi"
    summary: ClassVar[str] = "drift-plus-penalty split and power, tracked slot by slot, early stop (arXiv 2601.08135)"

    def __init__(self, env: Any, *, weight_j2: float | None = None, eta: float = 1.0, seed: int = 0) -> None:
        super().__init__(env, weight_j2=weight_j2, eta=eta, seed=seed)
        if self.several:
            self._device = one_record(self.task_params, PARAMS)
            self._scratch = scratch(int(self.params.n_users), self._device)

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        if not self.several:
            self.decide_tasks(views, decisions, self._params)
            return
        tasks = device_views(views)
        chosen, shares = undecided(tasks.shape, self.task_params), np.zeros(tasks.shape)
        present = np.ascontiguousarray(views["present"] > 0.5)
        kernel.enachi_frames(tasks, present, chosen, shares, self.weight_j2, self.eta, *self._scratch, self._device)
        put_decisions(chosen, decisions)
        decisions["share"] = shares

    def decide_tasks(self, views: np.ndarray, decisions: np.ndarray, params: np.ndarray) -> None:
        kernel.enachi_rows(views, decisions, self.weight_j2, self.eta, params)


@register_policy
class LyapProg(Enachi):
    """ENACHI's task level alone: constant power, no early stop, partial features accepted (section 8)."""

    name: ClassVar[str] = "lyap_prog"
    summary: ClassVar[str] = "ENACHI's task level with constant power and no early stop"
    episode_options: ClassVar = {"packet_control": "constant", "early_stop": False}


@register_policy
class LyapEs(Enachi):
    """ENACHI with constant power (ablation of the packet level, section 8)."""

    name: ClassVar[str] = "lyap_es"
    summary: ClassVar[str] = "ENACHI's task level with constant power and early stop"
    episode_options: ClassVar = {"packet_control": "constant"}


@register_policy
class Lyap(Weighted):
    """Conventional Lyapunov control at task level: skip, local or complete delivery (section 8).

    Ours: clocks are candidates too, and device energy counts exits in expectation.  Without debt all answers are worth
    the same; then the one of least expected energy is taken, since nothing published breaks such ties.
    """

    name: ClassVar[str] = "lyap"
    summary: ClassVar[str] = "conventional Lyapunov control: all features, local, or skip"
    episode_options: ClassVar = {"packet_control": "constant", "early_stop": False, "progressive": False}

    def decide_tasks(self, views: np.ndarray, decisions: np.ndarray, params: np.ndarray) -> None:
        kernel.lyap_rows(views, decisions, self.weight_j2, params)
