"""The list of recipes, the recipes and their checks fit together; `make test-recipes` runs them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT, ci_script

FOLDER = ROOT / "agents" / "recipes"
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))
#: Keys of an entry -> the type of their values; those in OPTIONAL may be missing.
ENTRIES = {
    "venv": {"requires": list, "overrides": list, "every_run": bool},
    "library": {"name": str, "package": str, "venv": str, "checks": str, "limit_s": int},
    "recipe": {"library": str, "title": str, "shows": list, "steps": int, "limit_s": int, "real_steps": int},
}
OPTIONAL = {"overrides", "every_run", "checks", "real_steps"}


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return ci_script("recipes")


@pytest.fixture(scope="module")
def known(runner: ModuleType) -> dict[str, Any]:
    return runner.LIST


def test_the_list_is_complete(known: dict[str, Any]) -> None:
    assert set(known) == set(ENTRIES)
    for kind, keys in ENTRIES.items():
        for name, entry in known[kind].items():
            assert {key: type(value) for key, value in entry.items()}.items() <= keys.items(), f"{kind}.{name}"
            assert set(keys) - set(entry) <= OPTIONAL, f"{kind}.{name}"
    assert {entry["venv"] for entry in known["library"].values()} == set(known["venv"])
    assert {entry["library"] for entry in known["recipe"].values()} <= set(known["library"])


def test_every_recipe_is_listed_and_every_entry_is_a_file(known: dict[str, Any]) -> None:
    assert sorted(known["recipe"]) == FILES
    assert len(FILES) > 0


def test_requirements_have_lower_bounds(known: dict[str, Any]) -> None:
    needs = [need for entry in known["venv"].values() for need in entry["requires"]]
    assert [need for need in needs if not re.search(r">=|==", need)] == []


def test_a_recipe_or_a_check_shows_every_capability(runner: ModuleType, known: dict[str, Any]) -> None:
    """A cell of the table without either would be filled by nobody."""
    for library, about in known["library"].items():
        shown = {each for entry in runner.recipes_of(library).values() for each in entry["shows"]}
        assert shown <= set(runner.tables.CAPABILITIES)
        path = ROOT / "tests" / "recipes" / f"{about.get('checks')}.py"
        tree = ast.parse(path.read_text(encoding="utf-8") if path.is_file() else "")
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert set(runner.missing(library)) <= functions, f"{library}: write these into {path.name}"


@pytest.mark.parametrize("name", FILES)
def test_a_recipe_keeps_its_form(name: str, runner: ModuleType) -> None:
    """Short, with a docstring, the four options and the line at its end; its name hides no library."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) < 150
    assert ast.get_docstring(tree)
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert {"--steps", "--seed", "--out", "--episodes", name} | runner.KEYS <= texts
    imported = {alias.name.partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    assert name not in imported
    assert 'if __name__ == "__main__":' in text


def test_the_table_of_the_page_is_that_of_the_runs(runner: ModuleType, known: dict[str, Any]) -> None:
    page = runner.tables.PAGE.read_text(encoding="utf-8")
    assert runner.tables.region("--table").search(page)[0] == runner.tables.capability_table(known)
    assert runner.tables.region("--returns").search(page)[0] == runner.tables.returns_table(known)
    assert {path.stem for path in runner.tables.OUTCOMES.glob("*.json")} <= set(known["library"])
    for library, entry in runner.tables.outcomes(known).items():
        assert set(entry["cells"]) <= set(runner.tables.CAPABILITIES)
        assert {cell["outcome"] for cell in entry["cells"].values()} <= {"yes", "no", "skipped"}, library


# -------------------------------------------------------------------- the runner itself
def script(folder: Path, code: str) -> Path:
    path = folder / "some_recipe.py"
    path.write_text(code, encoding="utf-8")
    return path


LINE = {
    "recipe": "some_recipe", "library": "x", "version": "1", "steps": 10, "seed": 1, "steps_per_s": 1.0,
    "train_s": 1.0, "return_mean": 0.5, "episodes": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (LINE, ""),
        ({**LINE, "return_mean": float("nan")}, "return nan"),
        ({**LINE, "steps": 9}, "9 of 10 steps"),
        ({**LINE, "seed": 2}, "of another run"),
        ({**LINE, "recipe": "another"}, "of another run"),
        ({key: value for key, value in LINE.items() if key != "version"}, "lacks version"),
        (None, "no line of JSON"),
    ],
)
def test_a_recipe_counts_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: ModuleType, printed: Any, reason: str
) -> None:
    monkeypatch.setattr(runner, "FOLDER", tmp_path)
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    script(tmp_path, f"print('words')\nprint({json.dumps(printed)!r})" if printed else "print('words')")
    if reason:
        with pytest.raises(runner.Failed, match=reason):
            runner.recipe(Path(sys.executable), "some_recipe", 10, 1, 2, 60)
    else:
        assert runner.recipe(Path(sys.executable), "some_recipe", 10, 1, 2, 60) == LINE


def test_a_recipe_that_fails_or_hangs_gives_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: ModuleType
) -> None:
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    with pytest.raises(runner.Failed, match="ValueError: no such thing; see "):
        runner.run([sys.executable, "-c", "raise ValueError('no such thing')"], 60, tmp_path / "log")
    with pytest.raises(runner.Failed, match=r"more than 0\.5 s"):
        runner.run([sys.executable, "-c", "import time; time.sleep(60)"], 0.5, tmp_path / "log")


def test_outcomes_of_checks(tmp_path: Path) -> None:
    """Yes with its words, no with the reason, failed with the error; by the command that the runner gives."""
    (tmp_path / "tests" / "recipes").mkdir(parents=True)
    for name in ("__init__", "__main__"):
        text = (ROOT / "tests" / "recipes" / f"{name}.py").read_text(encoding="utf-8")
        (tmp_path / "tests" / "recipes" / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "tests" / "__init__.py").touch()
    (tmp_path / "tests" / "recipes" / "some.py").write_text(
        "from tests.recipes import NotSupportedError\n"
        "def masks():\n    return 'never'\n"
        "def vector():\n    raise NotSupportedError('no batch')\n"
        "def workers():\n    raise OSError('gone')\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "tests.recipes", "some", "masks", "vector", "workers", "multi_agent"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = [json.loads(line.partition(" ")[2]) for line in done.stdout.splitlines() if line.startswith("RECIPE-CHECK")]
    assert [(line["outcome"], line["words"]) for line in lines[:3]] == [
        ("yes", "never"), ("no", "no batch"), ("failed", "OSError: gone"),
    ]  # fmt: skip
    assert lines[3]["outcome"] == "failed"


def test_recipes_are_no_part_of_what_is_imported() -> None:
    """They import libraries that are not installed; `import splitgym` and whoever walks it must not meet them."""
    assert not (FOLDER / "__init__.py").exists()
    assert len(WORLDS) >= 5
