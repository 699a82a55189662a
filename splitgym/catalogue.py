"""Folders of TOML files, those that ship with the package and others: names, and a table by name or by path."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from splitgym import plugins
from splitgym.checks import file_path
from splitgym.named_files import located
from splitgym.names import check_name
from splitgym.quoting import listed, shown
from splitgym.reading import has_suffix, naming, read_toml, toml_of
from splitgym.registry import nearest
from splitgym.strict import S, from_mapping

#: Folder below ``splitgym/data`` -> its catalogue.
CATALOGUES: dict[str, Catalogue] = {}


@functools.lru_cache(maxsize=256)
def _table(content: bytes, name: str) -> dict[str, Any]:
    """A shipped file's table, kept since presets rest on presets; whoever may change it takes a copy."""
    return toml_of(content, name)


class Catalogue:
    """One folder below ``splitgym/data``, with the folders that plug-ins add to it.

    Args:
        kind: what the files hold, for messages ("profile").
        folder: its path below ``splitgym/data``, with slashes.
    """

    def __init__(self, kind: str, folder: str) -> None:
        self.kind, self.folder = kind, folder
        self._added: dict[str, Path] = {}
        CATALOGUES[folder] = self

    def names(self) -> list[str]:
        """Names of the files, without ``.toml``: those that ship with the package, then those that were added."""
        plugins.look()
        return [*self._shipped(), *sorted(self._added)]

    def add(self, folder: str | Path, check: Callable[[str], Any]) -> list[str]:
        """Let the TOML files of a folder be known by their names, as shipped ones are; returns the names.

        ``check`` is called with each name, to refuse at once what cannot be used.  Raises ``ValueError`` for a folder
        that is not there or holds none, for a name that is taken or no name, and for a faulty file; then none of the
        files is known.
        """
        place = file_path("folder", folder).absolute()
        files = {file.stem: file for file in sorted(place.glob("*.toml"))}
        if not files:
            raise ValueError(f"{shown(str(folder))} holds no {self.kind}: no file NAME.toml is there")
        fresh = {name: file for name, file in files.items() if self._added.get(name) != file}
        for name, file in fresh.items():
            check_name(f"{file}: the name of the {self.kind}", name)
            what = f"{self.kind} {shown(name)}"
            if name in self._shipped() or name in self._added:
                raise ValueError(f"{what} is known already{plugins.owner(what)}; give {file} another name")
        self._added |= fresh
        try:
            for name, file in fresh.items():
                with naming(file):
                    check(name)
        except BaseException:
            self._forget(fresh)
            raise
        for name in fresh:
            plugins.note(f"{self.kind} {shown(name)}", functools.partial(self._forget, (name,)))
        return list(files)

    def table(self, name: str | Path) -> dict[str, Any]:
        """The table of a shipped file by name, or of any file by a path that ends in ``.toml``.

        Raises ``ValueError`` for an unknown name (naming the nearest), a missing file, and text that is not TOML.
        """
        text_name = str(name) if isinstance(name, (str, Path)) else shown(name)
        if has_suffix(text_name, ".toml"):
            return read_toml(located(name) or name, self.kind)
        known = self.names()
        if text_name in self._added:
            return read_toml(self._added[text_name], self.kind)
        if text_name not in known:
            raise ValueError(
                f"unknown {self.kind} {shown(text_name)}{nearest(text_name, known)} "
                f"(known: {listed(known)}; or a path ending in .toml)"
            )
        return copy.deepcopy(_table((self._place() / f"{text_name}.toml").read_bytes(), f"{text_name}.toml"))

    def folder_of(self, name: Any) -> Path | None:
        """Folder of a file that is given by its path, or by the name of an added one; ``None`` for a shipped one."""
        if isinstance(name, str) and name in self._added:
            return self._added[name].parent
        path = located(name) if isinstance(name, (str, Path)) and has_suffix(name, ".toml") else None
        return None if path is None else path.parent

    def load(self, cls: type[S], name: str | Path, path: str) -> S:
        """The strict object of :meth:`table`; a message about a file's values names the file."""
        table = self.table(name)
        if not has_suffix(name, ".toml"):
            return from_mapping(cls, table, path)
        with naming(name):
            return from_mapping(cls, table, path)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._added.pop(name, None)

    def _shipped(self) -> list[str]:
        place = self._place()
        names = (p.name for p in place.iterdir()) if place.is_dir() else ()  # a world from elsewhere has none here
        return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))

    def _place(self) -> Any:
        return resources.files("splitgym.data").joinpath(*self.folder.split("/"))
