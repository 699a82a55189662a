"""Citations such as (s3.4) lead to a section of the page that their file declares, and pages to code that exists."""

from __future__ import annotations

import functools
import io
import pkgutil
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: What code calls a specification -> its page; "design" is the page of the model, cited as (d2).
PAGES = {"ENACHI": "methods/enachi", "DynaSplit": "methods/dynasplit", "FIN": "methods/fin", "design": "model"}
METHODS = "|".join(name for name in PAGES if name != "design")
NUMBER = r"\d{1,2}(?:\.\d{1,2})*"
#: (s3.4), (d2, s6.1), (FIN s1.2-1.4), (ENACHI specification, s6), (s3.1; exits ours), or a comment of nothing else.
SHORT = re.compile(
    rf"(?:\(|^#\s*)(?:({METHODS})(?: specification)?,? )?"
    rf"([sd]{NUMBER}(?:-{NUMBER})?(?:, [sd]{NUMBER}(?:-{NUMBER})?)*)(?:[,;:] [^()]*)?(?:\)|$)",
    re.MULTILINE,
)
#: section 6.2, sections 3.1, 4 and 5; specification 7.3; with "of the design" behind it that of the model.
LONG = re.compile(
    rf"\b(?:[Ss]ections?|[Ss]pecification,?)\s+({NUMBER}(?:(?:, | and |, and )(?:[Ss]ection )?{NUMBER})*)"
    rf"(?=\W|$)(?!\s*[%\d])(\s+of\s+the\s+design)?"
)


class Citation(NamedTuple):
    """Where a section is cited, and which: its number, and the specification (empty: not said)."""

    place: str
    specification: str
    number: str


def texts(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every comment and string of a Python source, of every line of another file."""
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.start[0], token.string


def docstring(source: str) -> str:
    """Docstring of a module."""
    found = re.match(r'\s*"""(.*?)"""', source, re.DOTALL)
    return found.group(1) if found else ""


def declared(path: Path, source: str) -> list[str]:
    """Methods that a module's docstring names, or else its package's; in another file those it names anywhere."""
    if path.suffix != ".py":
        return sorted(set(re.findall(METHODS, source)))
    package = path.with_name("__init__.py")
    around = docstring(package.read_text(encoding="utf-8")) if package.exists() else ""
    return sorted(set(re.findall(METHODS, docstring(source)))) or sorted(set(re.findall(METHODS, around)))


def citations(path: Path, source: str) -> Iterator[Citation]:
    """Every citation of a source; its specification is named beside it, in the same text, or by the file."""
    file_names = declared(path, source)
    where = path.relative_to(ROOT) if path.is_absolute() else path
    for first, text in texts(path, source):
        names = sorted(set(re.findall(METHODS, text))) or file_names
        default = names[0] if len(names) == 1 else file_names[0] if len(file_names) == 1 else ""
        for found in SHORT.finditer(text):
            place = f"{where}:{first + text.count(chr(10), 0, found.start())}"
            for letter, numbers in re.findall(rf"([sd])({NUMBER}(?:-{NUMBER})?)", found.group(2)):
                name = "design" if letter == "d" else found.group(1) or default
                yield from (Citation(place, name, number) for number in numbers.split("-"))
        for found in LONG.finditer(text):
            place = f"{where}:{first + text.count(chr(10), 0, found.start())}"
            name = "design" if found.group(2) else default
            yield from (Citation(place, name, number) for number in re.findall(NUMBER, found.group(1)))


@functools.cache
def targets() -> dict[str, dict[str, str]]:
    """Specification -> section number -> its heading."""
    found: dict[str, dict[str, str]] = {}
    for name, page in PAGES.items():
        text, letter = (DOCS / f"{page}.md").read_text(encoding="utf-8"), "d" if name == "design" else "s"
        labels = re.findall(rf"^\({page.split('/')[-1]}-{letter}([\d-]+)\)=\n#+ (.*)$", text, re.MULTILINE)
        found[name] = {number.replace("-", "."): heading for number, heading in labels}
    return found


def sources() -> list[Path]:
    """Every file that may cite: the package's, the tests', and the tables that ship."""
    code = [path for folder in ("splitgym", "baselines", "agents", "tests") for path in (ROOT / folder).rglob("*.py")]
    linked = {ROOT / "splitgym" / "baselines", ROOT / "splitgym" / "agents"}
    own = Path(__file__).resolve()
    tables = list((ROOT / "splitgym" / "data").rglob("*.toml"))
    return [path for path in [*code, *tables] if not linked & set(path.parents) and path.resolve() != own]


def faults(path: Path, source: str) -> list[str]:
    """What is wrong with the citations of a source."""
    known, found = targets(), []
    for place, name, number in citations(path, source):
        if not name:
            found.append(f"{place} cites section {number}, of which page? Name ENACHI, DynaSplit or FIN beside it")
        elif number not in known[name]:
            found.append(f"{place} cites section {number} of {name}, which docs/{PAGES[name]}.md does not have")
    return found


@pytest.fixture(scope="module")
def files() -> dict[Path, str]:
    """Every file that may cite, with its text; those without any sign of a citation are left out."""
    read = {path: path.read_text(encoding="utf-8") for path in sources()}
    return {path: source for path, source in read.items() if re.search(r"[sd]\d|ection|ecification", source)}


def test_citations_lead_somewhere(files: dict[Path, str]) -> None:
    assert [fault for path, source in files.items() for fault in faults(path, source)] == []


def test_the_known_citations_are_found(files: dict[Path, str]) -> None:
    """The forms in use: a reader that finds none of them would let everything pass."""
    cited = {citation for path, source in files.items() for citation in citations(path, source)}
    assert {name for _, name, _ in cited} == set(PAGES)
    assert len(cited) > 200


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('"""FIN.\n\n(s1.3) means this."""\n\n"""Cost.  (s9.9)"""', ["x.py:5 cites section 9.9 of FIN, which"]),
        ('"""Nobody."""\n# cheap (s3.1)', ["x.py:2 cites section 3.1, of which page"]),
        ('"""ENACHI, section 2 of the design."""\n# (d2, s6.1; ours), sections 3.1, 4 and 77', ["77 of ENACHI"]),
        ('"""Of ENACHI and DynaSplit."""\n# (FIN s1.2-1.9)', ["x.py:2 cites section 1.9 of FIN"]),
        ('"""ENACHI."""\n# f(d1 + d2), ppo-s1, 3 sections, DynaSplit specification section 44', ["44 of DynaSplit"]),
    ],
)  # fmt: skip
def test_a_citation_of_nothing_is_named(text: str, wanted: list[str]) -> None:
    found = faults(Path("x.py"), text)
    assert len(found) == len(wanted), found
    assert all(part in fault for part, fault in zip(wanted, found, strict=True)), found


@pytest.mark.parametrize("name", PAGES)
def test_headings_have_the_numbers_of_their_targets(name: str) -> None:
    sections = targets()[name]
    assert sections
    assert all(heading.startswith(f"{number} ") for number, heading in sections.items())
    order = [tuple(map(int, number.split("."))) for number in sections]
    assert order == sorted(order)


@pytest.mark.parametrize("page", PAGES.values())
def test_pages_name_code_that_exists(page: str) -> None:
    """Paths, modules, and functions that a page finds "in" a file."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"`((?:splitgym|baselines|agents|tests)/[\w/.]*)`", text))
    assert paths
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    for name in sorted(set(re.findall(r"`(splitgym(?:\.\w+)*)`", text))):
        pkgutil.resolve_name(name)
    functions = re.findall(r"((?:`\w+`,?\s+(?:and\s+)?)+)in\s+`([\w/]+\.py)`", text)
    assert functions or page == PAGES["design"]
    missing = [
        f"{name} in {path}"
        for names, path in functions
        for name in re.findall(r"`(\w+)`", names)
        if not re.search(rf"^(?:def|class) {name}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []
