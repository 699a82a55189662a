"""Golden digests of every preset: of its values, and of what it does in 200 steps of random actions.

They change only when a preset or the physics is meant to change; then say why::

    python -m tests.regenerate_golden "edge load of the default preset raised to 0.5"

Rollouts are digested at nine significant digits, so that another C library's last bit of ``log`` does not count.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import MultiDiscrete

from splitgym.worlds.records import Term
from splitgym.worlds.tradeoffs import COST_KEY
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, digest, rollout, sampled, single

_FILE = Path(__file__).with_name("golden.json")
GOLDEN: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.is_file() else {}
STEPS = 200


def rollout_digest(world: str, preset: str) -> str:
    """Digest of 200 steps of seeded random ``multidiscrete`` actions: observations, rewards, flags, info.

    What was there in 0.1 must not change, so ``info`` is digested as it was: without the terms of the reward and the
    cost, with the reward itself and the mask in one row.  Actions are drawn for all axes, also where there is but one.
    """
    env = single(world, preset)
    actions = sampled(MultiDiscrete(env.encoding.counts), STEPS, seed=2026)
    later = {column.name for column in WORLDS[world].info_columns if isinstance(column, Term)} | {COST_KEY}
    told = []
    for item in rollout(env, actions, seed=2026):
        info = {key: value for key, value in item[-1].items() if key not in later}
        info |= {"reward": item[1] if len(item) == 5 else 0.0}
        info |= {"done": np.bool_(len(item) == 5 and item[2])} if "done" in (env.world.outcome.names or ()) else {}
        info |= {"action_mask": np.hstack(info["action_mask"]) != 0}
        told.append((*item[:-1], info))
    return digest(told, digits=9)


def main(reason: str) -> None:
    """Write ``golden.json``."""
    golden = {
        "reason": reason,
        "scenarios": {f"{w}/{p}": WORLDS[w].load_scenario(p).digest() for w, p in sorted(CASES)},
        "rollouts": {f"{w}/{p}": rollout_digest(w, p) for w, p in sorted(CASES)},
    }
    _FILE.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
    for kind in ("scenarios", "rollouts"):
        for name, value in golden[kind].items():
            if GOLDEN.get(kind, {}).get(name) != value:
                print(f"{kind[:-1]} of {name} changed")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.exit('say why: python -m tests.regenerate_golden "reason"')
    main(sys.argv[1].strip())
