"""What evaluations give back, in one form: rows, frame, CSV, JSON, table, figure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from splitgym.extras import need
from splitgym.files import save_figure, written
from splitgym.lazily import drawn
from splitgym.names import cell


class Output:
    """Base of what evaluations give back.  A subclass says what its document is, and who draws it."""

    #: ``"module.function"`` of :mod:`splitgym.show` that makes the table and the figure.
    _table: ClassVar[str]
    _figure: ClassVar[str]

    def document(self) -> dict[str, Any]:
        """What :meth:`to_json` writes."""
        raise NotImplementedError

    def _plain(self, value: Any) -> Any:
        """What JSON writes for a value of a kind that it does not have."""
        return str(value)

    def to_json(self, path: str | Path | None = None) -> str:
        """Setting, summary and rows as JSON text (NaN as null), also written to ``path`` if given."""
        text = json.dumps(finite(self.document()), indent=2, default=self._plain)
        return written(text + "\n", path)

    def table(self) -> Any:
        """The summary as a table, for people: print it, or give it to ``rich``."""
        return drawn(self._table, self)

    def to_markdown(self, **options: Any) -> str:
        """The table as Markdown; ``options`` are those of :meth:`table`."""
        return drawn("tables.markdown", self.table(**options))

    def __str__(self) -> str:
        return drawn("tables.text", self.table())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {getattr(self, 'setting', None) or getattr(self, 'split', '')}>"

    def _repr_html_(self) -> str:
        return drawn("tables.html", self.table())

    def plot(self, path: str | Path) -> Path:
        """Draw it into a PNG, PDF or SVG file.  Needs the extra ``report``."""
        return save_figure(drawn(self._figure, self), path, dpi=150)


class RowOutput(Output):
    """What has a row for each policy and episode."""

    def rows(self) -> list[dict[str, Any]]:
        """The rows, one dictionary each with the same keys; figures in SI units."""
        raise NotImplementedError

    def frame(self) -> Any:
        """The rows as a pandas ``DataFrame``.  Needs the extra ``report``."""
        return need("pandas", "report").DataFrame(self.rows())

    def to_csv(self, path: str | Path | None = None) -> str:
        """The rows as CSV text, also written to ``path`` if given: whole or not at all."""
        return rows_to_csv(self.rows(), path)


def rows_to_csv(rows: Sequence[Mapping[str, Any]], path: str | Path | None = None) -> str:
    """Rows of equal keys as CSV text, also written to ``path`` if given: whole or not at all."""
    return lines_to_csv([list(rows[0]), *(list(row.values()) for row in rows)], path)


def lines_to_csv(lines: Iterable[Sequence[Any]], path: str | Path | None = None) -> str:
    """Lines as CSV text, also written to ``path`` if given: no text in it is a formula to a spreadsheet."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([cell(value) for value in line] for line in lines)
    return written(out.getvalue(), path)


def finite(value: Any) -> Any:
    """Nested tables and lists with ``None`` for NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
