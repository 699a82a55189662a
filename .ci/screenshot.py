"""A picture of the top of a report, for the README: ``python .ci/screenshot.py PAGE PICTURE``; needs a Chromium."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 1180, 1660


def main(page: str, picture: str) -> None:
    """Open the page, wait until it is drawn, and keep what a reader sees first."""
    sys.path.insert(0, str(ROOT))
    from tests.browser import Browser, executable

    program = executable()
    if program is None:
        print("no Chromium on this machine, so the picture of the report stays as it is")
        return
    with Browser(program) as browser:
        browser.open(Path(page), WIDTH)
        Path(picture).write_bytes(browser.screenshot({"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT}))


if __name__ == "__main__":
    main(*sys.argv[1:])
