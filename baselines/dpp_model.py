"""What every decision brings on average, as a function of what is observed: the model behind the policy ``dpp``.

Two small networks meet in one layer of hinges, z = max(f(observation) + g(decision), 0), and P(correct), energy and
busy time are linear in z.  g is known once the decisions are, so a choice costs one layer for each decision.  A sum is
taken in one order whatever stands beside it, so a row's choice does not depend on the batch.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.baselines.dpp_file import packed, unpacked
from splitgym.checks import file_path
from splitgym.files import write_atomically
from splitgym.named_files import NamedFile
from splitgym.numbers import row_sums
from splitgym.quoting import cut, listed, shown, where
from splitgym.reading import json_of, read_json
from splitgym.registry import nearest

FORMAT = "splitgym-fit-1"
#: What is expected of a decision: the columns of :meth:`TaskModel.expect`.
EXPECTED = ("correct", "energy_j", "busy_s")
_WORDS = ("env_id", "scenario", "digest", "code")
_COUNTS = ("seed", "samples", "validation_seed", "validation_episodes")
#: What validation chooses: V [J^2], tau and sigma [1/s].
PRICES = ("weight_j2", "time_price", "waiting_price")
#: What can decide how a task goes (the queue and what comes later cannot); those that vary are looked at.
LOOKED_AT = ("remaining_s", "gain", "hint", "edge_load", "rtt_s", "clock_hz")
_LOGARITHMIC = ("gain",)
#: Chosen where every decision is worth less than giving the task up.
GIVEN_UP = -1
_HELD = 250_000  # numbers at once, so that they stay in the processor's cache


def numbers_of(views: np.ndarray, fields: Sequence[str]) -> np.ndarray:
    """Observed SI values (n,) VIEW as the numbers (n, k) float32 that a model looks at; gains by their logarithm."""
    columns = [np.ascontiguousarray(views[name]) for name in fields]
    logs = [np.log10(c) if name in _LOGARITHMIC else c for name, c in zip(fields, columns, strict=True)]
    return np.stack(logs, axis=1).astype(np.float32)


class Prices(dict):
    """One row of the validation table: the three prices, ``returned``, and ``energy`` in budgets."""

    KEYS = (*PRICES, "returned", "energy")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TaskModel:
    """A fitted model with the prices that validation chose.

    Args:
        env_id, scenario: environment and name of the scenario that it was fitted to.
        digest: digest of that scenario (hex), see :func:`splitgym.baselines.dpp_fit.setting_digest`.
        code: version of the code that fitted it.
        seed, samples: seed of the fit, decisions that it learnt from.
        weight_j2: V [J^2].
        time_price: tau, answers for a second of the device's time [1/s].
        waiting_price: sigma, the same for each task that waits [1/s].
        validation: the prices that were tried: V, tau, sigma, mean return, mean energy in budgets.
        validation_seed, validation_episodes: the first episode's seed there, and how many.
        axes: names of the columns of ``decisions``.
        fields: names of the observed values that it looks at, out of :data:`LOOKED_AT`.
        arrays: by name, float32: ``centre`` and ``spread`` (k,) of the numbers looked at, ``weight_0`` (h, k),
            ``bias_0`` (h,), ``weight_1``, ... of f, ``embedded`` (m, d): g of every decision, ``readout`` (3, d)
            and ``offset`` (3,) in SI units; and ``decisions`` (m, n_axes) float64 in SI units.

    Raises ``ValueError`` for anything else than the above.
    """

    env_id: str
    scenario: str
    digest: str
    code: str
    seed: int
    samples: int
    weight_j2: float
    time_price: float
    waiting_price: float
    validation: tuple[Prices, ...]
    validation_seed: int
    validation_episodes: int
    axes: tuple[str, ...]
    fields: tuple[str, ...]
    arrays: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        if not (self.weight_j2 > 0.0 and self.time_price >= 0.0 and self.waiting_price >= 0.0):
            found = f"{self.weight_j2!r}, {self.time_price!r} and {self.waiting_price!r}"
            raise ValueError(f"weight_j2 must be > 0, time_price and waiting_price >= 0, got {found}")
        if strange := [name for name in self.fields if name not in LOOKED_AT]:
            raise ValueError(f"fields must be out of {listed(LOOKED_AT)}, got {shown(strange[0])}")
        check_arrays(self.arrays, len(self.fields), len(self.axes))

    @property
    def decisions(self) -> np.ndarray:
        """(m, n_axes) the decisions that can be chosen, SI units."""
        return self.arrays["decisions"]

    def features(self, numbers: np.ndarray) -> np.ndarray:
        """f of the numbers (n, k) of :func:`numbers_of`: (n, d) float32."""
        hidden = (np.asarray(numbers, np.float32) - self.arrays["centre"]) / self.arrays["spread"]
        layers = layer_names(self.arrays)
        for place, (weight, bias) in enumerate(layers):
            if place:
                hidden = np.maximum(hidden, np.float32(0.0))
            hidden = row_sums(hidden, self.arrays[weight]) + self.arrays[bias]
        return hidden

    def expect(self, numbers: np.ndarray) -> np.ndarray:
        """P(correct), energy [J] and busy time [s] of every decision, (n, m, 3) float32; ``numbers`` (n, k)."""
        parts = [self._hinges(part) for part in self._parts(self.features(numbers))]
        both = [np.stack([(z * row).sum(axis=-1) for row in self.arrays["readout"]], axis=-1) for z in parts]
        return np.concatenate(both) + self.arrays["offset"]

    def choose(
        self, numbers: np.ndarray, energy_price: np.ndarray, time_price: np.ndarray, *, gives_up: bool = False
    ) -> np.ndarray:
        """The decision of the greatest P(correct) - energy_price * energy - time_price * busy time, (n,) indices.

        Args:
            numbers: (n, k) of :func:`numbers_of`.
            energy_price: (n,) Q / V [1/J].
            time_price: (n,) tau [1/s].
            gives_up: whether :data:`GIVEN_UP`, which brings and takes nothing, is one of the decisions.

        The first of several.
        """
        prices = [np.asarray(price, np.float64)[:, None] for price in (energy_price, time_price)]
        worth, common = _net(self.arrays["readout"], prices), _net(self.arrays["offset"][:, None], prices)[:, 0]
        features, chosen, first = self.features(numbers), [np.zeros(0, np.int64)], 0
        for part in self._parts(features):
            rows = np.s_[first : first + len(part)]
            z = self._hinges(part)
            z *= worth[rows, None, :]
            values = z.sum(axis=-1)  # without the offsets, which are the same for all decisions
            best = values.argmax(axis=-1)
            if gives_up:
                best[np.take_along_axis(values, best[:, None], 1)[:, 0] + common[rows] < 0.0] = GIVEN_UP
            chosen.append(best)
            first += len(part)
        return np.concatenate(chosen)

    def _parts(self, features: np.ndarray) -> list[np.ndarray]:
        rows = max(_HELD // self.arrays["embedded"].size, 1)
        return [features[first : first + rows] for first in range(0, len(features), rows)]

    def _hinges(self, features: np.ndarray) -> np.ndarray:
        z = features[:, None, :] + self.arrays["embedded"]
        return np.maximum(z, np.float32(0.0), out=z)

    # ---------------------------------------------------------------- the file
    def to_dict(self) -> dict[str, Any]:
        """The content of a model's file: plain tables, texts and numbers, arrays as base64 of little-endian floats."""
        head = {name: value for name, value in vars(self).items() if name != "arrays"}
        lists = {"axes": list(self.axes), "fields": list(self.fields), "validation": [dict(p) for p in self.validation]}
        return {"format": FORMAT, **head, **lists, "arrays": {k: packed(a) for k, a in self.arrays.items()}}

    def save(self, path: str | Path) -> Path:
        """Write a JSON file, whole or not at all; returns its path."""
        file = file_path("path", path)
        lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in self.to_dict().items()]
        write_atomically(file, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
        return file

    @classmethod
    def load(cls, path: str | Path) -> TaskModel:
        """Read a file of :meth:`save`; every number is what it was.  Nothing in it is ever executed.

        Raises ``ValueError`` naming the file and what is wrong with it.
        """
        if not isinstance(path, NamedFile):
            path = file_path("model", path)
        table = json_of(path.content, path) if isinstance(path, NamedFile) else read_json(path, "model")
        try:
            return cls(**_arguments(table))
        except ValueError as error:
            raise ValueError(cut(f"{where(path)} is not a fit that can be used: {error}")) from error


def _net(brings: np.ndarray, prices: list[np.ndarray]) -> np.ndarray:
    """(n, d) float32: answers less the prices (n, 1) of energy and time, of EXPECTED (3, d)."""
    correct, energy, busy = brings
    return (correct - prices[0] * energy - prices[1] * busy).astype(np.float32)


def layer_names(arrays: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """Names of the weights and biases of f, in the order of the layers."""
    count = sum(name.startswith("weight_") for name in arrays)
    return [(f"weight_{place}", f"bias_{place}") for place in range(count)]


def check_arrays(arrays: dict[str, np.ndarray], looked_at: int, n_axes: int) -> None:
    """Raise ``ValueError`` unless the arrays fit together and hold finite numbers."""
    layers = layer_names(arrays)
    wanted = ["centre", "spread", *(name for pair in layers for name in pair), *_BEHIND]
    if sorted(wanted) != sorted(arrays) or not layers:
        raise ValueError(f"its arrays must be {', '.join(wanted)}, got {shown(sorted(arrays))}")
    shapes: dict[str, tuple[int, ...]] = {"centre": (looked_at,), "spread": (looked_at,)}
    width = looked_at
    for weight, bias in layers:
        out = len(arrays[bias]) if arrays[bias].ndim else 0
        shapes |= {weight: (out, width), bias: (out,)}
        width = out
    count = len(arrays["decisions"]) if arrays["decisions"].ndim else 0
    shapes |= {"embedded": (count, width), "decisions": (count, n_axes), "readout": (3, width), "offset": (3,)}
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or not array.size or not np.isfinite(array).all():
            raise ValueError(f"array {name!r} must hold finite numbers of shape {shape}, got shape {array.shape}")
    if not (arrays["spread"] > 0.0).all():
        raise ValueError("array 'spread' must be positive")


_BEHIND = ("embedded", "readout", "offset", "decisions")


def _arguments(table: dict[str, Any]) -> dict[str, Any]:
    """Arguments of :class:`TaskModel` out of a file's table.  Raises ``ValueError`` that says what is wrong with it."""
    if table.get("format") != FORMAT:
        raise ValueError(f'it lacks the mark "format": "{FORMAT}"')
    known = {field.name for field in dataclasses.fields(TaskModel)}
    for key in table:
        if key not in known | {"format"}:
            raise ValueError(f"unknown key {shown(key)}{nearest(key, known)}")
    for key in sorted(known - set(table)):
        raise ValueError(f"missing key {shown(key)}")
    given = {name: table[name] for name in known}
    _check_plain(given)
    lists = {"axes": tuple(given["axes"]), "fields": tuple(given["fields"])}
    tried = tuple(Prices(row) for row in given["validation"])
    return {**given, **lists, "validation": tried, "arrays": {k: unpacked(k, a) for k, a in given["arrays"].items()}}


def _check_plain(given: dict[str, Any]) -> None:
    for name in _WORDS:
        if not isinstance(given[name], str):
            raise ValueError(f"{name} must be a text, got {shown(given[name])}")
    for name in _COUNTS:
        if type(given[name]) is not int or given[name] < 0:
            raise ValueError(f"{name} must be a whole number >= 0, got {shown(given[name])}")
    for name in PRICES:
        if type(given[name]) not in (int, float):
            raise ValueError(f"{name} must be a number, got {shown(given[name])}")
    for name in ("axes", "fields"):
        if not isinstance(given[name], list) or not all(isinstance(word, str) for word in given[name]):
            raise ValueError(f"{name} must be a list of texts, got {shown(given[name])}")
    rows = given["validation"]
    numbers = isinstance(rows, list) and all(isinstance(r, dict) and sorted(r) == sorted(Prices.KEYS) for r in rows)
    if not numbers or not all(type(value) in (int, float) for row in rows for value in row.values()):
        raise ValueError(f"validation must be tables of numbers with {', '.join(Prices.KEYS)}")
    if not isinstance(given["arrays"], dict):
        raise ValueError(f"arrays must be a table, got {shown(given['arrays'])}")
