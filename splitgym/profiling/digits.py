"""A small network with two early exits, trained on the digits of scikit-learn: the example that is measured.

``splitgym profile splitgym.profiling.digits:network --input 1x1x8x8 --data splitgym.profiling.digits:data`` trains it
in some seconds, measures it and writes the profile ``digits``.  Needs PyTorch and scikit-learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from splitgym.extras import need

#: Images for training, and for the order of channels, means and thresholds; the other 397 count.
TRAINING, CALIBRATION = 1000, 400
_EPOCHS, _BATCH, _RATE = 40, 50, 2e-3
_EARLY = 0.3  # weight of an exit's loss
_THINNED = 0.5  # share of the samples that lose channels in training
_SPLIT_SEED = 0  # of who belongs to which part


def _samples() -> tuple[Any, Any]:
    """All images (1797, 1, 8, 8) in [0, 1], and their digits (1797,), in a fixed order."""
    torch, digits = need("torch", "profile"), need("sklearn.datasets", "profile").load_digits()
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(digits.target))
    images = torch.tensor(digits.images[order, None] / 16.0, dtype=torch.float32)
    return images, torch.tensor(digits.target[order], dtype=torch.int64)


def _batches(begin: int, end: int | None) -> list[tuple[Any, Any]]:
    images, labels = _samples()
    return [(images[begin:end], labels[begin:end])]


def calibration() -> list[tuple[Any, Any]]:
    """Labelled images that decide the order of channels, their means and the exits' thresholds."""
    return _batches(TRAINING, TRAINING + CALIBRATION)


def data() -> list[tuple[Any, Any]]:
    """Labelled images that neither training nor calibration has seen."""
    return _batches(TRAINING + CALIBRATION, None)


def build() -> Any:
    """The network, untrained: (b, 1, 8, 8) -> scores (b, 10) of two exits and of the whole, as a tuple."""
    nn = need("torch.nn", "profile")

    def stage(begin: int, end: int, *after: Any) -> Any:
        return nn.Sequential(nn.Conv2d(begin, end, 3, padding=1), nn.ReLU(), *after)

    class Digits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(stage(1, 8), stage(8, 8, nn.MaxPool2d(2)))
            self.exit1 = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
            self.middle = nn.Sequential(stage(8, 16), stage(16, 16))
            self.exit2 = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
            self.deep = nn.Sequential(stage(16, 32), stage(32, 32, nn.MaxPool2d(2)))
            self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(128, 10))

        def forward(self, x: Any) -> tuple[Any, Any, Any]:
            stem = self.stem(x)
            middle = self.middle(stem)
            return self.exit1(stem), self.exit2(middle), self.classifier(self.deep(middle))

    return Digits()


def network(seed: int = 0) -> Any:
    """The network, trained from a seed and in eval mode; the same weights to the bit on one machine.

    It is trained in double precision, so that what machines round differently does not grow into other answers.
    Training takes channels away: for half of the samples, each channel behind a cut is its mean in
    the batch with a chance that is drawn for the sample, so that the network learns to do with a part of them.
    """
    torch = need("torch", "profile")
    loss = need("torch.nn.functional", "profile").cross_entropy
    images, labels = (part[:TRAINING] for part in _samples())
    images = images.double()
    with _alone(torch, seed):
        model, draws = build().double(), torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
        model.train()
        for _ in range(_EPOCHS):
            for batch in torch.randperm(TRAINING, generator=draws).split(_BATCH):
                wanted = labels[batch]
                stem = model.stem(images[batch])
                middle = model.middle(_thinned(torch, stem, draws))
                last = model.classifier(_thinned(torch, model.deep(_thinned(torch, middle, draws)), draws))
                early = loss(model.exit1(stem), wanted) + loss(model.exit2(middle), wanted)
                optimizer.zero_grad()
                (loss(last, wanted) + _EARLY * early).backward()
                optimizer.step()
    return model.float().eval()


def _thinned(torch: Any, tensor: Any, draws: Any) -> Any:
    """Features (b, C, h, w) of which some channels are their means, as a server has them that waits for the rest."""
    samples, channels = tensor.shape[:2]
    gone = torch.rand(samples, 1, generator=draws) * (torch.rand(samples, 1, generator=draws) < _THINNED)
    arrived = torch.rand(samples, channels, generator=draws) >= gone
    means = tensor.mean(dim=(0, 2, 3), keepdim=True).detach()
    return torch.where(arrived[:, :, None, None], tensor, means)


@contextmanager
def _alone(torch: Any, seed: int) -> Iterator[None]:
    """One thread, so that sums are made in one order, and a generator that leaves everybody else's as it was."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
