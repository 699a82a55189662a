"""FIN and its competitors as policies of ``BlockPlacement-v0``; FIN also on ``SplitInference-v0``.

Source: Singhal et al., "Resource-aware Deployment of Dynamic DNNs over Multi-tiered Interconnected Systems", INFOCOM
2024, arXiv 2404.08060; the solvers are in :mod:`splitgym.placement`.

On ``BlockPlacement-v0`` a policy reads the application and what is free from the observation, solves it, and plays the
plan block by block; an application without a plan is rejected.  Ours: targets and free capacities are taken a millionth
tighter than observed, since observations are float32.  Where links lead both ways FIN takes no plan that overloads what
it comes back to (``returns="avoid"`` of :func:`splitgym.placement.fin.solve_fin`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from splitgym.baselines.fin_inference import TaskPlanner
from splitgym.baselines.fin_kernel import Options
from splitgym.baselines.simple import ALL_OR_NOTHING
from splitgym.checks import switch, whole_number, word
from splitgym.placement.exact import least_energy, least_latency, optimum
from splitgym.placement.fin import MOST_LEVELS, ROUNDINGS, solve_fin
from splitgym.placement.instance import App, Instance
from splitgym.placement.mcp import COMBINES, solve_mcp
from splitgym.placement.plan import Plan, Residual
from splitgym.policy import Policy, register_policy
from splitgym.ranges import FREQUENCY, SCORE, TARGET, no_warnings
from splitgym.worlds.placement.system import parts

#: Observed targets and free shares are exact to a few float32 units; this keeps plans on the safe side.
MARGIN = 1e-6
_KEPT_PLANS = 4096


class Placer(Policy):
    """Base of the policies that solve one application at a time.

    A subclass implements :meth:`solve`.  The same application is solved once, not at every block: plans are kept by
    what was observed of it, so the policy has no state that matters.
    """

    worlds: ClassVar[tuple[str, ...] | None] = ("placement",)

    def __init__(self, env: Any, *, seed: int = 0) -> None:
        super().__init__(env, seed=seed)
        self._plans: OrderedDict[bytes, list[int]] = OrderedDict()
        if self.world.name != "placement":
            return
        self._nodes, self._arcs, self._dnns = parts(self.scenario)
        self._capacity = Residual.of(self._instance(next(iter(self._dnns)), 0, 1.0, 0.0, 1.0))

    def solve(self, instance: Instance, residual: Residual) -> Any:
        """A plan for the instance's only application on what is left, or an ``Infeasible``."""
        raise NotImplementedError

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        for i in range(len(views)):
            moves = self._moves(views[i])
            decisions["move"][i] = moves[min(int(round(float(views["placed"][i]))), len(moves) - 1)]

    @no_warnings()  # the scenario's values have been checked
    def _instance(self, dnn: str, source: int, latency_s: float, accuracy: float, rate_hz: float) -> Instance:
        app = App(
            id="app",
            dnn=dnn,
            source=self._nodes[source].id,
            rate_hz=FREQUENCY.nearest(rate_hz),  # as it is observed, it may be a rounding beyond a limit
            latency_s=TARGET.nearest(latency_s),
            accuracy=SCORE.nearest(accuracy),
            pinned_first_blocks=min(int(self.params.pinned), len(self._dnns[dnn].blocks)),
        )
        return Instance(
            latency_mode=self.scenario.latency_mode,
            nodes=self._nodes,
            arcs=self._arcs,
            dnns={dnn: self._dnns[dnn]},
            apps=(app,),
        )

    def _moves(self, view: Any) -> list[int]:
        """Moves of the whole plan for what is observed."""
        names = ("dnn", "source", "latency_s", "accuracy", "rate_hz", "node_free", "memory_free", "arc_free")
        key = b"".join(np.float32(view[name]).tobytes() for name in names)
        if key not in self._plans:
            if len(self._plans) >= _KEPT_PLANS:
                self._plans.popitem(last=False)
            self._plans[key] = self._solved(view)
        return self._plans[key]

    def _solved(self, view: Any) -> list[int]:
        instance = self._instance(
            list(self._dnns)[int(round(float(view["dnn"])))],
            int(round(float(view["source"]))),
            float(view["latency_s"]) * (1.0 - MARGIN),
            float(view["accuracy"]) * (1.0 - MARGIN),
            float(view["rate_hz"]),
        )
        free = (view["node_free"], view["memory_free"], view["arc_free"])
        whole = (self._capacity.node_ops_s, self._capacity.memory_bits, self._capacity.arc_bit_s)
        left = Residual(*(np.asarray(share) * (1.0 - MARGIN) * full for share, full in zip(free, whole, strict=True)))
        plan = self.solve(instance, left)
        if not isinstance(plan, Plan):
            return [len(self._nodes) + int(self.params.n_configs)]
        places = {node.id: i for i, node in enumerate(self._nodes)}
        return [*(places[name] for name in plan.placement), len(self._nodes) + plan.exit_config]


@register_policy
class Fin(Placer):
    """FIN, application by application on what is left (sequential FIN in the order of arrival, section 6).

    On ``SplitInference-v0`` every task is an application of its own: see
    :class:`splitgym.baselines.fin_inference.TaskPlanner` for the graph, all of which is ours.

    Args:
        env: see :class:`splitgym.policy.Policy`.
        gamma: latency levels.
        rounding: "edge" or "carry", see :func:`splitgym.placement.fin.solve_fin`.
        shortcuts: whether the least-energy and least-latency plans are offered as well.
        seed: unused.
    """

    name: ClassVar[str] = "fin"
    summary: ClassVar[str] = "shortest path in the feasible inference graph (FIN, arXiv 2404.08060)"
    worlds: ClassVar[tuple[str, ...] | None] = ("inference", "placement")

    def __init__(
        self, env: Any, *, gamma: int = 100, rounding: str = "edge", shortcuts: bool = True, seed: int = 0
    ) -> None:
        super().__init__(env, seed=seed)
        levels = whole_number("gamma", gamma, 1, MOST_LEVELS)
        self.options = {
            "gamma": levels,
            "rounding": word("rounding", rounding, ROUNDINGS),
            "shortcuts": switch("shortcuts", shortcuts),
        }
        self._planner = TaskPlanner(self.scenario, self.params) if self.world.name == "inference" else None

    @classmethod
    def options_for(cls, world: str) -> Mapping[str, Any]:
        """Features are sent whole at constant power where there is a radio."""
        return ALL_OR_NOTHING if world == "inference" else {}

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        if self._planner is None:
            super().decide(views, decisions)
            return
        gamma, rounding, shortcuts = self.options.values()
        self._planner.decide(views, decisions, Options(gamma, rounding == "carry", shortcuts))

    def solve(self, instance: Instance, residual: Residual) -> Any:
        return solve_fin(instance, residual=residual, returns="avoid", **self.options)


@register_policy
class Mcp(Placer):
    """The competitor MCP, which does not know energy (section 9).

    Args:
        env: see :class:`splitgym.policy.Policy`.
        combine: "sum" or "max".
        acc_filter: offer only exit configurations that are accurate enough; without it MCP may break the target, and
            its application is then rejected.
        seed: unused.
    """

    name: ClassVar[str] = "mcp"
    summary: ClassVar[str] = "multi-constrained path, blind to energy (FIN's competitor)"

    def __init__(self, env: Any, *, combine: str = "sum", acc_filter: bool = True, seed: int = 0) -> None:
        self.options = {
            "combine": word("combine", combine, COMBINES),
            "acc_filter": switch("acc_filter", acc_filter),
        }
        super().__init__(env, seed=seed)

    def solve(self, instance: Instance, residual: Residual) -> Any:
        return solve_mcp(instance, residual=residual, **self.options)


@register_policy
class LeastLatency(Placer):
    """The plan of least latency that is accurate enough."""

    name: ClassVar[str] = "least_latency"
    summary: ClassVar[str] = "the plan of least latency that is accurate enough"

    def solve(self, instance: Instance, residual: Residual) -> Any:
        return least_latency(instance, 0, residual=residual)


@register_policy
class LeastEnergy(Placer):
    """The plan of least energy whatever its latency: where it is too slow, the application is rejected."""

    name: ClassVar[str] = "least_energy"
    summary: ClassVar[str] = "the plan of least energy, rejected where it is too slow"

    def solve(self, instance: Instance, residual: Residual) -> Any:
        return least_energy(instance, 0, residual=residual)


@register_policy
class Optimum(Placer):
    """The exact optimum of every application on what is left (label setting); greedy over time, so no bound."""

    name: ClassVar[str] = "optimum"
    summary: ClassVar[str] = "exact optimum of each application on what is left"

    def solve(self, instance: Instance, residual: Residual) -> Any:
        return optimum(instance, 0, residual=residual)
