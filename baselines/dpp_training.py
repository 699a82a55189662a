"""The networks of :mod:`splitgym.baselines.dpp_model`, trained by torch (extra ``agents``) on sampled decisions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from splitgym.baselines.dpp_model import EXPECTED
from splitgym.baselines.dpp_sampling import Samples, Told
from splitgym.encodings import Axis
from splitgym.extras import need

#: Numbers of the hidden layer of each network, and of the hinges in which the two meet.
WIDTH, HINGES = 64, 64
#: Samples of a step of the training, at most, and its greatest rate.
BATCH, RATE = 1024, 4e-3
#: Whether an answer is right is the noisiest of the three, and matters most.
_IMPORTANCE = np.array([2.0, 1.0, 1.0], np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """Weights as NumPy holds them: those of :class:`splitgym.baselines.dpp_model.TaskModel` but for the decisions.

    ``towers`` is the state of the networks, with which a further training begins.
    """

    arrays: dict[str, np.ndarray]
    towers: dict[str, Any]


def described(decisions: np.ndarray, axes: Sequence[Axis]) -> np.ndarray:
    """Decisions (m, n_axes) as numbers (m, q) float32 for a network: each level alone, and the level's rank."""
    parts = []
    for column, axis in zip(decisions.T, axes, strict=True):
        ranks = np.searchsorted(axis.levels, column)
        parts += [np.eye(len(axis.levels))[ranks], ranks[:, None] / max(len(axis.levels) - 1, 1)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def scales_of(samples: Samples) -> dict[str, np.ndarray]:
    """Centre and spread of the numbers seen, and of what came: float32."""
    seen, came = samples.seen.astype(np.float64), samples.came.astype(np.float64)
    centres = {"centre": seen.mean(axis=0), "offset": came.mean(axis=0)}
    widths = {"spread": seen.std(axis=0), "unit": came.std(axis=0)}
    positive = {name: np.where(width > 0.0, width, 1.0) for name, width in widths.items()}
    return {name: scale.astype(np.float32) for name, scale in {**centres, **positive}.items()}


def train(
    samples: Samples, features: np.ndarray, scales: dict[str, np.ndarray], passes: float, seed: int, told: Told,
    begin: dict[str, Any] | None = None,
) -> Trained:  # fmt: skip
    """Least squares of the three expectations over the samples, each once in every pass.

    Args:
        samples: what was played.
        features: (m, q) of :func:`described`, a row for each decision that ``samples.chosen`` counts.
        scales: of :func:`scales_of`.
        passes: how often each sample is seen.
        seed: seed of the first weights and of the order.
        told: hears of the share done.
        begin: ``towers`` of an earlier training.

    Raises ``DependencyNotInstalled`` without torch.
    """
    torch = need("torch", "agents")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _networks(torch, samples.seen.shape[1], features.shape[1])
        if begin is not None:
            net.load_state_dict(begin)
        _fit(torch, net, samples, features, scales, passes, told)
    return Trained(_arrays(torch, net, features, scales), net.state_dict())


def _networks(torch: Any, seen: int, described: int) -> Any:
    """f of what is seen, g of the decision, and the readout of their hinges."""
    nn = torch.nn
    f = nn.Sequential(nn.Linear(seen, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, HINGES))
    g = nn.Sequential(nn.Linear(described, WIDTH), nn.ReLU(), nn.Linear(WIDTH, HINGES))
    return nn.ModuleDict({"f": f, "g": g, "readout": nn.Linear(HINGES, len(EXPECTED))})


def _fit(
    torch: Any,
    net: Any,
    samples: Samples,
    features: np.ndarray,
    scales: dict[str, np.ndarray],
    passes: float,
    told: Told,
) -> None:
    seen = torch.from_numpy((samples.seen - scales["centre"]) / scales["spread"])
    came = torch.from_numpy((samples.came - scales["offset"]) / scales["unit"])
    chosen, table, importance = (
        torch.from_numpy(samples.chosen),
        torch.from_numpy(features),
        torch.from_numpy(_IMPORTANCE),
    )
    batch = min(max(min(BATCH, len(seen) // 128), 64), len(seen))  # of few samples there are some steps, too
    steps = max(int(passes * len(seen) / batch), 1)
    adam = torch.optim.Adam(net.parameters(), RATE)
    rates = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=steps + 1)
    order, place = torch.randperm(len(seen)), 0
    for step in range(steps):
        if place + batch > len(order):
            order, place = torch.randperm(len(seen)), 0
        rows = order[place : place + batch]
        place += batch
        # of a long table only what the batch decided is computed
        g = net["g"](table)[chosen[rows]] if len(table) < batch else net["g"](table[chosen[rows]])
        found = net["readout"](torch.relu(net["f"](seen[rows]) + g))
        loss = ((found - came[rows]) ** 2 * importance).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        rates.step()
        told((step + 1) / steps)


def _arrays(torch: Any, net: Any, features: np.ndarray, scales: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights in SI units of what is expected."""
    linear = [layer for layer in net["f"] if hasattr(layer, "weight")]
    arrays = {"centre": scales["centre"], "spread": scales["spread"]}
    with torch.no_grad():
        for place, layer in enumerate(linear):
            arrays |= {f"weight_{place}": layer.weight.numpy().copy(), f"bias_{place}": layer.bias.numpy().copy()}
        arrays["embedded"] = net["g"](torch.from_numpy(features)).numpy().copy()
        arrays["readout"] = net["readout"].weight.numpy() * scales["unit"][:, None]
        arrays["offset"] = net["readout"].bias.numpy() * scales["unit"] + scales["offset"]
    return arrays
