"""Machine code comes from nobody else's folder, and the package works where there is no folder for it at all."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core import caching

from splitgym import jit_cache
from splitgym.jit_cache import Cache, Folders, find_folders
from tests.helpers import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are POSIX's")
NAME = "jit-test"
STRANGER = 54_321  # a user without an account
ROOT_ONLY = pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")

RATE = """
import json
{before}
from splitgym.jit import cache_folder
from splitgym.physics.radio import rate_bit_s
rate = rate_bit_s(0.1, 1e-12, 5e6, 4e-21)
stats = rate_bit_s.stats
print(json.dumps([rate, len(stats.cache_hits), len(stats.cache_misses), str(cache_folder())]))
"""
NO_TEMPORARY = """
import tempfile
def nowhere():
    raise FileNotFoundError(2, "no usable temporary directory found")
tempfile._get_default_tempdir = nowhere
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def user(place, monkeypatch) -> Path:
    """Home, cache and temporary folder of the process are below ``place``; returns the folder below the cache."""
    for name, folder in (("HOME", "home"), ("XDG_CACHE_HOME", "cache"), ("TMPDIR", "tmp")):
        (place / folder).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(place / folder))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place / "cache" / "splitgym"


def make(folder: Path, mode: int = 0o700) -> Path:
    folder.mkdir(parents=True)
    folder.chmod(mode)
    return folder


# ------------------------------------------------------------------ which folders count
def test_a_folder_is_made_for_the_user_alone(user):
    before = os.umask(0)
    try:
        folders = find_folders(NAME)
    finally:
        os.umask(before)
    assert folders == Folders((user / NAME,), user / NAME)
    assert [f.stat().st_mode & 0o777 for f in (user, user / NAME)] == [0o700, 0o700]


def spoil(kind: str, folder: Path) -> None:
    """Put something in a folder's place that must not be trusted."""
    if kind == "file":
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("")
    elif kind == "link":
        target = Path(tempfile.mkdtemp(dir=folder.parents[1]))
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(target)
    elif kind == "dangling":
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(folder.parent / "nowhere")
    elif kind == "stranger's":
        os.chown(make(folder), STRANGER, STRANGER)
    else:
        make(folder, int(kind, 8))


KINDS = ["file", "link", "dangling", "770", "707", "777", "1777", pytest.param("stranger's", marks=ROOT_ONLY)]


@pytest.mark.parametrize("depth", ["parent", "folder"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_others_could_have_made_is_not_used(user, place, kind, depth):
    mine = place / "tmp" / f"splitgym-{os.getuid()}"
    for parent in (user, user.with_name(mine.name), mine):
        spoil(kind, parent if depth == "parent" else parent / NAME)
    assert find_folders(NAME) == Folders((), None)


def test_without_a_folder_there_is_one_line(user, place, caplog):
    for folder in ("cache", "tmp"):
        (place / folder).rmdir()
        (place / folder).write_text("a plain file")
    tempfile.tempdir = str(place / "tmp")
    assert find_folders(NAME) == Folders((), None)
    [line] = caplog.messages
    assert "NUMBA_CACHE_DIR" in line
    assert "\n" not in line


@pytest.mark.parametrize("mode", ["777", "757"])
def test_what_others_could_exchange_is_not_used(user, place, mode):
    make(user / NAME)
    (place / "cache").chmod(int(mode, 8))
    assert user / NAME not in find_folders(NAME).read
    (place / "cache").chmod(0o1000 | int(mode, 8))  # as a temporary folder: only the owner may rename
    assert find_folders(NAME).write == user / NAME


@ROOT_ONLY
def test_a_strangers_folder_holds_none_of_mine(user, place):
    """Whoever owns what a folder lies in can exchange it."""
    make(user / NAME)
    assert find_folders(NAME).write == user / NAME
    os.chown(place / "cache", STRANGER, STRANGER)
    (place / "cache").chmod(0o755)
    assert user / NAME not in find_folders(NAME).read


@pytest.mark.parametrize("given", ["", "relative/cache"])
def test_a_relative_or_empty_cache_home_counts_as_unset(user, place, monkeypatch, given):
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.chdir(place)
    assert find_folders(NAME).write == place / "home" / ".cache" / "splitgym" / NAME
    assert not (place / "relative").exists()


def test_the_users_choice_comes_first(user, place, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(place / "chosen"))
    assert find_folders(NAME).write == place / "chosen" / "splitgym" / NAME
    make(place / "open", 0o777)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(place / "open"))
    assert find_folders(NAME).write == place / "tmp" / f"splitgym-{os.getuid()}" / NAME
    assert list((place / "open").glob("*/*/*")) == []


# ------------------------------------------------------------------ which files count
def double(x):
    return 2 * x


def compiled(folders: Folders) -> tuple[int, int, int]:
    """(result, hits, misses) of a fresh dispatcher."""
    dispatcher: Any = numba.njit(double)
    dispatcher._cache = Cache(double, folders, "physics")
    return dispatcher(21), sum(dispatcher.stats.cache_hits.values()), sum(dispatcher.stats.cache_misses.values())


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def poison(path: Path, mark: Path) -> None:
    """What Numba's index reads as its version runs a command."""
    path.write_bytes(pickle.dumps(Evil(mark)))


@pytest.fixture
def warm(place) -> Folders:
    if numba.config.DISABLE_JIT:  # pyright: ignore[reportAttributeAccessIssue]
        pytest.skip("Numba is switched off by NUMBA_DISABLE_JIT")
    folders = Folders((make(place / "own"),), place / "own")
    assert compiled(folders) == (42, 0, 1)
    assert compiled(folders) == (42, 1, 0)
    return folders


def test_without_a_folder_to_write_to_nothing_is_written(warm, place, monkeypatch):
    monkeypatch.chdir(make(place / "here"))
    assert compiled(Folders((make(place / "empty"),), None)) == (42, 0, 1)
    assert compiled(Folders(warm.read, None)) == (42, 1, 0)
    assert [*(place / "here").iterdir(), *(place / "empty").iterdir()] == []


def test_files_are_for_the_user_alone(warm):
    files = [p for p in warm.read[0].rglob("*") if p.is_file()]
    assert sorted(p.suffix for p in files) == [".nbc", ".nbi"]
    assert {p.stat().st_mode & 0o777 for p in files} == {0o600}


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("kind", ["620", "602", "link", pytest.param("stranger's", marks=ROOT_ONLY)])
def test_a_file_that_others_could_have_written_is_not_read(warm, place, kind, suffix):
    [file] = warm.read[0].rglob(f"*{suffix}")
    poison(file, place / "ran")
    if kind == "link":
        file.rename(place / "elsewhere")
        file.symlink_to(place / "elsewhere")
    elif kind == "stranger's":
        os.chown(file, STRANGER, STRANGER)
    else:
        file.chmod(int(kind, 8))
    assert compiled(warm) == (42, 0, 1)
    assert not (place / "ran").exists()


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"not a pickle"])
def test_a_damaged_file_is_made_anew(warm, suffix, content):
    [file] = warm.read[0].rglob(f"*{suffix}")
    file.write_bytes(content)
    assert compiled(warm) == (42, 0, 1)
    assert compiled(warm) == (42, 1, 0)


def test_an_index_names_no_file_elsewhere(warm, place):
    outside = place / "outside.nbc"
    poison(outside, place / "ran")
    file = jit_cache._SafeFile(warm.read[0], "x")
    assert file._load_data(str(outside)) is None
    assert file._load_data("../outside.nbc") is None
    assert not (place / "ran").exists()


def test_a_full_disk_costs_time_only(place, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    folders = Folders((make(place / "own"),), place / "own")
    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_index", full)
    assert compiled(folders)[0] == 42


def test_only_the_folder_to_write_to_is_written(warm, place):
    first, second = make(place / "first"), make(place / "second")
    assert compiled(Folders((first, second), second)) == (42, 0, 1)
    assert list(first.iterdir()) == []
    assert compiled(Folders((second,), None)) == (42, 1, 0)


def test_a_warm_folder_is_read_though_another_is_written(warm, place):
    both = Folders((warm.read[0], make(place / "second")), place / "second")
    assert compiled(both) == (42, 1, 0)
    assert list((place / "second").iterdir()) == []
    turned = Folders(both.read[::-1], warm.read[0])
    assert compiled(turned) == (42, 1, 0)
    only = Folders(warm.read, None)
    assert compiled(only) == (42, 1, 0)


# ------------------------------------------------------------------ fresh processes
def python(code: str, *, stranger: bool = False, **environment: str | None) -> tuple[list[Any], str]:
    """Output and messages of ``code`` in a fresh interpreter, as root as a user without an account if asked for."""
    command = [sys.executable, "-c", code]
    if stranger and os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv")
        ids = [f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]  # may read, as the interpreter needs
        command = ["setpriv", *ids, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", *command]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None, **environment}
    clean = {name: value for name, value in env.items() if value is not None}
    done = subprocess.run(command, cwd="/", env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def rate() -> float:
    from splitgym.physics.radio import rate_bit_s

    return rate_bit_s(0.1, 1e-12, 5e6, 4e-21)


PLACES = {
    "no home, no temporary folder": ({"HOME": None}, NO_TEMPORARY),
    "home cannot be written": ({"HOME": "/proc/nowhere"}, NO_TEMPORARY),
    "the cache is a plain file": ({"HOME": "{place}", "XDG_CACHE_HOME": "/etc/passwd"}, NO_TEMPORARY),
    "relative cache": ({"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "x/y"}, NO_TEMPORARY),
    "chosen folder cannot be made": ({"NUMBA_CACHE_DIR": "/proc/nowhere"}, NO_TEMPORARY),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_package_works_without_a_folder(place, rate, name):
    environment, before = PLACES[name]
    filled = {key: value and value.format(place=place) for key, value in environment.items()}
    found, messages = python(RATE.format(before=before), stranger=True, **filled)
    assert found[0] == rate
    assert found[3] == "None"
    assert len(messages.splitlines()) == 1


def test_a_warm_cache_in_a_read_only_home_is_used(place, rate):
    home = make(place / "home")
    if os.getuid() == 0:
        os.chown(home, STRANGER, STRANGER)
    where = {"HOME": str(home), "stranger": True}
    [_, hits, misses, folder], _ = python(RATE.format(before=NO_TEMPORARY), **where)
    assert (hits, misses) == (0, 1)
    assert Path(folder).is_relative_to(home)
    for each in (home, *home.rglob("*")):
        each.chmod(0o500 if each.is_dir() else 0o400)
    again, messages = python(RATE.format(before=NO_TEMPORARY), **where)
    assert again == [rate, 1, 0, "None"]
    assert messages == ""
    for each in (home, *home.rglob("*")):
        each.chmod(0o700)


@ROOT_ONLY
@pytest.mark.parametrize(("unknown", "safe"), [(65_534, True), (STRANGER, False)])
def test_unknown_users_are_not_root(place, monkeypatch, unknown: int, safe: bool) -> None:
    """In a user namespace one number stands for all whom it does not know, the owner of / and strangers alike."""
    real = os.lstat

    def lstat(path: Any, **more: Any) -> os.stat_result:
        state = real(path, **more)
        return os.stat_result((*state[:4], STRANGER, *state[5:])) if str(path) == "/" else state

    folder = place / "kept"
    (folder / "mine").mkdir(parents=True, mode=0o700)
    os.chown(folder, STRANGER, -1)
    monkeypatch.setattr(os, "lstat", lstat)
    monkeypatch.setattr(jit_cache, "_unknown_users", lambda: unknown)
    assert jit_cache.is_safe(folder) is safe
    assert jit_cache.is_safe(folder / "mine")
