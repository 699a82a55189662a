"""Evaluations as a page to read and as figures for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splitgym.checks import file_path, items, switch
from splitgym.evaluation.results import Results
from splitgym.lazily import drawn
from splitgym.quoting import shown


def report(
    many: Results | Sequence[Results],
    path: str | Path,
    *,
    figures: Sequence[str] | None = None,
    trust: bool = False,
) -> Path:
    """Write a report into one HTML file that needs no network, and its figures beside it.

    Policies that were evaluated by a name or a path play the first trace of their scenario again, for the figures that
    show what they do; those that were evaluated as objects have none of these.  The same input gives the same bytes.

    Args:
        many: one evaluation, or several: one for each scenario, also of different environments.
        path: of the page.
        figures: formats (``"png"``, ``"pdf"``, ``"svg"``) in which every figure is also written, into the folder
            ``<name of the page>-figures``.
        trust: load a stranger's model file again although it can run code.

    Returns the path of the page.  Raises ``ValueError`` if there is nothing to report or for an unknown format,
    ``DependencyNotInstalled`` without the extra ``[report]``.
    """
    page, trusted = file_path("path", path), switch("trust", trust)
    given = [many] if isinstance(many, Results) else items("many", many, "Results of evaluations")
    for results in given:
        if not isinstance(results, Results):
            raise ValueError(f"many must hold Results of evaluations, got {shown(results)}")
    formats = items("figures", () if figures is None else figures, "formats of pictures", fewest=0)
    return drawn("report.build.build", given, page, formats, trust=trusted)
