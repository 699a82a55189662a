"""Limits on values that are each in range: the work and the energy of one task, the length of a path.

Each refusal names the keys, what they come to, and the limit with its unit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from splitgym.profiles.dnn import DnnProfile
from splitgym.quoting import exact
from splitgym.ranges import MOST_SLOTS, MOST_TASK_J, MOST_TASK_S, at_most

if TYPE_CHECKING:
    from splitgym.worlds.inference.scenario import Cloud, Device, Edge, Radio

#: Path loss between a device and its base station [dB]: a passive channel does not amplify.
LEAST_LOSS_DB, MOST_LOSS_DB = 0.0, 400.0
#: Largest table of tasks of one episode, all devices together.
MOST_TOGETHER = 2_000_000


def check_slots(deadline_key: str, deadline_s: float, slot_s: float) -> None:
    """Bound the slots of one task, which are simulated one by one."""
    slots = deadline_s / slot_s
    at_most(f"{deadline_key}={deadline_s!r} s and radio.slot_s={slot_s!r} s", "a task", slots, MOST_SLOTS, "slots")


def check_device(dnn: DnnProfile, device: Device) -> None:
    """Bound time and energy of the whole network on the device."""
    cycles = total_macs(dnn) / device.macs_per_cycle
    slow, fast = device.clocks_hz[0], device.clocks_hz[-1]
    keys = f"device.clocks_hz={slow!r} Hz, macs_per_cycle={device.macs_per_cycle!r}, {total_macs(dnn):g} macs"
    at_most(keys, "the network on the device", cycles / slow, MOST_TASK_S, "s")
    keys = f"device.kappa_f={device.kappa_f!r} F, clocks_hz={fast!r} Hz, {cycles:g} cycles (macs / macs_per_cycle)"
    at_most(keys, "the network on the device", device.kappa_f * fast * fast * cycles, MOST_TASK_J, "J")


def check_radio(radio: Radio, deadline_s: float, factors: Mapping[str, float] | None = None) -> None:
    """Bound energy and path loss of the uplink; ``factors`` (by key) multiply the distances."""
    energy_j = radio.power_max_w * deadline_s
    at_most(
        f"radio.power_max_w={radio.power_max_w!r} W, deadline {deadline_s!r} s",
        "sending until the deadline",
        energy_j,
        MOST_TASK_J,
        "J",
    )
    ends_m = {"radio.distance_m": radio.distance_m, "radio.far_distance_m": radio.far_distance_m or radio.distance_m}
    for (end, end_m), (by, factor) in itertools.product(ends_m.items(), (factors or {"": 1.0}).items()):
        distance_m = end_m * factor
        loss_db = radio.path_loss_1km_db + radio.path_loss_decade_db * math.log10(distance_m / 1000.0)
        if not LEAST_LOSS_DB <= loss_db <= MOST_LOSS_DB:
            raise ValueError(
                f"{end}{by and f' times {by}'}: the path loss at {distance_m:g} m must be >= {LEAST_LOSS_DB:g} and <= "
                f"{MOST_LOSS_DB:g} dB (a passive channel does not amplify), got {exact(loss_db)} dB from "
                f"path_loss_1km_db={radio.path_loss_1km_db!r} and path_loss_decade_db={radio.path_loss_decade_db!r}"
            )


def check_server(section: str, dnn: DnnProfile, server: Edge | Cloud, load: float = 0.0) -> None:
    """Bound time and energy of the whole network on a server under a load."""
    macs = total_macs(dnn)
    time_s = macs / (server.macs_per_cycle * server.clock_hz) / (1.0 - load)
    keys = f"{section}.clock_hz={server.clock_hz!r} Hz, macs_per_cycle={server.macs_per_cycle!r}, {macs:g} macs"
    keys += f", load_max={load:g}" if load else ""
    at_most(keys, "the network on the server", time_s, MOST_TASK_S, "s")
    energy_j = macs * server.energy_j_per_mac
    keys = f"{section}.energy_j_per_mac={server.energy_j_per_mac!r} J/MAC, {macs:g} macs"
    at_most(keys, "the network on the server", energy_j, MOST_TASK_J, "J")


def check_backhaul(dnn: DnnProfile, bits_per_element: float, bit_s: float) -> None:
    """Bound the time of the largest tensor on the backhaul."""
    bits = max(math.prod(shape) for shape in (dnn.input_shape, *(b.shape for b in dnn.blocks))) * bits_per_element
    at_most(
        f"cloud.backhaul_bit_s={bit_s!r} bit/s, {bits:g} bit (shape, bits_per_element)",
        "the largest tensor",
        bits / bit_s,
        MOST_TASK_S,
        "s",
    )


def total_macs(dnn: DnnProfile) -> float:
    """Multiply-adds of the network with all its exits."""
    return float(sum(b.macs for b in dnn.blocks) + sum(e.macs for e in dnn.exits))
