"""The measured network in the box: profile and preset ``digits`` are what the seeded command makes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym.cli import main
from splitgym.profiles import load_profile

torch = pytest.importorskip("torch", reason="needs the extra profile")
pytest.importorskip("sklearn", reason="needs the extra profile")

#: Other machines round other bits, and another answer to one of the 397 samples is a quarter of a point.
TOLERANCE = 0.02
COMMAND = (
    "profile splitgym.profiling.digits:network --input 1x1x8x8 --depth 1 --data splitgym.profiling.digits:data "
    "--calibration splitgym.profiling.digits:calibration --curve table"
)


def test_command_makes_the_profile(tmp_path: Path, capsys: Any) -> None:
    """Counts and shapes exactly; what was measured within two points, on any machine."""
    out = tmp_path / "digits.toml"
    assert main([*COMMAND.split(), "--out", str(out)]) == 0
    said = capsys.readouterr()
    mine, shipped = load_profile(str(out)), load_profile("digits")
    for name in ("name", "input_shape", "accuracy_chance", "cut_names"):
        assert getattr(mine, name) == getattr(shipped, name)
    assert [(b.name, b.macs, b.shape) for b in mine.blocks] == [(b.name, b.macs, b.shape) for b in shipped.blocks]
    assert [(e.after, e.macs) for e in mine.exits] == [(e.after, e.macs) for e in shipped.exits]
    assert mine.source.keys() == shipped.source.keys()
    assert mine.accuracy_full == pytest.approx(shipped.accuracy_full, abs=TOLERANCE)
    assert [e.share for e in mine.exits] == pytest.approx([e.share for e in shipped.exits], abs=0.05)
    for one, other in zip(mine.blocks[:-1], shipped.blocks[:-1], strict=True):
        assert one.curve is not None
        assert other.curve is not None
        grid = np.linspace(0.3, 1.0, 71)  # below, a channel sent earlier moves the curve by many points
        ours, theirs = (np.interp(grid, c.shares, c.accuracies) for c in (one.curve, other.curve))
        assert np.abs(ours - theirs).max() <= 0.05
    assert "largest error" in said.out  # the fit's error is printed
    values = dict(re.findall(r"(\w+) = ([0-9.]+)", said.out.partition("[early_stop]: ")[2]))
    stop = splitgym.load_scenario("digits").early_stop
    assert {name: float(value) for name, value in values.items()} == pytest.approx(
        {name: getattr(stop, name) for name in values}, rel=0.25
    )
    assert len(values) == 4


def test_same_seed_same_weights_to_the_bit(monkeypatch: Any) -> None:
    """Two trainings from one seed agree in every bit, those from another seed do not; nobody's generator moves."""
    from splitgym.profiling import digits

    monkeypatch.setattr(digits, "_EPOCHS", 2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two, other = digits.network(), digits.network(), digits.network(seed=1)
    assert torch.equal(torch.rand(3), expected)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    assert any(not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_parts_of_the_data_do_not_meet() -> None:
    from splitgym.profiling import digits

    parts = [digits._batches(0, digits.TRAINING), digits.calibration(), digits.data()]
    assert [len(images) for ((images, _),) in parts] == [1000, 400, 397]
    images, labels = digits._samples()
    assert torch.equal(torch.cat([images for ((images, _),) in parts]), images)
    assert torch.equal(torch.cat([labels for ((_, labels),) in parts]), labels)


def test_preset_takes_what_was_measured() -> None:
    """Network and uncertainty are the measured ones, and the file says so."""
    scenario = splitgym.load_scenario("digits")
    assert scenario.dnn == load_profile("digits")
    text = (Path(splitgym.__file__).parent / "data/scenarios/inference/digits.toml").read_text(encoding="utf-8")
    said = tomllib.loads(text)["early_stop"]
    assert all(words.startswith("measured:") for words in said.pop("source").values())
    assert said.keys() == {"exponent", "noise_std", "persistence", "confidently_wrong"}


def test_bound_holds_on_tables() -> None:
    """No policy beats the bound where curves are tables, and a policy that plans beats chance."""
    results = splitgym.evaluate(["enachi", "myopic", "random"], scenario="digits", episodes=4, bound=True)
    gaps = {p: results.figure(p, "gap") for p in results.policies}
    assert all((gap >= -1e-9).all() for gap in gaps.values())
    assert gaps["myopic"].mean() < gaps["random"].mean()
