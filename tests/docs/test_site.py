"""The site as a browser gets it: links, anchors, nothing from a network, everything registered."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from splitgym.cli.listing import catalogue
from splitgym.worlds.world import WORLDS
from tests.browser import Browser, executable
from tests.helpers import ROOT

pytest.importorskip("sphinx")
pytest.importorskip("furo")


class Reader(HTMLParser):
    """Ids, links and sources of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids |= {value for key in ("id", "name") if (value := found.get(key))}
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        elif found.get("src") or (tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon")):
            self.loaded.append(str(found.get("src") or found["href"]))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` builds it: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", folder / "doctrees", "docs", folder], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Reader]:
    return {path: Reader(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_make_docs_builds_it_like_this() -> None:
    assert "$(RUN) sphinx -W --keep-going -n -q -b html docs docs/_build/html" in (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^(.* )?make .*\bdocs\b.*\btest", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)


def test_every_link_leads_to_a_page_and_an_anchor(site: Path, pages: dict[Path, Reader]) -> None:
    assert len(pages) > 40
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and target in pages and anchor not in pages[target].ids):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_a_network(site: Path, pages: dict[Path, Reader]) -> None:
    for path, page in pages.items():
        assert [source for source in page.loaded if urlsplit(source).netloc] == [], path
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_everything_registered_appears(site: Path, pages: dict[Path, Reader]) -> None:
    words = {word for page in pages.values() for word in page.words}
    for kind, entries in catalogue().items():
        for name in entries:
            assert name in words or f'"{name}"' in words, f"{name} of the {kind}"
    for name in WORLDS:
        texts = [" ".join(p.words) for p in pages.values() if any(w == WORLDS[name].env_id for w in p.words)]
        for column in WORLDS[name].info_columns:
            assert any(column.name in text for text in texts), column.name


@pytest.mark.skipif(executable() is None, reason="needs a Chromium")
def test_a_browser_shows_and_searches_it(site: Path) -> None:
    with Browser(str(executable())) as browser:
        for name in (
            "index",
            "environments/split-inference",
            "evaluation/bounds",
            "methods/enachi",
            "notebooks/quickstart",
        ):
            for width in (390, 1280):
                browser.open(site / f"{name}.html", width, until="document.readyState == 'complete'")
                assert browser.value("document.documentElement.scrollWidth") <= width, (name, width)
                assert browser.errors == []
                assert [request for request in browser.requests if request.startswith("http")] == []
        browser.open(
            site / "search.html", 1280, query="q=water-filling", until="document.querySelector('#search-results li')"
        )
        assert browser.errors == []
