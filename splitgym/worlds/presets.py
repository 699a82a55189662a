"""The presets of one world: scenarios by name, from files and tables, with what they inherit and what has no effect."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from splitgym.catalogue import Catalogue
from splitgym.named_files import beside
from splitgym.quoting import listed, shown
from splitgym.ranges import no_warnings, told
from splitgym.reading import has_suffix, naming
from splitgym.registry import nearest
from splitgym.strict import Strict, from_mapping
from splitgym.toml import merge
from splitgym.worlds.settings import Scenario, Section

S = TypeVar("S", bound="Scenario")


class UnusedKeyWarning(UserWarning):
    """Somebody has set a key that has no effect in the scenario."""


class Presets(Generic[S]):
    """The presets of one world, and everything else that a scenario can be made of.

    Args:
        world: name of the world, and of its folder below ``splitgym/data/scenarios``.
        cls: its scenario class.
    """

    def __init__(self, world: str, cls: type[S]) -> None:
        self.world, self.cls = world, cls
        self._catalogue = Catalogue("scenario", f"scenarios/{world}")

    def names(self) -> list[str]:
        """Names of the presets that ship with the package."""
        return self._catalogue.names()

    def load(self, scenario: Any, /, **changes: Any) -> S:
        """A scenario from a preset's name, a TOML path, a table or itself; ``changes`` are dotted paths.

        Raises ``ValueError`` for unknown names and keys, wrong types, and values outside their limits.  Warns with
        :class:`UnusedKeyWarning` of keys that have no effect: those of ``changes``, of a table beside its ``base``, and
        of a whole table where they are neither defaults nor a preset's.
        """
        own: Mapping[str, Any] = {}
        if isinstance(scenario, self.cls):
            result = scenario
        elif isinstance(scenario, Mapping):
            result, own = from_mapping(self.cls, self._with_base(scenario)), scenario
        elif isinstance(scenario, Scenario):
            raise ValueError(f"scenario {getattr(scenario, 'name', '')!r} belongs to another world than {self.world!r}")
        else:
            with beside(self._catalogue.folder_of(scenario)):
                result, own = self._named(scenario)
        made = result.replace(**changes) if changes else result
        if own and made.unused() and told():
            _warn_of_unused(made, own, [self._table(own["base"])] if "base" in own else self._usual(made))
        _warn_of_unused(made, changes, [result.to_dict()])
        return made

    def _usual(self, scenario: S) -> list[Mapping[str, Any]]:
        """What a whole table may hold without being told: the defaults, presets' values, and its own profiles."""
        parts = {field.name: getattr(scenario, field.name) for field in dataclasses.fields(cast(Any, scenario))}
        profiles = {k: v.to_dict() for k, v in parts.items() if isinstance(v, Strict) and not isinstance(v, Section)}
        return [profiles, _defaults(scenario), *self._preset_tables]

    @functools.cached_property
    def _preset_tables(self) -> list[dict[str, Any]]:
        with no_warnings():
            return [from_mapping(self.cls, self._table(name)).to_dict() for name in self.names()]

    def _named(self, scenario: str | Path) -> tuple[S, Mapping[str, Any]]:
        """A scenario by name or path, and what its own file says."""
        table = self._catalogue.table(scenario)
        if not has_suffix(scenario, ".toml"):
            return from_mapping(self.cls, self._with_base(table)), {}
        with naming(scenario):
            return from_mapping(self.cls, self._with_base(table)), table

    def _table(self, name: str | Path) -> dict[str, Any]:
        return self._with_base(self._catalogue.table(name))

    def _with_base(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve ``base = "preset"``: the table's keys replace the preset's, section by section."""
        table = dict(table)
        base = table.pop("base", None)
        if base is None:
            return table
        if str(base) not in self.names():  # no paths: a file could inherit from itself
            known = self.names()
            raise ValueError(
                f"base must name a preset, got {shown(base)}{nearest(base, known)} (known: {listed(known)})"
            )
        below = self._table(str(base))
        for section in self.cls.PROCESSES:  # another model does not inherit the parameters of the old one
            given = table.get(section)
            if isinstance(given, Mapping) and given.get("model", below[section]["model"]) != below[section]["model"]:
                below.pop(section)
        return merge(below, table)


def _defaults(thing: Any) -> dict[str, Any]:
    """The values that keys have where they are left out, section by section."""
    table: dict[str, Any] = {}
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, Strict):
            table[field.name] = _defaults(value)
        elif field.default is not dataclasses.MISSING:
            table[field.name] = field.default
    return table


def _warn_of_unused(scenario: Scenario, given: Mapping[str, Any], before: Iterable[Mapping[str, Any]]) -> None:
    """Say which of the given keys, dotted or in tables, have no effect although they are in none of ``before``."""
    unused, old = scenario.unused(), [dict(_leaves(table)) for table in before]
    for key, value in _leaves(given) if unused else ():
        why = next((why for path, why in unused.items() if f"{key}.".startswith(f"{path}.")), "")
        if why and ".source" not in key and all(key not in table or table[key] != value for table in old):
            warnings.warn(f"{key} has no effect here: {why}", UnusedKeyWarning, stacklevel=4)


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value
