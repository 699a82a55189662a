"""The folder of several training seeds: one run for each, known by ``seeds.json``, and evaluated as one policy."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from splitgym.checks import items, whole_number
from splitgym.files import write_atomically
from splitgym.quoting import shown, tamed, where
from splitgym.reading import read_json
from splitgym.specs import command_line

SEEDS_FILE = "seeds.json"
FORMAT = "splitgym-seeds-1"
#: Highest training seed, and most of them in one folder.
LAST, MOST = 2**32 - 1, 1000


def training_seeds(given: Any) -> tuple[int, ...]:
    """Training seeds from whole numbers, a range, or a text: ``"0:5"`` (0 to 4), ``"1,3,8"``.

    Raises ``ValueError`` for none, for a seed twice, and for anything that cannot be one.
    """
    if isinstance(given, str):
        given = _of_text(given)
    numbers = [
        whole_number(f"seeds[{i}]", seed, 0, LAST) for i, seed in enumerate(items("seeds", given, "seeds", MOST))
    ]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"seeds must differ, got {shown(numbers)}")
    return tuple(numbers)


def _of_text(text: str) -> list[int]:
    try:
        if ":" in text:
            first, end = (int(part) for part in text.split(":"))
            if 0 <= first < end <= first + MOST:
                return list(range(first, end))
            raise ValueError
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"seeds must be FIRST:END, such as 0:5 for the seeds 0 to 4, or numbers with commas between them, at most "
            f"{MOST}, got {shown(text)}"
        ) from None


def run_of(folder: Path, seed: int) -> Path:
    """Where the run of a training seed is."""
    return folder / f"s{seed}"


def write_seeds(folder: Path, seeds: Sequence[int]) -> None:
    """Mark a folder as that of several training seeds."""
    text = json.dumps({"format": FORMAT, "seeds": list(seeds)}) + "\n"
    write_atomically(folder / SEEDS_FILE, text.encode(), inside=folder)


def trained_runs(folder: str | Path) -> dict[int, Path]:
    """Training seed -> run folder, of those in which a training has begun.  ``ValueError`` if there is none."""
    runs = {seed: run_of(Path(folder), seed) for seed in read_seeds(folder)}
    begun = {seed: run for seed, run in runs.items() if run.is_dir()}
    if not begun:
        raise ValueError(f"{str(folder)!r} holds no run yet; train it: {command_line('train', '--resume', folder)}")
    missing = sorted(set(runs) - set(begun))
    if missing:
        print(f"note: {tamed(str(folder))}: no run yet of the training seeds {shown(missing)}", file=sys.stderr)
    return begun


def holds_seeds(path: str | Path) -> bool:
    """Whether a path is the folder of several training seeds."""
    try:
        return (Path(path) / SEEDS_FILE).is_file()
    except (OSError, ValueError):  # too long for a name
        return False


def read_seeds(folder: str | Path) -> tuple[int, ...]:
    """The training seeds of a folder.  ``ValueError`` for one that has no whole ``seeds.json``."""
    path = Path(folder) / SEEDS_FILE
    if not path.is_file():
        raise ValueError(f"{str(folder)!r} is no folder of 'splitgym train --seeds': it holds no {SEEDS_FILE}")
    document = read_json(path, "seeds of a training")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{where(path)} cannot be used: this version reads format {FORMAT!r}")
    try:
        return training_seeds(document.get("seeds"))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where(path)} cannot be used: {error}") from error
