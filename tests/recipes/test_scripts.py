"""The recipes of libraries that the development environment holds; `make test-recipes` runs all, each in its own."""

from __future__ import annotations

import json
import re
import runpy
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.recipes import RECIPES

torch = pytest.importorskip("torch")
pytest.importorskip("stable_baselines3")
pytest.importorskip("sb3_contrib")

HERE = ("cleanrl_ppo", "maskable_ppo", "recurrent_ppo", "sb3_ppo")
BATCH = 32 * 64
Run = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Recipes set the threads of torch for their process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a recipe in this process; its line of JSON, and the text before it as ``said``."""

    def script(name: str, out: Path, *options: str, seed: int = 1) -> dict[str, Any]:
        given = ["--steps", "1", "--seed", str(seed), "--out", str(out), "--episodes", "2", *options]
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *given])
        capsys.readouterr()
        runpy.run_path(str(RECIPES / f"{name}.py"), run_name="__main__")
        *said, line = capsys.readouterr().out.splitlines()
        return {**json.loads(line), "said": "\n".join(said)}

    return script


def weights(out: Path) -> bytes:
    """What a run kept of its networks."""
    if (out / "model.pt").is_file():
        state = torch.load(out / "model.pt", weights_only=True)
    else:
        with zipfile.ZipFile(out / "model.zip") as archive:
            state = torch.load(archive.open("policy.pth"), weights_only=True)
    return b"".join(value.numpy().tobytes() for value in state.values())


@pytest.mark.parametrize("name", HERE)
def test_equal_seeds_make_equal_models(name: str, run: Run, tmp_path: Path) -> None:
    first, again, other = (run(name, tmp_path / str(i), seed=seed) for i, seed in enumerate((1, 1, 2)))
    assert first["steps"] == BATCH  # a whole rollout
    assert first["return_mean"] == again["return_mean"]
    assert weights(tmp_path / "0") == weights(tmp_path / "1") != weights(tmp_path / "2")
    assert {**first, "seed": 2}.keys() == other.keys()


def test_sb3_judges_as_splitgym_does_and_the_native_batch_trains_the_same_model(run: Run, tmp_path: Path) -> None:
    found, native = run("sb3_ppo", tmp_path / "single"), run("sb3_ppo", tmp_path / "native", "--native")
    judged = float(re.search(r"evaluate_policy: (\S+)", found["said"])[1])  # pyright: ignore[reportOptionalSubscript]
    assert judged == pytest.approx(found["return_mean"], abs=1e-4)
    assert native["return_mean"] == found["return_mean"]
    assert weights(tmp_path / "single") == weights(tmp_path / "native")


def test_masks_make_another_model(run: Run, tmp_path: Path) -> None:
    run("cleanrl_ppo", tmp_path / "free")
    run("cleanrl_ppo", tmp_path / "masked", "--masks")
    assert weights(tmp_path / "free") != weights(tmp_path / "masked")


@pytest.mark.parametrize("name", HERE)
def test_help_says_what_there_is(name: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run(name, tmp_path, "--help")
    text = capsys.readouterr().out
    assert "--episodes EPISODES" in text
    assert "docs/libraries.md" in text
