"""ENACHI for one user, and its task-level ablations.

Source: reconstruction of arXiv 2601.08135.  Task level: P1.1 solved exactly in closed form for every split; packet
level: the world's reference-tracking controller, asked for by ``episode_options``.

Ours, beyond the published two-tier setting: candidates are also taken over the device's clocks and over the edge
cut (blocks behind it run in the cloud); early exits are counted in expectation; the input cut is left out, since
it is all or nothing and the mean gain would overrate it; a task that no candidate can answer is skipped.  In a
scenario with one clock, no cloud and no exits nothing of this remains.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from splitgym.baselines import kernel
from splitgym.jit import one_record, records
from splitgym.policy import Policy, register_policy
from splitgym.worlds.inference.layout import DECISION, PARAMS, VIEW

#: V / Ebar^2 of the published setting: 2e-3 J^2 at 6 mJ.  Scaling energies by c scales V by c^2.
WEIGHT_PER_BUDGET2 = 2e-3 / 6e-3**2


def decide(params: np.record, weight_j2: float, eta: float = 1.0, **observed: Any) -> np.ndarray:
    """ENACHI's decision on exact SI values, without an environment.

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
    decisions = records(np.zeros(len(views), DECISION))
    kernel.enachi_rows(views, decisions, float(weight_j2), float(eta), one_record(params, PARAMS))
    return decisions


@register_policy
class Enachi(Policy):
    """Lyapunov control with progressive transmission: section 6 at task level, section 7 at packet level.

    Args:
        env: see :class:`splitgym.policy.Policy`.
        weight_j2: V [J^2], accuracy against energy queue; default: the published V / Ebar^2 at this budget.
        eta: scale of the surrogate transmit energy [1]; below 1 it anticipates early stopping (section 6.1).
        seed: unused.
    """

    name: ClassVar[str] = "enachi"
    summary: ClassVar[str] = "drift-plus-penalty split and power, tracked slot by slot, early stop (arXiv 2601.08135)"

    def __init__(self, env: Any, *, weight_j2: float | None = None, eta: float = 1.0, seed: int = 0) -> None:
        super().__init__(env, seed=seed)
        default = WEIGHT_PER_BUDGET2 * float(self.params.budget_j) ** 2
        self.weight_j2 = default if weight_j2 is None else float(weight_j2)
        self.eta = float(eta)
        if not (self.weight_j2 > 0.0 and self.eta > 0.0):
            raise ValueError(f"weight_j2 [J^2] and eta must be > 0, got {self.weight_j2!r} and {self.eta!r}")

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        kernel.enachi_rows(views, decisions, self.weight_j2, self.eta, self._params)


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
class Lyap(Enachi):
    """Conventional Lyapunov control at task level: skip, local or complete delivery (section 8).

    Ours: clocks are candidates too, and device energy counts exits in expectation.
    """

    name: ClassVar[str] = "lyap"
    summary: ClassVar[str] = "conventional Lyapunov control: all features, local, or skip"
    episode_options: ClassVar = {"packet_control": "constant", "early_stop": False, "progressive": False}

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        kernel.lyap_rows(views, decisions, self.weight_j2, self._params)
