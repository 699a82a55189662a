"""What is shipped: wheel, source distribution, a checkout without symbolic links, the repository, its commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from types import ModuleType

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import splitgym
from splitgym.agents.zoo import zoo_names
from tests.helpers import STRICT, ci_script

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("splitgym", "baselines", "agents")
AT_ROOT = {
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile"),
    *("CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md", "CITATION.cff"),
    *("splitgym", "baselines", "agents", "tests", "notebooks", "docs"),
}
CORE = {"cloudpickle", "gymnasium", "numpy", "numba", "scipy", "networkx"}
EXTRAS = {
    "agents",
    "report",
    "search",
    "bench",
    "dev",
    "docs",
    "all",
    "marl",
    "morl",
    "offline",
    "profile",
    "ray",
    "zoo",
}

needs_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def contents(wheel: Path) -> dict[str, bytes]:
    """Name -> bytes of a wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def shipped() -> set[str]:
    """Names in the wheel that the present files ask for."""
    names = set()
    for part in PARTS:
        for folder, _, files in os.walk(ROOT / part):  # does not follow the symbolic links
            inside = Path(folder).relative_to(ROOT / part)
            prefix = Path("splitgym") if part == "splitgym" else Path("splitgym") / part
            names |= {
                (prefix / inside / f).as_posix()
                for f in files
                if f.endswith((".py", ".toml", ".typed", ".j2", ".css", ".js", ".c", ".json", ".safetensors"))
            }
    return names


def repository_files() -> list[Path]:
    """Files that git tracks or would track, deleted ones left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def run_python(code: str, *paths: Path, cwd: Path) -> str:
    """Output of a fresh interpreter with ``paths`` in front; fails with its messages."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-c", STRICT + code]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


USE = """
import sys
import splitgym, splitgym.agents, splitgym.baselines
import gymnasium as gym
env = gym.make("SplitInference-v0")
print(splitgym.__file__, splitgym.agents.__file__, splitgym.baselines.__file__, sep="\\n")
print(*splitgym.policy_names(), *splitgym.preset_names(), *splitgym.profile_names())
print(sorted({"torch", "stable_baselines3", "matplotlib", "pandas", "agents", "baselines"} & set(sys.modules)))
"""
KNOWN = " ".join([*splitgym.policy_names(), *splitgym.preset_names(), *splitgym.profile_names()])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


@pytest.fixture(scope="module")
def unpacked_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    archive = next(SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"]))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / f"splitgym-{splitgym.__version__}"


# ------------------------------------------------------------------ wheel and source distribution
def test_wheel_owns_one_name_and_holds_every_file(wheel: Path) -> None:
    names = set(contents(wheel))
    meta = f"splitgym-{splitgym.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"splitgym", meta}
    assert {name for name in names if name.startswith("splitgym/")} == shipped()
    assert {"splitgym/agents/__init__.py", "splitgym/baselines/__init__.py", "splitgym/py.typed"} <= names
    assert "splitgym/show/report/templates/report.html.j2" in names
    assert f"{meta}/licenses/LICENSE" in names


def test_wheel_is_small(wheel: Path) -> None:
    """It holds trained agents, which would grow without notice."""
    assert wheel.stat().st_size < 3_000_000
    assert {f"splitgym/zoo/{name}.safetensors" for name in zoo_names()} <= set(contents(wheel))


def test_wheel_metadata(wheel: Path) -> None:
    files = contents(wheel)
    meta = f"splitgym-{splitgym.__version__}.dist-info"
    fields = message_from_bytes(files[f"{meta}/METADATA"])
    needs = fields.get_all("Requires-Dist") or []
    core = {re.split(r"[<>=!~ \[;]", need)[0] for need in needs if "extra ==" not in need}
    assert fields["Version"] == splitgym.__version__
    assert core == CORE
    assert set(fields.get_all("Provides-Extra") or []) == EXTRAS
    assert not [need for need in needs if "==" in need.split(";")[0]], "exact pins belong in .ci/lock.txt"
    assert b"splitgym = splitgym.cli:main" in files[f"{meta}/entry_points.txt"]


def test_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    *files, known, heavy = run_python(USE, tmp_path / "site", cwd=tmp_path).splitlines()
    assert all(Path(file).is_relative_to(tmp_path / "site" / "splitgym") for file in files)
    assert known == KNOWN
    assert heavy == "[]"


def test_sdist_builds_the_same_wheel(wheel: Path, unpacked_sdist: Path, tmp_path: Path) -> None:
    again = next(WheelBuilder(str(unpacked_sdist)).build(directory=str(tmp_path), versions=["standard"]))
    assert contents(Path(again)) == contents(wheel)


def test_sdist_can_be_developed(unpacked_sdist: Path) -> None:
    for name in ("Makefile", ".ci/run", ".ci/lock.txt", "tests/conftest.py", "CHANGELOG.md"):
        assert (unpacked_sdist / name).is_file(), name
    assert not [path for path in unpacked_sdist.rglob("*") if path.is_symlink()]


@pytest.fixture(scope="module")
def without_links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which ``baselines`` and ``agents`` lie only at the root."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in (*PARTS, "tests"):
        ignore = shutil.ignore_patterns("__pycache__", *(("baselines", "agents") if part == "splitgym" else ()))
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    return folder


def test_checkout_without_symbolic_links_works(without_links: Path) -> None:
    *files, known, heavy = run_python(USE, without_links, cwd=without_links).splitlines()
    assert files == [str(without_links / part / "__init__.py") for part in ("splitgym", "agents", "baselines")]
    assert known == KNOWN
    assert heavy == "[]"


ONLY = """
import importlib, importlib.resources, importlib.util, pickle, pkgutil, runpy
import splitgym
import splitgym.baselines.enachi as enachi
for name in ("splitgym", "tests", "notebooks", "baselines.agents", "agents.baselines"):
    try:
        importlib.import_module(f"splitgym.{name}")
    except ModuleNotFoundError:
        continue
    print("importable:", name)
print(sorted(m.name for m in pkgutil.iter_modules(splitgym.__path__) if m.name in ("splitgym", "tests", "setup")))
kept = pickle.loads(pickle.dumps(enachi.Enachi))
print(kept is enachi.Enachi, kept.__module__)
print((importlib.resources.files("splitgym.agents") / "train.py").is_file())
print(importlib.util.find_spec("splitgym.agents.train").origin)
print(sorted({p.name for p in splitgym.jit.jitted_files()} & {"transmission_kernel.py", "radio.py"}))
from splitgym.digests import code_version
print(code_version())
"""


def test_only_two_names_come_from_beside_the_package(without_links: Path) -> None:
    """Else ``splitgym.splitgym`` would be a second copy of every registry."""
    from splitgym.digests import code_version

    lines = run_python(ONLY, without_links, cwd=without_links).splitlines()
    assert lines == [
        "[]",
        "True splitgym.baselines.enachi",
        "True",
        str(without_links / "agents" / "train.py"),
        "['radio.py', 'transmission_kernel.py']",
        code_version(),  # the same files as in a checkout with links
    ]


def test_commands_run_without_symbolic_links(without_links: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(without_links)}
    command = [sys.executable, "-m", "splitgym", "train", "--help"]
    done = subprocess.run(
        command, cwd=without_links.parent, env=environment, capture_output=True, text=True, check=True
    )
    assert "--algo" in done.stdout


# ------------------------------------------------------------------ the repository
@needs_git
def test_repository_root_holds_only_what_belongs_there() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in repository_files()}
    assert {name for name in names if not name.startswith(".")} <= AT_ROOT


@needs_git
def test_symbolic_links_are_relative() -> None:
    links = {path.relative_to(ROOT).as_posix(): os.readlink(path) for path in repository_files() if path.is_symlink()}
    assert links == {"splitgym/agents": "../agents", "splitgym/baselines": "../baselines"}


@needs_git
def test_no_file_names_a_machine_or_an_index() -> None:
    folder = re.compile(r"(?<![\w.~-])/(?:home|Users|root|opt|work|mnt|srv)/\w|[A-Z]:\\Users\\")
    index = re.compile(r"pypi\.org|pythonhosted\.org|\b(?:extra-)?index-url\s*=\s*\S")
    found = []
    for path in repository_files():
        if path.is_symlink() or b"\0" in (data := path.read_bytes()):
            continue
        for number, line in enumerate(data.decode().splitlines(), 1):
            if (folder.search(line) or index.search(line)) and path != Path(__file__):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not found


def test_changelog_has_this_version() -> None:
    assert f"## [{splitgym.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_citation_names_this_version_and_the_methods() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", text, re.MULTILINE) == [splitgym.__version__]
    assert "arXiv:2410.23881" in text
    assert "arXiv:2404.08060" in text


@needs_git
def test_pre_commit_runs_the_locked_ruff_and_needs_no_environment() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    locked = re.findall(r"^ruff==\S+", (ROOT / ".ci" / "lock.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"ruff==[\d.]+", hooks)) == set(locked)
    assert len(locked) == 1
    assert not re.search(r"^ *(?:entry|language): .*(?:\.venv|system)", hooks, re.MULTILINE)


@needs_git
def test_workflow_runs_the_whole_check_on_what_is_declared() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert "run: .ci/run" in text
    for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        if named := re.search(r"Programming Language :: Python :: (3\.\d+)", line):
            assert f'"{named[1]}"' in text
    assert all(system in text for system in ("ubuntu-latest", "macos-latest", "windows-latest"))


@needs_git
def test_links_of_the_root_lead_somewhere() -> None:
    for path in ROOT.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
            assert (ROOT / target).exists(), f"{path.name}: {target}"


# ------------------------------------------------------------------ make and its installer
def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``make`` in the repository, told nothing by a ``make`` that may run this suite."""
    outer = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=ROOT, env=outer | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installer() -> ModuleType:
    return ci_script("install")


@needs_make
def test_make_alone_lists_every_target() -> None:
    listed = re.findall(r"^ {2}make ([\w-]+)\t\w", make().stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony())


@needs_make
def test_an_old_python_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; sys.version_info = (3, 9, 1); $2"\n')
    old.chmod(0o755)
    done = make("install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert f"needs Python 3.11 or newer, and {old} is 3.9" in done.stderr
    assert not (tmp_path / "venv").exists()


@needs_make
def test_a_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    done = make("install", f"PYTHON={sys.executable}", f"VENV={tmp_path}")
    assert done.returncode != 0
    assert "is not a virtual environment" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@needs_make
def test_ci_runs_the_whole_suite() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "set -euo pipefail" in lines
    assert lines[-2:] == ["make lint docs test", "make test-recipes ARGS=--every-run"]
    plan = make("--always-make", "--dry-run", "test", "VENV=elsewhere", "WORKERS=2", "ARGS=").stdout.splitlines()
    assert plan[-1].split() == ["elsewhere/bin/python", "-m", "pytest", "-n", "2", "--dist", "loadscope"]


@needs_make
def test_every_variable_of_make_is_explained() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    variables = {match[1] for line in lines if (match := re.match(r"(\w+) \?=", line))}
    head = "\n".join(line for line in lines if line.startswith("#"))
    assert variables <= set(re.findall(r"^#   (\w+)=", head, re.MULTILINE))
    users = {name for name in phony() if "$(ARGS)" in recipe(name) or "$(SUITE)" in recipe(name)}
    assert users == set(re.findall(r"[\w-]+", re.search(r"behind (.*)$", head, re.MULTILINE)[1])) - {"or"}


def phony() -> list[str]:
    return re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()


def recipe(target: str) -> str:
    return re.search(rf"^{target}:.*\n((?:\t.*\n)*)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]


@needs_make
@pytest.mark.parametrize("target", ["bench", "results", "test-newest", "test-lowest"])
def test_other_environments_leave_that_of_the_suite_alone(target: str) -> None:
    plan = make("--always-make", "--dry-run", target, "VENV=elsewhere").stdout.splitlines()
    fills = [line.split() for line in plan if ".ci/install.py" in line or ".ci/ends.py" in line]
    mine = [words[-2:] for words in fills if words[-2] == "elsewhere"]
    assert mine in ([], [["elsewhere", "dev"]])
    other = "elsewhere-bench" if target in ("bench", "results") else f"elsewhere-{target.removeprefix('test-')}"
    assert any(other in words for words in fills)


@needs_make
def test_an_environment_is_exactly_the_lock(installer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(installer.subprocess, "call", lambda command, **_: calls.append(list(command)) or 0)
    assert installer.uv_install(("uv",), Path("python"), "dev", installer.LOCK, {})
    words = calls[0]
    assert "--exact" in words
    assert words[words.index("-c") + 1] == words[words.index("-b") + 1] == str(ROOT / ".ci" / "lock.txt")
    assert words[words.index("-e") + 1] == f"{ROOT}[dev]"


def test_uv_hears_what_pip_is_told(installer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nfind-links =\n    wheels/a\n    wheels/b\n[install]\nextra-index-url = file:///second\n"
    )
    for name in [n for n in os.environ if n.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    environment = installer.uv_environment(Path(sys.executable))
    assert environment["UV_FIND_LINKS"] == "wheels/a,wheels/b"
    assert environment["UV_INDEX"] == "file:///second"
    assert environment["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert installer.attempts(environment) == [environment]
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels/c wheels/d")
    monkeypatch.setenv("UV_INDEX", "file:///mine")
    environment = installer.uv_environment(Path(sys.executable))
    assert environment["UV_FIND_LINKS"] == "wheels/c,wheels/d"
    assert environment["UV_INDEX"] == "file:///mine"


def test_no_cuda_packages_unless_wanted(installer: ModuleType) -> None:
    assert installer.attempts({}) == [{"UV_TORCH_BACKEND": "cpu"}, {}]
    assert installer.attempts({"UV_TORCH_BACKEND": "auto"}) == [{"UV_TORCH_BACKEND": "auto"}]


def test_an_archive_is_told_to_be_installed(tmp_path: Path) -> None:
    """Compiled functions need their source files: an import from a zip ends with one line that says what to do."""
    with zipfile.ZipFile(tmp_path / "splitgym.zip", "w") as archive:
        for path in sorted((ROOT / "splitgym").rglob("*.py")):
            archive.write(path, path.relative_to(ROOT).as_posix())
    code = "import sys; sys.path.insert(0, sys.argv[1]); import splitgym"
    command = [sys.executable, "-c", code, str(tmp_path / "splitgym.zip")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError: splitgym compiles its source files and cannot run")
