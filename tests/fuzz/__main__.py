"""``python -m tests.fuzz``: see :mod:`tests.fuzz.campaign`."""

import sys

from tests.fuzz.campaign import main  # a module of its own: what spawned processes run cannot come from a __main__

if __name__ == "__main__":
    sys.exit(main())
