"""The mark of a run that a callback has ended: what was learnt is saved, and the run is not finished."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from splitgym.files import write_atomically
from splitgym.quoting import cut, tamed
from splitgym.specs import command_line

STOPPED_FILE = "stopped.json"


class TrainingStopped(UserWarning):
    """A callback has ended a training before its last step; all is saved, and the run is not finished."""


@dataclasses.dataclass(frozen=True)
class Stopped:
    """Where a training was ended, and by whom."""

    steps: int
    total: int
    by: str

    def __str__(self) -> str:
        return f"stopped after {self.steps} of {self.total} steps by {self.by}"

    def advice(self, out: Path) -> str:
        """How to go on."""
        return f"all is saved; to go on: {command_line('train', '--resume', out)}"


def mark(out: Path, steps: int, total: int, by: str) -> Stopped:
    """Write into a run by whom it was ended."""
    end = Stopped(steps, total, by)
    write_atomically(out / STOPPED_FILE, (json.dumps(dataclasses.asdict(end)) + "\n").encode(), inside=out)
    return end


def clear(out: Path) -> None:
    """Remove the mark: the training goes on."""
    (out / STOPPED_FILE).unlink(missing_ok=True)


def stopped(run: str | Path) -> Stopped | None:
    """Where and by whom a run was ended; ``None`` for one that is finished, that goes on, or that Ctrl-C ended."""
    try:
        found = json.loads((Path(run) / STOPPED_FILE).read_bytes())
        return Stopped(int(found["steps"]), int(found["total"]), cut(tamed(" ".join(str(found["by"]).split())), 200))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
