"""How the blocks of the README and of the site's pages are read and run, by sybil.

* ``python`` is run, block after block of a page in one namespace, in a folder of its own.  A block whose first line is
  ``# file: NAME`` is written to that file instead; so are ``toml`` blocks.
* ``sh``: each command of splitgym parses.  With ``<!-- run -->`` on the line above, it is run as well.
* A block without a language begins with ``$`` and holds what these commands print; ``make results`` runs them.
* ``<!-- invisible-code-block: python ... -->`` is run and not shown.
* ``<!-- skip: next "reason" -->`` leaves the next block out.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterable
from pathlib import Path

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer

from splitgym.cli import main, parser
from tests.helpers import ROOT

#: Made by the build, so not read here.
MADE = ("_build", "reference", "notebooks")
PAGES = [
    ROOT / "README.md",
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if p.relative_to(ROOT / "docs").parts[0] not in MADE),
]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]

_FILE = re.compile(r"# file: ([\w.\-/]+)\n")
_python = PythonEvaluator()


def commands(text: str) -> list[list[str]]:
    """Arguments of each splitgym command in lines of a shell, also of those behind ``$ `` and ``&&``."""
    lines = text.replace("\\\n", " ").splitlines()
    parts = [part.strip() for line in lines for part in line.removeprefix("$ ").partition("#")[0].split("&&")]
    return [shlex.split(part)[1:] for part in parts if part.startswith("splitgym ")]


def _written(example: Example) -> bool:
    """Write a block that says its file's name; whether it did."""
    found = _FILE.match(example.parsed)
    if found:
        path = Path(found[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.parsed, encoding="utf-8")
    return bool(found)


def _run_python(example: Example) -> None:
    if not _written(example):
        _python(example)


def _run_shell(example: Example) -> str | None:
    asked = example.document.text[: example.start].endswith("<!-- run -->\n")
    for arguments in commands(example.parsed):
        parser().parse_args(arguments)
        if asked and (status := main(arguments)):
            return f"exit status {status}: splitgym {shlex.join(arguments)}"
    return None


def _read_toml(example: Example) -> None:
    tomllib.loads(example.parsed)
    _written(example)


def _read_output(example: Example) -> str | None:
    if not example.parsed.startswith("$ "):
        return "a block without a language begins with '$ COMMAND', or names its language"
    lines = [line for line in example.parsed.splitlines() if line.startswith("$ ")]
    for arguments in commands("\n".join(lines)):
        parser().parse_args(arguments)
    return None


def _nothing(example: Example) -> None:
    pass


#: Language -> what is done with a block.
EVALUATORS = {
    "python": _run_python,
    "sh": _run_shell,
    "toml": _read_toml,
    "": _read_output,
    "text": _nothing,
    "bibtex": _nothing,
}
_FENCES = RawFencedCodeBlockLexer(re.compile(r"(?P<language>[^\n]*)$\n", re.MULTILINE))
_COMMENTS = DirectiveInHTMLCommentLexer(directive="invisible-code-block", arguments=".+")


def blocks(document: Document) -> Iterable[Region]:
    """Every fenced block but the directives, and every invisible one."""
    for region in _FENCES(document):
        language = region.lexemes["language"].strip()
        if language.startswith("{"):
            continue
        if language not in EVALUATORS:
            raise ValueError(f"{document.path}: no rule for blocks in {language!r}")
        region.parsed, region.evaluator = region.lexemes["source"], EVALUATORS[language]
        yield region
    for region in _COMMENTS(document):
        region.parsed, region.evaluator = region.lexemes["source"], EVALUATORS[region.lexemes["arguments"].strip()]
        yield region


SYBIL = Sybil(parsers=[blocks, SkipParser()])
