"""What ``splitgym place`` prints."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from splitgym.placement.contest import Outcome, Result, least_power_w
from splitgym.placement.instance import Instance
from splitgym.placement.plan import Infeasible, Plan, app_index
from splitgym.placement.savings import OPTIMUM, Savings
from splitgym.show.tables import Table

#: What a refusal's reason means.
_REASONS = {
    "accuracy": "no exit is accurate enough",
    "capacity": "nothing fits the nodes",
    "latency": "the fastest is too slow",
}


def contest_table(instance: Instance, results: Sequence[Result], title: str) -> Table:
    """Every solver's plans; with several applications a row for each below the total."""
    several = len(instance.apps) > 1
    targets = "\n".join(
        f"{app.id}: at most {1e3 * app.latency_s:.4g} ms ({instance.latency_mode}), accuracy {app.accuracy:.4g} or more"
        for app in instance.apps
    )
    table = Table(title=title, caption=targets, caption_justify="left")
    table.add_column("solver", no_wrap=True)
    numbers = ("power\nW" if several else "energy\nmJ", "latency\nms", "accuracy\n%")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("exits", no_wrap=True)
    table.add_column("blocks on nodes", no_wrap=True)
    for name in ("above\noptimum", "run\nms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    least_w = least_power_w(instance, results)
    for result in results:
        tail = (_gap(instance, result, least_w), f"{1e3 * result.run_s:.1f}", verdict(result))
        if several:
            power = f"{result.power_w(instance):#.4g}" if result.placed else "-"
            table.add_row(result.method, power, "", "", "", "", *tail)
            for outcome in result.outcomes:
                table.add_row(f"  {outcome.app}", *_plan_cells(instance, outcome, several), "", "", "")
        else:
            outcome = result.outcomes[0] if result.outcomes else None
            table.add_row(result.method, *_plan_cells(instance, outcome, several), *tail)
    return table


def _plan_cells(instance: Instance, outcome: Outcome | None, several: bool) -> list[str]:
    if not isinstance(outcome, Plan):
        return ["-", "-", "-", "-", _reason(outcome) if outcome and several else "-"]
    app = instance.apps[app_index(instance, outcome.app)]
    exits = instance.dnns[app.dnn].exit_configs[outcome.exit_config].active
    cost = app.rate_hz * outcome.energy_j if several else 1e3 * outcome.energy_j
    figures = [f"{cost:#.4g}", f"{1e3 * outcome.latency_s:#.4g}", f"{100.0 * outcome.accuracy:.1f}"]
    return [*figures, ",".join(map(str, exits)), compact(outcome.placement)]


def compact(placement: Sequence[str]) -> str:
    """``("m0", "m0", "e1")`` -> ``"m0:1-2 e1:3"``."""
    words, first = [], 1
    for name, run in itertools.groupby(placement):
        last = first + len(list(run)) - 1
        words.append(f"{name}:{first}" if first == last else f"{name}:{first}-{last}")
        first = last + 1
    return " ".join(words)


def _gap(instance: Instance, result: Result, least_w: float | None) -> str:
    if least_w is None or not result.placed:
        return "-"
    if least_w == 0.0:
        return "0 %" if result.power_w(instance) == 0.0 else "-"
    gap = 100.0 * (result.power_w(instance) / least_w - 1.0)
    return "0 %" if abs(gap) < 1e-6 else f"{gap:+.3g} %"


def verdict(result: Result) -> str:
    """What a solver's result is worth, in some words."""
    if result.refusal:
        return "not for this instance"
    refused = [outcome for outcome in result.outcomes if isinstance(outcome, Infeasible)]
    if refused:
        return _reason(refused[0]) if len(result.outcomes) == 1 else f"{len(refused)} without a plan"
    if result.violations:
        kinds = dict.fromkeys(_kind(fault) for fault in result.violations)
        return f"breaks {', '.join(kinds)}"
    return "optimal" if result.exact else "meets all"


def _kind(fault: str) -> str:
    """``"apps[0].latency_s: ..."`` -> ``"latency"``."""
    found = re.match(r"\w+\[\d+\]\.([a-z]+)", fault)
    return found.group(1) if found else "order"


def _reason(outcome: Infeasible) -> str:
    if not outcome.exact:
        return "none found"
    least = f" ({1e3 * outcome.least_latency_s:.4g} ms)" if outcome.least_latency_s is not None else ""
    return f"none: {_REASONS[outcome.reason]}{least if outcome.reason == 'latency' else ''}"


def violations(results: Sequence[Result]) -> Iterator[str]:
    """Lines that say what is behind the verdicts."""
    for result in results:
        if result.refusal:
            yield f"{result.method}: {result.refusal}"
        for fault in result.violations:
            yield f"{result.method} breaks {fault}"


def savings_table(savings: Savings, title: str) -> Table:
    """The savings over a grid of targets (FIN s7)."""
    table = Table(title=f"{title}: {savings.cells} cells")
    table.add_column("method", no_wrap=True)
    for rival in savings.rivals_j:
        table.add_column(f"saved against\n{rival}\nmean", justify="right", no_wrap=True)
        table.add_column("\n\nof sums", justify="right", no_wrap=True)
    for name in ("energy / optimum\n\nmean", "\n\nworst", "equal\n\n% of plans", "without\na plan\ncells"):
        table.add_column(name, justify="right", no_wrap=True)
    for method in savings.energy_j:
        saved = [f"{x:.3f}" for rival in savings.rivals_j for x in savings.saving(method, rival)[:2]]
        mean, worst, equal, missing = savings.ratio(method)
        table.add_row(method, *saved, f"{mean:.4f}", f"{worst:.3f}", f"{100.0 * equal:.1f}", str(missing))
    return table


def savings_notes(savings: Savings) -> Iterator[str]:
    """The grid, and over how many of its cells savings are averaged."""
    latency_ms = ", ".join(f"{1e3 * x:g}" for x in savings.latency_s)
    yield f"latency targets [ms]: {latency_ms}"
    yield f"accuracy targets:     {', '.join(f'{x:g}' for x in savings.accuracy)}"
    for rival in savings.rivals_j:
        cells = savings.saving(OPTIMUM, rival)[2]
        yield f"{rival}: meets both targets in {cells} of {savings.cells} cells; only these count for what is saved"
    yield "fin ROUNDING GAMMA is without shortcuts; cells in which it has no plan are left out of its figures"
    yield "mean: over cells; of sums: 1 - sum of energies / sum of the rival's"
