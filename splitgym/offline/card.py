"""What a data set says about itself: a table for machines, a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from splitgym import provenance
from splitgym.offline.plan import Plan
from splitgym.seeding import FIRST_TRAINING_SEED


def summary(plan: Plan, episodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """``Plan.document`` with what came of it: return of each policy, and the plug-ins that took part.

    ``episodes`` are the policy and the return of every episode in their order.
    """
    document, first = plan.document(), 0
    for policy in document["policies"]:
        returns = np.array([episode["return"] for episode in episodes[first : first + policy["episodes"]]])
        policy["first_episode"] = first
        policy["return_mean"], policy["return_std"] = float(returns.mean()), float(returns.std())
        first += len(returns)
    return {**document, "plugins": provenance.tables(provenance.sources())}


def is_of(plan: Plan, about: Mapping[str, Any]) -> bool:
    """Whether a data set with that summary is the one of the plan."""
    document = plan.document()
    keys = ("name", "spec", "identity", "episodes")
    policies = [{key: policy.get(key) for key in keys} for policy in about.get("policies", ())]
    return {**{key: about.get(key) for key in document}, "policies": policies} == document


def card(plan: Plan, about: dict[str, Any]) -> str:
    """The page in Markdown: what the data are of, who played them, how to read them and to begin again."""
    options = ", ".join(f"{key}={value}" for key, value in about["episode_options"].items()) or "defaults"
    last = about["first_seed"] + about["episodes"] - 1
    changes = "".join(f", {key} = {value}" for key, value in about["changes"].items())
    rows = "\n".join(
        f"| {p['name']} | {p['episodes']} | {p['first_episode']} | {p['return_mean']:.2f} ± {p['return_std']:.2f} "
        f"| {p['identity']} |"
        for p in about["policies"]
    )
    plugins = "".join(f"* plug-in {source.words}\n" for source in provenance.sources())
    return f"""# {plan.name}

Offline data of `{about["environment"]}` (splitgym), {about["episodes"]} episodes.

* scenario `{about["scenario"]}`{changes}, digest {about["scenario_digest"]}
* action encoding `{about["action"]}`, episode options: {options}
* seeds {about["first_seed"]} to {last}, episode after episode; evaluate on seeds below {FIRST_TRAINING_SEED}
* kept of `info`, from the reset on: {", ".join(about["infos"]) or "nothing"}
* code {about["code"]}
{plugins}
| policy | episodes | first | return (mean ± deviation) | identity |
|:--|--:|--:|--:|:--|
{rows}

The identity digests a policy's code, parameters and weights. Each episode has its `policy` and its `return` in
`dataset.storage.get_episode_metadata([i])`; `dataset.recover_environment()` makes the environment.
"""
