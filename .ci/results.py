"""Regenerate every table and figure of the README and the site from the commands beside them: ``make results``.

Three things in README.md and in the pages of docs/ are run, page by page in the order of each:

* a fenced block whose lines beginning with ``$`` are commands; what they print replaces the other lines of the block;
* a comment ``<!-- $ command -->``; what it prints replaces the lines up to the comment ``<!-- end -->``;
* such a comment without an end, right above a picture: the command draws the picture.

Trainings (``splitgym train --out DIR``) print nothing into a page, and one that is finished is not repeated: remove DIR
to train again.  A page is written after every command, so nothing is lost when it is interrupted.

    python .ci/results.py               # everything: 16 minutes on two cores, and an hour more to train all agents
    python .ci/results.py --list        # what there is
    python .ci/results.py --only suite  # the commands that match a regular expression
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: In the order in which they are made; a page may show what a command of a page before it has drawn.
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md")
_PIECE = re.compile(
    r"^```\n(?P<block>\$ .*?)^```$"
    r"|^<!-- \$ (?P<command>[^\n]*?) -->\n(?:(?P<region>(?:(?!<!-- ).)*?)(?P<end>^<!-- end -->$))?",
    re.MULTILINE | re.DOTALL,
)


def pieces(text: str) -> list[re.Match[str]]:
    """Everything in a page that is made by a command."""
    return list(_PIECE.finditer(text))


def commands(piece: re.Match[str]) -> list[str]:
    """The commands of a piece, in order."""
    if piece["command"]:
        return [piece["command"]]
    return [line[2:] for line in piece["block"].splitlines() if line.startswith("$ ")]


def remade(piece: re.Match[str], run: Callable[[str], str]) -> str:
    """The text of a piece with the fresh output of its commands."""
    if piece["block"]:
        parts = [f"$ {command}\n{run(command)}" for command in commands(piece)]
        return "```\n" + "".join(parts) + "```"
    output = run(piece["command"])
    head = f"<!-- $ {piece['command']} -->\n"
    return f"{head}{output}<!-- end -->" if piece["end"] else head


def run(command: str) -> str:
    """What a command prints, without blanks at the ends of lines; nothing for a training."""
    out = re.search(r"splitgym train .*--out (\S+)", command)
    if out and (ROOT / out[1] / "model.zip").is_file():
        print(f"  kept: {out[1]} is trained; remove it to train again", flush=True)
        return ""
    begin = time.perf_counter()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    print(f"  {time.perf_counter() - begin:.0f} s", flush=True)
    return "" if out else "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def remake(page: Path, place: int, piece: re.Match[str]) -> None:
    """Run the commands of the piece at ``place`` of a page, and write what they print into the page."""
    printed = {command: run(command) for command in commands(piece)}
    text = page.read_text(encoding="utf-8")  # read now: it may have been edited meanwhile
    now = pieces(text)[place]
    if commands(now) != commands(piece):
        sys.exit(f"{page.name} has other commands than before; run 'make results' again")
    page.write_text(text[: now.start()] + remade(now, printed.__getitem__) + text[now.end() :], encoding="utf-8")


def main() -> None:
    """Run what is asked for, piece by piece."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the commands and run nothing")
    parser.add_argument("--only", default="", metavar="REGEX", help="only pieces with a command that matches")
    args = parser.parse_args()
    for page in PAGES:
        for place, piece in enumerate(pieces(page.read_text(encoding="utf-8"))):
            if not any(re.search(args.only, command) for command in commands(piece)):
                continue
            print(f"{page.relative_to(ROOT)}: " + "\n  ".join(commands(piece)), flush=True)
            if not args.list:
                remake(page, place, piece)


if __name__ == "__main__":
    main()
