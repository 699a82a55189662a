"""Hardware as a table of measured runs: what a scenario says of it, in the place of a hardware profile."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from splitgym.named_files import NamedFile
from splitgym.names import check_label, check_name
from splitgym.quoting import cut, shown, where
from splitgym.ranges import BITS, DEADLINE, MACHINE_POWER, STAGE, no_warnings
from splitgym.reading import has_suffix
from splitgym.strict import entry, file, from_mapping, number, sources
from splitgym.toml import merge
from splitgym.worlds.hardware.measured.columns import check_options
from splitgym.worlds.hardware.measured.runs import Reading, Runs
from splitgym.worlds.hardware.profile import (
    Edge,
    HardwareProfile,
    Link,
    Noise,
    Power,
    Server,
    load_hardware,
)
from splitgym.worlds.settings import Section

KINDS = ("table", "fitted")
#: What fits a profile; it plays the fit in a scenario, so this module cannot import it.
_FITTING = "splitgym.worlds.hardware.fitting"
#: Keys that only one kind has.
_OWN = {"wait_w": "table", "cut_bits": "fitted", "node_idle_s": "fitted"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasuredHardware(Section):
    """Measured runs of one network on one system.

    With ``kind = "table"`` the world plays what was measured: the mean of a configuration's runs, or one of them drawn
    for each request where the scenario has noise.  Configurations without a run are masked; whoever chooses one gets
    the measured one that is nearest, in this order: split layer, GPU, accelerator, clock.

    With ``kind = "fitted"`` a hardware profile is fitted to the runs and takes the place of this section.
    """

    SECTION: ClassVar[str] = "hardware"
    file: str = file(doc="text table of the runs, a line each; a path")
    kind: str = entry("table", doc="'table': play what was measured; 'fitted': play a profile fitted to it")
    columns: dict[str, str] = dataclasses.field(
        default_factory=dict, metadata={"doc": "quantity -> title of its column, where it is called otherwise"}
    )
    units: dict[str, str] = dataclasses.field(
        default_factory=dict, metadata={"doc": "quantity -> unit of its column, where its title does not say it"}
    )
    name: str = entry("", label=True, check=check_name, doc="name; by default that of the file")
    description: str = entry("", label=True, doc="network and machines")
    splits: tuple[str, ...] = entry((), check=check_label, doc="names of split layer 0..L; by default their numbers")
    objectives: tuple[str, ...] = entry((), doc="of the offline search; by default all that was measured")
    thresholds_s: tuple[float, ...] = number(
        DEADLINE, default=(), most=2, doc="shortest and longest threshold; by default fastest and slowest configuration"
    )
    wait_w: float = number(MACHINE_POWER, default=0.0, doc="edge device while clock or accelerator change (table)")
    cut_bits: tuple[float, ...] = number(BITS, most=128, default=(), doc="tensor by split layer (fitted)")
    node_idle_s: float | None = number(STAGE, default=None, doc="part of a tail in which the server is idle (fitted)")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in KINDS:
            raise ValueError(f"hardware.kind must be {' or '.join(map(repr, KINDS))}, got {shown(self.kind)}")
        for key, kind in _OWN.items():
            if getattr(self, key) not in (0.0, (), None) and kind != self.kind:
                raise ValueError(f"hardware.{key} is for kind = {kind!r} only; leave it out")
        if not isinstance(self.file, NamedFile):
            raise ValueError("hardware.file must name the table of measured runs, got ''")
        check_options(self.columns, self.units)
        if not self.name:
            object.__setattr__(self, "name", _name_of(self.file))
        self._check_objectives()
        if self.kind == "table" and not (self.runs.split == 0).any():
            raise ValueError(
                f"{where(self.file)}: it has no run at split layer 0, all on the server, to which rewards compare "
                "energies; measure one, or take kind = 'fitted'"
            )
        if self.thresholds_s and not (len(self.thresholds_s) == 2 and self.thresholds_s[0] < self.thresholds_s[1]):
            raise ValueError(f"hardware.thresholds_s must be two, ascending, got {shown(list(self.thresholds_s))}")

    def _check_objectives(self) -> None:
        measured = not np.isnan(self.runs.accuracy).any()
        known = ("latency", "accuracy", "energy") if measured else ("latency", "energy")
        if not self.objectives:
            object.__setattr__(self, "objectives", known)
        if [o for o in known if o in self.objectives] != list(self.objectives):
            lacking = "" if measured else "; the table has no column accuracy"
            raise ValueError(
                f"hardware.objectives must be some of {list(known)}, in order, got {list(self.objectives)}{lacking}"
            )

    @property
    def runs(self) -> Runs:
        """What the file tells of every run."""
        reading = Reading(tuple(self.columns.items()), tuple(self.units.items()), self.splits)
        return cast(NamedFile, self.file).parsed(reading)

    @property
    def status(self) -> str:
        """What its figures rest on."""
        return "measured"

    @functools.cached_property
    def validity(self) -> str:
        """How much was measured."""
        return f"{len(self.runs)} measured runs of {len(np.unique(self.runs.configurations, axis=0))} configurations"

    @functools.cached_property
    def clocks_hz(self) -> tuple[float, ...]:
        """The clocks that were measured, ascending."""
        return tuple(np.unique(self.runs.clock_hz).tolist())

    @property
    def split_points(self) -> tuple[str, ...]:
        """Names of split layer 0..L."""
        return self.splits or tuple(map(str, range(self.runs.last_split + 1)))

    @property
    def accelerated(self) -> bool:
        """Whether a run used the edge accelerator."""
        return bool((self.runs.accelerator > 0).any())

    @functools.cached_property
    def silent(self) -> HardwareProfile:
        """A profile with these clocks, split layers and thresholds, whose every time, power and spread is 0.

        It fills the places of the kernel's record that a table does not need.
        """
        low_s, high_s = self.thresholds_s or _span_s(self.runs)
        splits = (0.0,) * len(self.split_points)
        clocks, used = (0.0,) * len(self.clocks_hz), int(self.accelerated)
        with no_warnings():
            return HardwareProfile(
                name=self.name,
                status="fitted",
                objectives=("latency",),
                threshold_min_s=low_s,
                threshold_max_s=high_s,
                split_points=self.split_points,
                cut_bits=splits,
                edge=Edge(
                    clocks_hz=self.clocks_hz, pipeline_s=0.0, pipeline_cycles=0.0, cpu_s=splits, cpu_cycles=splits,
                    accelerator_std_s=splits * used, accelerator_max_s=splits * used,
                ),
                link=Link(fixed_s=0.0, s_per_bit=0.0),
                cloud=Server(cpu_s=splits, gpu_s=splits),
                power=Power(
                    head_off_w=clocks, head_std_w=clocks * used, head_max_w=clocks * used,
                    wait_off_w=self.wait_w, wait_std_w=self.wait_w, wait_max_w=self.wait_w, wait_off_j_per_cycle=0.0,
                    node_cpu_w=0.0, node_cpu_load_w=0.0, node_gpu_w=0.0, node_gpu_load_w=0.0, node_idle_s=0.0,
                ),
                noise=NO_NOISE,
            )  # fmt: skip

    @property
    def threshold_min_s(self) -> float:
        """Shortest latency threshold of a workload [s]."""
        return self.silent.threshold_min_s

    @property
    def threshold_max_s(self) -> float:
        """Longest latency threshold of a workload [s]."""
        return self.silent.threshold_max_s


#: No spread at all.
NO_NOISE = Noise(
    stall_share=0.0, stall_lattice_s=(1.0,), stall_step_s=1.0, link_log_std=0.0, link_tail_share=0.0,
    link_tail_large_share=0.0, link_large_bits=0.0, link_tail_s=0.0, link_tail_log_std=0.0, link_tail_max_s=0.0,
    cloud_log_std=0.0, node_std=0.0, node_high_share=0.0, node_high_factor=1.0, edge_std_w=0.0, edge_low_share=0.0,
    edge_low_w=0.0,
)  # fmt: skip


def is_table(value: Any) -> bool:
    """Whether a hardware's name is the path of a text table."""
    return isinstance(value, (str, Path)) and any(has_suffix(value, ending) for ending in (".csv", ".tsv"))


def table_among(changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What dotted changes of a scenario say of a table of runs, as one table, and the other changes.

    The first is empty where ``hardware`` names none.
    """
    given = changes.get("hardware")
    given = {"file": str(given)} if is_table(given) else given
    if not (isinstance(given, Mapping) and "file" in given):
        return {}, dict(changes)
    table: dict[str, Any] = dict(given)
    for path, value in changes.items():
        head, *rest = path.split(".")
        if head == "hardware" and rest:
            for key in reversed(rest):
                value = {key: value}
            table = merge(table, value)
    return table, {path: value for path, value in changes.items() if path.split(".")[0] != "hardware"}


def run_values(table: MeasuredHardware, weight: float) -> np.ndarray:
    """(n, 3) latency [s], energy [J] and accuracy of every run of a table.

    ``weight``: of the server's energy in the energy that is charged.
    """
    runs = table.runs
    return np.stack([runs.latency_s, runs.edge_j + weight * runs.cloud_j, runs.accuracy], axis=1)


def hardware_of(value: Any) -> Any:
    """What a scenario's ``hardware`` stands for.

    The name of a profile, the path of its TOML file or of a table of runs, or a section; all else is left as it is.
    A table of kind "fitted" is fitted here, and the profile takes its place.
    """
    if is_table(value):
        value = {"file": str(value)}
    elif isinstance(value, (str, Path)):
        return load_hardware(value)
    if isinstance(value, Mapping) and "file" in value:
        value = from_mapping(MeasuredHardware, value, "hardware")
    if isinstance(value, MeasuredHardware) and value.kind == "fitted":
        return importlib.import_module(_FITTING).fit_hardware(value, splits=0).profile
    return value


def _name_of(path: str) -> str:
    """A name out of that of a file."""
    stem = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in Path(path).stem).strip("-")
    return cut(stem, 60) if stem else "measured"


def _span_s(runs: Runs) -> tuple[float, float]:
    """Mean latency of the fastest and of the slowest configuration [s]."""
    _, place = np.unique(runs.configurations, axis=0, return_inverse=True)
    place = place.reshape(-1)
    means_s = np.bincount(place, runs.latency_s) / np.bincount(place)
    low_s, high_s = float(means_s.min()), float(means_s.max())
    return low_s, high_s if high_s > low_s else 1.01 * low_s
