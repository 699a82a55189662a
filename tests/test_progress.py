"""Who hears of progress: a function, a bar where somebody looks, or nobody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import splitgym
from splitgym import progress as progress_module
from splitgym.progress import PREPARING, at, bar, progress_of, telling

SHORT = {"changes": {"tasks.count": 3}}


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks at standard error, without patience; every step is drawn."""
    monkeypatch.setattr(progress_module, "watched", lambda: True)
    monkeypatch.setattr(progress_module, "PATIENCE_S", 0.0)
    monkeypatch.setattr(progress_module, "EVERY_S", 0.0)


def calls(tmp_path: Path) -> dict[str, Any]:
    """Every public function that takes long, as a function of ``progress``."""
    return {
        "evaluate": lambda p: splitgym.evaluate("device", episodes=1, bound=True, progress=p, **SHORT),
        "sweep": lambda p: splitgym.sweep("device", over={"tasks.count": [2, 3]}, episodes=1, progress=p),
        "suite": lambda p: splitgym.evaluate_suite("device", suite(tmp_path), progress=p),
        "stability": lambda p: splitgym.stability("device", tasks=2000, progress=p),
        "bounds": lambda p: splitgym.bounds(episodes=1, progress=p, **SHORT),
        "dataset": lambda p: splitgym.record_dataset(
            "device", tmp_path / f"{callable(p)}-v0", episodes=1, progress=p, **SHORT
        ),
    }


KINDS = ("train", "validation", "test")


def suite(folder: Path) -> Path:
    """A suite of one case."""
    path = folder / "mine.toml"
    path.write_text(
        'name = "mine"\ndescription = "one case"\nenvironment = "SplitInference-v0"\n'
        "[seeds.validation]\nfirst = 1000000\nepisodes = 1\n[seeds.test]\nfirst = 2000000\nepisodes = 1\n"
        + "".join(f'[[{kind}]]\nname = "only"\nchanges = {{ "tasks.count" = 2 }}\n' for kind in KINDS),
        encoding="utf-8",
    )
    return path


NAMES = ["evaluate", "sweep", "suite", "stability", "bounds", "dataset"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("looked_at")
def test_long_work_draws_a_bar(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls(tmp_path)[name](None)
    drawn = capsys.readouterr().err
    assert "100%|" in drawn
    assert drawn.endswith("\r")  # nothing is left of it


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("looked_at")
def test_false_draws_none_and_a_function_is_called(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls(tmp_path)[name](False)
    seen: dict[str, float] = {}
    calls(tmp_path)[name](seen.__setitem__)
    assert capsys.readouterr() == ("", "")
    assert seen
    assert {share for name, share in seen.items() if PREPARING not in name} == {1.0}


def test_nobody_looks_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    splitgym.evaluate("device", episodes=1, **SHORT)
    assert capsys.readouterr() == ("", "")
    splitgym.evaluate("device", episodes=1, progress=True, **SHORT)
    assert "0%|" in capsys.readouterr().err


@pytest.mark.usefixtures("looked_at")
def test_short_work_shows_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "PATIENCE_S", 3600.0)
    with telling(None, 2) as tell:
        assert tell is not None
        tell("a", 0.5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("looked_at")
def test_the_bar_is_the_share_of_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    with bar(4) as tell:
        tell(f"{PREPARING}a", 0.25)  # of a block after others
        tell("a", 0.5)
        tell("[bold] {x}", 1.0)
        tell("a", 1.0)
    drawn = capsys.readouterr().err
    shares = re.findall(r"(\S+) +(\d+)%\|", drawn)
    assert [(name, int(share)) for name, share in shares][-3:] == [("a", 12), ("{x}", 38), ("a", 50)]
    assert "[bold] {x}" in drawn


def test_names_begin_with_a_place() -> None:
    seen: dict[str, float] = {}
    told = at(seen.__setitem__, "case")
    assert told is not None
    told("enachi", 0.5)
    assert seen == {"case: enachi": 0.5}
    assert at(None, "case") is None


def test_what_is_no_progress_is_refused() -> None:
    for given in (1, "bar", {}):
        with pytest.raises(ValueError, match="progress must be a function, True, False or None"):
            progress_of(given)
