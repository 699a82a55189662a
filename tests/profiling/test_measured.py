"""Accuracies, exits and uncertainty of small networks whose figures NumPy works out beside."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from splitgym.profiles import DnnProfile
from splitgym.profiling.combining import early_stop, with_measured
from splitgym.profiling.exits import Answers, measured_exits, threshold_of, with_exits
from splitgym.profiling.features import channel_counts
from splitgym.profiling.measured import measure
from splitgym.profiling.parts import HeadTail, judge
from splitgym.profiling.uncertainty import stop_model, turning_shares

CLASSES, CHANNELS, SAMPLES = 4, 6, 300


class Linear:
    """Features (b, 6, 2) are the inputs, scores their sums over the last axis times W; labels from a noisy teacher."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.normal(0.3, 1.0, (SAMPLES, CHANNELS, 2)) * np.linspace(2.0, 0.2, CHANNELS)[:, None]
        self.weights = rng.normal(size=(CHANNELS, CLASSES))
        noisy = self.scores(self.x) + rng.normal(size=(SAMPLES, CLASSES))
        self.labels = noisy.argmax(axis=1)

    def scores(self, x: np.ndarray) -> np.ndarray:
        return x.sum(axis=2) @ self.weights

    def batches(self, size: int = 77) -> list[tuple[Any, Any]]:
        parts = [slice(i, i + size) for i in range(0, SAMPLES, size)]
        return [(torch.tensor(self.x[p]), torch.tensor(self.labels[p])) for p in parts]

    def parts(self) -> HeadTail:
        weights = torch.tensor(self.weights)
        return HeadTail(lambda x: x * 1.0, lambda t: t.sum(dim=2) @ weights)

    def scored(self, importance: str) -> np.ndarray:
        """Importance of the channels: gradient of the cross-entropy by hand."""
        if importance == "mean":
            return np.abs(self.x).sum(axis=2).mean(axis=0)
        p = np.exp(self.scores(self.x))
        p /= p.sum(axis=1, keepdims=True)
        gradient = (p - np.eye(CLASSES)[self.labels]) @ self.weights.T  # of each element of a channel
        return np.abs((self.x * gradient[:, :, None]).sum(axis=2)).mean(axis=0)


@pytest.mark.parametrize("importance", ["taylor", "mean"])
@pytest.mark.parametrize("fill", ["mean", "zero"])
def test_accuracy_against_the_share_of_channels(importance: str, fill: str) -> None:
    net = Linear()
    found = measure(net.parts(), ["cut"], net.batches(), importance=importance, fill=fill)
    (cut,) = found.cuts
    order = np.argsort(-net.scored(importance))
    assert cut.order == tuple(order.tolist())
    assert cut.shares == tuple((np.arange(CHANNELS + 1) / CHANNELS).tolist())
    missing = net.x.mean(axis=(0, 2)) if fill == "mean" else np.zeros(CHANNELS)
    for count, accuracy, uncertainty in zip(range(CHANNELS + 1), cut.accuracies, cut.uncertainties, strict=True):
        x = np.broadcast_to(missing[:, None], net.x.shape).copy()
        x[:, order[:count]] = net.x[:, order[:count]]
        scores = net.scores(x)
        assert accuracy == pytest.approx((scores.argmax(axis=1) == net.labels).mean(), abs=1e-12)
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        assert uncertainty == pytest.approx((-(p * np.log(p)).sum(axis=1) / math.log(CLASSES)).mean(), rel=1e-9)
    assert found.accuracy_full == cut.accuracies[-1]
    assert (found.samples, found.classes, found.accuracy_chance) == (SAMPLES, CLASSES, 0.25)


def test_calibration_decides_and_data_counts() -> None:
    """Other samples decide the order and the means; batches of another size change nothing."""
    net, other = Linear(), Linear(1)
    other.weights = net.weights
    found = measure(net.parts(), ["cut"], net.batches(), calibration=other.batches(13))
    assert found.cuts[0].order == tuple(np.argsort(-other.scored("taylor")).tolist())
    whole = measure(net.parts(), ["cut"], net.batches(300), calibration=other.batches(300))
    assert found.cuts[0].accuracies == whole.cuts[0].accuracies


def test_where_to_measure() -> None:
    assert channel_counts(5, 25) == [0, 1, 2, 3, 4, 5]
    counts = channel_counts(2048, 25)
    assert (counts[0], counts[-1], len(counts)) == (0, 2048, 25)
    assert np.diff(counts)[0] < np.diff(counts)[-1]


def test_a_perfect_network_is_taken_for_a_little_less() -> None:
    net = Linear()
    net.labels = net.scores(net.x).argmax(axis=1)
    assert measure(net.parts(), ["cut"], net.batches()).accuracy_full == 301 / 302


# ------------------------------------------------------------------ exits
#: Five samples; the exit is right for the first, second and fourth, the network for all but the last.
RIGHT = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 0]], np.bool_)
SURE = np.array([[0.1, 0.2, 0.3, 0.4, 0.9], [0.0, 0.0, 0.0, 0.0, 0.5]])


@pytest.mark.parametrize(
    ("tolerance", "threshold"),
    [
        (0.0, 0.2),  # the third sample would be lost
        (0.2, 0.9),  # one of five may be: then all can leave
        (0.19, 0.2),
    ],
)
def test_the_threshold_of_an_exit(tolerance: float, threshold: float) -> None:
    assert threshold_of(Answers(RIGHT, SURE, 10), 0, tolerance) == threshold


def test_an_exit_that_would_only_cost_never_answers() -> None:
    answers = Answers(~RIGHT, SURE, 10)
    worse = Answers(np.array([[0] * 5, [1] * 5], np.bool_), SURE, 10)
    assert threshold_of(worse, 0, 0.0) == -1.0
    assert threshold_of(answers, 0, 0.0) == 0.9


def test_samples_of_one_uncertainty_leave_together() -> None:
    tied = SURE.copy()
    tied[0, 1:3] = 0.2
    assert threshold_of(Answers(RIGHT, tied, 10), 0, 0.0) == 0.1


def test_what_an_exit_answers() -> None:
    answers = Answers(RIGHT, SURE, 10)
    (leave,) = measured_exits(answers, ["early"], [0.3])
    assert leave.answered == 3 / 5
    assert leave.accuracy == pytest.approx(2 / 3)
    assert leave.alone == 3 / 5
    assert leave.share == 2 / 4  # of the four that the network gets right
    assert with_exits(answers, [0.3]).tolist() == [True, True, False, True, False]


def test_shares_of_exits_do_not_fall() -> None:
    right, sure = np.vstack([RIGHT[:1], RIGHT[:1], RIGHT[1:]]), np.vstack([SURE[:1], SURE[:1] + 0.15, SURE[1:]])
    shares = [leave.share for leave in measured_exits(Answers(right, sure, 10), ["a", "b"], [0.2, 0.2])]
    assert shares == [0.5, 0.5]


def test_judging() -> None:
    right, entropy = judge(
        torch.tensor([[0.0, 0.0], [50.0, -50.0], [0.0, math.log(3.0)]], dtype=torch.float64), torch.tensor([0, 1, 1])
    )
    assert right.tolist() == [True, False, True]
    quarter = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    assert entropy.tolist() == pytest.approx([1.0, 0.0, quarter], abs=1e-12)


# ------------------------------------------------------------------ uncertainty
def test_where_samples_turn_right() -> None:
    right = np.array([[0, 1, 0, 1], [1, 0, 0, 1], [1, 1, 0, 1]], np.bool_)
    assert turning_shares(np.array([0.0, 0.5, 1.0]), right).tolist() == [0.5, 1.0, math.inf, 0.0]


def test_the_model_of_the_uncertainty_gives_back_its_own() -> None:
    """Entropies drawn from the law (ENACHI s5.2), two thirds of the error's variance staying with a sample."""
    rng, gamma, noise, offset = np.random.default_rng(0), 3.0, 0.3, 2.0
    shares, theta = np.linspace(0.0, 1.0, 41), rng.choice(np.linspace(0.0, 1.0, 41)[1:], 4000)
    right = shares[:, None] >= theta
    error = noise * (math.sqrt(2 / 3) * rng.normal(size=4000) + math.sqrt(1 / 3) * rng.normal(size=(41, 4000)))
    with np.errstate(divide="ignore"):
        logit = gamma * (np.log(shares[:, None] / theta) + error) + offset
    found = stop_model(shares, right, 1.0 / (1.0 + np.exp(logit)))
    assert found.exponent == pytest.approx(gamma, rel=0.02)
    assert found.noise_std == pytest.approx(noise, rel=0.05)
    assert found.persistence == pytest.approx(2 / 3, abs=0.05)
    assert found.offset == pytest.approx(offset, rel=0.05)


def test_nothing_to_fit_is_said() -> None:
    found = stop_model(np.array([0.0, 1.0]), np.zeros((2, 5), np.bool_), np.full((2, 5), 0.5))
    assert math.isnan(found.exponent)


# ------------------------------------------------------------------ into a profile
def profile_of(net: Linear) -> DnnProfile:
    blocks = [{"name": "cut", "macs": 10, "shape": [CHANNELS, 2]}, {"name": "whole", "macs": 24, "shape": [CLASSES]}]
    return DnnProfile(name="linear", input_shape=(CHANNELS, 2), accuracy_full=0.5, accuracy_chance=0.1, blocks=blocks)  # pyright: ignore[reportArgumentType]


def test_a_form_that_does_not_fit_is_told_and_tabulated() -> None:
    net = Linear()
    found = measure(net.parts(), ["cut"], net.batches())
    with pytest.warns(UserWarning, match="DOES NOT FIT .*cut by .* points"):
        profile = with_measured(profile_of(net), found, data="noise")
    curve = profile.blocks[0].curve
    assert curve is not None
    assert profile.blocks[0].steepness == 0.0
    assert (profile.accuracy_full, profile.accuracy_chance) == (found.accuracy_full, 0.25)
    assert curve.accuracies[-1] == found.accuracy_full
    assert "measured: on noise" in profile.source["blocks.curve"]
    with pytest.warns(UserWarning, match="is taken all the same"):
        forced = with_measured(profile_of(net), found, way="exponential")
    assert forced.blocks[0].curve is None
    assert forced.blocks[0].steepness > 0.0
    assert "largest error of the exponential in points: cut" in forced.source["blocks.steepness"]


def test_values_for_the_early_stop() -> None:
    net = Linear()
    values = early_stop(measure(net.parts(), ["cut"], net.batches()))
    assert set(values) == {"exponent", "noise_std", "persistence", "confidently_wrong"}


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"importance": "tailor"}, "importance must be one of taylor, mean, got 'tailor'; did you mean 'taylor'"),
        ({"fill": "noise"}, "fill must be one of mean, zero"),
        ({"data": iter([])}, "data can be read only once"),
        ({"data": []}, "data holds no batch"),
        ({"calibration": []}, "calibration holds no batch"),
        ({"exits": ["a"]}, "exits must name the outputs before the last one, of which the network has 0, got 1"),
        ({"points": 1}, "points must be >= 2"),
        ({"exit_tolerance": 2.0}, "exit_tolerance must be"),
        ({"data": [(torch.zeros(2, 6, 2).double(), torch.tensor([0, 4]))]}, "labels must be >= 0 and < 4.* got 0 to 4"),
        ({"data": [(torch.zeros(2, 6, 2).double(), torch.zeros(2))]}, r"labels must be whole numbers \(b,\)"),
    ],
)
def test_refusals(changes: dict[str, Any], message: str) -> None:
    net = Linear()
    arguments = {"data": net.batches(), **changes}
    with pytest.raises(ValueError, match=message):
        measure(net.parts(), ["cut"], **arguments)
