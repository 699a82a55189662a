"""Objects of a user's own code by the words of a command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from splitgym.objects import called, object_of
from splitgym.plugins import loaded


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_file_module_folder_and_dots(folder: Path) -> None:
    """It may import what lies beside it, is no plug-in, and runs once while its text is the same."""
    (folder / "beside_it.py").write_text("value = 7\n")
    (folder / "mine.py").write_text("import beside_it\nclass A:\n    b = [beside_it.value]\n")
    package = folder / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import thing\n")
    (package / "inner.py").write_text("thing = 'deep'\n")
    before = loaded()
    one = object_of("--data", "mine.py:A.b")
    assert one == [7]
    assert object_of("--data", "mine.py:A.b") is one
    assert object_of("--data", "pack:thing") == "deep"
    assert object_of("--data", "beside_it:value") == 7
    assert loaded() == before
    (folder / "mine.py").write_text("class A:\n    b = 'new'\n")
    assert object_of("--data", "mine.py:A.b") == "new"


@pytest.mark.parametrize("option", ["--callback", "--data", "MODEL"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hooks.py", " needs FILE.py:NAME or MODULE:NAME, got 'hooks.py'"),
        (":x", " needs FILE.py:NAME or MODULE:NAME"),
        ("hooks.py:", " needs FILE.py:NAME or MODULE:NAME"),
        ("hooks.py:Erly", r": 'hooks.py' has no 'Erly'; did you mean 'Early'\? \(it has: Early, other\)"),
        ("hooks.py:Early.x", ": 'hooks.py' has no 'x'"),
        ("nothing.py:x", ": 'nothing.py' cannot be loaded: FileNotFoundError"),
        ("no_such_module:x", ": 'no_such_module' cannot be loaded: ModuleNotFoundError"),
        ("broken.py:x", ": 'broken.py' cannot be loaded: ZeroDivisionError: division by zero"),
    ],
)
def test_mistakes_name_the_option(option: str, given: str, said: str, folder: Path) -> None:
    (folder / "hooks.py").write_text("Early, other = 1, 2\n")
    (folder / "broken.py").write_text("1 / 0\n")
    with pytest.raises(ValueError, match=f"^{option}{said}"):
        object_of(option, given)
    assert not any(name.startswith("splitgym_file_broken") for name in sys.modules)


def test_a_function_that_fails() -> None:
    def fails() -> Any:
        raise RuntimeError("no data today")

    assert called("--data", "mine:f", lambda: 5) == 5
    with pytest.raises(ValueError, match=r"^--data: 'mine:f' fails: RuntimeError: no data today$"):
        called("--data", "mine:f", fails)
