"""Files are whole or absent, whatever happens while they are written, and nothing is left of attempts."""

from __future__ import annotations

import ast
import errno
import functools
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym import files
from splitgym.evaluation import evaluate, evaluate_suite, stability, sweep
from splitgym.evaluation.store import Store
from splitgym.files import save_figure, write_atomically
from splitgym.suites import load_suite
from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT, short

SOURCES = [p for part in ("splitgym", "baselines", "agents") for p in sorted((ROOT / part).rglob("*.py"))]


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def part(path: Path, pid: int, host: str | None = None) -> Path:
    """A part of ``path`` as a process leaves it."""
    host = f"{files._host() if host is None else host}-" if host != "" else ""
    place = path.with_name(f".{path.name}.{host}{pid}-1234.part")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"half of i")
    return place


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# ------------------------------------------------------------------ whole or absent
@pytest.mark.parametrize("broken", ["write_through", "os.replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), MemoryError()])
def test_a_failure_leaves_the_old_file_and_no_part(tmp_path, monkeypatch, broken, error):
    def fail(*_: Any) -> None:
        raise error

    write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(f"splitgym.files.{broken}", fail)
    with pytest.raises(type(error)):
        write_atomically(tmp_path / "a", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_parts_of_dead_writers_are_removed_and_no_others(tmp_path, gone):
    other = [tmp_path / ".a.part", tmp_path / "a.part", tmp_path / ".video.mp4.part", tmp_path / ".a.x-1-1.part"]
    for path in other:
        path.write_bytes(b"")
    alive = part(tmp_path / "a", os.getppid())
    mine = part(tmp_path / "a", os.getpid())
    elsewhere = part(tmp_path / "a", gone, host="0" * 8)
    dead = [part(tmp_path / name, gone) for name in ("a", "b", "step_000000000128.zip", "x\ny")]
    write_atomically(tmp_path / "a", b"whole")
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in (alive, mine, elsewhere, *other))


def test_an_old_part_has_no_writer_any_more(tmp_path):
    old = [part(tmp_path / "a", os.getpid()), part(tmp_path / "a", 1, host="0" * 8), part(tmp_path / "a", 1, host="")]
    for path in old:
        os.utime(path, (1e9, 1e9))
    write_atomically(tmp_path / "a", b"whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the age decides")
def test_the_part_of_somebody_elses_process_stays(tmp_path, monkeypatch):
    """Whom one may not signal is alive."""

    def forbidden(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    theirs = part(tmp_path / "a", 1)
    monkeypatch.setattr("splitgym.files.os.kill", forbidden)
    write_atomically(tmp_path / "a", b"whole")
    assert theirs.exists()


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev")
def test_a_device_is_written_not_replaced(monkeypatch):
    replaced: list[Any] = []
    monkeypatch.setattr("splitgym.files.os.replace", lambda *paths: replaced.append(paths))
    monkeypatch.setattr("splitgym.files._part", lambda path: pytest.fail(f"a part beside {path}"))
    write_atomically(Path("/dev/null"), b"content")
    assert replaced == []


def test_threads_may_write_the_same_file(tmp_path):
    contents = [bytes([65 + i]) * 100_000 for i in range(8)]
    writers = [threading.Thread(target=write_atomically, args=(tmp_path / "a", c)) for c in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (tmp_path / "a").read_bytes() in contents
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["a" * 255, "ä" * 127, "[x]*?.csv", "a b"])
def test_any_name_that_the_disk_takes_can_be_written(tmp_path, name):
    write_atomically(tmp_path / name, b"content")
    assert (tmp_path / name).read_bytes() == b"content"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_folder_in_a_files_place_is_named(tmp_path):
    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "taken", Path(".")):
        with pytest.raises(ValueError, match="is a folder, so no file can be written there"):
            write_atomically(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_a_pipe_is_written_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_atomically(tmp_path / "pipe", b"content")
    reader.join()
    assert got == [b"content"]
    assert (tmp_path / "pipe").is_fifo()


def test_in_a_folder_of_results_nothing_waits_and_nothing_leads_elsewhere(tmp_path):
    """A pipe of that name would be waited for without an end, a link on the way would lead to any folder."""
    folder, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    for place in (folder / "plain", elsewhere):
        place.mkdir(parents=True)
    os.mkfifo(folder / "plain" / "x")
    write_atomically(folder / "plain" / "x", b"whole", inside=folder)
    assert (folder / "plain" / "x").read_bytes() == b"whole"
    (folder / "a").symlink_to(elsewhere)
    for path in (folder / "a" / "x", folder / "a" / "b" / "x"):
        with pytest.raises(ValueError, match="store/a is a link; a folder of results follows none"):
            write_atomically(path, b"", inside=folder)
    assert not list(elsewhere.iterdir())
    write_atomically(folder / "a" / "x", b"of one's own", inside=folder / "a")  # the folder itself may be one
    assert (elsewhere / "x").is_file()


def test_a_store_with_pipes_in_it(tmp_path):
    """Where its scenarios are kept."""
    evaluate("device", scenario=short("inference", "default"), episodes=1, store=tmp_path)
    kept = sorted((tmp_path / "settings").iterdir())
    content = [file.read_bytes() for file in kept]
    for file in kept:
        file.unlink()
        os.mkfifo(file)
    evaluate("device", scenario=short("inference", "default"), episodes=1, store=tmp_path)
    assert [file.read_bytes() for file in kept] == content


# ------------------------------------------------------------------ every writer
@functools.cache
def _results(bound: bool = False) -> Any:
    return evaluate(["device"], scenario=short("inference", "default"), episodes=2, bound=bound)


@functools.cache
def _suite() -> Any:
    suite = load_suite("presets")
    cut = {"seeds": {"validation": {"first": 0, "episodes": 1}, "test": {"first": 9, "episodes": 1}}}
    return evaluate_suite(["device"], suite.replace(test=suite.test[:1], **cut))


@functools.cache
def _sweep() -> Any:
    return sweep(["device"], scenario=short("inference", "default"), over={"tasks.hint_std": [0.0, 1.0]}, episodes=2)


@functools.cache
def _stability() -> Any:
    return stability(["device"], tasks=2000)


WRITERS = {
    "results csv": lambda path: _results().to_csv(path / "x.csv"),
    "results json": lambda path: _results().to_json(path / "x.json"),
    "results plot": lambda path: _results().plot(path / "x.png"),
    "report": lambda path: _results(bound=True).to_html(path / "x.html"),
    "sweep csv": lambda path: _sweep().to_csv(path / "x.csv"),
    "sweep json": lambda path: _sweep().to_json(path / "x.json"),
    "sweep plot": lambda path: _sweep().plot(path / "x.svg"),
    "suite csv": lambda path: _suite().to_csv(path / "x.csv"),
    "suite json": lambda path: _suite().to_json(path / "x.json"),
    "suite plot": lambda path: _suite().plot(path / "x.pdf"),
    "stability csv": lambda path: _stability().to_csv(path / "x.csv"),
    "stability json": lambda path: _stability().to_json(path / "x.json"),
    "stability plot": lambda path: _stability().plot(path / "x.png"),
    "store setting": lambda path: Store(path).keep_setting(WORLDS["inference"], short("inference", "default"), {}),
    **{
        f"{name} trace": lambda path, name=name: (
            WORLDS[name].draw_trace(short(name, "default"), np.uint64(1)).save(path / "x.npz")
        )
        for name in WORLDS
    },
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, name):
    monkeypatch.setattr("splitgym.files.write_through", full)
    with pytest.raises(OSError, match="No space left") as trouble:
        WRITERS[name](tmp_path)
    named = Path(trouble.value.filename)
    assert named.is_relative_to(tmp_path)
    assert named.suffix != ".part"
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("name", WRITERS)
def test_the_writer_writes(tmp_path, name):
    WRITERS[name](tmp_path)
    assert all(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
    assert any(p.is_file() for p in tmp_path.rglob("*"))


def test_nothing_is_written_past_the_one_writer():
    """Whoever adds a file that is written sees this: only ``files``, the tables that are appended to, and the
    stand-in for a closed stream, open one; what a worker unpacks and the parts of a data set
    go into folders that nobody reads before they are whole."""
    allowed = {"files.py", "store_file.py", "jit_cache.py", "streams.py", "beginning.py", "luggage.py", "parts.py"}
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and path.name not in allowed and _writes(node):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    to_buffer = bool(call.args) and isinstance(call.args[0], ast.Name) and call.args[0].id == "buffer"
    if name in ("savefig", "savez", "savez_compressed", "save", "to_csv", "tofile", "dump") and to_buffer:
        return False
    modes = [a.value for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Constant)]
    if name in ("open", "fdopen"):
        return any(isinstance(mode, str) and set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)
    return name in ("write_text", "write_bytes", "savefig", "savez", "savez_compressed", "tofile", "copyfile", "copy2")


def test_a_picture_has_an_ending_that_can_be_drawn(tmp_path):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    for name in ("x", "x.jpg", "x.png.exe", ".png"):
        with pytest.raises(ValueError, match=r"ends in \.png, \.pdf, \.svg"):
            save_figure(figure, tmp_path / name)
    assert save_figure(figure, tmp_path / "new" / "X.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_a_link_in_the_place_of_a_part_is_not_followed(tmp_path):
    """Its name can be told before, and the folder may be everybody's."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "out.csv"
    files._part(path).symlink_to(victim)
    files.write_atomically(path, b"new")
    assert victim.read_text() == "precious"
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()
