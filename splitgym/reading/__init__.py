"""Everything that reads a user's file: read as meant, or refused with file, line and what was expected.

All raise ``ValueError`` of one short line that names the file, whatever the file holds; nothing is unpickled, executed
or waited for, and no more memory is taken than the file may fill.
"""

from splitgym.reading.arrays import MOST_ARRAYS, arrays_of, read_arrays
from splitgym.reading.columns import NUMBER, Marks, column_of, rows_below
from splitgym.reading.files import has_suffix, naming, read_bytes, text_of
from splitgym.reading.missing import MISSING
from splitgym.reading.sheets import Sheet, sheet_of
from splitgym.reading.tables import json_of, read_json, read_toml, toml_of

__all__ = [
    "MISSING",
    "MOST_ARRAYS",
    "NUMBER",
    "Marks",
    "Sheet",
    "arrays_of",
    "column_of",
    "has_suffix",
    "json_of",
    "naming",
    "read_arrays",
    "read_bytes",
    "read_json",
    "read_toml",
    "rows_below",
    "sheet_of",
    "text_of",
    "toml_of",
]
