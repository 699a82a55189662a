"""A hardware profile fitted to measured runs, with its errors: the fit behind the profiles that come with splitgym."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.checks import whole_number
from splitgym.encodings import by_name
from splitgym.quoting import shown
from splitgym.ranges import no_warnings
from splitgym.reading import naming
from splitgym.strict import from_mapping
from splitgym.worlds.hardware.axes import AXES
from splitgym.worlds.hardware.lowering import lower, nominal
from splitgym.worlds.hardware.measured.coefficients import Coefficients
from splitgym.worlds.hardware.measured.fit import fit_runs
from splitgym.worlds.hardware.measured.runs import Runs
from splitgym.worlds.hardware.played import lower_runs
from splitgym.worlds.hardware.profile import Accuracy, Edge, HardwareProfile, Link, Power, Server
from splitgym.worlds.hardware.scenario import load_scenario
from splitgym.worlds.hardware.table import NO_NOISE, MeasuredHardware

#: Share of the configurations that a fit is made with, where the rest rates it; as for our own profiles.
_TRAINING = 0.7
#: Significant digits of a coefficient: more would tell one machine from another.
_DIGITS = 9


@dataclasses.dataclass(frozen=True)
class FitError:
    """How far a fit is from runs: relative errors of one figure over n runs, and R².

    ``held_out``: the runs are of configurations that the fit did not see, and all values are means over the splits.
    """

    figure: str
    held_out: bool
    n: float
    median: float
    mean: float
    p90: float
    most: float
    r2: float


@dataclasses.dataclass(frozen=True)
class HardwareFit:
    """What :func:`fit_hardware` found: the profile, its errors, and what was filled in since nobody measured it."""

    profile: HardwareProfile
    errors: tuple[FitError, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """The report: a table of errors and the notes, for people."""
        lines = [
            f"hardware profile {self.profile.name!r}: {self.profile.validity}",
            f"{'relative error of':<22}{'runs':>6}{'median':>9}{'mean':>9}{'90 %':>9}{'most':>9}{'R²':>8}",
        ]
        for e in self.errors:
            name = e.figure + (", held out" if e.held_out else "")
            values = "".join(f"{100.0 * value:>7.2f} %" for value in (e.median, e.mean, e.p90, e.most))
            lines.append(f"{name:<22}{e.n:>6.0f}{values}{e.r2:>8.4f}")
        return "\n".join([*lines, *(f"filled in: {note}" for note in self.notes)])


def fit_hardware(table: MeasuredHardware | Mapping[str, Any] | str | Path, *, splits: int = 5) -> HardwareFit:
    """Fit a hardware profile to a table of measured runs.

    Args:
        table: path of the table, or what a scenario says of it: ``{"file": "runs.csv", "units": {"clock": "MHz"}}``;
            keys as of section ``hardware`` of a scenario.
        splits: how many times to fit to 70 % of the configurations and rate the fit on the rest; 0: not at all.

    The model is that of the DynaSplit specification, section 8, the fit least absolute deviations in relative terms.
    ``str()`` of what it returns is the report; ``.profile.save(path)`` keeps the profile.

    Raises ``ValueError`` naming file, line and column for a table that cannot be read, and the column or run that a fit
    needs besides: the time of the stages, the size of the tensors, one split layer at two clocks.
    """
    if isinstance(table, (str, Path)):
        table = {"file": str(table)}
    if isinstance(table, Mapping):
        table = from_mapping(MeasuredHardware, {**table, "kind": "fitted"}, "hardware")
    if not isinstance(table, MeasuredHardware):
        raise ValueError(f"table must be the path of a table of runs, or a table that names it, got {shown(table)}")
    whole_number("splits", splits, 0, 1000)
    runs = table.runs
    with naming(table.file):
        found = fit_runs(runs, table.cut_bits, table.node_idle_s)
        profile = _profile(table, found)
        errors = _errors(profile, runs, held_out=False)
        validity = ", of ".join(f"{e.figure} {100.0 * e.median:.1f} %" for e in errors)
        configurations = len(np.unique(runs.configurations, axis=0))
        told = f"fitted to {len(runs)} runs of {configurations} configurations: median error of {validity}"
        profile = dataclasses.replace(profile, validity=told)
        return HardwareFit(profile, (*errors, *_held_out(table, runs, splits)), found.notes)


def _held_out(table: MeasuredHardware, runs: Runs, splits: int) -> list[FitError]:
    """Errors of runs whose configuration the fit did not see, means over several splits."""
    kinds, place = np.unique(runs.configurations, axis=0, return_inverse=True)
    rated: list[list[FitError]] = []
    for seed in range(splits if len(kinds) > 3 else 0):
        order = np.random.default_rng(seed).permutation(len(kinds))
        seen = np.isin(place.reshape(-1), order[: round(_TRAINING * len(kinds))])
        try:
            fitted = _profile(table, fit_runs(runs.of(seen), table.cut_bits, table.node_idle_s), runs)
        except ValueError:  # too little is left
            continue
        rated.append(_errors(fitted, runs.of(~seen), held_out=True))
    means = []
    for of_figure in zip(*rated, strict=True):
        values = np.mean([dataclasses.astuple(e)[2:] for e in of_figure], axis=0)
        means.append(FitError(of_figure[0].figure, True, *map(float, values)))
    return means


def _errors(profile: HardwareProfile, runs: Runs, *, held_out: bool) -> list[FitError]:
    """Errors of latency and of the energy of both machines."""
    with no_warnings():
        scenario = load_scenario("default", hardware=profile, **{"reward.infrastructure_weight": 1.0})
    decisions = by_name(runs.configurations.astype(np.float64), AXES)
    values = nominal(lower(scenario), lower_runs(profile)[0], decisions)
    figures = {"latency": (values[:, 0], runs.latency_s), "energy": (values[:, 1], runs.edge_j + runs.cloud_j)}
    return [_error(name, held_out, *pair) for name, pair in figures.items()]


def _error(figure: str, held_out: bool, predicted: np.ndarray, measured: np.ndarray) -> FitError:
    errors = np.abs(predicted / measured - 1.0)
    total = float(((measured - measured.mean()) ** 2).sum())
    r2 = 1.0 - float(((measured - predicted) ** 2).sum()) / total if total > 0.0 else float("nan")
    return FitError(
        figure, held_out, float(len(errors)), float(np.median(errors)), float(errors.mean()),
        float(np.quantile(errors, 0.9)), float(errors.max()), r2,
    )  # fmt: skip


# ------------------------------------------------------------------ coefficients -> profile
def _profile(table: MeasuredHardware, c: Coefficients, runs: Runs | None = None) -> HardwareProfile:
    """The profile of coefficients; ``runs`` are all of the table where the fit saw a part."""
    whole = runs is None or len(np.unique(runs.clock_hz)) == len(c.clocks_hz)
    if not whole:
        raise ValueError("a clock is missing")
    boosted = slice(None) if c.accelerated else slice(0, 0)
    origin = f"measured: fit to {len(table.runs)} runs (splitgym.fit_hardware)"
    edge = {
        "clocks_hz": c.clocks_hz, "pipeline_s": c.pipeline[0], "pipeline_cycles": c.pipeline[1],
        "cpu_s": c.cpu[0], "cpu_cycles": c.cpu[1], "accelerator_cycles": c.fetch[0],
        "accelerator_cycles_per_bit": c.fetch[1], "accelerator_std_s": c.accelerator_s[0][boosted],
        "accelerator_max_s": c.accelerator_s[1][boosted],
    }  # fmt: skip
    power: dict[str, Any] = {"node_idle_s": c.node_idle_s}
    for at, mode in enumerate(("off", "std", "max")):
        power[f"head_{mode}_w"] = c.head_w[at][boosted if at else slice(None)]
        power[f"wait_{mode}_w"], power[f"wait_{mode}_j_per_cycle"] = (
            c.wait[at] if at == 0 or c.accelerated else (0.0, 0.0)
        )
    for at, part in enumerate(("cpu", "gpu")):
        power[f"node_{part}_w"], power[f"node_{part}_load_w"] = c.node_w[at]
    accuracy = None
    if not np.isnan(c.accuracy).any():
        rows = {mode: c.accuracy[at][boosted if at else slice(None)] for at, mode in enumerate(("off", "std", "max"))}
        accuracy = _section(Accuracy, rows, origin)
    quiet = {f.name: getattr(NO_NOISE, f.name) for f in dataclasses.fields(NO_NOISE) if f.name != "source"}
    spread = {name: _rounded(value) for name, value in c.spread.items()}
    stated = "modelled: stalls, tails of the link and states of power are not looked for"
    noise = {name: origin if name in spread else stated for name in quiet}
    with no_warnings():
        return HardwareProfile(
            name=table.name, description=table.description, status="fitted", objectives=table.objectives,
            threshold_min_s=table.threshold_min_s, threshold_max_s=table.threshold_max_s,
            split_points=table.split_points, cut_bits=_rounded(c.cut_bits), edge=_section(Edge, edge, origin),
            link=_section(Link, {"fixed_s": c.link[0], "s_per_bit": c.link[1]}, origin),
            cloud=_section(Server, {"cpu_s": c.cloud_s[0], "gpu_s": c.cloud_s[1]}, origin),
            power=_section(Power, power, origin), accuracy=accuracy,
            noise=dataclasses.replace(NO_NOISE, **spread, source=noise),
            source={**dict.fromkeys(("cut_bits", "threshold_min_s", "threshold_max_s"), origin), **table.source},
        )  # fmt: skip


def _section(cls: Any, values: Mapping[str, Any], origin: str) -> Any:
    return cls(**{name: _rounded(value) for name, value in values.items()}, source=dict.fromkeys(values, origin))


def _rounded(value: Any) -> Any:
    """A coefficient, or a table of them, with as many digits as runs can tell."""
    if np.ndim(value):
        return tuple(_rounded(v) for v in np.asarray(value).tolist())
    return float(f"{float(value):.{_DIGITS}g}")
