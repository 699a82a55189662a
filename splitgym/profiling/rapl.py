"""Counters of the energy that processors spend, as Linux shows them (RAPL, "running average power limit").

Each package of a machine has a folder ``intel-rapl:0``, ``intel-rapl:1``, ... with ``energy_uj``, a count of
microjoules that begins again at 0 behind ``max_energy_range_uj`` (kernel documentation, power/powercap).
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path("/sys/class/powercap")
#: What is counted, for files.
WORDS = "RAPL counters of the processor's packages, idle power included"
_PACKAGE = re.compile(r"intel-rapl:\d+")


class Counter:
    """The counter of one package, read from its folder."""

    def __init__(self, folder: Path) -> None:
        self._energy, self._most_uj = folder / "energy_uj", int((folder / "max_energy_range_uj").read_text())
        self.start()

    def start(self) -> None:
        """Count from here."""
        self._start_uj = int(self._energy.read_text())

    def spent_j(self) -> float:
        """Energy since the start [J]; the count may have begun again once."""
        return (int(self._energy.read_text()) - self._start_uj) % (self._most_uj + 1) / 1e6


def counters(folder: Path | None = None) -> list[Counter]:
    """Counters of all packages; none where one of them cannot be read, since the others are not the whole machine.

    Domains within a package (``intel-rapl:0:0``) are parts of its count.  On most systems only root may read them.
    """
    folder = FOLDER if folder is None else folder
    try:
        packages = sorted(path for path in folder.iterdir() if _PACKAGE.fullmatch(path.name))
        return [Counter(path) for path in packages]
    except (OSError, ValueError):
        return []
