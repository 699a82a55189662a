"""Tables of runs that the hardware world itself gives, as a person would write them down."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from splitgym import load_scenario
from tests.helpers import single

MODES = ("off", "std", "max")
STAGES = ("latency_edge_s", "latency_transfer_s", "latency_cloud_s")


def outcomes(folder: Path, network: str, repeats: int = 1, **changes: Any) -> Path:
    """A table of runs of every valid configuration of a network, without noise unless ``changes`` say so."""
    scenario = load_scenario("default", "HardwareSplit-v0", hardware=network, **{"requests.count": 2, **changes})
    env = single("hardware", scenario, "discrete")
    columns = ("latency_s", *STAGES, "energy_edge_j", "energy_cloud_j", "accuracy")
    file = folder / f"{network}.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        lines = csv.writer(stream)
        lines.writerow(["clock_hz", "accelerator", "split", "gpu", *columns])
        for run in range(repeats):
            for action in range(len(env.encoding.table)):
                env.reset(seed=repeats * action + run)
                info = env.step(action)[-1]
                knobs = [info["clock_hz"], MODES[info["accelerator"]], info["split"], bool(info["gpu"])]
                lines.writerow([*knobs, *(repr(float(info[name])) for name in columns)])
    return file
