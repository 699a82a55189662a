"""Drift-plus-penalty on fitted expectations: what a decision brings is learnt from the simulator, not from a formula.

Ours, and not published.  It keeps ENACHI's energy queue Q and its rule (arXiv 2601.08135), maximise what a task brings
less Q / V times its energy.  What a decision brings is the mean over simulated tasks with the same observation, so the
predicted complexity, the fading and the early stop count; ENACHI takes the average sample and mean rates.  And the time
in which a task keeps the device busy has a price tau, since the next tasks wait for it; a task that is not worth that
is given up, where the encoding of actions can say so.  The offline phase is
:mod:`splitgym.baselines.dpp_fit`; online nothing but the observation is used, and no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from splitgym.baselines.dpp_fit import setting_digest
from splitgym.baselines.dpp_model import TaskModel
from splitgym.baselines.dpp_rule import can_give_up, decided
from splitgym.baselines.dpp_shelf import model_for
from splitgym.encodings import by_column
from splitgym.policy import Policy, register_policy
from splitgym.quoting import shown
from splitgym.ranges import WEIGHT, Range
from splitgym.specs import command_line

_TIME_PRICE = Range("1/s", 0.0, 1e9, hint="answers for a second of the device's time")


@register_policy
class Dpp(Policy):
    """The decision of the greatest P(correct) - Q / V * energy - tau * busy time, out of those that can be the best.

    If the environment's encoding can express a transmit power of 0 W (``dict`` and ``box``), a task for which all of
    them are worth less than nothing is given up: no answer, no energy, and the device is free at once.

    Args:
        env: see :class:`splitgym.policy.Policy`.
        model: a fitted model, or the path of its file (``splitgym fit`` writes one); ``None``: the one that comes with
            the package, one that was kept, or a fit now, which takes minutes and the extra ``agents``.
        weight_j2: V [J^2]; ``None``: what validation chose.
        time_price: tau [1/s]; ``None``: what validation chose.
        waiting_price: sigma [1/s]; ``None``: what validation chose.
        seed: unused.

    Raises ``ValueError`` for a damaged file and for a model of another scenario (the number of tasks may differ).
    """

    name: ClassVar[str] = "dpp"
    summary: ClassVar[str] = "drift-plus-penalty on fitted expectations, with a price of the device's time (ours)"

    def __init__(
        self,
        env: Any,
        *,
        model: TaskModel | str | Path | None = None,
        weight_j2: float | None = None,
        time_price: float | None = None,
        waiting_price: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(env, seed=seed)
        for name, limits, price in (
            ("weight_j2", WEIGHT, weight_j2),
            ("time_price", _TIME_PRICE, time_price),
            ("waiting_price", _TIME_PRICE, waiting_price),
        ):
            if price is not None:
                limits.check(name, price)
        if model is None:
            model = model_for(self.world, self.scenario, self.options_for(self.world.name))
        self.model = model if isinstance(model, TaskModel) else TaskModel.load(model)
        self._check()
        self.weight_j2 = self.model.weight_j2 if weight_j2 is None else float(weight_j2)
        self.time_price = self.model.time_price if time_price is None else float(time_price)
        self.waiting_price = self.model.waiting_price if waiting_price is None else float(waiting_price)
        self.gives_up = can_give_up(self.encoding)

    def _check(self) -> None:
        names = tuple(axis.name for axis in self.encoding.axes)
        found = (self.model.env_id, self.model.digest, self.model.axes)
        if found != (self.world.env_id, setting_digest(self.world, self.scenario), names):
            raise ValueError(
                f"the model was fitted to scenario {shown(self.model.scenario)} of {self.model.env_id}, which is not "
                f"this scenario {shown(self.scenario.name)} of {self.world.env_id}; fit one with "
                + command_line("fit", "--scenario", self.scenario.name)
            )

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        prices = self.weight_j2, self.time_price, self.waiting_price
        by_column(decisions, len(self.model.axes))[:] = decided(self.model, views, prices, self.gives_up)
