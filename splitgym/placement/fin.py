"""FIN: the cheapest path through the feasible inference graph, for one application or several (s3, s6).

Source: Singhal et al., INFOCOM 2024, arXiv 2404.08060.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np

from splitgym.checks import whole_number, word
from splitgym.interrupt import aside
from splitgym.placement.cycles import binding_cycle, check_cycles, forward_part
from splitgym.placement.instance import Instance, check_instance
from splitgym.placement.kernel import Sweep, backward, forward, levels_of, make_sweep
from splitgym.placement.plan import Infeasible, Plan, Residual, app_index, evaluate
from splitgym.placement.problem import (
    Problem,
    Survey,
    accurate_configs,
    lower_job,
    survey,
)

ROUNDINGS = ("edge", "carry")
RETURNS = ("refuse", "avoid")
ORDERS = ("tightest", "load", "index")
BEST = "best"
#: Of the target of latency.
MOST_LEVELS = 1_000_000
#: Replicas of a sweep that is kept for the next one, at most: some 80 MB of a thread.
_MOST_KEPT = 10_000_000


def solve_fin(
    instance: Instance,
    app: int | str = 0,
    gamma: int = 100,
    rounding: str = "edge",
    shortcuts: bool = True,
    window: int | None = None,
    residual: Residual | None = None,
    returns: str = "refuse",
) -> Plan | Infeasible:
    """Place one application by FIN.

    Args:
        instance: the problem; its other applications take no capacity (see ``residual``, :func:`solve_fin_all`).
        app: place or id of the application.
        gamma: levels into which the latency target is divided; 10 K or more is advised.
        rounding: "edge" rounds every step up (s3), "carry" the latency so far (s3.1).  Ours in both: a path that can
            no longer end in time takes no replica from one that can; the literal rule of "carry" lets it, and loses a
            plan now and then that is found here.
        shortcuts: also offer the least-energy plan (in time it is the optimum: ``certified``) and the least-latency
            plan (s3.1); then a plan is found if and only if there is one.
        window: only paths that end within the last ``window`` levels count; ``None``: all.
        residual: capacities left by other applications, ``None`` for the full ones.
        returns: what happens where links lead back and a capacity on such a cycle can bind, which the graph does not
            keep: "refuse" raises; "avoid" (ours) takes the plan if it keeps all capacities, else plans on the links
            that lead away from the source.

    Returns the plan, or :class:`Infeasible` with the reason of section 1.4.  Without shortcuts that may also mean that
    no path fits the ``gamma`` levels although the instance is feasible: the reason is then "latency", the least
    latency is within the target, and ``exact`` is False.  Raises ``ValueError`` for unknown names, a bad ``gamma`` or
    ``window``, and unless ``returns`` is "avoid" for arcs with a cycle on which a capacity can bind.
    """
    _check_options(gamma, rounding, window, returns)
    place = app_index(instance, app)
    if returns == "refuse":
        check_cycles(instance, [place] if residual is not None else list(range(len(instance.apps))), residual)
    result = _solve(instance, place, int(gamma), rounding, shortcuts, window, residual)
    if returns == "refuse" or not binding_cycle(instance, [place], residual):
        return result
    if isinstance(result, Plan) and not evaluate(instance, place, result.exit_config, result.placement, residual)[1]:
        return result
    part, left = forward_part(instance, place, residual)
    result = _solve(part, place, int(gamma), rounding, shortcuts, window, left)
    return result if isinstance(result, Plan) else replace(result, exact=False)


def _solve(
    instance: Instance,
    place: int,
    gamma: int,
    rounding: str,
    shortcuts: bool,
    window: int | None,
    residual: Residual | None,
) -> Plan | Infeasible:
    found = survey(instance, place, residual)
    if isinstance(found, Infeasible):
        return found
    return _cheapest(found, gamma, rounding, shortcuts, gamma if window is None else window)


def _cheapest(found: Survey, gamma: int, rounding: str, shortcuts: bool, window: int) -> Plan | Infeasible:
    """The cheapest of shortcuts and paths."""
    if not found.in_time(found.least_latency_s):
        return Infeasible(found.task.id, "latency", found.least_latency_s)
    plans = _shortcuts(found) if shortcuts else []
    if plans and plans[0].certified:
        return plans[0]
    limit_j = min((plan.energy_j for plan in plans), default=math.inf)
    path = _cheapest_path(found, gamma, rounding, window, limit_j)
    if path is not None:
        plans.append(path)
    if not plans:
        return Infeasible(found.task.id, "latency", found.least_latency_s, exact=False)
    return min(plans, key=lambda plan: plan.energy_j)


def _check_options(gamma: int, rounding: str, window: int | None, returns: str) -> None:
    whole_number("gamma", gamma, 1, MOST_LEVELS)
    word("rounding", rounding, ROUNDINGS)
    word("returns", returns, RETURNS)
    if window is not None:
        whole_number("window (or None)", window, 0)


def _shortcuts(found: Survey) -> list[Plan]:
    """The plans without levels that meet the target: the certified one alone, or the fastest."""
    thriftiest = found.least_energy("fin-least-energy")
    if found.in_time(thriftiest.latency_s):
        return [replace(thriftiest, certified=True)]
    return [found.least_latency("fin-least-latency")]


def _cheapest_path(found: Survey, gamma: int, rounding: str, window: int, limit_j: float) -> Plan | None:
    """The cheapest path over replicas of all configurations, if one costs no more than ``limit_j``."""
    best: tuple[Problem, np.ndarray, int] | None = None
    steps, states = np.max([problem.fastest[0].shape for problem in found.problems], axis=0).tolist()
    scratch = _borrow(steps - 1, states, gamma)
    for problem in found.problems:
        if problem.least_energy_j > limit_j:
            break  # so are all that follow
        energy_j, level, path = _sweep(found, problem, gamma, rounding, window, limit_j, scratch)
        if energy_j < limit_j or (best is None and energy_j < math.inf):
            best, limit_j = (problem, path, level), energy_j
    _give_back(scratch)
    if best is None:
        return None
    return replace(found.plan(best[0], best[1], f"fin-{rounding}"), levels_used=int(best[2]))


class _Kept(threading.local):
    """The last sweep of each thread: memory that is new costs more time than what is done in it."""

    sweep: Sweep | None = None


_KEPT = _Kept()


def _borrow(steps: int, states: int, gamma: int) -> Sweep:
    """A sweep for up to so many steps and states; one that is interrupted is not given back, since it may go on."""
    kept, _KEPT.sweep = _KEPT.sweep, None
    shape = (0, 0, 0) if kept is None else kept.back.shape
    if kept is not None and shape[0] >= steps and shape[1] >= states and shape[2] == gamma + 1:
        return kept
    return make_sweep(steps, states, gamma)


def _give_back(sweep: Sweep) -> None:
    if sweep.back.size <= _MOST_KEPT:
        _KEPT.sweep = sweep


def _sweep(
    found: Survey, problem: Problem, gamma: int, rounding: str, window: int, limit_j: float, scratch: Sweep
) -> tuple[float, int, np.ndarray]:
    """Energy [J], last level and edges of the cheapest path of one configuration."""
    edges, target_s = problem.edges, found.task.latency_s
    togo_s, togo_j = problem.fastest[0], problem.thriftiest[0]
    if rounding == "carry":
        togo_level = np.zeros_like(togo_s)  # levels say nothing of the way ahead: it is not rounded step by step
    else:
        togo_level = backward(edges, levels_of(edges.delay_s, gamma, target_s), edges.delay_s)[0]
    lowest = max(gamma - window, 0)
    bounds = (togo_level, togo_s, togo_j, limit_j, lowest)
    work = 2 * len(edges.tail) * (gamma + 1)
    return aside(forward, edges, gamma, target_s, rounding == "carry", *bounds, scratch, work=work)


# ------------------------------------------------------------------ several applications
def solve_fin_all(instance: Instance, order: str = "tightest", **options: Any) -> list[Plan | Infeasible]:
    """Place all applications one after the other on what the earlier ones leave (s6).

    Args:
        instance: the problem.
        order: "tightest": by descending least latency / target; "load" (ours, not published): by descending compute of
            the lightest accurate configuration [op/s]; "index": as given; "best": of these three the one that places
            most applications, and among those takes the least power.  Ties by index.
        **options: of :func:`solve_fin`, all but ``app``.

    Returns a plan or a refusal for every application, in the instance's order.  A refusal is ``exact`` only if the
    application has no plan on its own either.  Raises ``ValueError`` as :func:`solve_fin` does.
    """
    check_instance(instance)
    word("order", order, (*ORDERS, BEST))
    if "app" in options:
        raise ValueError("solve_fin_all places every application; app is an option of solve_fin")
    if options.get("returns", "refuse") == "refuse":
        check_cycles(instance, list(range(len(instance.apps))))
    tried: dict[tuple[int, ...], list[Plan | Infeasible]] = {}
    for name in ORDERS if order == BEST else (order,):
        sequence = _sequence(instance, name)
        if sequence not in tried:
            tried[sequence] = _one_by_one(instance, sequence, options)
    return min(tried.values(), key=lambda results: _rank(instance, results))


def _sequence(instance: Instance, order: str) -> tuple[int, ...]:
    apps = range(len(instance.apps))
    if order == "index":
        return tuple(apps)
    key = _tightness if order == "tightest" else _load_op_s
    return tuple(sorted(apps, key=lambda app: -key(instance, app)))


def _tightness(instance: Instance, app: int) -> float:
    """Least latency / target; inf where nothing can be placed."""
    found = survey(instance, app)
    return math.inf if isinstance(found, Infeasible) else found.least_latency_s / found.task.latency_s


def _load_op_s(instance: Instance, app: int) -> float:
    """Compute that the application asks for at least [op/s]; inf where nothing is accurate."""
    jobs = [lower_job(instance, app, config) for config in accurate_configs(instance, app)]
    return min((job.rate_hz * float(job.reach_ratio @ job.work_op) for job in jobs), default=math.inf)


def _one_by_one(instance: Instance, sequence: tuple[int, ...], options: dict[str, Any]) -> list[Plan | Infeasible]:
    left = options.get("residual") or Residual.of(instance)
    results: dict[int, Plan | Infeasible] = {}
    for app in sequence:
        result = solve_fin(instance, app, **{**options, "residual": left})
        if isinstance(result, Plan):
            left = left.less(instance, result)
        elif result.exact:
            alone = survey(instance, app, options.get("residual"))
            proven = isinstance(alone, Infeasible) or not alone.in_time(alone.least_latency_s)
            result = replace(result, exact=proven)
        results[app] = result
    return [results[app] for app in range(len(instance.apps))]


def _rank(instance: Instance, results: list[Plan | Infeasible]) -> tuple[int, float]:
    """Number of applications without a plan, power of the others [W]."""
    pairs = zip(instance.apps, results, strict=True)
    powers_w = [app.rate_hz * plan.energy_j for app, plan in pairs if isinstance(plan, Plan)]
    return len(results) - len(powers_w), sum(powers_w)
