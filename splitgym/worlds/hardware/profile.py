"""Hardware profiles: latency and power of one network on an edge device, a link and a server, as fitted coefficients.

The measured system is that of May et al., "DynaSplit", arXiv 2410.23881: a Raspberry Pi with an Edge TPU and a server
with a GPU.  Formulas: DynaSplit specification section 8, compiled in :mod:`splitgym.worlds.hardware.kernel`.  "Edge"
is the edge *device* here, as in the paper.  Every table over split layers has L + 1 entries, 0: the input is sent,
L: everything runs on the edge device.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

from splitgym.catalogue import Catalogue
from splitgym.checks import file_path
from splitgym.files import write_atomically
from splitgym.names import check_label, check_name
from splitgym.quoting import shown
from splitgym.ranges import (
    BITS,
    CLOCK,
    CYCLE_ENERGY,
    CYCLES,
    DEADLINE,
    LOG_SPREAD,
    MACHINE_POWER,
    MOST_TASK_S,
    POSITIVE_STAGE,
    SCORE,
    SHARE,
    STAGE,
    Range,
    at_most,
)
from splitgym.reading import has_suffix
from splitgym.strict import entry, number, sources
from splitgym.toml import dump_toml
from splitgym.worlds.settings import Section, ascending

MODES = ("off", "std", "max")  # of the edge accelerator


@dataclasses.dataclass(frozen=True, kw_only=True)
class Edge(Section):
    """Computing time of the edge device."""

    SECTION: ClassVar[str] = "hardware.edge"
    clocks_hz: tuple[float, ...] = number(CLOCK, most=16, doc="selectable CPU clocks, ascending")
    pipeline_s: float = number(STAGE, doc="constant part of every request")
    pipeline_cycles: float = number(CYCLES, doc="CPU cycles of every request")
    cpu_s: tuple[float, ...] = number(STAGE, most=128, doc="constant part of the head on the CPU, by split layer")
    cpu_cycles: tuple[float, ...] = number(CYCLES, most=128, doc="CPU cycles of the head on the CPU, by split layer")
    accelerator_cycles: float = number(CYCLES, default=0.0, doc="CPU cycles of a head on the accelerator")
    accelerator_cycles_per_bit: float = number(
        Range("cycle/bit", 0.0, 1e6), default=0.0, doc="CPU cycles to fetch its tensor"
    )
    accelerator_std_s: tuple[float, ...] = number(STAGE, most=128, default=(), doc="head on the accelerator, mode std")
    accelerator_max_s: tuple[float, ...] = number(STAGE, most=128, default=(), doc="head on the accelerator, mode max")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Link(Section):
    """Transfer of the tensor."""

    SECTION: ClassVar[str] = "hardware.link"
    fixed_s: float = number(STAGE)
    s_per_bit: float = number(Range("s/bit", 0.0, 1.0, (1e-17, 1e-3), "the time of a bit: 100 Mbit/s are 1e-8"))
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Server(Section):
    """Time of the tail on the server, by split layer."""

    SECTION: ClassVar[str] = "hardware.cloud"
    cpu_s: tuple[float, ...] = number(STAGE, most=128)
    gpu_s: tuple[float, ...] = number(STAGE, most=128)
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Power(Section):
    """Power of the edge device (computing by clock, waiting) and of the whole server while it computes."""

    SECTION: ClassVar[str] = "hardware.power"
    head_off_w: tuple[float, ...] = number(
        MACHINE_POWER, most=16, doc="edge device computing, accelerator off, by clock"
    )
    head_std_w: tuple[float, ...] = number(MACHINE_POWER, most=16, default=(), doc="the same in mode std")
    head_max_w: tuple[float, ...] = number(MACHINE_POWER, most=16, default=(), doc="the same in mode max")
    wait_off_w: float = number(MACHINE_POWER, doc="edge device waiting, accelerator off, constant part")
    wait_std_w: float = number(MACHINE_POWER, default=0.0)
    wait_max_w: float = number(MACHINE_POWER, default=0.0)
    wait_off_j_per_cycle: float = number(CYCLE_ENERGY, doc="edge device waiting, part that grows with the clock")
    wait_std_j_per_cycle: float = number(CYCLE_ENERGY, default=0.0)
    wait_max_j_per_cycle: float = number(CYCLE_ENERGY, default=0.0)
    node_cpu_w: float = number(MACHINE_POWER, doc="server, tail on its CPU, idle power included")
    node_cpu_load_w: float = number(MACHINE_POWER, doc="what a busy CPU adds")
    node_gpu_w: float = number(MACHINE_POWER, doc="server, tail on its GPU, idle power included")
    node_gpu_load_w: float = number(MACHINE_POWER, doc="what a busy GPU adds")
    node_idle_s: float = number(STAGE, doc="part of the tail's time in which the server is not busy")
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accuracy(Section):
    """Top-1 accuracy by accelerator mode and split layer; heads on the device are quantised."""

    SECTION: ClassVar[str] = "hardware.accuracy"
    off: tuple[float, ...] = number(SCORE, most=128)
    std: tuple[float, ...] = number(SCORE, most=128, default=())
    max: tuple[float, ...] = number(SCORE, most=128, default=())
    source: dict[str, str] = sources()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noise(Section):
    """Spread of measured runs around the nominal model (DynaSplit specification section 7)."""

    SECTION: ClassVar[str] = "hardware.noise"
    stall_share: float = number(SHARE, doc="runs whose edge time is rounded up to the lattice")
    stall_lattice_s: tuple[float, ...] = number(POSITIVE_STAGE, most=16, doc="lattice of stalled edge times, ascending")
    stall_step_s: float = number(POSITIVE_STAGE, doc="spacing of the lattice beyond its last entry")
    link_log_std: float = number(LOG_SPREAD, doc="standard deviation of the transfer time's logarithm")
    link_tail_share: float = number(SHARE, doc="transfers that meet an extra delay")
    link_tail_large_share: float = number(SHARE, doc="the same for large tensors")
    link_large_bits: float = number(BITS, doc="tensors beyond this are large")
    link_tail_s: float = number(STAGE, doc="median extra delay")
    link_tail_log_std: float = number(Range("1", 0.0, 5.0), doc="spread of its logarithm")
    link_tail_max_s: float = number(STAGE, doc="longest extra delay")
    cloud_log_std: float = number(LOG_SPREAD, doc="standard deviation of the tail time's logarithm")
    node_std: float = number(Range("1", 0.0, 0.1), doc="relative spread of the server's power")
    node_high_share: float = number(SHARE, doc="runs in a higher power state of the server")
    node_high_factor: float = number(Range("1", 1.0, 2.0), doc="its power over the nominal one")
    edge_std_w: float = number(Range("W", 0.0, 0.2), doc="spread of the edge device's power")
    edge_low_share: float = number(SHARE, doc="runs in a lower power state of the edge device")
    edge_low_w: float = number(Range("W", 0.0, 0.5), doc="how much lower")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending("hardware.noise.stall_lattice_s", self.stall_lattice_s)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardwareProfile(Section):
    """One network on the calibrated hardware.

    ``status`` is "fitted" (to measurements) or "extrapolated" (never to be used for a claim).
    """

    SECTION: ClassVar[str] = "hardware"
    name: str = entry(label=True, check=check_name, doc="profile name")
    description: str = entry("", label=True, doc="network and machines")
    status: str = entry(doc="'fitted' or 'extrapolated'")
    validity: str = entry("", doc="how well the model describes measurements")
    objectives: tuple[str, ...] = entry(doc="of the offline search: 'latency', 'accuracy', 'energy'")
    threshold_min_s: float = number(DEADLINE, doc="shortest latency threshold of a workload")
    threshold_max_s: float = number(DEADLINE, doc="longest latency threshold of a workload")
    split_points: tuple[str, ...] = entry(check=check_label, doc="names of split layer 0..L")
    cut_bits: tuple[float, ...] = number(BITS, most=128, doc="tensor on the wire by split layer; 0 at L")
    edge: Edge = entry()
    link: Link = entry()
    cloud: Server = entry()
    power: Power = entry()
    accuracy: Accuracy | None = entry(None, doc="absent where it was not measured")
    noise: Noise = entry()
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.status not in ("fitted", "extrapolated"):
            raise ValueError(f"hardware.status must be 'fitted' or 'extrapolated', got {self.status!r}")
        known = ("latency", "accuracy", "energy")
        if not self.objectives or [o for o in known if o in self.objectives] != list(self.objectives):
            raise ValueError(
                f"hardware.objectives must be some of {list(known)}, in order, got {list(self.objectives)}"
            )
        if "accuracy" in self.objectives and self.accuracy is None:
            raise ValueError("hardware.objectives holds 'accuracy', but the profile has no hardware.accuracy")
        if not self.threshold_min_s < self.threshold_max_s:
            raise ValueError(
                f"hardware.threshold_max_s must be > threshold_min_s={self.threshold_min_s!r} s, "
                f"got {self.threshold_max_s!r}"
            )
        ascending("hardware.edge.clocks_hz", self.edge.clocks_hz)
        self._check_lengths()
        self._check_times()
        if self.cut_bits[-1] != 0.0:
            raise ValueError(f"hardware.cut_bits must end with 0 (nothing is sent), got {self.cut_bits[-1]!r} bit")

    def save(self, path: str | Path) -> Path:
        """Write the TOML file that :func:`load_hardware` reads back to an equal profile; returns its path.

        Raises ``ValueError`` for a path that does not end in ".toml", by which profiles are known.
        """
        file = file_path("path", path)
        if not has_suffix(file, ".toml"):
            raise ValueError(f"path must end in .toml, got {shown(str(path))}")
        write_atomically(file, dump_toml(self.to_dict()).encode())
        return file

    @property
    def clocks_hz(self) -> tuple[float, ...]:
        """The selectable CPU clocks, ascending."""
        return self.edge.clocks_hz

    @property
    def accelerated(self) -> bool:
        """Whether heads can run on the edge accelerator."""
        return bool(self.edge.accelerator_std_s)

    def _check_times(self) -> None:
        """Bound what cycles take on the slowest clock, and bits on the link."""
        slow, bits = self.edge.clocks_hz[0], max(self.cut_bits)
        cycles = {
            "pipeline_cycles": self.edge.pipeline_cycles,
            "cpu_cycles": max(self.edge.cpu_cycles),
            "accelerator_cycles": self.edge.accelerator_cycles,
            "accelerator_cycles_per_bit": self.edge.accelerator_cycles_per_bit * bits,
        }
        for name, value in cycles.items():
            at_most(f"hardware.edge.{name} on clocks_hz={slow!r} Hz", "a stage", value / slow, MOST_TASK_S, "s")
        keys = f"hardware.link.s_per_bit={self.link.s_per_bit!r} and cut_bits={bits:g}"
        at_most(keys, "a transfer", self.link.s_per_bit * bits, MOST_TASK_S, "s")

    def _check_lengths(self) -> None:
        """Every table has an entry for each split layer, or for each clock; the accelerator's are all or none."""
        splits, clocks = len(self.split_points), len(self.edge.clocks_hz)
        if splits < 2:
            raise ValueError(f"hardware.split_points must name at least 2 split layers, got {splits}")
        lengths = {
            "cut_bits": (self.cut_bits, splits),
            "edge.cpu_s": (self.edge.cpu_s, splits),
            "edge.cpu_cycles": (self.edge.cpu_cycles, splits),
            "cloud.cpu_s": (self.cloud.cpu_s, splits),
            "cloud.gpu_s": (self.cloud.gpu_s, splits),
            "power.head_off_w": (self.power.head_off_w, clocks),
            "edge.accelerator_std_s": (self.edge.accelerator_std_s, splits * self.accelerated),
            "edge.accelerator_max_s": (self.edge.accelerator_max_s, splits * self.accelerated),
            "power.head_std_w": (self.power.head_std_w, clocks * self.accelerated),
            "power.head_max_w": (self.power.head_max_w, clocks * self.accelerated),
        }
        if self.accuracy is not None:
            lengths["accuracy.off"] = (self.accuracy.off, splits)
            lengths["accuracy.std"] = (self.accuracy.std, splits * self.accelerated)
            lengths["accuracy.max"] = (self.accuracy.max, splits * self.accelerated)
        for path, (values, wanted) in lengths.items():
            if len(values) != wanted:
                each = "edge.clocks_hz" if path.startswith("power.") else "split_points"
                why = f", one for each of hardware.{each}" if wanted else ""
                raise ValueError(f"hardware.{path} must have {wanted} entries{why}, got {len(values)}")


_CATALOGUE = Catalogue("hardware profile", "hardware")


def hardware_names() -> list[str]:
    """Names of the hardware profiles that ship with the package."""
    return _CATALOGUE.names()


def load_hardware(name: str | Path) -> HardwareProfile:
    """A shipped hardware profile by name, or any by path of its TOML file.

    Raises ``ValueError`` for an unknown name (naming the nearest) or a faulty file (naming the path of the fault).
    """
    return _CATALOGUE.load(HardwareProfile, name, "hardware")
