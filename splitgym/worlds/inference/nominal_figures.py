"""What a decision of the inference world gives under nominal conditions; for offline searches such as DynaSplit's.

Modelled (the published method has no radio): the channel is the path loss at the first distance, or the median of a
recorded one, without shadowing and fading; edge load, round trip and jitter are their means, nothing waits.  Features
are sent whole at constant power, since a recorded latency must mean a complete answer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from splitgym.interrupt import pieces
from splitgym.jit import one_record, records
from splitgym.worlds.channel import channel_logs
from splitgym.worlds.inference import kernel
from splitgym.worlds.inference.layout import DECISION, PARAMS, TASK
from splitgym.worlds.inference.lowering import lower
from splitgym.worlds.inference.nature import slow_gain
from splitgym.worlds.inference.scenario import InferenceScenario
from splitgym.worlds.world import get_world, row_dtype

#: A decision that needs longer than this counts as taking so long [s].
PATIENCE_S = 1000.0
_WORK = 2_000  # elementary steps of a decision, about: all slots of a static channel are worked out at once


def complexities(params: np.record) -> tuple[np.ndarray, np.ndarray]:
    """One complexity u out of every range within which all samples are served alike, and the ranges' widths.

    The ranges end at the early exits' shares and at the full accuracy.
    """
    shares = params.exit_share[: params.n_exits] * params.accuracy_full
    ends = np.unique([0.0, *shares, params.accuracy_full, 1.0])
    return 0.5 * (ends[1:] + ends[:-1]), np.diff(ends)


def nominal(scenario: InferenceScenario) -> Callable[[np.ndarray], np.ndarray]:
    """A function of decisions (n,) DECISION that gives their nominal figures, by the kernel itself.

    It returns (n, 3): latency [s] of the slowest samples, those that no early exit answers; expected charged energy
    [J]; expected accuracy [1].
    """
    calm = scenario.replace(**{"tasks.count": 1, "fading.model": "static", "radio.shadowing_db": 0.0})
    if logs := channel_logs(scenario.radio):  # the median of the log is the path loss
        median_db = {"radio.path_loss_1km_db": -logs[0].median_db, "radio.distance_m": 1000.0, "radio.recorded": None}
        calm = calm.replace(**median_db, **{"radio.far_distance_m": None})
    params = one_record(lower(calm), PARAMS)
    p = params.view(np.recarray)[0]
    samples, widths = complexities(p)

    def figures(decisions: np.ndarray) -> np.ndarray:
        work = _WORK * len(samples)
        parts = [some(decisions[part]) for part in pieces(len(decisions), work)]
        return np.concatenate(parts) if parts else np.empty((0, 3))

    def some(decisions: np.ndarray) -> np.ndarray:
        outcomes = _outcomes(calm, params, np.repeat(decisions, len(samples)), np.tile(samples, len(decisions)))
        outcomes = outcomes.reshape(len(decisions), len(samples))
        whole = (outcomes["exit"] >= 0) | (outcomes["accuracy"] == p.accuracy_full)
        latency_s = np.where(outcomes["on_time"] & whole, outcomes["latency_s"], PATIENCE_S)
        return np.stack([latency_s.max(axis=1), outcomes["energy_j"] @ widths, outcomes["correct"] @ widths], axis=1)

    return figures


def _outcomes(calm: InferenceScenario, params: np.ndarray, decisions: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Outcomes (n,) of nominal tasks of complexity ``u`` (n,) under decisions (n,) DECISION."""
    n, p = len(decisions), params.view(np.recarray)[0]
    world = get_world("inference")
    rows, tasks = records(np.zeros(n, row_dtype(world))), records(np.zeros((n, 1), TASK))
    observations = np.zeros((n, p.n_fields), np.float32)
    masks = np.zeros((n, sum(len(axis.levels) for axis in world.axes(calm))), np.bool_)
    table, none = records(np.zeros(0, DECISION)), np.zeros((1, 1, 0))

    def turn() -> None:
        kernel.turn_rows(
            0, n, rows, observations, masks, np.zeros((n, 0, kernel.LOG_COLUMNS)),
            table, params, tasks, none, none.copy(), np.zeros(0), np.zeros((1, 2, 0)),
        )  # fmt: skip

    rows["fresh"] = True
    turn()  # draws the tasks, which are then replaced
    tasks["arrival_s"], tasks["deadline_s"], tasks["complexity"] = 0.0, PATIENCE_S, u[:, None]
    tasks["gain"] = slow_gain(p.near_km, 0.0, p)
    tasks["edge_load"] = min(p.load_mean, p.load_max)
    tasks["rtt_s"], tasks["jitter_s"] = p.rtt_s, p.jitter_s
    states = rows["state"]
    states["remaining_s"], states["wait_s"] = PATIENCE_S, 0.0
    rows["fresh"], rows["live"], rows["decision"] = False, True, decisions
    turn()
    return rows["outcome"].copy()
