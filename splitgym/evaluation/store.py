"""The store of an evaluation: a folder of episodes, from which a command that was killed goes on.

It holds ``<environment>.csv``, a line for each policy, scenario and seed; ``<environment>.bounds.csv`` where bounds
were computed; ``settings/``, the scenarios as TOML, with the files that they name below ``settings/files``;
``files/``, those that policies name; and ``plugins.csv``, what plug-ins were loaded.  It may be moved.  An episode is
known again by what decides its figures: the scenario's digest, the policy with its parameters, code, files and
weights, the seed, and the version of the code.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym import plugins, provenance
from splitgym.checks import file_path
from splitgym.digests import code_version, is_setting_of, world_origin
from splitgym.evaluation.results import DECISION, Results
from splitgym.evaluation.store_file import Table
from splitgym.evaluation.store_rows import agent_word, counted, spec_of
from splitgym.files import refuse_link, write_atomically
from splitgym.named_files import KEPT, keep_files
from splitgym.names import check_text
from splitgym.quoting import shown, where
from splitgym.ranges import no_warnings
from splitgym.reading import read_json
from splitgym.specs import command_line
from splitgym.worlds.world import WORLDS, World

if TYPE_CHECKING:
    from splitgym.evaluation.policies import Contender

_SETTING = ("setting", "version", "seed")
_PLAYED = ("policy", "agent", "spec", "identity", *_SETTING)
#: Name of a bound -> the name of its table, and which bound it is; the first that is there counts.
BOUND_TABLES = {"bound": "bounds", "observer": "observer"}
KINDS = {"bound": "clairvoyant", "observer": "observer"}
_OF_BOUNDS = tuple(f".{table}" for table in BOUND_TABLES.values())
_PLUGINS = tuple(field.name for field in dataclasses.fields(provenance.Source))


class Store:
    """Episodes in a folder; see the module.

    Args:
        folder: made when the first episodes are kept.  Raises ``ValueError`` where a file is in its place.

    Attributes:
        refused: setting -> why :meth:`results` leaves it out, and the command that makes it anew.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = file_path("store", folder)
        there = next((path for path in (self.folder, *self.folder.parents) if path.exists()), None)
        if there is not None and not there.is_dir():
            raise ValueError(f"store must be a folder, but {where(there)!r} is a file")
        self.refused: dict[str, str] = {}
        self._tables: dict[str, Table] = {}

    def played(self, world: World) -> Table:
        """The table of a world's episodes."""
        names = [m.name for m in (*world.measures, DECISION)]
        return self._table(f"{world.env_id}.csv", _PLAYED, names)

    def bounds(self, world: World, name: str) -> Table:
        """The table of a world's bounds, those of a ``name`` of :data:`BOUND_TABLES`."""
        return self._table(f"{world.env_id}.{BOUND_TABLES[name]}.csv", _SETTING, [name])

    def plugins(self) -> list[provenance.Source]:
        """The plug-ins that were loaded when something was kept."""
        return [provenance.Source(*key) for key in self._plugins().rows()]

    def keep_setting(self, world: World, scenario: Any, changes: Mapping[str, Any]) -> str:
        """Write down a scenario, and the plug-ins of this process, if not there yet; returns its name in the tables.

        Raises ``ValueError`` for one whose plug-in models could not be known again.
        """
        if scenario.doubt:
            raise ValueError(f"a store cannot keep scenario {scenario.name!r}: {scenario.doubt}")
        name = _name_of(scenario)
        path = self._setting(world, name)
        for place in (path.parent, path.parent / KEPT, self.folder / KEPT):
            refuse_link(place, "store")
        keep_files(scenario.to_dict(), path.parent)
        if not self._holds(world, name):
            words = {k: v if isinstance(v, (int, float, str)) else str(v) for k, v in changes.items()}
            write_atomically(path.with_suffix(".json"), json.dumps(words, indent=2).encode(), inside=self.folder)
            scenario.save(path)
        if sources := provenance.sources():
            self._plugins().add([(dataclasses.astuple(source), {}) for source in sources])
        return name

    def results(self) -> list[Results]:
        """A :class:`Results` for each scenario: its policies on the seeds that all of them have played.

        Of several versions of the code the present one counts where it has played a scenario, else the last in the
        file; of several policies of one name (an agent that was trained again) the last.  Agents of several training
        seeds are one policy, as in :func:`splitgym.evaluate`.  What cannot be read as it was kept is left out, see
        ``refused``.  Raises ``ValueError`` for a store that is empty or refused altogether,
        and :class:`DamagedStoreError` for a damaged one.
        """
        self.refused = {}
        found = [results for name in WORLDS for results in self._results(WORLDS[name])]
        self._refuse_unknown_worlds()
        if not found and self.refused:
            raise ValueError(next(iter(self.refused.values())))
        if not found:
            again = command_line("evaluate", "all", "--bound", "--store", self.folder)
            raise ValueError(f"no results in {where(self.folder)!r}; make some: {again}")
        return found

    def contents(self) -> list[tuple[str, str, str, str, int, str]]:
        """What is there: environment, setting, version, policy, number of episodes and range of their seeds.

        Environments that nobody here knows are left out, see ``refused``.
        """
        self._refuse_unknown_worlds()
        seeds: dict[tuple[str, str, str, str], list[int]] = {}
        for name in WORLDS:
            for key in self.played(WORLDS[name]).rows():
                row = dict(zip(_PLAYED, key, strict=True))
                head = (WORLDS[name].env_id, row["setting"], row["version"], row["policy"])
                seeds.setdefault(head, []).append(int(row["seed"]))
        return [(*head, len(set(of)), f"{min(of)} to {max(of)}") for head, of in seeds.items()]

    def repair(self) -> int:
        """Set damaged lines aside and return how many they were; see :meth:`Table.repair`."""
        worlds = [WORLDS[name] for name in WORLDS]
        tables = [self.played(world) for world in worlds]
        tables += [self.bounds(world, name) for world in worlds for name in BOUND_TABLES]
        return sum(table.repair() for table in (*tables, self._plugins()))

    def _table(self, name: str, keys: Sequence[str], figures: Sequence[str]) -> Table:
        return self._tables.setdefault(name, Table(self.folder / name, keys, figures))

    def _plugins(self) -> Table:
        return self._table("plugins.csv", _PLUGINS, ())

    def _refuse_unknown_worlds(self) -> None:
        """Say which environments there are episodes of that nobody here knows, such as a plug-in's."""
        known = {WORLDS[name].env_id for name in WORLDS}
        for file in sorted(self.folder.glob("*.csv")):
            env_id = file.name.removesuffix(".csv")
            if env_id not in known and not env_id.endswith(_OF_BOUNDS) and env_id != "plugins":
                why = f"{file}: unknown environment {shown(env_id)}"
                self.refused[env_id] = why + provenance.advice(self.plugins())

    def _setting(self, world: World, name: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        return self.folder / "settings" / f"{world.env_id}.{safe}.toml"

    def _results(self, world: World) -> list[Results]:
        rows = [dict(zip(_PLAYED, key, strict=True)) | figures for key, figures in self.played(world).rows().items()]
        scenarios: dict[str, Any] = {}
        of: dict[str, list[dict[str, Any]]] = {}
        for setting in dict.fromkeys(str(row["setting"]) for row in rows):
            mine = [row for row in rows if row["setting"] == setting]
            try:
                scenario = self._scenario(world, setting)
            except (ValueError, OSError) as error:
                again = f"make it anew: {self._anew(world, mine)}"
                self.refused[setting] = f"{self.folder}: {setting} {error}{provenance.advice(self.plugins())}; {again}"
                continue
            scenarios.setdefault(_name_of(scenario), scenario)
            of.setdefault(_name_of(scenario), []).extend(mine)
        return [self._of_setting(world, name, scenarios[name], of[name]) for name in of]

    def _scenario(self, world: World, setting: str) -> Any:
        """A scenario as it was kept.  Raises ``ValueError`` that says why it is another one now."""
        path = self._setting(world, setting)
        try:
            with no_warnings():  # it was checked when it was kept
                scenario = world.load_scenario(path)
        except (ValueError, OSError) as error:
            reason = str(error).removeprefix(f"{path}: ")  # the command beside it names the file
            raise ValueError(f"cannot be read ({reason})") from error
        if not is_setting_of(scenario, setting.removeprefix(f"{scenario.name}-").partition("-")[0]):
            raise ValueError(
                f"is another scenario now: {path}, a file that it names or a plug-in model has changed, or a version "
                "kept it that knew files by their path only"
            )
        return scenario

    def _changes(self, world: World, setting: str) -> dict[str, Any]:
        """What was changed in a setting, to be shown."""
        path = self._setting(world, setting).with_suffix(".json")
        changes = read_json(path, "setting's changes")
        check_text(f"{path}: {shown(changes)}", " ".join(map(str, (*changes, *changes.values()))))
        return changes

    def _holds(self, world: World, setting: str) -> bool:
        """Whether a setting is written down whole, and is what its name says."""
        try:
            self._scenario(world, setting)
            self._changes(world, setting)
        except (ValueError, OSError):
            return False
        return True

    def _anew(self, world: World, rows: list[dict[str, Any]]) -> str:
        """The command that plays rows of a setting again."""
        specs = [spec for spec in dict.fromkeys(map(spec_of, rows)) if spec]
        seeds = [int(row["seed"]) for row in rows]
        words = [*specs, "--env", world.env_id, "--scenario", self._setting(world, rows[0]["setting"])]
        words += ["--seed", min(seeds), "--episodes", max(seeds) - min(seeds) + 1, "--store", self.folder]
        absent = plugins.options(provenance.missing(self.plugins()))
        return command_line("evaluate", *words, *absent)

    def _of_setting(self, world: World, setting: str, scenario: Any, rows: list[dict[str, Any]]) -> Results:
        versions = {row["version"] for row in rows}
        version = _version(world) if _version(world) in versions else rows[-1]["version"]
        rows = [row for row in rows if row["version"] == version]
        played = counted(rows)
        seeds = sorted(set.intersection(*(set(of) for of in played.values())))
        if not seeds:
            names = ", ".join(dict.fromkeys(owner.policy for owner in played))
            raise ValueError(f"{self.folder}: the policies of {setting} have no seed in common: {names}")
        setting = str(rows[-1]["setting"])
        results = Results(world, scenario, changes=self._changes(world, setting))
        results.folder, results.plugins = self.folder, self.plugins()
        keys = [(setting, version, str(seed)) for seed in seeds]
        for name, kind in KINDS.items():
            kept = self.bounds(world, name).rows()
            if results.bounds is None and all(key in kept for key in keys):
                results.set_bounds(np.array([kept[key][name] for key in keys]), kind)
        for (policy, _, trained), of in played.items():
            head = of[seeds[0]]
            figures = {m.name: np.array([of[s][m.name] for s in seeds]) for m in (*world.measures, DECISION)}
            spec, identity = head["spec"], head["identity"]
            if trained is None:
                results.add(policy, seeds, figures, spec=spec, agent=head["agent"] == "True", identity=identity)
            else:
                results.add_member(policy, trained, seeds, figures, spec=spec, identity=identity)
        return results


class KeptFigures:
    """The lines of one policy, or of the bounds, in one scenario of a store."""

    def __init__(self, table: Table, head: tuple[str, ...]) -> None:
        self.table, self.head = table, head

    def known(self, seeds: Sequence[int]) -> dict[int, dict[str, float]]:
        """Seed -> figures of those that are there."""
        found = self.table.find((*self.head, str(seed)) for seed in seeds)
        return {seed: figures for seed, figures in zip(seeds, found, strict=True) if figures is not None}

    def add(self, seeds: Sequence[int], figures: Mapping[str, np.ndarray]) -> None:
        """Append the figures, (n,) each, of seeds that are not there yet."""
        self.table.add(
            [
                ((*self.head, str(seed)), {name: float(values[i]) for name, values in figures.items()})
                for i, seed in enumerate(seeds)
            ]
        )


def kept_figures(store: Store, world: World, setting: str, c: Contender | None, bound: str = "bound") -> KeptFigures:
    """Where the episodes of a contender, or the bounds of a name (``None``), are kept; see :meth:`Store.keep_setting`.

    Raises ``ValueError`` for a policy that could not be known again.
    """
    if c is None:
        return KeptFigures(store.bounds(world, bound), (setting, _version(world)))
    if not c.identity:
        raise ValueError(c.doubt)
    keep_files(c.files, store.folder)
    return KeptFigures(store.played(world), (c.name, agent_word(c), c.kept_spec, c.identity, setting, _version(world)))


def _name_of(scenario: Any) -> str:
    """The name of a setting in the tables."""
    return f"{scenario.name}-{scenario.digest()[:12]}"


def _version(world: World) -> str:
    """The version of the code, with that of a user's world.  Raises ``ValueError`` for an unknown one."""
    own = world_origin(world)
    if own.doubt:
        raise ValueError(f"a store cannot know the world {world.name!r} again: {own.doubt}")
    return code_version() + (f"+{own.text[:12]}" if own.text else "")
