"""Power control inside one task (``ProgressiveTransmission-v0``): tracking, known statistics, constant powers.

``tracking`` is the packet level of ENACHI (specification section 7), ``threshold`` follows ProgressFTX (section 8).
``waterfilling`` and ``inversion`` are the textbook answers for a transmitter that knows the law of the fading but not
its future.  They are given the scenario's own law; tracking needs none.  All of them stop by a threshold on the
server's predicted uncertainty, and all see observations only.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from splitgym.baselines import transmission_kernel as kernel
from splitgym.baselines.powers import fixed_power_w
from splitgym.baselines.transmission_kernel import Law
from splitgym.jit import one_record, records
from splitgym.physics.fading import GAUSSIAN, TWO_STATE
from splitgym.policy import Policy, register_policy
from splitgym.quoting import shown
from splitgym.traces.fading import FADING
from splitgym.worlds.transmission.layout import DECISION, PARAMS, VIEW
from splitgym.worlds.transmission.scenario import TransmissionScenario

RULES = {
    "constant": kernel.CONSTANT,
    "tracking": kernel.TRACKING,
    "inversion": kernel.INVERSION,
    "waterfilling": kernel.WATERFILLING,
}
_KNOWING = ("inversion", "waterfilling")  # rules that need the law of the fading
LAW_SIZE = 1024
#: Gains drawn of a plug-in model, whose law is not known in closed form: so many runs of so many slots.
_RUNS, _SLOTS = 256, 256
_NEVER = -1.0  # no uncertainty is so low
_REFERENCE = -1.0  # a negative power stands for the reference


def fading_law(scenario: TransmissionScenario) -> Law:
    """The law of the fading gain as a table of gains and probabilities.

    Exact quantiles for the built-in models (the memory from slot to slot does not change the law of a slot); those of
    a plug-in are taken from 65536 gains drawn with fixed seeds.
    """
    model, parameters = FADING[scenario.fading.model], scenario.fading.parameters
    middles = (np.arange(LAW_SIZE) + 0.5) / LAW_SIZE
    if not model.built_in:
        runs = [
            model.draw(np.random.default_rng(run), _SLOTS, scenario.radio.slot_s, **parameters) for run in range(_RUNS)
        ]
        return law_of(np.quantile(np.concatenate(runs), middles))
    f = model.function(scenario.radio.slot_s, **parameters)
    if f["kind"] == TWO_STATE:
        return law_of([f["bad_gain"], f["good_gain"]], [f["bad_share"], 1.0 - f["bad_share"]])
    if f["kind"] != GAUSSIAN:
        raise ValueError(
            f"the law of fading model {scenario.fading.model!r} is not known to baselines/transmission.py: its kind "
            f"{int(f['kind'])} is neither GAUSSIAN nor TWO_STATE; give its quantiles in fading_law()"
        )
    los, scatter = float(f["line_of_sight"]), float(f["scatter"])
    if scatter == 0.0:
        return law_of([los * los])
    if los == 0.0:
        return law_of(-scatter * scatter * np.log1p(-middles))
    from scipy.special import chndtrix  # |los + scatter z|^2 is a scaled noncentral chi-square

    return law_of(0.5 * scatter * scatter * chndtrix(middles, 2.0, 2.0 * (los / scatter) ** 2))


def law_of(gains: Any, shares: Any = None) -> Law:
    """A law from ascending gains (m,) and their probabilities (m,), by default equal; a dead gain counts 1e-12."""
    gains = np.maximum(np.array(gains, np.float64), 1e-12)
    shares = np.full(len(gains), 1.0 / len(gains)) if shares is None else np.array(shares, np.float64)
    above, inverse = (np.append(np.cumsum(part[::-1])[::-1], 0.0) for part in (shares, shares / gains))
    return Law(gains, shares, above, inverse)


def decide(
    params: np.record, rule: str = "tracking", *, law: Law | None = None, stop_at: float | None = None, **observed: Any
) -> np.ndarray:
    """Decisions on exact SI values, without an environment.

    Args:
        params: ``splitgym.worlds.transmission.layout.lower(scenario)``.
        rule: "constant", "tracking", "inversion" or "waterfilling".
        law: of :func:`fading_law`, for the last two.
        stop_at: uncertainty at which to stop; ``None``: never.
        **observed: fields of VIEW, scalars or arrays of one length.  ``reference_w`` [W] is required; ``gain`` and
            ``slot_gain`` [1] but for "constant"; ``power_queue_w`` [W] and ``slots_total`` for "tracking";
            ``uncertainty`` with ``stop_at``.

    Returns:
        (n,) DECISION records: power_w [W], stop.

    Raises:
        ValueError: an unknown rule or field, or a missing one.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    needed = ["reference_w", *([] if rule == "constant" else ["gain", "slot_gain"])]
    needed += ["power_queue_w", "slots_total"] if rule == "tracking" else []
    needed += ["uncertainty"] if stop_at is not None else []
    unknown = [name for name in observed if name not in (VIEW.names or ())]
    missing = [name for name in needed if name not in observed]
    if unknown or missing:
        raise ValueError(f"unknown fields {unknown}, missing fields {missing}; known: {', '.join(VIEW.names or ())}")
    if law is None and rule in _KNOWING:
        raise ValueError(f"rule {rule!r} needs law=fading_law(scenario)")
    columns = np.broadcast_arrays(*(np.atleast_1d(value) for value in observed.values()))
    views, decisions = records(np.zeros(len(columns[0]), VIEW)), records(np.zeros(len(columns[0]), DECISION))
    for name, column in zip(observed, columns, strict=True):
        views[name] = column
    limit = _NEVER if stop_at is None else float(stop_at)
    kernel.decide_rows(
        views, decisions, RULES[rule], limit, _REFERENCE, law or law_of([1.0]), one_record(params, PARAMS)
    )
    return decisions


class PowerControl(Policy):
    """A power rule, and a stop by the predicted uncertainty.

    Args:
        env: see :class:`splitgym.policy.Policy`.
        stop_at: stop as soon as the uncertainty that the device knows is at most this, in (0, 1); default: the
            scenario's ``early_stop.threshold``; ``None`` or "never": never stop.
        seed: unused.
    """

    worlds: ClassVar = ("transmission",)
    rule: ClassVar[str] = "constant"

    def __init__(self, env: Any, *, stop_at: float | str | None = "scenario", seed: int = 0) -> None:
        super().__init__(env, seed=seed)
        if stop_at == "scenario":
            stop_at = float(self.params.stop_threshold)
        if stop_at is None or stop_at == "never":
            stop_at = _NEVER
        elif not isinstance(stop_at, (int, float)) or not 0.0 < stop_at < 1.0:
            raise ValueError(f"stop_at must be in (0, 1), None or 'never', got {shown(stop_at)}")
        self.stop_at, self.constant_w = float(stop_at), _REFERENCE
        self.law = fading_law(self.scenario) if self.rule in _KNOWING else law_of([1.0])

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        kernel.decide_rows(views, decisions, RULES[self.rule], self.stop_at, self.constant_w, self.law, self._params)


@register_policy
class Tracking(PowerControl):
    """Water-filling whose level follows a queue of the excess over the reference (section 7); knows no statistics."""

    name: ClassVar[str] = "tracking"
    summary: ClassVar[str] = "ENACHI's packet level: adaptive water-filling that tracks the reference power"
    rule: ClassVar[str] = "tracking"


@register_policy
class Constant(PowerControl):
    """The reference power in every slot."""

    name: ClassVar[str] = "constant"
    summary: ClassVar[str] = "the reference power in every slot"


@register_policy
class Inversion(PowerControl):
    """Truncated channel inversion: the same rate in every slot whose gain is above a cutoff, nothing below.

    Its mean power under the known law of the fading is the reference.  Of all cutoffs it takes the one with the highest
    mean rate.
    """

    name: ClassVar[str] = "inversion"
    summary: ClassVar[str] = "truncated channel inversion with known fading statistics"
    rule: ClassVar[str] = "inversion"


@register_policy
class Waterfilling(PowerControl):
    """Water-filling over time with a fixed level: the highest mean rate under the known law at the reference's mean."""

    name: ClassVar[str] = "waterfilling"
    summary: ClassVar[str] = "water-filling with known fading statistics"
    rule: ClassVar[str] = "waterfilling"


@register_policy
class Threshold(PowerControl):
    """ProgressFTX-like: a constant power of its own, stop by the threshold, no energy control (section 8).

    Args:
        env, stop_at, seed: as for the others.
        power_w: transmit power [W]; default 0.1, the published figure, or the scenario's limit where that is less.
    """

    name: ClassVar[str] = "threshold"
    summary: ClassVar[str] = "100 mW until the server is confident (ProgressFTX-like)"

    def __init__(
        self, env: Any, *, power_w: float | None = None, stop_at: float | str | None = "scenario", seed: int = 0
    ) -> None:
        super().__init__(env, stop_at=stop_at, seed=seed)
        self.constant_w = fixed_power_w(power_w, self.params.power_max_w)
