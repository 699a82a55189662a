"""The README is short, and its links and those of the pages lead somewhere on a code host too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splitgym.worlds.world import WORLDS
from tests.docs.pages import NAMES, PAGES
from tests.helpers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
_FENCE = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)


def slug(heading: str) -> str:
    """The anchor that GitHub and MyST give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """Every heading of a page in Markdown, as an anchor."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def labels() -> set[str]:
    """Names that MyST knows on all pages: ``(name)=`` above a heading."""
    return {label for page in PAGES for label in re.findall(r"^\((\S+)\)=$", page.read_text("utf-8"), re.MULTILINE)}


def links(text: str) -> list[str]:
    """Relative targets of the links and pictures of a page in Markdown."""
    text = _FENCE.sub("", text)
    found = re.findall(r"\]\(([^()\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.MULTILINE)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def test_it_is_short() -> None:
    lines = README.splitlines()
    assert 150 <= len(lines) <= 250
    assert [line for line in lines if len(line) > 100] == []


def test_it_shows_every_environment_and_one_table_of_results() -> None:
    for name in WORLDS:
        assert f"`{WORLDS[name].env_id}`" in README
    assert len(re.findall(r"^\| policy \|", README, re.MULTILINE)) == 1
    assert README.count("![") == 1


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target) | labels(), link


def test_the_readers_of_links_see_them() -> None:
    assert len(links(README)) > 20
    assert slug("A fading or arrival model") == "a-fading-or-arrival-model"
    assert links("[a](b.md#c)\n```\n[x](y)\n```\n[d]: e.md\n![p](q.png) [w](https://x.org)") == [
        "b.md#c",
        "q.png",
        "e.md",
    ]


def test_what_is_to_be_cited_is_the_same_for_people_and_machines() -> None:
    page, machines = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/cite.md", "CITATION.cff"))
    papers = set(re.findall(r"arxiv\.org/abs/([\d.]+)", page))
    assert papers == set(re.findall(r"arXiv:([\d.]+)", machines)) != set()
    assert set(re.findall(r"doi\.org/([^)\s]+)", page)) == set(re.findall(r'"(10\.\d+/[^"]+)"', machines))
    for paper in papers:
        assert any(paper in file.read_text(encoding="utf-8") for file in (ROOT / "docs" / "methods").glob("*.md"))
