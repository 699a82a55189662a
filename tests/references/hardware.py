"""An independent hardware world in plain Python, from the DynaSplit specification; it shares no code with the package.

It reads the values of a scenario and the arrays of a trace, so that agreement means something.
"""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MODES = ("off", "std", "max")


def calibration() -> dict[str, Any]:
    """The calibration file, or a skipped test where it is absent."""
    path = DATA / "dynasplit_calibration.json"
    if not path.is_file():
        pytest.skip("the calibration file dynasplit_calibration.json is not beside this checkout (shared/data)")
    return json.loads(path.read_text(encoding="utf-8"))


def development_pool(network: str) -> Path:
    """The file of measured runs, or a skipped test where it is absent."""
    path = DATA / "dynasplit_dev_pool" / f"dev_pool_{network}.csv"
    if not path.is_file():
        pytest.skip("the development pool dynasplit_dev_pool is not beside this checkout (shared/data)")
    return path


def configurations(hw: Any) -> list[tuple[float, int, int, int]]:
    """All valid (clock, mode, split layer, GPU) in the order of the axes (section 1)."""
    last = len(hw.split_points) - 1
    space = itertools.product(hw.edge.clocks_hz, range(3), range(last + 1), (0, 1))
    no_accelerator = not hw.edge.accelerator_std_s
    return [
        (f, a, x, g) for f, a, x, g in space if not ((x == 0 or no_accelerator) and a > 0) and not (x == last and g)
    ]


NOMINAL = {"stalled": 0.0, "link_factor": 1.0, "link_tail_draw": 1.0, "link_tail_s": 0.0}
NOMINAL |= {"cloud_factor": 1.0, "node_factor": 1.0, "edge_offset_w": 0.0}


def predict(hw: Any, config: tuple[float, int, int, int], noise: dict[str, float] | None = None) -> dict[str, float]:
    """Times [ms] and energies [J] of a valid configuration (section 8), in the units of the paper."""
    clock, mode, split, gpu = config
    noise, last = noise or NOMINAL, len(hw.split_points) - 1
    x = 1e9 / clock  # ns per cycle, which is 1/GHz
    head = 1e3 * hw.edge.pipeline_s + hw.edge.pipeline_cycles / 1e6 * x
    if split > 0 and mode == 0:
        head += 1e3 * hw.edge.cpu_s[split] + hw.edge.cpu_cycles[split] / 1e6 * x
    elif split > 0:
        table = (hw.edge.accelerator_std_s, hw.edge.accelerator_max_s)[mode - 1]
        per_kb = hw.edge.accelerator_cycles_per_bit * 8192 / 1e6
        head += hw.edge.accelerator_cycles / 1e6 * x + per_kb * hw.cut_bits[split] / 8192 * x + 1e3 * table[split]
    edge = head
    if noise["stalled"]:
        lattice = [1e3 * t for t in hw.noise.stall_lattice_s]
        while lattice[-1] < head:
            lattice.append(lattice[-1] + 1e3 * hw.noise.stall_step_s)
        edge = min(t for t in lattice if t >= head)
    transfer = cloud = 0.0
    if split < last:
        transfer = 1e3 * (hw.link.fixed_s + hw.link.s_per_bit * hw.cut_bits[split]) * noise["link_factor"]
        large = hw.cut_bits[split] > hw.noise.link_large_bits
        share = hw.noise.link_tail_large_share if large else hw.noise.link_tail_share
        transfer += 1e3 * noise["link_tail_s"] * (noise["link_tail_draw"] < share)
        cloud = 1e3 * (hw.cloud.gpu_s if gpu else hw.cloud.cpu_s)[split] * noise["cloud_factor"]
    name, total, p = MODES[mode], edge + transfer + cloud, hw.power
    level = hw.edge.clocks_hz.index(clock)
    wait = getattr(p, f"wait_{name}_w") + getattr(p, f"wait_{name}_j_per_cycle") * clock
    edge_j = (getattr(p, f"head_{name}_w")[level] * head + wait * (total - head)) / 1e3
    edge_j += noise["edge_offset_w"] * total / 1e3
    base, load = (p.node_gpu_w, p.node_gpu_load_w) if gpu else (p.node_cpu_w, p.node_cpu_load_w)
    busy = 1 - 1e3 * p.node_idle_s / max(cloud, 1e3 * p.node_idle_s)
    cloud_j = (base + load * busy) * noise["node_factor"] * cloud / 1e3
    return {"T": total, "Te": edge, "Tt": transfer, "Tc": cloud, "Ee": edge_j, "Ec": cloud_j, "wait_w": wait}


def accuracy(hw: Any, config: tuple[float, int, int, int]) -> float:
    """Accuracy of a configuration."""
    return math.nan if hw.accuracy is None else getattr(hw.accuracy, MODES[config[1]])[config[2]]


def front(hw: Any) -> list[tuple[float, float, tuple]]:
    """The exhaustive front as (energy, latency [ms], configuration), sorted as in section 3.1."""
    points = []
    for config in configurations(hw):
        r = predict(hw, config)
        points.append((r["T"], -accuracy(hw, config), r["Ee"] + r["Ec"], config))
    if "accuracy" not in hw.objectives:
        points = [(t, 0.0, e, c) for t, _, e, c in points]
    kept = []
    for p in points:
        worse = any(q[0] <= p[0] and q[1] <= p[1] and q[2] <= p[2] and q[:3] != p[:3] for q in points)
        if not worse:
            kept.append(p)
    kept.sort(key=lambda p: (p[2], p[1]))
    return [(e, t, c) for t, _, e, c in kept]


def choose(entries: list[tuple[float, float, tuple]], limit_ms: float) -> tuple:
    """The online phase as it is written in section 3.2."""
    fastest = entries[0]
    for entry in entries:
        if entry[1] <= limit_ms:
            return entry[2]
        if entry[1] < fastest[1]:
            fastest = entry
    return fastest[2]


def play(sc: Any, trace: Any, decide: Any) -> list[dict[str, Any]]:
    """Outcomes of all requests; ``decide(remaining [ms], configuration in force)`` gives a valid configuration."""
    hw, r = sc.hardware, sc.reward
    cloud_only = predict(hw, (hw.edge.clocks_hz[-1], 0, 0, 1))
    reference = cloud_only["Ee"] + r.infrastructure_weight * cloud_only["Ec"]
    force, free, out = (hw.edge.clocks_hz[-1], 0, 0, 1), 0.0, []
    for k in range(len(trace.threshold_s)):
        noise = {name: float(getattr(trace, name)[k]) for name in NOMINAL}
        wait = max(free - trace.arrival_s[k], 0.0) if sc.requests.queueing else 0.0
        remaining = trace.threshold_s[k] - wait
        config = decide(1e3 * remaining, force)
        result = predict(hw, config, noise)
        delay = sc.switching.reconfigure_s * (config[:2] != force[:2])
        busy = delay + result["T"] / 1e3
        energy = result["wait_w"] * delay + result["Ee"] + r.infrastructure_weight * result["Ec"]
        met = busy <= remaining
        out.append(
            {
                "config": config,
                "latency_s": wait + busy,
                "energy_j": energy,
                "on_time": met,
                "violation_s": max(busy - remaining, 0.0),
                "reward": (reference - energy) / reference if met else -r.violation_penalty,
            }
        )
        start = trace.arrival_s[k] + wait if sc.requests.queueing else free
        force, free = config, start + busy
    return out


def published_thresholds_ms(bounds: dict[str, tuple[float, float]], n: int) -> dict[str, np.ndarray]:
    """The published generator (section 3), for all networks."""
    rng, out = np.random.default_rng(123456789), {}
    for network in ("vgg16", "resnet50", "mobilenetv2", "vit"):
        low, high = bounds[network]
        s = rng.weibull(1, n)
        a = (high - low) / (max(s) - min(s))
        out[network] = a * s + (low - a * min(s))
    return out
