"""Logs that people bring: channels and arrivals out of text tables, and the windows of them that episodes play.

A file is read as the pages say, or refused with file, line, column and what to do.  ``splitgym trace import FILE``
shows what was understood before anything is run.
"""

from splitgym.recorded.imported import ImportedLog, import_log

__all__ = ["ImportedLog", "import_log"]
