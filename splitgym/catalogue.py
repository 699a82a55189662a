"""Folders of TOML files that ship with the package: names, and a table by name or by path."""

from __future__ import annotations

import copy
import functools
from importlib import resources
from pathlib import Path
from typing import Any

from splitgym.named_files import located
from splitgym.quoting import listed, shown
from splitgym.reading import has_suffix, naming, read_toml, toml_of
from splitgym.registry import nearest
from splitgym.strict import S, from_mapping


@functools.lru_cache(maxsize=256)
def _table(content: bytes, name: str) -> dict[str, Any]:
    """A shipped file's table, kept since presets rest on presets; whoever may change it takes a copy."""
    return toml_of(content, name)


class Catalogue:
    """One folder below ``splitgym/data``.

    Args:
        kind: what the files hold, for messages ("profile").
        folder: its path below ``splitgym/data``, with slashes.
    """

    def __init__(self, kind: str, folder: str) -> None:
        self.kind, self.folder = kind, folder

    def names(self) -> list[str]:
        """Names of the shipped files, without ``.toml``."""
        return sorted(p.name.removesuffix(".toml") for p in self._place().iterdir() if p.name.endswith(".toml"))

    def table(self, name: str | Path) -> dict[str, Any]:
        """The table of a shipped file by name, or of any file by a path that ends in ``.toml``.

        Raises ``ValueError`` for an unknown name (naming the nearest), a missing file, and text that is not TOML.
        """
        text_name = str(name) if isinstance(name, (str, Path)) else shown(name)
        if has_suffix(text_name, ".toml"):
            return read_toml(located(name) or name, self.kind)
        known = self.names()
        if text_name not in known:
            raise ValueError(
                f"unknown {self.kind} {shown(text_name)}{nearest(text_name, known)} "
                f"(known: {listed(known)}; or a path ending in .toml)"
            )
        return copy.deepcopy(_table((self._place() / f"{text_name}.toml").read_bytes(), f"{text_name}.toml"))

    def folder_of(self, name: Any) -> Path | None:
        """Folder of a file that is given by its path; ``None`` for a shipped one."""
        path = located(name) if isinstance(name, (str, Path)) and has_suffix(name, ".toml") else None
        return None if path is None else path.parent

    def load(self, cls: type[S], name: str | Path, path: str) -> S:
        """The strict object of :meth:`table`; a message about a file's values names the file."""
        table = self.table(name)
        if not has_suffix(name, ".toml"):
            return from_mapping(cls, table, path)
        with naming(name):
            return from_mapping(cls, table, path)

    def _place(self) -> Any:
        return resources.files("splitgym.data").joinpath(*self.folder.split("/"))
