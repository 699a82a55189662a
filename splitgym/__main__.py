"""``python -m splitgym``."""

from __future__ import annotations

import sys

from splitgym.cli import main

if __name__ == "__main__":
    sys.exit(main())
