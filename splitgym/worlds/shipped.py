"""The worlds that come with the package: the one list of them, in the order in which everything names them."""

from __future__ import annotations

import importlib

#: Folders of :mod:`splitgym.worlds`; each registers its world when it is imported.
SHIPPED = ("inference", "multiuser", "transmission", "hardware", "placement")
for _name in SHIPPED:
    importlib.import_module(f"splitgym.worlds.{_name}")
