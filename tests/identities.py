"""What must hold among the fields of ``info``, world by world, whatever the actions: :func:`assert_info`.

Written from what the fields mean, not from the kernels.  A new world adds a function here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from splitgym.worlds.placement.system import parts
from splitgym.worlds.world import WORLDS

Info = Mapping[str, Any]
_DIGITS = 1e-9


def close(a: float, b: float, scale: float = 0.0) -> bool:
    """Equality of two sums that were added up in another order."""
    return math.isclose(a, b, rel_tol=_DIGITS, abs_tol=max(1e-15, _DIGITS * scale))


def assert_info(world: str, scenario: Any, info: Info, before: Info) -> None:
    """Every identity of one step's ``info``; ``before`` is that of the step or reset before it."""
    left_out = {"action_mask", "accuracy"} if world == "hardware" else {"action_mask"}  # not measured in every profile
    for name in set(info) - left_out:
        assert np.isfinite(info[name]).all(), f"{name} is not finite"
    negative = [n for n, v in info.items() if n.endswith(("_j", "_s", "_w", "_bits")) and np.min(v) < 0.0]
    assert set(negative) <= {"saved_j"}, f"negative: {negative}"
    IDENTITIES[world](scenario, info, before)


def assert_task(info: Info, budget_j: float, infrastructure: float) -> None:
    """What holds for one task of a device, alone or among several."""
    assert info["on_time"] or not info["correct"], "correct, but not on time"
    assert info["on_time"] or info["accuracy"] == 0.0, "something is expected of no answer"
    assert info["on_time"] or info["exit"] == -1, "an exit answered, but not on time"
    assert 0.0 <= info["accuracy"] <= 1.0
    assert 0.0 <= info["feature_ratio"] <= 1.0
    assert 0 <= info["slots_used"] <= info["slots_available"]
    assert info["bits"] <= info["capacity_bits"]
    if info["stopped_early"]:
        assert 0 < info["slots_used"] < info["slots_available"], "stopped early, but no slot was saved"
        assert info["feature_ratio"] < 1.0, "stopped early, but everything was sent"
    if info["slots_used"] == 0:
        sent = ("capacity_bits", "bits", "feature_ratio", "energy_radio_j", "latency_uplink_s")
        assert not any(info[name] for name in sent), "something was sent in no slot"
    if info["capacity_bits"] == 0.0:
        assert info["feature_ratio"] == 0.0, "features without a bit"
    behind = info["energy_edge_j"] + info.get("energy_cloud_j", 0.0)
    charged_j = info["energy_compute_j"] + info["energy_radio_j"] + infrastructure * behind
    assert close(info["energy_j"], charged_j, budget_j), "parts of the energy do not sum to what is charged"
    assert close(info["cost_j"], max(info["energy_j"] - budget_j, 0.0), budget_j)
    stages = ("wait", "device", "uplink", "edge", "backhaul", "cloud")
    total_s = sum(info.get(f"latency_{stage}_s", 0.0) for stage in stages) + info.get("edge_wait_s", 0.0)
    assert close(info["latency_s"], total_s, 1.0), "parts of the latency do not sum to it"


def inference(scenario: Any, info: Info, before: Info) -> None:
    """One task."""
    budget = scenario.budget
    assert_task(info, budget.energy_j, budget.infrastructure_weight)
    assert info["cut"] <= info["edge_cut"]
    assert info["missed_total"] == before["missed_total"] + info["missed"]
    assert info["task"] == before["task"] + (before["missed"] + 1 if before.get("stepped") else 0)
    if info["cut"] == len(scenario.dnn.cut_names) - 1:
        assert info["slots_used"] == 0, "everything is local, but something was sent"
    paid = budget.debt_price * (info["queue_j"] - before["queue_j"]) / budget.energy_j
    assert close(info["reward"], float(info["correct"]) - paid, 1.0)


def multiuser(scenario: Any, info: Info, before: Info) -> None:
    """One frame of N devices; the frame is the sum of its devices."""
    device = {name.removeprefix("device_"): value for name, value in info.items() if name.startswith("device_")}
    budget = scenario.budget
    for n in range(len(device["present"])):
        own = {name: column[n] for name, column in device.items()}
        assert_task(own, budget.energy_j, budget.infrastructure_weight)
        if not own["present"]:
            idle = ("energy_j", "latency_s", "bandwidth_hz", "on_time", "correct", "accuracy", "slots_used", "reward")
            assert not any(own[name] for name in idle), "a device without a task did something"
    for name, column in (("tasks", "present"), *((n, n) for n in ("on_time", "correct"))):
        assert info[name] == device[column].sum(), name
    for name in ("energy_j", "cost_j", "queue_j", "reward", "edge_wait_s", "bandwidth_hz"):
        assert close(info[name], device[name].sum(), np.abs(device[name]).sum()), name
    assert info["queue_max_j"] == device["queue_j"].max()
    assert info["bandwidth_hz"] <= scenario.radio.bandwidth_hz * (1.0 + _DIGITS)
    paid = budget.debt_price * (info["queue_j"] - before["queue_j"]) / budget.energy_j
    assert close(info["reward"], info["correct"] - paid, len(device["present"]) + abs(paid))


def transmission(scenario: Any, info: Info, before: Info) -> None:
    """One slot."""
    radio, task = scenario.radio, scenario.transmission
    assert info["done"] or not info["correct"], "correct before the end"
    assert 0.0 <= info["feature_ratio"] <= 1.0
    block = next((block for block in scenario.dnn.blocks if block.name == task.cut), None)
    partial = block is not None and (block.steepness > 0.0 or block.curve is not None)
    if not partial and info["feature_ratio"] < 1.0:
        assert info["accuracy"] == 0.0, "something is expected of no answer"
        assert not info["correct"], "correct without an answer"
    assert info["slots_used"] <= info["slots_available"]
    assert info["slots_used"] == before["slots_used"] + (not info["stopped"])
    assert info["bits"] <= info["capacity_bits"]
    if info["stopped"]:
        assert info["done"], "stopped, but not over"
        assert info["slots_used"] < info["slots_available"], "stopped, but no slot was saved"
        assert info["power_w"] == info["slot_bits"] == info["energy_slot_j"] == 0.0
    assert close(info["energy_slot_j"], info["power_w"] * radio.slot_s)
    assert close(info["energy_radio_j"], before["energy_radio_j"] + info["energy_slot_j"], 1e-9)
    assert close(info["capacity_bits"], before["capacity_bits"] + info["slot_bits"], 1.0)
    price = task.energy_price * info["energy_slot_j"] / task.budget_j
    assert close(info["reward"], float(info["correct"]) - price, 1.0)


def hardware(scenario: Any, info: Info, before: Info) -> None:
    """One request."""
    assert info["split"] > 0 or info["accelerator"] == 0, "an accelerator without a head"
    assert info["split"] < len(scenario.hardware.split_points) - 1 or not info["gpu"], "a GPU without a tail"
    if info["accuracy"] == info["accuracy"]:
        assert 0.0 <= info["accuracy"] <= 1.0
    assert (info["cost_s"] == 0.0) == info["on_time"], "late without a cost, or the reverse"
    if not close(info["latency_s"], info["threshold_s"]):
        assert info["on_time"] == (info["latency_s"] <= info["threshold_s"])
    parts_s = sum(info[f"latency_{stage}_s"] for stage in ("wait", "reconfigure", "edge", "transfer", "cloud"))
    assert close(info["latency_s"], parts_s), "parts of the latency do not sum to it"
    charged_j = info["energy_reconfigure_j"] + info["energy_edge_j"]
    charged_j += scenario.reward.infrastructure_weight * info["energy_cloud_j"]
    assert close(info["energy_j"], charged_j), "parts of the energy do not sum to what is charged"
    if info["on_time"]:
        reference_j = info["saved_j"] + info["energy_j"]
        assert close(info["reward"], info["saved_j"] / reference_j, 1.0)
    else:
        assert info["reward"] == -scenario.reward.violation_penalty


def placement(scenario: Any, info: Info, before: Info) -> None:
    """One move."""
    assert info["closed"] == (info["accepted"] or info["rejected"])
    assert not (info["accepted"] and info["rejected"])
    assert (info["block"] >= 0) == (info["node"] >= 0)
    assert info["node"] < len(parts(scenario)[0])
    assert (info["exit_config"] >= 0) == info["accepted"]
    if not info["accepted"]:
        figures = ("energy_j", "latency_s", "accuracy", "power_w", "saved")
        assert not any(info[name] for name in figures), "figures of an application that was not accepted"
    else:
        assert info["latency_s"] <= info["latency_target_s"] * (1.0 + 2e-9), "accepted, but too slow"
        assert close(info["saved"], 1.0 - info["energy_j"] / info["reference_j"], 1.0) or info["reference_j"] == 0.0
        assert info["reward"] == info["saved"]
        assert info["exit_config"] == info["exit_asked"]
    if info["rejected"]:
        assert info["reward"] == -scenario.reward.rejection_penalty
    if not info["closed"]:
        assert info["reward"] == info["reference_j"] == info["latency_target_s"] == 0.0


#: World -> the function of its name above.
IDENTITIES: dict[str, Callable[[Any, Info, Info], None]] = {world: globals()[world] for world in WORLDS}
