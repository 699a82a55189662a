"""How long an evaluation takes, and where the time goes."""

from __future__ import annotations

import time

import numpy as np

from splitgym.bench.measuring import Budget, Row, Target
from splitgym.evaluation import bounds, evaluate

ENV_ID, SCENARIO = "SplitInference-v0", "default"
POLICIES = ("random", "device", "edge", "static", "effect", "progftx", "myopic", "lyap", "lyap_prog", "enachi")
TASKS, MOST_EPISODES = 200, 100


def evaluation_rows(budget: Budget) -> list[Row]:
    """Whole evaluation of ten policies with bounds; deciding, bounding, and the rest, which is the simulation."""
    episodes = min(MOST_EPISODES, max(2, round(budget.seconds / 0.003)))  # all of them at the usual 0.3 s
    evaluate(POLICIES, ENV_ID, SCENARIO, 1, bound=True, progress=False)  # compiled and loaded before the clock starts
    begin = time.perf_counter()
    results = evaluate(POLICIES, ENV_ID, SCENARIO, episodes, num_threads=budget.threads, bound=True, progress=False)
    whole_s = time.perf_counter() - begin
    begin = time.perf_counter()
    bounds(ENV_ID, SCENARIO, episodes, progress=False)
    bound_s = time.perf_counter() - begin
    budget.show(1.0)
    # decision_s is the mean over the decisions of a batch; missed tasks take none, so this is an upper estimate
    deciding_s = sum(float(np.sum(results.figure(p, "decision_s"))) * TASKS for p in results.policies)
    size = f"{len(POLICIES)} policies x {episodes} episodes x {TASKS} tasks"
    target = Target(60.0, of="value", at_most=True)
    return [
        Row(group="evaluation", name=f"evaluate, {size}", value=whole_s, unit="s", target=target, note="with bounds"),
        _part("deciding", deciding_s, whole_s),
        _part("bounds", bound_s, whole_s),
        _part("simulation, traces and the rest", max(whole_s - deciding_s - bound_s, 0.0), whole_s),
    ]


def _part(name: str, part_s: float, whole_s: float) -> Row:
    note = f"{100.0 * part_s / whole_s:.0f} % of it"
    return Row(group="evaluation", name=f"evaluate: {name}", value=part_s, unit="s", note=note)
