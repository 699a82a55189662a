"""Folders of TOML files that ship with the package: names, and a table by name or by path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from splitgym.named_files import located
from splitgym.registry import nearest
from splitgym.strict import read_toml


class Shelf:
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

        Raises ``ValueError`` for an unknown name (naming the nearest), a missing file, and what is no TOML.
        """
        text_name = str(name)
        if text_name.endswith(".toml"):
            path = located(name)
            if path is None:
                raise ValueError(f"no such {self.kind} file: {text_name!r}")
            return read_toml(path)
        known = self.names()
        if text_name not in known:
            raise ValueError(
                f"unknown {self.kind} {text_name!r}{nearest(text_name, known)} "
                f"(known: {', '.join(known)}; or a path ending in .toml)"
            )
        with resources.as_file(self._place() / f"{text_name}.toml") as path:
            return read_toml(path)

    def folder_of(self, name: Any) -> Path | None:
        """Folder of a file that is given by its path; ``None`` for a shipped one."""
        path = located(name) if isinstance(name, (str, Path)) and str(name).endswith(".toml") else None
        return None if path is None else path.parent

    def _place(self) -> Any:
        return resources.files("splitgym.data").joinpath(*self.folder.split("/"))
