"""What was measured, put into a profile: accuracies, curves and the exits' shares, with where they come from."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np

from splitgym.profiles.dnn import DnnProfile
from splitgym.profiling.curves import LARGEST_ERROR, Fit, fit_exponential, tabulate
from splitgym.profiling.features import MeasuredCut
from splitgym.profiling.measured import Measured
from splitgym.registry import nearest

#: How a cut's curve gets into the profile: the exponential where it fits and a table where not, or always one of them.
WAYS = ("auto", "exponential", "table")
_FILLS = {"mean": "missing channels are their means over the calibration data", "zero": "missing channels are zero"}
_ORDERS = {"taylor": "the Taylor score |activation x gradient|", "mean": "mean |activation|"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curves:
    """The exponential nearest to each cut's points, and which cuts have a table in its place."""

    fits: dict[str, Fit]
    tables: tuple[str, ...]


def fit_curves(measured: Measured, way: str = "auto") -> Curves:
    """Fit the exponential to every cut, and choose by ``way``, one of :data:`WAYS`; warns loudly where it does not fit.

    Raises ``ValueError`` for an unknown way, and for a network that is no better than guessing.
    """
    if way not in WAYS:
        raise ValueError(f"curve must be one of {', '.join(WAYS)}, got {way!r}{nearest(str(way), WAYS)}")
    if measured.accuracy_full <= measured.accuracy_chance:
        raise ValueError(
            f"the network is right on {100.0 * measured.accuracy_full:.1f} % of the data, no more than guessing "
            f"({100.0 * measured.accuracy_chance:.1f} %): is it trained, and are the labels those of its classes?"
        )
    ends = {"full": measured.accuracy_full, "chance": measured.accuracy_chance}
    fits = {cut.name: fit_exponential(cut.shares, _held(cut, measured), **ends) for cut in measured.cuts}
    bad = tuple(name for name, fit in fits.items() if not fit.good)
    if bad and way != "table":  # who asks for tables need not be told
        errors = ", ".join(f"{name} by {100.0 * fits[name].error:.1f} points" for name in bad)
        taken = "The exponential is taken all the same" if way == "exponential" else "The measured table is taken there"
        warnings.warn(
            f"THE EXPONENTIAL CURVE DOES NOT FIT (more than {100.0 * LARGEST_ERROR:g} points off): {errors}. {taken}",
            stacklevel=2,
        )
    tables = {"auto": bad, "exponential": (), "table": tuple(fits)}[way]
    return Curves(fits=fits, tables=tables)


def _held(cut: MeasuredCut, measured: Measured) -> Sequence[float]:
    """The cut's accuracies, with that of all features as the profile has it."""
    return (*cut.accuracies[:-1], measured.accuracy_full)


def with_measured(
    profile: DnnProfile,
    measured: Measured,
    *,
    way: str = "auto",
    curves: Curves | None = None,
    data: str = "the data given",
) -> DnnProfile:
    """A profile with measured accuracies in place of those it has.

    Args:
        profile: of the same network; cuts that were not measured are all or nothing.
        measured: by :func:`splitgym.profiling.measured.measure`, its exits in the profile's order.
        way: one of :data:`WAYS`.
        curves: of :func:`fit_curves`, where they are fitted already.
        data: what it was measured on, for the file.

    Raises ``ValueError`` for cuts or exits that the profile does not have, and an unknown way.
    """
    known = profile.cut_names[1:-1]
    for cut in measured.cuts:
        if cut.name not in known:
            raise ValueError(
                f"no cut {cut.name!r}{nearest(cut.name, known)} in {profile.name!r} (cuts: {', '.join(known)})"
            )
    if len(measured.exits) != len(profile.exits):
        raise ValueError(f"{profile.name!r} has {len(profile.exits)} exits, but {len(measured.exits)} were measured")
    curves, by_name = curves or fit_curves(measured, way), {cut.name: cut for cut in measured.cuts}
    blocks = []
    for block in profile.blocks:
        cut, steepness, table = by_name.get(block.name), 0.0, None
        if cut is not None and block.name in curves.tables:
            full, chance = measured.accuracy_full, measured.accuracy_chance
            table = tabulate(cut.shares, _held(cut, measured), full=full, chance=chance)
        elif cut is not None:
            steepness = curves.fits[block.name].steepness
        blocks.append(dataclasses.replace(block, steepness=steepness, curve=table))
    exits = [
        dataclasses.replace(leave, share=round(found.share, 4))
        for leave, found in zip(profile.exits, measured.exits, strict=True)
    ]
    stated = {key: words for key, words in profile.source.items() if key != "blocks.steepness"}  # of no block now
    return dataclasses.replace(
        profile,
        accuracy_full=measured.accuracy_full,
        accuracy_chance=measured.accuracy_chance,
        blocks=tuple(blocks),
        exits=tuple(exits),
        source={**stated, **sources_of(measured, curves, data)},
    )


def sources_of(measured: Measured, curves: Curves, data: str) -> dict[str, str]:
    """Where each number comes from, with the errors of the fits."""
    how = f"channels in the order of {_ORDERS[measured.importance]}, {_FILLS[measured.fill]}"
    fits = ", ".join(f"{name} {100.0 * fit.error:.1f}" for name, fit in curves.fits.items())
    found = {
        "accuracy_full": f"measured: {measured.samples} samples of {data}",
        "accuracy_chance": f"modelled: one of {measured.classes} classes at random",
    }
    exponentials = [name for name in curves.fits if name not in curves.tables]
    error = f"largest error of the exponential in points: {fits}"
    if exponentials or not curves.fits:
        found["blocks.steepness"] = f"measured: fitted on {data}, {how}; {error}"
    if curves.tables:
        found["blocks.curve"] = f"measured: on {data}, {how}; {error}"
    if measured.exits:
        told = ", ".join(
            f"{leave.name} answers {100.0 * leave.answered:.1f} % at an entropy of at most {leave.threshold:.3f} of "
            f"guessing's, {100.0 * leave.accuracy:.1f} % of them rightly"
            for leave in measured.exits
        )
        found["exits.share"] = (
            f"measured: on {data}; {told}; accuracy with all exits {100.0 * measured.accuracy_exits:.2f} %"
        )
    return found


def early_stop(measured: Measured) -> dict[str, float]:
    """Values for a scenario's ``[early_stop]``: the means over the cuts whose uncertainty could be fitted.

    Keys ``exponent``, ``noise_std``, ``persistence``, ``confidently_wrong``; empty if no cut could be.
    """
    names = ("exponent", "noise_std", "persistence", "confidently_wrong")
    rows = [[getattr(cut.stop, name) for name in names] for cut in measured.cuts]
    good = [row for row in rows if np.isfinite(row).all()]
    return dict(zip(names, np.mean(good, axis=0).tolist(), strict=True)) if good else {}
