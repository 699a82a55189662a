"""What the scenarios of all worlds share: sections with sources, stochastic processes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from splitgym.cards import Card, Carded
from splitgym.checks import file_path
from splitgym.files import write_atomically
from splitgym.named_files import keep_files, mentioned_folder, renamed
from splitgym.names import check_name
from splitgym.profiles.dnn import DnnProfile, load_profile, profile_names
from splitgym.quoting import shown
from splitgym.reading import has_suffix
from splitgym.registry import Registry
from splitgym.strict import Strict, entry, from_mapping, sources
from splitgym.toml import dump_toml, leaves, merge
from splitgym.traces.arrivals import ARRIVALS, counted_by
from splitgym.traces.plugins import Model

S = TypeVar("S", bound="Scenario")


class Section(Strict):
    """A part of the scenario with the provenance of its constants."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Process(Section):
    """A stochastic model by name, with its parameters."""

    model: str = entry(doc="registered name")
    parameters: dict[str, float | str] = dataclasses.field(
        default_factory=dict, metadata={"doc": "parameters of the model; the rest keep their defaults"}
    )
    source: dict[str, str] = sources()
    REGISTRY: ClassVar[Registry[Model]]

    def __post_init__(self) -> None:
        # first, since a range says more than the type
        if isinstance(self.model, str) and isinstance(self.parameters, Mapping):
            for name, limits in self.REGISTRY[self.model].ranges.items():
                if type(value := self.parameters.get(name)) in (int, float):
                    limits.check(f"{self.SECTION}.parameters.{name}", value)
        super().__post_init__()
        path = f"{self.SECTION}.parameters"
        object.__setattr__(self, "parameters", self.REGISTRY[self.model].arguments(self.parameters, path))

    def decisive(self) -> dict[str, Any]:
        """As :meth:`Strict.decisive`; a recording counts by its instants, a plug-in with its code."""
        model = self.REGISTRY[self.model]
        return {**super().decisive(), **model.decisive(self.parameters)}

    @property
    def doubt(self) -> str:
        """Why a plug-in will not be known in another process; empty if it will."""
        model = self.REGISTRY[self.model]
        return "" if model.built_in else model.doubt or mentioned_folder(self.parameters.values(), plain=True)

    def check(self, size: float) -> None:
        """Check the limits of a built-in model's parameters by lowering it; a plug-in checks when it draws."""
        model = self.REGISTRY[self.model]
        if model.built_in:
            model.function(size, **self.parameters)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arrivals(Process):
    """Arrivals of tasks (:mod:`splitgym.traces.arrivals`)."""

    SECTION: ClassVar[str] = "arrivals"
    REGISTRY: ClassVar[Registry[Model]] = ARRIVALS

    def check_count(self, key: str, count: int) -> None:
        """As :meth:`check`, for so many tasks; messages name the scenario's ``key``."""
        with counted_by(key):
            self.check(count)


class Scenario(Strict, Carded):
    """Base of the worlds' scenarios; ``PROCESSES`` names the sections that choose a model."""

    PROCESSES: ClassVar[tuple[str, ...]] = ()

    def _card(self) -> Card:
        table = self.to_dict()
        line = f"{type(self).__name__} {shown(table.pop('name'))}: {table.pop('description')}"
        return Card(line, ("key", "value"), ((key, shown(value)) for key, value in leaves(table)))

    @property
    def plug_ins(self) -> list[Model]:
        """The models of ``PROCESSES`` that do not come with the package."""
        processes = [getattr(self, section) for section in self.PROCESSES]
        models = [process.REGISTRY[process.model] for process in processes]
        return [model for model in models if not model.built_in]

    @property
    def doubt(self) -> str:
        """Why the scenario will not be known in another process; empty if it will."""
        processes = [getattr(self, section) for section in self.PROCESSES]
        return next((process.doubt for process in processes if process.doubt), "")

    @property
    def caveat(self) -> str:
        """Warning to print beside every figure of this setting; empty if there is none."""
        return ""

    def to_toml(self) -> str:
        """TOML text that the world's ``load_scenario`` reads back to an equal scenario."""
        return dump_toml(self.to_dict())

    def save(self, path: str | Path) -> Path:
        """Write :meth:`to_toml` to ``path``, and the files that it names below ``files`` beside it.

        The folder may then be moved: names of files are relative to it.  Returns the path.  Raises ``ValueError`` for
        a path that does not end in ".toml", by which ``load_scenario`` knows files.
        """
        file, table = file_path("path", path), self.to_dict()
        if not has_suffix(file, ".toml"):
            raise ValueError(f"path must end in .toml, got {shown(str(path))}")
        keep_files(table, file.parent)
        write_atomically(file, from_mapping(type(self), renamed(table)).to_toml().encode(), inside=file.parent)
        return file

    def unused(self) -> dict[str, str]:
        """Dotted keys and sections that have no effect in this setting -> why."""
        return {}

    def replace(self: S, /, **changes: Any) -> S:
        """A copy with other values, checked again; dotted keys reach into sections.

        A section of ``PROCESSES`` that names another model keeps no parameter of the old one.
        """
        for section in self.PROCESSES:
            table = _table_of(section, changes)
            if table.get("model", getattr(self, section).model) != getattr(self, section).model:
                changes = {k: v for k, v in changes.items() if k.partition(".")[0] != section}
                changes[section] = from_mapping(type(getattr(self, section)), table, section)
        return super().replace(**changes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkScenario(Scenario):
    """Base of the scenarios in which a network is split; a profile may be given by name or path."""

    name: str = entry(label=True, check=check_name, doc="preset name")
    description: str = entry("", label=True, doc="what the setting is for")
    dnn: DnnProfile = entry(doc="profile, by name or as a table")

    def __post_init__(self) -> None:
        if isinstance(self.dnn, (str, Path)):
            object.__setattr__(self, "dnn", load_profile(self.dnn))
        super().__post_init__()

    def to_toml(self) -> str:
        """TOML text that the world's ``load_scenario`` reads back to an equal scenario."""
        table = self.to_dict()
        if self.dnn.name in profile_names() and load_profile(self.dnn.name) == self.dnn:
            table["dnn"] = self.dnn.name
        return dump_toml(table)


def _table_of(section: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes below ``section``, given as a table or by dotted paths, as one table; empty if it is given whole."""
    table: dict[str, Any] = {}
    for path, value in changes.items():
        head, *rest = path.split(".")
        for key in reversed(rest):
            value = {key: value}
        if head == section and isinstance(value, Mapping):
            table = merge(table, value)
    return table


def ascending(path: str, values: tuple[float, ...]) -> None:
    """Raise ``ValueError`` unless ``values`` is a non-empty list in strictly ascending order."""
    if not values or any(b <= a for a, b in itertools.pairwise(values)):
        raise ValueError(f"{path} must be a non-empty list in strictly ascending order, got {shown(list(values))}")
