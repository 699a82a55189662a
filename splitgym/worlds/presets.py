"""The presets of one world: scenarios by name, from files and tables, with what they inherit and what has no effect."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from splitgym.catalogue import Catalogue
from splitgym.named_files import beside
from splitgym.quoting import listed, shown
from splitgym.randomising import Randomised
from splitgym.ranges import no_warnings, told
from splitgym.reading import has_suffix, naming
from splitgym.registry import Registry, nearest
from splitgym.strict import Strict, field_types, from_mapping
from splitgym.toml import leaves, merge
from splitgym.worlds.settings import Process, Scenario, Section
from splitgym.worlds.shipped import SHIPPED

S = TypeVar("S", bound="Scenario")


class UnusedKeyWarning(UserWarning):
    """A key was set that has no effect in the scenario."""


class Presets(Generic[S]):
    """The presets of one world, and everything else that a scenario can be made of.

    Args:
        world: name of the world, and of its folder below ``splitgym/data/scenarios``.
        cls: its scenario class.

    Raises ``ValueError`` for a world that has presets already.
    """

    def __init__(self, world: str, cls: type[S]) -> None:
        self.world, self.cls = world, cls
        self._catalogue = Catalogue("scenario", f"scenarios/{world}")
        BY_WORLD.add(world, self)

    def __reduce__(self) -> tuple[Callable[[str], Presets[Any]], tuple[str]]:
        return presets_of, (self.world,)

    def names(self) -> list[str]:
        """Names of the presets that ship with the package."""
        return self._catalogue.names()

    def load(self, scenario: str | Path | Mapping[str, Any] | S, /, **changes: Any) -> S:
        """A scenario from a preset's name, a TOML path, a table or itself; ``changes`` are dotted paths.

        Examples: ``load_scenario("enachi", **{"radio.distance_m": 300})``,
        ``load_scenario({"base": "default", "name": "near", "radio": {"distance_m": 300}})``.

        A table or file with a ``base`` rests on that preset: its own keys replace the preset's, section by section.
        ``base = "inference/enachi"`` names a preset of another world: from it come the keys that this
        world has too, except name and description.

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
        elif isinstance(scenario, Randomised):
            raise ValueError(
                f"{scenario.text!r} is drawn anew in every episode, which only environments and trainings take; "
                "give one scenario, or a suite of several"
            )
        else:
            with beside(self._catalogue.folder_of(scenario)):
                result, own = self._named(scenario)
        made = result.replace(**changes) if changes else result
        if own and made.unused() and told():
            _warn_of_unused(made, own, [self._below(own["base"])] if "base" in own else self._usual(made))
        _warn_of_unused(made, changes, [result.to_dict()])
        return made

    def _usual(self, scenario: S) -> list[Mapping[str, Any]]:
        """What a whole table may hold without a warning: the defaults, presets' values, and its own profiles."""
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

    def _table(self, name: str | Path, above: tuple[str, ...] = ()) -> dict[str, Any]:
        return self._with_base(self._catalogue.table(name), above)

    def _with_base(self, table: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[str, Any]:
        """Resolve ``base``: the table's keys replace the preset's, section by section.

        ``above`` are the presets that rest on this table.
        """
        table = dict(table)
        base = table.pop("base", None)
        if base is None:
            return table
        below = self._below(base, above)
        for section in self.cls.PROCESSES:  # another model does not inherit the parameters of the old one
            given, old = table.get(section), below.get(section, {})
            if isinstance(given, Mapping) and given.get("model", old.get("model")) != old.get("model"):
                below.pop(section, None)
        return merge(below, table)

    def _below(self, base: Any, above: tuple[str, ...] = ()) -> dict[str, Any]:
        """The whole table of the preset that ``base`` names, as far as this world knows its keys."""
        world, _, name = str(base).rpartition("/")
        other = presets_of(world) if world in BY_WORLD else self
        place = f"{other.world}/{name}"
        if name not in other.names() or str(base) not in (place, name):
            raise _unknown_base(base, world, other.names())  # no paths: a file could inherit from itself
        if place in above:
            raise ValueError(f"base: presets rest on each other: {' on '.join((*above, place))}")
        table = other._table(name, (*above, place))
        return table if other is self else _shared(table, self.cls)


#: World -> its presets.
BY_WORLD: Registry[Presets[Any]] = Registry("world")
for _name in SHIPPED:
    BY_WORLD.promise(_name, f"splitgym.worlds.{_name}.scenario")


def presets_of(world: str) -> Presets[Any]:
    """The presets of a world."""
    return BY_WORLD[world]


def _unknown_base(base: Any, world: str, known: list[str]) -> ValueError:
    """The refusal of an unknown base; ``known`` are the presets of the ``world`` that it names, or of its own."""
    places = [f"{other}/{name}" for other in BY_WORLD for name in BY_WORLD[other].names()]
    if not isinstance(base, str) or "/" not in base:
        close, words = nearest(base, known), f"known: {listed(known)}; or world/preset, such as {places[0]}"
    elif world in BY_WORLD:
        close, words = nearest(base, places), f"of {world}: {listed(known)}"
    else:
        close, words = nearest(base, places), f"worlds: {listed(BY_WORLD)}"
    return ValueError(f"base must name a preset, got {shown(base)}{close} ({words})")


def _shared(table: Mapping[str, Any], cls: Any) -> dict[str, Any]:
    """What a table of another world holds that a scenario of ``cls`` has, too; not its name and description."""
    shared: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        if field.name not in table or field.metadata.get("label"):
            continue
        value, kind = table[field.name], field_types(cls)[field.name]
        if isinstance(kind, type) and issubclass(kind, Section) and not issubclass(kind, Process):
            known = {key.name for key in dataclasses.fields(cast(Any, kind))}
            value = {key: part for key, part in value.items() if key in known}
            if "source" in value:
                value["source"] = {key: note for key, note in value["source"].items() if key in known}
        shared[field.name] = value
    return shared


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
            warnings.warn(f"{key} has no effect here: {why}", UnusedKeyWarning, stacklevel=3)


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(dotted key, value), tuples as lists, which TOML has."""
    return ((key, list(value) if isinstance(value, tuple) else value) for key, value in leaves(table))
