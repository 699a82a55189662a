"""How the package is put together: who imports whom, what draws, where colours live."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import networkx as nx
import pytest

import splitgym
from splitgym.digests import code_version
from splitgym.show import palette
from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT

#: From left to right, each imports only what stands left of it; None of these is imported by what computes.
SHOWS = ("splitgym.show", "splitgym.cli", "splitgym.bench")


def modules() -> dict[str, Path]:
    """Every module of the package by name."""
    found = {"splitgym": ROOT / "splitgym" / "__init__.py"}
    for info in pkgutil.walk_packages(splitgym.__path__, "splitgym."):
        spec = info.module_finder.find_spec(info.name)  # pyright: ignore[reportCallIssue]
        assert spec is not None
        assert spec.origin is not None
        found[info.name] = Path(spec.origin)
    return found


def imported(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a module imports, inside functions too; not those for type checkers alone."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree, hidden, found = ast.parse(path.read_text(encoding="utf-8")), set[int](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            hidden |= {id(inner) for part in node.body for inner in ast.walk(part)}
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in known else base for a in node.names}
    return found & set(known)


@pytest.fixture(scope="module")
def graph() -> nx.DiGraph:
    known = modules()
    assert len(known) > 200
    return nx.DiGraph((a, b) for a, path in known.items() for b in imported(a, path, known))


def test_every_folder_of_code_is_a_package() -> None:
    """Else its modules would be found by nobody who walks them, such as these tests."""
    folders = {path.parent for name in ("splitgym", "baselines", "agents") for path in (ROOT / name).rglob("*.py")}
    without = {folder.relative_to(ROOT).as_posix() for folder in folders if not (folder / "__init__.py").is_file()}
    scripts = {"agents/recipes", "splitgym/agents/recipes"}  # of libraries that are not here: nobody may import them
    assert without - scripts == set()


def test_no_module_imports_itself_in_the_end(graph: nx.DiGraph) -> None:
    assert [sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1] == []
    assert list(nx.selfloop_edges(graph)) == []


def test_nothing_imports_the_root(graph: nx.DiGraph) -> None:
    """It imports nearly everything, so whoever imports it imports himself; the version has a module of its own."""
    assert set(graph.predecessors("splitgym")) == set()


def test_what_computes_does_not_import_what_shows(graph: nx.DiGraph) -> None:
    shows = {name for name in graph if name.startswith(SHOWS)}
    assert sum(name.startswith("splitgym.show.") for name in shows) > 40
    above = shows | {name for name in graph if name.startswith("splitgym.agents")} | {"splitgym.__main__"}
    assert [(a, b) for a, b in graph.edges if b in shows and a not in above] == []


def test_doors_to_what_shows_lead_somewhere() -> None:
    """Results and worlds name what draws them by a text, so that they import nothing that draws."""
    from splitgym.evaluation.output import Output, RowOutput

    for world in WORLDS:
        assert callable(importlib.import_module(WORLDS[world].figure).Viewer)
    for output in (*Output.__subclasses__(), *RowOutput.__subclasses__()):
        for place in (getattr(output, "_table", ""), getattr(output, "_figure", "")):
            module, _, name = place.rpartition(".")
            assert not place or callable(getattr(importlib.import_module(f"splitgym.show.{module}"), name))
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "splitgym" / "evaluation").glob("*.py"))
    for module, name in re.findall(r'\bdrawn\("([\w.]+)\.(\w+)"', source):
        assert callable(getattr(importlib.import_module(f"splitgym.show.{module}"), name))


def test_colours_have_one_home() -> None:
    elsewhere = {
        (path.name, colour)
        for folder in ("splitgym", "baselines", "agents")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "palette.py"
        for colour in re.findall(r'"#[0-9A-Fa-f]{3,8}"', path.read_text(encoding="utf-8"))
    }
    assert elsewhere == set()
    assert len(palette.SERIES) == len(palette.DARK_SERIES) == len(set(palette.SERIES))


def test_a_changed_colour_leaves_stores_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version of the code that a store remembers: what decides figures counts, what draws or describes does not."""
    copy = tmp_path / "splitgym"
    for path in (ROOT / "splitgym").rglob("*.py"):
        if not {"baselines", "agents"} & set(path.relative_to(ROOT / "splitgym").parts):
            there = copy / path.relative_to(ROOT / "splitgym")
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(path.read_bytes())
    monkeypatch.setattr("splitgym.digests._PACKAGE", copy)
    before = code_version.__wrapped__()
    for drawing in ("show/palette.py", "show/inference/picture.py", "worlds/inference/about.py", "envs/describe.py"):
        file = copy / drawing
        file.write_text(file.read_text(encoding="utf-8").replace("#222222", "#232323") + "\n", encoding="utf-8")
    assert code_version.__wrapped__() == before
    formula = copy / "physics" / "radio.py"
    formula.write_text(formula.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert code_version.__wrapped__() != before


def test_the_core_brings_no_library_that_draws() -> None:
    script = (
        "import sys, splitgym, gymnasium as gym\n"
        "env = gym.make('SplitInference-v0'); env.reset(seed=0); env.step(env.action_space.sample())\n"
        "import splitgym.evaluation\n"
        "draws = {'matplotlib', 'plotly', 'rich', 'jinja2', 'pandas'}\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in draws or m.startswith('splitgym.show')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_no_function_hides_the_module_of_its_name() -> None:
    """``import splitgym.evaluation.sweeps as s`` gives the module, in every package."""
    hidden = []
    for name in modules():
        parent, _, last = name.rpartition(".")
        if parent and last != "__main__":
            importlib.import_module(name)
            found = getattr(importlib.import_module(parent), last)
            hidden += [] if isinstance(found, ModuleType) else [name]
    assert hidden == []
