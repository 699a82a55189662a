"""Instances of the placement problem as strict data: nodes, arcs, branchy networks, applications (FIN s1).

References of the form (s1.3) point to sections of the FIN specification.  SI units; the fields carry the names of the
JSON format ``fin-instance/1``, but for an arc's ends, which are called ``from`` and ``to`` there.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from splitgym.checks import file_path
from splitgym.named_files import named_file
from splitgym.names import check_label, check_name
from splitgym.placement.branchy import BranchyDnn
from splitgym.quoting import shown
from splitgym.ranges import (
    ARC_RATE,
    BIT_ENERGY,
    CAPACITY_BITS,
    CAPACITY_OPS,
    DELAY,
    FREQUENCY,
    MACHINE_POWER,
    MEMORY,
    MOST_TASK_S,
    SCORE,
    SEED,
    SPEED,
    TARGET,
    Range,
    at_most,
)
from splitgym.reading import has_suffix, json_of, naming, toml_of
from splitgym.registry import nearest
from splitgym.strict import Strict, entry, from_mapping, number, unknown_key
from splitgym.toml import dump_toml

FORMAT = "fin-instance/1"
LATENCY_MODES = ("worst", "expected")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node(Strict):
    """A machine: F_n, P_n, C_n, M_n of section 1."""

    SECTION: ClassVar[str] = "nodes"
    id: str = entry(check=check_label, doc="name")
    tier: int = number(Range("1", 0, 1000), doc="0 mobile, 1 edge, 2 cloud")
    speed_ops_s: float = number(SPEED, doc="effective speed seen by one inference")
    power_w: float = number(MACHINE_POWER, doc="power while busy")
    capacity_ops_s: float = number(CAPACITY_OPS, doc="long-run compute available to the applications")
    memory_bits: float = number(MEMORY, doc="memory for the blocks placed here")

    @property
    def energy_j_op(self) -> float:
        """e_n = P_n / F_n [J/op]."""
        return self.power_w / self.speed_ops_s


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arc(Strict):
    """A directed link: R_uv, d_uv, eps_uv, B_uv of section 1."""

    SECTION: ClassVar[str] = "arcs"
    from_node: str = entry(doc="id of the sender ('from' in files)")
    to_node: str = entry(doc="id of the receiver ('to' in files)")
    rate_bit_s: float = number(ARC_RATE)
    prop_s: float = number(DELAY, default=0.0, doc="propagation delay")
    tx_j_bit: float = number(BIT_ENERGY, doc="energy at the sender")
    rx_j_bit: float = number(BIT_ENERGY, doc="energy at the receiver")
    capacity_bit_s: float = number(CAPACITY_BITS, doc="long-run capacity")

    @property
    def energy_j_bit(self) -> float:
        """eps_uv [J/bit]."""
        return self.tx_j_bit + self.rx_j_bit


@dataclasses.dataclass(frozen=True, kw_only=True)
class App(Strict):
    """An application: n0, rho, delta, alpha, p of section 1."""

    SECTION: ClassVar[str] = "apps"
    id: str = entry(check=check_label, doc="name")
    dnn: str = entry(doc="key of its network")
    source: str = entry(doc="id of the node at which the input arises")
    rate_hz: float = number(FREQUENCY)
    latency_s: float = number(TARGET, doc="latency target")
    accuracy: float = number(SCORE, doc="accuracy target")
    pinned_first_blocks: int = number(Range("block", 0, 10_000), default=0, doc="blocks that must stay at the source")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instance(Strict):
    """One placement problem; read it with :func:`load_instance`."""

    name: str = entry("", label=True, check=check_name, doc="name")
    note: str = entry("", label=True, doc="remark")
    seed: int | None = number(SEED, default=None, doc="of the generator that made it, if any")
    latency_mode: str = entry("worst", doc="'worst': the deepest sample; 'expected': every term by its reach (s1.3)")
    nodes: tuple[Node, ...] = entry()
    arcs: tuple[Arc, ...] = entry(())
    dnns: dict[str, BranchyDnn] = entry()
    apps: tuple[App, ...] = entry()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.latency_mode not in LATENCY_MODES:
            raise ValueError(f"latency_mode must be 'worst' or 'expected', got {shown(self.latency_mode)}")
        if not self.nodes or not self.apps:
            raise ValueError("nodes and apps must not be empty")
        self._check_nodes_and_arcs()
        self._check_apps()
        for name, dnn in self.dnns.items():
            self._check_time(name, dnn)

    def _check_nodes_and_arcs(self) -> None:
        ids = {node.id: i for i, node in enumerate(self.nodes)}
        if len(ids) != len(self.nodes):
            twice = next(i for i, node in enumerate(self.nodes) if ids[node.id] != i)
            raise ValueError(f"nodes[{ids[self.nodes[twice].id]}].id: {shown(self.nodes[twice].id)} is taken")
        seen = set()
        for i, arc in enumerate(self.arcs):
            for end, name in (("from", arc.from_node), ("to", arc.to_node)):
                if name not in ids:
                    raise ValueError(f"arcs[{i}].{end}: unknown node {shown(name)}{nearest(name, ids)}")
            if arc.from_node == arc.to_node:
                raise ValueError(f"arcs[{i}] leads from {shown(arc.from_node)} to itself")
            if (arc.from_node, arc.to_node) in seen:
                raise ValueError(f"arcs[{i}] from {shown(arc.from_node)} to {shown(arc.to_node)} is there already")
            seen.add((arc.from_node, arc.to_node))

    def _check_apps(self) -> None:
        ids, names = [node.id for node in self.nodes], [app.id for app in self.apps]
        for i, app in enumerate(self.apps):
            if names.index(app.id) < i:
                raise ValueError(f"apps[{i}].id: {shown(app.id)} is taken")
            if app.dnn not in self.dnns:
                raise ValueError(f"apps[{i}].dnn: unknown network {shown(app.dnn)}{nearest(app.dnn, self.dnns)}")
            if app.source not in ids:
                raise ValueError(f"apps[{i}].source: unknown node {shown(app.source)}{nearest(app.source, ids)}")
            if app.pinned_first_blocks > len(self.dnns[app.dnn].blocks):
                raise ValueError(
                    f"apps[{i}].pinned_first_blocks must be <= {len(self.dnns[app.dnn].blocks)} blocks, "
                    f"got {app.pinned_first_blocks}"
                )

    def _check_time(self, name: str, dnn: BranchyDnn) -> None:
        """Bound the latency of any placement, so that a target beyond it is none."""
        ops = sum(block.ops for block in dnn.blocks) + sum(leave.branch_ops for leave in dnn.exits)
        slow = min(node.speed_ops_s for node in self.nodes)
        at_most(f"dnns.{name}: ops on a node of speed_ops_s={slow!r}", "a placement", ops / slow, MOST_TASK_S, "s")
        for i, arc in enumerate(self.arcs):
            sent_s = sum(dnn.sizes()) / arc.rate_bit_s + len(dnn.blocks) * arc.prop_s
            keys = f"arcs[{i}]: rate_bit_s={arc.rate_bit_s!r} and prop_s={arc.prop_s!r} with out_bits of dnns.{name}"
            at_most(keys, "a placement", sent_s, MOST_TASK_S, "s")

    def index(self, node_id: str) -> int:
        """Place of a node in ``nodes``.  Raises ``ValueError`` for an unknown id, naming the nearest."""
        ids = [node.id for node in self.nodes]
        if node_id not in ids:
            raise ValueError(f"unknown node {shown(node_id)}{nearest(node_id, ids)}")
        return ids.index(node_id)

    def to_dict(self) -> dict[str, Any]:
        """The content of an instance's file."""
        table = {"format": FORMAT, **super().to_dict()}
        table["arcs"] = [{_FILE_NAMES.get(k, k): v for k, v in arc.items()} for arc in table["arcs"]]
        return table

    def to_json(self) -> str:
        """JSON text that :func:`load_instance` reads back to an equal instance."""
        return json.dumps(self.to_dict(), indent=1) + "\n"

    def to_toml(self) -> str:
        """TOML text that :func:`load_instance` reads back to an equal instance."""
        return dump_toml(self.to_dict())


_FILE_NAMES = {"from_node": "from", "to_node": "to"}
_FIELD_NAMES = {name: field for field, name in _FILE_NAMES.items()}


def check_instance(value: Any) -> None:
    """Raise ``ValueError`` unless ``value`` is an :class:`Instance`."""
    if not isinstance(value, Instance):
        raise ValueError(f"instance must be an Instance, see load_instance, got {shown(value)}")


def load_instance(source: str | Path | Mapping[str, Any] | Instance) -> Instance:
    """An instance from a JSON or TOML file, from a table of the same content, or itself.

    A file of cases (``{"instance": {...}, ...}``) is read as its instance.  Raises ``ValueError`` naming the path of
    the fault: a missing file, text that is not JSON or TOML, unknown or missing keys, values outside their limits.
    """
    if isinstance(source, Instance):
        return source
    if isinstance(source, Mapping):
        return _from_table(source)
    file = named_file(str(file_path("instance", source)), "no such instance file")
    with naming(file):
        return _from_table((toml_of if has_suffix(file, ".toml") else json_of)(file.content, file))


def _from_table(source: Mapping[str, Any]) -> Instance:
    table = source.get("instance", source)
    if not isinstance(table, Mapping):
        raise ValueError(f"instance must be a table, got {shown(table)}")
    table = dict(table)
    mark = table.pop("format", FORMAT)
    if mark != FORMAT:
        raise ValueError(f"format {shown(mark)} is not {FORMAT!r}")
    if isinstance(table.get("arcs"), list):
        table["arcs"] = [_arc_fields(arc, f"arcs[{i}]") for i, arc in enumerate(table["arcs"])]
    return from_mapping(Instance, table)


def _arc_fields(arc: Any, path: str) -> Any:
    """An arc of a file with the names of the dataclass; the file's own names stand in messages."""
    if not isinstance(arc, Mapping):
        return arc
    known = [_FILE_NAMES.get(field.name, field.name) for field in dataclasses.fields(Arc)]
    for name in arc:
        if name not in known:
            raise unknown_key(f"{path}.{name}", name, known)
    for name in _FIELD_NAMES:
        if name not in arc:
            raise ValueError(f"missing key '{path}.{name}'")
    return {_FIELD_NAMES.get(k, k): v for k, v in arc.items()}
