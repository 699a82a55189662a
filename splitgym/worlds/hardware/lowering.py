"""Scenario of the hardware world -> PARAMS: every derived value is computed here, once."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from splitgym.jit import one_record, records
from splitgym.quoting import exact
from splitgym.ranges import MOST_TASK_S, at_most
from splitgym.traces.arrivals import ARRIVALS, lower_arrivals
from splitgym.worlds.hardware.fields import OBSERVATION_TABLE
from splitgym.worlds.hardware.kernel import allowed_gpu, allowed_mode, in_force, nominal_rows
from splitgym.worlds.hardware.layout import (
    DECISION,
    LEAST_REFERENCE_J,
    MAX_CLOCKS,
    MAX_MASK,
    MAX_SPLITS,
    MOST_REQUEST_J,
    PARAMS,
    PARAMS_TABLE,
    REQUEST,
)
from splitgym.worlds.hardware.played import lower_runs
from splitgym.worlds.hardware.profile import MODES, HardwareProfile
from splitgym.worlds.hardware.scenario import HardwareScenario
from splitgym.worlds.records import fill_record


def uses_plugins(scenario: HardwareScenario) -> bool:
    """Whether a plug-in model draws part of the trace, so that episodes are drawn as arrays first."""
    return scenario.requests.queueing and not ARRIVALS[scenario.arrivals.model].built_in


def _by_mode(section: Any, pattern: str, empty: Any) -> np.ndarray:
    """Tables of a section for off, std and max, stacked; ``empty`` where there is no accelerator."""
    return np.array([value if np.size(value := getattr(section, pattern.format(m))) else empty for m in MODES])


def _tables(profile: HardwareProfile) -> dict[str, Any]:
    edge, power = profile.edge, profile.power
    splits = len(profile.split_points)
    unknown, none = np.full(splits, np.nan), np.zeros(splits)
    return {
        "n_lattice": len(profile.noise.stall_lattice_s),
        "last_split": splits - 1,
        "n_clocks": len(edge.clocks_hz),
        "accelerator_s": np.array([edge.accelerator_std_s or none, edge.accelerator_max_s or none]),
        "cloud_s": np.array([profile.cloud.cpu_s, profile.cloud.gpu_s]),
        "head_w": _by_mode(power, "head_{}_w", np.zeros(len(edge.clocks_hz))),
        "wait_w": _by_mode(power, "wait_{}_w", 0.0),
        "wait_j_per_cycle": _by_mode(power, "wait_{}_j_per_cycle", 0.0),
        "node_w": np.array([power.node_cpu_w, power.node_gpu_w]),
        "node_load_w": np.array([power.node_cpu_load_w, power.node_gpu_load_w]),
        "accuracy": np.array([unknown] * 3) if profile.accuracy is None else _by_mode(profile.accuracy, "{}", unknown),
    }


def lower(scenario: HardwareScenario) -> np.record:
    """Scenario -> PARAMS record; computes every derived value and coerces every type."""
    hardware, (runs, entry) = scenario.hardware, lower_runs(scenario.hardware)
    profile = hardware if isinstance(hardware, HardwareProfile) else hardware.silent
    params = fill_record(
        PARAMS_TABLE,
        scenario if profile is hardware else dataclasses.replace(scenario, hardware=profile),
        **_tables(profile),
        measured=profile is not hardware,
        entry=entry,
        arrivals=lower_arrivals(scenario.arrivals.model, scenario.arrivals.parameters, scenario.requests.count),
        reference_j=0.0,
        nominal_s=np.full((MAX_CLOCKS, 3, MAX_SPLITS, 2), np.inf),
        least_s=np.full(MAX_MASK, np.inf),
        kept_s=np.full((MAX_CLOCKS, 3, MAX_MASK), np.inf),
        **OBSERVATION_TABLE.params(scenario),
    )
    return _with_nominal(params, runs)


def _with_nominal(params: np.record, runs: np.ndarray) -> np.record:
    """Fill in what the kernel's own formula says of every configuration."""
    index = _configurations(params, runs)
    level, mode, split, gpu = index.T
    decisions = np.zeros(len(index), DECISION)
    decisions["clock_hz"] = params.clocks_hz[level]
    decisions["accelerator"], decisions["split"], decisions["gpu"] = mode, split, gpu
    values = nominal(params, runs, decisions)
    params.nominal_s[tuple(index.T)] = values[:, 0]
    _fill_least(params)
    p = one_record(params, PARAMS)[0]
    cloud_only = (index == in_force(int(params.n_clocks) - 1, 0, 0, 1, runs, p)).all(axis=1)
    params.reference_j = values[cloud_only, 1][0]
    _check_service(values, float(params.reference_j), bool(params.measured))
    return params


def _fill_least(params: np.record) -> None:
    """Least nominal latency by each value of an axis, as the mask lays them out: clock, accelerator, split layer, GPU.

    Once among all configurations, once among those of each clock and accelerator mode.
    """
    clocks, splits = int(params.n_clocks), int(params.last_split) + 1
    nominal_s = params.nominal_s[:clocks, :, :splits]
    first = np.cumsum([0, clocks, 3, splits, 2])
    for axis, (begin, end) in enumerate(itertools.pairwise(first)):
        others = tuple(other for other in range(4) if other != axis)
        params.least_s[begin:end] = nominal_s.min(axis=others)
    for level, mode in np.ndindex(clocks, 3):
        alike_s = nominal_s[level, mode]
        kept_s = params.kept_s[level, mode]
        kept_s[level] = kept_s[clocks + mode] = alike_s.min()
        kept_s[first[2] : first[3]], kept_s[first[3] : first[4]] = alike_s.min(axis=1), alike_s.min(axis=0)


def _configurations(params: np.record, runs: np.ndarray) -> np.ndarray:
    """Clock, mode, split layer, GPU of all that can be played, (m, 4); of a table what was measured."""
    if params.measured:
        means = runs[runs["count"] > 0]
        return np.stack([means[name] for name in ("level", "accelerator", "split", "gpu")], axis=1)
    index = np.indices((int(params.n_clocks), 3, int(params.last_split) + 1, 2)).reshape(4, -1).T
    return index[_valid(params, index[:, 1], index[:, 2], index[:, 3])]


def _check_service(values: np.ndarray, reference_j: float, measured: bool) -> None:
    """``ValueError`` where a nominal request takes more than any, or where cloud-only, the reference, takes nothing."""
    times, powers = ("hardware.file",) * 2 if measured else ("hardware.edge and hardware.link", "hardware.power")
    at_most(times, "a request", float(values[:, 0].max()), 10.0 * MOST_TASK_S, "s")
    at_most(
        powers if measured else f"{powers} and hardware.edge",
        "a request",
        float(values[:, 1].max()),
        MOST_REQUEST_J,
        "J",
    )
    if not reference_j >= LEAST_REFERENCE_J:
        raise ValueError(
            f"{powers}: a cloud-only request, to which all others are compared, must take >= "
            f"{LEAST_REFERENCE_J:g} J, got {exact(reference_j)} J"
        )


def valid(params: np.record, grid: np.ndarray) -> np.ndarray:
    """Which decisions (n,) of a grid are configurations by themselves, (n,) bool.  (DynaSplit specification s1)"""
    level = np.searchsorted(params.clocks_hz[: params.n_clocks], grid["clock_hz"])
    mode, split, gpu = (grid[name].astype(int) for name in ("accelerator", "split", "gpu"))
    return np.isfinite(params.nominal_s[level, mode, split, gpu])


def _valid(params: np.record, mode: np.ndarray, split: np.ndarray, gpu: np.ndarray) -> np.ndarray:
    """Which combinations (n,) the kernel leaves as they are, whatever the clock."""
    p = one_record(params, PARAMS)[0]
    kinds, which = np.unique(np.stack([mode, split, gpu]), axis=1, return_inverse=True)
    rows = zip(*kinds.tolist(), strict=True)
    kept = [allowed_mode(m, s, p) == m and allowed_gpu(g, s, p) == g for m, s, g in rows]
    return np.array(kept, np.bool_)[which.ravel()]


def nominal(params: np.record, runs: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Nominal latency [s], charged energy [J] and accuracy [1], (n, 3), of decisions (n,) DECISION.

    ``runs`` are those of :func:`splitgym.worlds.hardware.played.lower_runs`.  ``params`` may lack its own nominal
    tables.
    """
    values = np.empty((len(decisions), 3))
    scratch = records(np.zeros(1, REQUEST))
    nominal_rows(records(np.ascontiguousarray(decisions)), scratch, values, runs, one_record(params, PARAMS))
    return values
