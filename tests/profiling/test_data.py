"""``splitgym.profile(..., data=...)``: what is measured takes the place of what is modelled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import splitgym
from splitgym.cli import main

torch = pytest.importorskip("torch", reason="needs the extra profile")

MODULE = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU())
        self.deep = torch.nn.Sequential(torch.nn.Conv2d(4, 6, 3, 2, 1), torch.nn.ReLU())
        self.early, self.head = torch.nn.Linear(4, 3), torch.nn.Linear(6, 3)

    def forward(self, x):
        x = self.stem(x)
        return self.early(x.mean((2, 3))), self.head(self.deep(x).mean((2, 3)))

def network():
    torch.manual_seed(1)
    return Net().eval()

def loader(noise=0.2):
    draws, model, batches = torch.Generator().manual_seed(3), network(), []
    for _ in range(4):
        x = torch.randn(50, 1, 8, 8, generator=draws)
        other = torch.rand(50, generator=draws) < noise
        answers = model(x)[1].argmax(1)
        batches.append((x, torch.where(other, (answers + 1) % 3, answers)))
    return batches

def fails():
    raise RuntimeError("no data today")
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: Any) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MODULE)
    found: dict[str, Any] = {}
    exec(compile(MODULE, "mine.py", "exec"), found)  # a second copy, by which the figures are counted
    return found


def test_accuracies_are_those_of_the_data(mine: dict[str, Any]) -> None:
    model, data = mine["network"](), mine["loader"]()
    profile = splitgym.profile(model, (1, 1, 8, 8), data=data, curve="table")
    with torch.no_grad():
        right = torch.cat([model(x)[1].argmax(1) == y for x, y in data]).double()
    assert profile.accuracy_full == pytest.approx(float(right.mean()), abs=1e-12)
    assert profile.accuracy_chance == pytest.approx(1 / 3)
    assert profile.source["accuracy_full"].startswith("measured: 200 samples")
    assert profile.source["blocks.curve"].startswith("measured:")
    assert all(block.curve is not None for block in profile.blocks[:-1])


def test_a_network_that_only_guesses_is_refused(mine: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no more than guessing .*: is it trained"):
        splitgym.profile(mine["network"](), (1, 1, 8, 8), data=mine["loader"](noise=1.0))


def test_what_is_measured_cannot_be_given(mine: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="accuracy: measured on data"):
        splitgym.profile(mine["network"](), (1, 1, 8, 8), data=mine["loader"](), accuracy=0.5)
    with pytest.raises(ValueError, match="importance must be one of"):
        splitgym.profile(mine["network"](), (1, 1, 8, 8), data=mine["loader"](), importance="luck")
    with pytest.raises(ValueError, match="an ONNX file is only counted"):
        splitgym.profile(str(tmp_path / "net.onnx"), data=mine["loader"]())


def test_the_command_measures_and_draws(mine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["profile", "mine.py:network", "--input", "1x1x8x8", "--data", "mine.py:loader", "--curve", "table"]
    assert main([*words, "--out", "mine.toml", "--curves", "curves.png"]) == 0
    said = capsys.readouterr().out
    assert "measured on 200 samples" in said
    assert "accuracy with the exits" in said
    profile = splitgym.load_profile("mine.toml")
    assert profile == splitgym.profile(
        mine["network"](), (1, 1, 8, 8), data=mine["loader"](), curve="table", name="mine"
    ).replace(source=profile.source)
    assert Path("curves.png").stat().st_size > 10_000
    assert splitgym.evaluate("enachi", scenario="default", changes={"dnn": profile}, episodes=1).policies == ["enachi"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--data", "mine.py:fails"], "no data today"),
        (["--data", "mine.py:absent"], "has no 'absent'"),
        (["--data", "mine.py:Net"], "not batches of inputs and labels"),
        (["--data", "mine.py:loader", "--accuracy", "0.5"], "measured on data"),
        (["--calibration", "mine.py:loader"], "needs --data"),
        (["--fill", "zero"], "needs --data"),
    ],
)
def test_options_that_do_not_go_together(
    mine: dict[str, Any], options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "mine.py:network", "--input", "1x1x8x8", *options]) == 2
    assert told in capsys.readouterr().err
