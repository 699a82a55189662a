"""How long an evaluation takes, and where the time goes."""

from __future__ import annotations

import time

import numpy as np

from splitgym.bench.measuring import Budget, Row, Target
from splitgym.engines.threads import cores
from splitgym.evaluation import bounds, evaluate

ENV_ID, SCENARIO = "SplitInference-v0", "default"
POLICIES = ("random", "device", "edge", "static", "effect", "progftx", "myopic", "lyap", "lyap_prog", "enachi")
TASKS, MOST_EPISODES = 200, 100


def evaluation_rows(budget: Budget) -> list[Row]:
    """Whole evaluation of ten policies with bounds, on all cores and in one thread, and where the time of that goes."""
    episodes = min(MOST_EPISODES, max(2, round(budget.seconds / 0.003)))  # all of them at the usual 0.3 s
    evaluate(POLICIES, ENV_ID, SCENARIO, 1, bound=True, progress=False)  # compiled and loaded before the clock starts
    begin = time.perf_counter()
    evaluate(POLICIES, ENV_ID, SCENARIO, episodes, bound=True, progress=False)
    whole_s = time.perf_counter() - begin
    budget.show(0.5)
    begin = time.perf_counter()
    results = evaluate(POLICIES, ENV_ID, SCENARIO, episodes, bound=True, workers=1, progress=False)
    alone_s = time.perf_counter() - begin
    begin = time.perf_counter()
    bounds(ENV_ID, SCENARIO, episodes, workers=1, progress=False)
    bound_s = time.perf_counter() - begin
    budget.show(1.0)
    # decision_s is the mean over the decisions of a batch; missed tasks take none, so this is an upper estimate
    deciding_s = sum(float(np.sum(results.figure(p, "decision_s"))) * TASKS for p in results.policies)
    size = f"{len(POLICIES)} policies x {episodes} episodes x {TASKS} tasks"
    target = Target(3.0, of="value", at_most=True)
    note = f"with bounds; {cores()} cores"
    return [
        Row(group="evaluation", name=f"evaluate, {size}", value=whole_s, unit="s", target=target, note=note),
        Row(group="evaluation", name="evaluate: the same in one thread", value=alone_s, unit="s", note="--workers 1"),
        _part("deciding", deciding_s, alone_s),
        _part("bounds", bound_s, alone_s),
        _part("simulation, traces and the rest", max(alone_s - deciding_s - bound_s, 0.0), alone_s),
    ]


def _part(name: str, part_s: float, whole_s: float) -> Row:
    note = f"{100.0 * part_s / whole_s:.0f} % of one thread's"
    return Row(group="evaluation", name=f"evaluate: {name}", value=part_s, unit="s", note=note)
