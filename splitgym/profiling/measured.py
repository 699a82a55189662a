"""A network measured on labelled data: its cuts, exits and uncertainty.  Needs PyTorch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from splitgym.profiling.exits import Answers, MeasuredExit, measured_exits, threshold_of, with_exits
from splitgym.profiling.features import MeasuredCut, measured_cut
from splitgym.profiling.parts import Data, Parts
from splitgym.ranges import SHARE
from splitgym.registry import nearest

IMPORTANCES = ("taylor", "mean")
FILLS = ("mean", "zero")
#: Numbers of channels at which a cut is measured, all and none among them, unless it has fewer.
POINTS = 25


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """A network measured on data.

    Args:
        samples, classes: of the data.
        accuracy_full: of the whole network, all samples sent through it [1].
        accuracy_exits: with the exits in force [1].
        cuts, exits: in order.
        importance, fill: how channels were ordered, and what stood for missing ones.
    """

    samples: int
    classes: int
    accuracy_full: float
    accuracy_exits: float
    cuts: tuple[MeasuredCut, ...]
    exits: tuple[MeasuredExit, ...]
    importance: str
    fill: str

    @property
    def accuracy_chance(self) -> float:
        """Accuracy of guessing one of the classes [1]."""
        return 1.0 / self.classes


def measure(
    network: Parts,
    cuts: Sequence[str],
    data: Data,
    *,
    exits: Sequence[str] = (),
    calibration: Data | None = None,
    importance: str = "taylor",
    fill: str = "mean",
    points: int = POINTS,
    exit_tolerance: float = 0.005,
) -> Measured:
    """Measure a network's cuts and exits on data.

    Args:
        network: in eval mode, see :class:`Parts`.
        cuts: names of the cuts to measure, in order.
        data: labelled batches by which everything is counted; must be iterable more than once.
        exits: names of the network's exits, in the order of its answers.
        calibration: labelled batches that decide the order of channels, their means and the exits' thresholds;
            ``None``: ``data``, which is a little too kind to the network.
        importance: "taylor", the mean over samples of the size of the channel's sum of activation x gradient of the
            loss, or "mean", that of its sum of the activations' sizes.
        fill: "mean" or "zero", what the server puts for missing channels.
        points: numbers of channels at which a cut is measured, more of them where they are few.
        exit_tolerance: accuracy on the calibration data that each exit's answers may cost [1].

    Raises ``ValueError`` for data that is empty or can be read only once, labels that are no classes, and unknown
    names of ways.
    """
    for name, value, known in (("importance", importance, IMPORTANCES), ("fill", fill, FILLS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}{nearest(str(value), known)}")
    SHARE.check("exit_tolerance", exit_tolerance)
    if points < 2:
        raise ValueError(f"points must be >= 2, got {points!r}")
    calibration = data if calibration is None else calibration
    for name, batches in (("data", data), ("calibration", calibration)):
        if iter(batches) is batches:
            raise ValueError(f"{name} can be read only once, but must be read several times; give a list of batches")
    whole = Answers.of(network, data, "data", len(exits))
    chosen = whole if calibration is data else Answers.of(network, calibration, "calibration", len(exits))
    measured = [measured_cut(network, name, data, calibration, importance, fill, points) for name in cuts]
    thresholds = [threshold_of(chosen, e, exit_tolerance) for e in range(len(exits))]
    return Measured(
        samples=whole.samples,
        classes=whole.classes,
        accuracy_full=_below_one(float(whole.right[-1].mean()), whole.samples),
        accuracy_exits=float(with_exits(whole, thresholds).mean()),
        cuts=tuple(measured),
        exits=tuple(measured_exits(whole, exits, thresholds)),
        importance=importance,
        fill=fill,
    )


def _below_one(accuracy: float, samples: int) -> float:
    """A profile's accuracy is below 1: n right answers out of n count as n + 1 out of n + 2."""
    return accuracy if accuracy < 1.0 else (samples + 1.0) / (samples + 2.0)
