"""What is kept of an unfinished data set, in a hidden folder beside it: its plan, and every part that was played."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.files import refuse_link, write_atomically
from splitgym.offline.plan import Part, Plan
from splitgym.quoting import where
from splitgym.reading import read_json

_PLAN = "plan.json"
_MADE = "made"


def folder_of(root: Path) -> Path:
    """Where the parts of an unfinished data set are; hidden, so that Minari lists no half of it."""
    return root.parent / f".{root.name}.parts"


class Parts:
    """The parts of a data set that is being made at ``root``.

    Raises ``ValueError`` where parts of another data set wait for their end: they are never thrown away silently.
    """

    def __init__(self, root: Path, plan: Plan) -> None:
        self.folder = folder_of(root)
        self.plan, self.mark = plan, plan.mark()
        refuse_link(self.folder, "data set")
        if self.folder.exists() and not self._is_ours():
            raise ValueError(
                f"an unfinished data set of other settings, policies or code waits in {where(self.folder)}; finish it "
                f"with its own command, remove that folder, or choose another name than {root.name}"
            )

    def _is_ours(self) -> bool:
        """Whether the folder is of this plan; one without parts, or of policies nobody knows again, is removed."""
        kept: Any = {}
        if any(self.folder.glob("*.npz")):
            with contextlib.suppress(ValueError, OSError):
                kept = read_json(self.folder / _PLAN, "plan")
            if not isinstance(kept, dict) or kept.get("resumable", True):
                return isinstance(kept, dict) and kept.get("mark") == self.mark
        shutil.rmtree(self.folder)
        return True

    def has(self, part: Part) -> bool:
        """Whether a part has been kept whole."""
        try:
            self.read(part)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return False
        return True

    def read(self, part: Part) -> dict[str, np.ndarray]:
        """The columns of a part, see :func:`splitgym.offline.recording.record`."""
        with np.load(self._file(part), allow_pickle=False) as columns:
            return dict(columns)

    def keep(self, part: Part, columns: dict[str, np.ndarray]) -> None:
        """Write a part, whole or not at all."""
        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            document = {"mark": self.mark, "resumable": self.plan.resumable, **self.plan.document()}
            write_atomically(self.folder / _PLAN, json.dumps(document, indent=2).encode(), inside=self.folder)
        stream = io.BytesIO()
        np.savez(stream, **columns)  # pyright: ignore[reportArgumentType] (the stubs see the keyword allow_pickle)
        write_atomically(self._file(part), stream.getvalue(), inside=self.folder)

    def _file(self, part: Part) -> Path:
        return self.folder / f"{part.place:06d}.npz"

    @contextlib.contextmanager
    def making(self, root: Path) -> Iterator[Path]:
        """A folder to be filled; it becomes ``root`` in one move, and the parts go, if nothing is raised."""
        made = self.folder / _MADE
        shutil.rmtree(made, ignore_errors=True)  # of a killed process
        made.mkdir()
        yield made
        made.rename(root)
        shutil.rmtree(self.folder)
