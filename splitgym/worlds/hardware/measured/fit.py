"""The fit behind the hardware profiles: the coefficients of the model (DynaSplit specification section 8) out of runs.

Every part of the model is linear in its coefficients once the times of the stages are known, so each is fitted by
least absolute deviations (:mod:`.regression`), in relative terms: stalls, wrong clocks and tails of the link pull
nothing.  What was not measured lies on straight lines between its neighbours, and the notes say so.
"""

from __future__ import annotations

import numpy as np

from splitgym.worlds.hardware.measured.coefficients import Coefficients, Findings
from splitgym.worlds.hardware.measured.regression import filled_in, least_absolute
from splitgym.worlds.hardware.measured.runs import Runs

_MODES = ("off", "std", "max")


def fit_runs(runs: Runs, cut_bits: tuple[float, ...], node_idle_s: float | None) -> Coefficients:
    """Fit the model to runs.

    ``cut_bits`` are the tensors by split layer, if the runs do not tell; ``node_idle_s`` is the part of a tail in which
    the server does not work, by default the shortest tail: with any shorter one the fit is as good.

    Raises ``ValueError`` that says which column or run is missing.
    """
    if not runs.staged:
        raise ValueError(
            "kind = 'fitted' needs columns latency_edge and latency_cloud: a latency alone does not tell what the edge "
            "device did; kind = 'table' plays it"
        )
    findings = Findings()
    bits = _tensors(runs, cut_bits, findings)
    pipeline, cpu, fetch, accelerator_s, computing_s = _edge(runs, bits, findings)
    link, cloud_s = _link(runs, bits, findings), _cloud(runs, findings)
    head_w, wait = _edge_power(runs, computing_s, findings)
    idle_s, node_w = _server_power(runs, node_idle_s, findings)
    accuracy = np.full((3, runs.last_split + 1), np.nan)
    if not np.isnan(runs.accuracy).any():
        table = _medians(runs.accuracy, runs.accelerator, 3, runs)
        table[:, 0] = table[0, 0]  # nothing runs on the edge device
        accuracy = np.stack([filled_in(row if not np.isnan(row[1:]).all() else table[0]) for row in table])
    return Coefficients(
        clocks_hz=np.unique(runs.clock_hz), cut_bits=bits, pipeline=pipeline, cpu=cpu, fetch=fetch,
        accelerator_s=accelerator_s, link=link, cloud_s=cloud_s, head_w=head_w, wait=wait, node_w=node_w,
        node_idle_s=idle_s, accuracy=accuracy, accelerated=bool((runs.accelerator > 0).any()), spread=findings.spread,
        notes=tuple(findings.notes),
    )  # fmt: skip


def _tensors(runs: Runs, given: tuple[float, ...], findings: Findings) -> np.ndarray:
    """Size of the tensor by split layer [bit]; 0 at the last one."""
    n = runs.last_split + 1
    if given:
        if len(given) != n or given[-1] != 0.0:
            raise ValueError(f"hardware.cut_bits must have {n} entries, one for each split layer, the last one 0")
        return np.array(given)
    if np.isnan(runs.bits).any():
        raise ValueError("kind = 'fitted' needs the size of the tensors: a column bits, or hardware.cut_bits")
    sizes = np.array([np.median(runs.bits[runs.split == s]) if (runs.split == s).any() else np.nan for s in range(n)])
    sizes[-1] = 0.0
    findings.note(np.isnan(sizes), "size of the tensor")
    return filled_in(sizes)


# ------------------------------------------------------------------ time of the edge device
def _edge(runs: Runs, bits: np.ndarray, findings: Findings) -> tuple[np.ndarray, ...]:
    """Pipeline, head on the CPU, fetching and head on the accelerator, see :class:`Coefficients`; times (n,) [s]."""
    n, cycle_s = runs.last_split + 1, 1.0 / runs.clock_hz
    on_cpu = (runs.accelerator == 0) & (runs.split > 0)
    settled = np.array([len(np.unique(runs.clock_hz[on_cpu & (runs.split == s)])) > 1 for s in range(n)])
    if not settled.any():
        raise ValueError("kind = 'fitted' needs a split layer > 0 that ran at two clocks with the accelerator off")
    chosen = settled[runs.split] | ~on_cpu
    columns = [np.ones(len(runs)), cycle_s]
    for s in range(n):
        here = (on_cpu & (runs.split == s) & settled[s]).astype(float)
        columns += [here, here * cycle_s]
    boosted = (runs.accelerator > 0).astype(float)
    columns += [boosted * cycle_s, boosted * cycle_s * bits[runs.split]]
    for mode in (1, 2):
        columns += [((runs.accelerator == mode) & (runs.split == s)).astype(float) for s in range(n)]
    design = np.stack(columns, axis=1)[chosen]
    found = least_absolute(design, runs.edge_s[chosen])
    pipeline, cpu, fetch, boosted_s = (
        found[:2],
        found[2 : 2 + 2 * n].reshape(n, 2).T,
        found[2 + 2 * n :][:2],
        found[-2 * n :],
    )
    cpu = _unsettled(runs, cpu, settled, pipeline, on_cpu, findings)
    computing_s = runs.edge_s.copy()  # without stalls, which are charged as waiting
    computing_s[chosen] = np.minimum(runs.edge_s[chosen], design @ found)
    return pipeline, cpu, fetch, _accelerators(runs, boosted_s.reshape(2, n), findings), computing_s


def _unsettled(
    runs: Runs, cpu: np.ndarray, settled: np.ndarray, pipeline: np.ndarray, on_cpu: np.ndarray, findings: Findings
) -> np.ndarray:
    """Heads that ran at one clock or none: between their neighbours, scaled to what was measured."""
    known = settled.copy()
    known[0] = True  # nothing runs there
    cpu = np.stack([filled_in(np.where(known, row, np.nan)) for row in cpu])
    for s in np.flatnonzero(~known):
        rows = on_cpu & (runs.split == s)
        if rows.any():
            cycle_s = 1.0 / runs.clock_hz[rows]
            head_s, lines_s = runs.edge_s[rows] - pipeline[0] - pipeline[1] * cycle_s, cpu[0, s] + cpu[1, s] * cycle_s
            cpu[:, s] *= max(float(np.median(head_s / np.maximum(lines_s, 1e-12))), 0.0)
    findings.note(~known, "time on the edge device's CPU, not measured at two clocks,")
    return cpu


def _accelerators(runs: Runs, times_s: np.ndarray, findings: Findings) -> np.ndarray:
    """Heads on the accelerator, (2, L + 1); zeros without one."""
    seen = np.array(
        [[((runs.accelerator == m) & (runs.split == s)).any() for s in range(times_s.shape[1])] for m in (1, 2)]
    )
    if not seen.any():
        return np.zeros_like(times_s)
    for row, mode in enumerate(_MODES[1:]):
        if seen[row].any():
            times_s[row] = filled_in(np.where(seen[row], times_s[row], np.nan))
            findings.note(~seen[row][1:], f"time on the accelerator in mode {mode}", 1)
    for row, mode in enumerate(_MODES[1:]):
        if not seen[row].any():
            times_s[row] = times_s[1 - row]
            findings.notes.append(f"mode {mode} of the accelerator: as the other mode")
    times_s[:, 0] = 0.0
    return times_s


# ------------------------------------------------------------------ link and server
def _link(runs: Runs, bits: np.ndarray, findings: Findings) -> np.ndarray:
    """Constant part of a transfer [s] and what a bit adds [s]."""
    sent = (runs.split < runs.last_split) & (runs.transfer_s > 0.0)
    size, took_s = bits[runs.split[sent]], runs.transfer_s[sent]
    design = np.stack([np.ones(len(size)), size], axis=1)
    link = least_absolute(design, took_s)
    findings.deviations["link_log_std"].append(np.log(took_s / np.maximum(design @ link, 1e-12)))
    return link


def _cloud(runs: Runs, findings: Findings) -> np.ndarray:
    """Time on the server by split layer [s], (2, L + 1) for CPU and GPU; what never ran is as the other."""
    table = _medians(runs.cloud_s, runs.gpu, 2, runs)
    table[:, -1] = np.nan  # nothing runs there
    ran = [not np.isnan(row).all() for row in table]
    if not any(ran):
        raise ValueError("kind = 'fitted' needs runs in which the server takes part")
    for gpu, name in enumerate(("CPU", "GPU")):
        if ran[gpu]:
            findings.note(np.isnan(table[gpu, :-1]), f"time on the server's {name}")
            table[gpu, :-1] = filled_in(table[gpu, :-1])
    for gpu, name in enumerate(("CPU", "GPU")):
        if not ran[gpu]:
            table[gpu] = table[1 - gpu]
            findings.notes.append(f"time on the server's {name}: as that on its {('GPU', 'CPU')[gpu]}")
    table[:, -1] = 0.0
    worked = (runs.split < runs.last_split) & (runs.cloud_s > 0.0)
    wanted_s = table[runs.gpu[worked], runs.split[worked]]
    findings.deviations["cloud_log_std"].append(np.log(runs.cloud_s[worked] / np.maximum(wanted_s, 1e-12)))
    return table


def _medians(values: np.ndarray, kind: np.ndarray, kinds: int, runs: Runs) -> np.ndarray:
    """Medians by kind and split layer, (kinds, L + 1); NaN where nothing was measured."""
    table = np.full((kinds, runs.last_split + 1), np.nan)
    for k in range(kinds):
        for s in range(runs.last_split + 1):
            here = values[(kind == k) & (runs.split == s)]
            table[k, s] = np.median(here) if len(here) else np.nan
    return table


# ------------------------------------------------------------------ power
def _edge_power(runs: Runs, computing_s: np.ndarray, findings: Findings) -> tuple[np.ndarray, np.ndarray]:
    """Power of the edge device in its blocks, (3, n_clocks), and while it waits, (3, 2) constant part and per cycle."""
    clocks_hz = np.unique(runs.clock_hz)
    head_w, wait = np.full((3, len(clocks_hz)), np.nan), np.zeros((3, 2))
    waited_s = np.maximum(runs.latency_s - computing_s, 0.0)
    modes = [mode for mode in range(3) if ((runs.accelerator == mode) & (runs.edge_j > 0.0)).any()]
    if 0 not in modes:
        raise ValueError("kind = 'fitted' needs runs with the accelerator off and an energy_edge above 0")
    for mode in modes:
        rows = (runs.accelerator == mode) & (runs.edge_j > 0.0)
        at = runs.clock_hz[rows, None] == clocks_hz
        waiting = waited_s[rows, None] * np.stack([np.ones(rows.sum()), runs.clock_hz[rows]], axis=1)
        design = np.concatenate([at * computing_s[rows, None], waiting], axis=1)
        found = least_absolute(design, runs.edge_j[rows])
        head_w[mode] = filled_in(np.where(at.any(axis=0), found[:-2], np.nan))
        wait[mode] = found[-2:]
        findings.deviations["edge_std_w"].append((runs.edge_j[rows] - design @ found) / runs.latency_s[rows])
        if not at.any(axis=0).all():
            lacking = ", ".join(f"{hz / 1e6:g} MHz" for hz in clocks_hz[~at.any(axis=0)])
            findings.notes.append(f"power in mode {_MODES[mode]} at {lacking}: between its neighbours")
    for mode in {0, 1, 2} - set(modes):
        head_w[mode], wait[mode] = head_w[modes[-1]], wait[modes[-1]]
    return head_w, wait


def _server_power(runs: Runs, idle_s: float | None, findings: Findings) -> tuple[float, np.ndarray]:
    """Idle part of a tail [s], and the server's power idle and what its load adds, (2, 2), for CPU and GPU."""
    worked = (runs.split < runs.last_split) & (runs.cloud_s > 0.0) & (runs.cloud_j > 0.0)
    node_w = np.zeros((2, 2))
    if not worked.any():
        return 0.0, node_w
    idle_s = float(runs.cloud_s[worked].min()) if idle_s is None else idle_s
    for gpu in (0, 1):
        rows = worked & (runs.gpu == gpu)
        busy_s = np.maximum(runs.cloud_s[rows] - idle_s, 0.0)
        if rows.any():
            design = np.stack([runs.cloud_s[rows], busy_s], axis=1)
            node_w[gpu] = least_absolute(design, runs.cloud_j[rows])
            findings.deviations["node_std"].append(runs.cloud_j[rows] / np.maximum(design @ node_w[gpu], 1e-12) - 1.0)
    for gpu in (0, 1):
        if not (worked & (runs.gpu == gpu)).any():
            node_w[gpu] = node_w[1 - gpu]
            findings.notes.append(f"power of the server's {('CPU', 'GPU')[gpu]}: as that of its {('GPU', 'CPU')[gpu]}")
    return idle_s, node_w
