"""What is declared, what is locked, what is imported; warnings and skips of the suite; the ends of the ranges."""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers import ROOT, ci_script, our_modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS, LOCK = ROOT / ".ci" / "constraints.txt", ROOT / ".ci" / "lock.txt"
PYTHONS = ("3.11", "3.12", "3.13")
#: Top-level module -> distributions that are installed and bring it.
BRINGERS = packages_distributions()
#: Folders that users get: they may use the core and all extras but those for developers.
SHIPPED = ("splitgym", "baselines", "agents")
#: Folders for developers: they may use what `make install` and `make bench` bring.
OURS = ("tests", ".ci", "notebooks")
#: Scripts of other libraries and their checks, which run in environments of their own; tests/house/test_recipes.py.
RECIPES = (("agents", "recipes"), ("tests", "recipes"))
#: Functions that import, or look for, the module that their first argument names.
_IMPORTERS = {"need", "import_module", "importorskip", "find_spec", "__import__"}


# -------------------------------------------------------------------- what is declared
def needs(*extras: str) -> list[Requirement]:
    """What the core and some extras ask for, with the extras that these name in turn."""
    table, found = PROJECT["project"], list[Requirement]()
    for line in [*table["dependencies"], *(line for e in extras for line in table["optional-dependencies"][e])]:
        need = Requirement(line)
        found += needs(*sorted(need.extras)) if need.name == table["name"] else [need]
    return found


@functools.cache
def distributions(*extras: str) -> set[str]:
    return {canonicalize_name(need.name) for need in needs(*extras)}


def provided_by(module: str) -> set[str]:
    """The distributions that bring a top-level module; one that is not installed is taken to bear its name."""
    return {canonicalize_name(name) for name in BRINGERS.get(module, [module])}


# -------------------------------------------------------------------- what is imported
def python_files() -> Iterator[tuple[str, str]]:
    """Name and code of every Python file and notebook of the repository."""
    for folder in (*SHIPPED, *OURS):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.relative_to(ROOT).parts[:2] not in {("splitgym", "baselines"), ("splitgym", "agents"), *RECIPES}:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        for path in sorted((ROOT / folder).glob("*.ipynb")):
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            lines = [line for c in cells if c["cell_type"] == "code" for line in [*c["source"], "\n"]]
            yield path.relative_to(ROOT).as_posix(), "".join(line for line in lines if line[0] not in "%!")


def imports(code: str) -> Iterator[tuple[str, str | None]]:
    """Top-level module and named extra of every import, wherever it stands, also by :func:`splitgym.extras.need`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0], None
        elif isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
            if called in _IMPORTERS and isinstance(texts[0], str):
                yield texts[0].partition(".")[0], texts[1] if called == "need" else None


@functools.cache
def all_imports() -> dict[str, list[tuple[str, str | None]]]:
    return {name: list(imports(code)) for name, code in python_files()}


def undeclared(name: str, imported: Iterable[tuple[str, str | None]]) -> list[str]:
    """Imports of a file that pyproject.toml does not cover."""
    for_users = [extra for extra in PROJECT["project"]["optional-dependencies"] if extra not in ("dev", "docs", "all")]
    local = {*SHIPPED, "tests", "splitgym_example", *(path.stem for path in (ROOT / ".ci").glob("*.py"))}
    found = []
    for module, extra in imported:
        if module in local or module in sys.stdlib_module_names:
            continue
        allowed = [extra] if extra else for_users if name.startswith(SHIPPED) else ["dev", "bench"]
        if not provided_by(module) & distributions(*allowed):
            found.append(f"{name}: {module} is in none of the extras {', '.join(allowed)}")
    return found


def test_what_is_imported_is_declared() -> None:
    assert [line for name, imported in all_imports().items() for line in undeclared(name, imported)] == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("splitgym/x.py", "import yaml"),
        ("splitgym/x.py", "def f():\n    from yaml.nodes import Node"),
        ("splitgym/x.py", "need('sqlalchemy', 'report')"),
        ("splitgym/x.py", "extras.need('markupsafe', 'search')"),
        ("baselines/x.py", "importlib.import_module('yaml')"),
        ("agents/x.py", "import pytest"),
        ("tests/x.py", "pytest.importorskip('yaml')"),
        (".ci/x.py", "import requests as r"),
    ],
)
def test_an_undeclared_import_is_found(name: str, code: str) -> None:
    assert len(undeclared(name, imports(code))) == 1


def test_every_file_is_looked_at() -> None:
    found = all_imports()
    assert {"splitgym/extras.py", "baselines/nsga3.py", "agents/training.py", "tests/helpers.py", ".ci/ends.py"} <= set(
        found
    )
    assert ("PIL", None) in found["notebooks/quickstart.ipynb"]
    assert ("sqlalchemy", "search") in found["splitgym/optuna_files.py"]
    assert ("matplotlib", "report") in found["splitgym/show/viewer.py"]


def test_tools_of_make_are_declared() -> None:
    tools = set(re.findall(r"\$\(RUN\) (\w+)", (ROOT / "Makefile").read_text())) | {"uv"}
    assert {"pytest", "ruff", "pyright", "uv"} <= tools - {"splitgym", "tests"} <= distributions("dev")


# -------------------------------------------------------------------- the lock
def locked(python: str, platform: str = "linux") -> dict[str, str]:
    """Package -> version of the lock for a Python and a platform."""
    found: dict[str, str] = {}
    place = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        need = Requirement(line.partition("#")[0].strip() or "nothing; python_version < '3'")
        if need.marker is None or need.marker.evaluate(place):
            pin = re.fullmatch(r"==(\d[\w.]*)", str(need.specifier))
            assert pin, line
            assert need.name not in found, line
            found[need.name] = pin[1]
    return found


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_one_version_of_all_that_is_declared(python: str, platform: str) -> None:
    found = locked(python, platform)
    for need in needs("all"):
        version = found.get(canonicalize_name(need.name))
        assert version, f"{need.name} is not locked: make lock ARGS=--no-upgrade"
        assert need.specifier.contains(version), f"{need}, but {version} is locked: make lock ARGS=--no-upgrade"


def test_a_figure_has_the_same_libraries_whatever_the_python() -> None:
    """Marks of the platform there may be, none that give two Pythons two versions."""
    names = re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(set(names)) == len(names) > 100
    assert locked(PYTHONS[0]) == locked(PYTHONS[-1])


def test_the_lock_is_for_the_pythons_that_are_named() -> None:
    named = [c.rpartition(" ")[2] for c in PROJECT["project"]["classifiers"] if "Python :: 3." in c]
    assert tuple(named) == PYTHONS
    assert f"Python {PYTHONS[0]} to {PYTHONS[-1]}" in LOCK.read_text().splitlines()[0]


def test_the_lock_holds_versions_and_no_places() -> None:
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [^#@]+)?\s+# via [\w ,./()-]+", line), line
    assert not re.search(r"^(nvidia|cuda|triton)", LOCK.read_text(), re.MULTILINE)


def test_torch_is_the_release_with_a_tested_cpu_build() -> None:
    wishes = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    assert wishes == [f"torch=={locked(PYTHONS[0])['torch']}"]
    assert not re.search(r"torch\s*==", (ROOT / "pyproject.toml").read_text())


def test_a_resolution_is_cleaned() -> None:
    answer = (
        "numpy==2.4.6             # via splitgym (pyproject.toml)\n"
        "nvidia-cublas==13.1 ; sys_platform == 'linux'  # via torch\n"
        "cuda-toolkit==13.0.3 ; sys_platform == 'linux'  # via torch\n"
        "torch==2.13.0+cpu ; sys_platform == 'linux'  # via splitgym\n"
        "triton==3.7.1 ; sys_platform == 'linux'  # via torch\n"
    )
    lines = [line for line in ci_script("lock").cleaned(answer).splitlines() if not line.startswith("#")]
    assert lines == [
        "numpy==2.4.6             # via splitgym (pyproject.toml)",
        "torch==2.13.0 ; sys_platform == 'linux'  # via splitgym",
    ]


# -------------------------------------------------------------------- warnings and skips of the suite
def suite(tmp_path: Path, code: str, *arguments: str) -> str:
    """What pytest prints for a file of tests in a folder with this repository's settings."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "tests" / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "tests" / "__init__.py").touch()
    (tmp_path / "tests" / "test_it.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rpfE", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # they take a second to load
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False).stdout


WARNERS = """
import types
import warnings

import pytest

def as_module(name, code):
    module = types.ModuleType(name)
    exec(code, module.__dict__)
    return module

SELF = "import warnings\\ndef f(kind):\\n    warnings.warn('x', kind)"
CALLER = "import warnings\\ndef f(kind):\\n    warnings.warn('x', kind, stacklevel=2)"

@pytest.mark.parametrize("kind", [UserWarning, DeprecationWarning, FutureWarning, RuntimeWarning])
@pytest.mark.parametrize("name", MODULES)
def test_at(name, kind):
    as_module(name, SELF).f(kind)

@pytest.mark.parametrize("kind", [UserWarning, DeprecationWarning])
def test_caller(kind):
    as_module("numpy", CALLER).f(kind)

@pytest.mark.parametrize("path", PATHS)
def test_path(path):
    warnings.warn_explicit("x", UserWarning, path, 1)
"""
OUR_MODULES = ["splitgym", "splitgym.physics.radio", "splitgym.agents.train", "tests.test_other"]
OUR_PATHS = ["/x/code/splitgym/physics/radio.py", "D:\\code\\agents\\train.py", "/x/.ci/install.py"]
CHECKERS = [
    "gymnasium.utils.env_checker",
    "gymnasium.utils.passive_env_checker",
    "stable_baselines3.common.env_checker",
    "pettingzoo.test.parallel_test",
]
THEIR_MODULES = ["numpy", "pettingzoo.utils.deprecated_module", "splitgymnast", "torch.tests.x", "gymnasium.core"]
THEIR_PATHS = [
    "/x/splitgym/tests/.venv/lib/python3.11/site-packages/pygame/splitgym/x.py",
    "/usr/lib/python3/dist-packages/tests/x.py",
    "/usr/lib/python3.11/json/decoder.py",
]


def outcomes(printed: str) -> dict[str, str]:
    return {test: word for word, test in re.findall(r"^(PASSED|FAILED) \S+::(\S+\])", printed, re.MULTILINE)}


def test_a_warning_of_our_code_is_an_error_and_a_librarys_is_not(tmp_path: Path) -> None:
    head = f"MODULES = {OUR_MODULES + THEIR_MODULES}\nPATHS = {OUR_PATHS + THEIR_PATHS}\n"
    kinds = ["UserWarning", "DeprecationWarning", "FutureWarning", "RuntimeWarning"]
    expected = {f"test_caller[{kind}]": "FAILED" for kind in kinds[:2]}
    expected |= {f"test_at[{m}-{kind}]": "FAILED" for m in OUR_MODULES for kind in kinds}
    expected |= {f"test_at[{m}-{kind}]": "PASSED" for m in THEIR_MODULES for kind in kinds}
    expected |= {f"test_path[{path}]": "FAILED" for path in OUR_PATHS}
    expected |= {f"test_path[{path}]": "PASSED" for path in THEIR_PATHS}
    found = outcomes(suite(tmp_path, head + WARNERS))
    assert {name.replace("\\\\", "\\"): word for name, word in found.items()} == expected


def test_what_a_checker_says_of_an_environment_is_an_error(tmp_path: Path) -> None:
    found = outcomes(suite(tmp_path, f"MODULES = {CHECKERS}\nPATHS = []\n" + WARNERS, "-k", "test_at and not Runtime"))
    expected = {f"test_at[{m}-UserWarning]": "FAILED" for m in CHECKERS}
    expected |= {f"test_at[{m}-{kind}Warning]": "PASSED" for m in CHECKERS for kind in ("Deprecation", "Future")}
    assert found == expected


PLUGIN = """
import warnings

import pytest

def pytest_configure(config):
    warnings.warn(pytest.PytestDeprecationWarning("an option is unset"))
    config.issue_config_time_warning(pytest.PytestWarning("it is disabled"), stacklevel=2)
"""


def test_a_warning_of_a_plug_in_of_pytest_is_no_error_and_one_of_pytest_is(tmp_path: Path) -> None:
    """Whatever else is installed may say something of itself; pytest would end before the first test."""
    (tmp_path / "plugin_of_somebody.py").write_text(PLUGIN)
    code = "def test_good():\n    pass\n\n\ndef test_bad():\n    return 1\n"
    printed = suite(tmp_path, code, "-p", "plugin_of_somebody")
    assert re.findall(r"^(?:PASSED|FAILED) \S+::\w+", printed, re.MULTILINE) == [
        "PASSED tests/test_it.py::test_good",
        "FAILED tests/test_it.py::test_bad",
    ]
    assert "PytestReturnNotNoneWarning" in printed


def test_fresh_interpreters_know_the_same_modules() -> None:
    pattern = re.compile(our_modules())
    assert all(pattern.match(name) for name in [*OUR_MODULES, "__main__"])
    assert not any(pattern.match(name) for name in THEIR_MODULES)


SKIPS = """
import pytest

@pytest.mark.skipif(True, reason="needs a moon")
def test_moon(): pass

@pytest.mark.parametrize("n", [1, 2])
def test_sun(n):
    if n == 2:
        pytest.skip("needs a sun")
"""


@pytest.mark.parametrize("plugins", [(), ("-p", "xdist", "-n", "2")])
def test_each_skipped_test_is_named_with_its_reason(tmp_path: Path, plugins: tuple[str, ...]) -> None:
    printed = suite(tmp_path, SKIPS, *plugins)
    assert "tests/test_it.py::test_moon: needs a moon\n" in printed
    assert "tests/test_it.py::test_sun[2]: needs a sun\n" in printed
    assert "::test_sun[1]: " not in printed


def test_a_skipped_file_is_named_with_its_reason(tmp_path: Path) -> None:
    printed = suite(tmp_path, "import pytest\npytest.importorskip('no_such_module', reason='needs nothing')\n")
    assert "tests/test_it.py: needs nothing\n" in printed


# -------------------------------------------------------------------- the ends of the ranges
NEEDS = [Requirement(line) for line in ("numpy>=2.0", "rich>=13", "rich>=14", "torch>=2.8", "Some_Thing>=1")]


def test_pins_of_a_resolution() -> None:
    text = "# a word\nNumPy==2.4.6\ntorch==2.13.0+cpu ; sys_platform == 'linux'  # via x\n-e .\n"
    assert ci_script("ends").pins(text) == {"numpy": "2.4.6", "torch": "2.13.0"}


def test_declared_needs_are_those_of_others() -> None:
    names = {need.name for need in ci_script("ends").declared(PROJECT["project"])}
    assert {canonicalize_name(name) for name in names} == distributions("all")


def test_moves_begin_with_what_is_declared() -> None:
    lock = {"alpha": "1", "numpy": "2.4", "rich": "15", "some-thing": "3"}
    end = {"alpha": "2", "numpy": "2.0", "rich": "15", "some-thing": "1", "six": "1"}
    assert list(ci_script("ends").moves(lock, end, NEEDS).items()) == [
        ("numpy", "2.0"),
        ("some-thing", "1"),
        ("alpha", "2"),
    ]


def test_bounds_that_were_not_reached_are_told() -> None:
    end = {"numpy": "2.0.0", "rich": "14", "torch": "2.13.0", "some-thing": "1"}
    (line,) = ci_script("ends").not_reached(NEEDS, end)
    assert "torch>=2.8 cannot be had with the rest; torch 2.13.0 stands for it" in line


def test_the_package_that_breaks_a_test_is_named() -> None:
    ends = ci_script("ends")
    failing, tried = frozenset({"a::1", "a::2", "b::3", "c::4"}), []

    def trial(name: str, version: str) -> object:
        tried.append(name)
        if name == "stuck":
            raise ends.Unresolvable("numpy wants another")
        broken = {"numpy": {"a::1", "a::2"}, "rich": {"a::2", "b::3"}, "last": {"c::4"}}
        return ends.Verdict(f"{name} {version}", frozenset(broken.get(name, ())))

    candidates = dict.fromkeys(["scipy", "stuck", "numpy", "rich"], "1")
    text = "\n".join(ends.told("lowest", failing, ends.blame(failing, candidates, trial)))
    assert tried == ["scipy", "stuck", "numpy", "rich"]
    assert "lowest: 4 failed" in text
    assert "numpy 1: 2 failed, among them a::1" in text
    assert "rich 1: 2 failed, among them a::2" in text
    assert "stuck 1: cannot move alone: numpy wants another" in text
    assert "no package alone breaks c::4" in text
    assert "scipy" not in text
    tried.clear()
    ends.blame(failing, {"numpy": "1", "rich": "1", "last": "1", "never": "1"}, trial)
    assert tried == ["numpy", "rich", "last"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"a.py::1"}, {"a.py::1"}),
        ({"a.py"}, {"a.py::1", "a.py::2"}),
        ({"b.py::9"}, {"b.py"}),
        ({"other.py", "c.py::1"}, set()),
        ({"the suite does not start"}, {"a.py::1", "a.py::2", "b.py"}),
    ],
)
def test_a_file_stands_for_its_tests(now: set[str], expected: set[str]) -> None:
    assert ci_script("ends").same(frozenset({"a.py::1", "a.py::2", "b.py"}), frozenset(now)) == expected


def test_failing_tests_run_again_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = ci_script("ends")
    (tmp_path / "test_it.py").write_text(
        "import pytest, pathlib\n"
        "@pytest.mark.parametrize('n', range(4))\n"
        "def test_n(n):\n"
        "    with open('ran', 'a') as ran: ran.write(str(n))\n"
        "    assert str(n) not in pathlib.Path('broken').read_text()\n"
    )
    (tmp_path / "broken").write_text("13")
    place = ends.Place.__new__(ends.Place)
    place.venv, place.suite, place.python = tmp_path / "venv", ["-q", "--rootdir", str(tmp_path)], Path(sys.executable)
    monkeypatch.setattr(ends, "ROOT", tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    first = place.failed()
    assert first == {"test_it.py::test_n[1]", "test_it.py::test_n[3]"}
    (tmp_path / "broken").write_text("3")
    (tmp_path / "ran").unlink()
    assert place.failed(first) == {"test_it.py::test_n[3]"}
    assert (tmp_path / "ran").read_text() == "13"
    (tmp_path / "broken").write_text("")
    assert place.failed(first) == frozenset()
    (tmp_path / "conftest.py").write_text("import no_such_module\n")
    assert place.failed() == {ends.NO_START}
    assert place.failed(frozenset({ends.NO_START})) == {ends.NO_START}
    (tmp_path / "conftest.py").unlink()
    assert place.failed(frozenset({ends.NO_START})) == frozenset()
