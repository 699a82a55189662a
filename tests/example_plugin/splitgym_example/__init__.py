"""A plug-in: whoever imports this module, or names it with ``--plugin``, has all of it by name."""

from __future__ import annotations

from pathlib import Path

import splitgym
from splitgym_example import models, world  # noqa: F401 (they register what they define)

_HERE = Path(__file__).parent
splitgym.add_profiles(_HERE / "profiles")
splitgym.add_presets(_HERE / "presets")
splitgym.add_presets(_HERE / "settings", "BatteryCharge-v0")
