"""Every block of the README and of the pages runs, or says why not; figures in words stand in the tables above."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from unittest import SkipTest

import pytest

from splitgym.cli import COMMANDS
from splitgym.worlds.world import WORLDS
from tests.docs.pages import NAMES, PAGES, SYBIL, commands
from tests.helpers import ROOT, ci_script


@pytest.fixture(scope="module")
def remaker():
    """The script behind ``make results``."""
    return ci_script("results")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for example in SYBIL.parse(page):
        with contextlib.suppress(SkipTest):
            example.evaluate()


def test_every_environment_has_a_page() -> None:
    texts = "".join(page.read_text("utf-8") for page in (ROOT / "docs" / "environments").glob("*.md"))
    for name in WORLDS:
        assert f"<!-- generated: environment {WORLDS[name].env_id} -->" in texts
        assert f"<!-- generated: policies {WORLDS[name].env_id} -->" in texts


def test_a_block_that_fails_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader itself: each kind of fault is one."""
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    for block, fault in {
        "```python\nassert 1 == 2\n```": AssertionError,
        "<!-- invisible-code-block: python\nassert 1 == 2\n-->": AssertionError,
        "```sh\nsplitgym evaluate --no-such-option\n```": SystemExit,
        "<!-- run -->\n```sh\nsplitgym evaluate no_such_policy\n```": AssertionError,
        "```toml\na = \n```": ValueError,
        "```\nno command\n```": AssertionError,
        "```klingon\nnuqneH\n```": ValueError,
    }.items():
        page.write_text(f"words\n\n{block}\n", encoding="utf-8")
        with pytest.raises(fault):
            [example.evaluate() for example in SYBIL.parse(page)]
    page.write_text("```python\n# file: a/b.py\n1 / 0\n```\n\n```toml\n# file: c.toml\nd = 1\n```\n", encoding="utf-8")
    [example.evaluate() for example in SYBIL.parse(page)]
    assert (tmp_path / "a" / "b.py").read_text() == "# file: a/b.py\n1 / 0\n"
    assert (tmp_path / "c.toml").is_file()


# ------------------------------------------------------------------ what commands print, and make results runs again
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_table_and_picture_has_its_command(page: Path, remaker) -> None:
    text = page.read_text(encoding="utf-8")
    pieces = remaker.pieces(text)
    assert text.count("━━┓") == sum(piece[0].count("━━┓") for piece in pieces)  # no table outside of a piece
    for piece in pieces:
        made = piece["region"] if piece["end"] else piece["block"]
        if made is not None:
            assert len(made.splitlines()) > len(remaker.commands(piece)), f"no output yet: {remaker.commands(piece)}"


def test_every_picture_has_its_command(remaker) -> None:
    drawn = "\n".join(c for page in PAGES for p in remaker.pieces(page.read_text("utf-8")) for c in remaker.commands(p))
    shown = {
        (page.parent / picture).resolve()
        for page in PAGES
        for picture in re.findall(r"!\[[^\]]*\]\((.*?)\)", page.read_text("utf-8"))
    }
    for picture in shown:
        assert picture.is_file(), picture
        assert picture.relative_to(ROOT).as_posix() in drawn
    assert set((ROOT / "docs" / "images").iterdir()) == shown  # none that nobody sees


def test_what_is_not_run_says_why() -> None:
    for page in PAGES:
        for reason in re.findall(r"<!-+ skip: \w+(.*?)-+>", page.read_text("utf-8")):
            assert len(reason) > 10, page


def test_many_commands_are_shown() -> None:
    """Or the reader of the pages has gone blind."""
    assert len(commands("\n".join(page.read_text(encoding="utf-8") for page in PAGES))) > 40


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_in_sentences_exist(page: Path) -> None:
    """A sentence that names a command of a later or an earlier day sends its reader nowhere."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`splitgym\s+([a-z][\w-]*)", prose))
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_figures_in_words_are_in_the_table_above(page: Path, remaker) -> None:
    """Decimals in the paragraphs behind a table stand in that table or the next: no figure is typed and left to age."""
    text = page.read_text(encoding="utf-8")
    pieces = [p for p in remaker.pieces(text) if p["block"] or p["end"]]
    for piece, after in zip(pieces, [*pieces[1:], None], strict=False):
        words = text[piece.end() : after.start() if after else len(text)]
        words = re.split(r"^#|^```|^\||^[^\n]*:\n", words, maxsplit=1, flags=re.MULTILINE)[0]
        numbers = {n.lstrip("+-") for n in re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.]*\w)", words)}
        printed = set(re.findall(r"\d+\.\d+", piece[0] + (after[0] if after else "")))
        rounded = {f"{float(n):.1f}" for n in printed} | {f"{float(n):.2f}" for n in printed}
        assert numbers <= printed | rounded, (remaker.commands(piece), numbers - printed)


def test_remaking_replaces_output_and_nothing_else(remaker) -> None:
    text = "a\n\n```\n$ one\nold\n$ two\n```\nb\n<!-- $ three -->\nold\n<!-- end -->\n<!-- $ four -->\n![x](y)\n"
    for place in range(3):
        piece = remaker.pieces(text)[place]
        text = text[: piece.start()] + remaker.remade(piece, lambda c: f"{c} output\n") + text[piece.end() :]
    assert text == (
        "a\n\n```\n$ one\none output\n$ two\ntwo output\n```\nb\n"
        "<!-- $ three -->\nthree output\n<!-- end -->\n<!-- $ four -->\n![x](y)\n"
    )
